package runs

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Ended reports whether a run's latest attempt has ended. A run whose program is gone
// is ended first.
func (s *Service) Ended(ctx context.Context, id run.ID) (bool, error) {
	r, err := s.cfg.Store.Run(ctx, id)
	if err != nil || r.Attempt.State.Ended() {
		return err == nil, err
	}
	if s.isOwned(r) {
		return false, nil
	}
	if left, err := s.Interrupted(ctx, r); err != nil || left {
		return false, err
	}
	if err := s.closeLost(ctx, id); err != nil && fault.CodeOf(err) != fault.Locked {
		return false, err
	} // locked: another program was faster, and the next look tells
	return false, nil
}

// AwaitEnd returns a run once its latest attempt has ended, whichever program it
// belongs to.
func (s *Service) AwaitEnd(ctx context.Context, id run.ID) (store.Run, error) {
	err := s.await(ctx, func() (bool, error) { return s.Ended(ctx, id) })
	if err != nil {
		return store.Run{}, err
	}
	return s.cfg.Store.Run(ctx, id)
}

// AwaitJobs returns once these jobs have ended for good, or their run has.
func (s *Service) AwaitJobs(ctx context.Context, id run.ID, jobs []run.JobID) (Details, error) {
	var d Details
	wanted := make(map[run.JobID]bool, len(jobs))
	for _, job := range jobs {
		wanted[job] = true
	}
	seen := int64(-1)
	err := s.await(ctx, func() (bool, error) {
		ended, err := s.Ended(ctx, id)
		if err != nil {
			return false, err
		}
		r, err := s.cfg.Store.Run(ctx, id)
		if err != nil || r.Seq == seen {
			return ended, err
		}
		seen = r.Seq
		d, err = s.Show(ctx, r)
		return ended || err == nil && allOver(&d.View, wanted), err
	})
	return d, err
}

// allOver reports whether the wanted jobs have ended in the latest attempt and are not repeated.
func allOver(v *View, wanted map[run.JobID]bool) bool {
	for i := range v.Jobs {
		if j := &v.Jobs[i]; wanted[j.ID] && (!j.Over() || pending(v, j)) {
			return false
		}
	}
	return true
}

// await looks again and again until there is nothing left to wait for.
func (s *Service) await(ctx context.Context, over func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if done, err := over(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Cancelled, "waiting was interrupted")
		case <-tick.C:
		}
	}
}
