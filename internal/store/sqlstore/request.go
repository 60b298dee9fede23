package sqlstore

import (
	"context"
	"database/sql"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	insertRequest = `INSERT INTO requests (run_id, req_no, kind, job, by_user, at_us)
		VALUES (?, (SELECT COALESCE(MAX(req_no), 0) + 1 FROM requests WHERE run_id = ?), ?, ?, ?, ?)`
	selectAsked    = `SELECT DISTINCT run_id FROM requests WHERE run_id >= ? AND run_id <= ? AND taken_us IS NULL ORDER BY run_id`
	insertOverride = `INSERT INTO overrides (run_id, override_no, attempt, job, by_user, at_us, note)
		VALUES (?, (SELECT COALESCE(MAX(override_no), 0) + 1 FROM overrides WHERE run_id = ?), ?, ?, ?, ?, ?)`
	selectOverrides = `SELECT attempt, job, by_user, at_us, note FROM overrides WHERE run_id = ? ORDER BY override_no`
)

// Request implements store.Store.
func (s *Store) Request(ctx context.Context, id run.ID, r store.Request) error {
	return s.changeRun(ctx, "record request", id, func(t *tx) error {
		if err := t.lockRun(id); err != nil {
			return err
		}
		return t.exec(insertRequest, id, id, string(r.Kind), text(r.Job), text(r.By), micros(r.At))
	})
}

// Asked implements store.Store.
func (s *Store) Asked(ctx context.Context, from, to run.ID) (ids []run.ID, err error) {
	err = s.view(ctx, "look for requests", func(ctx context.Context, t *sql.Tx) error {
		var err error
		ids, err = list(askerOf(ctx, t), one[run.ID], selectAsked, int64(from), int64(to))
		return err
	})
	return ids, err
}

func scanRequest(rows *sql.Rows) (r store.Request, err error) {
	err = rows.Scan(&r.No, into(&r.Kind), into(&r.Job), into(&r.By), timeInto{&r.At})
	return r, err
}

// AddOverrides implements store.Store.
func (s *Store) AddOverrides(ctx context.Context, id run.ID, os []run.Override) error {
	return s.changeRun(ctx, "record overrides", id, func(t *tx) error {
		if err := t.lockRun(id); err != nil {
			return err
		}
		for _, o := range os {
			if err := t.exec(insertOverride, id, id, o.Attempt, text(o.Job), text(o.By), micros(o.At), text(o.Note)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Overrides implements store.Store.
func (s *Store) Overrides(ctx context.Context, id run.ID) ([]run.Override, error) {
	return listOf(ctx, s, id, "read overrides", scanOverride, selectOverrides, id)
}

func scanOverride(rows *sql.Rows) (o run.Override, err error) {
	err = rows.Scan(&o.Attempt, into(&o.Job), into(&o.By), timeInto{&o.At}, into(&o.Note))
	return o, err
}
