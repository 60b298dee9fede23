package keeper

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// TestLockOfARemovedDirectory: who waited for a lock that was removed with its directory
// has not got it: the next one would lock another file of that name.
func TestLockOfARemovedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "above", "dir")
	first, err := occupy(dir)
	if err != nil {
		t.Fatal(err)
	}
	type got struct {
		f   *os.File
		err error
	}
	second := make(chan got)
	go func() {
		f, err := occupy(dir)
		second <- got{f, err}
	}()
	if _, err := tryLock(dir, 0); !errors.Is(err, errBusy) {
		t.Error(err)
	}
	same(t, "locked", isLocked(dir), true)
	old, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	removeDir(dir)
	same(t, "it is still there", isAt(old, filepath.Join(dir, lockName)), false)
	first.Close()
	select {
	case g := <-second:
		if g.err != nil {
			t.Fatal(g.err)
		}
		defer g.f.Close()
		same(t, "the lock is that of the new directory", isAt(g.f, filepath.Join(dir, lockName)), true)
	case <-time.After(patience):
		t.Fatal("it never got it")
	}
	same(t, "locked", isLocked(dir), true)
}

// TestLockThatIsRemovedWhileItIsTaken is the moment in between.
func TestLockThatIsRemovedWhileItIsTaken(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, lockName)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	same(t, "as it is", isAt(f, path), true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	same(t, "removed", isAt(f, path), false)
	if err := take(f, path); !errors.Is(err, errBusy) {
		t.Error(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	same(t, "another one", isAt(f, path), false)
}

func TestSucceedMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if _, err := succeed(dir); !errors.Is(err, fs.ErrNotExist) || fault.CodeOf(err) != fault.Unavailable {
		t.Error(err)
	}
	same(t, "made", exists(dir), false)
	same(t, "locked", isLocked(dir), false)
}

// TestRemoveDirKeepsWhatIsNew: of who came in the last moment.
func TestRemoveDirKeepsWhatIsNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "above", "dir")
	if err := os.MkdirAll(filepath.Join(dir, "sub", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	removeDir(dir)
	same(t, "kept", exists(filepath.Join(dir, "sub", "sub")), true)
}

// TestUnsafeDirectory: others who may write to it could have jobs run as this user.
func TestUnsafeDirectory(t *testing.T) {
	base := t.TempDir()
	for name, make := range map[string]func(dir string) error{
		"others may write to it (-rwx----w-)": func(dir string) error { return os.Chmod(dir, 0o702) },
		"others may write to it (-rwx-w----)": func(dir string) error { return os.Chmod(dir, 0o720) },
		"it is no directory": func(dir string) error {
			return errors.Join(os.Remove(dir), os.Symlink(base, dir))
		},
	} {
		dir := filepath.Join(base, "dir")
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), make(dir)); err != nil {
			t.Fatal(err)
		}
		want := "there is no place for the keeper at " + dir + ": " + name
		if err := makeDir(dir); err == nil || err.Error() != want || fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

// TestDiscard: a directory that its last engine did not come to remove, and only that.
func TestDiscard(t *testing.T) {
	yes := func() bool { return true }
	for name, tt := range map[string]struct {
		files []string
		want  bool
	}{
		"empty": {nil, true}, "without a lock": {[]string{errorName}, true}, "complete": {[]string{lockName, errorName, "journal.000001"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "above", "run-1")
			if err := makeDir(dir); err != nil {
				t.Fatal(err)
			}
			for _, f := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			asked := 0
			same(t, "useful", Discard(dir, func() bool { return false }), false)
			same(t, "useful after all", Discard(dir, func() bool { asked++; return asked == 1 }), false)
			lock, err := occupy(dir)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "somebody works there", Discard(dir, yes), false)
			lock.Close()
			same(t, "removed", Discard(dir, yes), tt.want)
			same(t, "above", exists(filepath.Dir(dir)), !tt.want)
		})
	}
	dir := filepath.Join(t.TempDir(), "run-1")
	if err := os.MkdirAll(filepath.Join(dir, "sub", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	same(t, "what can't be removed stays", Discard(dir, yes), false)
}
