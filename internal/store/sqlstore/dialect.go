package sqlstore

import (
	"context"
	"database/sql"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// dialect holds what differs between the databases.
type dialect struct {
	goose      goose.Dialect
	migrations fs.FS // the *.sql files of this database, at its root
	version    int64 // of the newest migration
	// schema reads which version of the schema the database has. It is the first
	// thing that is asked of it, so it also finds out whether it is ours at all.
	schema func(ctx context.Context, c *sql.Conn) (int64, error)
	// lock begins a transaction that keeps other programs from migrating at the same time.
	lock []string
	// stamp records the schema version within that transaction.
	stamp func(ctx context.Context, c *sql.Conn, version int64) error
	// translate makes a fault of an error of the driver, by the driver's code.
	translate func(op string, err error) error
}
