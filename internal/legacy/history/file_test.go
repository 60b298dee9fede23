package history

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/legacy/history/historytest"
)

// sample adds a run that failed and was resumed where the version knows that.
func sample(d *historytest.DB) {
	d.Summary(historytest.Row{
		"run_id": 12, "application_name": "nightly", "start_time": "2024-03-01 12:00:00", "end_time": "2024-03-01 12:00:09",
		"status": "FAILED", "total_jobs": 2, "completed_jobs": 1, "failed_jobs": 1, "skipped_jobs": 0, "exit_code": 1, "working_dir": "/srv/nightly",
	})
	d.Job(historytest.Row{
		"run_id": 12, "id": "load", "description": "loads", "command": "./load", "status": "SUCCESS", "application_name": "nightly",
		"duration_seconds": 4, "memory_usage_mb": 2, "cpu_usage_percent": 50.5, "retry_count": 0, "last_run": "2024-03-01 12:00:04",
	})
	d.Job(historytest.Row{
		"run_id": 12, "id": "report", "command": "./report", "status": "ERROR", "application_name": "nightly", "duration_seconds": 1,
		"retry_count": 1, "last_error": "boom", "last_run": "2024-03-01 12:00:09",
		"retry_history": `[{"attempt": 1, "timestamp": "2024-03-01T12:00:06", "duration": 1, "success": false, "exit_code": 3, "status": "FAILED"}]`,
	})
}

// readAll returns the runs of a file and what was reported.
func readAll(t *testing.T, f *File) (all []Run, problems []string) {
	t.Helper()
	var told []Problem
	for r, err := range f.Runs(t.Context(), func(p Problem) { told = append(told, p) }) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all, toldProblems(told)
}

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(t.Context(), path, Config{})
	if err != nil {
		t.Fatalf("%v\n%s", err, fault.HintOf(err))
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// The same run, as far as each version of the schema tells of it.
func TestEachVersion(t *testing.T) {
	for version := 1; version <= Newest; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "jobs_history.db")
			sample(historytest.Create(t, path, version))
			f := open(t, path)
			if f.Version != version {
				t.Errorf("version %d", f.Version)
			}
			runs, problems := readAll(t, f)
			if len(runs) != 1 || len(problems) > 0 {
				t.Fatalf("%d runs, problems %q", len(runs), problems)
			}
			a, moreProblems := translated(t, runs[0])
			if diff := cmp.Diff(wantSample(version), told(a.Transitions)); diff != "" || len(moreProblems) > 0 {
				t.Errorf("problems %q\n%s", toldProblems(moreProblems), diff)
			}
			application, dir := "nightly", "/srv/nightly"
			if version < 2 {
				application = "unknown"
			}
			if version < 6 {
				dir = ""
			}
			if a.Run.ID != 12 || a.Run.Application != application || a.Run.WorkingDir != dir {
				t.Errorf("%+v", a.Run)
			}
		})
	}
}

