package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// without makes a database as they were before pages had checksums, and returns its path.
func without(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old.db")
	files, err := migrationsIn(sqliteDialect(path).migrations)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("PRAGMA journal_mode = WAL; " + strings.Join(files[0].statements, ";") +
		"; PRAGMA application_id = 0x45786563; PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestChecksums(t *testing.T) {
	for path, want := range map[string]bool{made(t): true, without(t): false} {
		s := openTest(t, path, Config{})
		if yes, known, err := s.Checksums(t.Context()); yes != want || !known || err != nil {
			t.Errorf("%s: %v, %v, %v", path, yes, known, err)
		}
	}
}

// TestOldFileWithoutChecksums is migrated and used as it is.
func TestOldFileWithoutChecksums(t *testing.T) {
	path := without(t)
	s := openTest(t, path, Config{})
	l := newBenchRun(t, s)
	if _, err := s.Append(t.Context(), l, batch(30)); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if found, err := s.Damage(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
	if made, err := s.Snapshot(t.Context(), filepath.Join(t.TempDir(), "copy.db")); made || err != nil {
		t.Errorf("%v, %v", made, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if header := read(t, path)[:100]; header[20] != 0 || header[63] != sqliteVersion || string(header[68:72]) != "Exec" {
		t.Errorf("header % x", header)
	}
}

func TestSnapshotWhileOthersWrite(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	l := newBenchRun(t, s)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 300 { // or else a slow machine copies more and more
			select {
			case <-stop:
				return
			default:
				if _, err := s.Append(context.Background(), l, batch(30)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for i := range 3 {
		before, err := s.Run(t.Context(), l.Run)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "copy.db")
		if made, err := s.Snapshot(t.Context(), path); !made || err != nil {
			t.Fatalf("%d: %v, %v", i, made, err)
		}
		copied := openTest(t, path, Config{})
		r, err := copied.Run(t.Context(), l.Run)
		if err != nil || r.Seq < before.Seq || r.Seq%30 != 0 {
			t.Errorf("%d, then %d transitions, %v", before.Seq, r.Seq, err)
		}
		if _, err := copied.Export(t.Context(), l.Run); err != nil { // numbers are dense
			t.Error(err)
		}
		if found, err := copied.Damage(t.Context()); err != nil || len(found) > 0 {
			t.Errorf("%v, %v", found, err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestSnapshotFails(t *testing.T) {
	path := made(t)
	s := openTest(t, path, Config{})
	for _, to := range []string{path, filepath.Join(path, "x"), filepath.Join(t.TempDir(), "none", "x")} {
		made, err := s.Snapshot(t.Context(), to)
		refused(t, err, "the backup can't be written")
		if !made {
			t.Error("it says that it can't do it at all")
		}
	}
	if r, err := s.Run(t.Context(), 1); err != nil || r.Seq != 300 {
		t.Errorf("%d, %v", r.Seq, err)
	}
}

func TestDamage(t *testing.T) {
	path := without(t)
	s := openTest(t, path, Config{})
	newBenchRun(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA foreign_keys = 0; DELETE FROM workflows"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := openTest(t, path, Config{}).Damage(t.Context())
	if err != nil || len(found) != 1 || found[0] != "rows of attempts refer to rows that are missing" {
		t.Errorf("%v, %v", found, err)
	}
}

// TestReplaceBesideOpen has programs open the database all the time while it is replaced.
// Each finds one or the other, and what it writes is in the one that it found.
func TestReplaceBesideOpen(t *testing.T) {
	path := made(t)
	dir := filepath.Dir(path)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s, err := OpenSQLite(context.Background(), path, Config{BusyTimeout: 20 * time.Second})
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				if r, err := s.Run(context.Background(), 1); err != nil || r.Seq != 300 {
					t.Errorf("read: %d, %v", r.Seq, err)
				}
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
	}
	replaced := 0
	other := read(t, made(t))
	for i := 0; i < 1000 && replaced < 5; i++ {
		with := filepath.Join(dir, "new.db")
		write(t, with, other)
		_, err := replaceWithin(t.Context(), path, with, time.Unix(int64(i), 0), 50*time.Millisecond)
		switch {
		case err == nil:
			replaced++
		case fault.CodeOf(err) != fault.Locked:
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("replaced %d times", replaced)
	if s := openTest(t, path, Config{}); s.Check(t.Context()) != nil {
		t.Error(s.Check(t.Context()))
	}
}

func TestReplaceRefuses(t *testing.T) {
	path := made(t)
	s := openTest(t, path, Config{})
	with := filepath.Join(filepath.Dir(path), "new.db")
	write(t, with, read(t, made(t)))
	_, err := Replace(t.Context(), path, with, time.Now())
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Locked || f.Msg != "the database is in use by another program" || f.Hint == "" {
		t.Errorf("got %v", err)
	}
	if _, err := s.CreateRun(t.Context(), store.NewRun{}, store.Owner{}, time.Hour); err != nil {
		t.Errorf("whoever has it open goes on: %v", err)
	}
	_, err = Replace(t.Context(), filepath.Dir(path), with, time.Now())
	refused(t, err, "the database is not a file")
	_, err = Replace(t.Context(), path, filepath.Join(t.TempDir(), "none"), time.Now())
	refused(t, err, "the database can't be replaced")
	_, err = Replace(t.Context(), filepath.Join(path, "x"), with, time.Now())
	refused(t, err, "the database can't be reached")
}

// TestCutOff never makes a new database where the log of one is left.
func TestCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, path string)
		msg    string
	}{
		"empty": {func(t *testing.T, path string) { write(t, path, nil) }, "the database is empty, but its log is not"},
		"gone": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "the database is gone, but its log is there"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "runs.db")
			s := openTest(t, path, Config{})
			newBenchRun(t, s)
			log := read(t, path+logSuffix)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			write(t, path+logSuffix, log) // as a program that was killed leaves it
			c.change(t, path)
			_, err := OpenSQLite(t.Context(), path, Config{})
			refused(t, err, c.msg)
			if string(read(t, path+logSuffix)) != string(log) {
				t.Error("the log was changed")
			}
			if info, err := os.Stat(path); err == nil && info.Size() > 0 {
				t.Error("a new database was made")
			}
		})
	}
}

// TestDoorway has a replacement and whoever opens the database wait for each other.
func TestDoorway(t *testing.T) {
	path := made(t)
	with := filepath.Join(filepath.Dir(path), "new.db")
	write(t, with, read(t, path))
	locked := func(err error) {
		t.Helper()
		if fault.CodeOf(err) != fault.Locked || fault.HintOf(err) == "" {
			t.Errorf("got %v", err)
		}
	}
	leave, err := doorway(t.Context(), path, unix.LOCK_EX, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenSQLite(t.Context(), path, Config{BusyTimeout: 10 * time.Millisecond})
	locked(err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = OpenSQLite(ctx, path, Config{}); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("got %v", err)
	}
	leave()
	leave, err = doorway(t.Context(), path, unix.LOCK_SH, 0)
	if err != nil {
		t.Fatal(err)
	}
	openTest(t, path, Config{}) // side by side
	_, err = replaceWithin(t.Context(), path, with, time.Now(), 10*time.Millisecond)
	locked(err)
	leave()
}

// TestOldLogIsNotTakenForTheNew replaces a file that is damaged but has a log that is
// not, as a killed program leaves it. The log goes along with the file.
func TestOldLogIsNotTakenForTheNew(t *testing.T) {
	old := openTest(t, made(t), Config{})
	if _, err := old.Acquire(t.Context(), 1, store.Owner{}, time.Hour, func(store.Owner) bool { return true }); err != nil {
		t.Fatal(err)
	}
	log := read(t, old.d.place+logSuffix) // has one page, and not the first
	path := filepath.Join(t.TempDir(), "runs.db")
	write(t, path, []byte(strings.Repeat("damaged ", 1000)))
	write(t, path+logSuffix, log)
	with := filepath.Join(filepath.Dir(path), "new.db")
	write(t, with, read(t, made(t)))
	aside, err := Replace(t.Context(), path, with, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if string(read(t, aside+logSuffix)) != string(log) {
		t.Error("the log is not kept")
	}
	l, err := openTest(t, path, Config{}).Acquire(t.Context(), 1, store.Owner{}, time.Hour, func(store.Owner) bool { return true })
	if err != nil || l.Epoch != 2 {
		t.Errorf("%+v, %v", l, err)
	}
}
