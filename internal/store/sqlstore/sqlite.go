package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store/sqlstore/pagesum"
)

//go:embed sqlite/migrations/*.sql
var sqliteFiles embed.FS

//go:embed sqlite/schema.txt
var sqliteExpected string

// sqliteShape finds what checkShape compares.
const sqliteShape = `SELECT 'column ' || t.name || '.' || c.name, LOWER(c.type) || CASE WHEN c."notnull" THEN ' not null' ELSE '' END
	FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'
	UNION ALL SELECT 'index on ' || t.name || ' (' || (SELECT GROUP_CONCAT(name, ', ') FROM
		(SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) || ')', CASE WHEN i."unique" THEN 'unique' ELSE 'not unique' END
	FROM sqlite_schema t, pragma_index_list(t.name) i WHERE t.type = 'table'`

const (
	// sqliteVersion is the number of the newest file in sqlite/migrations.
	sqliteVersion = 15
	// sqliteApplication marks a file as ours ("Exec"), so that no other program's is taken
	// for one. A file with checksums has pagesum.Marked instead, as has every new one.
	sqliteApplication = 0x45786563
	// sqliteLogBytes is what is kept of a write-ahead log that has grown beyond it.
	sqliteLogBytes = "16777216"
	// sqliteReaders is the number of connections that read, each with a cache of its own.
	sqliteReaders = 4
)

// OpenSQLite opens the database file at path, and creates it (mode 0600, missing
// directories 0700) when it does not exist or is empty. A file that is damaged, is
// something else, or was written by a newer version is left alone.
func OpenSQLite(ctx context.Context, path string, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, errForm("", "the database has no path")
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the working directory is gone")
	}
	if err := prepareFile(path, cfg.NetworkFS); err != nil {
		return nil, err
	}
	d := sqliteDialect(path)
	leave, err := doorway(ctx, path, unix.LOCK_SH, cfg.BusyTimeout)
	if err != nil {
		return nil, d.translate("open database", err)
	}
	defer leave()
	s, err := openSQLite(ctx, d, path, cfg)
	return s, d.translate("open database", err)
}

func openSQLite(ctx context.Context, d dialect, path string, cfg Config) (*Store, error) {
	write, err := sqlitePool(path, cfg, 1)
	if err != nil {
		return nil, err
	}
	conn, err := sqliteWriter(ctx, d, write, cfg.BusyTimeout)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	if err := keepLog(conn); err != nil {
		return nil, errors.Join(err, conn.Close(), write.Close())
	}
	reads, err := sqliteReads(path, cfg)
	if err != nil {
		return nil, errors.Join(err, conn.Close(), write.Close())
	}
	return newStore(cfg, d, reads, write, conn), nil
}

