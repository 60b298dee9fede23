// Package engine owns a run while it is going on: it feeds what happens to the
// plan, records what the plan decides, and only then acts on it.
//
// The order is always the same: append the transitions in one transaction, publish
// them, start and stop tasks, arm the timer. Nothing is acted on before it is
// recorded, nothing is published before it is committed.
package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Journal records what happens to runs. A store.Store is one.
type Journal interface {
	// Append records transitions, all or none. Locked means that somebody else owns
	// the run now; any other error means that it may be tried again.
	Append(ctx context.Context, l store.Lease, ts []run.Transition) (last int64, err error)
	// Answer is Append for what follows from requests, if anything does: those up to that
	// number are not returned by Renew any more.
	Answer(ctx context.Context, l store.Lease, ts []run.Transition, request int) (last int64, err error)
	// Renew keeps the run ours and returns what others ask of it that has no answer yet.
	Renew(ctx context.Context, l store.Lease, ttl time.Duration) ([]store.Request, error)
}

// Runner executes tasks. The id is the idempotency key: a task that is started again is
// not run again.
type Runner interface {
	// Start begins a task and returns at once, or takes it up where an earlier program
	// left it. done is called exactly once, from any goroutine, with how the task ended,
	// also when it could not be started.
	Start(t Task, done func(run.Outcome))
	// Recorded says that the outcome of a task was recorded: the runner may forget it.
	Recorded(id run.TaskID)
	// Stop asks for the end of a task and returns at once: interrupt, grace, kill.
	// The task's outcome has the state and reason given, whatever the command says.
	// Stopping a task that is not running does nothing.
	Stop(s Stop)
	// Kill ends the grace of every task that was asked to stop.
	Kill()
}

// Publisher is told of transitions after they are committed. It must not block.
type Publisher interface {
	Publish(id run.ID, ts []run.Transition)
}

// Gate says when the tasks of one run may start, as far as that does not depend on the
// run alone. Its methods don't block.
type Gate interface {
	// Offer asks for leave to start a try. admit is called when it is given, at most once,
	// from any goroutine; Done gives the leave back. like is the job's index in the workflow
	// that the attempt began with, or that of the job which it was made of.
	Offer(job, like, try int, admit func())
	// Take tells of a try that starts now, or that an earlier program started: it has leave,
	// whatever is free.
	Take(job, like, try int)
	// Done tells that a try has ended, or will not start.
	Done(job, try int)
	// Close takes back what is offered: the loop has ended.
	Close()
}

// Task is one try of a job, for a Runner.
type Task struct {
	ID  run.TaskID
	Job int // index into the Jobs of the workflow that the attempt began with
	// Made is the job, where it was made after that of the one with the index, or that one
	// is not as it was any more: see workflow.Grow. Nil: it is the one with the index.
	Made *workflow.Job
	Of   int // tries that the job may have in all
	// Again says that it was recorded as running by an earlier program, so that it may
	// have been started.
	Again bool
	// Handed is what the job is filled in with, by variable; see workflow.OutputRefs.
	Handed run.Values
}

// Stop names a task that is to end, and how that is to be recorded.
type Stop struct {
	ID     run.TaskID
	State  run.State
	Reason run.Reason
	Detail string
}

// Config is what a loop works with. All but Gate, First, Asked, TTL, Kept, Over and
// Trouble are required.
type Config struct {
	Journal   Journal
	Runner    Runner
	Publisher Publisher
	// Gate says when tasks may start; its plan must have plan.Options.Offer. Nil: the plan
	// starts them itself.
	Gate Gate
	// Lease is the right to write the run; the loop keeps it alive but does not release it.
	Lease store.Lease
	// First is what the plan is told before it begins, so that nothing starts before.
	First []plan.Input
	// Asked is what was asked of the run before, as Renew returned it: the plan is told of it
	// before it begins, too.
	Asked []store.Request
	// TTL is how long the lease lasts without being renewed. Defaults to 30 s.
	TTL time.Duration
	// Kept says that somebody else keeps the lease alive, and calls Look when it was lost or
	// somebody asks something of the run. Otherwise the loop does both itself: every second, or
	// after a third of TTL if that is shorter.
	Kept bool
	// Over is called when the loop has ended, from its goroutine. Nil: nothing is.
	Over func()
	// Trouble is told once when recording begins to fail, which is then tried again and
	// again, and once with nil when it works. Called from the loop's goroutine.
	Trouble func(error)
}

