package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/executionerhq/executioner/internal/failpoint"
)

// disk is what the journal does to directories; tests have one that fails and forgets.
type disk interface {
	mkdir(dir string) error // fine if it is there
	list(dir string) ([]string, error)
	read(path string) ([]byte, error)
	create(path string) (file, error) // emptied if it is there
	open(path string) (file, error)
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
	lock(path string) (io.Closer, error)
}

// file is a segment that is written.
type file interface {
	io.WriterAt
	io.Closer
	Allocate(off, n int64) error // without changing its size
	Sync() error                 // its data and size
}

// osDisk is the real one. Nothing in it is for other users, and a symbolic link is
// not followed.
type osDisk struct{}

func (osDisk) mkdir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = osDisk{}.syncDir(filepath.Dir(dir))
	}
	return err
}

func (osDisk) list(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (osDisk) read(path string) ([]byte, error) { return os.ReadFile(path) }

func (osDisk) create(path string) (file, error) { return open(path, os.O_CREATE|os.O_TRUNC) }

func (osDisk) open(path string) (file, error) { return open(path, 0) }

func open(path string, flags int) (file, error) {
	if err := failpoint.Err("journal.open"); err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|flags, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) rename(from, to string) error {
	if err := failpoint.Err("journal.rename"); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return os.Rename(from, to)
}

func (osDisk) remove(path string) error {
	if err := failpoint.Err("journal.remove"); err != nil {
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	return os.Remove(path)
}

func (osDisk) syncDir(dir string) error {
	if err := failpoint.Err("journal.syncdir"); err != nil {
		return &fs.PathError{Op: "fsync", Path: dir, Err: err}
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (osDisk) lock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		switch err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return f, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			err = ErrLocked
		}
		f.Close()
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
}

// osFile is a real file.
type osFile struct{ f *os.File }

func (f osFile) WriteAt(b []byte, off int64) (int, error) {
	if err := failpoint.Err("journal.write"); err != nil {
		return 0, f.fault("write", err)
	}
	if n := failpoint.Short("journal.write.short", len(b)); n < len(b) {
		n, _ = f.f.WriteAt(b[:n], off)
		return n, f.fault("write", syscall.ENOSPC)
	}
	return f.f.WriteAt(b, off)
}

func (f osFile) Close() error { return f.f.Close() }

func (f osFile) Sync() error {
	err := failpoint.Err("journal.sync")
	if err == nil {
		err = again(func() error { return fdatasync(f.f) })
	}
	return f.fault("fdatasync", err)
}

func (f osFile) Allocate(off, n int64) error {
	err := failpoint.Err("journal.allocate")
	if err == nil {
		err = again(func() error { return fallocate(f.f, off, n) })
	}
	return f.fault("fallocate", err)
}

func (f osFile) fault(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.f.Name(), Err: err}
}

// again repeats what a signal interrupted.
func again(do func() error) error {
	for {
		if err := do(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// asNoSpace marks errors that are about space with ErrNoSpace.
func asNoSpace(err error) error {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) && !errors.Is(err, ErrNoSpace) && !errors.Is(err, ErrBroken) {
			return fmt.Errorf("%w: %w", ErrNoSpace, err)
		}
	}
	return err
}

func isUnsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
