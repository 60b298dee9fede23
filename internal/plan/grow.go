package plan

import (
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// A job that is made of what another one hands on becomes several when that has
// succeeded, see workflow.Grow. Nothing is recorded of it: the values that are recorded
// with the success say what it becomes, so that a step, a replay and a later attempt
// that does not run the other job again all come to the same plan.

// growth is what a plan keeps whose workflow has such jobs.
type growth struct {
	loaded int           // jobs of the workflow that the plan was made with
	from   map[int][]int // jobs that become several, by the one that hands their items on
	made   map[int]span  // what they have become
	origin []int         // what the jobs from loaded on are made of
	known  map[int]bool  // jobs that are not what they were loaded as
}

// span is a run of jobs, the end excluded.
type span struct{ first, end int }

// newGrowth returns nil for jobs of which none becomes several.
func newGrowth(jobs []workflow.Job) *growth {
	var g *growth
	var index map[run.JobID]int
	for i := range jobs {
		each := jobs[i].Each
		if each == nil {
			continue
		}
		if g == nil {
			g = &growth{loaded: len(jobs), from: make(map[int][]int), made: make(map[int]span), known: make(map[int]bool)}
			index = make(map[run.JobID]int, len(jobs))
			for k := range jobs {
				index[jobs[k].ID] = k
			}
		}
		if from, ok := index[each.Job]; ok {
			g.from[from] = append(g.from[from], i)
		}
	}
	return g
}

// Grown returns the workflow of an attempt as its history left it, with the jobs that
// have come later. It is wf where there can't be any, and where the history contradicts
// itself.
func Grown(wf *workflow.Workflow, opt Options, history []run.Transition, overrides []run.Override) *workflow.Workflow {
	if !wf.Grows() {
		return wf
	}
	opt.When = nil // what followed from conditions is recorded
	p, err := Restore(wf, opt, history, overrides)
	if err != nil {
		return wf
	}
	return p.wf
}

// Loaded returns the index that job i, or what it is made of, has in the workflow that
// the plan was made with. made is the job, where it is not as it was loaded.
func (p *Plan) Loaded(i int) (index int, made *workflow.Job) {
	g := p.growth
	switch {
	case g == nil:
		return i, nil
	case i >= g.loaded:
		return g.origin[i-g.loaded], &p.wf.Jobs[i]
	case g.known[i]:
		return i, &p.wf.Jobs[i]
	}
	return i, nil
}

// madeFrom returns the id of the job that job i is made of; empty for one of the file.
func (p *Plan) madeFrom(i int) run.JobID {
	if p.growth == nil || i < p.growth.loaded {
		return ""
	}
	return p.id(p.growth.origin[i-p.growth.loaded])
}

// madeOf returns what job i has become.
func (p *Plan) madeOf(i int) (made []int) {
	if p.growth == nil {
		return nil
	}
	for s, k := p.growth.made[i], 0; s.first+k < s.end; k++ {
		made = append(made, s.first+k)
	}
	return made
}

// growEarlier makes the jobs of which an earlier attempt handed on what they are made of.
// What becomes of them may have jobs run again that others are made of, so one comes
// after the other.
func (p *Plan) growEarlier(earlier map[run.JobID]Result) {
	if p.growth == nil || len(earlier) == 0 {
		return
	}
	for _, i := range p.graph.topological(p.wf.Jobs) {
		if len(p.growth.from[int(i)]) == 0 || p.jobs[i].decision != run.AlreadySucceeded {
			continue
		}
		for _, f := range p.growth.from[int(i)] {
			if p.jobs[f].decision != run.SkipRequested {
				p.become(f, earlier[p.id(int(i))].Values)
			}
		}
		p.decide(earlier)
	}
}

// grow makes the jobs of what job i has handed on. Those that will not run stay as they are.
func (p *Plan) grow(i int) {
	if p.growth == nil {
		return
	}
	for _, f := range p.growth.from[i] {
		if j := &p.jobs[f]; j.state == run.Pending && j.decision == "" && j.bar == unbarred && p.mayStart(f) {
			first := len(p.jobs)
			p.become(f, p.values[i])
			p.decideMade(first)
		}
	}
}

// decideMade decides about jobs that are made of what this attempt found out: whatever
// earlier attempts did belongs to other items.
func (p *Plan) decideMade(first int) {
	if len(p.opt.Skip) == 0 {
		return
	}
	skip := ids(p.opt.Skip)
	for i := first; i < len(p.jobs); i++ {
		if skip[p.id(i)] {
			p.jobs[i].decision = run.SkipRequested
		}
	}
}

// become has job f become what the values say. Where they don't name its items it is left
// as it is, and fails when it is started.
func (p *Plan) become(f int, v run.Values) {
	value, ok := v.Map()[p.wf.Jobs[f].Each.Output]
	if !ok {
		return
	}
	first := len(p.jobs)
	p.wf = workflow.Grow(p.wf, f, value)
	p.growth.known[f] = true
	p.growth.made[f] = span{first, len(p.wf.Jobs)}
	p.graph = newGraph(p.wf.Jobs)
	like := p.jobs[f] // what they need is what it needed
	p.jobs[f].traits = traitsOf(&p.wf.Jobs[f]) | like.traits&idle
	for i := first; i < len(p.wf.Jobs); i++ {
		p.appendMade(i, f, &like)
	}
	n := int32(len(p.jobs) - first)
	p.jobs[f].unmet += n
	if p.gate != nil {
		p.gate[f] += n
	}
}

// appendMade adds job i, which is made of job f.
func (p *Plan) appendMade(i, f int, like *job) {
	made := job{cause: -1, traits: traitsOf(&p.wf.Jobs[i])}
	p.count(&made)
	made.unmet = like.unmet
	p.jobs = append(p.jobs, made)
	p.growth.origin = append(p.growth.origin, f)
	p.counts.Total++
	p.ranks = append(p.ranks, p.ranks[f]) // the length of f was theirs
	if p.prior != nil {
		p.prior = append(p.prior, p.prior[f])
	}
	if p.gate != nil {
		p.gate = append(p.gate, p.gate[f])
	}
	if p.ids != nil {
		p.ids[p.id(i)] = i
	}
	if p.memory != nil {
		p.memory.index[p.id(i)] = i
		p.memory.facts = append(p.memory.facts, Fact{ExitCode: run.NoExitCode})
	}
}
