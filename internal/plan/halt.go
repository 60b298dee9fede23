package plan

import (
	"github.com/executionerhq/executioner/internal/run"
)

// halt is what keeps jobs from starting or going on. The zero value is nothing.
//
// After a failure other jobs do not start, but for those that wait for just that or
// clean up; what has started goes on with its tries. A cancel, or the run's time being
// over, ends everything but what cleans up: jobs that run always and hooks; asking once
// more ends these, too. After a drain nothing starts at all.
type halt struct {
	failed  bool // a job failed, and the run does not continue on errors
	cause   run.JobID
	drained bool // nothing starts, and nothing is repeated
	stop    bool // what runs is stopped, but for what cleans up
	all     bool // and that as well

	asked  run.Reason // what the run was asked for that decides how it ends; empty: nothing
	detail string
	latest ask // what it was asked for last
}

// ask is a reason and who gave it.
type ask struct {
	reason run.Reason
	detail string
}

// add notes a recorded decision about the run.
func (h *halt) add(reason run.Reason, detail string) {
	h.latest = ask{reason, detail}
	switch reason {
	case run.RunCancelled, run.Interrupted, run.TimedOut:
		h.all = h.stop
		if !h.stop {
			h.stop, h.asked, h.detail = true, reason, detail
		}
	default:
		h.drained = true
		if h.asked == "" {
			h.asked, h.detail = reason, detail
		}
	}
}

// of returns the reason for which a job is ended, where the run is for that reason.
func (a ask) of() run.Reason {
	if a.reason == run.TimedOut {
		return run.RunTimedOut
	}
	return a.reason
}

// stops reports whether job i must not run any more.
func (p *Plan) stops(i int) bool {
	return p.halt.stop && (p.halt.all || !p.jobs[i].exempt())
}

// mayRepeat reports whether job i, having failed, may be tried again.
func (p *Plan) mayRepeat(i int) bool { return !p.halt.drained && !p.stops(i) }

// mayStart reports whether job i may start once what it waits for has come.
func (p *Plan) mayStart(i int) bool {
	j := &p.jobs[i]
	return p.mayRepeat(i) && (!p.halt.failed || j.tries > 0 || j.exempt() || j.is(handler))
}

// endOne ends the next job that has not started and may not any more. It reports
// whether there was one.
func (p *Plan) endOne() bool {
	for ; p.halted < len(p.jobs); p.halted++ {
		j := &p.jobs[p.halted]
		if j.state != run.Pending && j.state != run.Queued || p.mayStart(p.halted) {
			continue
		}
		t := run.Transition{Try: int(j.tries), From: j.state, To: run.Skipped, Reason: run.StoppedOnFailure, Cause: p.halt.cause}
		if !p.mayRepeat(p.halted) {
			t.To, t.Reason, t.Cause = run.Cancelled, p.halt.latest.of(), ""
			t.Detail = p.halt.latest.detail
		}
		p.emit(p.halted, t)
		return true
	}
	return false
}

// applyHalt notes a decision about the run, has running jobs stopped, and takes from
// those that wait for their next try what they wait for.
func (p *Plan) applyHalt(t *run.Transition) {
	p.halt.add(t.Reason, t.Detail)
	p.halted = 0 // what a failure left to its tries is ended, too
	for i := range p.jobs {
		switch j := &p.jobs[i]; {
		case j.state == run.Running && p.stops(i):
			p.stopping = append(p.stopping, i)
		case j.due != 0 && !j.stopped && !p.mayRepeat(i):
			j.stopped, p.cut = true, true
			p.endedAs(i, endedBadly, "") // also when it may fail: it has not been let fail
		}
	}
}

// expire notes that the time of the whole run is over. What cleans up has no part in it.
func (p *Plan) expire() {
	if p.limited() && !p.now.Before(p.deadline) {
		p.mark(run.TimedOut, "after "+p.wf.Timeout.String())
	}
}

// limited reports whether the run's time limit still means something.
func (p *Plan) limited() bool {
	return !p.deadline.IsZero() && !p.halt.stop && p.working > 0
}
