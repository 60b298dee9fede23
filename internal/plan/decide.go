package plan

import (
	"slices"

	"github.com/executionerhq/executioner/internal/run"
)

// decide notes which jobs this attempt does not run, and why.
func (p *Plan) decide(earlier map[run.JobID]Result) {
	skip := ids(p.opt.Skip)
	again := p.downstream(p.opt.From)
	for i := range p.jobs {
		p.jobs[i].decision = p.decision(i, earlier[p.id(i)], skip[p.id(i)] || skip[p.madeFrom(i)], again[i])
	}
	p.decideAgain(skip, earlier)
}

// decision says why job i is not run; empty when it is. A hook belongs to its attempt,
// whatever it did in others.
func (p *Plan) decision(i int, r Result, skip, again bool) run.Reason {
	j := &p.jobs[i]
	if r.Idle() && !again {
		j.traits |= idle
	}
	switch {
	case j.is(hook):
		if skip {
			return run.SkipRequested
		}
		return ""
	case r.Succeeded() && !again: // also when it is to be skipped: it stays done for the attempts to come
		return run.AlreadySucceeded
	case r.failedForGood() && j.is(forgiven) && !again:
		return run.FailuresAllowed
	case skip:
		return run.SkipRequested
	case again || !p.opt.FailedOnly || r.Failed:
		return ""
	case r.Idle():
		return r.Reason // it is not left out: it was not to run
	default:
		return run.NotSelected
	}
}

// decideAgain has jobs run once more that look after others and not only follow them:
// those that run always, or after another ending than success. They belong to what they
// need, so they run when any of that does.
func (p *Plan) decideAgain(skip map[run.JobID]bool, earlier map[run.JobID]Result) {
	if len(earlier) == 0 || !slices.ContainsFunc(p.jobs, func(j job) bool { return j.is(always | choosy) }) {
		return
	}
	for _, i := range p.graph.topological(p.wf.Jobs) {
		j := &p.jobs[i]
		if j.decision == "" || !j.is(always|choosy) || j.is(hook) || skip[p.id(int(i))] || skip[p.madeFrom(int(i))] {
			continue
		}
		runs, idly := p.runsAny(p.wf.Jobs[i].Needs)
		if !runs {
			continue
		}
		j.decision = ""
		j.traits &^= idle
		if idly {
			j.traits |= idle
		}
	}
}

// runsAny reports whether this attempt runs any of these jobs, and whether only such as
// an earlier one skipped though nothing was wrong.
func (p *Plan) runsAny(needs []int) (runs, idly bool) {
	idly = true
	for _, n := range needs {
		if j := &p.jobs[n]; j.decision == "" {
			runs, idly = true, idly && j.is(idle)
		}
	}
	return runs, idly
}

func ids(list []run.JobID) map[run.JobID]bool {
	m := make(map[run.JobID]bool, len(list))
	for _, id := range list {
		m[id] = true
	}
	return m
}

// downstream says of each job whether it is named or needs one that is, directly or not.
func (p *Plan) downstream(named []run.JobID) []bool {
	reached := make([]bool, len(p.jobs))
	var todo []int32
	reach := func(i int32) {
		if !reached[i] {
			reached[i] = true
			todo = append(todo, i)
		}
	}
	from := ids(named)
	for i := range p.jobs {
		if from[p.id(i)] || from[p.madeFrom(i)] {
			reach(int32(i))
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, d := range p.graph.of(int(i)) {
			reach(d)
		}
	}
	return reached
}
