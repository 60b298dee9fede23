package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// history makes a database with runs of all kinds and returns its path.
func history(t *testing.T, runs int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openTest(t, path, Config{})
	for i := range runs {
		app := fmt.Sprintf("app-%d", i%5)
		l, err := s.CreateRun(t.Context(), store.NewRun{
			Application: app, File: "/srv/" + app + ".yaml", WorkingDir: "/srv", Hash: app + "-hash",
			Workflow: make([]byte, 100+i*397), At: time.UnixMicro(int64(1_769_860_800_000_000 + i*1000)),
			Attempt: store.NewAttempt{Jobs: 9, Options: []byte(`{"workers":4}`)},
		}, store.Owner{Host: "host", PID: i}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		ts := append(batch(3+i), run.Transition{Attempt: 1, From: run.Running, To: run.States()[3+i%2], Reason: run.JobFailed})
		if _, err := s.Append(t.Context(), l, ts); err != nil {
			t.Fatal(err)
		}
		if err := s.AddOverrides(t.Context(), l.Run, []run.Override{{Attempt: 1, Job: "load", By: "ann", Note: "by hand"}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Release(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// answers asks a database all that a user can ask, until it fails.
func answers(ctx context.Context, path string) (all []byte, err error) {
	s, err := OpenSQLite(ctx, path, Config{Now: func() time.Time { return time.UnixMicro(0) }})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	note := func(v any, failed error) {
		b, bug := json.Marshal(v)
		all = append(append(all, b...), '\n')
		err = errors.Join(failed, bug)
	}
	questions := []func(){
		func() { note(s.Runs(ctx, store.Filter{Application: "app-3"})) },
		func() { note(s.Runs(ctx, store.Filter{States: []run.State{run.Failed}, Limit: 5})) },
		func() { note(s.Runs(ctx, store.Filter{Since: time.UnixMicro(1_769_860_800_000_000)})) },
		func() { note(s.Stats(ctx)) },
		func() { note(s.Runs(ctx, store.Filter{})) },
	}
	for id := range run.ID(20) {
		questions = append(questions, func() { note(s.Export(ctx, id+1)) })
	}
	for _, ask := range questions {
		if ask(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// TestFlippedBytes changes one byte after the other of a real history. Either that is
// noticed, or it makes no difference.
func TestFlippedBytes(t *testing.T) {
	flips := 1000
	if testing.Short() || raceDetector { // which makes each ten times as slow
		flips = 100
	}
	original := history(t, 20)
	data := read(t, original)
	want, err := answers(t.Context(), original)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "runs.db")
	noticed, silent := 0, 0
	for range flips {
		at, by := random.IntN(len(data)), byte(1+random.IntN(255))
		data[at] ^= by
		write(t, path, data)
		data[at] ^= by
		got, err := answers(t.Context(), path)
		switch {
		case err != nil:
			noticed++
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != fault.Unavailable || f.Hint == "" {
				t.Errorf("byte %d by %#x: got %v, which tells a user nothing", at, by, err)
			}
		case string(got) != string(want):
			t.Errorf("byte %d by %#x: other answers, and no error", at, by)
		default:
			silent++
		}
		for _, suffix := range []string{logSuffix, memorySuffix} {
			if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d bytes: %d flips, %d noticed, %d that make no difference", len(data), flips, noticed, silent)
}

// TestWrittenByAnotherProgram has one write that knows nothing of the checksums.
func TestWrittenByAnotherProgram(t *testing.T) {
	path := history(t, 3)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE runs SET application = 'changed'"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, path, Config{})
	_, err = s.Runs(t.Context(), store.Filter{})
	refused(t, err, "the database is damaged")
}
