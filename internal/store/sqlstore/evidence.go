package sqlstore

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// evidence is how a transaction can be told apart from one that never happened, in
// case the answer to its commit is lost. Transitions that it appended are proof
// enough, as nobody but the holder of the lease appends. All else is proved by a
// token: a row of the writer's own, whose number grows with each such transaction.
type evidence struct {
	appends []appended
	known   []appended // those of which it turned out that an earlier transaction did them
	spoken  bool       // the operation that runs says itself what proves it
	needed  bool       // something was done that appends don't prove
	token   bool       // it was written
}

// appended is what an operation appended.
type appended struct {
	lease store.Lease
	last  int64 // sequence number of the last
	ts    []run.Transition
	sure  bool // it is recorded; only of those in doubt
}

func (e *evidence) reset() {
	e.appends, e.known = e.appends[:0], e.known[:0]
	e.spoken, e.needed, e.token = false, false, false
}

// harmless says that the operation that runs may be repeated without being noticed.
func (e *evidence) harmless() { e.spoken = true }

// didAppend says that the operation that runs appended transitions.
func (e *evidence) didAppend(l store.Lease, last int64, ts []run.Transition) {
	e.spoken = true
	e.appends = append(e.appends, appended{lease: l, last: last, ts: ts})
}

// attest ends an operation.
func (e *evidence) attest() {
	e.needed = e.needed || !e.spoken
	e.spoken = false
}

// seal writes what has to be written last in each transaction.
func (t *tx) seal() error {
	if t.needed && len(t.appends) == 0 {
		if err := t.writeToken(); err != nil {
			return err
		}
	}
	return t.flush()
}

const (
	// tokenLife is how long a token is kept after the last use of it.
	tokenLife  = 24 * time.Hour
	dropTokens = `DELETE FROM commits WHERE writer < ? AND at_us < ?`
)

// writeToken records the number of this transaction. That it was there before means
// that two writers have the same name, by the rarest of chances.
func (t *tx) writeToken() error {
	now := time.Now()
	if t.serial == 0 {
		old := now.Add(-tokenLife)
		if err := t.exec(dropTokens, newWriterID(old), old.UnixMicro()); err != nil {
			return err
		}
	}
	t.serial++
	n, err := t.execRows(t.d.token, t.writer, t.serial, now.UnixMicro())
	if err == nil && n == 0 {
		t.writer, t.serial = newWriterID(now), 1
		_, err = t.execRows(t.d.token, t.writer, t.serial, now.UnixMicro())
	}
	t.token = true
	return err
}

// newWriterID returns a name that grows with time: milliseconds and 22 random bits.
func newWriterID(now time.Time) int64 {
	return now.UnixMilli()<<22 | rand.Int64N(1<<22) //nolint:gosec // nobody gains from guessing it
}

// tookEffect finds out whether the transaction with that evidence was committed. It
// waits for it when the database still works on it, as it wants the same rows.
func (t *tx) tookEffect(e *evidence) (took bool, err error) {
	if len(e.appends) == 0 && !e.token {
		return false, nil // there is no harm in doing it again
	}
	if err := t.start(); err != nil {
		return false, err
	}
	if len(e.appends) > 0 {
		took, err = t.isRecorded(&e.appends[0])
	} else {
		var n int64
		n, err = t.execRows(t.d.token, t.writer, t.serial, time.Now().UnixMicro())
		took = n == 0
	}
	return took, t.rollback(err)
}

const (
	selectSeq  = `SELECT lease_epoch, seq FROM runs WHERE id = ?`
	selectMark = `SELECT attempt, job, try_no, from_state, to_state, at_us FROM transitions WHERE run_id = ? AND seq = ?`
)

// isRecorded reports whether the last of the transitions is in the database. When
// somebody else has the lease by now, that is known by what is in its place.
func (t *tx) isRecorded(a *appended) (bool, error) {
	var epoch, seq int64
	found, err := t.row(selectSeq+t.d.lock, []any{a.lease.Run}, &epoch, &seq)
	if err != nil || !found || seq < a.last {
		return false, err
	}
	if epoch == a.lease.Epoch {
		return true, nil
	}
	var m run.Transition
	found, err = t.row(selectMark, []any{a.lease.Run, a.last},
		&m.Attempt, into(&m.Job), &m.Try, stateInto{&m.From}, stateInto{&m.To}, timeInto{&m.At})
	if err != nil || !found {
		return false, err
	}
	w := a.ts[len(a.ts)-1]
	return m == run.Transition{
		Attempt: w.Attempt, Job: w.Job, Try: w.Try, From: w.From, To: w.To, At: timeStored(w.At),
	}, nil
}

// timeStored returns a time as it is read back.
func timeStored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// doubt remembers appends of which nobody knows whether they took effect: their
// caller was told that they failed, and will do the same again.
func (t *tx) doubt(e *evidence) {
	for _, a := range e.appends {
		a.ts = slices.Clone(a.ts)
		t.doubts[a.lease] = append(t.doubts[a.lease], a)
	}
}

// clearDoubt finds out what became of earlier appends with the same lease, where that
// is not known. When one of them recorded ts, done is true and last is its number.
func (t *tx) clearDoubt(l store.Lease, ts []run.Transition) (last int64, done bool, err error) {
	if len(t.doubts) == 0 {
		return 0, false, nil
	}
	left := t.doubts[l][:0]
	for _, a := range t.doubts[l] {
		if !a.sure {
			if a.sure, err = t.isRecorded(&a); err != nil {
				return 0, false, err
			}
		}
		if a.sure {
			left = append(left, a)
		}
	}
	t.keepDoubts(l, left)
	for _, a := range left {
		if slices.EqualFunc(a.ts, ts, sameTransition) && !slices.ContainsFunc(t.known, a.is) {
			t.known = append(t.known, a)
			return a.last, true, nil
		}
	}
	return 0, false, nil
}

func (a appended) is(b appended) bool { return a.lease == b.lease && a.last == b.last }

// forget removes the doubts that were cleared in the transaction that was committed.
func (t *tx) forget() {
	for _, k := range t.known {
		t.keepDoubts(k.lease, slices.DeleteFunc(t.doubts[k.lease], k.is))
	}
}

func (t *tx) keepDoubts(l store.Lease, left []appended) {
	if len(left) == 0 {
		delete(t.doubts, l)
		return
	}
	t.doubts[l] = left
}

func sameTransition(a, b run.Transition) bool {
	if (a.Outcome == nil) != (b.Outcome == nil) || a.Outcome != nil && *a.Outcome != *b.Outcome {
		return false
	}
	a.Outcome, b.Outcome = nil, nil
	return a == b
}
