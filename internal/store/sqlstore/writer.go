package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// maxGroup is how many operations share a commit at most, so that one that comes
// late does not wait for ever. An operation may be several hundred rows.
const maxGroup = 64

// writer owns the one connection that writes. Its goroutine takes all operations
// that wait and runs them in one transaction. When one of them fails, everything is
// rolled back and each runs again in a transaction of its own, so that it fails alone.
type writer struct {
	queue chan *operation
	done  chan struct{} // closed when the goroutine has ended

	mu     sync.RWMutex // guards closed, and keeps queue open while somebody sends
	closed bool

	tx tx // owned by the goroutine
}

// operation is one call that waits for its turn.
type operation struct {
	do     func(*tx) error
	taken  atomic.Bool // by the goroutine, or by the caller who gives up
	result chan error
}

// startWriter takes conn over and starts the goroutine, which close ends.
func startWriter(conn *sql.Conn) *writer {
	w := &writer{
		queue: make(chan *operation, maxGroup),
		done:  make(chan struct{}),
		tx: tx{
			conn: conn, statements: map[string]*sql.Stmt{},
			plain: insertsInto(plainColumns), outcome: insertsInto(outcomeColumns),
			seqs: map[store.Lease]int64{},
		},
	}
	go w.loop()
	return w
}

// submit runs do in a transaction and returns when that is committed or has failed.
// When ctx ends first, do is not run at all if it has not begun; if it has, its result counts.
func (w *writer) submit(ctx context.Context, do func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	op := &operation{do: do, result: make(chan error, 1)}
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
	}
}

// close lets the goroutine finish what is in the queue.
func (w *writer) close() error {
	w.refuse()
	<-w.done
	return w.tx.conn.Close()
}

func (w *writer) loop() {
	defer close(w.done)
	group := make([]*operation, 0, maxGroup)
	for op := range w.queue {
		group = w.gather(append(group[:0], op))
		w.run(group)
	}
	w.tx.closeStatements()
}

// gather adds what else is waiting, and leaves out what was given up.
func (w *writer) gather(group []*operation) []*operation {
	for len(group) < maxGroup {
		select {
		case op, ok := <-w.queue:
			if !ok {
				return taken(group)
			}
			group = append(group, op)
		default:
			return taken(group)
		}
	}
	return taken(group)
}

func taken(group []*operation) []*operation {
	kept := group[:0]
	for _, op := range group {
		if op.taken.CompareAndSwap(false, true) {
			kept = append(kept, op)
		}
	}
	return kept
}

func (w *writer) run(group []*operation) {
	if len(group) == 0 {
		return
	}
	failed, err := w.tx.together(group)
	if failed && len(group) > 1 {
		for _, op := range group {
			_, err := w.tx.together([]*operation{op})
			op.result <- err
		}
		return
	}
	for _, op := range group {
		op.result <- err
	}
}

// tx is the connection that writes, within a transaction. It prepares each
// statement once and keeps it. It belongs to the writer's goroutine.
type tx struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	args       []any // scratch space of insert
	plain      inserts
	outcome    inserts
	seqs       map[store.Lease]int64 // last sequence number of the runs that were appended to; see advance
}

// together runs operations in one transaction. failed reports that one of them
// failed, in contrast to the transaction.
func (t *tx) together(group []*operation) (failed bool, err error) {
	if err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return false, err
	}
	for _, op := range group {
		if err := runSafely(op.do, t); err != nil {
			return true, t.rollback(err)
		}
	}
	if err := t.exec("COMMIT"); err != nil {
		return false, t.rollback(err)
	}
	return false, nil
}

// runSafely turns a panic into an error: one caller's bug must not end the goroutine
// that all others wait for.
func runSafely(do func(*tx) error, t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "panic while writing: %v", p)
		}
	}()
	return do(t)
}

// rollback returns err. Some failures, a full disk for one, have rolled back by
// themselves already; then ROLLBACK fails, which says nothing new.
func (t *tx) rollback(err error) error {
	_ = t.exec("ROLLBACK")
	clear(t.seqs) // they were ahead
	return err
}

// The writer's statements run without a caller's context: ending one caller must not
// interrupt the transaction of the others.

func (t *tx) exec(query string, args ...any) error {
	_, err := t.execRows(query, args...)
	return err
}

// execRows returns how many rows were changed.
func (t *tx) execRows(query string, args ...any) (int64, error) {
	s, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row reads at most one row into dest and reports whether there was one.
func (t *tx) row(query string, args []any, dest ...any) (bool, error) {
	s, err := t.prepare(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (t *tx) query(query string, args ...any) (*sql.Rows, error) {
	s, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}

func (t *tx) prepare(query string) (*sql.Stmt, error) {
	if s, ok := t.statements[query]; ok {
		return s, nil
	}
	s, err := t.conn.PrepareContext(context.Background(), query)
	if err == nil {
		t.statements[query] = s
	}
	return s, err
}

func (t *tx) closeStatements() {
	for _, s := range t.statements {
		_ = s.Close() // the connection closes next and says what is wrong
	}
}
