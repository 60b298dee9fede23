package workflow

import (
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// Scope is what the jobs of a sub-workflow have in common. It never changes.
type Scope struct {
	Job    run.JobID // the job that stands for the sub-workflow; the ids of its jobs begin with it
	Group  run.JobID // the job of the file that this one was made of by matrix or foreach; empty: itself
	File   string    // the sub-workflow's file
	Parent *Scope    // of a sub-workflow within another; nil: it is called by the workflow itself
	Item   []Var     // of the job that stands for it
	Call   []Var     // env_variables of the job that stands for it
	Params []Param   // of the sub-workflow
	Env    []Var     // env_variables of the sub-workflow
	When   string    // the condition of the job that stands for it; its jobs have it as a part of theirs
}

// Condition is a part of a job's condition, and whose parameters it speaks of.
type Condition struct {
	Text  string
	Scope *Scope // nil: the workflow itself
}

// Conditions returns the parts of When, all of which must hold: those of the calls that
// the job is below, outermost first, then its own.
func (j *Job) Conditions() []Condition {
	var calls []*Scope // innermost first
	for s := j.Scope; s != nil; s = s.Parent {
		calls = append(calls, s)
	}
	var parts []Condition
	rest := j.When
	for _, s := range slices.Backward(calls) {
		if s.When == "" {
			continue
		}
		parts = append(parts, Condition{s.When, s.Parent})
		if rest == s.When {
			return parts
		}
		before := join(s.When, "")
		rest = strings.TrimSuffix(strings.TrimPrefix(rest, before[:len(before)-1]), ")")
	}
	if rest == "" {
		return parts
	}
	return append(parts, Condition{rest, j.Scope})
}

// join returns the condition of a job that stands for others and that of one of these as one.
func join(call, own string) string { return "(" + call + ") && (" + own + ")" }

// collectScopes numbers the scopes of a workflow's jobs from 1, parents first.
func collectScopes(jobs []Job) ([]*Scope, map[*Scope]int) {
	var all []*Scope
	numbers := map[*Scope]int{}
	var add func(s *Scope)
	add = func(s *Scope) { // as deep as sub-workflows may be
		if s == nil || numbers[s] > 0 {
			return
		}
		add(s.Parent)
		all = append(all, s)
		numbers[s] = len(all)
	}
	for i := range jobs {
		add(jobs[i].Scope)
	}
	return all, numbers
}
