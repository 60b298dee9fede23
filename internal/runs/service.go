package runs

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Enter records a new run that waits for a service, any on this database, to take it.
// The workflow's secrets must be known here, so that it is refused at once when they are
// not.
func (s *Service) Enter(ctx context.Context, sub Submission) (run.ID, error) {
	if _, err := s.withSecrets(ctx, sub.Workflow); err != nil {
		return 0, err
	}
	sub.Options.Service = true
	lease, _, err := s.create(ctx, sub)
	if err != nil {
		return 0, err
	}
	return lease.Run, s.cfg.Store.Release(ctx, lease)
}

// Take executes a run that has no program any more, or none yet, from where it stands:
// what runs, or has ended unseen, is taken up. given is the workflow as it was submitted,
// where that is known: its secret parameters are not stored. The execution is nil when
// nothing is left to go on with; then the run has ended. Locked: it has a program.
func (s *Service) Take(ctx context.Context, r store.Run, given *workflow.Workflow) (*Execution, error) {
	lease, err := s.cfg.Store.Acquire(ctx, r.ID, s.cfg.Host.Owner(), leaseTTL, s.cfg.Host.Dead)
	if err != nil {
		return nil, err
	}
	e, err := s.takeLeased(ctx, lease, given)
	if e == nil {
		_ = s.cfg.Store.Release(context.WithoutCancel(ctx), lease)
	}
	return e, err
}

func (s *Service) takeLeased(ctx context.Context, lease store.Lease, given *workflow.Workflow) (*Execution, error) {
	r, err := s.cfg.Store.Run(ctx, lease.Run) // as it is now that nobody else can change it
	if err != nil || r.Attempt.State.Ended() {
		return nil, err
	}
	e, err := s.carryOn(ctx, lease, r, func(wf *workflow.Workflow) (*workflow.Workflow, error) {
		if given != nil {
			return s.withSecrets(ctx, given)
		}
		return s.again(ctx, wf, Resume{Now: time.Now()})
	})
	if e != nil || err != nil {
		return e, err
	}
	return nil, s.closeLeased(ctx, lease, r)
}

// Owner is this program, as it holds leases.
func (s *Service) Owner() store.Owner { return s.cfg.Host.Owner() }

// Taken reports whether a run has a program that looks after it.
func (s *Service) Taken(r store.Run) bool { return s.isOwned(r) }
