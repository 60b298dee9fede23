package joblog

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

func TestPaths(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{JobPath("/l", "nightly", "load", 7), "/l/executioner.nightly.job-load.run-7.log"},
		{MainPath("/l", "nightly load.v2", 12), "/l/executioner.nightly load.v2.run-12.log"},
		{AppPath("/l/", "nightly"), "/l/executioner.nightly.log"},
		{JobPath("/l", "n", "../../etc/x", 1), "/l/executioner.n.job-_._.._etc_x~56da1a2e.run-1.log"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}

func TestFileName(t *testing.T) {
	for _, name := range []string{"a", "load_accounts", "1.2-x y", strings.Repeat("x", 96)} {
		if got := FileName(name); got != name {
			t.Errorf("FileName(%q) = %q, want it as it is", name, got)
		}
	}
	odd := []string{
		"", ".", "..", "a/b", "a_b", "a\\b", "a\nb", "a\x00b", "ä", "-rf", " a", ".hidden", "a~b", "~",
		strings.Repeat("x", 97), strings.Repeat("x", 98), strings.Repeat("ä", 500), strings.Repeat("../", 50),
		FileName("a/b"), // an id that looks like the file name of another
	}
	seen := make(map[string]string)
	for _, name := range odd {
		got := FileName(name)
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q are both %q", name, other, got)
		}
		seen[got] = name
		path := JobPath("/l", name, run.JobID(name), 1<<62)
		if filepath.Dir(path) != "/l" || len(filepath.Base(path)) > 255 || strings.ContainsAny(path, "\n\x00\\") {
			t.Errorf("JobPath for %q is %q", name, path)
		}
	}
}

func TestLine(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 999, time.FixedZone("X", 3600))
	if got, want := Line(at, "INFO", "text"), "2026-01-31 12:00:00 - INFO - text\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Line(at, "ERROR", "a\r\nb"), `2026-01-31 12:00:00 - ERROR - a\r\nb`+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
