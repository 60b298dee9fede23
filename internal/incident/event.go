// Package incident decides who is told of what: it turns what happens to runs and jobs
// into messages. An incident is opened when something failed often enough in a row,
// people are reminded of it while it is open, and it is resolved when it works again.
// Everything here is pure: the time is an input, and each decision has its reason.
package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Kind is what an event tells.
type Kind string

// The kinds of events.
const (
	Ended  Kind = "ended"  // a run or a job ended, how is its state
	Late   Kind = "late"   // a run has not finished by the time it should have
	Stuck  Kind = "stuck"  // nothing has happened in a run for long
	Slow   Kind = "slow"   // a run or a job takes longer than usual
	Missed Kind = "missed" // a run that was expected has not begun
	Test   Kind = "test"   // nothing happened: somebody tries a notifier
)

// Event is something that happened. Its JSON is part of what is sent.
type Event struct {
	Kind        Kind          `json:"kind"`
	Application string        `json:"application"`
	Run         run.ID        `json:"run,omitempty"`
	Attempt     int           `json:"attempt,omitempty"`
	Seq         int64         `json:"seq,omitempty"` // of the transition that it is
	Job         run.JobID     `json:"job,omitempty"` // empty when it is about the run as a whole
	Try         int           `json:"try,omitempty"`
	State       string        `json:"state,omitempty"` // how it ended
	Reason      run.Reason    `json:"reason,omitempty"`
	ExitCode    int           `json:"exit_code,omitempty"`
	Detail      string        `json:"detail,omitempty"` // one line for a person
	Duration    time.Duration `json:"duration_ns,omitempty"`
	Usual       time.Duration `json:"usual_ns,omitempty"` // median of earlier ones; 0 when it is not known
	Failures    int           `json:"failures,omitempty"` // in a row by now, this time included
	Tags        []string      `json:"tags,omitempty"`
	At          time.Time     `json:"at"`
}

// Bad reports whether the event is what incidents are about.
func (e *Event) Bad() bool {
	switch e.Kind {
	case Ended:
		return e.State == run.Failed.String() || e.State == run.Timeout.String()
	case Late, Stuck, Slow, Missed:
		return true
	case Test:
	}
	return false
}

// Good reports whether the event shows that something works again.
func (e *Event) Good() bool { return e.Kind == Ended && e.State == run.Success.String() }

// vars are the event as a rule sees it.
func (e *Event) vars() map[string]any {
	tags := e.Tags
	if tags == nil {
		tags = []string{}
	}
	return map[string]any{
		"kind": string(e.Kind), "application": e.Application, "run": int64(e.Run), "attempt": e.Attempt,
		"job": string(e.Job), "try": e.Try, "state": e.State, "reason": string(e.Reason), "exit_code": e.ExitCode,
		"duration": e.Duration, "usual": e.Usual, "failures": e.Failures, "tags": tags, "at": e.At,
	}
}

// Target is what an incident may be about.
type Target struct {
	Application string    `json:"application"`
	Job         run.JobID `json:"job,omitempty"`
	Kind        Kind      `json:"kind"`
}

// Target returns what the event is about.
func (e *Event) Target() Target { return Target{e.Application, e.Job, e.Kind} }

// Key names the target in 32 characters.
func (t Target) Key() string { return digest(t.Application, string(t.Job), string(t.Kind)) }

// digest returns 32 characters that are others for other parts.
func digest(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(hex.EncodeToString([]byte(p)))
		b.WriteByte('.')
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:16])
}
