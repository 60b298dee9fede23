package joblog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestRotating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "app.log")
	r, err := OpenRotating(path, 30, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, err := fmt.Fprintf(r, "line %04d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		path:        "line 0009\n",
		path + ".1": "line 0006\nline 0007\nline 0008\n",
		path + ".2": "line 0003\nline 0004\nline 0005\n",
	} {
		if got := content(t, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := os.Stat(path + ".3"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a third old file: %v", err)
	}
	long := strings.Repeat("x", 100)
	if _, err := r.Write([]byte(long)); err != nil || content(t, path) != long {
		t.Errorf("a write longer than the limit: %v", err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if _, err := r.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
}

func TestRotatingDefaults(t *testing.T) {
	r, err := OpenRotating(filepath.Join(t.TempDir(), "app.log"), 0, 0)
	if err != nil || r.max != 10<<20 || r.keep != 5 {
		t.Fatalf("%+v, %v", r, err)
	}
	_ = r.Close()
}

// Two open files of one process are to flock what two processes are.
func TestRotatingByManyPrograms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	const programs, lines, keep = 4, 300, 200
	var wg sync.WaitGroup
	for p := range programs {
		wg.Go(func() {
			r, err := OpenRotating(path, 100, keep)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for i := range lines {
				if _, err := fmt.Fprintf(r, "%d %04d\n", p, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := make(map[string]int)
	files, _ := filepath.Glob(path + "*")
	for _, f := range files {
		for line := range strings.Lines(content(t, f)) {
			seen[line]++
		}
	}
	if len(files) < programs*lines*7/200 || len(files) > keep {
		t.Errorf("%d files", len(files))
	}
	for p := range programs {
		for i := range lines {
			if line := fmt.Sprintf("%d %04d\n", p, i); seen[line] != 1 {
				t.Errorf("%q is there %d times", line, seen[line])
			}
		}
	}
}

func TestRotatingFollowsItsName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	r, err := OpenRotating(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, _ = r.Write([]byte("one\n"))
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Write([]byte("two\n"))
	if content(t, path) != "two\n" || content(t, path+".old") != "one\n" {
		t.Errorf("%q, %q", content(t, path), content(t, path+".old"))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path+".old", path); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write([]byte("three\n")); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("through a link: %v", err)
	}
	_ = os.Remove(path)
	if _, err := r.Write([]byte("four\n")); err != nil || content(t, path) != "four\n" {
		t.Errorf("after the error: %v", err)
	}
	if err := errors.Join(os.Mkdir(path+".2", 0o700), os.WriteFile(path+".1", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.max, r.keep = 1, 2
	if _, err := r.Write([]byte("five\n")); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("with a directory in the way: %v", err)
	}
	if _, err := OpenRotating(path+".2", 0, 0); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("OpenRotating of a directory: %v", err)
	}
}
