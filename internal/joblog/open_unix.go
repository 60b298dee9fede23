//go:build unix

package joblog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/executionerhq/executioner/internal/fault"
)

// Modes of what is created, before the umask: operators of the same group may read logs.
const (
	dirMode  = 0o755
	fileMode = 0o640
)

var errNotRegular = errors.New("it is not a regular file")

// openAppend opens a log file for appending (and reading) and creates it, and its
// directory, if need be. A symbolic link in its place is refused: whoever may write
// to the log directory must not choose which file we write to.
func openAppend(path string) (*os.File, fs.FileInfo, error) {
	f, err := appendTo(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), dirMode); err == nil {
			f, err = appendTo(path)
		}
	}
	if err != nil {
		return nil, nil, openFault(path, err)
	}
	info, err := regular(f)
	if err != nil {
		f.Close()
		return nil, nil, openFault(path, err)
	}
	return f, info, nil
}

func appendTo(path string) (*os.File, error) {
	// Not to hang on a named pipe that nobody reads.
	const flags = os.O_RDWR | os.O_CREATE | os.O_APPEND | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	return os.OpenFile(path, flags, fileMode)
}

// openRead opens a log file for reading. The error is that of the system.
func openRead(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := regular(f)
	if err != nil {
		f.Close()
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, info, nil
}

func regular(f *os.File) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	return info, err
}

// lock waits until no other program holds the lock of the open file f.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func openFault(path string, err error) error {
	hint := "Check that log_dir may be written to by this user and that its disk has space."
	switch {
	case errors.Is(err, fs.ErrPermission):
		hint = "Set another log_dir."
		err = denied(path, cause(err))
	case errors.Is(err, syscall.ELOOP):
		hint = "It is a symbolic link, which is not followed. Remove it, or set log_dir to where it leads."
	case errors.Is(err, errNotRegular), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.EISDIR):
		hint = "Something that is no file has its name. Remove it, or set another log_dir."
	}
	return &fault.Error{
		Code: fault.Unavailable, Msg: "can't open the log file", Hint: hint, Op: "open log", At: path,
		Err: cause(err),
	}
}

// denied says whose the directory is in which nothing may be written, where that explains it:
// that of the log, or the first above it that is there.
func denied(path string, err error) error {
	owner, at := -1, filepath.Dir(path)
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if info, statErr := os.Stat(at); statErr == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				owner = int(stat.Uid)
			}
			break
		}
	}
	if owner < 0 || owner == os.Geteuid() {
		return err
	}
	who := "uid " + strconv.Itoa(owner)
	if u, lookupErr := user.LookupId(strconv.Itoa(owner)); lookupErr == nil {
		who = u.Username
	}
	return fmt.Errorf("%w: %s belongs to %s: set another log_dir, or have it removed", err, at, who)
}

// readFault says why a log file can't be read.
func readFault(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "there is no log file").WithAt(path)
	}
	return &fault.Error{
		Code: fault.Unavailable, Msg: "can't read the log file", Op: "read log", At: path, Err: cause(err),
	}
}

// cause drops operation and path, which the fault has already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
