package plan

import (
	"cmp"
	"fmt"
	"slices"
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
	earlier := Results(history, overrides, p.opt.Attempt-1)
	p.decide(earlier)
	p.growEarlier(earlier)
	p.remember(earlier)
	p.rememberValues(earlier)
	index := p.index()
	if p.growth != nil {
		p.ids = index // which grows with it
	}
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
	p.prior = priorities(wf.Jobs)
	for i := range p.jobs {
		j := &p.jobs[i]
		j.cause = -1
		j.unmet = int32(len(wf.Jobs[i].Needs))
		j.traits = traitsOf(&wf.Jobs[i])
		p.count(j)
		if j.unmet == 0 {
			p.met.push(i)
		}
	}
	p.gate = p.newGate()
	p.growth = newGrowth(wf.Jobs)
	if p.open == 0 && p.hooks {
		p.beginHooks()
	}
	return p
}

// traitsOf returns what is different about a job.
func traitsOf(j *workflow.Job) (t traits) {
	add := func(is bool, trait traits) {
		if is {
			t |= trait
		}
	}
	add(j.Always, always)
	add(j.Hook != workflow.NoHook, hook)
	add(j.On != nil, choosy)
	add(slices.Contains(j.On, workflow.OnFailure) || slices.Contains(j.On, workflow.OnDone), handler)
	add(j.When != "", conditional)
	add(j.ContinueOnError, forgiven)
	return t
}

// count adds a job to those that have not ended.
func (p *Plan) count(j *job) {
	p.conditions = p.conditions || j.is(conditional)
	if j.is(hook) {
		p.hooks = true
		j.unmet++ // the end of the other jobs
	} else {
		p.open++
	}
	if j.exempt() {
		p.cleaning++
	} else {
		p.working++
	}
}

// priorities returns the priority of each job, nil when all have the same.
func priorities(jobs []workflow.Job) []int32 {
	all := make([]int32, len(jobs))
	differ := false
	for i := range jobs {
		all[i] = int32(jobs[i].Priority)
		differ = differ || all[i] != all[0]
	}
	if !differ {
		return nil
	}
	return all
}

// before is the order in which ready jobs start. It is total.
func (p *Plan) before(a, b int32) bool {
	if !p.opt.Sequential {
		if p.prior != nil && p.prior[a] != p.prior[b] {
			return p.prior[a] > p.prior[b]
		}
		if x, y := p.ranks[a], p.ranks[b]; x != y {
			return x > y
		}
	}
	return a < b
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
