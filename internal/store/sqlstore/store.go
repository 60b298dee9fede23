// Package sqlstore keeps runs in an SQL database. SQLite is the one that it knows;
// what is particular to it is in the files whose names begin with sqlite and in the
// dialect that they fill.
//
// All writes go through one goroutine (see writer), which runs what is waiting in
// one transaction and so shares the cost of a commit between the callers. Reads go
// to a small pool of connections of their own and never wait for a write.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
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
	Durability  Durability       // Defaults to Process.
	BusyTimeout time.Duration    // how long to wait for another program's transaction. Defaults to 5 s.
	Now         func() time.Time // the clock by which leases run out, safe for concurrent use. Defaults to time.Now.
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
	return c, nil
}

// Store is a store.Store in an SQL database. It is safe for concurrent use.
type Store struct {
	cfg    Config
	d      dialect
	writer *writer
	reads  *sql.DB // connections are opened when they are needed
	write  *sql.DB // one connection, which the writer holds

	closing sync.Once
	closed  error // of closing
}

// Close waits for what is being written, then closes the database. What comes
// later fails with Unavailable. It is idempotent. The connection that writes is the
// last to close: see keepLog.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.writer.refuse()
		s.closed = s.d.translate("close database", errors.Join(s.reads.Close(), s.writer.close(), s.write.Close()))
	})
	return s.closed
}

// change runs do in a write transaction, which it may share with other calls. do may
// run more than once, on a clean slate each time, so it must assign results, not add to them.
func (s *Store) change(ctx context.Context, op string, do func(*tx) error) error {
	return s.d.translate(op, s.writer.submit(ctx, do))
}

// view runs do in a read transaction, so that all it reads is of the same moment.
func (s *Store) view(ctx context.Context, op string, do func(*sql.Tx) error) error {
	return s.d.translate(op, s.viewTx(ctx, do))
}

func (s *Store) viewTx(ctx context.Context, do func(*sql.Tx) error) error {
	if s.writer.isClosed() {
		return errClosed()
	}
	t, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer t.Rollback() //nolint:errcheck // nothing was written
	return do(t)
}

func errClosed() error { return fault.New(fault.Unavailable, "the store is closed") }
