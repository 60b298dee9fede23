package plan

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// applyRun changes the attempt's state, or notes a decision about it.
func (p *Plan) applyRun(t *run.Transition) {
	if t.Mark() {
		if t.Reason != run.Resumed { // another program took the attempt up, which asks for nothing
			p.applyHalt(t)
		}
		return
	}
	p.state = t.To
	if t.To == run.Running && p.wf.Timeout > 0 {
		p.deadline = t.At.Add(p.wf.Timeout.Truncate(time.Microsecond))
	}
}

// applyJob changes a job's state and everything that is counted from it. It is the
// only place where a job changes, for a step and for a replay.
func (p *Plan) applyJob(i int, t *run.Transition) {
	j := &p.jobs[i]
	if t.Mark() {
		p.applyJobCancel(i)
		return
	}
	p.counts.Apply(t)
	p.memory.learn(i, t)
	p.keepValues(i, t)
	p.left = p.left || t.Reason == run.NotSelected
	p.stuck = p.stuck || t.Reason == run.Stuck
	j.state = t.To
	j.due = 0
	if j.is(offered) { // it starts, or does not any more
		j.traits &^= offered
		p.offered--
	}
	switch t.To {
	case run.Running:
		j.tries = int32(t.Try)
		if t.Try == 1 {
			j.began = t.At.UnixNano()
		}
	case run.Failed, run.Timeout:
		if !t.Until.IsZero() {
			j.due = t.Until.UnixNano()
			p.waiting.push(i)
			return
		}
		p.ended(i, t.Reason)
	case run.Success:
		p.grow(i) // first: what it becomes waits for the job as it does
		p.ended(i, t.Reason)
	case run.Cancelled, run.Skipped:
		p.ended(i, t.Reason)
	}
}

// applyJobCancel notes that a running job is to stop, or that a waiting one is not to be
// repeated, which makes its failure final.
func (p *Plan) applyJobCancel(i int) {
	j := &p.jobs[i]
	before := j.stopped
	j.stopped = true
	switch {
	case j.state == run.Running:
		p.stopping = append(p.stopping, i)
	case !before:
		p.ended(i, "")
	}
}
