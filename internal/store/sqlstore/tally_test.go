package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

// Whatever is asked for, tallies are looked up by series and period. A walk through all of
// them would take as long as there are many.
func TestTalliesAreLookedUp(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	span := stats.Since(time.Now())[0]
	for _, f := range []store.TallyFilter{
		{}, {Jobs: true}, {Job: "a"}, {Application: "a"}, {Application: "a", Jobs: true}, {Application: "a", Job: "a"},
	} {
		plan := explain(t, s, tallyQuery(f, span))
		if !strings.Contains(plan, "SEARCH c USING PRIMARY KEY (series=? AND period>? AND period<?)") {
			t.Errorf("%+v: %s", f, plan)
		}
		if left := explain(t, s, uncountedQuery(f)); left != "SCAN u\nSEARCH r USING INTEGER PRIMARY KEY (rowid=?)\n" {
			t.Errorf("%+v: %s", f, left)
		}
		if f.Application != "" && !strings.Contains(plan, "SEARCH s USING INDEX series_by_application (application=?)") {
			t.Errorf("%+v: %s", f, plan)
		}
	}
}

// endedRun records a run that began then and succeeded, and returns its id.
func endedRun(t *testing.T, s *Store, at time.Time) run.ID {
	t.Helper()
	l, err := s.CreateRun(t.Context(), store.NewRun{Application: "a", At: at}, store.Owner{PID: 1}, time.Hour)
	if err == nil {
		_, err = s.Append(t.Context(), l, []run.Transition{
			{Attempt: 1, From: run.Pending, To: run.Running, At: at}, {Attempt: 1, From: run.Running, To: run.Success, At: at},
		})
	}
	if err == nil {
		err = s.Release(t.Context(), l)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l.Run
}

// succeeded returns how many attempts of the application succeeded.
func succeeded(t *testing.T, s *Store) int64 {
	t.Helper()
	all, err := s.Tallies(t.Context(), store.TallyFilter{Application: "a", Spans: stats.Since(time.Time{})})
	if err != nil {
		t.Fatal(err)
	}
	var sum stats.Tally
	for i := range all {
		if err := sum.MergeEncoded(all[i].Body); err != nil {
			t.Fatal(err)
		}
	}
	return sum.Success
}

// A history that is older than its statistics is counted whole, but for what goes on.
func TestOldHistoryIsCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openTest(t, path, Config{})
	for range 3 {
		endedRun(t, s, time.Now())
	}
	newBenchRun(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sqlOn(t, path, "ALTER TABLE runs DROP COLUMN wrote_epoch; DROP INDEX user_accounts_by_subject; ALTER TABLE user_accounts DROP COLUMN subject; ALTER TABLE audit_log DROP COLUMN request_id; ALTER TABLE transitions DROP COLUMN out_ended_us; DROP TABLE firings; DROP TABLE schedules; DROP TABLE uncounted; DROP TABLE tallies; DROP TABLE tally_series; DELETE FROM schema_versions WHERE version >= 9; PRAGMA user_version = 8")
	s = openTest(t, path, Config{})
	if n := succeeded(t, s); n != 3 {
		t.Errorf("%d before they are counted", n)
	}
	if n, err := s.CountEnded(t.Context(), 100); n != 3 || err != nil {
		t.Errorf("%d counted: %v", n, err)
	}
	if n := succeeded(t, s); n != 3 {
		t.Errorf("%d afterwards", n)
	}
}

// When somebody else counts the same attempts, nothing is written, and that is no error.
func TestCountedMeanwhile(t *testing.T) {
	for kind, open := range map[string]func() *Store{
		SQLite:   func() *Store { return openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{}) },
		Postgres: func() *Store { return openPostgresTest(t, Config{}) },
	} {
		t.Run(kind, func(t *testing.T) {
			s := open()
			first, second := endedRun(t, s, time.Now()), endedRun(t, s, time.Now())
			all := []ended{{first, 1}, {second, 1}}
			count := func(ctx context.Context) error {
				return s.change(ctx, "count", func(t *tx) error {
					adds, err := talliesOf(t.query, all)
					return errors.Join(err, t.count(all, adds))
				})
			}
			if err := count(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := count(t.Context()); !errors.Is(err, errCounted) {
				t.Errorf("counted twice: %v", err)
			}
			if n := succeeded(t, s); n != 2 {
				t.Errorf("%d are counted", n)
			}
			all = all[1:]
			if err := count(t.Context()); !errors.Is(err, errCounted) {
				t.Errorf("counted twice: %v", err)
			}
		})
	}
}

// A run that is not there any more, by whatever has happened to the database, holds up
// nothing.
func TestUncountedWithoutRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openTest(t, path, Config{})
	endedRun(t, s, time.Now())
	sqlOn(t, path, "INSERT INTO uncounted (run_id, attempt) VALUES (7, 1)")
	if n, err := s.CountEnded(t.Context(), 100); n != 2 || err != nil {
		t.Errorf("%d counted: %v", n, err)
	}
	if n, err := s.CountEnded(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("%d counted: %v", n, err)
	}
	if n := succeeded(t, s); n != 1 {
		t.Errorf("%d are counted", n)
	}
}

func TestDamagedTallies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.db")
	s := openTest(t, path, Config{})
	id := endedRun(t, s, time.Now())
	if _, err := s.CountEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	sqlOn(t, path, "UPDATE tallies SET body = x'00'")
	endedRun(t, s, time.Now())
	_, err := s.CountEnded(t.Context(), 1)
	if fault.CodeOf(err) != fault.Internal || !strings.Contains(fmt.Sprint(err), "the statistics of a") {
		t.Error(err)
	}
	if _, err := s.Delete(t.Context(), []run.ID{id}); err != nil { // which was counted
		t.Error(err)
	}
	if _, err := s.Delete(t.Context(), []run.ID{id + 1}); fault.CodeOf(err) != fault.Internal {
		t.Error(err)
	}
}
