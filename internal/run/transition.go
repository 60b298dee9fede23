package run

import "time"

// Transition is one recorded change of state of a job, or of the run when Job is empty.
// Transitions are the truth: everything shown about a run is derived from them.
type Transition struct {
	Seq     int64 // position in the run's history, from 1; set by the store
	Attempt int
	Job     JobID
	Try     int // the try this is about; 0 before the first
	From    State
	To      State
	Reason  Reason
	Cause   JobID     // the job that is to blame, where there is one
	Detail  string    // free text for a person, one line, no secrets
	At      time.Time // UTC, millisecond precision or better
	Until   time.Time // when the next try is due, for a failure that is retried; zero otherwise
	Outcome *Outcome  // how the try ended; nil unless From is Running and Job is set
}

// Mark reports whether t records a decision that changes no state: a cancel that
// has been asked for but not yet carried out, for example.
func (t *Transition) Mark() bool { return t.From == t.To }

// EndedAt returns when a try that began at some time ended: at t.At, unless it had ended
// before, when nobody watched. A clock that was put back in between tells nothing.
func (t *Transition) EndedAt(began time.Time) time.Time {
	if o := t.Outcome; o != nil && !o.Ended.IsZero() && !o.Ended.Before(began) && o.Ended.Before(t.At) {
		return o.Ended
	}
	return t.At
}

// Override records that somebody declared a job successful by hand.
// It stands beside the job's state and is not a transition.
type Override struct {
	Attempt int // the attempt that was the latest when it was made
	Job     JobID
	By      string // the user's name on the host
	At      time.Time
	Note    string
}
