package sqlstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	selectFingerprint = `SELECT run_id, attempt, try_no, done, body FROM fingerprints WHERE application = ? AND job = ?`
	newFingerprint    = `INSERT INTO fingerprints (application, job, run_id, attempt, try_no, done) VALUES (?, ?, 0, 0, 0, 0)
		ON CONFLICT (application, job) DO NOTHING`
	beginFingerprint = `UPDATE fingerprints SET run_id = ?, attempt = ?, try_no = ?, done = 0, body = ?
		WHERE application = ? AND job = ? AND run_id = ? AND attempt = ? AND try_no = ? AND done = ?`
	finishFingerprint = `UPDATE fingerprints SET done = 1, body = ?
		WHERE run_id = ? AND attempt = ? AND job = ? AND try_no = ? AND done = 0`

	selectFingerprinted = `SELECT application, job FROM fingerprints WHERE run_id > 0`
	dropFingerprint     = `DELETE FROM fingerprints WHERE application = ? AND job = ?`
	importFingerprint   = `INSERT INTO fingerprints (application, job, run_id, attempt, try_no, done, body) VALUES (?, ?, ?, ?, ?, 1, ?)`
)

// Fingerprint implements store.Store.
func (s *Store) Fingerprint(ctx context.Context, application string, job run.JobID) (f store.Fingerprint, err error) {
	err = s.view(ctx, "read a fingerprint", func(ctx context.Context, t *sql.Tx) error {
		found, err := list(askerOf(ctx, t), func(rows *sql.Rows) (f store.Fingerprint, err error) {
			return f, rows.Scan(&f.Task.Run, &f.Task.Attempt, &f.Task.Try, &f.Done, &f.Body)
		}, selectFingerprint, application, string(job))
		f = store.Fingerprint{}
		if len(found) > 0 {
			f = found[0]
			f.Task.Job = job
		}
		return err
	})
	if len(f.Body) == 0 {
		f.Body = nil
	}
	return f, err
}

// BeginFingerprint implements store.Store.
func (s *Store) BeginFingerprint(ctx context.Context, application string, seen, next store.Fingerprint) (begun bool, err error) {
	err = s.change(ctx, "begin a fingerprint", func(t *tx) error {
		job := string(next.Task.Job)
		if seen.Task == (run.TaskID{}) {
			if err := t.exec(newFingerprint, application, job); err != nil {
				return err
			}
		}
		n, err := t.execRows(beginFingerprint, next.Task.Run, next.Task.Attempt, next.Task.Try, blob(next.Body),
			application, job, seen.Task.Run, seen.Task.Attempt, seen.Task.Try, bit(seen.Done))
		begun = n == 1
		return err
	})
	return begun && err == nil, err
}

// Fingerprinted implements store.Fingerprints.
func (s *Store) Fingerprinted(ctx context.Context) (all []store.Fingerprinted, err error) {
	err = s.view(ctx, "list fingerprints", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), func(rows *sql.Rows) (f store.Fingerprinted, err error) {
			return f, rows.Scan(into(&f.Application), into(&f.Job))
		}, selectFingerprinted)
		return err
	})
	slices.SortFunc(all, store.Fingerprinted.Compare) // here, as databases differ in how they sort text
	return all, err
}

// ImportFingerprint implements store.Fingerprints.
func (s *Store) ImportFingerprint(ctx context.Context, application string, f store.Fingerprint) error {
	return s.change(ctx, "import a fingerprint", func(t *tx) error {
		job := string(f.Task.Job)
		if err := t.exec(dropFingerprint, application, job); err != nil || !f.Done {
			return err
		}
		return t.exec(importFingerprint, application, job, f.Task.Run, f.Task.Attempt, f.Task.Try, blob(f.Body))
	})
}

// keepFingerprints keeps what tries found and made whose ends are recorded.
func (t *tx) keepFingerprints(id run.ID, ts []run.Transition) error {
	for i := range ts {
		o := ts[i].Outcome
		if o == nil || o.Fingerprint == "" {
			continue
		}
		err := t.later(nil, finishFingerprint, []byte(o.Fingerprint), id, ts[i].Attempt, text(ts[i].Job), ts[i].Try)
		if err != nil {
			return err
		}
	}
	return nil
}