// Names of the intervals that the loop waits.
const (
	defaultTTL = 30 * time.Second
	heartbeat  = time.Second            // between renewals of the lease
	retryFirst = 100 * time.Millisecond // before a failed commit is tried again
	retryMax   = 5 * time.Second
)

// Loop is one run that is going on. Its plan is touched by its goroutine alone.
type Loop struct {
	cfg     Config
	id      run.ID
	attempt int
	plan    *plan.Plan
	running int // tasks that the last record has as running; the loop's, read when it has ended
	mail    mailbox

	giveUp   context.CancelCauseFunc // ends the loop's context; the lease's loss is a cause
	troubled atomic.Bool             // recording fails just now; written by the loop, read by Kill
	hurried  atomic.Bool             // Kill was called: what is stopped from then on has no grace either

	ctx     context.Context // of the loop
	beating sync.Mutex      // held while the lease is renewed
	beats   *time.Timer
	asked   int // the last request that was passed on; guarded by beating

	ended chan struct{}
	sum   run.Summary
	err   error
}

// Start begins to run p. The attempt number is the one that p was made with.
func Start(ctx context.Context, cfg Config, p *plan.Plan, attempt int) *Loop {
	if cfg.TTL == 0 {
		cfg.TTL = defaultTTL
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func(error) {}
	}
	if cfg.Over == nil {
		cfg.Over = func() {}
	}
	if cfg.Gate == nil {
		cfg.Gate = open{}
	}
	l := &Loop{cfg: cfg, id: cfg.Lease.Run, attempt: attempt, plan: p, ended: make(chan struct{})}
	l.mail.wake = make(chan struct{}, 1)
	l.ctx, l.giveUp = context.WithCancelCause(ctx)
	for _, in := range cfg.First {
		l.mail.put(in)
	}
	l.pass(cfg.Asked)
	l.startBeating()
	go l.run(l.ctx)
	return l
}

// Look has the loop renew its lease at once, and see what was asked of the run.
func (l *Loop) Look() { go l.beat() }

// Send gives the plan an input, such as a Cancel. It never blocks and is safe for
// concurrent use; after the end of the run it does nothing.
func (l *Loop) Send(in plan.Input) { l.mail.put(in) }

// Kill ends the grace of tasks that were asked to stop. While results can't be
// recorded it gives the run up, for nobody could ask for its end otherwise.
func (l *Loop) Kill() {
	l.hurried.Store(true) // first: a stop that is being recorded must not come too late to hear of it
	l.cfg.Runner.Kill()
	if l.troubled.Load() {
		l.giveUp(nil)
	}
}

// ErrLeft is the cause of what Wait returns of a loop that was left.
var ErrLeft = errors.New("it was left to the next program")

// Leave ends the loop and not the run: what runs goes on, nothing is stopped, and
// nothing more is recorded here. The next program carries the run on from what is.
func (l *Loop) Leave() { l.giveUp(ErrLeft) }

// Running returns how many tasks may be recorded as running when the loop ended. It waits
// for that. The plan may be ahead of the record, whose last addition nobody waited for.
func (l *Loop) Running() int {
	<-l.ended
	return max(l.plan.Counts().Running, l.running)
}

// Wait returns how the run ended. An error means that it could not be carried on: the
// lease was lost, or ctx ended before the run did. What was running was stopped then,
// and its end is not recorded.
func (l *Loop) Wait() (run.Summary, error) {
	<-l.ended
	return l.sum, l.err
}

// Ended is closed when the run has ended.
func (l *Loop) Ended() <-chan struct{} { return l.ended }

// open is the gate of a plan that offers nothing.
type open struct{}

func (open) Offer(int, int, int, func()) {}
func (open) Take(int, int, int)          {}
func (open) Done(int, int)               {}
func (open) Close()                      {}
