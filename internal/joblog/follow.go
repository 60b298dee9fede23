package joblog

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// followPoll is how often a followed file is looked at.
const followPoll = 100 * time.Millisecond

// Follow copies the file from that place on to w, and what is appended to it, until
// ended reports true; what was written before that is still copied. The file need not
// be there yet. When it is cut it is read from its beginning, when it is replaced the
// old one is read to its end first.
//
// Errors are faults: Cancelled when ctx ends, NotFound when the file was not there at
// the end, Unavailable when it can't be read or w can't be written to.
func Follow(ctx context.Context, path string, from int64, w io.Writer, ended func() bool) error {
	ticker := time.NewTicker(followPoll)
	defer ticker.Stop()
	fl := follower{path: path, offset: max(0, from), w: w}
	defer fl.close()
	for {
		last := ended() // asked first: what was written before is there now
		if err := fl.copyAll(); err != nil {
			return err
		}
		if last {
			return fl.end()
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(context.Cause(ctx), fault.Cancelled, "following the log was interrupted")
		case <-ticker.C:
		}
	}
}

// follower is a file that is being followed, owned by one call of Follow.
type follower struct {
	path   string
	w      io.Writer
	f      *os.File // nil: not there yet
	offset int64    // in f; where to begin when it is nil
	found  bool
}

// copyAll copies what is there, through all replacements of the file.
func (fl *follower) copyAll() error {
	for {
		if fl.f == nil {
			if opened, err := fl.open(); !opened {
				return err
			}
		}
		if err := fl.copyFile(); err != nil {
			return err
		}
		if !fl.replaced() {
			return nil
		}
		// Whoever replaced it may have written once more to the old one before.
		if err := fl.copyFile(); err != nil {
			return err
		}
		fl.close()
		fl.offset = 0
	}
}

func (fl *follower) open() (bool, error) {
	f, _, err := openRead(fl.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, readFault(fl.path, err)
	}
	fl.f, fl.found = f, true
	return true, nil
}

// copyFile copies the open file from the offset to its end.
func (fl *follower) copyFile() error {
	info, err := fl.f.Stat()
	if err != nil {
		return readFault(fl.path, err)
	}
	if info.Size() < fl.offset {
		fl.offset = 0
	}
	// The size bounds the copy, so that a job that never stops writing can't keep
	// us from seeing a cancel.
	n, err := io.Copy(fl.w, io.NewSectionReader(fl.f, fl.offset, info.Size()-fl.offset))
	fl.offset += n
	return fault.Wrap(err, fault.Unavailable, "can't copy the log file %s", fl.path)
}

// replaced reports whether another file has the name now.
func (fl *follower) replaced() bool {
	named, err := os.Stat(fl.path)
	if err != nil {
		return false // moved away, and nothing there yet: the old one may still grow
	}
	open, err := fl.f.Stat()
	return err == nil && !os.SameFile(open, named)
}

func (fl *follower) end() error {
	if !fl.found {
		return readFault(fl.path, fs.ErrNotExist)
	}
	return nil
}

func (fl *follower) close() {
	if fl.f != nil {
		_ = fl.f.Close() // read only: nothing can be lost
		fl.f = nil
	}
}
