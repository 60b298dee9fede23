package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore/pagesum"
	"github.com/executionerhq/executioner/internal/store/storetest"
	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		child(path)
		return
	}
	code := m.Run()
	if err := servers.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// servers is the PostgreSQL server that the tests share.
var servers pgtest.Shared

func TestConformance(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
			return openTest(t, filepath.Join(t.TempDir(), "new", "runs.db"), Config{Now: now})
		})
	})
	t.Run("postgres", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
			return openPostgresTest(t, Config{Now: now})
		})
	})
}

func openTest(t testing.TB, path string, cfg Config) *Store {
	t.Helper()
	s, err := OpenSQLite(t.Context(), path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// made returns the path of a closed database with one run and 300 transitions.
func made(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openTest(t, path, Config{})
	if _, err := s.Append(t.Context(), newBenchRun(t, s), batch(300)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sqlOn runs statements on the file as another program would.
func sqlOn(t *testing.T, path, statements string) {
	t.Helper()
	vfs, err := pagesum.Register()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?vfs="+vfs)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	damaged := func(change func(data []byte) []byte) func(t *testing.T) string {
		return func(t *testing.T) string { path := made(t); return write(t, path, change(read(t, path))) }
	}
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
		msg  string
	}{
		{"directory", func(t *testing.T) string { return t.TempDir() }, "the database is a directory"},
		{"pipe", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, "the database is not a file"},
		{"below a file", func(t *testing.T) string { return made(t) + "/runs.db" }, "the database can't be reached"},
		{"missing volume", func(*testing.T) string { return "/proc/none/runs.db" }, "the directory of the database can't be created"},
		{"volume without files", func(*testing.T) string { return "/proc/runs.db" }, "the database can't be created"},
		{"text", func(t *testing.T) string {
			return write(t, filepath.Join(t.TempDir(), "f"), []byte(strings.Repeat("not a database\n", 500)))
		}, "the file is not a database"},
		{"one byte", func(t *testing.T) string { return write(t, filepath.Join(t.TempDir(), "f"), []byte("x")) }, "the file is not a database"},
		{"zeros", damaged(func(d []byte) []byte { return make([]byte, len(d)) }), "the file is not a database"},
		{"flipped name", damaged(func(d []byte) []byte { d[3] ^= 0xff; return d }), "the file is not a database"},
		{"flipped page size", damaged(func(d []byte) []byte { d[16] ^= 0xff; return d }), "the database is damaged"},
		{"flipped format", damaged(func(d []byte) []byte { d[19] ^= 0xff; return d }), "the database is damaged"},
		{"flipped schema page", damaged(func(d []byte) []byte { d[100] ^= 0xff; return d }), "the database is damaged"},
		{
			"flipped version", damaged(func(d []byte) []byte { d[61] ^= 1; return d }), "the database is damaged",
		},
		{"flipped application", damaged(func(d []byte) []byte { d[69] ^= 1; return d }), "the database is damaged"},
		{"flipped reserve", damaged(func(d []byte) []byte { d[20] ^= 8; return d }), "the database is damaged"},
		{"half", damaged(func(d []byte) []byte { return d[:len(d)/2] }), "the database is damaged"},
		{"one page", damaged(func(d []byte) []byte { return d[:4096] }), "the database is damaged"},
		{"511 bytes", damaged(func(d []byte) []byte { return d[:511] }), "the file is not a database"},
		{"512 bytes", damaged(func(d []byte) []byte { return d[:512] }), "the database is damaged"},
		{"part of a page", damaged(func(d []byte) []byte { return d[:50] }), "the file is not a database"},
		{"newer", func(t *testing.T) string {
			path := made(t)
			sqlOn(t, path, fmt.Sprint("PRAGMA user_version = ", sqliteVersion+1))
			return path
		}, fmt.Sprintf("the database has schema version %d, this executioner knows versions up to %d", sqliteVersion+1, sqliteVersion)},
		{"another program's", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "jobs_history.db")
			sqlOn(t, path, "CREATE TABLE run_summary (run_id INTEGER)")
			return path
		}, "the file is the database of another program"},
		{"another program's, without tables", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "f.db")
			sqlOn(t, path, "PRAGMA user_version = 1")
			return path
		}, "the file is the database of another program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path(t)
			before := content(path)
			_, err := OpenSQLite(t.Context(), path, Config{BusyTimeout: 50 * time.Millisecond})
			refused(t, err, c.msg)
			if !bytes.Equal(before, content(path)) {
				t.Error("the file was changed")
			}
		})
	}
}

// content returns what is in a file, nothing if it is none. A pipe would block.
func content(path string) []byte {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return data
}

