package sqlstore

import (
	"context"
	"database/sql"

	"github.com/executionerhq/executioner/internal/fault"
)

// migrate brings the schema up to date. It asks for the version first: nearly always
// it is right, and then nothing else is done. Several programs may do it at once.
func migrate(ctx context.Context, d dialect, c *sql.Conn) error {
	soon, cancel := d.soon(ctx)
	defer cancel()
	current, err := d.schema(soon, c)
	if err != nil || current == d.version {
		return err
	}
	if current > d.version {
		return errNewer(current, d.version)
	}
	// A migration may take long where the history is.
	return d.exclusively(ctx, c, func(c *sql.Conn) error { return migrateAlone(ctx, d, c) })
}

// migrateAlone runs what is missing while no other program does. The second of two
// programs finds nothing left to do.
func migrateAlone(ctx context.Context, d dialect, c *sql.Conn) error {
	current, err := d.schema(ctx, c)
	if err != nil || current == d.version {
		return err
	}
	if current > d.version {
		return errNewer(current, d.version)
	}
	all, err := migrationsIn(d.migrations)
	if err != nil {
		return err
	}
	if err := d.step(ctx, c, d.versions); err != nil {
		return err
	}
	recorded, err := recordedVersions(ctx, c)
	if err != nil {
		return err
	}
	for _, m := range all {
		if err := d.apply(ctx, c, m, current, recorded); err != nil {
			return err
		}
	}
	return d.stamp(ctx, c, d.version)
}

// apply runs a migration that the database does not have, and records each one that
// is not recorded yet: a file of SQLite may be older than the table of versions.
func (d *dialect) apply(ctx context.Context, c *sql.Conn, m migration, current int64, recorded map[int64]string) error {
	if sum, ok := recorded[m.version]; ok {
		return m.verify(sum)
	}
	if m.version > current {
		for _, q := range m.statements {
			if err := d.step(ctx, c, q); err != nil {
				return err
			}
		}
	}
	_, err := c.ExecContext(ctx, insertVersion, m.version, m.name, m.sum)
	return err
}

// step runs one statement, which may have been run before where a migration is not
// one transaction.
func (d *dialect) step(ctx context.Context, c *sql.Conn, query string) error {
	_, err := c.ExecContext(ctx, query)
	if err != nil && d.done != nil && d.done(err) {
		return nil
	}
	return err
}

const (
	insertVersion  = `INSERT INTO schema_versions (version, name, checksum) VALUES (?, ?, ?)`
	selectVersions = `SELECT version, checksum FROM schema_versions`
)

// recordedVersions returns the checksums of the migrations that were run.
func recordedVersions(ctx context.Context, c *sql.Conn) (map[int64]string, error) {
	rows, err := c.QueryContext(ctx, selectVersions)
	if err != nil {
		return nil, err
	}
	sums := map[int64]string{}
	_, err = collect(rows, func(r *sql.Rows) (none struct{}, err error) {
		var version int64
		var sum string
		if err := r.Scan(&version, &sum); err != nil {
			return none, err
		}
		sums[version] = sum
		return none, nil
	})
	return sums, err
}

// verifyVersions compares what was recorded of the migrations with what this program
// would run, and returns the newest version that was recorded.
func verifyVersions(d *dialect, recorded map[int64]string) (newest int64, err error) {
	for v := range recorded {
		newest = max(newest, v)
	}
	if newest > d.version {
		return newest, nil // the caller refuses it
	}
	all, err := migrationsIn(d.migrations)
	if err != nil {
		return 0, err
	}
	for _, m := range all {
		sum, ok := recorded[m.version]
		if !ok && m.version < newest {
			return 0, errSchema("migration %s was not run, though later ones were", m.name)
		}
		if ok {
			if err := m.verify(sum); err != nil {
				return 0, err
			}
		}
	}
	return newest, nil
}

func errNewer(have, know int64) error {
	return fault.New(fault.Unavailable, "the database has schema version %d, this executioner knows versions up to %d", have, know).
		WithHint("install a newer executioner, or use another database with --database")
}

// errSchema returns the fault of a schema that is not what the migrations make.
func errSchema(format string, args ...any) *fault.Error {
	return fault.New(fault.Unavailable, "the database's schema was changed: "+format, args...).
		WithHint("undo the change, bring a backup back, or use another database with --database")
}
