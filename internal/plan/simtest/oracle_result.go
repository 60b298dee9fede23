package simtest

import (
	"slices"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
)

// over reports whether nothing runs and nothing will.
func (o *oracle) over() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.State == run.Running || j.repeating {
			return false
		}
	}
	return true
}

func anyJob(*node) bool { return true }

// count counts some of the jobs.
func (o *oracle) count(of func(*node) bool) run.Counts {
	c := run.Counts{Total: len(o.jobs)}
	for i := range o.jobs {
		switch j := &o.jobs[i]; {
		case !of(j):
		case j.State == run.Running:
			c.Running++
		case j.State == run.Success, j.Reason == run.AlreadySucceeded:
			c.Succeeded++
		case j.State == run.Failed, j.State == run.Timeout, j.Reason == run.FailuresAllowed:
			c.Failed++
		case j.State == run.Skipped:
			c.Skipped++
		case j.State == run.Cancelled:
			c.Cancelled++
		}
	}
	return c
}

// result says how the attempt ended, going by some of the jobs. What stopped it wins if it
// kept or stopped a job; then failures of jobs that may not fail; then what the engine asked for.
func (o *oracle) result(of func(*node) bool) (run.State, run.Reason) {
	c := o.count(of)
	any := func(is func(j *node) bool) bool {
		return slices.ContainsFunc(o.jobs, func(j node) bool { return of(&j) && is(&j) })
	}
	failed := any(func(j *node) bool { return j.bad() && (!j.ContinueOnError || j.lostTry) })
	switch {
	case o.stopped && (c.Cancelled > 0 || o.cut) && o.asked == run.TimedOut:
		return run.Timeout, run.TimedOut
	case o.stopped && (c.Cancelled > 0 || o.cut):
		return run.Cancelled, o.asked
	case failed && o.asked == run.EngineLost:
		return run.Failed, run.EngineLost
	case failed:
		return run.Failed, run.JobFailed
	case c.Cancelled > 0 && o.asked != "":
		return run.Cancelled, o.asked
	case c.Cancelled > 0:
		return run.Failed, run.JobFailed
	case any(func(j *node) bool { return j.Reason == run.NotSelected }):
		return run.Failed, run.JobsLeft
	case any(func(j *node) bool { return j.bad() || j.decided == run.FailuresAllowed }):
		return run.Success, run.FailuresAllowed
	}
	return run.Success, run.AllSucceeded
}

// remember keeps what later attempts must know.
func (o *oracle) remember(known map[run.JobID]past) {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.Reason == run.AlreadySucceeded || j.Reason == run.FailuresAllowed {
			continue
		}
		done := j.State == run.Success
		now := past{done: done, failed: !done && (j.everBad || j.Reason == run.ConditionFailed || known[j.ID].failed), cut: j.lostTry}
		now.Fact = plan.Fact{State: j.State, Reason: j.Reason, ExitCode: j.code}
		if done {
			now.Values = j.outcome.Values
		}
		known[j.ID] = now
	}
}
