package sqlstore

import (
	"context"
	"database/sql"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	selectOrigin         = `SELECT origin, key_hash FROM runs WHERE id = ?`
	selectAllTransitions = `SELECT seq, ` + transitionColumns + ` FROM transitions WHERE run_id = ? ORDER BY seq`
	selectUsedWorkflows  = `SELECT hash, body FROM workflows WHERE hash IN (SELECT hash FROM attempts WHERE run_id = ?)`
	selectByOrigin       = `SELECT id FROM runs WHERE origin = ?`

	importColumns = `application, file, working_dir, submitted_at_us, attempt, state, seq, told_seq, lease_epoch, origin, by_user, key_hash`
	importNew     = `INSERT INTO runs (` + importColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?) RETURNING id`
	importAs      = `INSERT INTO runs (id, ` + importColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`
	importAttempt = `INSERT INTO attempts (run_id, attempt, state, reason, detail, hash, options, created_at_us, started_at_us,
		ended_at_us, jobs_total, jobs_running, jobs_succeeded, jobs_failed, jobs_skipped, jobs_cancelled)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// asker asks a question within a transaction.
type asker func(query string, args ...any) (*sql.Rows, error)

// askerOf returns the asker of a transaction that reads.
func askerOf(ctx context.Context, t *sql.Tx) asker {
	return func(query string, args ...any) (*sql.Rows, error) {
		return t.QueryContext(ctx, query, args...) //nolint:gosec // the callers' texts are all constant
	}
}

// list reads all rows of an answer.
func list[T any](ask asker, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := ask(query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scan)
}

// one returns a scan of a single value.
func one[T any](rows *sql.Rows) (v T, err error) { return v, rows.Scan(&v) }

// oneText returns a scan of a text that may be NULL.
func oneText(rows *sql.Rows) (s string, err error) { return s, rows.Scan(into(&s)) }

// Export implements store.Store.
func (s *Store) Export(ctx context.Context, id run.ID) (a store.Archive, err error) {
	err = s.view(ctx, "export run", func(ctx context.Context, t *sql.Tx) error {
		var err error
		a, err = s.archive(askerOf(ctx, t), id)
		return err
	})
	if err != nil {
		return store.Archive{}, err
	}
	return a, nil
}

// archive reads all that is recorded of a run.
func (s *Store) archive(ask asker, id run.ID) (a store.Archive, err error) {
	found, err := list(ask, func(r *sql.Rows) (store.Run, error) { return scanRun(r, s.cfg.Now()) }, selectRun, id)
	if err != nil {
		return a, err
	}
	if len(found) == 0 {
		return a, store.ErrNoRun(id)
	}
	a.Run = found[0]
	if a.Attempts, err = list(ask, scanAttempt, selectAttempts, id); err != nil {
		return a, err
	}
	if a.Transitions, err = list(ask, scanTransition, selectAllTransitions, id); err != nil {
		return a, err
	}
	if a.Overrides, err = list(ask, scanOverride, selectOverrides, id); err != nil {
		return a, err
	}
	if _, err = list(ask, func(rows *sql.Rows) (none struct{}, err error) {
		return none, rows.Scan(into(&a.Origin), into(&a.Key))
	}, selectOrigin, id); err != nil {
		return a, err
	}
	if a.Workflows, err = usedWorkflows(ask, id); err != nil {
		return a, err
	}
	if err := a.Valid(); err != nil {
		return a, err
	}
	return a.Normal(), nil
}

func scanAttempt(rows *sql.Rows) (a store.Attempt, err error) {
	return a, rows.Scan(attemptInto(&a)...)
}

func usedWorkflows(ask asker, id run.ID) (map[string][]byte, error) {
	used := map[string][]byte{}
	_, err := list(ask, func(rows *sql.Rows) (none struct{}, err error) {
		var hash string
		var body []byte
		if err := rows.Scan(&hash, &body); err != nil {
			return none, err
		}
		used[hash] = body
		return none, nil
	}, selectUsedWorkflows, id)
	return used, err
}

// Import implements store.Store.
func (s *Store) Import(ctx context.Context, a store.Archive) (id run.ID, imported bool, err error) {
	if err := a.Valid(); err != nil {
		return 0, false, err
	}
	a = a.Normal()
	err = s.change(ctx, "import run", func(t *tx) error {
		var err error
		id, imported, err = s.importRun(t, &a)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	return id, imported, nil
}

func (s *Store) importRun(t *tx, a *store.Archive) (id run.ID, imported bool, err error) {
	if a.Origin != "" {
		if found, err := t.row(selectByOrigin, []any{a.Origin}, &id); found || err != nil {
			return id, false, err
		}
	}
	if id, err := t.runOfKey(a.Key); err != nil || id != 0 && id != a.Run.ID {
		return 0, false, orFault(err, store.ErrExisting(id))
	}
	if a.Run.ID != 0 {
		there, err := s.archive(t.query, a.Run.ID)
		switch {
		case err == nil && there.Equal(a):
			return a.Run.ID, false, nil
		case err == nil:
			return 0, false, store.ErrTaken(a.Run.ID)
		case !isNoRun(err):
			return 0, false, err
		}
	}
	id, err = t.importRun(a)
	return id, err == nil, err
}

func (t *tx) importRun(a *store.Archive) (run.ID, error) {
	for hash, body := range a.Workflows {
		if err := t.keepWorkflow(hash, body); err != nil {
			return 0, err
		}
	}
	id, err := t.importHead(a)
	if err != nil {
		return 0, err
	}
	if err := t.widen(id, a.Run.SubmittedAt); err != nil {
		return 0, err
	}
	for i := range a.Attempts {
		if err := t.importAttempt(id, &a.Attempts[i]); err != nil {
			return 0, err
		}
	}
	if err := t.insert(id, 1, a.Transitions); err != nil {
		return 0, err
	}
	for _, o := range a.Overrides {
		if err := t.exec(insertOverride, id, id, o.Attempt, text(o.Job), text(o.By), micros(o.At), text(o.Note)); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// importHead writes the run's own row and returns its id.
func (t *tx) importHead(a *store.Archive) (id run.ID, err error) {
	r := &a.Run
	args := []any{
		text(r.Application), text(r.File), text(r.WorkingDir), micros(r.SubmittedAt),
		r.Attempt.Number, r.Attempt.State.String(), r.Seq, r.Seq, text(a.Origin), text(r.By), text(a.Key),
	}
	if r.ID == 0 {
		_, err = t.row(importNew, args, &id)
		return id, err
	}
	return r.ID, t.exec(importAs, append([]any{int64(r.ID)}, args...)...)
}

func (t *tx) importAttempt(id run.ID, a *store.Attempt) error {
	if a.State.Ended() {
		if err := t.exec(listUncounted, id, a.Number); err != nil {
			return err
		}
	}
	c := &a.Counts
	return t.exec(importAttempt, id, a.Number, a.State.String(), text(a.Reason), text(a.Detail), text(a.Hash), blob(a.Options),
		micros(a.CreatedAt), micros(a.StartedAt), micros(a.EndedAt),
		c.Total, c.Running, c.Succeeded, c.Failed, c.Skipped, c.Cancelled)
}
