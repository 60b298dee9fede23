package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/storetest/oratest"
)

// beforeBlocks is the newest schema without run_blocks.
const beforeBlocks = 3

// oldRuns are the statements that make runs as an older program did: submitted at so many
// seconds, in blocks of their own, one of them at no time.
func oldRuns() (all []string) {
	for _, r := range []struct {
		id int
		at string
	}{{5, "100000000"}, {1500, "50000000"}, {1501, "NULL"}, {2999, "200000000"}} {
		all = append(all,
			fmt.Sprintf("INSERT INTO runs (id, submitted_at_us, attempt, state, seq, lease_epoch) VALUES (%d, %s, 1, 'SUCCESS', 0, 1)", r.id, r.at),
			fmt.Sprintf("INSERT INTO attempts (run_id, attempt, state, jobs_total) VALUES (%d, 1, 'SUCCESS', 0)", r.id))
	}
	return all
}

// checkOldRuns looks for the runs of oldRuns by time, and for a new one.
func checkOldRuns(t *testing.T, s *Store) {
	t.Helper()
	listed(t, s, store.Filter{Until: time.Unix(60, 0)}, 1500)
	listed(t, s, store.Filter{Since: time.Unix(100, 0), Until: time.Unix(150, 0)}, 5)
	listed(t, s, store.Filter{Since: time.Unix(50, 0), Until: time.Unix(201, 0)}, 2999, 1500, 5)
	l := newBenchRun(t, s)
	listed(t, s, store.Filter{Since: time.Now().Add(-time.Hour)}, l.Run)
	listed(t, s, store.Filter{Since: time.Unix(150, 0), Until: time.Unix(300, 0)}, 2999)
}

func listed(t *testing.T, s *Store, f store.Filter, want ...run.ID) {
	t.Helper()
	found, err := s.Runs(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var got []run.ID
	for _, r := range found {
		got = append(got, r.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v to %v: got %v, want %v", f.Since, f.Until, got, want)
	}
}

func TestSQLiteUpgrades(t *testing.T) {
	for from := int64(1); from <= beforeBlocks; from++ {
		path := filepath.Join(t.TempDir(), "runs.db")
		sqliteAt(t, path, from)
		sqlOn(t, path, strings.Join(oldRuns(), "; "))
		s := openTest(t, path, Config{})
		checkOldRuns(t, s)
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("from %d: %v", from, err)
		}
	}
}

// sqliteAt makes a file with an older schema, as an older program did.
func sqliteAt(t *testing.T, path string, version int64) {
	t.Helper()
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if err := prepareFile(path, false); err != nil {
		t.Fatal(err)
	}
	d := sqliteDialect(path)
	d.migrations, d.version = until(t, d.migrations, version), version
	s, err := openSQLite(t.Context(), d, path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresOldRuns(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	postgresAt(t, dsn, beforeBlocks)
	sqlAt(t, dsn, oldRuns()...)
	checkOldRuns(t, openDSN(t, dsn, Config{}))
}

// testOracleBlocks has the migration cut off after each statement, and an old program that
// goes on then.
func testOracleBlocks(t *testing.T, server *oratest.Server) {
	d := oracleDialect(nil, nil, Config{}, "", nil)
	all, err := migrationsIn(d.migrations)
	if err != nil {
		t.Fatal(err)
	}
	last := all[beforeBlocks]
	for n := range len(last.statements) + 1 {
		dsn := server.DSN()
		db := openOracleDB(t, dsn)
		mustExec(t, db, d.versions)
		for _, m := range all[:beforeBlocks] {
			for _, q := range m.statements {
				mustExec(t, db, q)
			}
			mustExec(t, db, insertVersion, m.version, m.name, m.sum)
		}
		old := oldRuns()
		for _, q := range slices.Concat(old[:4], last.statements[:n], old[4:]) {
			mustExec(t, db, q)
		}
		checkOldRuns(t, openOracleTest(t, dsn, Config{}))
	}
}

// TestBlockBounds looks at what a new run changes: its block's bounds, and only as far as
// that is necessary.
func TestBlockBounds(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	minute := func(n int) time.Time { return time.Unix(int64(60*n), 0) }
	for i, c := range []struct {
		at   time.Time
		want [2]int64 // minutes
	}{
		{time.Time{}, [2]int64{-1, -1}},
		{minute(10).Add(59 * time.Second), [2]int64{10, 11}},
		{minute(10), [2]int64{10, 11}},
		{minute(11).Add(-time.Microsecond), [2]int64{10, 11}},
		{minute(11), [2]int64{10, 12}},
		{time.Time{}, [2]int64{10, 12}},
		{minute(7).Add(time.Second), [2]int64{7, 12}},
		{minute(9), [2]int64{7, 12}},
	} {
		_, err := s.CreateRun(t.Context(), store.NewRun{At: c.at}, store.Owner{PID: 1}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		got := [2]int64{-1, -1}
		rows, err := s.reads.QueryContext(context.Background(), "SELECT min_us, max_us + 1 FROM run_blocks WHERE first_id = 0")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			if err := rows.Scan(&got[0], &got[1]); err != nil {
				t.Fatal(err)
			}
			got[0], got[1] = got[0]/blockGrain, got[1]/blockGrain
		}
		if err := rows.Close(); err != nil || got != c.want {
			t.Errorf("run %d: got %v, want %v, %v", i+1, got, c.want, err)
		}
	}
}
