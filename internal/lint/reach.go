package lint

import (
	"slices"

	"github.com/executionerhq/executioner/internal/workflow"
)

// ends are the ways in which a job may end.
type ends uint8

const (
	well ends = 1 << iota
	badly
	unrun
)

// unreachable finds jobs that can never run.
func unreachable(l *linter) {
	possible := l.endings()
	l.each(func(i int, j *workflow.Job) {
		if j.When != "" {
			if p, err := l.compiler.Condition(j.When); err == nil {
				if holds, constant := p.Constant(); constant && !holds {
					l.report(i, "when", "take the job out, or mend the condition", "it never runs: its condition is always false")
					return
				}
			}
		}
		for n, need := range j.Needs {
			if l.meets(j.Ending(n), possible[need]) || j.Always && j.Ending(n) == workflow.OnSuccess {
				continue
			}
			other := quote(string(l.Jobs[need].ID))
			why := map[workflow.Ending]string{
				workflow.OnSuccess: "can't succeed", workflow.OnFailure: "can't fail", workflow.OnSkipped: "is never skipped",
			}[j.Ending(n)]
			l.report(i, "dependencies", "", "it never runs: it asks for %s of %s, which %s", j.Ending(n), other, why)
			return
		}
	})
}

// meets reports whether one of the possible ends is the one that is asked for.
func (l *linter) meets(on workflow.Ending, possible ends) bool {
	switch on {
	case workflow.OnSuccess:
		return possible&well != 0
	case workflow.OnFailure:
		return possible&badly != 0
	case workflow.OnSkipped:
		return possible&unrun != 0
	default:
		return true
	}
}

// endings says how each job may end. It says too much rather than too little: any job
// can be skipped by hand, which counts as success.
func (l *linter) endings() []ends {
	all := make([]ends, len(l.Jobs))
	fails := 0 // jobs that may fail, and stop others then
	for _, i := range l.order() {
		j := &l.Jobs[i]
		all[i] = well
		if j.Command != "" || len(j.PreChecks) > 0 || len(j.PostChecks) > 0 {
			all[i] |= badly
			fails++
		}
		if j.When != "" || j.Hook != workflow.NoHook || len(j.Needs) > 0 && !j.Always {
			all[i] |= unrun
		}
	}
	if !l.ContinueOnError && fails > 1 {
		for i := range all {
			all[i] |= unrun
		}
	}
	return all
}

// order returns the jobs so that each comes after what it needs.
func (l *linter) order() []int {
	open := make([]int, len(l.Jobs))
	var order []int
	for i := range l.Jobs {
		if open[i] = len(l.Jobs[i].Needs); open[i] == 0 {
			order = append(order, i)
		}
	}
	for at := 0; at < len(order); at++ {
		for _, child := range l.children[order[at]] {
			if open[child]--; open[child] == 0 {
				order = append(order, child)
			}
		}
	}
	return order
}

// maxSteps bounds the search for redundant dependencies in a dense workflow.
const maxSteps = 20_000_000

// redundant finds dependencies that follow from another one.
func redundant(l *linter) {
	depth := make([]int, len(l.Jobs))
	for _, i := range l.order() {
		for _, need := range l.Jobs[i].Needs {
			depth[i] = max(depth[i], depth[need]+1)
		}
	}
	s := &search{linter: l, depth: depth, seen: make([]int, len(l.Jobs))}
	l.each(func(i int, j *workflow.Job) {
		if len(j.Needs) < 2 || j.Always {
			return
		}
		for _, found := range s.from(i) {
			if l.asksFor(j, found.need) || j.Each != nil && l.Jobs[found.need].ID == j.Each.Job {
				continue // foreach says it anyway
			}
			l.report(i, "dependencies", "take it out", "it need not depend on %s: %s does already",
				quote(string(l.Jobs[found.need].ID)), quote(string(l.Jobs[found.by].ID)))
		}
	})
}

// asksFor reports whether a condition looks at what became of a job, which it may only
// for one that it depends on.
func (l *linter) asksFor(j *workflow.Job, need int) bool {
	if j.When == "" {
		return false
	}
	p, err := l.compiler.Condition(j.When)
	if err != nil {
		return true
	}
	names, whole := p.Uses("jobs")
	return whole || slices.Contains(names, string(l.Jobs[need].ID))
}

// search walks from jobs to all that they need, directly or not.
type search struct {
	*linter
	depth []int
	seen  []int // by job: the number of the walk that came by, from 1
	walk  int
	steps int
}

type implied struct{ need, by int }

// from returns those needs of a job that another of its needs brings along.
func (s *search) from(i int) []implied {
	j := &s.Jobs[i]
	least := s.depth[j.Needs[0]]
	for _, need := range j.Needs {
		least = min(least, s.depth[need])
	}
	var all []implied
	for n, by := range j.Needs {
		if s.depth[by] == least || j.Ending(n) != workflow.OnSuccess {
			continue
		}
		s.walk++
		s.below(by, least)
		for m, need := range j.Needs {
			known := slices.ContainsFunc(all, func(f implied) bool { return f.need == need })
			if need != by && s.seen[need] == s.walk && j.Ending(m) == workflow.OnSuccess && !known {
				all = append(all, implied{need, by})
			}
		}
	}
	return all
}

// below marks all whose success follows from the success of a job.
func (s *search) below(job, least int) {
	stack := []int{job}
	for len(stack) > 0 && s.steps < maxSteps {
		top := &s.Jobs[stack[len(stack)-1]]
		stack = stack[:len(stack)-1]
		if top.Always {
			continue
		}
		for n, need := range top.Needs {
			s.steps++
			if s.depth[need] >= least && s.seen[need] != s.walk && top.Ending(n) == workflow.OnSuccess {
				s.seen[need] = s.walk
				stack = append(stack, need)
			}
		}
	}
}