func wantSample(version int) []string {
	switch {
	case version < 2: // how long a job took is not known
		return []string{
			"1 12:00:04 run PENDING QUEUED submitted",
			"1 12:00:04 run QUEUED RUNNING started",
			"1 12:00:04 load/0 PENDING QUEUED not_recorded",
			"1 12:00:04 load/1 QUEUED RUNNING started",
			"1 12:00:04 load/1 RUNNING SUCCESS exit_code exit 0",
			"1 12:00:09 report/0 PENDING QUEUED not_recorded",
			"1 12:00:09 report/1 QUEUED RUNNING started",
			"1 12:00:09 report/1 RUNNING FAILED start_failed",
			"1 12:00:09 run RUNNING FAILED job_failed",
		}
	case version < 4: // nor are retries
		return []string{
			"1 12:00:00 run PENDING QUEUED submitted",
			"1 12:00:00 run QUEUED RUNNING started",
			"1 12:00:00 load/0 PENDING QUEUED not_recorded",
			"1 12:00:00 load/1 QUEUED RUNNING started",
			"1 12:00:04 load/1 RUNNING SUCCESS exit_code exit 0",
			"1 12:00:08 report/0 PENDING QUEUED not_recorded",
			"1 12:00:08 report/1 QUEUED RUNNING started",
			"1 12:00:09 report/1 RUNNING FAILED start_failed",
			"1 12:00:09 run RUNNING FAILED job_failed",
		}
	default:
		return []string{
			"1 12:00:00 run PENDING QUEUED submitted",
			"1 12:00:00 run QUEUED RUNNING started",
			"1 12:00:00 load/0 PENDING QUEUED not_recorded",
			"1 12:00:00 load/1 QUEUED RUNNING started",
			"1 12:00:04 load/1 RUNNING SUCCESS exit_code exit 0",
			"1 12:00:05 report/0 PENDING QUEUED not_recorded",
			"1 12:00:05 report/1 QUEUED RUNNING started",
			"1 12:00:06 report/1 RUNNING FAILED exit_code exit 3 until 12:00:08",
			"1 12:00:08 report/1 FAILED QUEUED retry",
			"1 12:00:08 report/2 QUEUED RUNNING started",
			"1 12:00:09 report/2 RUNNING FAILED start_failed: boom",
			"1 12:00:09 run RUNNING FAILED job_failed",
		}
	}
}

func TestRunsInOrderOfTheirNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	d := historytest.Create(t, path, 8)
	for _, id := range []int{5, 3, 9} {
		d.Job(historytest.Row{"run_id": id, "attempt_id": 2, "id": "b", "status": "SUCCESS"})
		d.Job(historytest.Row{"run_id": id, "attempt_id": 1, "id": "a", "status": "FAILED"})
	}
	d.Summary(historytest.Row{"run_id": 4, "status": "SUCCESS"})
	d.Summary(historytest.Row{"run_id": 5, "attempt_id": 2, "status": "SUCCESS"})
	var got []string
	f := open(t, path)
	for range 2 { // it can be read again
		runs, _ := readAll(t, f)
		for _, r := range runs {
			s := fmt.Sprint(r.ID)
			for _, x := range r.Summaries {
				s += fmt.Sprintf(" #%d", x.Attempt)
			}
			for _, j := range r.Jobs {
				s += fmt.Sprintf(" %s#%d", j.ID, j.Attempt)
			}
			got = append(got, s)
		}
	}
	want := []string{"3 b#2 a#1", "4 #1", "5 #2 b#2 a#1", "9 b#2 a#1"}
	if want = slices.Concat(want, want); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range f.Runs(t.Context(), func(Problem) {}) {
		break // nothing is left open
	}
}

func TestDamagedRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	d := historytest.Create(t, path, 8)
	d.Job(historytest.Row{"run_id": nil, "id": "a", "status": "SUCCESS"})
	d.Job(historytest.Row{"run_id": "twelve", "id": "a", "status": "SUCCESS"})
	d.Job(historytest.Row{"run_id": []byte("xyz"), "id": "a", "status": "SUCCESS"})
	d.Summary(historytest.Row{"run_id": 1.5, "status": "SUCCESS"})
	d.Summary(historytest.Row{"run_id": 1, "status": "SUCCESS", "total_jobs": "many", "start_time": 17})
	d.Job(historytest.Row{"run_id": 1, "id": nil, "status": "SUCCESS", "last_run": "2024-03-01 12:00:00"})
	d.Job(historytest.Row{
		"run_id": 1, "id": "a\x00\xff", "status": []byte("FAILED"), "last_run": "2024-03-01 12:00:00", "duration_seconds": "long",
		"memory_usage_mb": -3, "retry_count": "1", "last_error": 3.5,
	})
	d.Job(historytest.Row{"run_id": 1, "attempt_id": "second", "id": "b", "status": "SUCCESS"})
	d.Job(historytest.Row{"run_id": 1, "attempt_id": 1 << 40, "id": "c", "status": nil})
	d.Job(historytest.Row{"run_id": 1, "id": "d", "status": nil, "duration_seconds": 1e300, "memory_usage_mb": []byte{1}})
	runs, problems := readAll(t, open(t, path))
	if len(runs) != 1 {
		t.Fatalf("%d runs", len(runs))
	}
	a, more := translated(t, runs[0])
	want := []string{
		`run_summary row 1: run_id is 1.5 (skipped)`,
		`job_history row 1: run_id is NULL (skipped)`,
		`job_history row 2: run_id is "twelve" (skipped)`,
		`job_history row 3: run_id is a blob of 3 bytes (skipped)`,
		`run_summary row 2 (run 1, attempt 1): total_jobs is "many"`,
		"job_history row 5 (run 1, attempt 1, job a\uFFFD\uFFFD): duration_seconds is \"long\"",
		"job_history row 5 (run 1, attempt 1, job a\uFFFD\uFFFD): memory_usage_mb is -3",
		`job_history row 8 (run 1, attempt 1, job d): duration_seconds is 1e+300`,
		`job_history row 8 (run 1, attempt 1, job d): memory_usage_mb is a blob of 1 bytes`,
		`job_history row 4 (run 1, attempt 1): id is empty (skipped)`,
		`job_history row 6 (run 1, job b): attempt_id is no number that an attempt can have (skipped)`,
		`job_history row 7 (run 1, job c): attempt_id is no number that an attempt can have (skipped)`,
		`job_history row 8 (run 1, attempt 1, job d): status "" is unknown (skipped)`,
		`run_summary row 2 (run 1, attempt 1): start_time: "17" is no time`,
	}
	if diff := cmp.Diff(want, slices.Concat(problems, toldProblems(more))); diff != "" {
		t.Error(diff)
	}
	wantTold := []string{
		"1 12:00:00 run PENDING QUEUED submitted",
		"1 12:00:00 run QUEUED RUNNING started",
		"1 12:00:00 a\uFFFD\uFFFD/0 PENDING QUEUED not_recorded",
		"1 12:00:00 a\uFFFD\uFFFD/1 QUEUED RUNNING started",
		"1 12:00:00 a\uFFFD\uFFFD/1 RUNNING FAILED not_recorded: 3.5",
		"1 12:00:00 run RUNNING SUCCESS not_recorded",
	}
	if diff := cmp.Diff(wantTold, told(a.Transitions)); diff != "" {
		t.Error(diff)
	}
}

// files returns the names and content of a directory, and when they were changed. Of the
// index that programs share with each other only the name counts.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Name(), "-shm") {
			all = append(all, e.Name())
			continue
		}
		all = append(all, fmt.Sprintf("%s %x %s", e.Name(), sha256.Sum256(b), info.ModTime()))
	}
	return all
}

