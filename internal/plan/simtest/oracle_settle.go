package simtest

import (
	"slices"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// settle ends, skips or queues one job, or reports that nothing more follows.
func (o *oracle) settle() bool {
	return o.asked != "" && o.endOne() || o.skipOne() || o.endOne() || o.queueOne()
}

// endOne ends the first job that has not started and may not any more.
func (o *oracle) endOne() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		switch {
		case j.State != run.Pending && j.State != run.Queued:
		case o.drained || o.mustStop(j):
			j.State, j.Reason = run.Cancelled, forJob(o.latest)
			return true
		case !o.mayStart(j):
			j.State, j.Reason, j.Cause = run.Skipped, run.StoppedOnFailure, o.stopper
			return true
		}
	}
	return false
}

// mayStart reports whether a failure lets the job start: it has started before, it
// cleans up, or it asks for a failure or for any ending.
func (o *oracle) mayStart(j *node) bool {
	asks := slices.Contains(j.On, workflow.OnFailure) || slices.Contains(j.On, workflow.OnDone)
	return o.stopper == "" || j.Tries > 0 || j.cleans() || asks
}

// skipOne skips the first job that can't run any more: the run came to another end, or
// something it needs has ended otherwise. Of several of these the first to end counts.
func (o *oracle) skipOne() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.State != run.Pending {
			continue
		}
		var first Fate
		place := 0
		for n, need := range j.Needs {
			why, unmet := o.unmet(j, n)
			if unmet && (place == 0 || o.jobs[need].place < place) {
				first, place = why, o.jobs[need].place
			}
		}
		switch {
		case j.Hook != "" && o.verdict != "" && j.Hook != o.verdict:
			j.State, j.Reason = run.Skipped, run.NotNeeded
			return true
		case place > 0:
			j.State, j.Reason, j.Cause = run.Skipped, first.Reason, first.Cause
			return true
		}
	}
	return false
}

// unmet reports whether the n-th need of a job has ended in a way that keeps the job
// from running, and how that is told.
func (o *oracle) unmet(j *node, n int) (Fate, bool) {
	need := &o.jobs[j.Needs[n]]
	switch {
	case need.place == 0 || o.has(j, n):
		return Fate{}, false
	case j.Ending(n) != workflow.OnSuccess:
		return Fate{Reason: run.NotNeeded, Cause: need.ID}, true
	case need.Reason == run.StoppedOnFailure:
		return Fate{Reason: run.StoppedOnFailure, Cause: o.stopper}, o.mayStart(j)
	case need.State != run.Skipped || need.Reason == run.ConditionFailed:
		return Fate{Reason: run.DependencyFailed, Cause: need.ID}, true
	case (need.Reason == run.DependencyFailed || need.Reason == run.DependencySkipped) && need.Cause != "":
		return Fate{Reason: need.Reason, Cause: need.Cause}, true
	}
	return Fate{Reason: run.DependencySkipped, Cause: need.ID}, true
}

// has reports whether the n-th need of a job has ended in the way that the job asks for.
func (o *oracle) has(j *node, n int) bool {
	need := &o.jobs[j.Needs[n]]
	if need.place == 0 {
		return false
	}
	switch on := j.Ending(n); {
	case on == workflow.OnDone || on == workflow.OnSuccess && j.Always:
		return true
	case on == workflow.OnFailure:
		return need.bad() || need.decided == run.FailuresAllowed
	case on == workflow.OnSkipped:
		return need.State == run.Skipped && !need.done() && !need.bad() && need.decided != run.FailuresAllowed
	}
	return need.State == run.Success || need.done() || need.bad() && need.ContinueOnError && !need.lostTry || need.decided == run.FailuresAllowed
}

// queueOne queues the first job that everything has come for, or skips it by its condition.
func (o *oracle) queueOne() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.State != run.Pending || j.Hook != "" && j.Hook != o.verdict {
			continue
		}
		ready := true
		for n := range j.Needs {
			ready = ready && o.has(j, n)
		}
		ready = ready && (!j.cleans() && j.On == nil || o.quiet(i))
		if !ready {
			continue
		}
		holds, err := true, error(nil)
		if j.When != "" {
			holds, err = evaluate(j.When, o.began.Add(o.now), o.look)
		}
		switch {
		case err != nil:
			j.State, j.Reason = run.Skipped, run.ConditionFailed
		case !holds:
			j.State, j.Reason = run.Skipped, run.ConditionFalse
		default:
			j.State, j.Reason = run.Queued, run.DependenciesMet
		}
		return true
	}
	return false
}

// quiet reports whether all that job i needs, directly or not, has ended for good.
func (o *oracle) quiet(i int) bool {
	for _, n := range o.jobs[i].Needs {
		if o.jobs[n].place == 0 || !o.quiet(n) {
			return false
		}
	}
	return true
}

// look returns what a condition may know of a job.
func (o *oracle) look(id run.JobID) (plan.Fact, bool) {
	for i := range o.jobs {
		j := &o.jobs[i]
		switch {
		case j.ID != id:
		case j.decided == run.AlreadySucceeded || j.decided == run.FailuresAllowed:
			return j.before.Fact, true
		default:
			return plan.Fact{State: j.State, Reason: j.Reason, ExitCode: j.code}, true
		}
	}
	return plan.Fact{}, false
}

// bad reports whether a job went wrong for good, by itself.
func (j *node) bad() bool {
	return (j.State == run.Failed || j.State == run.Timeout) && !j.repeating || j.Reason == run.ConditionFailed
}

// done reports whether a job that is not run counts as done.
func (j *node) done() bool {
	return j.decided == run.SkipRequested || j.decided == run.AlreadySucceeded || j.decided == run.NotSelected
}
