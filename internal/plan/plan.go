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
	// Offer has tasks that may start offered first, as Output.Ready, and started when an
	// Admitted says so: somebody else decides when. Nothing is recorded of an offer, so that
	// a restored plan makes it again.
	Offer bool
	// Expected holds how long each job is expected to take, by index. It only orders
	// ready jobs (longest chain first). Nil: all alike.
	Expected []time.Duration
	// When says whether the condition of the job with that index holds. It is called
	// when everything else that the job waits for has come, must be pure, and is not
	// called again by a plan that was restored from what followed. An error skips the job
	// and counts as its failure. Nil: every condition holds.
	When func(job int, f Facts) (bool, error)
}

// Plan is the state of one attempt.
type Plan struct {
	wf    *workflow.Workflow
	opt   Options
	graph graph
	ranks []int64 // length of the longest chain that begins with the job
	gate  []int32 // see gate.go; nil: nothing waits for it
	prior []int32 // the jobs' priorities, close together because each comparison asks for two; nil: all alike

	jobs       []job
	hooks      bool    // some of them run at the end of the run
	conditions bool    // some of them have a condition
	memory     *memory // what conditions ask about; nil: nothing

	growth *growth // see grow.go; nil: no job becomes several

	values map[int]run.Values // of jobs that handed some on
	ids    map[run.JobID]int  // made for the first job that asks for some

	counts   run.Counts
	state    run.State // of the attempt
	deadline time.Time // when the run's time is over; zero: never
	halt     halt
	first    int // jobs below this index have been considered by decideFirst
	halted   int // jobs below this index have been considered by endOne

	// Jobs that have not ended for good.
	open     int // but hooks
	working  int // but those that clean up: hooks, and jobs that run always
	cleaning int // those

	offered int // tasks that wait for being admitted

	// What the result depends on besides the counts.
	allowed int  // of the jobs that are counted as failed, those that may
	forgave bool // a job failed that may, in this attempt or an earlier one
	broken  bool // a condition could not be evaluated
	cut     bool // a cancel or a drain took a failed job's next try from it
	stuck   bool // the run had to be ended by unstick
	left    bool // jobs were left out that no attempt has done

	// Work lists. An entry whose job has moved on meanwhile is dropped when its turn comes.
	ready    heap  // jobs in QUEUED, first to start on top
	waiting  heap  // jobs in FAILED or TIMEOUT with a retry to come, earliest on top
	met      heap  // PENDING jobs whose dependencies are met, to be queued
	doomed   heap  // PENDING jobs that can't run any more, to be skipped
	stopping []int // running jobs that are to be asked to stop

	out *Output   // of the step that is going on
	now time.Time // of the step that is going on; UTC, microseconds
}

// job is what changes about a job. 48 bytes: a plan may hold a million.
type job struct {
	decision run.Reason // why it is not run in this attempt; empty when it is
	began    int64      // start of the first try, Unix nanoseconds
	due      int64      // when the next try may start, Unix nanoseconds; 0: no retry
	tries    int32
	unmet    int32 // dependencies that are not satisfied yet; for a hook also the end of the other jobs
	cause    int32 // the job that doomed this one, or -1
	state    run.State
	stopped  bool // it was asked to stop, or not to be repeated
	bar      bar  // what keeps it from running for good
	traits   traits
}

// traits are what is different about a job. They are kept here because looking them up
// in the workflow costs a large run more than everything else.
type traits uint8

const (
	always      traits = 1 << iota // it runs however what it needs ended
	hook                           // it runs at the end of the run
	choosy                         // it waits for other endings than success
	handler                        // among them a failure, or whatever comes
	conditional                    // it has a condition
	forgiven                       // it may fail
	idle                           // an earlier attempt skipped it though nothing was wrong
	offered                        // its next try may start, and waits for being admitted
)

func (j *job) is(t traits) bool { return j.traits&t != 0 }

// exempt reports whether the job cleans up: a failure or a cancel does not keep it from starting.
func (j *job) exempt() bool { return j.is(always | hook) }

