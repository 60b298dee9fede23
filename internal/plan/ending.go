package plan

import (
	"slices"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// ending is how a job ended for good, as far as others depend on it.
type ending uint8

const (
	endedWell      ending = iota // it succeeded, or need not run
	endedBadly                   // it failed, or its condition could not be evaluated
	endedAllowed                 // it failed, and may: it counts as well and as badly
	endedCancelled               // somebody ended it
	endedUnrun                   // it was skipped
)

// satisfies reports whether one who waits for such an ending may start.
func (e ending) satisfies(on workflow.Ending) bool {
	switch on {
	case workflow.OnDone:
		return true
	case workflow.OnFailure:
		return e == endedBadly || e == endedAllowed
	case workflow.OnSkipped:
		return e == endedUnrun
	default:
		return e == endedWell || e == endedAllowed
	}
}

// ending returns how job i ended, reason being that of its last transition.
func (p *Plan) ending(i int, reason run.Reason) ending {
	j := &p.jobs[i]
	switch {
	case j.state == run.Success:
		return endedWell
	case j.state == run.Cancelled:
		return endedCancelled
	case j.state != run.Skipped || reason == run.ConditionFailed:
		if j.is(forgiven) {
			return endedAllowed
		}
		return endedBadly
	case reason == run.SkipRequested || reason == run.AlreadySucceeded || reason == run.NotSelected:
		return endedWell // jobs that the user asked not to run count as done
	case reason == run.FailuresAllowed:
		return endedAllowed
	default:
		return endedUnrun
	}
}

// awaited returns how job need must have ended for job i to start.
func (p *Plan) awaited(i, need int) workflow.Ending {
	j := &p.jobs[i]
	on := workflow.OnSuccess
	if j.is(choosy) {
		w := &p.wf.Jobs[i]
		if n, ok := slices.BinarySearch(w.Needs, need); ok {
			on = w.On[n]
		}
	}
	if on == workflow.OnSuccess && j.is(always) {
		return workflow.OnDone
	}
	return on
}

// ended is called once for each job, when it has ended for good. It lets go what waited
// for the job, or dooms it, and draws from it what follows for the run.
func (p *Plan) ended(i int, reason run.Reason) {
	p.endedAs(i, p.ending(i, reason), reason)
}

func (p *Plan) endedAs(i int, e ending, reason run.Reason) {
	p.tally(i, e, reason)
	for _, d := range p.graph.of(i) {
		if on := p.awaited(int(d), i); e.satisfies(on) {
			p.meet(int(d))
		} else {
			p.doom(int(d), i, e, on, reason)
		}
	}
	p.pass(i)
	p.endedInPhase(i)
}

// tally counts an ending, and decides whether other jobs may still start after it.
func (p *Plan) tally(i int, e ending, reason run.Reason) {
	j := &p.jobs[i]
	switch {
	case e == endedAllowed:
		p.forgave = true
		if reason != run.ConditionFailed { // which is counted as skipped
			p.allowed++
		}
	case e == endedBadly && j.state == run.Skipped:
		p.broken = true
	}
	bad := e == endedBadly || e == endedCancelled
	if bad && !j.is(hook) && !p.opt.ContinueOnError && !p.halt.failed && p.halt.asked == "" {
		p.halt.failed, p.halt.cause = true, p.id(i)
		p.halted = 0
	}
}

// endedInPhase has the hooks begin when the last of the other jobs has ended.
func (p *Plan) endedInPhase(i int) {
	j := &p.jobs[i]
	if j.exempt() {
		p.cleaning--
	} else {
		p.working--
	}
	if j.is(hook) {
		return
	}
	if p.open--; p.open == 0 && p.hooks {
		p.beginHooks()
	}
}

// beginHooks lets go the jobs that run at the end which the run has come to. The
// verdict is drawn from the jobs that have ended, here and nowhere else, so that
// nothing that is asked for later changes it.
func (p *Plan) beginHooks() {
	counts := p.counts
	for i := range p.jobs {
		if j := &p.jobs[i]; j.is(hook) && j.state == run.Cancelled {
			counts.Cancelled--
		}
	}
	match := workflow.HookFailure
	if state, _ := p.resultOf(counts); state == run.Success {
		match = workflow.HookSuccess
	}
	for i := range p.jobs {
		switch {
		case !p.jobs[i].is(hook):
		case p.wf.Jobs[i].Hook == match:
			p.meet(i)
		default:
			p.condemn(i, notNeeded, -1)
		}
	}
}

// meet notes that one thing that job i waited for has come.
func (p *Plan) meet(i int) {
	j := &p.jobs[i]
	if j.unmet--; j.unmet == 0 && p.opens(i) {
		p.met.push(i)
	}
}

// bar is what keeps a job from running for good.
type bar uint8

const (
	unbarred bar = iota
	dependencyFailed
	dependencySkipped
	notNeeded
	stoppedOnFailure
)

var barReasons = [...]run.Reason{
	dependencyFailed: run.DependencyFailed, dependencySkipped: run.DependencySkipped,
	notNeeded: run.NotNeeded, stoppedOnFailure: run.StoppedOnFailure,
}

// doom marks job d as unable to run, because job i ended as e, for that reason, and d
// waited for on. What waits for d in turn learns of it when d is skipped. The cause
// that is told is where it began.
func (p *Plan) doom(d, i int, e ending, on workflow.Ending, reason run.Reason) {
	began := i
	if e == endedUnrun && p.jobs[i].cause >= 0 {
		began = int(p.jobs[i].cause)
	}
	switch {
	case reason == run.Stuck:
		// What waits for it is stuck as well.
	case on != workflow.OnSuccess:
		p.condemn(d, notNeeded, i)
	case e != endedUnrun:
		p.condemn(d, dependencyFailed, i)
	case reason == run.DependencyFailed:
		p.condemn(d, dependencyFailed, began)
	case reason == run.DependencySkipped:
		p.condemn(d, dependencySkipped, began)
	case reason != run.StoppedOnFailure:
		p.condemn(d, dependencySkipped, i)
	case p.mayStart(d): // else it is stopped in its turn
		p.condemn(d, stoppedOnFailure, i)
	}
}

// condemn marks a job that can't run any more. The first to do so counts.
func (p *Plan) condemn(i int, why bar, cause int) {
	j := &p.jobs[i]
	if j.bar == unbarred && j.decision == "" {
		j.bar, j.cause = why, int32(cause)
		p.doomed.push(i)
	}
}
