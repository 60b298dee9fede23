package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// tx is a connection that writes, within a transaction. It prepares each statement
// once and keeps it. It belongs to a writer's goroutine.
type tx struct {
	d          *dialect
	db         *sql.DB
	conn       *sql.Conn // nil while there is none
	ctx        context.Context
	cancel     context.CancelFunc
	statements map[string]*sql.Stmt
	args       []any // scratch space of insert
	plain      inserts
	outcome    inserts
	seqs       map[store.Lease]int64      // last sequence number of the runs that were appended to; see advance
	doubts     map[store.Lease][]appended // appends whose caller was told that nobody knows

	queue []*later // what was put off

	evidence
	writer int64 // names this writer among all that use the database
	serial int64 // of its last token
}

// newTx returns a tx on conn, which is its own from now on.
func newTx(d *dialect, db *sql.DB, conn *sql.Conn) tx {
	return tx{
		d: d, db: db, conn: conn, statements: map[string]*sql.Stmt{},
		ctx: context.Background(), cancel: func() {},
		plain: insertsInto(plainColumns), outcome: insertsInto(outcomeColumns),
		seqs: map[store.Lease]int64{}, doubts: map[store.Lease][]appended{},
		writer: newWriterID(time.Now()),
	}
}

// verdict is what became of a transaction.
type verdict int

const (
	committed verdict = iota
	rejected          // one of its operations failed; nothing was recorded
	broken            // the transaction failed; nothing was recorded
	unknown           // the commit failed, and may have taken effect
)

// together runs operations in one transaction, and those that join them before it is
// committed. It returns all of them.
func (t *tx) together(group []*operation, join joiner) ([]*operation, verdict, error) {
	if err := t.start(); err != nil {
		return group, broken, err
	}
	for i := 0; i < len(group); i++ {
		if err := runSafely(group[i].do, t); err != nil {
			return group, rejected, t.rollback(err)
		}
		t.attest()
		if i == len(group)-1 {
			group = join(group)
		}
	}
	v, err := t.commit()
	return group, v, err
}

// commit ends a transaction.
func (t *tx) commit() (verdict, error) {
	if err := t.seal(); err != nil {
		return rejected, t.rollback(err) // with what an operation left for later
	}
	if err := failpoint.Err("sqlstore.commit.before"); err != nil {
		return rejected, t.rollback(err)
	}
	if err := t.exec("COMMIT"); err != nil {
		return t.failedCommit(err), err
	}
	failpoint.At("sqlstore.commit.after")
	t.forget()
	return committed, nil
}

// start begins a transaction, on a new connection when the last one was lost.
func (t *tx) start() error {
	t.evidence.reset()
	if t.d.timeout > 0 {
		t.cancel()
		t.ctx, t.cancel = context.WithTimeout(context.Background(), t.d.timeout)
	}
	if t.conn == nil {
		conn, err := t.db.Conn(t.ctx)
		if err != nil {
			return err
		}
		t.conn = conn
	}
	return t.later(nil, t.d.begin)
}

// failedCommit returns what is known of a transaction whose commit failed: where it
// can still be rolled back, or the database itself rejected it, it took no effect.
func (t *tx) failedCommit(err error) verdict {
	clear(t.seqs)
	if t.d.classify(err) == lost || t.exec("ROLLBACK") != nil {
		return unknown
	}
	return broken
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
	if t.d.classify(err) != lost {
		_ = t.exec("ROLLBACK")
	}
	t.queue = nil
	clear(t.seqs) // they were ahead
	return err
}

// disconnect gives up a connection that does not work any more; start makes a new one.
func (t *tx) disconnect() {
	t.queue = nil
	clear(t.seqs)
	if t.conn == nil {
		return
	}
	_ = t.conn.Raw(func(any) error { return driver.ErrBadConn }) // so that nobody gets it again
	_ = t.close()
	t.conn = nil
}

// close closes the connection, and with it whatever was prepared on it.
func (t *tx) close() error {
	t.cancel()
	if t.conn == nil {
		return nil
	}
	for _, s := range t.statements {
		_ = s.Close() // the connection closes next and says what is wrong
	}
	clear(t.statements)
	return t.conn.Close()
}

// The statements run without a caller's context: ending one caller must not
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
	r, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	if err != nil || len(t.queue) == 0 {
		return n, err
	}
	return n, t.checkQueue()
}

// row reads at most one row into dest and reports whether there was one.
func (t *tx) row(query string, args []any, dest ...any) (bool, error) {
	s, err := t.prepare(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(t.ctx, args...).Scan(dest...)
	none := errors.Is(err, sql.ErrNoRows)
	if err != nil && !none {
		return false, err
	}
	return !none, t.checkQueue()
}

func (t *tx) query(query string, args ...any) (*sql.Rows, error) {
	if err := t.flush(); err != nil {
		return nil, err
	}
	s, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(t.ctx, args...)
}

func (t *tx) prepare(query string) (*sql.Stmt, error) {
	if s, ok := t.statements[query]; ok {
		return s, nil
	}
	s, err := t.conn.PrepareContext(t.ctx, query)
	if err == nil {
		t.statements[query] = s
	}
	return s, err
}
