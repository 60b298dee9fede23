// Package plan is the state machine of one attempt of one run. It decides what
// starts, what is repeated, what is skipped and when the run is over, and nothing
// else: it has no clock, no goroutines, no randomness and does no I/O, so the same
// inputs always give the same outputs.
//
// The caller feeds inputs to Step and carries out its Output: first record the
// transitions, then start and stop what it says. Restore makes a plan from recorded
// transitions that goes on exactly where the recorded one stood; the first start, a
// resume and the recovery from a crash are the same code.
//
// A Plan is owned by one goroutine.
package plan

import (
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Options say how one attempt differs from what its workflow says.
type Options struct {
	Run             run.ID
	Attempt         int         // from 1; 0 means 1
	Workers         int         // jobs that may run at once; 0: as the workflow says
	Sequential      bool        // ready jobs start in file order, one at a time
	Parallel        bool        // ready jobs start by priority and critical path though the file is sequential
	ContinueOnError bool        // also when the workflow does not say so
	Skip            []run.JobID // not run, and count as done for what needs them
	FailedOnly      bool        // run only what failed in an earlier attempt
	From            []run.JobID // run these and everything that needs them, done or not
	// Expected holds how long each job is expected to take, by index. It only orders
	// ready jobs (longest chain first). Nil: all alike.
	Expected []time.Duration
}

// Plan is the state of one attempt.
type Plan struct {
	wf    *workflow.Workflow
	opt   Options
	graph graph
	ranks []int64 // length of the longest chain that begins with the job

	jobs   []job
	counts run.Counts
	state  run.State // of the attempt
	halt   halt
	first  int // jobs below this index have been considered by decideFirst
	halted int // jobs below this index have been considered by endUnstarted

	// Work lists. An entry whose job has moved on meanwhile is dropped when its turn comes.
	ready   heap  // jobs in QUEUED, first to start on top
	waiting heap  // jobs in FAILED or TIMEOUT with a retry to come, earliest on top
	met     heap  // PENDING jobs whose dependencies are met, to be queued
	doomed  heap  // PENDING jobs that can't run any more, to be skipped
	stops   []int // running jobs that are to be asked to stop
	stuck   bool  // the run had to be ended by unstick
	left    bool  // jobs were left out that no attempt has done

	out *Output   // of the step that is going on
	now time.Time // of the step that is going on; UTC, microseconds
}

// job is what changes about a job. 48 bytes: a plan may hold a million.
type job struct {
	decision run.Reason // why it is not run in this attempt; empty when it is
	began    int64      // start of the first try, Unix nanoseconds
	due      int64      // when the next try may start, Unix nanoseconds; 0: no retry
	tries    int32
	unmet    int32 // dependencies that are not satisfied yet
	cause    int32 // the job that doomed this one, or -1
	state    run.State
	stopped  bool // it was asked to stop, or not to be repeated
}

// halt is the decision to start nothing more. After a failure that means no other
// jobs: those that have started go on with their tries, as they would if they were
// running. When it was asked for, it means nothing at all.
type halt struct {
	on     bool
	stop   bool       // running jobs are stopped too
	state  run.State  // what becomes of jobs that have not started: Skipped or Cancelled
	reason run.Reason // why
	cause  run.JobID
	detail string
	asked  run.Reason // the reason of a cancel or drain; empty after a mere failure
}

// New returns the plan of a run's first attempt.
func New(wf *workflow.Workflow, opt Options) *Plan {
	p := build(wf, withDefaults(wf, opt))
	p.decide(nil)
	return p
}

// Workflow returns the workflow that is planned.
func (p *Plan) Workflow() *workflow.Workflow { return p.wf }

// State returns the state of the attempt.
func (p *Plan) State() run.State { return p.state }

// Counts returns the jobs by how they stand.
func (p *Plan) Counts() run.Counts { return p.counts }

// Job returns the state of job i and the number of tries that have started.
func (p *Plan) Job(i int) (run.State, int) { return p.jobs[i].state, int(p.jobs[i].tries) }

// Remaining returns how many jobs this attempt has yet to run, and how many it leaves
// out that no attempt has done.
func (p *Plan) Remaining() (toRun, leftOut int) {
	for i := range p.jobs {
		switch j := &p.jobs[i]; {
		case j.decision == "" && !j.state.Ended():
			toRun++
		case j.decision == run.NotSelected:
			leftOut++
		}
	}
	return toRun, leftOut
}

// Workers returns how many jobs may run at once.
func (p *Plan) Workers() int { return p.opt.Workers }

// Step takes one input at time now and returns what follows from it. Time counts in
// whole microseconds, which is what a store keeps, so that a restored plan computes
// with the same times. After the attempt has ended it returns an empty Output.
func (p *Plan) Step(now time.Time, in Input) Output {
	var out Output
	if p.state.Ended() {
		return out
	}
	p.out, p.now = &out, now.UTC().Truncate(time.Microsecond)
	p.begin()
	p.decideFirst()
	p.take(in)
	p.settle()
	p.requeue()
	p.dispatch()
	p.stop()
	p.end()
	p.out = nil
	return out
}

// begin moves the attempt to RUNNING.
func (p *Plan) begin() {
	reason := run.Submitted
	if p.opt.Attempt > 1 {
		reason = run.Resumed
	}
	if p.state == run.Pending {
		p.emit(theRun, run.Transition{From: run.Pending, To: run.Queued, Reason: reason})
	}
	if p.state == run.Queued {
		p.emit(theRun, run.Transition{From: run.Queued, To: run.Running, Reason: run.Started})
	}
}

// take applies the input itself; what follows from it is settled afterwards.
func (p *Plan) take(in Input) {
	switch in := in.(type) {
	case Finished:
		p.finished(in)
	case Cancel:
		if !p.halt.stop {
			p.mark(in.reason(), in.Detail)
		}
	case Drain:
		if p.halt.asked == "" {
			p.mark(in.reason(), in.Detail)
		}
	case CancelJob:
		p.cancelJob(in)
	case Begin, Tick:
		// What follows from the time, or from nothing, is settled anyway.
	}
}

// finished records how a try ended, and whether it will be repeated.
func (p *Plan) finished(in Finished) {
	if in.Job < 0 || in.Job >= len(p.jobs) {
		return
	}
	j := &p.jobs[in.Job]
	if j.state != run.Running || int(j.tries) != in.Try {
		return // late, stale or duplicate
	}
	o := in.Outcome
	if !run.Running.CanMove(o.State) {
		o = run.Outcome{State: run.Failed, Reason: run.Lost, ExitCode: run.NoExitCode, Detail: "the runner gave no outcome"}
	}
	t := run.Transition{
		Try: in.Try, From: run.Running, To: o.State,
		Reason: o.Reason, Detail: o.Detail, Outcome: &o,
	}
	retry := p.wf.Jobs[in.Job].Retry
	switch {
	case p.halt.asked != "" || j.stopped:
	case p.wf.Jobs[in.Job].Idempotent && lostAgain(retry, &o, in.Try):
		t.Until = p.now
	case retries(retry, &o, in.Try, p.now.Sub(time.Unix(0, j.began))):
		t.Until = p.now.Add(retryDelay(retry, p.opt.Run, p.id(in.Job), in.Try))
	}
	p.emit(in.Job, t)
}

// cancelJob ends or prevents one job.
func (p *Plan) cancelJob(in CancelJob) {
	if in.Job < 0 || in.Job >= len(p.jobs) {
		return
	}
	j := &p.jobs[in.Job]
	t := run.Transition{Try: int(j.tries), From: j.state, To: run.Cancelled, Reason: run.JobCancelled, Detail: in.Detail}
	switch {
	case j.state == run.Pending || j.state == run.Queued:
		p.emit(in.Job, t)
	case !j.stopped && (j.state == run.Running || j.due != 0):
		t.To = t.From // it is recorded that it was asked for; the end comes from the runner
		p.emit(in.Job, t)
	}
}

// settle records everything that follows from what is known, in an order that
// depends on nothing but the state, so that a plan restored in the middle of a
// step goes on with the rest of it.
func (p *Plan) settle() {
	for {
		switch {
		case p.doomed.len() > 0:
			p.skipDoomed(p.doomed.pop())
		case p.halt.on:
			p.endUnstarted()
			return
		case p.met.len() > 0:
			p.queue(p.met.pop())
		default:
			return
		}
	}
}

// decideFirst skips what this attempt does not run.
func (p *Plan) decideFirst() {
	for ; p.first < len(p.jobs); p.first++ {
		if j := &p.jobs[p.first]; j.state == run.Pending && j.decision != "" {
			p.emit(p.first, run.Transition{From: run.Pending, To: run.Skipped, Reason: j.decision})
		}
	}
}

// endUnstarted ends every job that has not started, because no other job starts any
// more. One that is queued for another try has started.
func (p *Plan) endUnstarted() {
	for ; p.halted < len(p.jobs); p.halted++ {
		j := &p.jobs[p.halted]
		goesOn := j.tries > 0 && p.halt.asked == ""
		if j.state != run.Pending && j.state != run.Queued || goesOn {
			continue
		}
		p.emit(p.halted, run.Transition{
			Try: int(j.tries), From: j.state, To: p.halt.state,
			Reason: p.halt.reason, Cause: p.halt.cause, Detail: p.halt.detail,
		})
	}
}

func (p *Plan) skipDoomed(i int) {
	if j := &p.jobs[i]; j.state == run.Pending {
		p.emit(i, run.Transition{From: run.Pending, To: run.Skipped, Reason: run.DependencyFailed, Cause: p.id(int(j.cause))})
	}
}

func (p *Plan) queue(i int) {
	if p.jobs[i].state == run.Pending {
		p.emit(i, run.Transition{From: run.Pending, To: run.Queued, Reason: run.DependenciesMet})
		p.ready.push(i)
	}
}

// requeue queues the failed jobs whose wait is over.
func (p *Plan) requeue() {
	for p.halt.asked == "" && p.waiting.len() > 0 {
		i := p.waiting.top()
		j := &p.jobs[i]
		if !j.stopped && j.due > p.now.UnixNano() {
			return
		}
		p.waiting.pop()
		if !j.stopped { // else it was cancelled while it waited
			p.emit(i, run.Transition{Try: int(j.tries), From: j.state, To: run.Queued, Reason: run.Retry})
			p.ready.push(i)
		}
	}
}

// dispatch starts ready jobs while there is room. Once nothing may start any more, no
// job is QUEUED and what is left in the list is out of date. In file order a job is
// done with all its tries before the next one starts.
func (p *Plan) dispatch() {
	if p.opt.Sequential && p.waiting.len() > 0 {
		return
	}
	for p.counts.Running < p.opt.Workers && p.ready.len() > 0 {
		i := p.ready.pop()
		j := &p.jobs[i]
		if j.state != run.Queued {
			continue // cancelled while it waited
		}
		p.emit(i, run.Transition{Try: int(j.tries) + 1, From: run.Queued, To: run.Running, Reason: run.Started})
		p.out.Start = append(p.out.Start, Task{Job: i, Try: int(j.tries)})
	}
}

// stop asks for the end of running jobs that were cancelled. After Restore that is
// asked for once more, because nobody knows whether it was carried out.
func (p *Plan) stop() {
	slices.Sort(p.stops)
	for _, i := range slices.Compact(p.stops) {
		j := &p.jobs[i]
		if j.state != run.Running {
			continue
		}
		s := Stop{Job: i, Try: int(j.tries), State: run.Cancelled, Reason: run.JobCancelled}
		if p.halt.stop {
			s.Reason, s.Detail = p.halt.asked, p.halt.detail
		}
		p.out.Stop = append(p.out.Stop, s)
	}
	p.stops = p.stops[:0]
}

// end finishes the attempt when nothing is left to do, or says when to come back.
func (p *Plan) end() {
	if p.halt.asked == "" && p.waiting.len() > 0 {
		p.out.Wake = time.Unix(0, p.jobs[p.waiting.top()].due).UTC()
	}
	if p.counts.Running > 0 || !p.out.Wake.IsZero() {
		return
	}
	p.unstick()
	sum := run.Summary{Counts: p.counts}
	sum.State, sum.Reason = p.result()
	t := run.Transition{From: p.state, To: sum.State, Reason: sum.Reason}
	if t.Reason == p.halt.asked {
		t.Detail = p.halt.detail // who asked for this end; of any other it would be untrue
	}
	p.emit(theRun, t)
	p.out.Done = &sum
}

// unstick ends what is still PENDING though nothing runs and nothing can start. A
// validated workflow never has such jobs; a user who does should be told, not left waiting.
func (p *Plan) unstick() {
	for i := range p.jobs {
		if p.jobs[i].state == run.Pending {
			p.emit(i, run.Transition{From: run.Pending, To: run.Skipped, Reason: run.Stuck})
		}
	}
}

// result says how the attempt ended, by what became of its jobs.
func (p *Plan) result() (run.State, run.Reason) {
	c := &p.counts
	switch {
	case p.halt.stop && (c.Cancelled > 0 || p.cutShort()):
		return run.Cancelled, p.halt.asked
	case p.halt.asked == run.EngineLost && c.Failed > 0:
		return run.Failed, run.EngineLost
	case c.Failed > 0:
		return run.Failed, run.JobFailed
	case p.halt.asked != "" && c.Cancelled > 0:
		return run.Cancelled, p.halt.asked
	case c.Cancelled > 0:
		return run.Failed, run.JobFailed
	case p.stuck:
		return run.Failed, run.Stuck
	case p.left:
		return run.Failed, run.JobsLeft
	default:
		return run.Success, run.AllSucceeded
	}
}

// cutShort reports whether a cancel took a failed job's next try from it.
func (p *Plan) cutShort() bool {
	return slices.ContainsFunc(p.waiting.items, func(i int32) bool { return !p.jobs[i].stopped })
}

// mark records a decision about the run that changes no state.
func (p *Plan) mark(reason run.Reason, detail string) {
	p.emit(theRun, run.Transition{From: p.state, To: p.state, Reason: reason, Detail: detail})
}

// theRun stands for the run itself where a job index is asked for.
const theRun = -1

// emit adds a transition of job i to the output and applies it.
func (p *Plan) emit(i int, t run.Transition) {
	t.Attempt = p.opt.Attempt
	t.At = p.now
	if i == theRun {
		p.applyRun(&t)
	} else {
		t.Job = p.id(i)
		p.applyJob(i, &t)
	}
	p.out.Transitions = append(p.out.Transitions, t)
}

func (p *Plan) id(i int) run.JobID { return p.wf.Jobs[i].ID }
