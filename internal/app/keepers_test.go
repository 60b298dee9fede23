package app

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/executionerhq/executioner/internal/runs"
)

// TestSweep: a run removes the directories of keepers of runs that have ended or are gone,
// and no other.
func TestSweep(t *testing.T) {
	database := filepath.Join(t.TempDir(), "history.db")
	a := open(t, database)
	run := func(command string) {
		t.Helper()
		e, err := a.Runs.Submit(t.Context(), flow(t, command), runs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run("exit 0")
	above := real(database) + "-keeper"
	for _, dir := range []string{"run-1", "run-7", "run-x", "other"} {
		if err := os.MkdirAll(filepath.Join(above, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(above, dir, "keeper.err"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("exit 3")
	entries, err := os.ReadDir(above)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"other", "run-x"}; !slices.Equal(left, want) {
		t.Errorf("left: %q, want %q", left, want)
	}
}
