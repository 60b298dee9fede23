//go:build unix

package joblog

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// asideStamp is what the name of a log that was set aside ends with: when it was last
// written to.
const asideStamp = "20060102T150405.000000000Z"

// Mixed begins what a log says when an older one could not be set aside.
const Mixed = "what stands above is of another history: "

// rounding is how much earlier than it was written to a file may seem to have been: file
// systems round times.
const rounding = 2 * time.Second

// Older reports whether the log file was last written to before that moment. What began
// then has written nothing of it: names of logs have no more than the application, the job
// and the run's number, which another history with the same log directory may have too. It
// is false where there is no file, and of one that is less than two seconds older.
func Older(path string, began time.Time) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && before(info, began)
}

func before(info fs.FileInfo, began time.Time) bool {
	return info.ModTime().Before(began.Add(-rounding))
}

// SetAside gives an older log file another name, so that a new one can begin. One that a
// program has open to write to stays where it is, and so does what can't be renamed: then
// the new log goes on behind it. The error is a fault with code Unavailable.
func SetAside(path string, began time.Time) error {
	if !Older(path, began) {
		return nil
	}
	f, info, err := openRead(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return readFault(path, err)
	}
	defer f.Close() // which gives the lock back
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fault.Wrap(err, fault.Unavailable, "the older log %s is being written to", path)
	}
	named, err := os.Stat(path)
	if err != nil || !os.SameFile(info, named) || !before(named, began) {
		return nil //nolint:nilerr // another program was faster
	}
	err = os.Rename(path, path+"."+info.ModTime().UTC().Format(asideStamp))
	return fault.Wrap(err, fault.Unavailable, "the older log %s can't be set aside", path)
}

// hold keeps others from setting the file aside while it is open. Where the file system
// has no locks nobody can set it aside at all.
func hold(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) }
