package cli

import (
	"slices"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// checkWhen returns what says what is wrong with a condition. Many jobs may have the
// same one, which is looked at once. It is not safe for concurrent use.
func checkWhen() func(condition string) error {
	compiler := expr.NewCompiler()
	known := make(map[string]error)
	return func(condition string) error {
		err, ok := known[condition]
		if !ok {
			_, err = compiler.Condition(condition)
			known[condition] = err
		}
		return err
	}
}

// checkNames returns what says whether conditions speak of what a workflow has, see
// workflow.Host.
func checkNames() func(*workflow.Workflow) func(condition string) error {
	compiler := expr.NewCompiler()
	return func(wf *workflow.Workflow) func(condition string) error {
		return compiler.Checker(namesIn(wf)).Condition
	}
}

// namesIn returns what the conditions of a workflow can speak of.
func namesIn(wf *workflow.Workflow) expr.Names {
	n := expr.Names{
		Params: make(map[string]expr.Type, len(wf.Params)),
		Secret: make(map[string]bool),
		Jobs:   make(map[string]bool, len(wf.Jobs)),
	}
	for _, s := range run.States() {
		n.States = append(n.States, s.String())
	}
	for i := range wf.Params {
		if p := &wf.Params[i]; p.Secret || mask.SecretName(p.Name) {
			n.Secret[p.Name] = true
		} else {
			n.Params[p.Name] = typeIn(p)
		}
	}
	for i := range wf.Jobs {
		n.Jobs[string(wf.Jobs[i].ID)] = true
	}
	for _, r := range run.Reasons() {
		n.Reasons = append(n.Reasons, string(r))
	}
	slices.Sort(n.Reasons)
	return n
}

// typeIn returns what conditions see of a parameter. Dates and durations are texts, which
// CEL's functions turn into what they count with.
func typeIn(p *workflow.Param) expr.Type {
	switch p.Type {
	case workflow.IntParam:
		return expr.Whole
	case workflow.NumberParam:
		return expr.Number
	case workflow.BoolParam:
		return expr.Truth
	case workflow.ListParam:
		return expr.Texts
	case workflow.StringParam, workflow.EnumParam, workflow.DateParam, workflow.DurationParam:
	}
	return expr.Text
}
