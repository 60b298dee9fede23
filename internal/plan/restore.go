package plan

import (
	"cmp"
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Restore returns the plan of attempt opt.Attempt, standing where its recorded
// transitions left it. history holds the transitions of all attempts of the run in
// order, overrides what was declared successful by hand. Jobs that the workflow no
// longer has are passed over. An error means that the history contradicts itself.
func Restore(wf *workflow.Workflow, opt Options, history []run.Transition, overrides []run.Override) (*Plan, error) {
	p := build(wf, withDefaults(wf, opt))
	p.decide(Results(history, overrides, p.opt.Attempt-1))
	index := p.index()
	for n := range history {
		if t := &history[n]; t.Attempt == p.opt.Attempt {
			if err := p.replay(index, t); err != nil {
				return nil, fmt.Errorf("history of run %d, entry %d: %w", opt.Run, n+1, err)
			}
		}
	}
	p.requeueRestored()
	return p, nil
}

func withDefaults(wf *workflow.Workflow, opt Options) Options {
	opt.Attempt = max(opt.Attempt, 1)
	opt.ContinueOnError = opt.ContinueOnError || wf.ContinueOnError
	opt.Workers = opt.Room(wf)
	opt.Sequential = opt.inOrder(wf)
	return opt
}

// Room returns how many jobs of wf may run at once under these options, at least 1.
func (o Options) Room(wf *workflow.Workflow) int {
	if o.inOrder(wf) {
		return 1
	}
	return max(cmp.Or(o.Workers, wf.MaxWorkers), 1)
}

// inOrder reports whether ready jobs start in file order, one at a time.
func (o Options) inOrder(wf *workflow.Workflow) bool {
	return (o.Sequential || wf.Sequential) && !o.Parallel
}

// build makes a plan in which nothing has happened.
func build(wf *workflow.Workflow, opt Options) *Plan {
	p := &Plan{wf: wf, opt: opt, graph: newGraph(wf.Jobs), jobs: make([]job, len(wf.Jobs))}
	p.counts.Total = len(wf.Jobs)
	p.ranks = p.graph.ranks(wf.Jobs, func(i int) int64 {
		if i < len(opt.Expected) {
			return max(int64(opt.Expected[i]), 1)
		}
		return int64(time.Second)
	})
	byIndex := func(a, b int32) bool { return a < b }
	p.met.less, p.doomed.less = byIndex, byIndex
	p.ready.less = p.before
	p.waiting.less = func(a, b int32) bool {
		if x, y := p.jobs[a].due, p.jobs[b].due; x != y {
			return x < y
		}
		return a < b
	}
	for i := range p.jobs {
		p.jobs[i].cause = -1
		p.jobs[i].unmet = int32(len(wf.Jobs[i].Needs))
		if p.jobs[i].unmet == 0 {
			p.met.push(i)
		}
	}
	return p
}

// before is the order in which ready jobs start. It is total.
func (p *Plan) before(a, b int32) bool {
	if !p.opt.Sequential {
		if x, y := p.wf.Jobs[a].Priority, p.wf.Jobs[b].Priority; x != y {
			return x > y
		}
		if x, y := p.ranks[a], p.ranks[b]; x != y {
			return x > y
		}
	}
	return a < b
}

// decide notes which jobs this attempt does not run, and why.
func (p *Plan) decide(earlier map[run.JobID]Result) {
	skip := ids(p.opt.Skip)
	again := p.downstream(p.opt.From)
	for i := range p.jobs {
		r := earlier[p.id(i)]
		switch {
		case r.Succeeded() && !again[i]: // also when it is to be skipped: it stays done for the attempts to come
			p.jobs[i].decision = run.AlreadySucceeded
		case skip[p.id(i)]:
			p.jobs[i].decision = run.SkipRequested
		case again[i]:
		case p.opt.FailedOnly && !r.Failed:
			p.jobs[i].decision = run.NotSelected
		}
	}
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
		if from[p.id(i)] {
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

func (p *Plan) index() map[run.JobID]int {
	m := make(map[run.JobID]int, len(p.jobs))
	for i := range p.jobs {
		m[p.id(i)] = i
	}
	return m
}

// replay applies one recorded transition, if it is legal here.
func (p *Plan) replay(index map[run.JobID]int, t *run.Transition) error {
	if t.Job == "" {
		if p.state != t.From || !t.Mark() && !t.From.CanMove(t.To) {
			return fmt.Errorf("the run can't go from %s to %s when it is %s", t.From, t.To, p.state)
		}
		p.applyRun(t)
		return nil
	}
	i, ok := index[t.Job]
	if !ok {
		return nil
	}
	if j := &p.jobs[i]; j.state != t.From || !t.Mark() && !t.From.CanMove(t.To) {
		return fmt.Errorf("job %s can't go from %s to %s when it is %s", t.Job, t.From, t.To, j.state)
	}
	p.applyJob(i, t)
	return nil
}

// requeueRestored fills the work lists that a replay does not keep.
func (p *Plan) requeueRestored() {
	p.waiting.items = p.waiting.items[:0]
	for i := range p.jobs {
		switch j := &p.jobs[i]; {
		case j.state == run.Queued:
			p.ready.push(i)
		case j.due != 0:
			p.waiting.push(i)
		}
	}
}
