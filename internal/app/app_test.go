package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, database string) *App {
	t.Helper()
	a, err := Open(t.Context(), Settings{Database: database, Environ: []string{"PATH=" + os.Getenv("PATH"), "FROM=caller"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// flow returns a workflow of one job "a" in a directory of its own.
func flow(t *testing.T, command string) *workflow.Workflow {
	t.Helper()
	dir := t.TempDir()
	wf, err := workflow.Load(workflow.Source{Name: "app.json", Data: []byte(`{"working_dir": "` + dir + `", "jobs": [{"id": "a", "command": "` + command + `"}]}`)}, workflow.Host{})
	if err != nil {
		t.Fatal(err)
	}
	return wf
}

// TestRun has all parts work together: what is asked for is run, in the environment that
// was given, and is there again after closing and opening.
func TestRun(t *testing.T) {
	database := filepath.Join(t.TempDir(), "history.db")
	a := open(t, database)
	wf := flow(t, "echo $FROM $GIVEN $EXECUTIONER_TASK")
	e, err := a.Runs.Submit(t.Context(), wf, runs.Options{Env: []workflow.Var{{Name: "GIVEN", Value: "here"}}})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := e.Wait(t.Context())
	want := run.Summary{State: run.Success, Reason: run.AllSucceeded, Counts: run.Counts{Total: 1, Succeeded: 1}}
	if err != nil || sum != want {
		t.Errorf("%+v, %v", sum, err)
	}
	log, err := os.ReadFile(joblog.JobPath(wf.LogDir, "app", "a", e.Run))
	if line := "\ncaller here " + scopeOf(database) + "/1/1/a/1\n"; err != nil || !strings.Contains(string(log), line) {
		t.Errorf("%q is not in %q, %v", line, log, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	views, err := open(t, database).Runs.List(t.Context(), store.Filter{})
	if err != nil || len(views) != 1 || views[0].State != run.Success {
		t.Errorf("%+v, %v", views, err)
	}
}

// TestTroubleIsPassedOn has nothing to tell when there is none.
func TestTroubleIsPassedOn(t *testing.T) {
	told := 0
	a, err := Open(t.Context(), Settings{Database: filepath.Join(t.TempDir(), "history.db"), Trouble: func(error) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	e, err := a.Runs.Submit(t.Context(), flow(t, "true"), runs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Wait(t.Context()); err != nil || told != 0 {
		t.Errorf("%v, told %d times", err, told)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(t.Context(), Settings{Database: dir})
	if a != nil || fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("%v, %v", a, err)
	}
}

func TestScopeOf(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "history.db"), filepath.Join(dir, "link.db")
	if err := os.WriteFile(real, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	want := scopeOf(real)
	if got := scopeOf(link); got != want {
		t.Errorf("through a link: %s, not %s", got, want)
	}
	t.Chdir(dir)
	if got := scopeOf("./history.db"); got != want {
		t.Errorf("relative: %s, not %s", got, want)
	}
	if got := scopeOf(filepath.Join(dir, "other.db")); got == want || len(got) != 8 {
		t.Errorf("of another: %s", got)
	}
}

// eventually polls for something that real processes do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
