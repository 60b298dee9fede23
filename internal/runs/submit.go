package runs

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Submit records a new run of a workflow and begins to execute it here.
func (s *Service) Submit(ctx context.Context, wf *workflow.Workflow, opt Options) (*Execution, error) {
	opt, err := opt.spread(wf)
	if err != nil {
		return nil, err
	}
	first, err := newAttempt(wf, opt)
	if err != nil {
		return nil, err
	}
	known, err := s.withSecrets(ctx, wf)
	if err != nil {
		return nil, err
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
		Hash: first.Hash, Workflow: first.Workflow, At: first.At, Attempt: first,
	}, s.cfg.Host.Owner(), leaseTTL)
	if err != nil {
		return nil, err
	}
	failpoint.At("runs.created")
	p := plan.New(wf, s.planOptions(wf, opt, lease.Run, 1))
	return s.execute(ctx, lease, p, Attempt{Run: lease.Run, Number: 1, Epoch: lease.Epoch, Workflow: known, Options: opt}, 0)
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

// execute starts the loop of a leased run, whose last transition so far is after.
func (s *Service) execute(ctx context.Context, lease store.Lease, p *plan.Plan, a Attempt, after int64) (*Execution, error) {
	runner, err := s.cfg.NewRunner(a)
	if err != nil {
		// Nothing ran, and the record must say so: a run that stays PENDING would look alive.
		ctx := context.WithoutCancel(ctx)
		closeErr := s.closeAttempt(ctx, lease, p, plan.Drain{Reason: run.EngineStopping, Detail: err.Error()})
		_ = s.cfg.Store.Release(ctx, lease)
		return nil, errors.Join(err, closeErr)
	}
	return s.start(ctx, lease, p, a, runner, after), nil
}

// start has the loop of an attempt begin.
func (s *Service) start(ctx context.Context, lease store.Lease, p *plan.Plan, a Attempt, runner Runner, after int64) *Execution {
	sub := s.cfg.Hub.Subscribe(a.Run, followRoom)
	loop := engine.Start(ctx, engine.Config{
		Journal: s.cfg.Store, Runner: runner, Publisher: s.cfg.Hub,
		Lease: lease, TTL: leaseTTL, Trouble: s.cfg.Trouble,
	}, p, a.Number)
	go func() { // so that Follow comes to an end, however the loop ended
		<-loop.Ended()
		sub.Close()
	}()
	return &Execution{Attempt: a, Loop: loop, service: s, lease: lease, runner: runner, sub: sub, after: after}
}
