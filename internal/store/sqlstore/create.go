package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// CreateRun implements store.Store.
func (s *Store) CreateRun(ctx context.Context, r store.NewRun, owner store.Owner, ttl time.Duration) (l store.Lease, err error) {
	var there run.ID
	err = s.change(ctx, "create run", func(t *tx) (err error) {
		if there, err = t.runOfKey(store.KeyHash(r.By, r.Key)); there != 0 || err != nil {
			t.harmless()
			return err // none: those that share the transaction are not to be done again
		}
		id, err := t.createRun(r, owner, s.cfg.Now().Add(ttl))
		l = store.Lease{Run: id, Epoch: 1}
		return err
	})
	if err == nil && there != 0 {
		err = store.ErrExisting(there)
	}
	if err != nil {
		return store.Lease{}, err
	}
	return l, nil
}

const (
	insertRun = `INSERT INTO runs (application, file, working_dir, submitted_at_us, attempt, state, seq,
		lease_owner, lease_epoch, lease_until_us, by_user, key_hash)
		VALUES (?, ?, ?, ?, 1, 'PENDING', 0, ?, 1, ?, ?, ?) RETURNING id`
	selectByKey    = `SELECT id FROM runs WHERE key_hash = ?`
	insertWorkflow = `INSERT INTO workflows (hash, body) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING`
	insertAttempt  = `INSERT INTO attempts (run_id, attempt, state, hash, options, created_at_us, jobs_total)
		VALUES (?, ?, 'PENDING', ?, ?, ?, ?)`
	fencedAttempt = `UPDATE runs SET attempt = attempt + 1, state = 'PENDING'
		WHERE id = ? AND lease_epoch = ? AND lease_owner IS NOT NULL RETURNING attempt`
)

func (t *tx) createRun(r store.NewRun, owner store.Owner, until time.Time) (run.ID, error) {
	who, err := encodeOwner(owner)
	if err != nil {
		return 0, err
	}
	if err := t.keepWorkflow(r.Hash, r.Workflow); err != nil {
		return 0, err
	}
	var id run.ID
	_, err = t.row(insertRun, []any{
		text(r.Application), text(r.File), text(r.WorkingDir), micros(r.At), who, micros(until),
		text(r.By), text(store.KeyHash(r.By, r.Key)),
	}, &id)
	if err != nil {
		return 0, err
	}
	if err := t.widen(id, r.At); err != nil {
		return 0, err
	}
	return id, t.createAttempt(id, 1, r.FirstAttempt())
}

// runOfKey returns the run that was created with a key, 0 when there is none. Of two at the
// same time, one finds the key taken when it inserts it, and is done again.
func (t *tx) runOfKey(hash string) (id run.ID, err error) {
	if hash != "" {
		_, err = t.row(selectByKey, []any{hash}, &id)
	}
	return id, err
}

func (t *tx) createAttempt(id run.ID, number int, a store.NewAttempt) error {
	if err := t.keepWorkflow(a.Hash, a.Workflow); err != nil {
		return err
	}
	return t.exec(insertAttempt, id, number, text(a.Hash), blob(a.Options), micros(a.At), a.Jobs)
}

func (t *tx) keepWorkflow(hash string, body []byte) error {
	if hash == "" {
		return nil
	}
	if body == nil {
		body = []byte{}
	}
	return t.exec(insertWorkflow, hash, body)
}

// AddAttempt implements store.Store.
func (s *Store) AddAttempt(ctx context.Context, l store.Lease, a store.NewAttempt) (number int, err error) {
	err = s.changeRun(ctx, "create attempt", l.Run, func(t *tx) error {
		if err := t.fencedRow(l, &number, fencedAttempt, l.Run, l.Epoch); err != nil {
			return err
		}
		return t.createAttempt(l.Run, number, a)
	})
	if err != nil {
		return 0, err
	}
	return number, nil
}

func encodeOwner(o store.Owner) (string, error) {
	b, err := json.Marshal(o)
	return string(b), fault.Wrap(err, fault.Internal, "an owner can't be written")
}

// decodeOwner returns nil for the empty text.
func decodeOwner(s string) (*store.Owner, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // nobody is an owner like any other
	}
	o := new(store.Owner)
	if err := json.Unmarshal([]byte(s), o); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the owner of a lease can't be read")
	}
	return o, nil
}
