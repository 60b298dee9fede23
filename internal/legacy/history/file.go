package history

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/executionerhq/executioner/internal/fault"
)

// File is an old history that is open for reading, as of the moment in which it was
// opened. It is never changed, nor is its journal or write-ahead log; only the index of
// the latter, which programs share, may be. Not safe for concurrent use.
type File struct {
	// Version of the schema; 0 when the file does not say.
	Version int

	path string // as the user named it
	copy string // directory of a private copy; empty when the file itself is open
	db   *sql.DB
	tx   *sql.Tx

	summaries, jobs table
}

// Config of a File.
type Config struct {
	Patience time.Duration // how long another program may keep it locked; default 5 s
}

// Open opens an old history. The error is NotFound when the file is not there, and
// Unavailable when it can't be read: it is locked, damaged, of another program, of this
// one, or its schema is newer than any that there was.
func Open(ctx context.Context, path string, cfg Config) (*File, error) {
	if cfg.Patience <= 0 {
		cfg.Patience = 5 * time.Second
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // beside it, not beside the link, stands what belongs to it
	}
	h, err := inspect(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path}
	if h.alone(path) {
		err = f.open(ctx, path, cfg)
	} else {
		err = errNeedsCopy
	}
	if needsCopy(err) {
		err = f.openCopy(ctx, cfg)
	}
	if err == nil {
		err = f.schema(ctx)
	}
	if err != nil {
		return nil, errors.Join(f.explain(err), f.Close())
	}
	return f, nil
}

// Close lets go of the file, and removes the copy if one was made.
func (f *File) Close() error {
	var err error
	if f.tx != nil {
		err = f.tx.Rollback()
		if errors.Is(err, sql.ErrTxDone) { // an interrupt ended it
			err = nil
		}
	}
	if f.db != nil {
		err = errors.Join(err, f.db.Close())
	}
	if f.copy != "" {
		err = errors.Join(err, os.RemoveAll(f.copy))
	}
	*f = File{path: f.path}
	return fault.Wrap(err, fault.Unavailable, "the old history can't be closed")
}

// open begins to read a database, in a transaction that lasts until Close, so that all
// is of one moment.
func (f *File) open(ctx context.Context, path string, cfg Config) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	mode := "ro"
	if f.copy != "" {
		mode = "rw" // a copy may have to be recovered
	}
	q := url.Values{"mode": {mode}, "_pragma": {
		"busy_timeout(" + strconv.FormatInt(cfg.Patience.Milliseconds(), 10) + ")", "query_only(1)", "cell_size_check(1)",
	}}
	c, err := sqlite.NewConnector((&url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: q.Encode()}).String())
	if err != nil {
		return err
	}
	f.db = sql.OpenDB(c)
	f.db.SetMaxOpenConns(1)
	if f.tx, err = f.db.BeginTx(ctx, nil); err != nil {
		return err
	}
	var n int
	return f.tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema").Scan(&n)
}

// errNeedsCopy says that to read the file would change what stands beside it.
var errNeedsCopy = errors.New("it has to be recovered")

// needsCopy reports whether a file can be read only after a recovery: a program that
// wrote it was killed, or it was copied with its journal.
func needsCopy(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY, sqlite3.SQLITE_READONLY_CANTINIT, sqlite3.SQLITE_READONLY_CANTLOCK:
			return true
		}
	}
	return errors.Is(err, errNeedsCopy)
}

// openCopy opens a private copy of the file and what stands beside it.
func (f *File) openCopy(ctx context.Context, cfg Config) error {
	path := f.path
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "executioner-import-*")
	if err != nil {
		return err
	}
	f.copy = dir
	to := filepath.Join(dir, "history.db")
	before := sizes(path)
	for _, part := range parts {
		if err := copyFile(path+part, to+part); err != nil && (part == "" || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	if sizes(path) != before {
		return fault.New(fault.Unavailable, "the old history is being written").
			WithHint("stop the old program, then try again")
	}
	return f.open(ctx, to, cfg)
}

// parts are what a database consists of. The journal comes first: it undoes no more than
// what it was written for, whatever the database is by then.
var parts = [...]string{"-journal", "-wal", ""}

// sizes tells whether one of the parts was written.
func sizes(path string) (s [len(parts)]struct{ size, at int64 }) {
	for i, part := range parts {
		if info, err := os.Stat(path + part); err == nil {
			s[i].size, s[i].at = info.Size(), info.ModTime().UnixNano()
		}
	}
	return s
}

func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}

// header is what the first bytes of a file tell.
type header struct {
	wal bool // it is written with a write-ahead log
}

const (
	headerBytes = 100
	magic       = "SQLite format 3\x00"
	ours        = 0x45786563 // application_id of this program's histories
)

// inspect refuses what can't be an old history by its look. No lock is held on the file
// yet that closing it could drop.
func inspect(path string) (header, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return header{}, fault.New(fault.NotFound, "there is no file %s", path).
			WithHint("the old program kept its history in data/jobs_history.db beside itself")
	case err != nil:
		return header{}, fault.Wrap(err, fault.Unavailable, "the old history can't be read")
	case info.IsDir():
		return header{}, notOld(path, "is a directory")
	case !info.Mode().IsRegular():
		return header{}, notOld(path, "is not a file")
	case info.Size() == 0:
		return header{}, notOld(path, "is empty")
	}
	r, err := os.Open(path)
	if err != nil {
		return header{}, fault.Wrap(err, fault.Unavailable, "the old history can't be read")
	}
	defer r.Close()
	b := make([]byte, headerBytes)
	if _, err := io.ReadFull(r, b); err != nil || string(b[:len(magic)]) != magic {
		return header{}, notOld(path, "is not a SQLite database")
	}
	if id := uint32(b[68])<<24 | uint32(b[69])<<16 | uint32(b[70])<<8 | uint32(b[71]); id == ours {
		return header{}, notOld(path, "is a history of this program, which needs no import")
	}
	return header{wal: b[19] == 2}, nil
}

func notOld(path, what string) error {
	return fault.New(fault.Unavailable, "%s %s", path, what).
		WithHint("the old program kept its history in data/jobs_history.db beside itself")
}

// alone reports whether the file can be opened without making anything beside it: with
// a write-ahead log that takes the index that a living program keeps.
func (h header) alone(path string) bool {
	if !h.wal {
		return true
	}
	_, err := os.Stat(path + "-shm")
	return err == nil
}

// explain makes a fault of what SQLite says.
func (f *File) explain(err error) error {
	var known *fault.Error
	var driver *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Cancelled, "interrupted")
	case !errors.As(err, &driver):
		return &fault.Error{Code: fault.Unavailable, Msg: "the old history can't be read", At: f.path, Err: err}
	}
	e := &fault.Error{Code: fault.Unavailable, Msg: "the old history can't be read", At: f.path, Err: err}
	switch driver.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		e.Msg, e.Hint = "the old history is locked by another program", "stop the old program, then try again"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		e.Msg, e.Hint = "the old history is damaged", "save what can be saved, and import that: sqlite3 FILE .recover | sqlite3 NEW"
	}
	return e
}

// describe names the file for a message.
func (f *File) describe(what string, args ...any) error {
	return fault.New(fault.Unavailable, what, args...).WithAt(f.path)
}
