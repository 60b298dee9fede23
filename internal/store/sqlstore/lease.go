package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// holding is who held a lease when it was read.
type holding struct {
	owner string // as stored; empty for nobody
	epoch int64
	until time.Time
}

// Acquire implements store.Store. dead may take its time: it is called without a
// transaction, and the lease is then taken only if nobody changed it meanwhile.
func (s *Store) Acquire(ctx context.Context, id run.ID, owner store.Owner, ttl time.Duration, dead func(store.Owner) bool) (store.Lease, error) {
	for {
		seen, err := s.holder(ctx, id)
		if err != nil {
			return store.Lease{}, err
		}
		if err := seen.refuse(id, s.cfg.Now(), dead); err != nil {
			return store.Lease{}, err
		}
		taken, err := s.take(ctx, id, seen, owner, ttl)
		if err != nil {
			return store.Lease{}, err
		}
		if taken {
			return store.Lease{Run: id, Epoch: seen.epoch + 1}, nil
		}
	}
}

// refuse returns a fault when the holder may keep the lease.
func (h holding) refuse(id run.ID, now time.Time, dead func(store.Owner) bool) error {
	holder, err := h.live(now)
	if holder == nil || err != nil {
		return err
	}
	if dead != nil && dead(*holder) {
		return nil
	}
	return store.ErrHeld(id, *holder, h.until)
}

// live returns the holder, or nil when there is none or the lease has run out.
func (h holding) live(now time.Time) (*store.Owner, error) {
	if !h.until.After(now) {
		return nil, nil //nolint:nilnil // see decodeOwner
	}
	return decodeOwner(h.owner)
}

func (s *Store) holder(ctx context.Context, id run.ID) (h holding, err error) {
	err = s.view(ctx, "read lease", func(ctx context.Context, t *sql.Tx) error {
		return orNoRun(id, t.QueryRowContext(ctx, `SELECT lease_owner, lease_epoch, lease_until_us FROM runs WHERE id = ?`, id).
			Scan(into(&h.owner), &h.epoch, timeInto{&h.until}))
	})
	return h, err
}

const takeLease = `UPDATE runs SET lease_owner = ?, lease_epoch = lease_epoch + 1, lease_until_us = ?
	WHERE id = ? AND lease_epoch = ? AND COALESCE(lease_until_us, 0) = ?`

func (s *Store) take(ctx context.Context, id run.ID, seen holding, owner store.Owner, ttl time.Duration) (taken bool, err error) {
	who, err := encodeOwner(owner)
	if err != nil {
		return false, err
	}
	until := int64(0)
	if !seen.until.IsZero() {
		until = seen.until.UnixMicro()
	}
	err = s.changeRun(ctx, "take lease", id, func(t *tx) error {
		n, err := t.execRows(takeLease, who, micros(s.cfg.Now().Add(ttl)), id, seen.epoch, until)
		taken = n == 1
		return err
	})
	return taken, err
}

const (
	renewLease = `UPDATE runs SET lease_until_us = ? WHERE id = ? AND lease_epoch = ? AND lease_owner IS NOT NULL`
	newRequest = `SELECT req_no, kind, job, by_user, at_us FROM requests WHERE run_id = ? AND taken_us IS NULL ORDER BY req_no`
)

// Renew implements store.Store.
func (s *Store) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (asked []store.Request, err error) {
	err = s.changeRun(ctx, "renew lease", l.Run, func(t *tx) error {
		t.harmless()
		if err := t.fenced(l, renewLease, micros(s.cfg.Now().Add(ttl)), l.Run, l.Epoch); err != nil {
			return err
		}
		rows, err := t.query(newRequest, l.Run)
		if err == nil {
			asked, err = collect(rows, scanRequest)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return asked, nil
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, l store.Lease) error {
	return s.changeRun(ctx, "release lease", l.Run, func(t *tx) error {
		delete(t.seqs, l)
		delete(t.doubts, l)
		t.harmless()
		n, err := t.execRows(`UPDATE runs SET lease_owner = NULL, lease_until_us = NULL WHERE id = ? AND lease_epoch = ?`, l.Run, l.Epoch)
		if err != nil || n == 1 {
			return err
		}
		return t.mustExist(l.Run)
	})
}
