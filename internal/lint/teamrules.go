package lint

import (
	"cmp"
	"slices"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// maxCost bounds what one rule may cost for all jobs together, as CEL counts.
const maxCost = 10_000_000

// Enforce holds a workflow, loaded with its Origin, against rules: its own, or those of
// a site. A rule that can't be evaluated counts as not kept. The findings are by place.
func Enforce(w *workflow.Workflow, rules []workflow.Rule, c *expr.Compiler) []Finding {
	if len(rules) == 0 {
		return nil
	}
	e := &enforcer{linter: &linter{Workflow: w}, subject: newSubject(w), compiler: c, most: maxCost}
	for i := range rules {
		e.rule(&rules[i])
	}
	slices.SortStableFunc(e.found, func(a, b Finding) int { return a.Pos.Compare(b.Pos) })
	return e.found
}

type enforcer struct {
	*linter
	subject  subject
	compiler *expr.Compiler
	most     uint64 // that one rule may cost
	cost     uint64 // of the rule that is evaluated
}

// rule evaluates one rule.
func (e *enforcer) rule(r *workflow.Rule) {
	e.cost = 0
	level := Error
	if r.Warn {
		level = Warn
	}
	e.linter.rule = Rule{Name: r.Name, Level: level}
	when, err := e.compile(r.When)
	if err != nil {
		e.report(-1, "rules", "", "its when can't be evaluated: %v", err)
		return
	}
	require, err := e.compile(r.Require)
	if err != nil {
		e.report(-1, "rules", "", "its require can't be evaluated: %v", err)
		return
	}
	if r.For == workflow.WholeWorkflow {
		e.judge(r, when, require, -1)
		return
	}
	groups := make(map[run.JobID]bool)
	for i := range e.Jobs {
		group := cmp.Or(e.Jobs[i].Group, e.Jobs[i].ID)
		if e.cost < e.most && !groups[group] { // of jobs that are made of one the first
			e.judge(r, when, require, i)
		}
		groups[group] = true
	}
	if e.cost >= e.most {
		e.report(-1, "rules", "make it cheaper", "it takes too long for %d jobs: not all were looked at", len(e.Jobs))
	}
}

func (e *enforcer) compile(text string) (*expr.Program, error) {
	if text == "" {
		return nil, nil
	}
	return e.compiler.Rule(text)
}

// judge reports a job, or the workflow, that does not keep a rule.
func (e *enforcer) judge(r *workflow.Rule, when, require *expr.Program, i int) {
	vars := map[string]any{"workflow": e.subject.workflow, "job": expr.Fields{Type: "Job"}}
	if i >= 0 {
		vars["job"] = e.subject.jobs[i]
	}
	applies, err := e.holds(when, vars)
	if err != nil {
		e.report(i, "id", "", "its when can't be evaluated: %v", err)
		return
	}
	if !applies {
		return
	}
	switch kept, err := e.holds(require, vars); {
	case err != nil:
		e.report(i, "id", "", "its require can't be evaluated: %v", err)
	case !kept:
		e.report(i, "id", "", "%s", r.Message)
	}
}

func (e *enforcer) holds(p *expr.Program, vars map[string]any) (bool, error) {
	if p == nil {
		return true, nil
	}
	holds, cost, err := p.Measure(vars)
	e.cost += cmp.Or(cost, 1)
	return holds, err
}
