package memstore

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Acquire implements store.Store. dead is called without a lock.
func (s *Store) Acquire(ctx context.Context, id run.ID, owner store.Owner, ttl time.Duration, dead func(store.Owner) bool) (store.Lease, error) {
	for {
		seen, err := s.holder(ctx, id)
		if err != nil {
			return store.Lease{}, err
		}
		if seen.live(s.now()) && (dead == nil || !dead(*seen.owner)) {
			return store.Lease{}, store.ErrHeld(id, *seen.owner, seen.until)
		}
		if l, ok, err := s.take(ctx, id, seen, owner, ttl); ok || err != nil {
			return l, err
		}
	}
}

// holding is who held a lease when it was read.
type holding struct {
	owner *store.Owner
	epoch int64
	until time.Time
}

func (h holding) live(now time.Time) bool { return h.owner != nil && h.until.After(now) }

func (s *Store) holder(ctx context.Context, id run.ID) (holding, error) {
	if err := s.enter(ctx); err != nil {
		return holding{}, err
	}
	defer s.mu.Unlock()
	r, err := s.find(id)
	if err != nil {
		return holding{}, err
	}
	return holding{r.owner, r.epoch, r.until}, nil
}

// take gives the lease to owner unless somebody changed it since it was seen.
func (s *Store) take(ctx context.Context, id run.ID, seen holding, owner store.Owner, ttl time.Duration) (store.Lease, bool, error) {
	if err := s.enter(ctx); err != nil {
		return store.Lease{}, false, err
	}
	defer s.mu.Unlock()
	r, err := s.find(id)
	if err != nil {
		return store.Lease{}, false, err
	}
	if seen != (holding{r.owner, r.epoch, r.until}) {
		return store.Lease{}, false, nil
	}
	r.epoch++
	r.owner, r.until = &owner, s.now().Add(ttl)
	return store.Lease{Run: id, Epoch: r.epoch}, true, nil
}

// Renew implements store.Store.
func (s *Store) Renew(ctx context.Context, l store.Lease, ttl time.Duration) ([]store.Request, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	r, err := s.leased(l)
	if err != nil {
		return nil, err
	}
	r.until = s.now().Add(ttl)
	return append([]store.Request(nil), r.requests[r.answered:]...), nil
}

// RenewAll implements store.Store.
func (s *Store) RenewAll(ctx context.Context, ls []store.Lease, ttl time.Duration) (lost []store.Lease, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, l := range ls {
		r, err := s.leased(l)
		if err != nil {
			lost = append(lost, l)
			continue
		}
		r.until = s.now().Add(ttl)
	}
	return lost, nil
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, l store.Lease) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	r, err := s.find(l.Run)
	if err != nil {
		return err
	}
	if r.epoch == l.Epoch {
		r.owner, r.until = nil, time.Time{}
	}
	return nil
}