// sqliteWriter migrates the database and returns the connection that writes. Changing
// to write-ahead logging is the one thing that does not wait for another program, so
// all of it is tried again for as long as it may be busy.
func sqliteWriter(ctx context.Context, d dialect, write *sql.DB, patience time.Duration) (*sql.Conn, error) {
	deadline := time.Now().Add(patience)
	for {
		conn, err := sqliteMigrated(ctx, d, write)
		if err == nil {
			return conn, nil
		}
		if !isBusy(err) || time.Now().After(deadline) {
			return nil, err
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func sqliteMigrated(ctx context.Context, d dialect, write *sql.DB) (*sql.Conn, error) {
	conn, err := write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, d, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// keepLog makes the write-ahead log stay, empty, when the last connection is closed,
// which is this one. To remove and make it anew costs a short run most of its time.
func keepLog(conn *sql.Conn) error {
	return conn.Raw(func(c any) error {
		_, err := c.(sqlite.FileControl).FileControlPersistWAL("main", 1)
		return err
	})
}

func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// sqlitePool returns a pool of at most n connections, none of which is open yet.
func sqlitePool(path string, cfg Config, n int, pragmas ...string) (*sql.DB, error) {
	c, err := sqliteConnector(path, cfg, pragmas...)
	if err != nil {
		return nil, err
	}
	return pooled(c, n), nil
}

func sqliteConnector(path string, cfg Config, pragmas ...string) (driver.Connector, error) {
	vfs, err := pagesum.Register()
	if err != nil {
		return nil, err
	}
	return sqlite.NewConnector(sqliteDSN(path, vfs, cfg, pragmas...))
}

// pooled returns a pool of at most n connections, none of which is open yet.
func pooled(c driver.Connector, n int) *sql.DB {
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db
}

// sqliteDSN returns the address of the file with the pragmas that every connection
// needs. They are part of it because a pragma holds for one connection only.
// mode=rw keeps SQLite from creating a file that prepareFile did not.
func sqliteDSN(path, vfs string, cfg Config, pragmas ...string) string {
	sync := "NORMAL"
	if cfg.Durability == Full {
		sync = "FULL"
	}
	q := url.Values{"vfs": {vfs}, "mode": {"rw"}, "_pragma": append([]string{
		"busy_timeout(" + strconv.FormatInt(max(cfg.BusyTimeout.Milliseconds(), 1), 10) + ")",
		"foreign_keys(1)",
		"synchronous(" + sync + ")",
		"journal_size_limit(" + sqliteLogBytes + ")",
	}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

func sqliteDialect(path string) dialect {
	migrations, err := fs.Sub(sqliteFiles, "sqlite/migrations")
	if err != nil {
		panic(err) // the path is a constant that fs.ValidPath accepts
	}
	return dialect{
		kind:       "sqlite",
		place:      path,
		size:       "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
		migrations: migrations,
		version:    sqliteVersion,
		versions: `CREATE TABLE IF NOT EXISTS schema_versions (
			version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)`,
		schema:      sqliteSchema,
		exclusively: sqliteExclusively,
		stamp:       sqliteStamp,
		shape:       sqliteShape,
		expected:    sqliteExpected,
		begin:       "BEGIN IMMEDIATE",
		token:       upsertToken,
		translate:   translateSQLite(path),
	}
}

// upsertToken records the number of a transaction, and changes nothing when it is
// there already, as is a higher one.
const upsertToken = `INSERT INTO commits (writer, commit_no, at_us) VALUES (?, ?, ?)
	ON CONFLICT (writer) DO UPDATE SET commit_no = excluded.commit_no, at_us = excluded.at_us
	WHERE commits.commit_no < excluded.commit_no`

// sqliteExclusively runs do in one transaction, after a change to write-ahead logging.
func sqliteExclusively(ctx context.Context, c *sql.Conn, do func(*sql.Conn) error) error {
	if _, err := c.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	return inTransaction(ctx, c, "BEGIN IMMEDIATE", func() error { return do(c) })
}

// inTransaction runs do between begin and COMMIT, or ROLLBACK if it fails.
func inTransaction(ctx context.Context, c *sql.Conn, begin string, do func() error) error {
	if _, err := c.ExecContext(ctx, begin); err != nil {
		return err
	}
	if err := do(); err != nil {
		_, _ = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	_, err := c.ExecContext(ctx, "COMMIT")
	return err
}

// sqliteSchema returns the version of the schema, 0 for an empty database. It is
// kept in the header of the file, where a table would need a search.
func sqliteSchema(ctx context.Context, c *sql.Conn) (version int64, err error) {
	var application, tables int64
	err = c.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version),
		(SELECT application_id FROM pragma_application_id), (SELECT COUNT(*) FROM sqlite_schema)`).
		Scan(&version, &application, &tables)
	if err != nil {
		return 0, err
	}
	if application != sqliteApplication && application != pagesum.Marked && (tables > 0 || version != 0 || application != 0) {
		return 0, fault.New(fault.Unavailable, "the file is the database of another program").
			WithHint("use another file with --database; it was not changed")
	}
	return version, nil
}

// sqliteStamp marks a new file as one with checksums, which each new file is. One that
// was made before there were any stays as it is.
func sqliteStamp(ctx context.Context, c *sql.Conn, version int64) error {
	_, err := c.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	if err != nil {
		return err
	}
	var application int64
	if err := c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil || application != 0 {
		return err
	}
	_, err = c.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", pagesum.Marked))
	return err
}
