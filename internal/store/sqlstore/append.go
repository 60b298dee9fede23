package sqlstore

import (
	"context"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Append implements store.Store. ts must not be changed until it returns.
func (s *Store) Append(ctx context.Context, l store.Lease, ts []run.Transition) (last int64, err error) {
	return s.Answer(ctx, l, ts, 0)
}

const setAnswered = `UPDATE requests SET taken_us = ? WHERE run_id = ? AND req_no <= ? AND taken_us IS NULL`

// Answer implements store.Store. ts must not be changed until it returns.
func (s *Store) Answer(ctx context.Context, l store.Lease, ts []run.Transition, request int) (last int64, err error) {
	sum := summarise(ts)
	err = s.changeRun(ctx, "record transitions", l.Run, func(t *tx) error {
		var err error
		if last, err = t.append(l, ts, sum); err != nil || request == 0 {
			return err
		}
		return t.later(nil, setAnswered, micros(s.cfg.Now()), l.Run, request) // once more does no harm
	})
	if err != nil {
		return 0, err
	}
	return last, nil
}

// change is what some transitions do to one attempt.
type change struct {
	attempt int
	counts  run.Counts // to be added
	moves   []run.Transition
}

// summarise adds up what transitions do to each attempt that they name. Nearly
// always that is one.
func summarise(ts []run.Transition) (all []change) {
	c := -1
	for i := range ts {
		if c < 0 || all[c].attempt != ts[i].Attempt {
			all, c = changeOf(all, ts[i].Attempt)
		}
		all[c].counts.Apply(&ts[i])
		if ts[i].Job == "" {
			all[c].moves = append(all[c].moves, ts[i])
		}
	}
	return all
}

func changeOf(all []change, attempt int) ([]change, int) {
	for i := range all {
		if all[i].attempt == attempt {
			return all, i
		}
	}
	return append(all, change{attempt: attempt}), len(all)
}

const (
	// addSeq also checks the lease: no row is changed when it was lost.
	addSeq    = `UPDATE runs SET seq = seq + ?, wrote_epoch = lease_epoch WHERE id = ? AND lease_epoch = ? AND lease_owner IS NOT NULL`
	returnSeq = addSeq + ` RETURNING seq`
	addCounts = `UPDATE attempts SET jobs_running = jobs_running + ?, jobs_succeeded = jobs_succeeded + ?,
		jobs_failed = jobs_failed + ?, jobs_skipped = jobs_skipped + ?, jobs_cancelled = jobs_cancelled + ?
		WHERE run_id = ? AND attempt = ?`
	moveAttempt = `UPDATE attempts SET state = ?, reason = ?, detail = ?,
		started_at_us = COALESCE(started_at_us, ?), ended_at_us = ? WHERE run_id = ? AND attempt = ?`
	moveRun = `UPDATE runs SET state = ?, untold = 1 WHERE id = ? AND attempt = ?`
)

func (t *tx) append(l store.Lease, ts []run.Transition, sum []change) (last int64, err error) {
	last, done, err := t.clearDoubt(l, ts)
	if done || err != nil {
		t.harmless()
		return last, err
	}
	if last, err = t.advance(l, len(ts)); err != nil {
		return 0, err
	}
	if len(ts) == 0 {
		t.harmless()
		return last, nil
	}
	for i := range sum {
		if err := t.applyChange(l.Run, &sum[i]); err != nil {
			return 0, err
		}
	}
	t.didAppend(l, last, ts)
	if err := t.insert(l.Run, last-int64(len(ts))+1, ts); err != nil {
		return 0, err
	}
	return last, t.keepFingerprints(l.Run, ts)
}

// advance adds n to a run's sequence number and returns it. The holder of a lease is
// the only one who adds, so that what it added last need not be read again.
func (t *tx) advance(l store.Lease, n int) (last int64, err error) {
	if seen, ok := t.seqs[l]; ok {
		last = seen + int64(n)
		err = t.fencedLater(l, addSeq, n, l.Run, l.Epoch)
	} else {
		err = t.fencedRow(l, &last, returnSeq, n, l.Run, l.Epoch)
	}
	if err == nil {
		t.seqs[l] = last
	}
	return last, err
}

// fenced runs an update that changes no row unless l is the run's current lease.
func (t *tx) fenced(l store.Lease, query string, args ...any) error {
	n, err := t.execRows(query, args...)
	if err != nil || n == 1 {
		return err
	}
	return t.lost(l)
}

// fencedLater is fenced for an update that need not be answered at once.
func (t *tx) fencedLater(l store.Lease, query string, args ...any) error {
	if !t.d.queues {
		return t.fenced(l, query, args...)
	}
	return t.later(func(n int64) error {
		if n == 1 {
			return nil
		}
		return t.lost(l)
	}, query, args...)
}

// fencedRow is fenced for an update that returns a number.
func (t *tx) fencedRow(l store.Lease, into any, query string, args ...any) error {
	ok, err := t.row(query, args, into)
	if err != nil || ok {
		return err
	}
	return t.lost(l)
}

// lost says why an update with a lease changed nothing.
func (t *tx) lost(l store.Lease) error {
	if err := t.mustExist(l.Run); err != nil {
		return err
	}
	return store.ErrLost(l.Run)
}

const selectExists = `SELECT 1 FROM runs WHERE id = ?`

func (t *tx) mustExist(id run.ID) error { return t.findRun(selectExists, id) }

// lockRun keeps others from changing the run until the transaction ends.
func (t *tx) lockRun(id run.ID) error { return t.findRun(selectExists+t.d.lock, id) }

func (t *tx) findRun(query string, id run.ID) error {
	var one int
	if ok, err := t.row(query, []any{id}, &one); ok || err != nil {
		return err
	}
	return store.ErrNoRun(id)
}

func (t *tx) applyChange(id run.ID, c *change) error {
	k := c.counts
	err := t.later(hasAttempt(id, c.attempt), addCounts, k.Running, k.Succeeded, k.Failed, k.Skipped, k.Cancelled, id, c.attempt)
	if err != nil {
		return err
	}
	for i := range c.moves {
		if err := t.move(id, &c.moves[i]); err != nil {
			return err
		}
	}
	return nil
}

// hasAttempt checks an update of an attempt.
func hasAttempt(id run.ID, attempt int) func(int64) error {
	return func(n int64) error {
		if n == 0 {
			return fault.New(fault.Internal, "attempt %d of run %d does not exist", attempt, id)
		}
		return nil
	}
}

// move is store.Attempt.Move in SQL.
func (t *tx) move(id run.ID, m *run.Transition) error {
	var started, ended any
	if m.To == run.Running {
		started = micros(m.At)
	}
	if m.To.Ended() {
		ended = micros(m.At)
	}
	if m.To.Ended() {
		if err := t.later(nil, listUncounted, id, m.Attempt); err != nil {
			return err
		}
	}
	err := t.later(nil, moveAttempt, m.To.String(), text(m.Reason), text(m.Detail), started, ended, id, m.Attempt)
	if err != nil {
		return err
	}
	return t.later(nil, moveRun, m.To.String(), id, m.Attempt)
}
