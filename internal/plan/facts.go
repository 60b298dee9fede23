package plan

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Facts are what a condition may ask about: the moment, and how jobs stand. They are
// good until the condition has been evaluated.
type Facts struct {
	Now  time.Time // of the step; UTC, microseconds
	plan *Plan
}

// Fact is how a job stands. One that an earlier attempt did stands as it did then.
type Fact struct {
	State    run.State
	Reason   run.Reason // of its last transition; empty before the first
	ExitCode int        // of its last try; run.NoExitCode when there is none
	Values   run.Values // what it handed on when it succeeded
}

// Workflow returns the workflow as it is at that moment: it may have grown.
func (f Facts) Workflow() *workflow.Workflow { return f.plan.wf }

// Job returns how the job with that id stands, and whether there is such a job.
func (f Facts) Job(id run.JobID) (Fact, bool) {
	i, ok := f.plan.memory.index[id]
	if !ok {
		return Fact{}, false
	}
	fact := f.plan.memory.facts[i]
	fact.Values = f.plan.values[i]
	return fact, true
}

// memory is what conditions may ask about, kept only where there are any.
type memory struct {
	index map[run.JobID]int
	facts []Fact
}

// remember begins to keep what conditions ask about, from what earlier attempts left.
func (p *Plan) remember(earlier map[run.JobID]Result) {
	if p.opt.When == nil || !p.conditions {
		return
	}
	p.memory = &memory{index: p.index(), facts: make([]Fact, len(p.jobs))}
	for i := range p.jobs {
		f := &p.memory.facts[i]
		f.ExitCode = run.NoExitCode
		if keeps(p.jobs[i].decision) {
			r := earlier[p.id(i)]
			*f = Fact{State: r.State, Reason: r.Reason, ExitCode: r.ExitCode}
			if r.Overridden {
				f.State, f.ExitCode = run.Success, 0
			}
		}
	}
}

// keeps reports whether a job that is passed over for that reason stays what it was.
func keeps(r run.Reason) bool { return r == run.AlreadySucceeded || r == run.FailuresAllowed }

// learn keeps what a job's transition says about it.
func (m *memory) learn(i int, t *run.Transition) {
	if m == nil || keeps(t.Reason) {
		return
	}
	f := &m.facts[i]
	f.State, f.Reason = t.To, t.Reason
	if t.Outcome != nil {
		f.ExitCode = t.Outcome.ExitCode
	}
}

// holds evaluates the condition of job i, and skips the job where it does not hold.
func (p *Plan) holds(i int) bool {
	if p.opt.When == nil || !p.jobs[i].is(conditional) {
		return true
	}
	when := p.wf.Jobs[i].When
	t := run.Transition{From: run.Pending, To: run.Skipped, Reason: run.ConditionFalse, Detail: when}
	ok, err := p.opt.When(i, Facts{Now: p.now, plan: p})
	switch {
	case err != nil:
		t.Reason, t.Detail = run.ConditionFailed, when+": "+err.Error()
	case ok:
		return true
	}
	p.emit(i, t)
	return false
}