// refused checks that err is a fault that a user can act on.
func refused(t *testing.T, err error, msg string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Unavailable || f.Msg != msg || f.Hint == "" {
		t.Fatalf("got %v (%#v), want %q", err, f, msg)
	}
}

func TestOpenRefusesSettings(t *testing.T) {
	for _, c := range []struct {
		path string
		cfg  Config
		msg  string
	}{
		{"", Config{}, "the database has no path"},
		{filepath.Join(t.TempDir(), "runs.db"), Config{Durability: "none"}, `unknown durability "none"`},
	} {
		_, err := OpenSQLite(t.Context(), c.path, c.cfg)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.InvalidConfig || f.Msg != c.msg || f.Hint == "" {
			t.Errorf("got %#v, want %q", f, c.msg)
		}
	}
}

// TestNoPathShowsForms: an address without a path tells all forms, as any other wrong one does.
func TestNoPathShowsForms(t *testing.T) {
	_, err := Open(t.Context(), "sqlite:", Config{})
	if want := "use one of these forms:\n" + forms; fault.HintOf(err) != want {
		t.Errorf("got %q, want %q", fault.HintOf(err), want)
	}
}

// asNobody gives up root's right to ignore permissions until the test ends.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := syscall.Seteuid(65534); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Seteuid(0); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOpenWithoutPermission(t *testing.T) {
	for _, c := range []struct {
		name string
		dir  os.FileMode
		file os.FileMode
		msg  string
	}{
		{"unreadable", 0o755, 0, "the database can't be read and written"},
		{"read-only", 0o777, 0o444, "the database can't be read and written"},
		{"read-only directory, another user's", 0o555, 0o666, "the database can't be opened"},
		{"closed directory", 0, 0o666, "the database can't be reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := made(t)
			for dir := filepath.Dir(path); dir != os.TempDir(); dir = filepath.Dir(dir) {
				chmod(t, dir, 0o755)
			}
			chmod(t, path, c.file)
			chmod(t, filepath.Dir(path), c.dir)
			t.Cleanup(func() { chmod(t, filepath.Dir(path), 0o755) })
			asNobody(t)
			_, err := OpenSQLite(t.Context(), path, Config{})
			refused(t, err, c.msg)
		})
	}
	t.Run("new file in a read-only directory", func(t *testing.T) {
		dir := t.TempDir()
		chmod(t, filepath.Dir(dir), 0o755)
		chmod(t, dir, 0o555)
		t.Cleanup(func() { chmod(t, dir, 0o755) })
		asNobody(t)
		_, err := OpenSQLite(t.Context(), filepath.Join(dir, "runs.db"), Config{})
		refused(t, err, "the database can't be created")
		_, err = OpenSQLite(t.Context(), filepath.Join(dir, "new", "runs.db"), Config{})
		refused(t, err, "the directory of the database can't be created")
	})
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestNewFileIsPrivate(t *testing.T) {
	top := t.TempDir()
	path := filepath.Join(top, "a", "b", "runs.db")
	s := openTest(t, path, Config{})
	newBenchRun(t, s)
	for name, want := range map[string]os.FileMode{
		filepath.Join(top, "a"): 0o700, filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", name, info.Mode().Perm(), want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(path + "*")
	if want := []string{path, path + "-shm", path + "-wal"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left behind: %v, %v, want %v", left, err, want)
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() != 0 {
		t.Errorf("the log that stays should be empty: %v, %v", info, err)
	}
}

func TestEmptyFileIsNew(t *testing.T) {
	s := openTest(t, write(t, filepath.Join(t.TempDir(), "runs.db"), nil), Config{})
	newBenchRun(t, s)
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b", "a?mode=memory", "a#b", "100%41", "ü'\"&x=y", ":memory:", "file:x"} {
		dir := t.TempDir()
		s := openTest(t, filepath.Join(dir, name), Config{})
		newBenchRun(t, s)
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	t.Chdir(t.TempDir())
	openTest(t, "here.db", Config{})
	if _, err := os.Stat("here.db"); err != nil {
		t.Error(err)
	}
}

func TestReopenKeepsAll(t *testing.T) {
	path := made(t)
	for _, d := range []Durability{Process, Full} {
		s := openTest(t, path, Config{Durability: d})
		r, err := s.Run(t.Context(), 1)
		if err != nil || r.Seq != 300 {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
}

// Every connection has the pragmas, not only the first.
func TestPragmas(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{Durability: Full, BusyTimeout: 1234 * time.Millisecond})
	const query = `SELECT (SELECT journal_mode FROM pragma_journal_mode) || ' ' || (SELECT foreign_keys FROM pragma_foreign_keys) || ' ' ||
		(SELECT synchronous FROM pragma_synchronous) || ' ' || (SELECT timeout FROM pragma_busy_timeout) || ' ' || (SELECT query_only FROM pragma_query_only)`
	var got string
	for range sqliteReaders {
		c, err := s.reads.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != "wal 1 2 1234 1" {
			t.Errorf("reader has %q, %v", got, err)
		}
	}
	err := s.change(t.Context(), "test", func(x *tx) error { _, err := x.row(query, nil, &got); return err })
	if err != nil || got != "wal 1 2 1234 0" {
		t.Errorf("writer has %q, %v", got, err)
	}
	s = openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	err = s.change(t.Context(), "test", func(x *tx) error { _, err := x.row(query, nil, &got); return err })
	if err != nil || got != "wal 1 1 5000 0" {
		t.Errorf("writer has %q by default, %v", got, err)
	}
}

func TestManyOpenOneNewFile(t *testing.T) {
	for name, prepare := range map[string]func(path string){
		"missing": func(string) {},
		"empty":   func(path string) { write(t, path, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dir", "runs.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			prepare(path)
			manyOpen(t, func() (*Store, error) { return OpenSQLite(t.Context(), path, Config{}) })
		})
	}
}

func TestOpenIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenSQLite(ctx, made(t), Config{}); fault.CodeOf(err) != fault.Cancelled {
		t.Fatal("got", err)
	}
}

// hold takes the write lock of the file as another program would, until the returned function is called.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	vfs, err := pagesum.Register()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?vfs="+vfs)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(c.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestLockedByAnotherProgram(t *testing.T) {
	path := made(t)
	release := hold(t, path)
	s := openTest(t, path, Config{BusyTimeout: 20 * time.Millisecond}) // needs no lock
	l, err := s.Acquire(t.Context(), 1, store.Owner{}, time.Hour, func(store.Owner) bool { return true })
	refused(t, err, "the database is locked by another program")
	if l != (store.Lease{}) {
		t.Error("got a lease in spite of it:", l)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_, err := s.Append(t.Context(), store.Lease{Run: 1, Epoch: 1}, batch(3))
			if fault.CodeOf(err) != fault.Unavailable {
				t.Error("got", err)
			}
		})
	}
	wg.Wait()
	if _, err := s.Run(t.Context(), 1); err != nil { // reading goes on
		t.Error(err)
	}
	release()
	if last, err := s.Append(t.Context(), store.Lease{Run: 1, Epoch: 1}, batch(3)); err != nil || last != 303 {
		t.Fatalf("got %d, %v", last, err)
	}
}

