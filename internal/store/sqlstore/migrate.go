package sqlstore

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"

	"github.com/executionerhq/executioner/internal/fault"
)

// migrate brings the schema up to date. It asks for the version first: nearly always
// it is right, and then nothing else is done. Several programs may do it at once.
// db has one connection at most.
func migrate(ctx context.Context, d dialect, db *sql.DB) error {
	current, err := connected(ctx, db, d.schema)
	if err != nil {
		return err
	}
	if current == d.version {
		return nil
	}
	if current > d.version {
		return errNewer(current, d.version)
	}
	return migrateLocked(ctx, d, db)
}

// migrateLocked runs all missing migrations in one transaction, which begins with a
// lock: the second of two programs waits for it, and then finds nothing left to do.
// The pool has one connection, so goose works within that transaction.
func migrateLocked(ctx context.Context, d dialect, db *sql.DB) error {
	for _, q := range d.lock {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if err := migrateWithin(ctx, d, db); err != nil {
		_, _ = db.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	_, err := db.ExecContext(ctx, "COMMIT")
	return err
}

func migrateWithin(ctx context.Context, d dialect, db *sql.DB) error {
	current, err := connected(ctx, db, d.schema)
	if err != nil {
		return err
	}
	if current == d.version {
		return nil
	}
	if current > d.version {
		return errNewer(current, d.version)
	}
	// IsolateDDL keeps goose from beginning transactions of its own.
	p, err := goose.NewProvider(d.goose, db, d.migrations,
		goose.WithIsolateDDL(true), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	_, err = connected(ctx, db, func(ctx context.Context, c *sql.Conn) (int64, error) {
		return d.version, d.stamp(ctx, c, d.version)
	})
	return err
}

// connected calls f with the pool's connection.
func connected(ctx context.Context, db *sql.DB, f func(context.Context, *sql.Conn) (int64, error)) (int64, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close() //nolint:errcheck // it goes back to the pool
	return f(ctx, c)
}

func errNewer(have, know int64) error {
	return fault.New(fault.Unavailable, "the database has schema version %d, this executioner knows versions up to %d", have, know).
		WithHint("install a newer executioner, or use another database with --database")
}
