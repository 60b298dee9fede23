package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/executionerhq/executioner/internal/fingerprint"
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// later is said of a job of which it can't be told before others ran whether it has to run.
const later = "decided when it starts"

// foreseen is what can be told of jobs that say what they read or make.
type foreseen map[run.JobID]foresight

type foresight struct {
	Runs *bool  `json:"runs"` // nil: it is decided when it starts
	Text string `json:"why"`
}

// foresee tells which jobs of a plan would run. A history that can't be read is no reason
// not to show a plan; with a server's, nothing is told, as the files are there.
func (c *command) foresee(ctx context.Context, p *runs.Preview) foreseen {
	says := func(i int) bool { return p.Workflow.Jobs[i].Footprint != nil }
	if c.remotely() || !slices.ContainsFunc(p.Starts, says) {
		return nil
	}
	told := foreseen{}
	err := c.peekHere(ctx, func(s *runs.Service) error {
		wf := c.withoutSecrets(p.Workflow)
		runner := local.New(local.Config{
			Workflow: wf, Environ: c.jobEnviron(), Overrides: p.Options.Env, Past: s.Past(wf.Application),
			Force: p.Options.Force, ForceJobs: p.Options.ForceJobs,
		})
		return told.fill(ctx, p, runner)
	})
	if err != nil {
		fmt.Fprintf(c.Err, "warning: what is up to date is not known, because the history can't be read: %s\n", message(err))
	}
	return told
}

// withoutSecrets returns a workflow with what secrets are shown as for their values, which
// is what they are compared as.
func (c *command) withoutSecrets(wf *workflow.Workflow) *workflow.Workflow {
	shown := make([]string, len(wf.Secrets))
	for n := range shown {
		shown[n] = mask.Replacement
	}
	return wf.WithSecrets(shown)
}

// fill tells of each job in the order of their starts. What needs a job that runs is to be
// seen when that has run.
func (told foreseen) fill(ctx context.Context, p *runs.Preview, runner *local.Runner) error {
	runsNow := make(map[int]bool)
	for _, i := range p.Starts {
		runsNow[i] = true
	}
	for _, i := range p.Starts {
		j := &p.Workflow.Jobs[i]
		if j.Footprint == nil {
			continue
		}
		f := foresight{Text: later}
		if j.Hook == workflow.NoHook && !slices.ContainsFunc(j.Needs, func(need int) bool { return runsNow[need] }) {
			text, runs, known, err := runner.Foresee(ctx, i)
			switch {
			case err != nil:
				return err
			case known && runs:
				f = foresight{Runs: new(true), Text: fingerprint.Ran + text}
			case known:
				f = foresight{Runs: new(false), Text: "up to date: " + text}
				runsNow[i] = false
			}
		}
		told[j.ID] = f
	}
	return nil
}
