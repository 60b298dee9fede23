package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// how are the flags that say how an attempt runs, shared by run and resume.
type how struct {
	parallel, sequential, continueOnError bool
	workers                               int
	skip, env, forceJobs                  []string
	force                                 bool
	durability                            *string
	view                                  view
	workersGiven                          func() bool
}

func (h *how) flags(cmd *cobra.Command) {
	h.planFlags(cmd)
	f := cmd.Flags()
	f.BoolVarP(&h.view.quiet, "quiet", "q", false, "show the summary only")
	f.BoolVar(&h.view.verbose, "verbose", false, "also show when jobs are queued")
	if h.durability != nil {
		f.StringVar(h.durability, "durability", "", "what results survive: `process`, a kill -9 (default), or full, a power cut too (also $"+durabilityVariable+")")
		_ = cmd.RegisterFlagCompletionFunc("durability", cobra.FixedCompletions([]string{"process", "full"}, cobra.ShellCompDirectiveNoFileComp))
	}
	f.BoolVar(&h.view.visible, "visible", false, "show the environment of each job as it starts")
}

// planFlags are those of the flags that change what an attempt does.
func (h *how) planFlags(cmd *cobra.Command) {
	h.workersGiven = func() bool { return cmd.Flags().Changed("workers") }
	f := cmd.Flags()
	f.BoolVar(&h.parallel, "parallel", false, "run independent jobs at the same time, whatever the file says")
	f.IntVar(&h.workers, "workers", 0, "run at most `N` jobs at once (implies --parallel when N > 1)")
	f.BoolVar(&h.sequential, "sequential", false, "run one job at a time, in file order")
	f.BoolVar(&h.continueOnError, "continue-on-error", false, "after a failure go on with what does not depend on it")
	f.StringArrayVar(&h.skip, "skip", nil, "skip these `JOBS` (comma-separated, repeatable); what needs them goes on")
	f.BoolVar(&h.force, "force", false, "run jobs although nothing changed that they read or make")
	f.StringArrayVar(&h.forceJobs, "force-job", nil, "the same for these `JOBS` (comma-separated, repeatable)")
	f.StringArrayVar(&h.env, "env", nil, "set `NAME=VALUE` for every job (repeatable; NAME=V,NAME2=V2 also works)")
}

// exclusive refuses contradictions, which the old command line settles for --sequential.
func (h *how) exclusive(cmd *cobra.Command) {
	cmd.MarkFlagsMutuallyExclusive("parallel", "sequential")
	cmd.MarkFlagsMutuallyExclusive("workers", "sequential")
}

// options turns the flags into what is stored with the attempt.
func (h *how) options() (runs.Options, error) {
	env, err := parseEnv(h.env)
	if err != nil {
		return runs.Options{}, err
	}
	if h.workers < 0 || h.workers == 0 && h.workersGiven() {
		return runs.Options{}, fault.New(fault.Usage, "--workers must be at least 1, not %d", h.workers).
			WithHint("leave it out to run as many as the file says")
	}
	return runs.Options{
		Workers: h.workers, Parallel: (h.parallel || h.workers > 1) && !h.sequential, Sequential: h.sequential,
		ContinueOnError: h.continueOnError, Skip: jobIDs(h.skip), Env: env, Force: h.force, ForceJobs: jobIDs(h.forceJobs),
	}, nil
}

// jobIDs splits comma-separated ids.
func jobIDs(lists []string) []run.JobID {
	var ids []run.JobID
	for _, list := range lists {
		for _, id := range splitIDs(list) {
			if id = strings.TrimSpace(id); id != "" {
				ids = append(ids, run.JobID(id))
			}
		}
	}
	return ids
}

// splitIDs splits at commas, but not within brackets: build[linux,x] is one job.
func splitIDs(list string) []string {
	var ids []string
	start, depth := 0, 0
	for i := range len(list) {
		switch {
		case list[i] == '[':
			depth++
		case list[i] == ']' && depth > 0:
			depth--
		case list[i] == ',' && depth == 0:
			ids = append(ids, list[start:i])
			start = i + 1
		}
	}
	return append(ids, list[start:])
}

// parseEnv reads NAME=VALUE and, as the Python program did, NAME=V,NAME2=V2. A comma
// that no NAME= follows belongs to the value.
func parseEnv(lists []string) ([]workflow.Var, error) {
	var vars []workflow.Var
	for _, list := range lists {
		first := true
		for part := range strings.SplitSeq(list, ",") {
			name, value, ok := strings.Cut(part, "=")
			switch {
			case ok && validName(name):
				vars = append(vars, workflow.Var{Name: name, Value: value})
			case !first:
				vars[len(vars)-1].Value += "," + part
			default:
				return nil, fault.New(fault.Usage, "--env %q is not NAME=VALUE", list).WithHint("for example: --env STAGE=test")
			}
			first = false
		}
	}
	return vars, nil
}

// envIsNoParam refuses to set a parameter by --env, where nobody checks its value.
func envIsNoParam(wf *workflow.Workflow, env []workflow.Var) error {
	for _, v := range env {
		if wf.Param(v.Name) != nil {
			return fault.New(fault.Usage, "%s is a parameter of %s and can't be set with --env", v.Name, wf.Application).
				WithHint("give it with -p, which checks it: -p %s=VALUE", v.Name)
		}
	}
	return nil
}

// validName reports whether a shell could set a variable of that name.
func validName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func (c *command) runCommand() *cobra.Command {
	h := &how{}
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a workflow",
		Long: `Run a workflow from a file, or from the standard input with "-". With a server, FILE may also
be NAME or NAME@VERSION of a workflow that is registered there, where there is no such file.

On a terminal the progress is shown live, otherwise one line for each change.
The exit code tells the result: 0 all succeeded, 1 a job failed, 130 interrupted.
Ctrl-C stops the running jobs with grace, once more kills them; the run can be resumed.`,
		Example: `  executioner run nightly.yaml
  executioner run nightly.yaml --workers 4 --skip report,mail --env STAGE=test
  executioner run nightly.yaml -p day=2026-01-31 -p @site.yaml
  executioner run nightly.yaml --json | jq -r 'select(.to == "FAILED").job'`,
		Args:              exactly(1, "the workflow file"),
		ValidArgsFunction: c.completeToRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd, args[0], h)
		},
	}
	h.durability = &c.durability
	h.flags(cmd)
	c.paramFlag(cmd)
	h.exclusive(cmd)
	c.jsonFlag(cmd, "one JSON object per line for each change, and the run at the end")
	return cmd
}

func (c *command) run(cmd *cobra.Command, file string, h *how) error {
	opt, err := h.options()
	if err != nil {
		return err
	}
	if c.isRegistered(file) {
		return c.runRegistered(cmd, file, h, opt)
	}
	wf, err := c.loadToRun(cmd.Context(), file)
	if err != nil {
		return err
	}
	if err := envIsNoParam(wf, opt.Env); err != nil {
		return err
	}
	h.view.json = c.json
	made := c.newHistory()
	return c.execute(cmd, h.view, func(ctx context.Context, s Runs) (execution, error) {
		c.beforeRun(ctx, s, wf.Application, made)
		return s.Submit(ctx, wf, opt)
	})
}
