package sqlstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// maxGroup is how many operations share a commit at most, so that one that comes
// late does not wait for ever. An operation may be several hundred rows.
const maxGroup = 64

// writer owns one connection that writes. Its goroutine takes all operations that
// wait and runs them in one transaction, with those that come until it commits. When one
// of them fails, everything is rolled back and each runs again in a transaction of its
// own, so that it fails alone.
type writer struct {
	d        *dialect
	patience time.Duration // for how long an operation is tried again while the database is away
	queue    chan *operation
	done     chan struct{} // closed when the goroutine has ended
	closing  chan struct{} // closed when nothing is to be waited for any more

	mu     sync.RWMutex // guards closed, and keeps queue open while somebody sends
	closed bool

	tx tx // owned by the goroutine
}

// operation is one call that waits for its turn.
type operation struct {
	ctx    context.Context // the caller's
	run    run.ID          // the one it is about, 0 for none or several
	since  time.Time       // when it was called; zero where the database can't go away
	do     func(*tx) error
	taken  atomic.Bool // by the goroutine, or by the caller who gives up
	result chan error
}

// startWriter takes t over and starts the goroutine, which close ends.
func startWriter(t tx, patience time.Duration) *writer {
	w := &writer{
		d:        t.d,
		patience: patience,
		queue:    make(chan *operation, maxGroup),
		done:     make(chan struct{}),
		closing:  make(chan struct{}),
		tx:       t,
	}
	go w.loop()
	return w
}

// submit runs do in a transaction and returns when that is committed or has failed.
// When ctx ends first, do is not run at all if it has not begun; if it has, its result counts.
func (w *writer) submit(ctx context.Context, id run.ID, do func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	op := &operation{ctx: ctx, run: id, do: do, result: make(chan error, 1)}
	if w.d.fault != nil {
		op.since = time.Now()
	}
	if err := w.enqueue(ctx, op); err != nil {
		return err
	}
	select {
	case err := <-op.result:
		return err
	case <-ctx.Done():
		if op.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-op.result
	}
}

func (w *writer) enqueue(ctx context.Context, op *operation) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed()
	}
	select {
	case w.queue <- op:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) isClosed() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.closed
}

// refuse takes no more operations.
func (w *writer) refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		close(w.queue)
		close(w.closing)
	}
}

// close lets the goroutine finish what is in the queue.
func (w *writer) close() error {
	w.refuse()
	<-w.done
	return w.tx.close()
}

func (w *writer) loop() {
	defer close(w.done)
	group := make([]*operation, 0, maxGroup)
	for op := range w.queue {
		w.run(w.gather(take(group[:0], op)))
	}
}

// gather adds what else is waiting.
func (w *writer) gather(group []*operation) []*operation {
	for len(group) < maxGroup {
		select {
		case op, ok := <-w.queue:
			if !ok {
				return group
			}
			group = take(group, op)
		default:
			return group
		}
	}
	return group
}

// take adds an operation unless it was given up.
func take(group []*operation, op *operation) []*operation {
	if op.taken.CompareAndSwap(false, true) {
		return append(group, op)
	}
	return group
}

func (w *writer) run(group []*operation) {
	if len(group) == 0 {
		return
	}
	if w.d.lock != "" {
		// Transactions that lock rows in the same order don't wait for each other in a circle.
		slices.SortStableFunc(group, func(a, b *operation) int { return int(a.run - b.run) })
	}
	join := w.gather
	if w.d.lock != "" {
		join = alone // who comes later would want rows in another order
	}
	group, v, err := w.settle(group, join)
	if v == rejected && len(group) > 1 {
		for _, op := range group {
			one, _, err := w.settle([]*operation{op}, alone)
			answer(one, err)
		}
		return
	}
	answer(group, err)
}

// alone lets no operation join those of a transaction that has begun.
func alone(group []*operation) []*operation { return group }

func answer(group []*operation, err error) {
	for _, op := range group {
		op.result <- err
	}
}

// maxConflicts is how often a transaction may meet another one before that is taken
// for its own fault.
const maxConflicts = 5

// settle runs operations in one transaction until it is known what became of it, or
// nothing can be found out within the patience there is. Others may join them, as join
// says. It returns the operations that share the result: those that can't wait have theirs.
func (w *writer) settle(group []*operation, join joiner) ([]*operation, verdict, error) {
	group, v, err := w.attempt(group, join)
	if v == committed || v == unknown || w.d.classify(err) == final {
		return group, v, err
	}
	return w.settleLater(group, v, err)
}

// joiner adds operations to those of a transaction that has begun.
type joiner func(group []*operation) []*operation

// attempt runs operations in one transaction, once.
func (w *writer) attempt(group []*operation, join joiner) ([]*operation, verdict, error) {
	group, v, err := w.tx.together(group, join)
	if v == unknown {
		v, err = w.lookUp(err)
	}
	return group, v, err
}

// settleLater is settle after a failure that need not last.
func (w *writer) settleLater(group []*operation, v verdict, err error) ([]*operation, verdict, error) {
	wait := backoff{}
	for conflicts := 0; ; group, v, err = w.attempt(group, alone) {
		if v == committed || v == unknown {
			return group, v, err
		}
		switch w.d.classify(err) {
		case final:
			return group, v, err
		case conflict:
			if conflicts++; conflicts > maxConflicts {
				return group, v, err
			}
		case lost:
			w.tx.disconnect()
		}
		if group = w.patient(group, err); len(group) == 0 || !wait.pause(w.closing) {
			return group, v, err
		}
	}
}

// patient returns those that still want to wait, and tells the others why they wait in vain.
func (w *writer) patient(group []*operation, err error) []*operation {
	left := group[:0]
	for _, op := range group {
		switch {
		case op.ctx.Err() != nil:
			op.result <- op.ctx.Err()
		case time.Since(op.since) > w.patience:
			op.result <- err
		default:
			left = append(left, op)
		}
	}
	return left
}

// lookUp finds out what became of a transaction when the answer to its commit was
// lost. Whatever it takes, it is not run a second time before that is known.
func (w *writer) lookUp(cause error) (verdict, error) {
	e := w.tx.evidence
	e.appends = slices.Clone(e.appends)
	wait := backoff{}
	for since := time.Now(); ; {
		if w.d.classify(cause) == lost {
			w.tx.disconnect()
		}
		took, err := w.tx.tookEffect(&e)
		switch {
		case err == nil && took:
			return committed, nil
		case err == nil:
			return broken, cause
		case w.d.classify(err) == final, time.Since(since) > w.patience, !wait.pause(w.closing):
			w.tx.doubt(&e)
			return unknown, &uncertain{errors.Join(cause, err)}
		}
		cause = err
	}
}

// uncertain is the error of a transaction of which nobody knows whether it took effect.
type uncertain struct{ cause error }

func (u *uncertain) Error() string {
	return "it is not known what became of the transaction: " + u.cause.Error()
}
func (u *uncertain) Unwrap() error { return u.cause }
