package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// StartError says why nothing was started. No process exists then, and none existed.
type StartError struct {
	Path      string // the program
	Err       error  // the cause, usually a syscall.Errno
	Temporary bool   // the host is short of something now: try again later
	msg       string
}

// Error returns one line for a person that names the program and the cause.
func (e *StartError) Error() string { return e.msg }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

func newStartError(spec Spec, path string, err error) *StartError {
	e := &StartError{Path: path, Err: err, Temporary: temporary(err)}
	e.msg = fmt.Sprintf("cannot start %s: %s", display(path), explain(spec, path, err))
	return e
}

// temporary reports whether the same start may work later.
func temporary(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return errors.Is(err, errHostClosed)
}

// explain finds out what an errno of fork, chdir or exec is about: the kernel names neither.
func explain(spec Spec, path string, err error) string {
	if dir := dirFault(spec.Dir); dir != nil && !temporary(err) {
		return fmt.Sprintf("working directory %s: %v", spec.Dir, dir)
	}
	for _, c := range causes {
		if errors.Is(err, c.errno) {
			return c.text
		}
	}
	switch {
	case spec.Leaf != nil && isMissing(spec.Leaf.Path()):
		return "its control group was removed: " + spec.Leaf.Path()
	case errors.Is(err, errNotInPath):
		return fmt.Sprintf("not found in PATH (%s)", searchPath(spec.Env))
	case errors.Is(err, syscall.ENOENT):
		return missing(spec, path)
	case errors.Is(err, syscall.EINVAL) && hasNUL(spec, path):
		return "the command or its environment contains a NUL byte"
	}
	return err.Error()
}

type cause struct {
	errno syscall.Errno
	text  string
}

var causes = [...]cause{
	{syscall.EAGAIN, "no more processes are allowed now (ulimit -u or the container's pids limit)"},
	{syscall.ENOMEM, "not enough memory now"},
	{syscall.EMFILE, "this program has too many files open now (ulimit -n)"},
	{syscall.ENFILE, "too many files are open on this host now"},
	{syscall.ETXTBSY, "the program file is being written now"},
	{syscall.E2BIG, "arguments and environment are too long for the operating system"},
	{syscall.ENOEXEC, "not a program: a script needs a first line such as #!/bin/sh"},
	{syscall.EACCES, "permission denied: not executable, or in a directory that is closed or mounted noexec"},
}

func dirFault(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return syscall.ENOTDIR
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	if err != nil {
		return err
	}
	return unix.Access(dir, unix.X_OK)
}

// missing tells a missing program from a script whose interpreter is missing.
func missing(spec Spec, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(spec.Dir, path)
	}
	if _, err := os.Stat(path); err != nil {
		return "no such file"
	}
	return "its interpreter (the #! line, or the loader of a binary) does not exist"
}

func hasNUL(spec Spec, path string) bool {
	for _, list := range [][]string{{path, spec.Dir}, spec.Args, spec.Env} {
		for _, s := range list {
			if strings.Contains(s, "\x00") {
				return true
			}
		}
	}
	return false
}

func isMissing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func display(path string) string {
	if path == "" {
		return `""`
	}
	return strings.ToValidUTF8(path, "\uFFFD")
}
