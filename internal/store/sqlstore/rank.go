package sqlstore

import (
	"context"
	"database/sql"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// anyOrigin finds out at once whether there is a run that was recorded elsewhere first.
const anyOrigin = `SELECT origin FROM runs WHERE origin IS NOT NULL LIMIT ?`

// Nth implements store.Store. As long as there are no imported runs, nothing but an
// index is read.
func (s *Store) Nth(ctx context.Context, r store.Rank) (id run.ID, err error) {
	err = s.view(ctx, "rank runs", func(ctx context.Context, t *sql.Tx) error {
		ask := askerOf(ctx, t)
		if !r.Imported {
			origins, err := list(ask, oneText, anyOrigin, 1)
			if err != nil {
				return err
			}
			r.Imported = len(origins) == 0
		}
		q := rankQuery(r)
		_, err := list(ask, func(rows *sql.Rows) (none struct{}, err error) {
			var n int
			if err := rows.Scan(&n, &id); err != nil {
				return none, err
			}
			if n < max(r.N, 1) {
				id = 0
			}
			return none, nil
		}, q.text.String(), q.args...)
		return err
	})
	return id, err
}

// rankQuery counts the newest runs, at most r.N, and finds the oldest of them. Each state is a search of its own, as in listQuery.
func rankQuery(r store.Rank) *query {
	states := r.States
	if len(states) == 0 {
		states = run.States()
	}
	q := new(query)
	q.add("SELECT COUNT(*), COALESCE(MIN(id), 0) FROM (SELECT id FROM (")
	for i, s := range states {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		q.add("SELECT id FROM (SELECT r.id FROM runs r INDEXED BY runs_by_application WHERE r.state = ?", s.String())
		if r.Application == "" {
			q.add(" AND r.application IS NULL")
		} else {
			q.add(" AND r.application = ?", r.Application)
		}
		if !r.Imported {
			q.add(" AND r.origin IS NULL")
		}
		q.add(" ORDER BY r.id DESC LIMIT ?) q", max(r.N, 1))
	}
	q.add(") p ORDER BY id DESC LIMIT ?) o", max(r.N, 1))
	return q
}
