package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/fault"
)

// Replace puts the database file with in the place of the one at path, which gets another
// name beside it, aside, so that nothing is lost. Both are in one directory, and with is
// open nowhere. A present database that works is replaced only while no other program has
// it open; one that is damaged, and so is of use to nobody, in any case. It is replaced
// in one step: whoever opens path meanwhile finds one or the other. aside is empty when
// there was none.
func Replace(ctx context.Context, path, with string, now time.Time) (aside string, err error) {
	return replaceWithin(ctx, path, with, now, 2*time.Second)
}

// replaceWithin waits so long for others to close the database.
func replaceWithin(ctx context.Context, path, with string, now time.Time, patience time.Duration) (aside string, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "the working directory is gone")
	}
	if err := syncFile(with); err != nil {
		return "", errFile(path, err, "the database can't be replaced")
	}
	leave, err := doorway(ctx, path, unix.LOCK_EX, patience)
	if err != nil {
		return "", err
	}
	defer leave() // last: see doorway
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", Settle(with, path, false)
	case err != nil:
		return "", errFile(path, err, "the database can't be reached")
	case !info.Mode().IsRegular():
		return "", errFile(path, nil, "the database is not a file")
	}
	alone := func() error { return nil }
	if info.Size() >= sqliteSmallest { // in a shorter one SQLite would begin a new database
		if alone, err = sqliteAlone(ctx, path, patience); err != nil {
			return "", err
		}
	}
	aside, err = swap(path, with, now)
	return aside, errors.Join(err, alone())
}

// sqliteAlone has the database to itself until release is called, with its log empty. One
// that can't be opened as a database is nobody's.
func sqliteAlone(ctx context.Context, path string, patience time.Duration) (release func() error, err error) {
	db, err := sqlitePool(path, Config{}, 1, "locking_mode(EXCLUSIVE)")
	if err != nil {
		return nil, err
	}
	conn, err := aloneWithin(ctx, db, patience)
	switch {
	case err == nil:
		return func() error { return errors.Join(conn.Close(), db.Close()) }, nil
	case isBusy(err):
		return nil, errors.Join(errInUse(path), db.Close())
	case ctx.Err() != nil:
		return nil, errors.Join(fault.Wrap(err, fault.Cancelled, "interrupted"), db.Close())
	}
	return func() error { return nil }, db.Close()
}

func errInUse(path string) error {
	return fault.New(fault.Locked, "the database is in use by another program").WithAt(path).
		WithHint("wait until its runs have ended, or stop that program (fuser FILE finds it); then try again")
}

// aloneWithin waits for others to close the database.
func aloneWithin(ctx context.Context, db *sql.DB, patience time.Duration) (*sql.Conn, error) {
	deadline := time.Now().Add(patience)
	for {
		conn, err := takeAlone(ctx, db)
		if err == nil || !isBusy(err) || time.Now().After(deadline) {
			return conn, err
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// takeAlone locks the database for this connection alone: with write-ahead logging the
// first use of it does. The log stays when the connection is closed: by then its name
// belongs to another database.
func takeAlone(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"); err == nil {
		err = keepLog(conn)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// swap gives the database at path another name and its own to with. The log goes
// along, and must be gone before: SQLite would take it for that of the new file.
func swap(path, with string, now time.Time) (aside string, err error) {
	aside, err = freeName(path, now)
	if err != nil {
		return "", err
	}
	failed := func(err error) (string, error) { return "", errFile(path, err, "the database can't be replaced") }
	if err := os.Link(path, aside); err != nil {
		return failed(err)
	}
	if hasLog(path) {
		if err := os.Link(path+logSuffix, aside+logSuffix); err != nil {
			return failed(err)
		}
	}
	for _, name := range []string{path + logSuffix, path + memorySuffix} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed(err)
		}
	}
	if err := syncFile(filepath.Dir(path)); err != nil {
		return failed(err)
	}
	if err := Settle(with, path, true); err != nil {
		return "", err
	}
	return aside, nil
}

// freeName returns a name that says what has become of the database, and that no file has.
func freeName(path string, now time.Time) (string, error) {
	base := path + ".before-restore-" + now.Format("20060102-150405")
	for _, name := range []string{base, base + "-2", base + "-3", base + "-4"} {
		_, errFirst := os.Lstat(name)
		_, errLog := os.Lstat(name + logSuffix)
		if errors.Is(errFirst, fs.ErrNotExist) && errors.Is(errLog, fs.ErrNotExist) {
			return name, nil
		}
	}
	return "", fault.New(fault.Conflict, "there are too many files %s already", base).WithHint("move them to another place")
}
