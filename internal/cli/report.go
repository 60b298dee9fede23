package cli

import (
	"bufio"
	"context"
	"fmt"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// view is how much of a run is shown, and in which form.
type view struct {
	json    bool
	quiet   bool // the summary only
	verbose bool // also what nobody waits for
	visible bool // each job's environment
}

// reporter returns what fits the view and the terminal.
func (c *command) reporter(ctx context.Context, s Runs, v view, application string) reporter {
	switch {
	case v.json:
		return &jsonLines{c: c}
	case v.quiet:
		return silent{c}
	}
	l := &lines{c: c, view: v, out: bufio.NewWriterSize(c.Out, 1<<16), paint: c.paint()}
	if c.Terminal() > 0 {
		return &live{lines: l, expect: s.Expected(ctx, application)}
	}
	return l
}

// silent shows nothing.
type silent struct{ c *command }

func (silent) begin(runs.Attempt)  {}
func (silent) add(*run.Transition) {}
func (silent) flush()              {}
func (silent) end()                {}
func (s silent) note(text string)  { fmt.Fprintln(s.c.Err, text) }

// lines reports a run with one line for each change.
type lines struct {
	c      *command
	view   view
	out    *bufio.Writer
	paint  paint
	teller *runs.Teller
	width  int // of the job column
	a      runs.Attempt
}

// maxJobColumn bounds the width that long job names may take from the text.
const maxJobColumn = 32

func (l *lines) begin(a runs.Attempt) {
	l.a, l.teller = a, runs.NewTeller(a.Workflow)
	for i := range a.Workflow.Jobs {
		l.width = min(maxJobColumn, max(l.width, len(a.Workflow.Jobs[i].ID)))
	}
	fmt.Fprintf(l.out, "%s run %d%s: %s\n", l.paint.bold(clean(a.Workflow.Application)), a.Run, again(a.Number), runs.Plural(len(a.Workflow.Jobs), "job"))
	if a.TakenUp != nil {
		fmt.Fprintf(l.out, "carried on from where its program went away, with %s running\n", runs.Plural(a.TakenUp.Running, "job"))
	}
}

func again(attempt int) string {
	if attempt == 1 {
		return ""
	}
	return fmt.Sprintf(", attempt %d", attempt)
}

func (l *lines) add(t *run.Transition) {
	level, text := l.teller.Tell(t)
	if text == "" && l.view.verbose {
		text = "queued (" + string(t.Reason) + ")"
	}
	if text == "" || t.Job == "" && t.To != run.Success && !t.Mark() {
		return // the end of the run is told by the summary
	}
	if t.Job == "" {
		if t.Mark() {
			fmt.Fprintf(l.out, "%s  %s\n", t.At.Local().Format("15:04:05"), l.paint.level(level, "run "+clean(text)))
		}
		return
	}
	fmt.Fprintf(l.out, "%s  %-*s  %s\n", t.At.Local().Format("15:04:05"), l.width, clean(string(t.Job)), l.paint.level(level, clean(text)))
	if l.view.visible && t.To == run.Running {
		l.c.printEnvironment(l.out, l.a, t.Job)
	}
}

func (l *lines) flush() { _ = l.out.Flush() }
func (l *lines) end()   { _ = l.out.Flush() }

func (l *lines) note(text string) { fmt.Fprintln(l.c.Err, text) }

// clean keeps what comes from files and jobs from steering the terminal.
func clean(s string) string { return string(joblog.Sanitize([]byte(s))) }
