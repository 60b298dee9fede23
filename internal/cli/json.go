package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/executionerhq/executioner/internal/api/wire"
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
	e := wire.TransitionOf(j.run, t)
	e.Outcome = nil     // that is for programs that show runs of a server
	_ = j.out.Encode(e) // whoever reads it has gone; the run goes on
}

func (j *jsonLines) flush() {}
func (j *jsonLines) end()   {}

func (j *jsonLines) note(text string) { fmt.Fprintln(j.c.Err, text) }
