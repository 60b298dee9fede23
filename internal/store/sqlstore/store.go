// Package sqlstore keeps runs in an SQL database: SQLite, PostgreSQL or Oracle. What is
// particular to one is in the files whose names begin with it and in the dialect
// that they fill.
//
// All writes go through a goroutine or a few (see writer), which run what is waiting
// in one transaction and so share the cost of a commit between the callers. Reads go
// to a small pool of connections of their own and never wait for a write.
//
// A database server may go away at any moment. What it did not do then is done again
// when it is back; when nobody knows whether it did, that is looked up first (see
// evidence).
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

var _ store.Store = (*Store)(nil)

// Durability says what a committed transaction survives.
type Durability string

// The durabilities.
const (
	Process Durability = "process" // the end of the program, however sudden; a power cut may take the last commits
	Full    Durability = "full"    // power loss as well, at the price of a disk flush for each commit
)

// Config holds the options of a store. The zero value is valid.
type Config struct {
	// Durability is for SQLite; other databases decide that themselves. Defaults to Process.
	Durability Durability
	// NetworkFS lets an SQLite database be on a network file system.
	NetworkFS bool
	// BusyTimeout is how long to wait for another program's transaction. Defaults to 5 s.
	BusyTimeout time.Duration
	// Now is the clock by which leases run out, safe for concurrent use. Defaults to time.Now.
	Now func() time.Time

	// Pool is the most connections to a database server, at least 3. A URL's
	// pool_max_conns goes before it. Defaults to 10.
	Pool int
	// Patience is for how long a call is tried again while a database server is away
	// or connections are cut, before it fails with Unavailable. Defaults to 30 s.
	Patience time.Duration
	// StatementTimeout is how long a server may take for one statement, and a
	// transaction for all of them. Defaults to 30 s.
	StatementTimeout time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if c.Durability == "" {
		c.Durability = Process
	}
	if c.Durability != Process && c.Durability != Full {
		return c, fault.New(fault.InvalidConfig, "unknown durability %q", c.Durability).
			WithHint("use %q or %q", Process, Full)
	}
	if c.BusyTimeout <= 0 {
		c.BusyTimeout = 5 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Pool == 0 {
		c.Pool = 10
	}
	if c.Patience <= 0 {
		c.Patience = 30 * time.Second
	}
	if c.StatementTimeout <= 0 {
		c.StatementTimeout = 30 * time.Second
	}
	return c, nil
}

// Store is a store.Store in an SQL database. It is safe for concurrent use.
type Store struct {
	cfg     Config
	d       dialect
	writers []*writer    // each run has its writer, so that what is recorded of it stays in order
	turn    atomic.Int64 // the writer of what is about no run in particular
	reads   *sql.DB      // connections are opened when they are needed
	write   *sql.DB      // a connection for each writer, which holds it

	closing sync.Once
	closed  error // of closing
}

// newStore starts the writers on the connections given, one each.
func newStore(cfg Config, d dialect, reads, write *sql.DB, conns ...*sql.Conn) *Store {
	s := &Store{cfg: cfg, d: d, reads: reads, write: write}
	for _, c := range conns {
		s.writers = append(s.writers, startWriter(newTx(&s.d, write, c), cfg.Patience))
	}
	return s
}

// Close waits for what is being written, then closes the database. What comes
// later fails with Unavailable. It is idempotent. The connection that writes is the
// last to close: see keepLog.
func (s *Store) Close() error {
	s.closing.Do(func() {
		for _, w := range s.writers {
			w.refuse()
		}
		errs := []error{s.reads.Close()}
		for _, w := range s.writers {
			errs = append(errs, w.close())
		}
		s.closed = s.d.translate("close database", errors.Join(append(errs, s.write.Close())...))
	})
	return s.closed
}

// change runs do in a write transaction, which it may share with other calls. do may
// run more than once, on a clean slate each time, so it must assign results, not add
// to them. It is never run again after it took effect.
func (s *Store) change(ctx context.Context, op string, do func(*tx) error) error {
	w := s.writers[uint64(s.turn.Add(1))%uint64(len(s.writers))]
	return s.translate(op, w.submit(ctx, 0, do))
}

// changeRun is change for what is about one run. Such calls run in the order in which they came.
func (s *Store) changeRun(ctx context.Context, op string, id run.ID, do func(*tx) error) error {
	w := s.writers[uint64(id)%uint64(len(s.writers))]
	return s.translate(op, w.submit(ctx, id, do))
}

// translate makes a fault of err.
func (s *Store) translate(op string, err error) error {
	if err == nil {
		return nil
	}
	var u *uncertain
	if !errors.As(err, &u) {
		return s.d.translate(op, err)
	}
	return &fault.Error{
		Code: fault.Unavailable, Op: op, Err: s.d.translate(op, u.cause),
		Msg:  "the database went away, and it is not known whether it recorded this",
		Hint: "look at the run when the database is back: executioner runs list",
	}
}

// view runs do in a read transaction, so that all it reads is of the same moment. do
// may run more than once, so it must assign results. Its context ends when the database
// takes too long to answer.
func (s *Store) view(ctx context.Context, op string, do func(context.Context, *sql.Tx) error) error {
	if s.d.fault == nil {
		return s.d.translate(op, s.viewTx(ctx, do))
	}
	return s.d.translate(op, s.patiently(ctx, func(ctx context.Context) error { return s.viewTx(ctx, do) }))
}

// patiently calls do, and calls it again while the database is away.
func (s *Store) patiently(ctx context.Context, do func(context.Context) error) error {
	if s.d.fault == nil {
		return do(ctx)
	}
	wait := backoff{}
	for since := time.Now(); ; {
		err := s.within(ctx, do)
		if err == nil || ctx.Err() != nil || s.d.classify(err) == final || time.Since(since) > s.cfg.Patience {
			return err
		}
		if !wait.pause(ctx.Done()) {
			return ctx.Err()
		}
	}
}

// within gives up on a database that does not answer.
func (s *Store) within(ctx context.Context, do func(context.Context) error) error {
	within, cancel := context.WithTimeout(ctx, s.d.timeout)
	defer cancel()
	if err := do(within); err != nil {
		return orCause(ctx, err)
	}
	return nil
}

func (s *Store) viewTx(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	if s.writers[0].isClosed() {
		return errClosed()
	}
	t, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer t.Rollback() //nolint:errcheck // nothing was written
	return do(ctx, t)
}

func errClosed() error { return fault.New(fault.Unavailable, "the store is closed") }
