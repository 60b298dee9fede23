package history_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/app"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

// place is a directory with a history in it.
type place struct {
	*testing.T
	dbs  history.Databases
	dir  string
	path string
}

func newPlace(t *testing.T) *place {
	dir := t.TempDir()
	return &place{T: t, dbs: app.Databases{}, dir: dir, path: filepath.Join(dir, "history.db")}
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *place) open(path string) store.Store {
	p.Helper()
	st, err := p.dbs.Open(p.Context(), path)
	p.must(err)
	return st
}

// add records a run and returns what was recorded.
func (p *place) add(st store.Store, s run.State) store.Archive {
	p.Helper()
	l, err := st.CreateRun(p.Context(), store.NewRun{Application: "app", At: time.Now(), Attempt: store.NewAttempt{Jobs: 1}}, store.Owner{PID: 1}, time.Hour)
	p.must(err)
	ts := []run.Transition{{Attempt: 1, To: run.Running, Reason: run.Started}}
	if s.Ended() {
		ts = append(ts, run.Transition{Attempt: 1, From: run.Running, To: s, Reason: run.AllSucceeded})
	}
	_, err = st.Append(p.Context(), l, ts)
	p.must(err)
	if s.Ended() {
		p.must(st.Release(p.Context(), l))
	}
	a, err := st.Export(p.Context(), l.Run)
	p.must(err)
	return a
}

// runs returns how many runs a file has.
func (p *place) runs(path string) int {
	p.Helper()
	st := p.open(path)
	all, err := st.Outlines(p.Context(), 0, 0)
	p.must(err)
	p.must(st.Close())
	return len(all)
}

func (p *place) fails(err error, code fault.Code, msg string) {
	p.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Msg, msg) || f.Hint == "" {
		p.Errorf("got %v (%#v), want %s: %s", err, f, code, msg)
	}
}

// tidyDir checks that nothing is left behind but what is to be there.
func (p *place) only(names ...string) {
	p.Helper()
	want := map[string]bool{}
	for _, n := range names {
		want[n] = true
	}
	entries, err := os.ReadDir(p.dir)
	p.must(err)
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), "-wal"), "-shm")
		if !want[name] && !strings.Contains(name, ".before-restore-") {
			p.Errorf("%s is left behind", e.Name())
		}
	}
}

