package run

import "time"

// Outcome is how one try ended. A failing job is an Outcome, never a Go error.
type Outcome struct {
	State    State  // Success, Failed, Timeout or Cancelled
	Reason   Reason // why, from the closed list
	ExitCode int    // the command's exit code; -1 when it did not exit by itself
	Signal   int    // the signal that ended it, 0 for none
	Detail   string // what a person needs beyond the reason, one line, no secrets

	CPU       time.Duration // user and system time of the command and its waited-for children
	MaxRSS    int64         // peak resident memory in bytes of the largest process
	Output    int64         // bytes the command wrote
	Dropped   int64         // of these, bytes not kept because the log's limit was reached
	Survivors int           // processes of this try that were left running when it ended

	Values Values `json:",omitempty"` // what a try that succeeded handed on to later jobs
	// Ended is when the command ended that was found to have ended, by a program that came
	// later. Zero, as for nearly all: it ended when its end was recorded.
	Ended time.Time `json:",omitzero"`
	// Fingerprint is what a try that succeeded found and made, for a store to keep with
	// the job (see store.Fingerprints). It is no part of the history.
	Fingerprint string `json:"-"`
}

// Exit codes that are not the command's own.
const NoExitCode = -1

// Failure is the outcome of a try that failed for another reason than its command's end.
func Failure(reason Reason, detail string) Outcome {
	return Outcome{State: Failed, Reason: reason, Detail: detail, ExitCode: NoExitCode}
}