// New returns the plan of a run's first attempt.
func New(wf *workflow.Workflow, opt Options) *Plan {
	p := build(wf, withDefaults(wf, opt))
	p.decide(nil)
	p.remember(nil)
	return p
}

// Workflow returns the workflow that is planned: as it is by now, where jobs become several
// when what they are made of is known. The one that the plan was made with is not changed.
func (p *Plan) Workflow() *workflow.Workflow { return p.wf }

// State returns the state of the attempt.
func (p *Plan) State() run.State { return p.state }

// Counts returns the jobs by how they stand.
func (p *Plan) Counts() run.Counts { return p.counts }

// Job returns the state of job i and the number of tries that have started.
func (p *Plan) Job(i int) (run.State, int) { return p.jobs[i].state, int(p.jobs[i].tries) }

// Remaining returns how many jobs this attempt has yet to run, and how many it leaves
// out that no attempt has done. What an earlier attempt skipped though nothing was wrong
// is not waited for, and hooks are no reason for an attempt.
func (p *Plan) Remaining() (toRun, leftOut int) {
	for i := range p.jobs {
		switch j := &p.jobs[i]; {
		case j.decision == "" && !j.state.Ended() && !j.is(hook|idle):
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
	p.decideFirst() // of jobs that have come with it
	p.expire()
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
		if !p.halt.stop || !p.halt.all && p.cleaning > 0 {
			p.mark(in.reason(), in.Detail)
		}
	case Drain:
		if p.halt.asked == "" || p.halt.stop && !p.halt.all && !p.halt.drained && p.cleaning > 0 {
			p.mark(in.reason(), in.Detail)
		}
	case CancelJob:
		p.cancelJob(in)
	case Admitted:
		p.admitted(in)
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
	case j.stopped || !p.mayRepeat(in.Job):
	case p.wf.Jobs[in.Job].Idempotent && lostAgain(retry, &o, in.Try):
		t.Until = p.now
	case retries(retry, &o, in.Try, p.now.Sub(time.Unix(0, j.began))):
		t.Until = p.now.Add(retryDelay(retry, p.opt.Run, p.id(in.Job), in.Try))
	}
	p.emit(in.Job, t)
}

// cancelJob ends or prevents one job.
func (p *Plan) cancelJob(in CancelJob) {
	if in.ID != "" {
		in.Job, in.ID = p.wf.Index(in.ID), ""
	}
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
	for _, i := range p.madeOf(in.Job) {
		p.cancelJob(CancelJob{Job: i, Detail: in.Detail})
	}
}

// settle records everything that follows from what is known, one thing after the
// other, in an order that depends on nothing but the state, so that a plan restored in
// the middle of a step goes on with the rest of it.
func (p *Plan) settle() {
	for {
		switch {
		case p.halt.asked != "" && p.endOne():
		case p.doomed.len() > 0:
			p.skipDoomed(p.doomed.pop())
		case p.halt.failed && p.endOne():
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

func (p *Plan) skipDoomed(i int) {
	j := &p.jobs[i]
	if j.state != run.Pending {
		return
	}
	t := run.Transition{From: run.Pending, To: run.Skipped, Reason: barReasons[j.bar]}
	switch {
	case j.bar == stoppedOnFailure:
		t.Cause = p.halt.cause
	case j.cause >= 0:
		t.Cause = p.id(int(j.cause))
	}
	p.emit(i, t)
}

func (p *Plan) queue(i int) {
	if p.jobs[i].state == run.Pending && p.holds(i) {
		p.emit(i, run.Transition{From: run.Pending, To: run.Queued, Reason: run.DependenciesMet})
		p.ready.push(i)
	}
}

// requeue queues the failed jobs whose wait is over.
func (p *Plan) requeue() {
	for p.waiting.len() > 0 {
		i := p.waiting.top()
		j := &p.jobs[i]
		if !j.stopped && j.due > p.now.UnixNano() {
			return
		}
		p.waiting.pop()
		if !j.stopped { // else it is not to be repeated any more
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
	for p.counts.Running+p.offered < p.opt.Workers && p.ready.len() > 0 {
		i := p.ready.pop()
		j := &p.jobs[i]
		switch {
		case j.state != run.Queued: // cancelled while it waited
		case p.opt.Offer:
			j.traits |= offered
			p.offered++
			p.out.Ready = append(p.out.Ready, Task{Job: i, Try: int(j.tries) + 1})
		default:
			p.start(i)
		}
	}
}

// start begins the next try of job i.
func (p *Plan) start(i int) {
	j := &p.jobs[i]
	p.emit(i, run.Transition{Try: int(j.tries) + 1, From: run.Queued, To: run.Running, Reason: run.Started})
	p.out.Start = append(p.out.Start, Task{Job: i, Try: int(j.tries)})
}

// admitted starts a task that was offered, if it still may start.
func (p *Plan) admitted(in Admitted) {
	if in.Job < 0 || in.Job >= len(p.jobs) {
		return
	}
	if j := &p.jobs[in.Job]; j.is(offered) && int(j.tries)+1 == in.Try {
		p.start(in.Job)
	}
}

// stop asks for the end of running jobs that were cancelled. After Restore that is
// asked for once more, because nobody knows whether it was carried out.
func (p *Plan) stop() {
	slices.Sort(p.stopping)
	for _, i := range slices.Compact(p.stopping) {
		j := &p.jobs[i]
		if j.state != run.Running {
			continue
		}
		s := Stop{Job: i, Try: int(j.tries), State: run.Cancelled, Reason: run.JobCancelled}
		if p.stops(i) {
			why := ask{p.halt.asked, p.halt.detail}
			if j.exempt() {
				why = p.halt.latest
			}
			s.Reason, s.Detail = why.of(), why.detail
		}
		p.out.Stop = append(p.out.Stop, s)
	}
	p.stopping = p.stopping[:0]
}

// end finishes the attempt when nothing is left to do, or says when to come back.
func (p *Plan) end() {
	if p.counts.Running > 0 || p.offered > 0 || p.waiting.len() > 0 {
		p.wake()
		return
	}
	p.unstick()
	sum := run.Summary{Counts: p.counts}
	sum.State, sum.Reason = p.resultOf(p.counts)
	t := run.Transition{From: p.state, To: sum.State, Reason: sum.Reason}
	if t.Reason == p.halt.asked {
		t.Detail = p.halt.detail // who asked for this end; of any other it would be untrue
	}
	p.emit(theRun, t)
	p.out.Done = &sum
}

// wake asks for the next moment at which something happens by itself.
func (p *Plan) wake() {
	if p.waiting.len() > 0 {
		p.out.Wake = time.Unix(0, p.jobs[p.waiting.top()].due).UTC()
	}
	if p.limited() && (p.out.Wake.IsZero() || p.deadline.Before(p.out.Wake)) {
		p.out.Wake = p.deadline
	}
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

// resultOf says how the attempt ends with jobs that stand like that.
func (p *Plan) resultOf(c run.Counts) (run.State, run.Reason) {
	failed := c.Failed > p.allowed || p.broken
	switch {
	case p.halt.stop && (c.Cancelled > 0 || p.cut):
		if p.halt.asked == run.TimedOut {
			return run.Timeout, run.TimedOut
		}
		return run.Cancelled, p.halt.asked
	case p.halt.asked == run.EngineLost && failed:
		return run.Failed, run.EngineLost
	case failed:
		return run.Failed, run.JobFailed
	case p.halt.asked != "" && c.Cancelled > 0:
		return run.Cancelled, p.halt.asked
	case c.Cancelled > 0:
		return run.Failed, run.JobFailed
	case p.stuck:
		return run.Failed, run.Stuck
	case p.left:
		return run.Failed, run.JobsLeft
	case p.forgave:
		return run.Success, run.FailuresAllowed
	default:
		return run.Success, run.AllSucceeded
	}
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
