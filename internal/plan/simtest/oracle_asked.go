package simtest

import (
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
)

// begin skips what this attempt does not run.
func (o *oracle) begin() {
	if o.begun {
		return
	}
	o.begun = true
	for i := range o.jobs {
		if j := &o.jobs[i]; j.decided != "" {
			j.State, j.Reason = run.Skipped, j.decided
		}
	}
}

func (o *oracle) ask(in plan.Input) {
	cleaning := slices.ContainsFunc(o.jobs, func(j node) bool { return j.cleans() && j.place == 0 })
	switch in := in.(type) {
	case plan.Cancel:
		switch {
		case !o.stopped:
			o.halt(in.Reason)
		case !o.all && cleaning:
			o.all, o.latest = true, in.Reason
			o.haltJobs()
		}
	case plan.Drain:
		if o.asked == "" || o.stopped && !o.all && !o.drained && cleaning {
			o.drained, o.latest = true, in.Reason
			if o.asked == "" {
				o.asked = in.Reason
			}
			o.haltJobs()
		}
	case plan.CancelJob:
		o.askNamed(in)
	}
}

// halt stops the run for the first time.
func (o *oracle) halt(reason run.Reason) {
	o.stopped, o.asked, o.latest = true, reason, reason
	o.haltJobs()
}

// haltJobs stops what may not run any more and what may not be repeated.
func (o *oracle) haltJobs() {
	for i := range o.jobs {
		j := &o.jobs[i]
		if o.mustStop(j) {
			o.kill(i, forJob(o.latest))
		}
		if j.repeating && (o.drained || o.mustStop(j)) {
			j.repeating, j.lostTry, o.cut = false, true, true
		}
	}
}

// forJob is the reason of a run as its jobs have it.
func forJob(r run.Reason) run.Reason {
	if r == run.TimedOut {
		return run.RunTimedOut
	}
	return r
}

// cleans reports whether the job is to run whatever happened.
func (j *node) cleans() bool { return j.Always || j.Hook != "" }

func (o *oracle) mustStop(j *node) bool { return o.all || o.stopped && !j.cleans() }

// deadline returns when the run's time is over, if that still means anything.
func (o *oracle) deadline() time.Duration {
	works := slices.ContainsFunc(o.jobs, func(j node) bool { return !j.cleans() && j.place == 0 })
	if o.Workflow.Timeout == 0 || o.stopped || !works {
		return never
	}
	return o.Workflow.Timeout
}

func (o *oracle) expire() {
	if o.now >= o.deadline() {
		o.halt(run.TimedOut)
		o.note()
	}
}

func (o *oracle) askJob(i int) {
	switch j := &o.jobs[i]; {
	case j.State == run.Pending || j.State == run.Queued:
		j.State, j.Reason = run.Cancelled, run.JobCancelled
	case j.State == run.Running && o.mustStop(j):
		j.told = true // it is being stopped already
	case j.State == run.Running:
		j.told = true
		o.kill(i, run.JobCancelled)
	case j.repeating:
		j.told, j.repeating = true, false
	}
}

// kill ends job i, if it runs, after its grace, unless it ends by itself before that.
func (o *oracle) kill(i int, reason run.Reason) {
	j := &o.jobs[i]
	if j.State != run.Running {
		return
	}
	if j.stopping {
		if j.outcome.State == run.Cancelled && j.killed == o.events {
			j.outcome.Reason = reason // both are asked for by one stop
		}
		return
	}
	j.stopping = true
	if at := o.now + o.Attempt.end(i, j.Tries).Grace; at < j.ends {
		j.killed = o.events
		j.ends, j.outcome = at, run.Outcome{State: run.Cancelled, Reason: reason, ExitCode: run.NoExitCode}
	}
}
