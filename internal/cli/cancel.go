package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

// cancelFlags say how a run is to be ended.
type cancelFlags struct {
	drain, noWait bool
}

func (c *command) cancelCommand() *cobra.Command {
	f := &cancelFlags{}
	cmd := &cobra.Command{
		Use:   "cancel RUN [JOB...]",
		Short: "Stop a run, or some of its jobs, and wait for the end",
		Long: `Stop a run: its running jobs are ended with all their processes, first with grace,
and nothing more is started. With JOB only these jobs are stopped, or not started, and
what depends on them is skipped. With --drain running jobs finish, and nothing more is
started. It works from any terminal; the run can be resumed.

A run whose program is gone is ended here, with the processes that it left.`,
		Example: `  executioner cancel 12
  executioner cancel 12 load_customers
  executioner cancel @latest --drain --no-wait`,
		Args:              atLeast(1, "a run"),
		ValidArgsFunction: c.completeRunJobs(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			jobs := jobIDs(args[1:])
			if f.drain && len(jobs) > 0 {
				return fault.New(fault.Usage, "--drain is for a whole run, not for jobs").
					WithHint("executioner cancel %s --drain", quote(args[0]))
			}
			return c.using(cmd, func(ctx context.Context, s Runs) error {
				return c.cancel(ctx, s, args[0], jobs, f)
			})
		},
	}
	cmd.Flags().BoolVar(&f.drain, "drain", false, "let running jobs finish, and start nothing more")
	cmd.Flags().BoolVar(&f.noWait, "no-wait", false, "don't wait for the end")
	c.jsonFlag(cmd, "the run as it stands then")
	return cmd
}

func (c *command) cancel(ctx context.Context, s Runs, ref string, jobs []run.JobID, f *cancelFlags) error {
	r, err := s.Find(ctx, ref, "")
	if err != nil {
		return err
	}
	kind := store.CancelRun
	switch {
	case len(jobs) > 0:
		kind = store.CancelJob
		if err := c.endedAlready(ctx, s, r, jobs); err != nil {
			return err
		}
	case f.drain:
		kind = store.DrainRun
	}
	if err := s.Cancel(ctx, r, kind, jobs, c.user()); err != nil {
		return err
	}
	switch {
	case f.noWait && !c.json:
		fmt.Fprintf(c.Out, "run %d has been asked to stop; see how it ends: executioner runs show %d%s\n", r.ID, r.ID, c.databaseFlag())
		return nil
	case f.noWait:
		return c.tellCancelled(ctx, s, r)
	case len(jobs) > 0:
		return c.awaitJobs(ctx, s, r.ID, jobs)
	}
	if r, err = s.AwaitEnd(ctx, r.ID); err != nil {
		return err
	}
	return c.tellCancelled(ctx, s, r)
}

// endedAlready refuses jobs of which none is left to cancel.
func (c *command) endedAlready(ctx context.Context, s Runs, r store.Run, jobs []run.JobID) error {
	if r.Attempt.State.Ended() {
		return nil // Cancel says so
	}
	d, err := s.Show(ctx, r)
	if err != nil {
		return err
	}
	for _, id := range jobs {
		i, err := runs.JobIn(d.Workflow, id)
		if err != nil {
			return err
		}
		if j := &d.View.Jobs[i]; j.Attempt == r.Attempt.Number && j.Over() {
			return fault.New(fault.Conflict, "job %s of run %d has already ended: %s", id, r.ID, j.State).
				WithHint("see why: executioner explain %d %s", r.ID, quote(string(id)))
		}
	}
	return nil
}

func (c *command) awaitJobs(ctx context.Context, s Runs, id run.ID, jobs []run.JobID) error {
	d, err := s.AwaitJobs(ctx, id, jobs)
	if err != nil {
		return err
	}
	if c.json {
		if err := c.maskView(ctx, s, &d); err != nil {
			return err
		}
		c.printJSON(c.Out, &d.View)
		return nil
	}
	for _, job := range jobs {
		i, err := runs.JobIn(d.Workflow, job)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Out, "job %s of run %d: %s\n", oneLine(string(job)), id, d.View.Jobs[i].State)
	}
	return nil
}

func (c *command) tellCancelled(ctx context.Context, s Runs, r store.Run) error {
	if c.json {
		d, err := c.details(ctx, s, r.ID.String())
		if err == nil {
			c.printJSON(c.Out, &d.View)
		}
		return err
	}
	v := runs.Row(r)
	fmt.Fprintf(c.Out, "run %d ended: %s%s, %s\n", r.ID, v.State, runWhy(&v), counts(&v))
	if v.State != run.Success {
		fmt.Fprintf(c.Out, "go on: executioner resume %d%s\n", r.ID, c.databaseFlag())
	}
	return nil
}