func TestNewFileLockedByAnotherProgram(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "runs.db"), nil)
	release := hold(t, path)
	_, err := OpenSQLite(t.Context(), path, Config{BusyTimeout: 20 * time.Millisecond})
	refused(t, err, "the database is locked by another program")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := OpenSQLite(ctx, path, Config{}); fault.CodeOf(err) != fault.Cancelled {
		t.Error("got", err)
	}
	time.AfterFunc(30*time.Millisecond, release)
	openTest(t, path, Config{})
}

func TestDiskFull(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	l := newBenchRun(t, s)
	limit := func(pages int) {
		err := s.change(t.Context(), "test", func(x *tx) error {
			var got int
			_, err := x.row(fmt.Sprintf("PRAGMA max_page_count = %d", pages), nil, &got)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Run(t.Context(), l.Run)
	if err != nil {
		t.Fatal(err)
	}
	limit(1) // SQLite takes the present size instead
	_, err = s.Append(t.Context(), l, batch(300))
	refused(t, err, "the database can't grow: the disk is full")
	if after, err := s.Run(t.Context(), l.Run); err != nil || after.Seq != 0 || after.Attempt.Counts != before.Attempt.Counts {
		t.Errorf("something was recorded: %+v, %v", after, err)
	}

	// A call that needs no space is not harmed by one that does.
	started, free := block(t, s)
	<-started
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Append(t.Context(), l, batch(300)); fault.CodeOf(err) != fault.Unavailable {
			t.Error("got", err)
		}
	})
	wg.Go(func() {
		if _, err := s.Renew(t.Context(), l, time.Hour); err != nil {
			t.Error(err)
		}
	})
	waitQueued(t, s, 2)
	close(free)
	wg.Wait()

	limit(1 << 30)
	if last, err := s.Append(t.Context(), l, batch(300)); err != nil || last != 300 {
		t.Fatalf("got %d, %v", last, err)
	}
}
