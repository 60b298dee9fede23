package runs

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Submission is a run that somebody asks for.
type Submission struct {
	Workflow *workflow.Workflow
	Options  Options
	By       string // who; empty when that is not known
	// Key is chosen by whoever submits: a second submission with the same one is a Conflict,
	// see store.ExistingRun. Empty: none.
	Key string
}

// Submit records a new run of a workflow and begins to execute it here.
func (s *Service) Submit(ctx context.Context, wf *workflow.Workflow, opt Options) (*Execution, error) {
	return s.Execute(ctx, Submission{Workflow: wf, Options: opt})
}

// Execute records a new run and begins to execute it here.
func (s *Service) Execute(ctx context.Context, sub Submission) (*Execution, error) {
	wf := sub.Workflow
	known, err := s.withSecrets(ctx, wf)
	if err != nil {
		return nil, err
	}
	lease, opt, err := s.create(ctx, sub)
	if err != nil {
		return nil, err
	}
	failpoint.At("runs.created")
	p := plan.New(wf, s.planOptions(wf, opt, lease.Run, 1))
	return s.execute(ctx, lease, p, Attempt{Run: lease.Run, Number: 1, Epoch: lease.Epoch, Workflow: known, Options: opt, Submitted: time.Now().UTC()}, 0)
}

// create records a new run, which is leased to this program.
func (s *Service) create(ctx context.Context, sub Submission) (store.Lease, Options, error) {
	wf := sub.Workflow
	opt, err := sub.Options.spread(wf)
	if err != nil {
		return store.Lease{}, opt, err
	}
	first, err := newAttempt(wf, opt)
	if err != nil {
		return store.Lease{}, opt, err
	}
	file := wf.File
	if file == "-" {
		file = "" // the standard input, which can't be read again
	}
	if file != "" {
		if abs, err := filepath.Abs(file); err == nil {
			file = abs
		}
	}
	lease, err := s.cfg.Store.CreateRun(ctx, store.NewRun{
		Application: wf.Application, File: file, WorkingDir: wf.WorkingDir,
		Hash: first.Hash, Workflow: first.Workflow, At: first.At, By: sub.By, Key: sub.Key, Attempt: first,
	}, s.cfg.Host.Owner(), leaseTTL)
	return lease, opt, err
}

// Same returns nil when a run was submitted with the same workflow and options, and else a
// Conflict: of two different submissions with one key the second would be lost. A workflow
// is another one, too, when what it is made of has changed since: a parameter, a date, a
// version. Later attempts of the run don't matter.
func (s *Service) Same(ctx context.Context, id run.ID, sub Submission) error {
	attempts, err := s.cfg.Store.Attempts(ctx, id)
	if err != nil {
		return err
	}
	opt, err := sub.Options.spread(sub.Workflow)
	if err != nil {
		return err
	}
	asked, err := newAttempt(sub.Workflow, opt)
	if err != nil {
		return err
	}
	different := "workflow or parameters"
	if len(attempts) > 0 && attempts[0].Hash == asked.Hash {
		before, err := decodeOptions(attempts[0].Options)
		if err != nil {
			return err
		}
		before.Request = opt.Request // which is another each time
		if b, err := before.encode(); err != nil || string(b) == string(asked.Options) {
			return err
		}
		different = "options"
	}
	return fault.New(fault.Conflict, "the idempotency key was used for run %d, which has other %s", id, different).
		WithHint("choose another key for another run; what comes again with a key must be the same request")
}

func newAttempt(wf *workflow.Workflow, opt Options) (store.NewAttempt, error) {
	body, hash, err := workflow.Encode(wf)
	if err != nil {
		return store.NewAttempt{}, err
	}
	options, err := opt.encode()
	if err != nil {
		return store.NewAttempt{}, err
	}
	return store.NewAttempt{Hash: hash, Workflow: body, Options: options, Jobs: len(wf.Jobs), At: time.Now().UTC()}, nil
}

// Waits is the error of a run of a service that is recorded and can't begin now. It stays
// PENDING, and belongs to nobody, so that a service begins it later.
type Waits struct {
	Run run.ID
	Err error
}

func (w *Waits) Error() string {
	return "run " + w.Run.String() + " waits, because it can't begin now: " + w.Err.Error()
}

// Unwrap returns why it can't begin.
func (w *Waits) Unwrap() error { return w.Err }

// execute starts the loop of a leased run, whose last transition so far is after.
func (s *Service) execute(ctx context.Context, lease store.Lease, p *plan.Plan, a Attempt, after int64) (*Execution, error) {
	runner, err := s.cfg.NewRunner(a)
	if err != nil && a.Options.Service {
		_ = s.cfg.Store.Release(context.WithoutCancel(ctx), lease)
		return nil, &Waits{a.Run, err}
	}
	if err != nil {
		// Nothing ran, and the record must say so: a run that stays PENDING would look alive.
		ctx := context.WithoutCancel(ctx)
		closeErr := s.closeAttempt(ctx, lease, p, plan.Drain{Reason: run.EngineStopping, Detail: err.Error()})
		_ = s.cfg.Store.Release(ctx, lease)
		return nil, errors.Join(err, closeErr)
	}
	return s.start(ctx, lease, p, a, runner, after, nil), nil
}

// start has the loop of an attempt begin. asked and first are what its plan is told before.
func (s *Service) start(ctx context.Context, lease store.Lease, p *plan.Plan, a Attempt, runner Runner, after int64, asked []store.Request, first ...plan.Input) *Execution {
	sub := s.cfg.Hub.Subscribe(a.Run, followRoom)
	var gate engine.Gate
	if s.gated(a.Workflow) {
		gate = s.cfg.Gate(a)
	}
	publisher, observed := s.observed(a)
	loop := engine.Start(ctx, engine.Config{
		Gate: gate, First: first, Asked: asked, Journal: s.cfg.Journal, Runner: runner, Publisher: publisher,
		Lease: lease, TTL: leaseTTL, Kept: s.cfg.Kept, Trouble: s.cfg.Trouble,
		Over: func() { // so that Follow comes to an end, however the loop ended
			sub.Close()
			observed()
		},
	}, p, a.Number)
	return &Execution{Attempt: a, Loop: loop, service: s, lease: lease, runner: runner, sub: sub, after: after}
}
