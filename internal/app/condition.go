package app

import (
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// conditions evaluates the conditions of one attempt's jobs. Only its plan's goroutine
// uses it.
type conditions struct {
	a        runs.Attempt
	compiler *expr.Compiler
	resolver *workflow.Resolver // nil before a condition asks for a variable
	environ  []string           // of the caller
	programs map[string]*expr.Program
}

// newConditions returns what evaluates the conditions of an attempt.
func newConditions(environ []string, a runs.Attempt) func(int, plan.Facts) (bool, error) {
	c := &conditions{a: a, compiler: expr.NewCompiler(), environ: environ, programs: make(map[string]*expr.Program)}
	return c.holds
}

// holds reports whether the condition of a job holds: each part of it, with the
// parameters that were known where it was written.
func (c *conditions) holds(job int, f plan.Facts) (bool, error) {
	j := &f.Workflow().Jobs[job]
	for _, part := range j.Conditions() {
		p, err := c.program(part.Text)
		if err != nil {
			return false, err
		}
		yes, err := p.Bool(map[string]any{
			"params": c.params(part.Scope),
			"env":    c.env(p, j),
			"jobs":   c.jobs(p, part.Scope, j, f),
			"now":    f.Now,
			"run":    map[string]any{"id": int64(c.a.Run), "attempt": int64(c.a.Number)},
		})
		if !yes || err != nil {
			return false, err
		}
	}
	return true, nil
}

// program returns a condition, compiled once.
func (c *conditions) program(text string) (*expr.Program, error) {
	if p, ok := c.programs[text]; ok {
		return p, nil
	}
	p, err := c.compiler.Condition(text)
	if err == nil {
		c.programs[text] = p
	}
	return p, err
}

// params returns the parameters of a sub-workflow, or of the workflow itself, but not the
// secret ones.
func (c *conditions) params(s *workflow.Scope) map[string]any {
	params := c.a.Workflow.Params
	if s != nil {
		params = s.Params
	}
	values := make(map[string]any, len(params))
	for i := range params {
		if p := &params[i]; !p.Secret && !mask.SecretName(p.Name) {
			values[p.Name] = value(p)
		}
	}
	return values
}

// value returns a parameter as conditions compare it. A date or a duration stays text,
// which CEL's functions turn into what they count with.
func value(p *workflow.Param) any {
	switch p.Type {
	case workflow.IntParam:
		if n, err := strconv.ParseInt(p.Value, 10, 64); err == nil {
			return n
		}
	case workflow.NumberParam:
		if n, err := strconv.ParseFloat(p.Value, 64); err == nil {
			return n
		}
	case workflow.BoolParam:
		return p.Value == "true"
	case workflow.ListParam:
		return p.Items()
	}
	return p.Value
}

// env returns the job's variables that the condition asks for. Secrets are not among
// them: a condition is shown with what came of it.
func (c *conditions) env(p *expr.Program, j *workflow.Job) map[string]string {
	names, whole := p.Uses("env")
	if len(names) == 0 && !whole {
		return nil
	}
	if c.resolver == nil {
		c.resolver = workflow.NewResolver(c.a.Workflow, c.environ, c.a.Options.Env)
	}
	env := c.resolver.ResolveJob(j)
	values := make(map[string]string)
	add := func(name, value string) {
		if !mask.SecretName(name) && !env.IsSecret(name) {
			values[name] = value
		}
	}
	if whole {
		for _, v := range env.Vars {
			add(v.Name, v.Value)
		}
		return values
	}
	for _, name := range names {
		if v, ok := env.Lookup(name); ok {
			add(name, v)
		}
	}
	return values
}

// jobs returns how the jobs stand that a condition of that scope names, and where it asks
// for all of them, those that the job depends on.
func (c *conditions) jobs(p *expr.Program, s *workflow.Scope, j *workflow.Job, f plan.Facts) map[string]any {
	names, whole := p.Uses("jobs")
	known := make(map[string]any)
	add := func(name string, id run.JobID) {
		if fact, ok := f.Job(id); ok {
			known[name] = map[string]any{"state": fact.State.String(), "reason": string(fact.Reason), "exit_code": int64(fact.ExitCode), "outputs": fact.Values.Map()}
		}
	}
	for _, name := range names {
		add(name, run.JobID(name))
	}
	for _, need := range j.Needs {
		id := f.Workflow().Jobs[need].ID
		name := string(id)
		if s != nil { // within a sub-workflow jobs have the names that its file gives them
			if local, ok := strings.CutPrefix(name, string(s.Job)); ok && len(local) > 1 {
				name = local[1:]
			}
		}
		if whole || name != string(id) {
			add(name, id)
		}
	}
	return known
}