// TestBackup makes one while a run goes on, and brings it back.
func TestBackup(t *testing.T) {
	p := newPlace(t)
	st := p.open(p.path)
	a, b := p.add(st, run.Success), p.add(st, run.Running)
	backup := filepath.Join(p.dir, "backup.db")
	done, err := history.Backup(t.Context(), p.dbs, p.path, st, backup, false)
	p.must(err)
	if done.Runs != 2 || done.Transitions != 3 || done.Bytes == 0 || done.Active == nil || len(done.Active) > 0 {
		t.Errorf("%+v", done)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	stats, err := st.Stats(t.Context())
	p.must(err)
	if time.Since(stats.Chores[store.ChoreBackup]) > time.Hour {
		t.Errorf("the backup is not remembered: %v", stats.Chores)
	}
	p.only("history.db", "backup.db")

	_, err = history.Backup(t.Context(), p.dbs, p.path, st, backup, false)
	p.fails(err, fault.Conflict, "the file is there already")
	p.add(st, run.Failed)
	done, err = history.Backup(t.Context(), p.dbs, p.path, st, backup, true)
	p.must(err)
	if done.Runs != 3 {
		t.Errorf("%+v", done)
	}
	_, err = history.Restore(t.Context(), p.dbs, p.path, backup, time.Now())
	p.fails(err, fault.Locked, "in use by another program")
	p.add(st, run.Success)
	p.must(st.Close())

	restored, err := history.Restore(t.Context(), p.dbs, p.path, backup, time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	p.must(err)
	if want := p.path + ".before-restore-20260131-120000"; restored.Runs != 3 || restored.Transitions != 5 || restored.Aside != want {
		t.Errorf("%+v", restored)
	}
	if here, there, old := p.runs(p.path), p.runs(backup), p.runs(restored.Aside); here != 3 || there != 3 || old != 4 {
		t.Errorf("%d runs here, %d in the backup, %d aside", here, there, old)
	}
	st = p.open(p.path)
	for _, want := range []store.Archive{a, b} {
		got, err := st.Export(t.Context(), want.Run.ID)
		p.must(err)
		if !got.Equal(&want) {
			t.Errorf("run %d is not what it was", want.Run.ID)
		}
	}
	p.must(st.Close())
	p.only("history.db", "backup.db")
}

// TestBackupOfAnother has a history that can't copy itself into a file.
func TestBackupOfAnother(t *testing.T) {
	p := newPlace(t)
	st := memstore.New()
	p.add(st, run.Success)
	p.add(st, run.Running)
	backup := filepath.Join(p.dir, "backup.db")
	done, err := history.Backup(t.Context(), p.dbs, "postgres://host/db", st, backup, false)
	p.must(err)
	if done.Runs != 1 || len(done.Active) != 1 || done.Active[0] != 2 {
		t.Errorf("%+v", done)
	}
	if n := p.runs(backup); n != 1 {
		t.Errorf("%d runs", n)
	}
	p.only("backup.db")
}

func TestBackupRefused(t *testing.T) {
	p := newPlace(t)
	st := p.open(p.path)
	defer st.Close()
	link := filepath.Join(p.dir, "link")
	p.must(os.Symlink(p.path, link))
	for _, c := range []struct {
		path string
		code fault.Code
		msg  string
	}{
		{p.path, fault.Usage, "the database itself"},
		{link, fault.Usage, "the database itself"},
		{p.dir, fault.Usage, "must be a file"},
		{filepath.Join(p.dir, "none", "x"), fault.Unavailable, "the backup can't be written"},
		{filepath.Join(p.path, "x"), fault.Unavailable, "the backup can't be written"},
	} {
		_, err := history.Backup(t.Context(), p.dbs, p.path, st, c.path, true)
		p.fails(err, c.code, c.msg)
	}
	p.only("history.db", "link")
}

// TestDamagedIsNotBackedUp keeps the backup that there is.
func TestDamagedIsNotBackedUp(t *testing.T) {
	p := newPlace(t)
	st := memstore.New()
	a := p.add(st, run.Success)
	a.Run.ID, a.Attempts[0].Counts.Failed = 0, 7
	_, _, err := st.Import(t.Context(), a)
	p.must(err)
	backup := filepath.Join(p.dir, "backup.db")
	p.must(os.WriteFile(backup, []byte("precious"), 0o600))
	_, err = history.Backup(t.Context(), p.dbs, "", st, backup, true)
	p.fails(err, fault.Unavailable, "no backup was made, as the history is damaged: run 2: attempt 1 counts")
	if b, err := os.ReadFile(backup); err != nil || string(b) != "precious" {
		t.Errorf("%.40q, %v", b, err)
	}
	p.only("backup.db")
}

// made writes a backup of a history of one run.
func (p *place) made(name string) string {
	p.Helper()
	path := filepath.Join(p.dir, name)
	st := p.open(path)
	p.add(st, run.Success)
	p.must(st.Close())
	p.must(os.Remove(path + "-wal"))
	p.must(os.Remove(path + "-shm"))
	return path
}

func TestRestoreRefused(t *testing.T) {
	p := newPlace(t)
	st := p.open(p.path)
	p.add(st, run.Failed)
	p.must(st.Close())
	good := p.made("good.db")
	data, err := os.ReadFile(good)
	p.must(err)
	write := func(name string, data []byte) string {
		path := filepath.Join(p.dir, name)
		p.must(os.WriteFile(path, data, 0o600))
		return path
	}
	flipped := append([]byte(nil), data...)
	flipped[9000] ^= 1
	inUse := p.made("in-use.db")
	write("in-use.db-wal", []byte("x"))
	for _, c := range []struct {
		backup string
		code   fault.Code
		msg    string
	}{
		{filepath.Join(p.dir, "none.db"), fault.NotFound, "the backup is not there"},
		{p.dir, fault.Usage, "the backup is not a file"},
		{p.path, fault.Usage, "the backup is the database itself"},
		{write("empty.db", nil), fault.Unavailable, "the backup is empty"},
		{write("text.db", []byte(strings.Repeat("text", 999))), fault.Unavailable, "the file is not a database"},
		{write("half.db", data[:len(data)/2]), fault.Unavailable, "the database is damaged"},
		{write("flipped.db", flipped), fault.Unavailable, "the backup is damaged"},
		{inUse, fault.Conflict, "the backup is a database in use"},
	} {
		before, err := os.ReadFile(c.backup)
		_, failed := history.Restore(t.Context(), p.dbs, p.path, c.backup, time.Now())
		p.fails(failed, c.code, c.msg)
		if after, errAfter := os.ReadFile(c.backup); string(before) != string(after) || (err == nil) != (errAfter == nil) {
			t.Errorf("%s was changed", c.backup)
		}
		if n := p.runs(p.path); n != 1 {
			t.Errorf("%s: %d runs are left", c.backup, n)
		}
	}
	p.only("history.db", "good.db", "in-use.db", "empty.db", "text.db", "half.db", "flipped.db")
}

// TestRestoreOverWhatIsBroken replaces what can't be opened any more, and keeps it.
func TestRestoreOverWhatIsBroken(t *testing.T) {
	for name, content := range map[string]string{
		"text": strings.Repeat("text", 999), "zeros": strings.Repeat("\x00", 8192), "short": "x", "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			good := p.made("good.db")
			p.must(os.WriteFile(p.path, []byte(content), 0o600))
			p.must(os.WriteFile(p.path+"-wal", []byte("of the old one"), 0o600))
			done, err := history.Restore(t.Context(), p.dbs, p.path, good, time.Now())
			p.must(err)
			if n := p.runs(p.path); n != 1 {
				t.Errorf("%d runs", n)
			}
			if b, err := os.ReadFile(done.Aside); err != nil || string(b) != content {
				t.Errorf("%.40q, %v", b, err)
			}
		})
	}
}

