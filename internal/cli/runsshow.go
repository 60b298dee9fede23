package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/fingerprint"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

func (c *command) runsShowCommand() *cobra.Command {
	all, critical := false, false
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a run, its jobs, and what to do next",
		Long: `Show a run with all of its jobs, each as of the last attempt that ran it, and the
commands of those that failed. RUN is a number, @latest, or @failed for the newest
run that ended without success. Of a matrix, foreach or sub-workflow of more than 20
jobs those that are alike and need no look are one line, unless --all is given.`,
		Example: `  executioner runs show 12
  executioner runs show @failed --json | jq '.jobs[] | select(.exit_code > 0)'`,
		Args:              exactly(1, "a run"),
		ValidArgsFunction: c.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.using(cmd, func(ctx context.Context, s Runs) error {
				if critical {
					return c.showCritical(ctx, s, args[0])
				}
				return c.showRun(ctx, s, args[0], all)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "a line for each job, however many")
	cmd.Flags().BoolVar(&critical, "critical-path", false, "show which jobs made the run as long as it was, and how much time the others had left")
	c.jsonFlag(cmd, "the run and its jobs")
	return cmd
}

// details finds a run and all that belongs to it, with secrets hidden.
func (c *command) details(ctx context.Context, s Runs, ref string) (runs.Details, error) {
	r, err := s.Find(ctx, ref, "")
	if err != nil {
		return runs.Details{}, err
	}
	d, err := s.Show(ctx, r)
	if err != nil {
		return d, err
	}
	return d, c.maskView(ctx, s, &d)
}

func (c *command) showRun(ctx context.Context, s Runs, ref string, all bool) error {
	d, err := c.details(ctx, s, ref)
	if err != nil {
		return err
	}
	if c.json {
		c.printJSON(c.Out, &d.View)
		return nil
	}
	out := bufio.NewWriterSize(c.Out, 1<<16)
	c.showTotals(out, &d)
	c.showJobs(out, jobRows(d.Workflow, d.View.Jobs, all))
	showValues(out, d.View.Jobs)
	showFailed(out, d.View.Jobs, all)
	if err := c.showLeft(ctx, s, out, &d.View); err != nil {
		return err
	}
	c.showNext(out, &d.View)
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

func (c *command) showTotals(w *bufio.Writer, d *runs.Details) {
	p := c.paint()
	v := &d.View
	fmt.Fprintf(w, "%s  run %d%s  %s%s\n", p.bold(oneLine(v.Application)), v.Run, again(v.Attempt),
		p.state(v.State, v.State.String()), runWhy(v))
	if v.File != "" {
		fmt.Fprintf(w, "  file       %s\n", oneLine(name(v.File)))
	}
	if v.Registered != "" {
		fmt.Fprintf(w, "  workflow   %s (registered)\n", oneLine(v.Registered))
	}
	fmt.Fprintf(w, "  directory  %s\n", oneLine(v.WorkingDir))
	fmt.Fprintf(w, "  started    %s\n", stamp(v.StartedAt))
	fmt.Fprintf(w, "  ended      %s%s\n", stamp(v.EndedAt), took(v.Seconds))
	fmt.Fprintf(w, "  jobs       %s\n", counts(v))
	fmt.Fprintf(w, "  log        %s\n", oneLine(name(v.Log)))
	if len(d.Attempts) < 2 {
		return
	}
	fmt.Fprint(w, "  attempts\n")
	var t table
	for i := range d.Attempts {
		a := &d.Attempts[i]
		t.add("#"+itoa(a.Number), a.State.String(), stamp(at(a.StartedAt)),
			lasted(at(a.StartedAt), at(a.EndedAt), time.Now()), fmt.Sprintf("%d/%d jobs done", a.Counts.Succeeded, a.Counts.Total))
	}
	t.write(w, "    ", nil)
}

// runWhy adds to a state what it does not say by itself.
func runWhy(v *runs.View) string {
	if v.Interrupted {
		return " (interrupted: its program is gone, jobs go on)"
	}
	switch v.Reason {
	case run.RunCancelled, run.Interrupted, run.EngineLost, run.EngineStopping, run.Stuck:
		why := " (" + string(v.Reason)
		if v.Detail != "" {
			why += ": " + oneLine(v.Detail)
		}
		return why + ")"
	default:
		return ""
	}
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (c *command) showJobs(w *bufio.Writer, rows []jobRow) {
	var t table
	t.add("JOB", "ATTEMPT", "STATE", "START", "END", "DURATION", "TRIES", "WHY")
	now := time.Now()
	for i := range rows {
		r := &rows[i]
		attempt, tries := "-", "-"
		if r.job.Attempt > 0 {
			attempt = "#" + itoa(r.job.Attempt)
		}
		if r.tries > 0 {
			tries = itoa(r.tries)
		}
		t.add(oneLine(r.label), attempt, r.job.State.String(), stamp(r.from), stamp(r.to),
			lasted(r.from, r.to, now), tries, jobWhy(r.job))
	}
	p := c.paint()
	fmt.Fprintln(w)
	t.write(w, "", func(row, column int, padded string) string {
		switch {
		case row == 0:
			return p.bold(padded)
		case column == 2:
			return p.state(rows[row-1].job.State, padded)
		default:
			return padded
		}
	})
}

// jobWhy says why a job stands as it does, where its state does not.
func jobWhy(j *runs.JobView) string {
	switch {
	case j.Override != nil:
		why := "declared successful by " + oneLine(j.Override.By)
		if j.Override.Note != "" {
			why += ": " + oneLine(j.Override.Note)
		}
		return why
	case j.RetryAt != nil:
		return oneLine(why(j)) + ", next try at " + j.RetryAt.Local().Format(time.TimeOnly)
	case j.State == run.Failed, j.State == run.Timeout, j.State == run.Cancelled && j.Tries > 0:
		return oneLine(why(j))
	case j.State == run.Cancelled:
		return "not started: " + string(j.Reason)
	case j.State == run.Skipped:
		return oneLine(skippedWhy(j))
	case j.Reason == run.UpToDate, strings.HasPrefix(j.Detail, fingerprint.Ran):
		return oneLine(j.Detail)
	default:
		return ""
	}
}

func showFailed(w io.Writer, jobs []runs.JobView, all bool) {
	shown := 0
	for i := range jobs {
		j := &jobs[i]
		if j.State != run.Failed && j.State != run.Timeout || j.Override != nil {
			continue
		}
		if shown++; shown > summaryJobs && !all {
			continue
		}
		if shown == 1 {
			fmt.Fprint(w, "\nfailed commands\n")
		}
		fmt.Fprintf(w, "  %s: %s\n", oneLine(string(j.ID)), strings.ReplaceAll(clean(j.Command), "\n", "\n    "))
		fmt.Fprintf(w, "    log: %s\n", oneLine(name(j.Log)))
	}
	if shown > summaryJobs && !all {
		fmt.Fprintf(w, "  … and %d more: --all shows them\n", shown-summaryJobs)
	}
}

// showLeft tells what a program that is gone left running: until it has ended the run
// can't be resumed.
func (c *command) showLeft(ctx context.Context, s Runs, w io.Writer, v *runs.View) error {
	if v.Reason != run.EngineLost {
		return nil
	}
	left, err := s.LeftRunning(ctx, v.Run)
	if err != nil || len(left) == 0 {
		return err
	}
	fmt.Fprintf(w, "\nstill running: %s, %s\n", runs.Plural(len(left), "process"), runs.PIDs(left))
	fmt.Fprintf(w, "stop it first: executioner cancel %d%s\n", v.Run, c.databaseFlag())
	return nil
}

// showNext tells the exact commands for what to do next.
func (c *command) showNext(w io.Writer, v *runs.View) {
	db := c.databaseFlag()
	switch {
	case v.State == run.Success:
		return
	case v.Interrupted:
		fmt.Fprintf(w, "\ncarry it on:   executioner resume %d%s\n", v.Run, db)
		fmt.Fprintf(w, "end it:        executioner cancel %d%s\n", v.Run, db)
		return
	case !v.State.Ended():
		fmt.Fprintf(w, "\nwatch it:      executioner logs -f %d%s\n", v.Run, db)
		fmt.Fprintf(w, "stop it:       executioner cancel %d%s\n", v.Run, db)
		return
	}
	c.next(w, v)
}
