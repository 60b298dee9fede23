package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// printJSON writes one value as one line.
func (c *command) printJSON(w io.Writer, v any) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		fmt.Fprintf(c.Err, "executioner: %v\n", err)
	}
}

// transitionEvent is one line of run --json.
type transitionEvent struct {
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
}

// endEvent is the last line of run --json: the run as runs show --json has it.
type endEvent struct {
	Event string `json:"event"` // "end"
	runs.View
}

// jsonLines reports a run as NDJSON.
type jsonLines struct {
	c   *command
	run run.ID
	out *json.Encoder
}

func (j *jsonLines) begin(a runs.Attempt) {
	j.run = a.Run
	j.out = json.NewEncoder(j.c.Out)
	j.out.SetEscapeHTML(false)
}

func (j *jsonLines) add(t *run.Transition) {
	e := transitionEvent{
		Event: "transition", Run: j.run, Attempt: t.Attempt, Seq: t.Seq, At: t.At, Job: t.Job, Try: t.Try,
		From: t.From, To: t.To, Reason: t.Reason, Cause: t.Cause, Detail: t.Detail,
	}
	if !t.Until.IsZero() {
		e.RetryAt = &t.Until
	}
	if o := t.Outcome; o != nil && o.ExitCode != run.NoExitCode {
		e.ExitCode = &o.ExitCode
	}
	_ = j.out.Encode(e) // whoever reads it has gone; the run goes on
}

func (j *jsonLines) flush() {}
func (j *jsonLines) end()   {}

func (j *jsonLines) note(text string) { fmt.Fprintln(j.c.Err, text) }
