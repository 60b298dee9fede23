package sqlstore

import (
	"context"
	"database/sql"
	"io/fs"
	"time"
)

// dialect holds what differs between the databases. Statements are written once, in
// the SQL that all of them know, with ? for values; what a connection must be told
// in other words is translated where it is made (see postgresConn).
type dialect struct {
	kind       string // as store.Stats has it
	place      string // the path of the file; empty for a server's
	size       string // the query for the size of the database in bytes; empty where there is none
	migrations fs.FS  // the *.sql files of this database, at its root
	version    int64  // of the newest migration
	versions   string // creates the table of versions unless it is there
	// schema reads which version of the schema the database has. It is the first
	// thing that is asked of it, so it also finds out whether it is ours at all.
	schema func(ctx context.Context, c *sql.Conn) (int64, error)
	// exclusively calls do while no other program migrates, within a transaction if
	// the database has such for what migrations do. do gets the connection to migrate
	// on, where statements may take as long as they need.
	exclusively func(ctx context.Context, c *sql.Conn, do func(*sql.Conn) error) error
	// done reports that a statement of a migration failed because it was run before.
	// Nil where a migration is one transaction.
	done func(err error) bool
	// stamp records the schema's version once more where schema looks for it.
	stamp func(ctx context.Context, c *sql.Conn, version int64) error
	// shape is the query for the columns and indexes that there are, see shape.
	shape string
	// expected is what shape should find, as a text.
	expected string

	// queues says that connections are queuers.
	queues bool
	// begin begins a transaction that writes.
	begin string
	// lock follows a SELECT of a row that others must not change until the
	// transaction ends. Empty where a transaction that writes is alone anyway.
	lock string
	// token is the statement that writes a transaction's token, see tx.seal.
	token string
	// fault classifies errors of the driver. Nil where the database can't go away.
	fault func(err error) trouble
	// timeout is how long a transaction that writes may take. 0 for no limit.
	timeout time.Duration
	// translate makes a fault of an error of the driver, by the driver's code.
	translate func(op string, err error) error
}

// soon returns a context for something that must not take longer than a transaction may.
func (d *dialect) soon(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d.timeout)
}

// trouble is what an error says about trying again.
type trouble int

const (
	final    trouble = iota // it would fail again
	conflict                // another transaction was in the way; if it happens often, it is something else
	busy                    // the database can't do it now
	lost                    // the connection is gone, or as good as gone
)

// classify returns what err says about trying again.
func (d *dialect) classify(err error) trouble {
	if d.fault == nil || err == nil {
		return final
	}
	return d.fault(err)
}
