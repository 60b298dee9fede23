package memstore

import (
	"context"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// fingerprintKey names a job of an application.
type fingerprintKey struct {
	application string
	job         run.JobID
}

// Fingerprint implements store.Store.
func (s *Store) Fingerprint(ctx context.Context, application string, job run.JobID) (store.Fingerprint, error) {
	if err := s.enter(ctx); err != nil {
		return store.Fingerprint{}, err
	}
	defer s.mu.Unlock()
	f := s.fingerprints[fingerprintKey{application, job}]
	f.Body = text(f.Body)
	return f, nil
}

// BeginFingerprint implements store.Store.
func (s *Store) BeginFingerprint(ctx context.Context, application string, seen, next store.Fingerprint) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	key := fingerprintKey{application, next.Task.Job}
	if is := s.fingerprints[key]; is.Task != seen.Task || is.Done != seen.Done {
		return false, nil
	}
	s.fingerprints[key] = store.Fingerprint{Task: next.Task, Body: text(next.Body)}
	return true, nil
}

// keepFingerprint keeps what a try found and made whose end is recorded, if none has begun
// since. The caller holds mu.
func (s *Store) keepFingerprint(r *record, t *run.Transition) {
	if t.Outcome == nil || t.Outcome.Fingerprint == "" {
		return
	}
	key := fingerprintKey{r.run.Application, t.Job}
	f := s.fingerprints[key]
	if !f.Done && f.Task == (run.TaskID{Run: r.run.ID, Attempt: t.Attempt, Job: t.Job, Try: t.Try}) {
		s.fingerprints[key] = store.Fingerprint{Task: f.Task, Done: true, Body: []byte(t.Outcome.Fingerprint)}
	}
}
