package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
	"github.com/executionerhq/executioner/internal/store/sqlstore/pagesum"
)

const (
	jobs  = 20    // of each run
	chunk = 10000 // runs that are copied in one transaction
	apps  = 50    // applications
)

// histories measures what is asked of a long history.
func (s *suite) histories() error {
	if s.wants("history sqlite") {
		path := filepath.Join(s.dir, "long.db")
		err := s.history("SQLite", path, func(fill func(execute) error) error { return fillSQLite(path, fill) })
		if err != nil {
			return err
		}
		_ = os.Remove(path)
	}
	if !s.wants("history postgres") {
		return nil
	}
	return withPostgres(func(dsn string, exec execute) error {
		return s.history("PostgreSQL", dsn, func(fill func(execute) error) error { return fillPostgres(exec, fill) })
	}, "shared_buffers=256MB", "max_wal_size=4GB", "wal_level=minimal", "max_wal_senders=0", "synchronous_commit=off")
}

// fillSQLite has fill run statements in a file, as another program would that knows its
// checksums. Nothing could be undone, and nobody else may look meanwhile.
func fillSQLite(path string, fill func(execute) error) (err error) {
	vfs, err := pagesum.Register()
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?"+url.Values{"vfs": {vfs}}.Encode())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	exec := func(statements ...string) error {
		for _, text := range statements {
			if _, err := db.Exec(text); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
		return nil
	}
	err = exec("PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000", "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = OFF",
		"PRAGMA ignore_check_constraints = ON")
	if err != nil {
		return err
	}
	if err := fill(exec); err != nil {
		return err
	}
	return exec("PRAGMA locking_mode = NORMAL", "PRAGMA journal_mode = WAL")
}

// fillPostgres has fill run statements, and then lets the server look at what it has.
func fillPostgres(exec execute, fill func(execute) error) error {
	if err := fill(exec); err != nil {
		return err
	}
	return exec("SELECT setval(pg_get_serial_sequence('runs', 'id'), (SELECT MAX(id) FROM runs))", "VACUUM ANALYZE", "CHECKPOINT")
}

// history fills a database and asks.
func (s *suite) history(name, dsn string, filling func(func(execute) error) error) error {
	if err := s.templates(dsn); err != nil {
		return err
	}
	began := time.Now()
	if err := filling(s.fill); err != nil {
		return err
	}
	size, err := sizeOf(dsn)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d runs of %d jobs, %d with their transitions, %.1f GB, filled in %v.\n\n",
		name, s.runs, jobs, min(s.told, s.runs), float64(size)/1e9, time.Since(began).Round(time.Second))
	fmt.Println("| ms | database open: median | slowest | the command: median | slowest |\n| --- | --- | --- | --- | --- |")
	if err := s.opening(dsn); err != nil {
		return err
	}
	return s.questions(dsn)
}

// fill copies the templates. They are read from tables of their own, which stay small.
func (s *suite) fill(exec execute) error {
	tables := []string{"runs", "attempts", "transitions"}
	for _, table := range tables {
		key := "run_id"
		if table == "runs" {
			key = "id"
		}
		if err := exec("CREATE TABLE one_"+table+" AS SELECT * FROM "+table, "CREATE INDEX one_of_"+table+" ON one_"+table+" ("+key+")"); err != nil {
			return err
		}
	}
	for from := 3; from <= s.runs; from += chunk {
		to := min(from+chunk-1, s.runs)
		statements := copies(from, to, s.runs)
		if middle := s.runs / 2; to < middle-s.told/2 || from > middle+s.told/2 {
			statements = statements[:2]
		}
		if err := exec(statements...); err != nil {
			return err
		}
	}
	for _, table := range tables {
		if err := exec("DROP TABLE one_" + table); err != nil {
			return err
		}
	}
	return exec("DELETE FROM run_blocks", `INSERT INTO run_blocks (first_id, min_us, max_us)
		SELECT id - id % 1000, MIN(submitted_at_us), MAX(submitted_at_us) FROM runs GROUP BY id - id % 1000`)
}

func sizeOf(dsn string) (size int64, err error) {
	err = withStore(dsn, "", func(st *sqlstore.Store) error {
		stats, err := st.Stats(context.Background())
		size = stats.Bytes
		return err
	})
	return size, err
}

