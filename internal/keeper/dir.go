package keeper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/fault"
)

const (
	// lockPatience is how long a keeper that is on its way home may take.
	lockPatience = 10 * time.Second
	lockPause    = 2 * time.Millisecond
)

// errBusy says that somebody else is the custodian of a directory.
var errBusy = errors.New("another program looks after the jobs")

// makeDir makes a keeper's directory, for this user alone.
func makeDir(dir string) error {
	var err error
	for range 10 { // a keeper on its way home removes it, and the last one the one above, too
		if err = os.MkdirAll(dir, 0o700); err == nil {
			err = private(dir)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return fault.Wrap(err, fault.Unavailable, "there is no place for the keeper at %s", dir)
}

// private returns an error when others may write to a directory: they could be asked to
// run our jobs, and be told our secrets.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return errors.New("it is no directory")
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to it (%s)", info.Mode().Perm())
	case ok && os.Geteuid() != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("it belongs to another user (%d)", st.Uid)
	}
	return nil
}

// removeDir removes a keeper's directory, of which we have the lock, and when it was the
// last the one above. The lock goes last: who finds it gone makes a directory anew.
func removeDir(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != lockName {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(filepath.Join(dir, lockName))
	_ = os.Remove(dir) // not when somebody else is in it already
	_ = os.Remove(filepath.Dir(dir))
}

// occupy makes this program the custodian of a directory, which it makes if need be.
func occupy(dir string) (*os.File, error) { return lockDir(dir, os.O_CREATE) }

// lockDir makes sure that there is one custodian in a directory. The lock goes with the
// program. The error is errBusy when another one stays.
func lockDir(dir string, flags int) (*os.File, error) {
	tick := time.NewTicker(lockPause)
	defer tick.Stop()
	for deadline := time.Now().Add(lockPatience); ; <-tick.C {
		f, err := tryLock(dir, flags)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, errBusy) || time.Now().After(deadline) {
			code := fault.Unavailable
			if errors.Is(err, errBusy) {
				code = fault.Locked
			}
			return nil, fault.Wrap(err, code, "the jobs of %s can't be looked after", dir)
		}
	}
}

func tryLock(dir string, flags int) (*os.File, error) {
	if flags != 0 {
		if err := makeDir(dir); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|flags, 0o600)
	if err != nil {
		if flags != 0 && errors.Is(err, fs.ErrNotExist) {
			return nil, errBusy // with removing it
		}
		return nil, err
	}
	if err := take(f, path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// take locks a file that was opened by that name, unless it has been removed meanwhile:
// the next one would lock another file.
func take(f *os.File, path string) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) || err == nil && !isAt(f, path) {
		return errBusy
	}
	return err
}

// isAt reports whether a file is still the one of that name.
func isAt(f *os.File, path string) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(is, named)
}
