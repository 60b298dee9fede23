package lint

import (
	"slices"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Checking returns a host that has conditions and rules checked while a file is read. What
// evaluates them is made when the first of them is seen.
func Checking(host workflow.Host) workflow.Host {
	compiler := expr.NewCompiler()
	known := make(map[string]error) // many jobs have the same condition
	host.CheckWhen = func(condition string) error {
		err, ok := known[condition]
		if !ok {
			_, err = compiler.Condition(condition)
			known[condition] = err
		}
		return err
	}
	host.CheckNames = func(wf *workflow.Workflow) func(condition string) error {
		return compiler.Checker(namesIn(wf)).Condition
	}
	host.CheckRule = func(expression string) error {
		_, err := compiler.Rule(expression)
		return err
	}
	return host
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
