package notify

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Records are what a Service reads and writes: a part of store.Store.
type Records interface {
	store.Outbox
	Run(ctx context.Context, id run.ID) (store.Run, error)
	Transitions(ctx context.Context, id run.ID, after int64, limit int) ([]run.Transition, error)
	Workflow(ctx context.Context, hash string) ([]byte, error)
	Claim(ctx context.Context, chore string, every time.Duration) (bool, error)
}

// Usual says how long earlier runs of an application took, or earlier tries of one of its
// jobs when job is not empty. The zero value says that it is not known.
type Usual func(ctx context.Context, application string, job run.JobID) (incident.Usual, error)

// Config holds the options of a Service. Only Usual, Hub and Log may be left out.
type Config struct {
	Records Records
	Setup   Setup
	// Hub hints that something was recorded. Without one, that is seen at the next Poll.
	Hub *event.Hub
	// Usual is asked for what rules call slow and usual.
	Usual Usual
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Poll is how often the records are read without a hint. Defaults to 5 s.
	Poll time.Duration
	// Log is told of what went wrong here. Defaults to nowhere.
	Log *slog.Logger
}

// Service tells people: it looks at what is recorded, decides who is told, keeps the
// messages in the store and sends them. Any number of services may work on one store;
// each message is recorded once. It is safe for concurrent use.
type Service struct {
	cfg    Config
	scribe *scribe
	lines  []*line

	mu     sync.Mutex // guards what Start and Close change
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewService returns a Service that has not been started.
func NewService(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Poll = cmp.Or(cfg.Poll, 5*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{cfg: cfg}
	for name, sender := range cfg.Setup.Senders {
		s.lines = append(s.lines, &line{name: name, sender: sender, cfg: &s.cfg, wake: make(chan struct{}, 1)})
	}
	s.scribe = newScribe(&s.cfg, s.ring)
	return s
}

// ring tells the lines that something may be due.
func (s *Service) ring() {
	for _, l := range s.lines {
		nudge(l.wake)
	}
}

func nudge(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Start begins to work and returns at once. What runs did long before anybody was to be
// told is passed over. A second call does nothing.
func (s *Service) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		return nil
	}
	if _, err := s.cfg.Records.SkipUntold(ctx, s.cfg.Now().Add(-Patience)); err != nil {
		return err
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if s.cfg.Hub != nil {
		sub := s.cfg.Hub.Subscribe(0, hintRoom)
		s.done.Go(func() { s.scribe.hints.listen(ctx, sub, s.scribe.wake) })
	}
	s.done.Go(func() { s.scribe.work(ctx) })
	for _, l := range s.lines {
		s.done.Go(func() { l.work(ctx) })
	}
	return nil
}

// Close interrupts what is being sent, which is sent later, and waits until nothing is
// worked on, or until ctx ends. It is idempotent.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel == nil {
		return nil
	}
	s.cancel()
	done := make(chan struct{})
	go func() { s.done.Wait(); close(done) }()
	select {
	case <-done:
		s.cancel = nil
		return nil
	case <-ctx.Done():
		return fault.Wrap(context.Cause(ctx), fault.Cancelled, "the notifiers did not stop in time")
	}
}

// Missed tells that a run of an application that was expected at a time has not begun.
// Told twice of the same, it does nothing the second time.
func (s *Service) Missed(ctx context.Context, application string, expected time.Time, detail string) error {
	return s.scribe.record(ctx, application, incident.Event{
		Kind: incident.Missed, Application: application, At: expected, Detail: detail,
	})
}

// pause waits until it is woken, the time is over, or ctx ends, of which it returns true.
func pause(ctx context.Context, wake <-chan struct{}, d time.Duration) (ended bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-wake:
	case <-t.C:
	}
	return ctx.Err() != nil
}

// report logs what went wrong here, unless it is only that we are to stop.
func (c *Config) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		c.Log.Error(what, "error", err)
	}
}
