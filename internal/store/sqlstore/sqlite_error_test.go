package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestSQLiteProblem(t *testing.T) {
	for _, c := range []struct {
		codes []int
		code  fault.Code
		msg   string
	}{
		{
			[]int{sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL},
			fault.Unavailable, "the database is locked by another program",
		},
		{[]int{sqlite3.SQLITE_FULL}, fault.Unavailable, "the database can't grow: the disk is full"},
		{
			[]int{sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_SHMMAP},
			fault.Unavailable, "the disk of the database failed to read or write",
		},
		{
			[]int{sqlite3.SQLITE_READONLY, sqlite3.SQLITE_READONLY_DBMOVED, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH},
			fault.Unavailable, "the database can't be written",
		},
		{[]int{sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CANTOPEN_ISDIR}, fault.Unavailable, "the database can't be opened"},
		{[]int{sqlite3.SQLITE_NOTADB}, fault.Unavailable, "the file is not a database"},
		{[]int{sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CORRUPT_INDEX}, fault.Unavailable, "the database is damaged"},
		{[]int{sqlite3.SQLITE_NOMEM}, fault.Unavailable, "not enough memory for the database"},
		{[]int{sqlite3.SQLITE_INTERRUPT}, fault.Cancelled, "interrupted"},
		{
			[]int{sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_TOOBIG},
			fault.Internal, "the database refused a statement",
		},
	} {
		for _, code := range c.codes {
			if p := sqliteProblem(code); p.code != c.code || p.msg != c.msg || (p.hint == "" && p.code != fault.Cancelled) {
				t.Errorf("code %d: got %+v, want %s %q", code, p, c.code, c.msg)
			}
		}
	}
}

func TestTranslateSQLite(t *testing.T) {
	translate := translateSQLite("/data/runs.db")
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, refusedBy := db.Exec("SELECT * FROM nothing")
	own := fault.New(fault.Locked, "mine")
	for _, c := range []struct {
		err  error
		want fault.Error
	}{
		{fmt.Errorf("wrapped: %w", context.Canceled), fault.Error{Code: fault.Cancelled, Msg: "interrupted", Op: "op"}},
		{context.DeadlineExceeded, fault.Error{Code: fault.Cancelled, Msg: "interrupted", Op: "op"}},
		{fmt.Errorf("wrapped: %w", refusedBy), fault.Error{
			Code: fault.Internal, Msg: "the database refused a statement", Hint: "this is a bug; please report it", Op: "op", At: "/data/runs.db",
		}},
		{sql.ErrConnDone, fault.Error{Code: fault.Internal, Msg: "can't op", Op: "op", At: "/data/runs.db"}},
	} {
		var got *fault.Error
		if !errors.As(translate("op", c.err), &got) {
			t.Fatalf("%v: no fault", c.err)
		}
		if !errors.Is(got.Err, c.err) {
			t.Errorf("%v: cause is %v", c.err, got.Err)
		}
		if got.Err = nil; *got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.err, *got, c.want)
		}
	}
	if got := translate("op", own); got != error(own) {
		t.Error("a fault was wrapped:", got)
	}
	if got := translate("op", nil); got != nil {
		t.Error("got", got)
	}
	var driver *sqlite.Error
	if !errors.As(refusedBy, &driver) || driver.Code() != sqlite3.SQLITE_ERROR {
		t.Error("got", refusedBy)
	}
}
