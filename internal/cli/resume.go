package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/legacy/history"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// resumeFlags say what a resume runs.
type resumeFlags struct {
	how
	failedOnly  bool
	from        []string
	current     bool
	file        string
	application string
}

func (c *command) resumeCommand() *cobra.Command {
	f := &resumeFlags{}
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "Go on with a run: what succeeded is not run again",
		Long: `Go on with a run that did not succeed. It keeps its number and gets a new attempt.
Without RUN it is the newest run that did not succeed, of one application with
--application. RUN may also be one that succeeded, to run jobs again with --from.

The workflow is the one that was stored with the run. With --with-current the file
is read again, and what changed since is shown first; of a registered workflow it is the
newest version that is enabled.`,
		Example: `  executioner resume
  executioner resume 12 --failed-only
  executioner resume @latest --from load_customers`,
		Args:              atMost(1, "one run"),
		ValidArgsFunction: c.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.resume(cmd, args, f)
		},
	}
	f.durability = &c.durability
	f.flags(cmd)
	c.paramFlagOf(cmd, c.completeRunParams)
	f.exclusive(cmd)
	cmd.Flags().BoolVar(&f.failedOnly, "failed-only", false, "run only the jobs that failed")
	cmd.Flags().StringArrayVar(&f.from, "from", nil, "run these `JOBS` and all that depends on them again, even if they succeeded")
	cmd.Flags().BoolVar(&f.current, "with-current", false, "use the workflow file as it is now, or the newest version of the registered workflow, and show what changed")
	cmd.Flags().StringVar(&f.file, "file", "", "with --with-current: the workflow `FILE`, when it has moved")
	cmd.Flags().StringVarP(&f.application, "application", "a", "", "without RUN: the newest run of this application")
	c.jsonFlag(cmd, "one JSON object per line for each change, and the run at the end")
	return cmd
}

func (c *command) resume(cmd *cobra.Command, args []string, f *resumeFlags) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	opt.FailedOnly, opt.From = f.failedOnly, jobIDs(f.from)
	if err := c.historyExists(); err != nil {
		return err
	}
	f.view.json = c.json
	return c.execute(cmd, f.view, func(ctx context.Context, s Runs) (execution, error) {
		r, err := c.toResume(ctx, s, args, f.application)
		if err != nil {
			return nil, err
		}
		stored, err := s.Workflow(ctx, r.Attempt.Hash)
		if err != nil {
			return nil, err
		}
		if err := envIsNoParam(stored, opt.Env); err != nil {
			return nil, err
		}
		req := runs.Resume{Options: opt}
		if err := c.regiven(&req); err != nil {
			return nil, err
		}
		switch before, err := runs.StoredOptions(r); {
		case err != nil:
			return nil, err
		case f.current && f.file == "" && before.Registered != "":
			if err := c.newest(ctx, s, r, before.Registered, &req); err != nil {
				return nil, err
			}
		case f.current:
			if req.Current, err = c.current(ctx, s, r, f.file); err != nil {
				return nil, err
			}
		}
		return s.Resume(ctx, r, req)
	})
}

func (c *command) toResume(ctx context.Context, s Runs, args []string, application string) (store.Run, error) {
	if len(args) == 0 {
		return s.Resumable(ctx, application)
	}
	return s.Find(ctx, args[0], application)
}

// current reads a run's workflow file as it is now and tells what changed since.
func (c *command) current(ctx context.Context, s Runs, r store.Run, file string) (*workflow.Workflow, error) {
	if file == "" {
		file = r.File
	}
	if file == "" {
		return nil, fault.New(fault.Usage, "run %d was not read from a file", r.ID).WithHint("name one with --file FILE")
	}
	stored, err := s.Workflow(ctx, r.Attempt.Hash)
	if err != nil {
		return nil, err
	}
	c.keepParams(r, stored)
	wf, err := c.loadToRun(ctx, file)
	if err != nil {
		return nil, err
	}
	opt, err := runs.StoredOptions(r)
	if err != nil {
		return nil, err
	}
	known := wf
	if opt.Imported { // what was never recorded has not changed
		known = history.Comparable(wf, stored)
	}
	diff := runs.CompareHidden(stored, known, c.jobEnviron())
	if diff.Empty() {
		fmt.Fprintf(c.Err, "%s is as it was when run %d began\n", name(file), r.ID)
		return wf, nil
	}
	fmt.Fprintf(c.Err, "%s has changed since run %d began:\n", name(file), r.ID)
	for _, line := range diff.Lines() {
		fmt.Fprintf(c.Err, "  %s\n", clean(line))
	}
	return wf, nil
}