func TestRestoreWhereNothingIs(t *testing.T) {
	p := newPlace(t)
	good := p.made("good.db")
	path := filepath.Join(p.dir, "new", "dir", "history.db")
	done, err := history.Restore(t.Context(), p.dbs, path, good, time.Now())
	p.must(err)
	if done.Aside != "" || done.Runs != 1 || p.runs(path) != 1 {
		t.Errorf("%+v", done)
	}
}

func TestRestoreTwiceInASecond(t *testing.T) {
	p := newPlace(t)
	good := p.made("good.db")
	at := time.Now()
	seen := map[string]bool{}
	for range 3 {
		done, err := history.Restore(t.Context(), p.dbs, p.path, good, at)
		p.must(err)
		if seen[done.Aside] {
			t.Errorf("%s was replaced", done.Aside)
		}
		seen[done.Aside] = true
	}
}

func TestBackupIsInterrupted(t *testing.T) {
	p := newPlace(t)
	st := p.open(p.path)
	p.add(st, run.Success)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := history.Backup(ctx, p.dbs, p.path, st, filepath.Join(p.dir, "b.db"), false)
	if fault.CodeOf(err) != fault.Cancelled {
		t.Error("got", err)
	}
	p.must(st.Close())
	p.only("history.db")
}

// TestRestoreThroughALink replaces what the link points to.
func TestRestoreThroughALink(t *testing.T) {
	p := newPlace(t)
	good := p.made("good.db")
	st := p.open(p.path)
	p.must(st.Close())
	link := filepath.Join(t.TempDir(), "link.db")
	p.must(os.Symlink(p.path, link))
	done, err := history.Restore(t.Context(), p.dbs, link, good, time.Now())
	p.must(err)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if filepath.Dir(done.Aside) != p.dir || p.runs(p.path) != 1 || p.runs(done.Aside) != 0 {
		t.Errorf("%+v", done)
	}
}
