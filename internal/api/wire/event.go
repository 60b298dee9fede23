package wire

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// Names of events, in streams and as the field "event".
const (
	EventTransition = "transition"
	EventEnd        = "end" // of the run's latest attempt: the run as runs show has it
	EventGap        = "gap" // changes may be missing: read again what is shown
)

// Transition is one line of run --json, with how the try ended besides.
type Transition struct {
	Event    string     `json:"event"` // "transition"
	Run      run.ID     `json:"run"`
	Attempt  int        `json:"attempt"`
	Seq      int64      `json:"seq"`
	At       time.Time  `json:"at"`
	Job      run.JobID  `json:"job,omitempty"`
	Try      int        `json:"try,omitempty"`
	From     run.State  `json:"from"`
	To       run.State  `json:"to"`
	Reason   run.Reason `json:"reason"`
	Cause    run.JobID  `json:"cause,omitempty"`
	Detail   string     `json:"detail,omitempty"`
	RetryAt  *time.Time `json:"retry_at,omitempty"`
	ExitCode *int       `json:"exit_code,omitempty"`
	Outcome  *Outcome   `json:"outcome,omitempty"`
}

// Outcome is how a try ended. Its exit code is that of the transition.
type Outcome struct {
	State     run.State         `json:"state"`
	Reason    run.Reason        `json:"reason"`
	Signal    int               `json:"signal,omitempty"`
	Detail    string            `json:"detail,omitempty"`
	CPU       float64           `json:"cpu_seconds"`
	MaxRSS    int64             `json:"max_rss_bytes"`
	Output    int64             `json:"output_bytes"`
	Dropped   int64             `json:"output_dropped_bytes,omitempty"`
	Survivors int               `json:"survivors,omitempty"`
	Values    map[string]string `json:"values,omitempty"`
	EndedAt   *time.Time        `json:"ended_at,omitempty"` // missing: when that was recorded
}

// End is the last event of a stream about one run.
type End struct {
	Event string `json:"event"` // "end"
	runs.View
}

// Gap says that changes were lost on the way. What is missing is in the store.
type Gap struct {
	Event string `json:"event"`         // "gap"
	Run   run.ID `json:"run,omitempty"` // missing: of any run
}

// TransitionOf returns a transition as it goes over the API.
func TransitionOf(id run.ID, t *run.Transition) Transition {
	e := Transition{
		Event: EventTransition, Run: id, Attempt: t.Attempt, Seq: t.Seq, At: t.At, Job: t.Job, Try: t.Try,
		From: t.From, To: t.To, Reason: t.Reason, Cause: t.Cause, Detail: t.Detail, RetryAt: at(t.Until),
	}
	o := t.Outcome
	if o == nil {
		return e
	}
	if o.ExitCode != run.NoExitCode {
		e.ExitCode = &o.ExitCode
	}
	e.Outcome = &Outcome{
		State: o.State, Reason: o.Reason, Signal: o.Signal, Detail: o.Detail, CPU: o.CPU.Seconds(), MaxRSS: o.MaxRSS,
		Output: o.Output, Dropped: o.Dropped, Survivors: o.Survivors, Values: o.Values.Map(),
		EndedAt: at(o.Ended),
	}
	return e
}

// TransitionsOf returns transitions as they go over the API, never nil.
func TransitionsOf(id run.ID, ts []run.Transition) []Transition {
	all := make([]Transition, len(ts))
	for i := range ts {
		all[i] = TransitionOf(id, &ts[i])
	}
	return all
}

// Recorded returns the transition as the store has it.
func (e *Transition) Recorded() run.Transition {
	t := run.Transition{
		Seq: e.Seq, Attempt: e.Attempt, Job: e.Job, Try: e.Try, From: e.From, To: e.To, Reason: e.Reason,
		Cause: e.Cause, Detail: e.Detail, At: e.At, Until: moment(e.RetryAt),
	}
	if o := e.Outcome; o != nil {
		t.Outcome = &run.Outcome{
			State: o.State, Reason: o.Reason, ExitCode: run.NoExitCode, Signal: o.Signal, Detail: o.Detail,
			CPU: time.Duration(o.CPU * float64(time.Second)), MaxRSS: o.MaxRSS,
			Output: o.Output, Dropped: o.Dropped, Survivors: o.Survivors, Values: run.NewValues(o.Values),
			Ended: moment(o.EndedAt),
		}
		if e.ExitCode != nil {
			t.Outcome.ExitCode = *e.ExitCode
		}
	}
	return t
}

// Ends reports whether the transition ends its run's attempt.
func (e *Transition) Ends() bool { return e.Job == "" && e.From != e.To && e.To.Ended() }
