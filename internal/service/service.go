// Package service executes many runs in one process: those that are submitted to it,
// those that other services on the same database have no room for, and those that a
// program left behind which is gone. Each run has a loop of its own; what they share is
// here: how many may be active, who waits, and how all of it is left to the next process.
package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Lister finds runs. A store.Store is one.
type Lister interface {
	Runs(ctx context.Context, f store.Filter) ([]store.Run, error)
	Run(ctx context.Context, id run.ID) (store.Run, error)
}

// Config is what a Service works with. Runs and Store are required.
type Config struct {
	Runs  *runs.Service
	Store Lister
	// Gates are those that Runs was made with, for the numbers. Nil: there are none.
	Gates *Gates
	// Log is told what an operator should know. Nil: nobody is.
	Log *slog.Logger
	// MaxActive is how many runs have a loop at once. Defaults to 10,000.
	MaxActive int
	// MaxQueued is how many runs may wait to become active. Defaults to 100,000.
	MaxQueued int
}

// Names of the intervals that the service waits.
const (
	pollEvery  = time.Second     // between looks for runs that wait
	sweepEvery = 5 * time.Second // between looks for runs whose program is gone
	againAfter = 30 * time.Second
	share      = 50   // looking for runs that wait takes at most one part in that many of the time
	sweepShare = 1000 // and for runs whose program is gone, of which there are hardly ever any
)

// startRoom is how many runs begin at the same moment. They share commits.
const startRoom = 16

// Service owns the runs that are active in this process. It is safe for concurrent use.
type Service struct {
	cfg    Config
	ctx    context.Context // of all runs; ends when the service is closed, which leaves them
	cancel context.CancelCauseFunc
	looks  context.Context // of looks for runs; ends when the service stops: nobody needs their answer then
	enough context.CancelFunc
	pulse  pulse
	wake   chan struct{} // holds a value when there may be something to take
	over   chan struct{} // closed when the loop has ended
	going  sync.WaitGroup

	mu       sync.Mutex // guards the rest: submissions, ends of runs and the loop come at any time
	active   map[run.ID]*activity
	reserved int                           // of the room: runs that are about to become active
	waiting  []run.ID                      // that wait for room, oldest first, as of the last look
	given    map[run.ID]*workflow.Workflow // what runs that wait were given and is not stored
	later    map[run.ID]time.Time          // runs that can't be taken now, and when to try again
	stopping bool
	started  bool
	trouble  error // why the database can't be read; nil: it can
}

// activity is a run that is active here.
type activity struct {
	*runs.Execution
	over chan struct{} // closed when the run is active no more
}

// New returns a service that does nothing before Start.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxActive <= 0 {
		cfg.MaxActive = 10_000
	}
	if cfg.MaxQueued <= 0 {
		cfg.MaxQueued = 100_000
	}
	s := &Service{
		cfg: cfg, wake: make(chan struct{}, 1), over: make(chan struct{}),
		active: make(map[run.ID]*activity), given: make(map[run.ID]*workflow.Workflow), later: make(map[run.ID]time.Time),
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.looks, s.enough = context.WithCancel(s.ctx)
	s.pulse.store = cfg.Store
	return s
}

// Start takes up what other programs left, and goes on to do so until the service is
// drained or closed. An error means that the database can't be read.
func (s *Service) Start(ctx context.Context) error {
	left, err := s.left(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.started = true
	s.mu.Unlock()
	go s.loop(left)
	go s.keep()
	return nil
}

// Stats are numbers about the service.
type Stats struct {
	Active    int `json:"active"`     // runs that are executed here
	Waiting   int `json:"waiting"`    // runs that wait for room
	MaxActive int `json:"max_active"` // runs that may be active at once
	MaxQueued int `json:"max_queued"` // runs that may wait
	// Tasks is how much of the room for tasks is taken.
	Tasks admission.Usage `json:"tasks"`
}

// Stats returns the service's numbers.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tasks admission.Usage
	if s.cfg.Gates != nil {
		tasks = s.cfg.Gates.Usage()
	}
	return Stats{Tasks: tasks, Active: len(s.active), Waiting: len(s.waiting), MaxActive: s.cfg.MaxActive, MaxQueued: s.cfg.MaxQueued}
}

// Ready returns nil when the service takes runs, or why it does not: Unavailable. It asks
// the database, at most once a second, and waits no longer than 3 s for its answer.
func (s *Service) Ready() error {
	if err := s.working(); err != nil {
		return err
	}
	return unusable(s.pulse.feel(s.looks))
}

// working returns what is known to keep the service from taking runs.
func (s *Service) working() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return errStopping()
	case !s.started:
		return fault.New(fault.Unavailable, "the service is starting")
	}
	return unusable(s.trouble)
}

func unusable(err error) error {
	return fault.Wrap(err, fault.Unavailable, "the database can't be used for now")
}

func errStopping() error {
	return fault.New(fault.Unavailable, "the service is stopping").WithHint("try again in a moment: the next one goes on where it stops")
}