// templates records two runs with the program: the first succeeds, the second fails.
func (s *suite) templates(dsn string) error {
	for _, command := range []string{"true", "false"} {
		var all []map[string]any
		for i := range jobs {
			j := map[string]any{"id": fmt.Sprintf("load_customers_%d", i), "command": "true"}
			if i%5 > 0 { // four chains
				j["dependencies"] = []string{fmt.Sprintf("load_customers_%d", i-1)}
			}
			if i == jobs-2 {
				j["command"] = command
			}
			all = append(all, j)
		}
		text, err := json.Marshal(map[string]any{"working_dir": s.dir, "log_dir": s.dir, "jobs": all})
		if err != nil {
			return err
		}
		file := filepath.Join(s.dir, "nightly.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
		if out, err := s.ask(dsn, "run", file, "--quiet"); (err == nil) != (command == "true") {
			return fmt.Errorf("the run of %s: %w\n%s", command, err, out)
		}
	}
	return nil
}

// copies returns the statements that copy the templates to runs from to to, of last, a
// minute apart, one of seventy failed. The last statement copies the transitions.
func copies(from, to, last int) []string {
	began := time.Now().Add(-time.Duration(last) * time.Minute).UnixMicro()
	n := fmt.Sprintf("WITH RECURSIVE n (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", from, to)
	at := func(column string) string {
		return fmt.Sprintf("%s - r.submitted_at_us + %d + i * CAST(60000000 AS BIGINT)", column, began)
	}
	columns := func(prefix string, names ...string) string { return prefix + strings.Join(names, ", "+prefix) }
	const source = " FROM n JOIN one_runs r ON r.id = CASE WHEN i % 70 = 7 THEN 2 ELSE 1 END "
	head := []string{"file", "working_dir", "attempt", "state", "seq", "lease_epoch"}
	attempt := []string{"attempt", "state", "reason", "detail", "hash", "options", "jobs_total", "jobs_running", "jobs_succeeded", "jobs_failed", "jobs_skipped", "jobs_cancelled"}
	transition := []string{
		"seq", "attempt", "job", "try_no", "from_state", "to_state", "reason", "cause", "detail", "until_us", "exit_code", "signal_no",
		"cpu_us", "max_rss", "output_bytes", "dropped_bytes", "survivors", "out_state", "out_reason", "out_detail",
	}
	return []string{
		n + "INSERT INTO runs (id, application, submitted_at_us, " + columns("", head...) + ") SELECT i, 'app' || (i % " + strconv.Itoa(apps) + "), " +
			at("r.submitted_at_us") + ", " + columns("r.", head...) + source,
		n + "INSERT INTO attempts (run_id, created_at_us, started_at_us, ended_at_us, " + columns("", attempt...) + ") SELECT i, " +
			at("a.created_at_us") + ", " + at("a.started_at_us") + ", " + at("a.ended_at_us") + ", " + columns("a.", attempt...) +
			source + "JOIN one_attempts a ON a.run_id = r.id",
		n + "INSERT INTO transitions (run_id, at_us, " + columns("", transition...) + ") SELECT i, " + at("t.at_us") + ", " +
			columns("t.", transition...) + source + "JOIN one_transitions t ON t.run_id = r.id",
	}
}

// opening shows how long it takes to open the database in a program.
func (s *suite) opening(dsn string) error {
	var took []time.Duration
	for range s.rounds {
		began := time.Now()
		err := withStore(dsn, "", func(*sqlstore.Store) error {
			took = append(took, time.Since(began))
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(took)
	fmt.Printf("| to open the database %s | |\n", cells(took))
	return nil
}

// question is what people ask: with a command, or of a program that has the database open.
type question struct {
	argv []string
	ask  func(context.Context, *sqlstore.Store) error // nil where there is no such
}

// listing is the question for runs.
func listing(f store.Filter, argv ...string) question {
	if f.Limit == 0 {
		f.Limit = 20
	}
	return question{append([]string{"runs", "list"}, argv...), func(ctx context.Context, st *sqlstore.Store) error {
		_, err := st.Runs(ctx, f)
		return err
	}}
}

// reading is a question that takes all that is recorded of a run.
func reading(id int, argv ...string) question {
	return question{argv, func(ctx context.Context, st *sqlstore.Store) error {
		_, err := st.Export(ctx, run.ID(id))
		return err
	}}
}

// questions shows how long it takes to get an answer: from a program that has the
// database open, and from a command, from its start to its end.
func (s *suite) questions(dsn string) error {
	return withStore(dsn, "", func(st *sqlstore.Store) error {
		for _, q := range s.allQuestions() {
			inside := "| | |"
			if q.ask != nil {
				took, err := s.repeat(func() error { return q.ask(context.Background(), st) })
				if err != nil {
					return err
				}
				inside = cells(took)
			}
			took, err := s.repeat(func() error {
				out, err := s.ask(dsn, q.argv...)
				if err != nil {
					return fmt.Errorf("%s: %w\n%s", strings.Join(q.argv, " "), err, out)
				}
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Printf("| `%s` %s%s\n", strings.Join(q.argv, " "), inside, cells(took)[1:])
		}
		fmt.Println()
		return nil
	})
}

func (s *suite) allQuestions() []question {
	mid := s.runs / 2 / 70 * 70 // it succeeded, and the seventh after it failed
	middle, bad := strconv.Itoa(mid), strconv.Itoa(mid+7)
	back := func(percent int) (time.Time, string) { // so far of the history
		at := time.Now().Add(-time.Duration(s.runs/100*percent) * time.Minute).Truncate(time.Minute)
		return at, at.Format("2006-01-02 15:04")
	}
	half, halfText := back(50)
	before, beforeText := back(51)
	yesterday := time.Now().Add(-24 * time.Hour)
	failed, timeout := []run.State{run.Failed}, []run.State{run.Timeout}
	return []question{
		{[]string{"version"}, nil}, // opens nothing
		listing(store.Filter{}),
		listing(store.Filter{Limit: 100}, "--limit", "100"),
		listing(store.Filter{Before: run.ID(mid)}, "--before", middle),
		listing(store.Filter{Application: "app7"}, "--application", "app7"),
		listing(store.Filter{Application: "none"}, "--application", "none"),
		listing(store.Filter{States: failed}, "--state", "failed"),
		listing(store.Filter{States: []run.State{run.Running}}, "--state", "running"),
		listing(store.Filter{States: []run.State{run.Success}, Before: run.ID(mid)}, "--state", "success", "--before", middle),
		listing(store.Filter{Application: "app7", States: failed}, "--application", "app7", "--state", "failed"),
		listing(store.Filter{Application: "app7", States: timeout}, "--application", "app7", "--state", "timeout"),
		listing(store.Filter{Since: yesterday}, "--since", "24h"),
		listing(store.Filter{Since: yesterday, States: failed}, "--since", "24h", "--state", "failed"),
		listing(store.Filter{Since: half}, "--since", halfText),
		listing(store.Filter{Since: half, Application: "app7", States: timeout}, "--since", halfText, "--application", "app7", "--state", "timeout"),
		listing(store.Filter{Until: half}, "--until", halfText),
		listing(store.Filter{Until: half, States: failed}, "--until", halfText, "--state", "failed"),
		listing(store.Filter{Until: half, Application: "app7"}, "--until", halfText, "--application", "app7"),
		listing(store.Filter{Since: before, Until: half}, "--since", beforeText, "--until", halfText),
		reading(mid, "runs", "show", middle),
		reading(mid+7, "explain", bad),
		{[]string{"runs", "show", "@latest"}, nil},
		{[]string{"explain", bad, "load_customers_18"}, nil},
		{[]string{"db", "status"}, nil},
		{[]string{"db", "prune", "--dry-run", "--older-than", "36500d"}, nil},
	}
}

// repeat does something often and returns how long it took, the shortest first.
func (s *suite) repeat(do func() error) (took []time.Duration, err error) {
	for range s.rounds {
		began := time.Now()
		if err := do(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		if len(took) == 3 && took[0] > time.Second {
			break
		}
	}
	slices.Sort(took)
	return took, nil
}

// cells are the median and the longest.
func cells(took []time.Duration) string {
	return fmt.Sprintf("| %.1f | %.1f |", took[len(took)/2].Seconds()*1e3, took[len(took)-1].Seconds()*1e3)
}

// ask runs the program.
func (s *suite) ask(dsn string, argv ...string) (out []byte, err error) {
	cmd := exec.Command(s.program, argv...)
	cmd.Env = append(os.Environ(), "EXECUTIONER_DATABASE="+dsn, "EXECUTIONER_KEEP_DAYS=0", "EXECUTIONER_KEEP_FAILED_DAYS=0", "EXECUTIONER_KEEP_RUNS=0")
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	return b.Bytes(), err
}
