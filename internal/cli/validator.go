package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/lint"
	"github.com/executionerhq/executioner/internal/validator"
	"github.com/executionerhq/executioner/internal/workflow"
)

// judgeAll is judge, and asks the workflow's validators when there is nothing against it.
func (c *command) judgeAll(ctx context.Context, wf *workflow.Workflow) (workflow.Problems, error) {
	problems, err := c.judge(wf)
	if err != nil || wf.Origin == nil {
		return problems, err
	}
	var found workflow.Problems
	asked := map[string]bool{}
	for _, w := range append([]*workflow.Workflow{wf}, wf.Origin.Subs...) {
		said, err := c.ask(ctx, w, asked)
		if err != nil {
			return problems, err
		}
		found = append(found, said...)
	}
	if slices.ContainsFunc(found, func(p workflow.Problem) bool { return !p.Warning }) {
		err = &fault.Error{Code: fault.InvalidWorkflow, Msg: "a validator refuses the workflow", Err: found}
	}
	return append(problems, found...), err
}

// ask asks the workflow's validators, one after the other. What one was asked already, for
// another item of a sub-workflow that looks the same, it is not asked again.
func (c *command) ask(ctx context.Context, wf *workflow.Workflow, asked map[string]bool) (workflow.Problems, error) {
	if len(wf.Origin.Validators) == 0 {
		return nil, nil
	}
	text, err := lint.JSON(wf)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the workflow can't be written as JSON")
	}
	if asked[string(text)] {
		return nil, nil
	}
	asked[string(text)] = true
	host := validator.Host{Dir: wf.WorkingDir, Environ: c.jobEnviron()}
	var notes []workflow.Note
	for i := range wf.Origin.Validators {
		v := &wf.Origin.Validators[i]
		for _, p := range validator.Run(ctx, v, text, host) {
			notes = append(notes, note(wf, v, p))
		}
	}
	return wf.Origin.Problems(notes), nil
}

// note gives what a validator says its place: that of the job, or else of the validator.
func note(wf *workflow.Workflow, v *workflow.Validator, p validator.Problem) workflow.Note {
	n := workflow.Note{Pos: v.At, Msg: "validator " + quote(v.Command) + ": " + p.Message, Hint: p.Hint, Warning: p.Warning}
	if p.Job != "" {
		n.Msg = fmt.Sprintf("job %q: %s", string(p.Job), p.Message)
		if at := wf.Origin.At(p.Job, "id"); at.Valid() {
			n.Pos = at
		}
	}
	return n
}
