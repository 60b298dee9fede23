package plan

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// applyRun changes the attempt's state, or notes a decision about it.
func (p *Plan) applyRun(t *run.Transition) {
	if !t.Mark() {
		p.state = t.To
		return
	}
	stop := t.Reason == run.RunCancelled || t.Reason == run.Interrupted
	p.halt = halt{on: true, stop: stop, state: run.Cancelled, reason: t.Reason, detail: t.Detail, asked: t.Reason}
	p.halted = 0 // what a failure left to its tries is ended, too
	if stop {
		p.stopRunning()
	}
}

// stopRunning notes every running job as one to stop.
func (p *Plan) stopRunning() {
	for i := range p.jobs {
		if p.jobs[i].state == run.Running {
			p.stops = append(p.stops, i)
		}
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
	p.left = p.left || t.Reason == run.NotSelected
	p.stuck = p.stuck || t.Reason == run.Stuck
	j.state = t.To
	j.due = 0
	switch t.To {
	case run.Running:
		j.tries = int32(t.Try)
		if t.Try == 1 {
			j.began = t.At.UnixNano()
		}
	case run.Failed, run.Timeout:
		p.applyFailure(i, t.Until)
	case run.Cancelled:
		if !p.halt.on {
			p.fail(i)
		}
	case run.Success, run.Skipped:
		p.applyDone(i, t)
	}
}

// applyJobCancel notes that a running job is to stop, or a waiting one is not to be repeated.
func (p *Plan) applyJobCancel(i int) {
	j := &p.jobs[i]
	j.stopped = true
	if j.state == run.Running {
		p.stops = append(p.stops, i)
		return
	}
	p.fail(i)
}

// applyFailure puts a failed job among those that wait for a retry, or makes the failure final.
func (p *Plan) applyFailure(i int, until time.Time) {
	if until.IsZero() {
		p.fail(i)
		return
	}
	p.jobs[i].due = until.UnixNano()
	p.waiting.push(i)
}

// applyDone lets go what waited for a job, or dooms it.
func (p *Plan) applyDone(i int, t *run.Transition) {
	if !satisfies(t.To, t.Reason) {
		if cause := p.jobs[i].cause; cause >= 0 {
			p.doom(i, int(cause))
		}
		return
	}
	for _, d := range p.graph.of(i) {
		k := &p.jobs[d]
		if k.unmet--; k.unmet == 0 {
			p.met.push(int(d))
		}
	}
}

// satisfies reports whether a job that ended so counts as done for what needs it.
// Jobs that the user asked not to run count as done.
func satisfies(s run.State, r run.Reason) bool {
	return s == run.Success ||
		s == run.Skipped && (r == run.SkipRequested || r == run.AlreadySucceeded || r == run.NotSelected)
}

// fail makes the failure of job i final: what needs it can't run, and without
// continue-on-error nothing else starts either.
func (p *Plan) fail(i int) {
	p.doom(i, i)
	if !p.opt.ContinueOnError && !p.halt.on {
		p.halt.on, p.halt.state = true, run.Skipped
		p.halt.reason, p.halt.cause = run.StoppedOnFailure, p.id(i)
	}
}

// doom marks what needs job i directly as unable to run because of cause. What
// needs those in turn is doomed when they are skipped.
func (p *Plan) doom(i, cause int) {
	for _, d := range p.graph.of(i) {
		k := &p.jobs[d]
		if k.cause < 0 {
			k.cause = int32(cause)
			p.doomed.push(int(d))
		}
	}
}
