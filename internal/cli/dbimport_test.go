package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/history"
	legacy "github.com/executionerhq/executioner/internal/legacy/history"
	"github.com/executionerhq/executioner/internal/legacy/history/historytest"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

// importer is a program that imports into a history in memory.
type importer struct {
	*testing.T
	to      archives // nil: there is no history yet
	out     bytes.Buffer
	signals chan os.Signal
	environ []string
	created bool
}

// run carries out db import-legacy and returns the exit code, and what it told.
func (i *importer) run(args ...string) (int, string) {
	i.out.Reset()
	if i.signals == nil {
		i.signals = make(chan os.Signal, 1)
	}
	c := &command{Program: Program{
		Out: &i.out, Err: &i.out, Environ: i.environ, Signals: func() (<-chan os.Signal, func()) { return i.signals, func() {} },
	}}
	cmd := c.dbImportCommand(func(_ *cobra.Command, create bool) (archives, func() error, error) {
		i.created = i.created || create
		return i.to, func() error { return nil }, nil
	})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(i.Context())
	code := c.report(err)
	return code, strings.ReplaceAll(i.out.String(), i.TempDir(), "DIR")
}

func (i *importer) json(args ...string) (int, map[string]any) {
	i.Helper()
	code, text := i.run(append(args, "--json")...)
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		i.Fatalf("%v: %s", err, text)
	}
	delete(v, "file")
	return code, v
}

// oldRun adds a run of one job.
func oldRun(d *historytest.DB, id any, status string, attempts int) {
	for n := 1; n <= attempts; n++ {
		d.Summary(historytest.Row{
			"run_id": id, "attempt_id": n, "application_name": "app", "start_time": fmt.Sprintf("2024-07-0%d 12:00:00", n),
			"end_time": fmt.Sprintf("2024-07-0%d 12:00:09", n), "status": status, "working_dir": "/srv",
		})
		d.Job(historytest.Row{
			"run_id": id, "attempt_id": n, "id": "a", "command": "true", "status": status, "application_name": "app",
			"duration_seconds": 1, "last_run": fmt.Sprintf("2024-07-0%d 12:00:09", n),
		})
	}
}

func newOld(t *testing.T) (*historytest.DB, string) {
	path := filepath.Join(t.TempDir(), "jobs_history.db")
	return historytest.Create(t, path, 8), path
}

func newImporter(t *testing.T) (*importer, *memstore.Store) {
	st := memstore.New()
	return &importer{T: t, to: st}, st
}

