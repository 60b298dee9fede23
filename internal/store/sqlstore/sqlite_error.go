package sqlstore

import (
	"context"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/executionerhq/executioner/internal/fault"
)

var errPage = errors.New("a page is not what was written")

// problem is what a user is told about a code of SQLite.
type problem struct {
	code fault.Code
	msg  string
	hint string
}

// sqliteProblem is the one place where SQLite's primary codes become faults.
func sqliteProblem(code int) problem {
	if code == sqlite3.SQLITE_IOERR_DATA { // a page is not what was written, see pagesum
		code = sqlite3.SQLITE_CORRUPT
	}
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return problem{
			fault.Unavailable, "the database is locked by another program",
			"try again when that program has finished; fuser FILE finds it",
		}
	case sqlite3.SQLITE_FULL:
		return problem{
			fault.Unavailable, "the database can't grow: the disk is full",
			"free some space, then try again; nothing that was recorded is lost",
		}
	case sqlite3.SQLITE_IOERR:
		return problem{
			fault.Unavailable, "the disk of the database failed to read or write",
			"look for disk errors in the system's log, and check that the volume is there and not full",
		}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return problem{
			fault.Unavailable, "the database can't be written",
			"check that you own the file and its directory and may write both, or use another database with --database",
		}
	case sqlite3.SQLITE_CANTOPEN:
		return problem{
			fault.Unavailable, "the database can't be opened",
			"check that the file is yours and readable, that its directory can be written, and that the volume is there",
		}
	case sqlite3.SQLITE_NOTADB:
		return problem{
			fault.Unavailable, "the file is not a database",
			"use another file with --database; if this one was a history, it is damaged: executioner db restore BACKUP",
		}
	case sqlite3.SQLITE_CORRUPT:
		return problem{
			fault.Unavailable, "the database is damaged",
			"executioner db check says what is damaged, executioner db restore BACKUP brings a backup back; " +
				"without a backup move the file away, and the next run begins a new history",
		}
	case sqlite3.SQLITE_NOMEM:
		return problem{fault.Unavailable, "not enough memory for the database", "free some memory, then try again"}
	case sqlite3.SQLITE_INTERRUPT:
		return problem{fault.Cancelled, "interrupted", ""}
	default:
		return problem{fault.Internal, "the database refused a statement", "this is a bug; please report it"}
	}
}

// translateSQLite returns a translate function for the database at path.
func translateSQLite(path string) func(op string, err error) error {
	return func(op string, err error) error {
		var f *fault.Error
		var driver *sqlite.Error
		switch {
		case err == nil:
			return nil
		case errors.As(err, &f):
			return err
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			return &fault.Error{Code: fault.Cancelled, Msg: "interrupted", Op: op, Err: err}
		case errors.As(err, &driver):
			p := sqliteProblem(driver.Code())
			if driver.Code() == sqlite3.SQLITE_IOERR_DATA {
				err = errPage // SQLite calls it an error of the disk, which it need not be
			}
			return &fault.Error{Code: p.code, Msg: p.msg, Hint: p.hint, Op: op, At: path, Err: err}
		default:
			return &fault.Error{Code: fault.Internal, Msg: "can't " + op, Op: op, At: path, Err: err}
		}
	}
}
