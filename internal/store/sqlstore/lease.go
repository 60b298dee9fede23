package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
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

// renewedAtOnce is how many leases are renewed in one transaction, for which the others wait.
const renewedAtOnce = 500

// RenewAll implements store.Store. Each writer renews those of its own runs, in order, so
// that none waits for another.
func (s *Store) RenewAll(ctx context.Context, ls []store.Lease, ttl time.Duration) (lost []store.Lease, err error) {
	of := make([][]store.Lease, len(s.writers))
	for _, l := range ls {
		w := uint64(l.Run) % uint64(len(of))
		of[w] = append(of[w], l)
	}
	for _, mine := range of {
		slices.SortFunc(mine, func(a, b store.Lease) int { return cmp.Compare(a.Run, b.Run) })
		for some := range slices.Chunk(mine, renewedAtOnce) {
			gone, err := s.renewSome(ctx, some, ttl)
			if lost = append(lost, gone...); err != nil {
				return lost, err
			}
		}
	}
	return lost, nil
}

// renewSome renews leases of runs of one writer.
func (s *Store) renewSome(ctx context.Context, ls []store.Lease, ttl time.Duration) (lost []store.Lease, err error) {
	err = s.changeRun(ctx, "renew leases", ls[0].Run, func(t *tx) error {
		lost = nil
		until := micros(s.cfg.Now().Add(ttl))
		t.harmless()
		for _, l := range ls {
			err := t.later(func(rows int64) error {
				if rows == 0 {
					lost = append(lost, l)
				}
				return nil
			}, renewLease, until, l.Run, l.Epoch)
			if err != nil {
				return err
			}
		}
		return t.flush()
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
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
