// Package failpoint names the steps at which a test may kill the program or make it
// fail. The steps are compiled in with the build tag failpoints only; without it every
// function here is empty, is inlined, and leaves nothing in the binary.
//
// A step's name is a string literal, so that a test finds all of them in the source,
// and says package and moment: "keeper.journal.append".
//
// With the tag, two environment variables steer a process:
//
//	EXECUTIONER_FAILPOINT      what is to happen: [role:]name=action[@n[+]], separated by
//	                           commas. n is the hit at which it happens, counted in each
//	                           process by itself (1 where it is left out); with + it
//	                           happens at that hit and at all later ones. Without a role
//	                           it happens in whichever process gets there.
//	EXECUTIONER_FAILPOINT_LOG  a file to which each hit appends one line: role, name, and
//	                           the action that was taken or "-".
//
// The actions are kill (this process, by SIGKILL), kill-other (the one that Peer named),
// kill-both, delay, and where the step can fail enospc, eio, emfile and eagain, and where
// it writes short. An action that the step can't take, and kill-other and kill-both where
// there is no other process, do nothing and are logged as "-".
package failpoint
