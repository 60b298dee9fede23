package memstore

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// CreateRun implements store.Store.
func (s *Store) CreateRun(ctx context.Context, n store.NewRun, owner store.Owner, ttl time.Duration) (store.Lease, error) {
	if err := s.enter(ctx); err != nil {
		return store.Lease{}, err
	}
	defer s.mu.Unlock()
	key := store.KeyHash(n.By, n.Key)
	if id, ok := s.keys[key]; ok {
		return store.Lease{}, store.ErrExisting(id)
	}
	s.keepWorkflow(n.Hash, n.Workflow)
	s.last++
	id := s.last
	r := &record{
		run: store.Run{
			ID: id, Application: n.Application, File: n.File, WorkingDir: n.WorkingDir, SubmittedAt: micros(n.At),
			By: n.By,
		},
		key: key, owner: &owner, epoch: 1, until: s.now().Add(ttl),
	}
	s.addAttempt(r, n.FirstAttempt())
	s.runs = append(s.runs, r)
	s.keepKey(key, id)
	return store.Lease{Run: id, Epoch: 1}, nil
}

// keepKey records the key of a run, if it has one. The caller holds mu.
func (s *Store) keepKey(key string, id run.ID) {
	if key != "" {
		s.keys[key] = id
	}
}

// AddAttempt implements store.Store.
func (s *Store) AddAttempt(ctx context.Context, l store.Lease, a store.NewAttempt) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	r, err := s.leased(l)
	if err != nil {
		return 0, err
	}
	return s.addAttempt(r, a), nil
}

func (s *Store) addAttempt(r *record, a store.NewAttempt) int {
	s.keepWorkflow(a.Hash, a.Workflow)
	n := len(r.attempts) + 1
	r.attempts = append(r.attempts, store.Attempt{
		Number: n, Hash: a.Hash, Options: text(a.Options), CreatedAt: micros(a.At),
		Counts: store.Counts{Total: a.Jobs},
	})
	return n
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, l store.Lease, ts []run.Transition) (int64, error) {
	return s.Answer(ctx, l, ts, 0)
}

// Answer implements store.Store.
func (s *Store) Answer(ctx context.Context, l store.Lease, ts []run.Transition, request int) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	r, err := s.leased(l)
	if err != nil {
		return 0, err
	}
	for i := range ts {
		if n := ts[i].Attempt; n < 1 || n > len(r.attempts) {
			return 0, fault.New(fault.Internal, "attempt %d of run %d does not exist", n, l.Run)
		}
	}
	r.wrote = l.Epoch
	r.answered = max(r.answered, min(request, len(r.requests)))
	for i := range ts {
		s.keepFingerprint(r, &ts[i])
		r.append(ts[i])
	}
	return int64(len(r.transitions)), nil
}

func (r *record) append(t run.Transition) {
	t.Seq = int64(len(r.transitions) + 1)
	t.At, t.Until = micros(t.At), micros(t.Until)
	if t.Outcome != nil {
		o := *t.Outcome
		o.CPU, o.Ended = o.CPU.Truncate(time.Microsecond), micros(o.Ended)
		o.Fingerprint = ""
		t.Outcome = &o
	}
	r.transitions = append(r.transitions, t)
	a := &r.attempts[t.Attempt-1]
	a.Counts.Apply(&t)
	a.Move(t)
	if t.Job == "" {
		r.list(a)
	}
	r.untold = r.untold || t.Job == "" && t.Attempt == len(r.attempts)
}

// Request implements store.Store.
func (s *Store) Request(ctx context.Context, id run.ID, q store.Request) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	r, err := s.find(id)
	if err != nil {
		return err
	}
	q.No, q.At = len(r.requests)+1, micros(q.At)
	r.requests = append(r.requests, q)
	return nil
}

// Asked implements store.Store.
func (s *Store) Asked(ctx context.Context, from, to run.ID) (ids []run.ID, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if id := r.run.ID; id >= from && id <= to && len(r.requests) > r.answered {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// AddOverrides implements store.Store.
func (s *Store) AddOverrides(ctx context.Context, id run.ID, os []run.Override) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	r, err := s.find(id)
	if err != nil {
		return err
	}
	for _, o := range os {
		o.At = micros(o.At)
		r.overrides = append(r.overrides, o)
	}
	return nil
}
