package cli

import (
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// masking returns what hides the secrets of job i's environment. Jobs without
// variables of their own share one masker.
func (c *command) masking(wf *workflow.Workflow, overrides []workflow.Var) func(i int) *mask.Masker {
	env := workflow.NewResolver(wf, c.jobEnviron(), overrides)
	var shared *mask.Masker
	made := false
	return func(i int) *mask.Masker {
		if !env.Shared(i) {
			return local.Masker(env.Resolve(i))
		}
		if !made {
			shared, made = local.Masker(env.Resolve(i)), true
		}
		return shared
	}
}

// maskView hides secrets in the commands that a run's view shows. Values that are
// known to this program are hidden, and those that the file or --env gave.
func (c *command) maskView(d *runs.Details) error {
	opt, err := d.Options()
	if err != nil {
		return err
	}
	masker := c.masking(d.Workflow, opt.Env)
	for i := range d.View.Jobs {
		d.View.Jobs[i].Command = masker(i).String(d.View.Jobs[i].Command)
	}
	return nil
}
