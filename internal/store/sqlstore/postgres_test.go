package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

// postgresDSN returns the address of an empty schema.
func postgresDSN(t testing.TB) string {
	t.Helper()
	return servers.Cluster(t).Schema(t)
}

func openPostgresTest(t testing.TB, cfg Config) *Store {
	t.Helper()
	return openDSN(t, postgresDSN(t), cfg)
}

func openDSN(t testing.TB, dsn string, cfg Config) *Store {
	t.Helper()
	s, err := Open(context.Background(), dsn, cfg)
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

// sqlAt runs statements as another program would.
func sqlAt(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, q := range statements {
		if _, err := conn.Exec(context.Background(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// valueAt returns the only value of an answer.
func valueAt[T any](t testing.TB, dsn, query string) (v T) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func TestPostgresRefuses(t *testing.T) {
	t.Setenv("PGPASSFILE", os.DevNull)
	c := servers.Cluster(t)
	changed := func(statements ...string) func(t *testing.T) string {
		return func(t *testing.T) string {
			dsn := c.Schema(t)
			if err := openDSN(t, dsn, Config{}).Close(); err != nil {
				t.Fatal(err)
			}
			sqlAt(t, dsn, statements...)
			return dsn
		}
	}
	fresh := func(statements ...string) func(t *testing.T) string {
		return func(t *testing.T) string {
			dsn := c.Schema(t)
			sqlAt(t, dsn, statements...)
			return dsn
		}
	}
	for _, k := range []struct {
		name string
		dsn  func(t *testing.T) string
		msg  string
	}{
		{"wrong password", func(t *testing.T) string { return c.DSNWithPassword(t, "tests", "wrong") }, "the database server refused the user name or the password"},
		{"no password", func(t *testing.T) string { return c.DSNWithPassword(t, "tests", "") }, "the database server refused the user name or the password"},
		{"no such role", func(t *testing.T) string { return pgtest.Address(c.SocketDir(), "nobody_at_all", "", "tests") }, "the database server refused the user name or the password"},
		{"no such database", func(*testing.T) string { return pgtest.Address(c.SocketDir(), "postgres", "", "none") }, "the database does not exist on the server"},
		{"no server at a socket", func(t *testing.T) string { return pgtest.Address(t.TempDir(), "postgres", "", "tests") }, "the database server can't be reached"},
		{"no server at a port", func(*testing.T) string { return "postgres://u@127.0.0.1:1/d" }, "the database server can't be reached"},
		{"no such setting", func(t *testing.T) string { return c.Schema(t) + "&no_such_setting=1" }, ""},
		{"no such schema", func(t *testing.T) string { return c.DSN(t, "tests") + "&search_path=none" }, "the database has no schema to put tables into"},
		{"another encoding", func(t *testing.T) string {
			name := c.Name("latin")
			if err := c.Exec("postgres", "CREATE DATABASE "+name+" ENCODING 'LATIN1' TEMPLATE template0"); err != nil {
				t.Fatal(err)
			}
			return pgtest.Address(c.SocketDir(), "postgres", "", name)
		}, "the database has the encoding LATIN1, which can't hold all texts"},
		{"no rights", func(t *testing.T) string {
			dsn := c.Schema(t)
			sqlAt(t, dsn, "REVOKE ALL ON SCHEMA "+schemaOf(dsn)+" FROM with_password", "GRANT USAGE ON SCHEMA "+schemaOf(dsn)+" TO with_password")
			return c.DSNWithPassword(t, "tests", pgtest.Password) + "&search_path=" + schemaOf(dsn)
		}, "the database user has not the right to do this"},
		{"another's tables", fresh("CREATE TABLE runs (id INTEGER)"), "the database has tables of another program with the same names"},
		{"newer", changed("INSERT INTO schema_versions VALUES (77, 'x', 'y')"), fmt.Sprintf("the database has schema version 77, this executioner knows versions up to %d", postgresVersion)},
		{"another migration", changed("UPDATE schema_versions SET checksum = 'abcdefghijklmnop' WHERE version = 2"), "the database's schema was changed: migration 00002_maintenance.sql is not the one that was run"},
		{"a migration left out", changed("DELETE FROM schema_versions WHERE version = 2"), "the database's schema was changed: migration 00002_maintenance.sql was not run, though later ones were"},
		{"column removed", changed("ALTER TABLE runs DROP COLUMN file"), "the database's schema was changed: column runs.file is missing"},
		{"column added", changed("ALTER TABLE runs ADD COLUMN extra TEXT NOT NULL"), "the database's schema was changed: column runs.extra is not known"},
		{"column of another type", changed("ALTER TABLE attempts ALTER COLUMN detail TYPE VARCHAR(20)"), "the database's schema was changed: column attempts.detail is character varying(20) in place of text"},
		{"table removed", changed("DROP TABLE overrides"), "the database's schema was changed: column overrides.at_us is missing; "},
		{"index removed", changed("DROP INDEX runs_by_state"), "the database's schema was changed: index on runs (state, id) is missing"},
	} {
		t.Run(k.name, func(t *testing.T) {
			dsn := k.dsn(t)
			_, err := Open(t.Context(), dsn, Config{})
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != fault.Unavailable && f.Code != fault.InvalidConfig || !strings.HasPrefix(f.Msg, k.msg) || f.Hint == "" {
				t.Fatalf("got %v (%#v), want %q", err, f, k.msg)
			}
			if told := all(err); strings.Contains(told, pgtest.Password) {
				t.Errorf("%s tells the password", told)
			}
		})
	}
}

func schemaOf(dsn string) string {
	_, name, _ := strings.Cut(dsn, "search_path=")
	return name
}

// More tables, and more indexes, are nobody's business.
func TestPostgresTakesAdditions(t *testing.T) {
	dsn := postgresDSN(t)
	openDSN(t, dsn, Config{})
	sqlAt(t, dsn, "CREATE TABLE reports (id INTEGER)", "CREATE INDEX by_file ON runs (file)")
	s := openDSN(t, dsn, Config{})
	newBenchRun(t, s)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	sqlAt(t, dsn, "ALTER TABLE runs DROP COLUMN origin")
	if err := s.Check(t.Context()); fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "runs.origin is missing") {
		t.Errorf("got %v", err)
	}
	_, err := s.Export(t.Context(), 1)
	refused(t, err, "the database's schema is not the one that is expected")
}

func TestPostgresPasswords(t *testing.T) {
	c := servers.Cluster(t)
	schema := schemaOf(c.Schema(t))
	bare := c.DSNWithPassword(t, "tests", "") + "&search_path=" + schema
	file := func(name, content string) string {
		return write(t, filepath.Join(t.TempDir(), name), []byte(content))
	}
	merged, err := WithPassword(bare, pgtest.Password)
	if err != nil {
		t.Fatal(err)
	}
	escaped := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(pgtest.Password)
	for name, k := range map[string]struct {
		dsn string
		env map[string]string
	}{
		"in the address":    {merged, nil},
		"PGPASSWORD":        {bare, map[string]string{"PGPASSWORD": pgtest.Password}},
		"PGPASSWORD_FILE":   {bare, map[string]string{"PGPASSWORD_FILE": file("p", pgtest.Password+"\n")}},
		"PGPASSFILE":        {bare, map[string]string{"PGPASSFILE": file("pass", "*:*:*:*:"+escaped+"\n")}},
		"the address first": {merged, map[string]string{"PGPASSWORD_FILE": file("p", "wrong"), "PGPASSWORD": "wrong"}},
		"PGPASSWORD second": {bare, map[string]string{"PGPASSWORD_FILE": file("p", "wrong"), "PGPASSWORD": pgtest.Password}},
		"its file third":    {bare, map[string]string{"PGPASSWORD_FILE": file("p", pgtest.Password), "PGPASSFILE": file("pass", "*:*:*:*:wrong\n")}},
		"in the query":      {bare + "&password=" + url.PathEscape(pgtest.Password), map[string]string{"PGPASSWORD_FILE": file("p", "wrong")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PGPASSFILE", os.DevNull)
			for key, value := range k.env {
				t.Setenv(key, value)
			}
			s := openDSN(t, k.dsn, Config{})
			if _, err := s.Runs(t.Context(), store.Filter{}); err != nil {
				t.Error(err)
			}
		})
	}
	t.Setenv("PGPASSWORD_FILE", "/none")
	if _, err := Open(t.Context(), bare, Config{}); fault.CodeOf(err) != fault.InvalidConfig {
		t.Errorf("got %v", err)
	}
}

// Whatever bytes a text has, they come back, and are found.
func TestPostgresAnyBytes(t *testing.T) {
	s := openPostgresTest(t, Config{})
	for _, text := range []string{"a\x00b", "\xff\xfe", "\x1a", "\x1aYQ", "\x1a!", "caf\xe9/日本", "\xed\xa0\x80"} {
		l, err := s.CreateRun(t.Context(), store.NewRun{Application: text, File: text, WorkingDir: text}, store.Owner{Host: text}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.Runs(t.Context(), store.Filter{Application: text})
		if err != nil || len(found) != 1 || found[0].ID != l.Run || found[0].File != text || found[0].WorkingDir != text {
			t.Errorf("%q: found %+v, %v", text, found, err)
		}
		want := run.Transition{Attempt: 1, Job: run.JobID(text), From: run.Running, To: run.Failed, Detail: text, Outcome: &run.Outcome{Detail: text + "x"}}
		if _, err := s.Append(t.Context(), l, []run.Transition{want}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Transitions(t.Context(), l.Run, 0, 0)
		if err != nil || len(got) != 1 || got[0].Job != want.Job || got[0].Detail != text || got[0].Outcome.Detail != text+"x" {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

// Each connection has limits, so that neither a slow statement nor a program that
// fell asleep keeps others waiting for ever.
func TestPostgresLimits(t *testing.T) {
	dsn := postgresDSN(t)
	s := openDSN(t, dsn, Config{StatementTimeout: 7 * time.Second})
	const query = `SELECT current_setting('application_name') || ' ' || current_setting('statement_timeout') || ' ' ||
		current_setting('lock_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')`
	var got string
	if err := s.reads.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != "executioner 7s 7s 7s" {
		t.Errorf("readers have %q, %v", got, err)
	}
	for range 2 * postgresWriters {
		err := s.change(t.Context(), "test", func(x *tx) error { _, err := x.row(query, nil, &got); return err })
		if err != nil || got != "executioner 7s 7s 7s" {
			t.Errorf("writers have %q, %v", got, err)
		}
	}
	s = openDSN(t, dsn+"&statement_timeout=3s&lock_timeout=2s&application_name=mine", Config{})
	if err := s.reads.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != "mine 3s 2s 30s" {
		t.Errorf("with an address that says otherwise: %q, %v", got, err)
	}
}

func TestPostgresSlowStatement(t *testing.T) {
	s := openPostgresTest(t, Config{})
	err := s.change(t.Context(), "test", func(x *tx) error {
		if err := x.exec("SET LOCAL statement_timeout = 20"); err != nil {
			return err
		}
		return x.exec("SELECT pg_sleep(60)")
	})
	refused(t, err, "the database server took too long for a statement")
	newBenchRun(t, s)
}

// A row that another program keeps locked is waited for, but not for ever.
func TestPostgresLocked(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	openDSN(t, dsn, Config{}) // migrates, which may have to wait for others
	s := openDSN(t, dsn+"&lock_timeout=20ms", Config{Patience: 200 * time.Millisecond})
	l := newBenchRun(t, s)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	begin := func() {
		t.Helper()
		if _, err := conn.Exec(t.Context(), "BEGIN; SELECT 1 FROM runs FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	_, err = s.Append(t.Context(), l, batch(3))
	refused(t, err, "another program keeps the database locked")
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if last, err := s.Append(t.Context(), l, batch(3)); err != nil || last != 3 {
		t.Errorf("got %d, %v", last, err)
	}
	patient := openDSN(t, dsn+"&lock_timeout=20ms", Config{})
	begin()
	done := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() { _, err := conn.Exec(context.Background(), "ROLLBACK"); done <- err })
	if last, err := patient.Append(t.Context(), l, batch(3)); err != nil || last != 6 {
		t.Errorf("got %d, %v", last, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A server that has become a standby is left for the one that took its place.
func TestPostgresReadOnly(t *testing.T) {
	t.Parallel()
	c := servers.Cluster(t)
	database := c.Name("standby")
	dsn := c.DSN(t, database)
	s, patient := openDSN(t, dsn, Config{Patience: 100 * time.Millisecond}), openDSN(t, dsn, Config{})
	l := newBenchRun(t, s)
	readOnly := func(on string) {
		t.Helper()
		if err := c.Exec("postgres", "ALTER DATABASE "+database+" SET default_transaction_read_only = "+on,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+database+"'"); err != nil {
			t.Fatal(err)
		}
	}
	readOnly("on")
	_, err := s.Append(t.Context(), l, batch(3))
	refused(t, err, "the database server is a standby, which can't be written")
	readOnly("off")
	if last, err := patient.Append(t.Context(), l, batch(3)); err != nil || last != 3 {
		t.Errorf("got %d, %v", last, err)
	}
}

// No more connections are made than were asked for, whatever goes on.
func TestPostgresPool(t *testing.T) {
	t.Parallel()
	c := servers.Cluster(t)
	for set, want := range map[string]int{"": 10, "&pool_max_conns=3": 3, "&pool_max_conns=5": 5} {
		s := openDSN(t, c.Schema(t)+"&application_name=pool"+set, Config{})
		l := startLoad(t, s, 10)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := s.Runs(t.Context(), store.Filter{}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		most := 0
		for range 10 {
			l.wait(t, 5)
			most = max(most, valueAt[int](t, c.DSN(t, "postgres"), `SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'pool'`))
		}
		close(stop)
		wg.Wait()
		l.check(t)
		if most != want {
			t.Errorf("%q: %d connections, want %d", set, most, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A server that has no connection to spare just now is waited for.
func TestPostgresTooManyConnections(t *testing.T) {
	c := servers.Cluster(t)
	few, database := c.Name("few"), c.Name("crowded")
	dsn := c.DSN(t, database)
	if err := c.Exec("postgres", "CREATE ROLE "+few+" LOGIN CONNECTION LIMIT 1", "ALTER DATABASE "+database+" OWNER TO "+few); err != nil {
		t.Fatal(err)
	}
	dsn = strings.Replace(dsn, "postgres@", few+"@", 1)
	taken, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dsn, Config{Patience: 50 * time.Millisecond})
	refused(t, err, "the database server has no free connection")
	time.AfterFunc(50*time.Millisecond, func() { taken.Close(context.Background()) })
	if err := openDSN(t, dsn, Config{}).Close(); err != nil {
		t.Error(err)
	}
}

// Many programs write to one database: none is refused, none overwrites another's.
func TestPostgresPrograms(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	const programs = 4
	var all [programs]*Store
	var loads [programs]*load
	var ids []run.ID
	for i := range all {
		all[i] = openDSN(t, dsn, Config{})
		loads[i] = startLoad(t, all[i], 3)
		for _, e := range loads[i].engines {
			ids = append(ids, e.lease.Run)
		}
	}
	const each = 10
	var wg sync.WaitGroup
	for i, s := range all { // everybody asks something of everybody's runs, in orders of their own
		for n := range ids {
			id := ids[(n*7+i*5)%len(ids)]
			wg.Go(func() {
				for k := range each {
					if err := s.Request(t.Context(), id, store.Request{Kind: store.CancelJob, Job: run.JobID(fmt.Sprint(i, " ", k))}); err != nil {
						t.Error(err)
					}
					if err := s.AddOverrides(t.Context(), id, []run.Override{{Attempt: 1, Job: run.JobID(fmt.Sprint(i, " ", k))}}); err != nil {
						t.Error(err)
					}
					if _, err := s.CreateRun(t.Context(), store.NewRun{Hash: "shared", Workflow: []byte("w")}, store.Owner{}, 0); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	for i := range all {
		loads[i].check(t)
		for _, e := range loads[i].engines {
			taken, err := all[i].Renew(t.Context(), e.lease, time.Hour)
			overrides, oerr := all[i].Overrides(t.Context(), e.lease.Run)
			if err != nil || oerr != nil || len(taken) != programs*each || len(overrides) != programs*each {
				t.Errorf("run %d: %d requests, %v, %d overrides, %v; want %d", e.lease.Run, len(taken), err, len(overrides), oerr, programs*each)
			}
		}
	}
	runs, err := all[0].Runs(t.Context(), store.Filter{})
	if want := len(ids) + programs*len(ids)*each; err != nil || len(runs) != want {
		t.Errorf("%d runs, %v; want %d", len(runs), err, want)
	}
}

func TestPostgresManyMigrate(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	manyOpen(t, func() (*Store, error) { return Open(t.Context(), dsn, Config{}) })
}

// While one program migrates, another waits, and has done nothing yet.
func TestPostgresMigratesAlone(t *testing.T) {
	dsn := postgresDSN(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT pg_advisory_xact_lock("+fmt.Sprint(postgresLock)+")"); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		s, err := Open(context.Background(), dsn+"&application_name=alone", Config{})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	const waits = `SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND NOT l.granted AND a.application_name = 'alone')`
	for !valueAt[bool](t, dsn, waits) {
		select {
		case err := <-opened:
			t.Fatalf("it did not wait: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// postgresAt brings a schema to an older version, as an older program did.
func postgresAt(t *testing.T, dsn string, version int64) {
	t.Helper()
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	c, cfg, err := postgresConfig(dsn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := postgresDialect(c, cfg, nil)
	d.migrations, d.version, d.shape = until(t, d.migrations, version), version, ""
	s, err := connectPostgres(t.Context(), c, d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// until returns the migrations up to a version.
func until(t *testing.T, files fs.FS, version int64) fstest.MapFS {
	t.Helper()
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	some := fstest.MapFS{}
	for _, name := range names[:version] {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		some[name] = &fstest.MapFile{Data: data}
	}
	return some
}

func TestPostgresUpgrades(t *testing.T) {
	t.Parallel()
	for from := int64(1); from < postgresVersion; from++ {
		dsn := postgresDSN(t)
		postgresAt(t, dsn, from)
		sqlAt(t, dsn, `INSERT INTO runs (application, attempt, state, seq, lease_epoch) VALUES ('old', 1, 'SUCCESS', 0, 1)`,
			`INSERT INTO attempts (run_id, attempt, state, jobs_total) VALUES (1, 1, 'SUCCESS', 0)`)
		s := openDSN(t, dsn, Config{})
		if r, err := s.Run(t.Context(), 1); err != nil || r.Application != "old" {
			t.Errorf("from %d: got %+v, %v", from, r, err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("from %d: %v", from, err)
		}
		newBenchRun(t, s)
	}
}

// However far a migration got when it was cut off, the next one does all of it.
func TestPostgresMigrationCut(t *testing.T) {
	t.Parallel()
	for n := int64(1); ; n++ {
		var statements, cuts int64
		var mu sync.Mutex
		_, dsn := overWire(t, func(string) cut {
			mu.Lock()
			defer mu.Unlock()
			if statements++; statements == n {
				cuts++
				return [...]cut{before, after, during}[n%3]
			}
			return pass
		})
		s, err := Open(t.Context(), dsn, Config{})
		mu.Lock()
		cut := cuts > 0
		mu.Unlock()
		if !cut {
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			if n < 10 {
				t.Fatalf("a migration has %d statements only", n)
			}
			return
		}
		if err != nil {
			refused(t, err, "the database server does not answer")
			s, err = Open(t.Context(), dsn, Config{})
		}
		if err != nil {
			t.Fatalf("after a cut at statement %d: %v", n, err)
		}
		newBenchRun(t, s)
		if err := errors.Join(s.Check(t.Context()), s.Close()); err != nil {
			t.Errorf("after a cut at statement %d: %v", n, err)
		}
	}
}

// A page of outlines costs the same wherever it begins.
func TestPostgresPages(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	if err := openDSN(t, dsn, Config{}).Close(); err != nil {
		t.Fatal(err)
	}
	const all, page = 20_000, 100
	sqlAt(t, dsn,
		fmt.Sprintf("INSERT INTO runs (attempt, state, seq, lease_epoch) SELECT 1, 'SUCCESS', 0, 1 FROM generate_series(1, %d)", all),
		"INSERT INTO attempts (run_id, attempt, state, jobs_total) SELECT id, 1, 'SUCCESS', 0 FROM runs", "ANALYZE runs", "ANALYZE attempts")
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	q := outlineQuery(all/2, page)
	rows, err := conn.Query(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF) "+postgresText(q.text.String()), q.args...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range plan {
		var read int
		if _, after, ok := strings.Cut(line, "(actual rows="); ok {
			if _, err := fmt.Sscan(after, &read); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		if read > 2*page {
			t.Errorf("it reads %d rows for a page of %d:\n%s", read, page, strings.Join(plan, "\n"))
		}
	}
}
