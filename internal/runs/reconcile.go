package runs

import (
	"context"
	"errors"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

var unended = []run.State{run.Pending, run.Queued, run.Running}

// Reconcile ends the runs whose program is gone: what was running there ends as
// FAILED with reason lost, because nobody can know how it went on, and the run can
// be resumed. It is called before runs are shown or started, so that no run looks
// alive for ever. A run that can't be ended does not keep it from ending the others.
func (s *Service) Reconcile(ctx context.Context) error {
	open, err := s.cfg.Store.Runs(ctx, store.Filter{States: unended})
	if err != nil {
		return err
	}
	var broken []error
	for _, r := range open {
		if s.isOwned(r) {
			continue
		}
		if left, err := s.Interrupted(ctx, r); err != nil || left {
			broken = append(broken, err)
			continue
		}
		if err := s.closeLost(ctx, r.ID); err != nil && fault.CodeOf(err) != fault.Locked {
			broken = append(broken, err)
		} // locked: another program was faster
	}
	return errors.Join(broken...)
}

// closeLost takes over a run whose program is gone and ends its attempt.
func (s *Service) closeLost(ctx context.Context, id run.ID) error {
	lease, err := s.cfg.Store.Acquire(ctx, id, s.cfg.Host.Owner(), leaseTTL, s.cfg.Host.Dead)
	if err != nil {
		return err
	}
	defer func() { _ = s.cfg.Store.Release(context.WithoutCancel(ctx), lease) }()
	r, err := s.cfg.Store.Run(ctx, id)
	if err != nil {
		return err
	}
	return s.closeLeased(ctx, lease, r)
}

// closeLeased ends the attempt of a leased run if that has not ended: its program is gone.
func (s *Service) closeLeased(ctx context.Context, lease store.Lease, r store.Run) error {
	if r.Attempt.State.Ended() {
		return nil
	}
	p, _, err := s.restore(ctx, r)
	if err != nil {
		return err
	}
	return s.closeAttempt(ctx, lease, p, plan.Drain{Reason: run.EngineLost, Detail: "the program that ran it is gone"})
}

// restore makes the plan of a run's latest attempt as it was recorded.
func (s *Service) restore(ctx context.Context, r store.Run) (*plan.Plan, *workflow.Workflow, error) {
	wf, err := s.Workflow(ctx, r.Attempt.Hash)
	if err != nil {
		return nil, nil, err
	}
	opt, err := decodeOptions(r.Attempt.Options)
	if err != nil {
		return nil, nil, err
	}
	h, err := s.history(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	p, err := plan.Restore(wf, s.planOptions(wf, opt, r.ID, r.Attempt.Number), h.Transitions, h.Overrides)
	return p, wf, fault.Wrap(err, fault.Internal, "the history of run %d can't be replayed", r.ID)
}

// closeAttempt ends an attempt that has no program: in says why, and whatever is
// recorded as running is lost.
func (s *Service) closeAttempt(ctx context.Context, lease store.Lease, p *plan.Plan, in plan.Input) error {
	ts := closing(p, time.Now(), in)
	if len(ts) == 0 {
		return nil
	}
	_, err := s.cfg.Store.Append(ctx, lease, ts)
	return err
}

// closing returns the transitions that end an attempt which has no program.
func closing(p *plan.Plan, now time.Time, in plan.Input) []run.Transition {
	ts := p.Step(now, in).Transitions
	for i := range p.Workflow().Jobs {
		state, try := p.Job(i)
		if state != run.Running {
			continue
		}
		out := p.Step(now, plan.Finished{Job: i, Try: try, Outcome: run.Failure(run.Lost,
			"nobody can know how it ended: the program that ran it is gone")})
		ts = append(ts, out.Transitions...)
	}
	return ts
}

// Workflow returns a stored workflow.
func (s *Service) Workflow(ctx context.Context, hash string) (*workflow.Workflow, error) {
	body, err := s.cfg.Store.Workflow(ctx, hash)
	if err != nil {
		return nil, err
	}
	wf, err := workflow.Decode(body)
	return wf, fault.Wrap(err, fault.Internal, "the stored workflow %.12s can't be read", hash)
}
