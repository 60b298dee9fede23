// Package scheduler runs workflows by their schedules. What becomes of each expected time
// is decided by package schedule; here it is recorded, and then done: of several services on
// one database one decides a time, and whatever ends when, each time has one row and at most
// one run. A run is submitted with a key made of schedule and time, so that to submit it
// again, after a crash, finds it.
package scheduler

import (
	"container/heap"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Runs executes runs: see service.Service.
type Runs interface {
	Submit(ctx context.Context, wf *workflow.Workflow, opt runs.Options, by, key string) (id run.ID, existing bool, err error)
	Cancel(ctx context.Context, r store.Run, kind store.RequestKind, jobs []run.JobID, by string) error
}

// Store keeps schedules, registered workflows and runs: see store.Store.
type Store interface {
	store.Schedules
	Registered(ctx context.Context, name string, version int) (store.Registered, error)
	Run(ctx context.Context, id run.ID) (store.Run, error)
}

var _ Store = store.Store(nil)

// Text is a workflow that is to be read.
type Text struct {
	Source workflow.Source
	Dir    string           // for relative paths; empty: the service's own
	Params []workflow.Given // values of parameters
	Run    bool             // it is to be run, and not only looked at
}

// Config is what a Scheduler works with. Store, Runs and Load are required.
type Config struct {
	Store Store
	Runs  Runs
	// Load turns text into a workflow, with all that the site demands of one.
	Load func(ctx context.Context, t Text) (*workflow.Workflow, error)
	// Directory has workflow files whose schedules count, besides those of registered
	// workflows. Empty: there is none.
	Directory string
	// Zones finds time zones. Defaults to time.LoadLocation.
	Zones workflow.Zones
	// Now is the wall clock. Defaults to time.Now.
	Now func() time.Time
	// Steady is a clock that nobody sets, and that goes on while the host sleeps. Defaults to
	// that of the host.
	Steady func() time.Duration
	// Missed tells people that a run of an application that was expected at a time has not
	// begun, or begins late. Told twice of the same it does nothing the second time. Nil:
	// nobody is told.
	Missed func(ctx context.Context, application string, expected time.Time, detail string) error
	// Secret returns the key of a trigger's signatures. Defaults to refusing all.
	Secret func(s *workflow.Secret) (string, error)
	// Log is told what an operator should know. Defaults to nobody.
	Log *slog.Logger
}

// How often there is a look at what others may have changed.
const (
	sweepEvery   = time.Second     // at what waits or is due
	refreshEvery = 5 * time.Second // at the workflows
	againAfter   = 2 * time.Second // at a schedule that could not be decided about
	share        = 50              // looking takes at most one part in that many of the time
	room         = 16              // schedules that are worked on at the same time
)

// Scheduler decides about the schedules of a service and submits their runs. Its methods
// are safe for concurrent use.
type Scheduler struct {
	cfg    Config
	ctx    context.Context // ends when it is closed
	cancel context.CancelFunc
	over   chan struct{}  // closed when the loop has ended; nil before Start
	going  sync.WaitGroup // submissions
	slots  chan struct{}  // of submissions

	// The loop owns these.
	clock              schedule.Clock
	sweepAt, refreshAt time.Duration // by the steady clock
	queue              wakes
	troubled           bool // the last look at the database failed
	refreshed          bool // there was a look that did not

	looked atomic.Bool // the workflows were read
	counts counts      // of what arrived

	mu      sync.Mutex // guards the rest: Find is called at any time, and submissions end at any time
	sources map[string]*source
	entries map[string]*entry        // of all sources, by schedule
	busy    map[string]bool          // keys of what is being submitted
	later   map[string]time.Duration // keys of what was refused for the time being, and until when
	told    map[string]bool          // keys of those of which people were told
	// cancelled are the runs that were asked to end, so that they are asked once.
	cancelled map[run.ID]bool
}

// New returns a scheduler that does nothing before Start.
func New(cfg Config) *Scheduler {
	if cfg.Zones == nil {
		cfg.Zones = time.LoadLocation
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Steady == nil {
		cfg.Steady = steady()
	}
	if cfg.Secret == nil {
		cfg.Secret = func(s *workflow.Secret) (string, error) {
			return "", fault.New(fault.Unsupported, "%s can't be read here", s.Source())
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Scheduler{
		cfg: cfg, slots: make(chan struct{}, room), cancelled: map[run.ID]bool{}, sources: map[string]*source{},
		entries: map[string]*entry{}, busy: map[string]bool{}, later: map[string]time.Duration{}, told: map[string]bool{},
		sweepAt: -1, refreshAt: -1,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Start begins to decide, and goes on until Close.
func (s *Scheduler) Start() {
	s.over = make(chan struct{})
	go func() {
		defer close(s.over)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-s.ctx.Done():
				return
			case <-timer.C:
				timer.Reset(s.step())
			}
		}
	}()
}

// Close ends it, and returns when nothing of it goes on any more. What is due and was not
// submitted is left to the next one. It is idempotent.
func (s *Scheduler) Close() {
	s.mu.Lock()
	s.cancel() // nothing begins after this
	s.mu.Unlock()
	if s.over != nil {
		<-s.over
	}
	s.going.Wait()
}

// step does what is to be done now, and returns after which time to do so again.
func (s *Scheduler) step() time.Duration {
	now, tick := s.cfg.Now().Round(0), s.cfg.Steady()
	var believed bool
	before := s.clock
	s.clock, believed = s.clock.See(now, tick)
	if !believed && s.clock != before {
		s.cfg.Log.Warn("the clock went forward at once; nothing is scheduled until it is known to be right", "now", now, "for", schedule.Confirmed)
	}
	if believed {
		s.decideDue(s.ctx, now) // before a look at what changed: until now what was known counts
	}
	if tick >= s.refreshAt && believed {
		s.refresh(s.ctx, now)
		s.refreshAt = s.next(tick, refreshEvery)
	}
	if tick >= s.sweepAt {
		s.sweep(s.ctx, now, believed)
		s.sweepAt = s.next(tick, sweepEvery)
	}
	look := s.lookAll(tick)
	wait := min(s.sweepAt, s.refreshAt) - s.cfg.Steady()
	if !believed {
		wait = s.sweepAt - s.cfg.Steady()
	}
	if len(s.queue) > 0 && believed {
		wait = min(wait, s.queue[0].wake.Sub(s.cfg.Now().Round(0)))
	}
	if look >= 0 {
		wait = min(wait, look-s.cfg.Steady())
	}
	return max(wait, time.Millisecond)
}

// next is when something is looked at again that began then: so late that it takes a small
// share of the time only.
func (s *Scheduler) next(began, every time.Duration) time.Duration {
	end := s.cfg.Steady()
	return end + max(every, share*(end-began))
}

// decideDue decides about the schedules of which a time has come.
func (s *Scheduler) decideDue(ctx context.Context, now time.Time) {
	var due []*entry
	for len(s.queue) > 0 && !s.queue[0].wake.After(now) {
		due = append(due, heap.Pop(&s.queue).(*entry))
	}
	s.decideAll(ctx, due, now)
}

// decideAll decides about schedules, some at the same time, so that they share commits.
func (s *Scheduler) decideAll(ctx context.Context, all []*entry, now time.Time) {
	each(all, func(e *entry) {
		next, err := s.decide(ctx, e, now)
		if e.behind = err != nil; e.behind {
			next = now.Add(againAfter)
			s.trouble("a schedule can't be decided about for now", e.id, err)
		}
		e.next = next
	})
	for _, e := range all {
		s.queue.put(e, e.next)
	}
}

// each does something with each, a few at the same time, and returns when all is done.
func each[T any](all []T, do func(T)) {
	var going sync.WaitGroup
	free := make(chan struct{}, room)
	for _, one := range all {
		free <- struct{}{}
		going.Go(func() {
			defer func() { <-free }()
			do(one)
		})
	}
	going.Wait()
}

// trouble tells of an error, unless it is that all ends.
func (s *Scheduler) trouble(what, id string, err error) {
	if s.ctx.Err() == nil {
		s.cfg.Log.Error(what, "schedule", id, "error", err, "hint", fault.HintOf(err))
	}
}