// copyParts copies a database with what stands beside it, but for the index of its log.
func copyParts(t *testing.T, from, to string) {
	t.Helper()
	n := 0
	for _, part := range parts {
		b, err := os.ReadFile(from + part)
		if err != nil {
			continue
		}
		n++
		if err := os.WriteFile(to+part, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 {
		t.Fatalf("%d parts", n)
	}
}

// An old program that was killed, or still lives, leaves more than one file. All is
// read as it was committed, and nothing is changed or left beside it.
func TestWhatStandsBesideIt(t *testing.T) {
	const commit = `INSERT INTO job_history (run_id, id, status) VALUES (1, 'committed', 'SUCCESS')`
	tests := []struct {
		name       string
		statements []string
		kill, copy bool
	}{
		{"killed in a transaction", []string{commit, "PRAGMA cache_size = 1", "BEGIN IMMEDIATE", fill200, "UPDATE job_history SET status = 'FAILED'"}, true, false},
		{"copied with its journal", []string{commit, "PRAGMA cache_size = 1", "BEGIN IMMEDIATE", fill200, "UPDATE job_history SET status = 'FAILED'"}, true, true},
		{"killed with a write-ahead log", []string{"PRAGMA journal_mode = WAL", commit}, true, false},
		{"copied with its write-ahead log", []string{"PRAGMA journal_mode = WAL", commit}, true, true},
		{"alive with a write-ahead log", []string{"PRAGMA journal_mode = WAL", commit}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "old.db")
			_ = historytest.Create(t, path, 8).Close()
			kill := startOldProgram(t, path, tt.statements...)
			if tt.kill {
				kill()
			}
			if tt.copy {
				other := filepath.Join(t.TempDir(), "copy.db")
				copyParts(t, path, other)
				dir, path = filepath.Dir(other), other
			}
			t.Setenv("TMPDIR", t.TempDir())
			before := files(t, dir)
			f, err := Open(t.Context(), path, Config{})
			if err != nil {
				t.Fatal(err)
			}
			runs, _ := readAll(t, f)
			if len(runs) != 1 || len(runs[0].Jobs) != 1 || runs[0].Jobs[0].Status != "SUCCESS" {
				t.Errorf("read %+v", runs)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(before, files(t, dir)); diff != "" {
				t.Error(diff)
			}
			if left := files(t, os.TempDir()); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// fill200 adds so much that it does not stay in memory.
const fill200 = `INSERT INTO job_history (run_id, id, status, last_error)
	WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, 'x', 'SUCCESS', hex(zeroblob(2000)) FROM n`

func TestFileIsNotChanged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "old.db")
	d := historytest.Create(t, path, 8)
	sample(d)
	_ = d.Close()
	for _, mode := range []os.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		link := filepath.Join(t.TempDir(), "link.db")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		f := open(t, link)
		if _, err := f.tx.Exec("DELETE FROM job_history"); err == nil {
			t.Error("it could be changed")
		}
		if runs, _ := readAll(t, f); len(runs) != 1 {
			t.Errorf("%d runs", len(runs))
		}
		if diff := cmp.Diff(before, files(t, dir)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	make8 := func(name string, statements ...string) string {
		path := filepath.Join(dir, name)
		d := historytest.Create(t, path, 8)
		for _, s := range statements {
			d.Do(s)
		}
		_ = d.Close()
		return path
	}
	whole := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	big := whole(make8("big.db", fill200))
	tests := []struct {
		name, path string
		code       fault.Code
		message    string
	}{
		{"missing", filepath.Join(dir, "nothing.db"), fault.NotFound, "there is no file " + dir + "/nothing.db"},
		{"a directory", dir, fault.Unavailable, "is a directory"},
		{"a device", os.DevNull, fault.Unavailable, "is not a file"},
		{"empty", write("empty.db", nil), fault.Unavailable, "is empty"},
		{"text", write("text.db", []byte(strings.Repeat("x", 5000))), fault.Unavailable, "is not a SQLite database"},
		{"the first bytes", write("short.db", big[:60]), fault.Unavailable, "is not a SQLite database"},
		{"truncated", write("truncated.db", big[:len(big)/2]), fault.Unavailable, "the old history is damaged"},
		{"ours", make8("ours.db", "PRAGMA application_id = 1165518179"), fault.Unavailable, "is a history of this program, which needs no import"},
		{"foreign", make8("foreign.db", "DROP TABLE job_history", "DROP TABLE run_summary"), fault.Unavailable, "is the database of another program: it has no table job_history"},
		{"newer", make8("newer.db", "INSERT INTO schema_version (version) VALUES (9)"), fault.Unavailable, "the history has version 9 of the schema; versions 1 to 8 are known"},
		{"no id", make8("noid.db", "ALTER TABLE job_history RENAME COLUMN id TO name"), fault.Unavailable, "its table job_history has no column id"},
		{"no status", make8("nostatus.db", "ALTER TABLE run_summary DROP COLUMN status"), fault.Unavailable, "its table run_summary has no column status"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Open(t.Context(), tt.path, Config{})
			if err == nil {
				for _, err = range f.Runs(t.Context(), func(Problem) {}) {
					if err != nil {
						break
					}
				}
				_ = f.Close()
			}
			if fault.CodeOf(err) != tt.code || !strings.Contains(fmt.Sprint(err), tt.message) {
				t.Errorf("%s: %v", fault.CodeOf(err), err)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	path := filepath.Join(t.TempDir(), "old.db")
	_ = historytest.Create(t, path, 8).Close()
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Config{}); fault.CodeOf(err) != fault.Unavailable {
		t.Error(err)
	}
}

// What the schema calls its version does not matter as long as the rows can be read.
func TestUnusualSchemas(t *testing.T) {
	for name, statements := range map[string][]string{
		"no version":     {"DROP TABLE schema_version"},
		"no version row": {"DELETE FROM schema_version"},
		"version text":   {"DROP TABLE schema_version", "CREATE TABLE schema_version (version)", "INSERT INTO schema_version VALUES ('new')"},
		"without rowid": {
			"CREATE TABLE j (run_id INTEGER, attempt_id INTEGER, id TEXT, status TEXT, last_run TEXT, PRIMARY KEY (run_id, attempt_id, id)) WITHOUT ROWID",
			"INSERT INTO j SELECT run_id, attempt_id, id, status, last_run FROM job_history", "DROP TABLE job_history", "ALTER TABLE j RENAME TO job_history",
		},
		"a view":      {"ALTER TABLE job_history RENAME TO j", "CREATE VIEW job_history AS SELECT * FROM j"},
		"capitals":    {"ALTER TABLE job_history RENAME COLUMN status TO Status"},
		"no job rows": {"ALTER TABLE job_history RENAME TO j"},
		"no summary":  {"DROP TABLE run_summary"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "old.db")
			d := historytest.Create(t, path, 8)
			sample(d)
			for _, s := range statements {
				d.Do(s)
			}
			f := open(t, path)
			runs, problems := readAll(t, f)
			if len(runs) != 1 || len(problems) > 0 {
				t.Fatalf("%d runs, %q", len(runs), problems)
			}
			a, _ := translated(t, runs[0])
			if a.Run.Attempt.State.String() != "FAILED" {
				t.Errorf("%+v", a.Run)
			}
		})
	}
}

func TestEmptyHistory(t *testing.T) {
	for version := 1; version <= Newest; version++ {
		path := filepath.Join(t.TempDir(), "old.db")
		historytest.Create(t, path, version)
		if runs, problems := readAll(t, open(t, path)); len(runs)+len(problems) > 0 {
			t.Errorf("version %d: %v, %q", version, runs, problems)
		}
	}
}

func TestLockedByAnotherProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	d := historytest.Create(t, path, 8)
	sample(d)
	_ = d.Close()
	kill := startOldProgram(t, path, "BEGIN EXCLUSIVE")
	_, err := Open(t.Context(), path, Config{Patience: 10 * time.Millisecond})
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(fmt.Sprint(err), "the old history is locked by another program") || fault.HintOf(err) == "" {
		t.Fatal(err)
	}
	kill()
	if runs, _ := readAll(t, open(t, path)); len(runs) != 1 {
		t.Errorf("%d runs", len(runs))
	}
}

func TestInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	sample(historytest.Create(t, path, 8))
	f := open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range f.Runs(ctx, func(Problem) {}) {
		if fault.CodeOf(err) != fault.Cancelled {
			t.Error(err)
		}
	}
	if _, err := Open(ctx, path, Config{}); fault.CodeOf(err) != fault.Cancelled {
		t.Error(err)
	}
}
