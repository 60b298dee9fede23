//go:build !failpoints

package failpoint

import "net"

// Enabled says whether the steps are compiled in.
const Enabled = false

// Role says which process this is, "engine" or "keeper"; one that says nothing is an engine.
func Role(string) {}

// Peer says which process kill-other and kill-both mean; zero says that there is none.
func Peer(int) {}

// PeerOf says that it is the process that began a conversation, which is not this one.
func PeerOf(*net.UnixConn) {}

// At is a step that can be reached, and no more. It may be called concurrently.
func At(string) {}

// Err is a step that can be made to fail: then it returns the system's error number
// instead of nil. It may be called concurrently.
func Err(string) error { return nil }

// Short is a step that writes n bytes: it returns how many of them are to be written,
// n unless it is told to write less. It may be called concurrently.
func Short(_ string, n int) int { return n }
