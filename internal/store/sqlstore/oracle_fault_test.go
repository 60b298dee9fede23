package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/storetest/oratest"
)

// openOracleDB returns a pool of connections as the store has them.
func openOracleDB(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := oracleURL(dsn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := oraclePool(u, 4)
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func numberIn(t *testing.T, db *sql.DB, query string) (n int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Connections break in each way around commits and statements: all is recorded once,
// and told so.
func testOracleCut(t *testing.T, server *oratest.Server) {
	for name, point := range map[string]oratest.Point{
		"before commit": oratest.BeforeCommit,
		"after commit":  oratest.AfterCommit,
		"after execute": oratest.AfterExecute,
		"before close":  oratest.BeforeClose,
	} {
		t.Run(name, func(t *testing.T) {
			s := openOracleTest(t, server.DSN(), Config{})
			l := startLoad(t, s, 3)
			o := &others{s: s}
			for i := range 8 {
				server.Cut(point)
				o.step(t, i)
				server.Cut(point)
				l.wait(t, 2)
			}
			l.check(t)
			o.check(t)
		})
	}
}

// An answer that is cut short is asked for again.
func testOracleCutReading(t *testing.T, server *oratest.Server) {
	s := openOracleTest(t, server.DSN(), Config{})
	l := newBenchRun(t, s)
	if _, err := s.Append(t.Context(), l, batch(700)); err != nil {
		t.Fatal(err)
	}
	for _, point := range []oratest.Point{oratest.BeforeFetch, oratest.BeforeClose, oratest.AfterExecute} {
		before := server.Counts().Connections.Load()
		server.Cut(point)
		ts, err := s.Transitions(t.Context(), l.Run, 0, 0)
		if err != nil || len(ts) != 700 {
			t.Errorf("point %d: %d transitions, %v", point, len(ts), err)
		}
		if _, err := s.Run(t.Context(), l.Run); err != nil || server.Counts().Connections.Load() == before {
			t.Errorf("point %d: no new connection, %v", point, err)
		}
	}
}

func testOracleKilled(t *testing.T, server *oratest.Server) {
	s := openOracleTest(t, server.DSN(), Config{})
	l := startLoad(t, s, 3)
	o := &others{s: s}
	for i := range 10 {
		server.Down(i%2 == 0)
		server.KillAll()
		if i%2 == 0 {
			time.AfterFunc(50*time.Millisecond, func() { server.Down(false) })
		}
		o.step(t, i)
		l.wait(t, 3)
	}
	server.Down(false)
	l.check(t)
	o.check(t)
}

// What is not in a transaction that somebody began gets one of its own. Without it, the
// driver's error would have database/sql run the statement again.
func testOracleNotRepeated(t *testing.T, server *oratest.Server) {
	db := openOracleDB(t, server.DSN())
	mustExec(t, db, "CREATE TABLE schema_versions (version NUMBER(19) NOT NULL, name VARCHAR2(9 CHAR), checksum VARCHAR2(9 CHAR))")
	for i, point := range []oratest.Point{oratest.AfterExecute, oratest.BeforeCommit, oratest.AfterCommit} {
		server.Cut(point)
		_, err := db.ExecContext(t.Context(), insertVersion, i, "n", "c")
		if oracleTrouble(err) != lost {
			t.Errorf("point %d: got %v", point, err)
		}
	}
	if n := numberIn(t, db, "SELECT COUNT(*) FROM schema_versions"); n != 1 {
		t.Errorf("%d rows, want that of the commit whose answer was lost", n)
	}
}

// testOracleArrays counts how often rows are sent: together, unless one has a text that
// is too long for an array.
func testOracleArrays(t *testing.T, server *oratest.Server) {
	s := openOracleTest(t, server.DSN(), Config{})
	for length, want := range map[int]int64{
		1:                2 + 1 + 1 + 2,  // the lease and its number, the counts, 8 with an outcome (4 + 4), 16 without
		maxArrayText:     2 + 1 + 1 + 2,  // so is this
		maxArrayText + 1: 2 + 1 + 16 + 2, // all 16 that would be in its array alone
	} {
		l := newBenchRun(t, s)
		ts := batch(24)
		ts[1].Detail = strings.Repeat("x", length)
		before := server.Counts().Executions.Load()
		if _, err := s.Append(t.Context(), l, ts); err != nil {
			t.Fatal(err)
		}
		if got := server.Counts().Executions.Load() - before; got != want {
			t.Errorf("%d bytes: %d executions, want %d", length, got, want)
		}
	}
}

func testOracleMigrations(t *testing.T, dsn string) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			cfg, err := Config{}.withDefaults()
			if err != nil {
				t.Error(err)
				return
			}
			s, err := openOracle(t.Context(), dsn, cfg)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Runs(t.Context(), store.Filter{}); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db := openOracleDB(t, dsn)
	if n := numberIn(t, db, "SELECT COUNT(*) FROM schema_versions"); n != oracleVersion {
		t.Errorf("%d migrations are recorded, want %d", n, oracleVersion)
	}
	if n := numberIn(t, db, "SELECT COUNT(*) FROM run_ids"); n != 1 {
		t.Errorf("%d rows of ids", n)
	}
}

// A migration that stopped after any of its statements is finished by the next program.
func testOracleInterrupted(t *testing.T, server *oratest.Server) {
	d := oracleDialect(nil, nil, Config{}, "", nil)
	all, err := migrationsIn(d.migrations)
	if err != nil {
		t.Fatal(err)
	}
	statements := append([]string{d.versions}, all[0].statements...)
	for n := range len(statements) + 1 {
		dsn := server.DSN()
		db := openOracleDB(t, dsn)
		for _, q := range statements[:n] {
			mustExec(t, db, q)
		}
		s := openOracleTest(t, dsn, Config{})
		l := newBenchRun(t, s)
		if _, err := s.Append(t.Context(), l, batch(3)); err != nil || l.Run != 1 {
			t.Errorf("after %d statements: run %d, %v", n, l.Run, err)
		}
		if err := errors.Join(s.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func testOracleSchemas(t *testing.T, server *oratest.Server) {
	for name, c := range map[string]struct {
		change string
		made   bool // by the program, before the change
		want   string
	}{
		"newer": {
			fmt.Sprintf("INSERT INTO schema_versions (version, name, checksum) VALUES (%d, 'x', 'y')", oracleVersion+1), true,
			fmt.Sprintf("the database has schema version %d, this executioner knows versions up to %d", oracleVersion+1, oracleVersion),
		},
		"changed": {
			"UPDATE schema_versions SET checksum = 'other' WHERE version = 2", true,
			"the database's schema was changed: migration 00002_maintenance.sql is not the one that was run",
		},
		"missing": {
			"DELETE FROM schema_versions WHERE version = 1", true,
			"the database's schema was changed: migration 00001_runs.sql was not run, though later ones were",
		},
		"another program's": {
			"CREATE TABLE runs (distance NUMBER(5))", false,
			"the database has a table of another program with the name runs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := server.DSN()
			if c.made {
				if err := openOracleTest(t, dsn, Config{}).Close(); err != nil {
					t.Fatal(err)
				}
			}
			mustExec(t, openOracleDB(t, dsn), c.change)
			err := openOracleFails(t, dsn)
			if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func openOracleFails(t *testing.T, dsn string) error {
	t.Helper()
	cfg, err := Config{Patience: time.Second}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s, err := openOracle(t.Context(), dsn, cfg)
	if err == nil {
		t.Fatal("no error", s.Close())
	}
	return err
}

func testOracleRefused(t *testing.T, server *oratest.Server) {
	good := server.DSN()
	before := server.Open()
	for _, c := range []struct {
		dsn  string
		code fault.Code
		want string
	}{
		{server.WrongPassword(), fault.Unavailable, "the database server refused the user name or the password"},
		{"oracle://u:s3cret@127.0.0.1:1/S", fault.Unavailable, "the database server can't be reached"},
		{"oracle://u:s3cret@127.0.0.1:1521", fault.InvalidConfig, "must name a user, a host and a service"},
		{"oracle://127.0.0.1:1521/S", fault.InvalidConfig, "must name a user, a host and a service"},
		{"oracle://u:s3cret@/S", fault.InvalidConfig, "must name a user, a host and a service"},
		{"oracle://u:s3cret@h:x/S", fault.InvalidConfig, "is not a URL"},
		{good + "&nothing=1", fault.InvalidConfig, "the database's address can't be read"},
		{good + "&pool_max_conns=2", fault.InvalidConfig, "a pool of 2 connections is not possible"},
		{good + "&pool_max_conns=many", fault.InvalidConfig, "pool_max_conns is not a number"},
	} {
		err := openOracleFails(t, strings.Replace(c.dsn, "standin&", "standin?", 1))
		if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) || fault.HintOf(err) == "" {
			t.Errorf("%s: got %v", Redact(c.dsn), err)
		}
		if text := fmt.Sprintf("%+v %s", err, fault.HintOf(err)); strings.Contains(text, "s3cret") || strings.Contains(text, "not-") {
			t.Errorf("a password is told: %s", text)
		}
	}
	waitFor(t, func() bool { return server.Open() <= before }) // a logon that failed leaves nothing open
	if err := openOracleTest(t, strings.Replace(good, "oracle://", "ORACLE://", 1)+"?pool_max_conns=3", Config{}).Close(); err != nil {
		t.Error(err)
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within a minute")
		}
	}
}

func testOracleDown(t *testing.T, server *oratest.Server) {
	s := openOracleTest(t, server.DSN(), Config{Patience: 50 * time.Millisecond})
	l := newBenchRun(t, s)
	server.Down(true)
	server.KillAll()
	if _, err := s.Append(t.Context(), l, batch(3)); fault.CodeOf(err) != fault.Unavailable || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if _, err := s.Run(t.Context(), l.Run); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	server.Down(false)
	appendAtLast(t, s, l)
}

// appendAtLast does what an engine does when a store with little patience is back, on a
// host that may be slow: it tries until it works. What it appended is there once.
func appendAtLast(t *testing.T, s *Store, l store.Lease) {
	t.Helper()
	waitFor(t, func() bool {
		last, err := s.Append(t.Context(), l, batch(3))
		if fault.CodeOf(err) != fault.Unavailable && (err != nil || last != 3) {
			t.Fatalf("got %d, %v", last, err)
		}
		return err == nil
	})
}

// slowQuery takes minutes when there are some hundred transitions.
const slowQuery = `SELECT COUNT(*) FROM transitions a, transitions b, transitions c, transitions d, transitions e WHERE a.seq > ?`

func testOracleCancelled(t *testing.T, server *oratest.Server) {
	s := openOracleTest(t, server.DSN(), Config{Pool: 4}) // one connection that reads
	l := newBenchRun(t, s)
	if _, err := s.Append(t.Context(), l, batch(300)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if r, err := s.Run(t.Context(), l.Run); err != nil || r.Seq != 300 { // there is a connection, and it works
			t.Fatalf("%d, %v", r.Seq, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		before, open := server.Counts().Executions.Load(), server.Open()
		failed := make(chan error)
		go func() {
			failed <- s.view(ctx, "count", func(ctx context.Context, tx *sql.Tx) error {
				var n int64
				return tx.QueryRowContext(ctx, slowQuery, 0).Scan(&n)
			})
		}()
		waitFor(t, func() bool { return server.Counts().Executions.Load() >= before+2 }) // the query runs, or is about to
		cancel()
		if err := <-failed; fault.CodeOf(err) != fault.Cancelled {
			t.Errorf("got %v", err)
		}
		waitFor(t, func() bool { return server.Open() < open }) // it does not run on
	}
	if r, err := s.Run(t.Context(), l.Run); err != nil || r.Seq != 300 {
		t.Errorf("afterwards: %d, %v", r.Seq, err)
	}
}

func testOracleSlow(t *testing.T, dsn string) {
	s := openOracleTest(t, dsn, Config{Patience: 50 * time.Millisecond})
	s.d.timeout = 200 * time.Millisecond // before the writers begin anything
	l := newBenchRun(t, s)
	db := openOracleDB(t, dsn)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var one int
	if err := tx.QueryRowContext(t.Context(), "SELECT 1 FROM runs WHERE id = ? FOR UPDATE", int64(l.Run)).Scan(&one); err != nil {
		t.Fatal(err)
	}
	_, err = s.Append(t.Context(), l, batch(3))
	if fault.CodeOf(err) != fault.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	appendAtLast(t, s, l)
}

func testOracleTooLong(t *testing.T, dsn string) {
	s := openOracleTest(t, dsn, Config{})
	for _, n := range []int{1000, 1001, 5000} {
		_, err := s.CreateRun(t.Context(), store.NewRun{Application: strings.Repeat("€", n)}, store.Owner{}, time.Hour)
		want := fault.Unsupported
		if n <= 1000 {
			want = ""
		}
		if fault.CodeOf(err) != want {
			t.Errorf("%d characters: got %v", n, err)
		}
	}
}

// testOracleLong has texts around the length from which they are sent in another way,
// in the same arrays as others and as NULL.
func testOracleLong(t *testing.T, dsn string) {
	s := openOracleTest(t, dsn, Config{})
	l := newBenchRun(t, s)
	var want []run.Transition
	for _, details := range [][]int{{0, 1, 999, 1000, 1001}, {3999, 4000, 1, 0}, {1, 4001, 0, 2}, {40000, 0}, {0, 0, 0, 0}, {5}} {
		ts := batch(3 * len(details))
		for i, n := range details {
			ts[3*i].Detail = strings.Repeat("x", n)
			ts[3*i+2].Detail = strings.Repeat("€", n/3)
			ts[3*i].Outcome.Detail = strings.Repeat("y", n)
		}
		if _, err := s.Append(t.Context(), l, ts); err != nil {
			t.Fatal(err)
		}
		want = append(want, ts...)
	}
	got, err := s.Transitions(t.Context(), l.Run, 0, 0)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d of %d, %v", len(got), len(want), err)
	}
	for i := range got {
		w := want[i]
		w.Seq, w.At = got[i].Seq, got[i].At
		if !sameTransition(got[i], w) {
			t.Errorf("transition %d: got %d bytes of detail, want %d", i+1, len(got[i].Detail), len(w.Detail))
		}
	}
}

func testOracleMoment(t *testing.T, dsn string) {
	s := openOracleTest(t, dsn, Config{})
	l := newBenchRun(t, s)
	err := s.view(t.Context(), "read", func(_ context.Context, tx *sql.Tx) error {
		for range 2 {
			var seq int64
			if err := tx.QueryRowContext(t.Context(), "SELECT seq FROM runs WHERE id = ?", int64(l.Run)).Scan(&seq); err != nil {
				return err
			}
			if seq != 0 {
				t.Errorf("it has seen %d", seq)
			}
			if _, err := s.Append(t.Context(), l, batch(3)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Run(t.Context(), l.Run); err != nil || r.Seq != 6 {
		t.Errorf("got %d, %v", r.Seq, err)
	}
}
