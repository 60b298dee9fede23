// Package historytest writes histories as the Python program did, in each version of
// its schema, for tests.
package historytest

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver
)

// Row is the values of a row by column. Those of columns that a version lacks are left out.
type Row map[string]any

// column is one of a table, and in which versions it is there. For certain is only that
// attempt_id came with version 7 and run_summary with version 5; the others are spread
// over the versions so that each has been missing.
type column struct {
	name, declared string
	since          int
}

var summary = []column{
	{"run_id", "INTEGER", 5},
	{"attempt_id", "INTEGER DEFAULT 1", 7},
	{"application_name", "TEXT", 5},
	{"start_time", "TIMESTAMP", 5},
	{"end_time", "TIMESTAMP", 5},
	{"status", "TEXT", 5},
	{"total_jobs", "INTEGER", 5},
	{"completed_jobs", "INTEGER", 5},
	{"failed_jobs", "INTEGER", 5},
	{"skipped_jobs", "INTEGER", 5},
	{"exit_code", "INTEGER", 6},
	{"working_dir", "TEXT", 6},
	{"created_at", "TIMESTAMP DEFAULT CURRENT_TIMESTAMP", 8},
}

var jobs = []column{
	{"run_id", "INTEGER", 1},
	{"attempt_id", "INTEGER DEFAULT 1", 7},
	{"id", "TEXT", 1},
	{"description", "TEXT", 1},
	{"command", "TEXT", 1},
	{"status", "TEXT", 1},
	{"application_name", "TEXT", 2},
	{"duration_seconds", "REAL", 2},
	{"memory_usage_mb", "REAL", 3},
	{"cpu_usage_percent", "REAL", 3},
	{"retry_count", "INTEGER DEFAULT 0", 4},
	{"last_error", "TEXT", 4},
	{"retry_history", "TEXT", 4},
	{"last_run", "TIMESTAMP", 1},
}

// DB is an old history that is being written.
type DB struct {
	*sql.DB
	t       testing.TB
	version int
}

// Create makes a history of a version at path. It is closed when the test ends, or by
// Close before.
func Create(t testing.TB, path string, version int) *DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	d := &DB{db, t, version}
	d.Do("CREATE TABLE job_history (" + declare(jobs, version) + ")")
	if version >= 5 {
		d.Do("CREATE TABLE run_summary (" + declare(summary, version) + ")")
	}
	d.Do("CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMP, description TEXT, migration_hash TEXT, script_name TEXT, rollback_info TEXT)")
	d.Do("CREATE TABLE migration_history (id INTEGER PRIMARY KEY, version INTEGER)")
	for v := 1; v <= version; v++ {
		d.Do("INSERT INTO schema_version (version, applied_at) VALUES (?, '2024-01-01 00:00:00')", v)
	}
	return d
}

func declare(columns []column, version int) string {
	var all, key []string
	for _, c := range columns {
		if c.since > version {
			continue
		}
		all = append(all, c.name+" "+c.declared)
		if c.name == "run_id" || c.name == "attempt_id" || c.name == "id" {
			key = append(key, c.name)
		}
	}
	return strings.Join(all, ", ") + ", PRIMARY KEY (" + strings.Join(key, ", ") + ")"
}

// Do carries out a statement.
func (d *DB) Do(query string, args ...any) {
	d.t.Helper()
	if _, err := d.Exec(query, args...); err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
}

// Summary adds a row to run_summary, if this version has one.
func (d *DB) Summary(r Row) {
	d.t.Helper()
	if d.version >= 5 {
		d.insert("run_summary", summary, r)
	}
}

// Job adds a row to job_history.
func (d *DB) Job(r Row) {
	d.t.Helper()
	d.insert("job_history", jobs, r)
}

func (d *DB) insert(table string, columns []column, r Row) {
	d.t.Helper()
	var names []string
	var values []any
	for _, name := range slices.Sorted(maps.Keys(r)) {
		i := slices.IndexFunc(columns, func(c column) bool { return c.name == name })
		if i < 0 {
			d.t.Fatalf("%s has no column %s", table, name)
		}
		if columns[i].since <= d.version {
			names, values = append(names, name), append(values, r[name])
		}
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ")
	d.Do(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), marks), values...)
}
