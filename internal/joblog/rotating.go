package joblog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/executionerhq/executioner/internal/fault"
)

// Defaults of a rotating log: those of the Python program.
const (
	DefaultMaxBytes = 10 << 20
	DefaultKeep     = 5
)

// Rotating is a log file that is moved to ".1", the one there to ".2" and so on,
// when it is full. Several programs may write the same one. It is safe for
// concurrent use.
type Rotating struct {
	path string
	max  int64
	keep int

	mu   sync.Mutex // guards f
	f    *os.File   // nil when closed, or when the last reopening failed
	done bool
}

// OpenRotating opens the log file for appending, creating it and its directory. It
// holds at most maxBytes (0 or less: 10 MiB) unless a single write is longer, and
// keep older files stay (0 or less: 5). Errors are faults with code Unavailable.
func OpenRotating(path string, maxBytes int64, keep int) (*Rotating, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if keep <= 0 {
		keep = DefaultKeep
	}
	f, _, err := openAppend(path)
	if err != nil {
		return nil, err
	}
	return &Rotating{path: path, max: maxBytes, keep: keep, f: f}, nil
}

// Write appends p, whole lines preferably, in one piece, after making room for it.
// An error leaves the log usable: the next write tries again.
func (r *Rotating) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return 0, fs.ErrClosed
	}
	if err := r.makeRoom(int64(len(p))); err != nil {
		return 0, err
	}
	n, err := r.f.Write(p)
	if err != nil {
		return n, &fault.Error{
			Code: fault.Unavailable, Msg: "can't write the log file", Op: "write log", At: r.path, Err: cause(err),
			Hint: "Check the space and quota of the disk of log_dir.",
		}
	}
	return n, nil
}

// Close closes the file. Closing again does nothing.
func (r *Rotating) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	return r.closeFile()
}

func (r *Rotating) closeFile() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}

// makeRoom sees to it that r.f is the file that has the name, with room for n bytes
// (or empty). It ends: a file that another program filled meanwhile is rotated again,
// each time after that program had written a whole file.
func (r *Rotating) makeRoom(n int64) error {
	for {
		size, err := r.current()
		if err != nil {
			return err
		}
		if size == 0 || size+n <= r.max {
			return nil
		}
		if err := r.rotate(n); err != nil {
			return err
		}
	}
}

// current makes r.f the file that has the name now and returns its size.
func (r *Rotating) current() (int64, error) {
	if r.f != nil {
		if size, same := r.sameFile(); same {
			return size, nil
		}
		_ = r.closeFile() // it was moved away: it is complete
	}
	f, info, err := openAppend(r.path)
	if err != nil {
		return 0, err
	}
	r.f = f
	return info.Size(), nil
}

// sameFile reports whether r.f still has the name, and its size.
func (r *Rotating) sameFile() (int64, bool) {
	open, err := r.f.Stat()
	if err != nil {
		return 0, false
	}
	named, err := os.Lstat(r.path)
	return open.Size(), err == nil && os.SameFile(open, named)
}

// rotate moves the files on by one, unless another program does so first. The lock is
// that of the full file: who gets it and finds that the file lost its name came second.
func (r *Rotating) rotate(n int64) error {
	full := r.f
	if err := lock(full); err != nil {
		return rotateFault(r.path, err)
	}
	size, same := r.sameFile()
	r.f = nil
	defer full.Close() // which gives up the lock
	if !same || size+n <= r.max {
		return nil
	}
	for i := r.keep - 1; i >= 1; i-- {
		if err := os.Rename(r.numbered(i), r.numbered(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return rotateFault(r.path, err)
		}
	}
	// The last step: only after it can anybody create, fill and rotate a new file.
	return rotateFault(r.path, os.Rename(r.path, r.numbered(1)))
}

func (r *Rotating) numbered(i int) string { return fmt.Sprintf("%s.%d", r.path, i) }

func rotateFault(path string, err error) error {
	if err == nil {
		return nil
	}
	return &fault.Error{
		Code: fault.Unavailable, Msg: "can't rotate the log file", Op: "rotate log", At: path, Err: cause(err),
		Hint: "Check that the log directory may be written to by this user.",
	}
}
