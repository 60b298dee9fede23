package memstore

import (
	"context"
	"maps"
	"slices"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Fingerprint implements store.Store.
func (s *Store) Fingerprint(ctx context.Context, application string, job run.JobID) (store.Fingerprint, error) {
	if err := s.enter(ctx); err != nil {
		return store.Fingerprint{}, err
	}
	defer s.mu.Unlock()
	f := s.fingerprints[store.Fingerprinted{Application: application, Job: job}]
	f.Body = text(f.Body)
	return f, nil
}

// BeginFingerprint implements store.Store.
func (s *Store) BeginFingerprint(ctx context.Context, application string, seen, next store.Fingerprint) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	key := store.Fingerprinted{Application: application, Job: next.Task.Job}
	if is := s.fingerprints[key]; is.Task != seen.Task || is.Done != seen.Done {
		return false, nil
	}
	s.fingerprints[key] = store.Fingerprint{Task: next.Task, Body: text(next.Body)}
	return true, nil
}

// Fingerprinted implements store.Fingerprints.
func (s *Store) Fingerprinted(ctx context.Context) (all []store.Fingerprinted, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.fingerprints), store.Fingerprinted.Compare), nil
}

// ImportFingerprint implements store.Fingerprints.
func (s *Store) ImportFingerprint(ctx context.Context, application string, f store.Fingerprint) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	key := store.Fingerprinted{Application: application, Job: f.Task.Job}
	delete(s.fingerprints, key)
	if f.Done {
		f.Body = text(f.Body)
		s.fingerprints[key] = f
	}
	return nil
}

// keepFingerprint keeps what a try found and made whose end is recorded, if none has begun
// since. The caller holds mu.
func (s *Store) keepFingerprint(r *record, t *run.Transition) {
	if t.Outcome == nil || t.Outcome.Fingerprint == "" {
		return
	}
	key := store.Fingerprinted{Application: r.run.Application, Job: t.Job}
	f := s.fingerprints[key]
	if !f.Done && f.Task == (run.TaskID{Run: r.run.ID, Attempt: t.Attempt, Job: t.Job, Try: t.Try}) {
		s.fingerprints[key] = store.Fingerprint{Task: f.Task, Done: true, Body: []byte(t.Outcome.Fingerprint)}
	}
}
