//go:build unix

package joblog

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// written is when the older log of these tests was last written to.
var written = time.Date(2026, 1, 31, 12, 0, 0, 5000, time.UTC)

func olderLog(t *testing.T) string {
	t.Helper()
	path := fileOf(t, "theirs\n")
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
	return path
}

func names(t *testing.T, path string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestOlder(t *testing.T) {
	path := olderLog(t)
	for _, tt := range []struct {
		name  string
		path  string
		began time.Time
		want  bool
	}{
		{"long before", path, written.Add(time.Hour), true},
		{"file systems round times", path, written.Add(rounding), false},
		{"just more than that", path, written.Add(rounding + time.Microsecond), true},
		{"afterwards", path, written.Add(-time.Hour), false},
		{"nobody knows when it began", path, time.Time{}, false},
		{"no file", path + ".no", written.Add(time.Hour), false},
		{"a directory", filepath.Dir(path), time.Now().Add(time.Hour), false},
	} {
		if got := Older(tt.path, tt.began); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestSetAside(t *testing.T) {
	path := olderLog(t)
	if err := SetAside(path, written.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	aside := path + ".20260131T120000.000005000Z"
	if got := names(t, path); len(got) != 1 || got[0] != filepath.Base(aside) || content(t, aside) != "theirs\n" {
		t.Errorf("there is %q", got)
	}
	if err := SetAside(path, written.Add(time.Hour)); err != nil {
		t.Errorf("nothing there: %v", err)
	}
}

func TestSetAsideLeavesItsOwnLog(t *testing.T) {
	path := olderLog(t)
	if err := SetAside(path, written.Add(-time.Hour)); err != nil || content(t, path) != "theirs\n" {
		t.Errorf("%v, %q", err, names(t, path))
	}
}

func TestSetAsideLeavesALogThatIsWritten(t *testing.T) {
	path := olderLog(t)
	w, err := Open(path, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = SetAside(path, written.Add(time.Hour))
	if fault.CodeOf(err) != fault.Unavailable || len(names(t, path)) != 1 || content(t, path) != "theirs\n" {
		t.Errorf("%v, %q", err, names(t, path))
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := SetAside(path, written.Add(time.Hour)); err != nil || Older(path, time.Now().Add(time.Hour)) {
		t.Errorf("once it is closed: %v, %q", err, names(t, path))
	}
}