// taken adds a run that was made here.
func taken(t *testing.T, st *memstore.Store, application string) run.ID {
	t.Helper()
	l, err := st.CreateRun(t.Context(), store.NewRun{Application: application, Hash: "h", Workflow: []byte("w")}, store.Owner{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return l.Run
}

func runsIn(t *testing.T, st *memstore.Store) (all []string) {
	t.Helper()
	found, err := st.Runs(t.Context(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		all = append(all, fmt.Sprintf("%d %s %s %s", r.ID, r.Application, r.Attempt.State, r.SubmittedAt.Format("2006-01-02 15:04")))
	}
	return all
}

func TestImport(t *testing.T) {
	d, path := newOld(t)
	oldRun(d, 2, "SUCCESS", 1)
	oldRun(d, 7, "FAILED", 2)
	i, st := newImporter(t)
	code, text := i.run(path, "--time-zone", "Europe/Vienna")
	want := path + `, schema version 8, times in Europe/Vienna
  runs imported      2
  runs already here  0
  runs skipped       0
  rows read          6
  damaged            0

see them: executioner runs list
`
	if code != 0 || text != want {
		t.Errorf("code %d\n%s", code, cmp.Diff(want, text))
	}
	wantRuns := []string{"7 app FAILED 2024-07-01 10:00", "2 app SUCCESS 2024-07-01 10:00"}
	if diff := cmp.Diff(wantRuns, runsIn(t, st)); diff != "" {
		t.Error(diff)
	}
	if id := taken(t, st, "new"); id != 8 {
		t.Errorf("the next run is %d", id)
	}

	code, text = i.run(path)
	if !strings.Contains(text, "this machine's time zone\n  runs imported      0\n  runs already here  2\n") || code != 0 {
		t.Errorf("code %d\n%s", code, text)
	}
	if n := len(runsIn(t, st)); n != 3 {
		t.Errorf("%d runs", n)
	}
}

// Old runs whose number is taken get another, but never one that an old run keeps.
func TestImportBesideOtherRuns(t *testing.T) {
	d, path := newOld(t)
	for _, id := range []int64{0, 1, 2, 3, 4, 1 << 50} {
		oldRun(d, id, "SUCCESS", 1)
	}
	i, st := newImporter(t)
	taken(t, st, "here")
	taken(t, st, "here")
	code, text := i.run(path)
	if want := "\nold run 0 is run 5 here\nold run 1 is run 6 here\nold run 2 is run 7 here\nold run 1125899906842624 is run 8 here\n\nsee them"; code != 0 || !strings.Contains(text, want) {
		t.Errorf("code %d\n%s", code, text)
	}
	// The mapping can be had again, by the origin that is kept.
	code, v := i.json(path)
	want := map[string]any{
		"schema_version": 8.0, "time_zone": "Local", "dry_run": false, "rows": 12.0,
		"runs":    map[string]any{"imported": 0.0, "already_here": 6.0, "skipped": 0.0},
		"numbers": []any{newIs(0, 5), newIs(1, 6), newIs(2, 7), newIs(1<<50, 8)}, "continued": []any{}, "damaged": []any{},
	}
	if diff := cmp.Diff(want, v); code != 0 || diff != "" {
		t.Errorf("code %d\n%s", code, diff)
	}
}

func newIs(old, id float64) map[string]any { return map[string]any{"old": old, "run": id} }

func TestImportDryRun(t *testing.T) {
	d, path := newOld(t)
	for id := range 4 {
		oldRun(d, id+1, "SUCCESS", 1)
	}
	i, st := newImporter(t)
	taken(t, st, "here")
	dry := func(imported, already float64, numbers ...any) map[string]any {
		return map[string]any{
			"schema_version": 8.0, "time_zone": "UTC", "dry_run": true, "rows": 8.0,
			"runs":    map[string]any{"imported": imported, "already_here": already, "skipped": 0.0},
			"numbers": append([]any{}, numbers...), "continued": []any{}, "damaged": []any{},
		}
	}
	check := func(want map[string]any) {
		t.Helper()
		before := runsIn(t, st)
		code, v := i.json(path, "--dry-run", "--time-zone", "UTC")
		if diff := cmp.Diff(want, v); code != 0 || diff != "" {
			t.Errorf("code %d\n%s", code, diff)
		}
		if diff := cmp.Diff(before, runsIn(t, st)); diff != "" || i.created {
			t.Errorf("something was written: %s", diff)
		}
	}
	check(dry(4, 0, newIs(1, 0)))
	_, text := i.run(path, "--dry-run")
	if !strings.Contains(text, "  runs to import     4\n") || !strings.Contains(text, "\nold run 1 would get another number\n") || strings.Contains(text, "see them") {
		t.Error(text)
	}
	if code, text := i.run(path); code != 0 {
		t.Fatal(text)
	}
	i.created = false
	check(dry(0, 4, newIs(1, 5)))
	i.to = nil // there is no history
	check(dry(4, 0))
}

func TestImportOfDamagedRows(t *testing.T) {
	d, path := newOld(t)
	oldRun(d, 1, "SUCCESS", 1)
	d.Job(historytest.Row{"run_id": 2, "id": "b", "status": "LOST IT", "last_run": "2024-07-01 12:00:00"})
	for range 25 {
		d.Job(historytest.Row{"run_id": nil, "id": "b", "status": "SUCCESS"})
	}
	d.Do("UPDATE job_history SET retry_history = 'x\x1b[31m' WHERE run_id = 1")
	i, st := newImporter(t)
	code, text := i.run(path)
	for _, want := range []string{
		"  runs imported       1\n  runs already here   0\n  runs skipped        1\n  rows read          28\n  damaged            28\n",
		"\n\ndamaged\n  job_history row 3: left out: run_id is NULL\n",
		"\n  job_history row 22: left out: run_id is NULL\n  and 8 more: --json tells all\n\nsee them",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if code != 1 || len(runsIn(t, st)) != 1 {
		t.Errorf("code %d, %q", code, runsIn(t, st))
	}
	code, v := i.json(path)
	damaged := v["damaged"].([]any)
	wantLast := []any{
		map[string]any{"table": "job_history", "row": 1.0, "run": 1.0, "attempt": 1.0, "job": "a", "skipped": false, "reason": "retry_history is not JSON: invalid character 'x' looking for beginning of value"},
		map[string]any{"table": "job_history", "row": 2.0, "run": 2.0, "attempt": 1.0, "job": "b", "skipped": true, "reason": `status "LOST IT" is unknown`},
		map[string]any{"run": 2.0, "skipped": true, "reason": "none of its rows can be used"},
	}
	if diff := cmp.Diff(wantLast, damaged[25:]); diff != "" || code != 1 {
		t.Errorf("code %d\n%s", code, diff)
	}
}

// However old they are, imported runs stay until somebody asks for their end.
func TestImportedRunsStay(t *testing.T) {
	d, path := newOld(t)
	for id := range 12 {
		oldRun(d, id+1, "SUCCESS", 1)
	}
	i, st := newImporter(t)
	if code, text := i.run(path); code != 0 {
		t.Fatalf("code %d\n%s", code, text)
	}
	for _, c := range []struct {
		imported bool
		want     history.Pruned
	}{{false, history.Pruned{Left: 12}}, {true, history.Pruned{Runs: 2, Left: 10}}} {
		r := history.Usual()
		r.Imported = c.imported
		got, err := history.Prune(t.Context(), st, history.Pruning{Retention: r, Now: time.Now()})
		if err != nil || got != c.want {
			t.Errorf("imported %v: got %+v, %v, want %+v", c.imported, got, err, c.want)
		}
	}
}

// What the old program did to a run after it was imported is told, not taken over.
func TestImportOfRunThatWentOn(t *testing.T) {
	d, path := newOld(t)
	oldRun(d, 3, "FAILED", 1)
	i, st := newImporter(t)
	if code, text := i.run(path); code != 0 {
		t.Fatal(text)
	}
	d.Do("UPDATE job_history SET attempt_id = 2 WHERE run_id = 3")
	d.Do("INSERT INTO run_summary (run_id, attempt_id, status, start_time) VALUES (3, 2, 'SUCCESS', '2024-08-01 12:00:00')")
	code, text := i.run(path)
	want := "\nrun 3 stays as it is, with 1 attempt; the old program went on with it, to 2 attempts\n"
	if code != 0 || !strings.Contains(text, want) {
		t.Errorf("code %d\n%s", code, text)
	}
	if got := runsIn(t, st); len(got) != 1 || !strings.HasPrefix(got[0], "3 app FAILED") {
		t.Errorf("%q", got)
	}
}

// failing is a history that works for a while.
type failing struct {
	archives
	works int
}

var errFull = fault.New(fault.Unavailable, "the disk is full")

func (f *failing) Import(ctx context.Context, a store.Archive) (run.ID, bool, error) {
	if f.works--; f.works < 0 {
		return 0, false, errFull
	}
	return f.archives.Import(ctx, a)
}

func TestImportThatFailsHalfway(t *testing.T) {
	d, path := newOld(t)
	for id := range 5 {
		oldRun(d, id+1, "SUCCESS", 1)
	}
	i, st := newImporter(t)
	taken(t, st, "here")
	for _, tt := range []struct {
		works int // of these the first finds that the number of run 1 is taken
		want  string
	}{
		{3, "  runs imported      2\n  runs already here  0\n"},
		{4, "  runs imported       1\n  runs already here   2\n"},
		{5, "  runs imported       1\n  runs already here   3\n"}, // run 1 is left
	} {
		i.to = &failing{st, tt.works}
		code, text := i.run(path)
		if code != 6 || !strings.Contains(text, tt.want) || !strings.HasSuffix(text, "executioner: the disk is full\n") {
			t.Errorf("code %d\n%s", code, text)
		}
	}
	i.to = st
	if code, text := i.run(path); code != 0 || len(runsIn(t, st)) != 6 {
		t.Errorf("code %d\n%s", code, text)
	}
}

func TestImportInterrupted(t *testing.T) {
	d, path := newOld(t)
	oldRun(d, 1, "SUCCESS", 1)
	i, st := newImporter(t)
	i.signals = make(chan os.Signal, 1)
	i.to = &interrupting{st, i.signals}
	code, text := i.run(path)
	if code != 130 || !strings.Contains(text, "interrupted") {
		t.Errorf("code %d\n%s", code, text)
	}
}

// interrupting is a history to which an interrupt comes before anything else.
type interrupting struct {
	archives
	signals chan os.Signal
}

func (s *interrupting) Import(ctx context.Context, _ store.Archive) (run.ID, bool, error) {
	s.signals <- os.Interrupt
	<-ctx.Done()
	return 0, false, fault.Wrap(ctx.Err(), fault.Cancelled, "interrupted")
}

func TestImportRefused(t *testing.T) {
	_, path := newOld(t)
	dir := t.TempDir()
	foreign := filepath.Join(dir, "text")
	if err := os.WriteFile(foreign, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		code int
		want string
	}{
		{[]string{}, 2, "needs the old program's history"},
		{[]string{path, "--time-zone", "Mars/Olympus"}, 2, `there is no time zone "Mars/Olympus"`},
		{[]string{filepath.Join(dir, "none.db")}, 4, "there is no file"},
		{[]string{foreign}, 6, "is not a SQLite database"},
	}
	for _, tt := range tests {
		i, st := newImporter(t)
		code, text := i.run(tt.args...)
		if code != tt.code || !strings.Contains(text, tt.want) {
			t.Errorf("%q: code %d\n%s", tt.args, code, text)
		}
		if i.created || len(runsIn(t, st)) > 0 {
			t.Errorf("%q: a history was made", tt.args)
		}
	}
}

// A history that can't be opened is told, and the old one is closed.
func TestImportIntoNothing(t *testing.T) {
	_, path := newOld(t)
	c := &command{Program: Program{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Signals: func() (<-chan os.Signal, func()) { return nil, func() {} }}}
	cmd := c.dbImportCommand(func(*cobra.Command, bool) (archives, func() error, error) { return nil, nil, errFull })
	cmd.SetArgs([]string{path})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(t.Context()); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var _ archives = store.Store(nil)

// The marker that the options of an imported attempt carry is what resume looks for.
func TestImportedOptionsAreMarked(t *testing.T) {
	var marked struct {
		Imported bool `json:"imported"`
	}
	if err := json.Unmarshal([]byte(legacy.Options), &marked); err != nil || !marked.Imported {
		t.Error(marked, err)
	}
}
