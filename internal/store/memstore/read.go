package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// read finds a run for a method that changes nothing and calls get with it, under the lock.
func read[T any](ctx context.Context, s *Store, id run.ID, get func(*record) T) (none T, err error) {
	if err := s.enter(ctx); err != nil {
		return none, err
	}
	defer s.mu.Unlock()
	r, err := s.find(id)
	if err != nil {
		return none, err
	}
	return get(r), nil
}

// Run implements store.Store.
func (s *Store) Run(ctx context.Context, id run.ID) (store.Run, error) {
	return read(ctx, s, id, s.show)
}

// show returns a run as a caller sees it. The caller holds mu.
func (s *Store) show(r *record) store.Run {
	shown := r.run
	shown.Attempt = shownAttempt(r.attempts[len(r.attempts)-1])
	shown.Seq, shown.Wrote = int64(len(r.transitions)), r.wrote
	if (holding{r.owner, r.epoch, r.until}).live(s.now()) {
		owner := *r.owner
		shown.Owner = &owner
	}
	return shown
}

func shownAttempt(a store.Attempt) store.Attempt {
	a.Options = text(a.Options)
	return a
}

// Runs implements store.Store.
func (s *Store) Runs(ctx context.Context, f store.Filter) ([]store.Run, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found []store.Run
	for _, r := range slices.Backward(s.runs) {
		if f.Limit > 0 && len(found) == f.Limit {
			break
		}
		if matches(r, f) && (f.NotHeldBy == nil || !r.heldBy(*f.NotHeldBy, s.now())) {
			found = append(found, s.show(r))
		}
	}
	return found, nil
}

// heldBy reports whether somebody holds the run's lease.
func (r *record) heldBy(o store.Owner, now time.Time) bool {
	return r.owner != nil && *r.owner == o && r.until.After(now)
}

func matches(r *record, f store.Filter) bool {
	state := r.attempts[len(r.attempts)-1].State
	at := r.run.SubmittedAt
	return (f.Before == 0 || r.run.ID < f.Before) &&
		(f.Application == "" || r.run.Application == f.Application) &&
		(len(f.States) == 0 || slices.Contains(f.States, state)) &&
		!slices.Contains(f.NotStates, state) &&
		(f.Since.IsZero() || (!at.IsZero() && !at.Before(micros(f.Since)))) &&
		(f.Until.IsZero() || (!at.IsZero() && at.Before(micros(f.Until))))
}

// Attempts implements store.Store.
func (s *Store) Attempts(ctx context.Context, id run.ID) ([]store.Attempt, error) {
	return read(ctx, s, id, func(r *record) []store.Attempt {
		all := make([]store.Attempt, len(r.attempts))
		for i, a := range r.attempts {
			all[i] = shownAttempt(a)
		}
		return all
	})
}

// Transitions implements store.Store.
func (s *Store) Transitions(ctx context.Context, id run.ID, after int64, limit int) ([]run.Transition, error) {
	return read(ctx, s, id, func(r *record) []run.Transition {
		from := min(max(after, 0), int64(len(r.transitions)))
		part := r.transitions[from:]
		if limit > 0 && len(part) > limit {
			part = part[:limit]
		}
		if len(part) == 0 {
			return nil
		}
		part = slices.Clone(part)
		for i := range part {
			if o := part[i].Outcome; o != nil {
				clone := *o
				part[i].Outcome = &clone
			}
		}
		return part
	})
}

// Workflow implements store.Store.
func (s *Store) Workflow(ctx context.Context, hash string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	body, ok := s.workflows[hash]
	if !ok {
		return nil, fault.New(fault.NotFound, "workflow %s does not exist", hash)
	}
	return text(body), nil
}

// Overrides implements store.Store.
func (s *Store) Overrides(ctx context.Context, id run.ID) ([]run.Override, error) {
	return read(ctx, s, id, func(r *record) []run.Override { return slices.Clone(r.overrides) })
}
