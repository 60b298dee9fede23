package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

const (
	choreIsDone = `SELECT COUNT(*) FROM chores WHERE chore = ? AND at_us > ?`
	newChore    = `INSERT INTO chores (chore, at_us) VALUES (?, 0) ON CONFLICT (chore) DO NOTHING`
	claimChore  = `UPDATE chores SET at_us = ? WHERE chore = ? AND at_us <= ?`
	selectPlace = `SELECT place FROM chores WHERE chore = ? AND place IS NOT NULL`
	updatePlace = `UPDATE chores SET place = ? WHERE chore = ?`
)

// Claim implements store.Store. It looks first: nearly always the chore is not due, and
// then nobody who writes is waited for.
func (s *Store) Claim(ctx context.Context, chore string, every time.Duration) (claimed bool, err error) {
	now := s.cfg.Now()
	due := micros(now.Add(-every))
	var done int
	err = s.view(ctx, "look at a chore", func(ctx context.Context, t *sql.Tx) error {
		return t.QueryRowContext(ctx, choreIsDone, chore, due).Scan(&done)
	})
	if err != nil || done > 0 {
		return false, err
	}
	err = s.change(ctx, "claim a chore", func(t *tx) error {
		if err := t.exec(newChore, chore); err != nil {
			return err
		}
		n, err := t.execRows(claimChore, micros(now), chore, due)
		claimed = n == 1
		return err
	})
	return claimed && err == nil, err
}

// Place implements store.Store.
func (s *Store) Place(ctx context.Context, chore string) (after run.ID, err error) {
	err = s.view(ctx, "look at a chore", func(ctx context.Context, t *sql.Tx) error {
		found, err := list(askerOf(ctx, t), one[run.ID], selectPlace, chore)
		after = 0
		if len(found) > 0 {
			after = found[0]
		}
		return err
	})
	return after, err
}

// SetPlace implements store.Store.
func (s *Store) SetPlace(ctx context.Context, chore string, after run.ID) error {
	return s.change(ctx, "set a chore's place", func(t *tx) error {
		return t.exec(updatePlace, int64(after), chore)
	})
}
