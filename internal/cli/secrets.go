package cli

import (
	"context"
	"slices"
	"sync"

	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// masking returns what hides the secrets of a workflow.
func (c *command) masking(wf *workflow.Workflow, overrides []workflow.Var) *mask.Masker {
	return mask.New(runs.Secrets(wf, c.jobEnviron(), overrides))
}

// maskView hides secrets in all that is shown of a run: those that are known to this program, and
// those that the file or --env gave. Where logs are is left, so that they can be read.
func (c *command) maskView(ctx context.Context, s Runs, d *runs.Details) error {
	secrets, err := runs.SecretsOf(d, c.jobEnviron(), func(hash string) (*workflow.Workflow, error) {
		if c.remotely() { // which has hidden them already
			return d.Workflow, nil
		}
		return s.Workflow(ctx, hash)
	})
	if err != nil {
		return err
	}
	d.Hide(mask.New(secrets))
	return nil
}

// veil returns what hides the secrets of an attempt in a transition that is shown. They are not
// looked for before one says something in words.
func (c *command) veil(a runs.Attempt) func(t *run.Transition) *run.Transition {
	masker := sync.OnceValue(func() *mask.Masker { return c.masking(a.Workflow, a.Options.Env) })
	return func(t *run.Transition) *run.Transition {
		if t.Detail == "" && (t.Outcome == nil || t.Outcome.Detail == "" && t.Outcome.Values == "") {
			return t
		}
		shown := *t
		shown.Detail = masker().String(t.Detail)
		if t.Outcome != nil {
			o := *t.Outcome
			o.Detail, o.Values = masker().String(o.Detail), run.NewValues(runs.HideValues(masker(), o.Values.Map()))
			shown.Outcome = &o
		}
		return &shown
	}
}

// veiled returns a workflow as it is shown: without secrets in what its jobs say in words.
func (c *command) veiled(wf *workflow.Workflow, overrides []workflow.Var) *workflow.Workflow {
	masker := c.masking(wf, overrides)
	if masker == nil {
		return wf
	}
	shown := *wf
	shown.Jobs = slices.Clone(wf.Jobs)
	for i := range shown.Jobs {
		j := &shown.Jobs[i]
		j.When, j.Description = masker.String(j.When), masker.String(j.Description)
	}
	return &shown
}
