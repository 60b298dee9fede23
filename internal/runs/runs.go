// Package runs holds the use cases that every way in shares: submit, resume,
// cancel, mark, find, show, follow and explain runs. It speaks the store's and the
// engine's contracts and knows no implementation of either.
package runs

import (
	"context"
	"errors"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Runner executes the tasks of one attempt and lets go of what it holds when closed.
type Runner interface {
	engine.Runner
	// Lost reports whether nobody can know how a task of an earlier program went on.
	Lost(id run.TaskID) bool
	// Close waits for tasks that are still going on and gives everything back. done says
	// that the end of the attempt has been recorded, so that nothing need be remembered.
	Close(done bool) error
}

// Host is what the service must know of processes on this host.
type Host interface {
	// Owner identifies this program.
	Owner() store.Owner
	// Dead reports whether the program is known to be gone. A program of another host never is.
	Dead(o store.Owner) bool
	// Remains reports whether anything is known of these tasks of a program that is gone:
	// that one of them still runs, how it ended, or that it was never started.
	Remains(id run.ID, tasks []run.TaskID) bool
	// Survivors returns the ids of processes that belong to these tasks and are still there.
	Survivors(tasks []run.TaskID) ([]int, error)
	// KillSurvivors ends them, and returns the ids of those that could not be ended.
	KillSurvivors(ctx context.Context, tasks []run.TaskID) (left []int, err error)
}

// Config is what a Service is made of. Store, Host, Hub and NewRunner are required.
type Config struct {
	Store store.Store
	Host  Host
	Hub   *event.Hub
	// Secrets returns the values of a workflow's secrets, in their order. Nil: there are no
	// workflows with secrets.
	Secrets func(ctx context.Context, wf *workflow.Workflow) ([]string, error)
	// Conditions returns what evaluates the conditions of an attempt's jobs: see
	// plan.Options.When. Nil: there are no workflows with conditions.
	Conditions func(a Attempt) func(job int, f plan.Facts) (bool, error)
	// NewRunner makes the runner of an attempt that is about to start.
	NewRunner func(a Attempt) (Runner, error)
	// Gate returns what says when the tasks of an attempt may start, see engine.Config. Nil: no
	// attempt has one.
	Gate func(a Attempt) engine.Gate
	// Gated reports whether the attempts of a workflow have a gate. Nil: all do.
	Gated func(wf *workflow.Workflow) bool
	// Kept says that Keep is called again and again for all that is executed here. Otherwise
	// each run looks after itself.
	Kept bool
	// Journal records transitions. Nil: Store does.
	Journal engine.Journal
	// Observe returns who is told of an attempt's transitions besides Hub. Nil: nobody.
	Observe func(a Attempt) Observer
	// Trouble is told when results can't be recorded for now, and with nil when they can again.
	Trouble func(error)
}

// leaseTTL is how long a run stays owned by a program that is there but does not answer:
// one that is suspended, or on another host. It is long, because taking a run away from
// a program that is only slow ends live work; one that is gone is recognised at once.
const leaseTTL = 10 * time.Minute

// Observer watches one attempt. It is told of each transition, after the commit and in
// order, by one goroutine, and must not block.
type Observer interface {
	engine.Publisher
	// Close says that the attempt does not go on here, whether it has ended or not.
	Close()
}

// Service carries out use cases. It is safe for concurrent use.
type Service struct{ cfg Config }

// New returns a service.
func New(cfg Config) *Service {
	if cfg.Journal == nil {
		cfg.Journal = cfg.Store
	}
	return &Service{cfg: cfg}
}

// Attempt says what an attempt runs, and how.
type Attempt struct {
	Run      run.ID
	Number   int
	Epoch    int64 // the fencing number of the run's lease
	Workflow *workflow.Workflow
	Options  Options
	// Submitted is when the run was.
	Submitted time.Time
	// TakenUp is set when the attempt was interrupted and goes on here.
	TakenUp *TakenUp
}

// TakenUp says where an attempt was when its program went away.
type TakenUp struct {
	Running int   // tasks
	Wrote   int64 // see store.Run: whoever had the run since started nothing
	Seq     int64 // of the transition which records that: those before it are the other program's
}

// Execution is an attempt that is going on in this program.
type Execution struct {
	Attempt
	Loop *engine.Loop

	service *Service
	lease   store.Lease
	runner  Runner
	sub     *event.Subscription
	after   int64 // the sequence number before the attempt's first
}

// Wait returns how the attempt ended, once everything is recorded and given back.
func (e *Execution) Wait(ctx context.Context) (run.Summary, error) {
	sum, err := e.Loop.Wait()
	if errors.Is(err, engine.ErrLeft) {
		return sum, errors.Join(err, e.left(ctx))
	}
	if closeErr := e.runner.Close(err == nil); err == nil {
		err = closeErr
	}
	// The run has ended whatever becomes of its lease, which runs out by itself.
	_ = e.service.cfg.Store.Release(context.WithoutCancel(ctx), e.lease)
	return sum, err
}

// Leave stops looking after the attempt, and does not end it: see engine.Loop.Leave.
// Wait returns engine.ErrLeft then, unless the attempt has ended before.
func (e *Execution) Leave() { e.Loop.Leave() }

// left gives back what a run that was left holds. While jobs of it run it stays ours until
// this program is gone: those of other hosts could only take them for lost.
func (e *Execution) left(ctx context.Context) error {
	if e.Loop.Running() > 0 {
		return nil
	}
	err := e.runner.Close(false)
	_ = e.service.cfg.Store.Release(context.WithoutCancel(ctx), e.lease)
	return err
}
