package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/run"
)

// Writer appends to a journal. It is safe for concurrent use.
type Writer struct {
	dir  string
	opts Options
	lock io.Closer

	mu       sync.Mutex // guards the rest
	calm     *sync.Cond // a sync is over, or who waited for that has done what it wanted
	ledger   *ledger
	whole    bool   // State.Whole
	old      *found // what was there, until a segment replaced it
	file     file
	number   int   // of the segment
	end      int64 // where its next record goes
	alloc    int64 // up to where the disk has room for it
	rotateAt int64 // the end at which it is replaced
	promised bool  // alloc is true; false: this file system can't keep room

	appended uint64 // records
	synced   uint64 // of them
	syncing  bool
	waiting  int   // who waits for a sync to end, so that no new one begins
	err      error // why nothing can be written any more
}

// Epoch records that n, the fencing number of an engine, was accepted. A lower one
// than before is refused with ErrOrder; the same one is not recorded again.
func (w *Writer) Epoch(n int64) error {
	failpoint.At("journal.epoch.before")
	defer failpoint.At("journal.epoch.after")
	_, err := w.add(kindEpoch, record{N: n})
	return err
}

// Start records that a task is about to be started; spec, any JSON, is for whoever
// reads it later. Start what is meant only when this returns nil. ErrNoSpace: not now.
// A task that is known is refused with ErrOrder, unless it was not started.
func (w *Writer) Start(id string, at time.Time, spec json.RawMessage) error {
	failpoint.At("journal.start.before")
	defer failpoint.At("journal.start.after")
	_, err := w.add(kindStart, record{ID: id, At: at.UTC(), Boot: w.opts.boot, Spec: spec})
	return err
}

// PID records as which process a task was started. It is recorded once.
func (w *Writer) PID(id string, handle json.RawMessage) error {
	failpoint.At("journal.pid.before")
	defer failpoint.At("journal.pid.after")
	if err := fitJSON("handle", handle, MaxHandle); err != nil {
		return err
	}
	_, err := w.add(kindPID, record{ID: id, Handle: handle})
	return err
}

// NotStarted records that no process was started for a task, and why.
func (w *Writer) NotStarted(id, detail string) error {
	failpoint.At("journal.not_started.before")
	defer failpoint.At("journal.not_started.after")
	_, err := w.add(kindNotStarted, record{ID: id, Detail: detail})
	return err
}

// Ending records what is known at once of how a task ended: its program's own end. Exit
// comes when everything is.
func (w *Writer) Ending(id string, o run.Outcome) error {
	failpoint.At("journal.ending.before")
	defer failpoint.At("journal.ending.after")
	_, err := w.add(kindEnding, record{ID: id, Outcome: &o})
	return err
}

// Exit records how a task ended, whether or not it has a PID. With Options.Sync it
// returns when that is on the disk; calls at the same time share one sync. Any error
// but ErrOrder and ErrInvalid means that nobody may be told yet: try again, after ErrBroken
// when Renew has worked.
func (w *Writer) Exit(id string, e Exit) error {
	failpoint.At("journal.exit.before")
	defer failpoint.At("journal.exit.after")
	if err := fitJSON("More", e.More, MaxMore); err != nil {
		return err
	}
	n, err := w.add(kindExit, record{ID: id, Outcome: &e.Outcome, Head: e.Head, At: e.At.UTC(), More: e.More})
	if err != nil || !w.opts.Sync {
		return err
	}
	return w.commit(n)
}

// Ack records that a task may be forgotten, however it stands. One that is not known
// is forgotten already.
func (w *Writer) Ack(id string) error {
	failpoint.At("journal.ack.before")
	defer failpoint.At("journal.ack.after")
	_, err := w.add(kindAck, record{ID: id})
	return err
}

// add writes a record and returns its number.
func (w *Writer) add(k kind, r record) (uint64, error) {
	if err := r.fit(); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	raw, err := encode(k, &r)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if k <= kindStart {
		err = w.makeRoom(k, &r, int64(len(raw)))
	}
	if err == nil {
		err = w.write(k, &r, raw)
	}
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return w.appended, nil
}

// write appends a record to the segment if it fits what is known. What was written of
// one that could not be written whole is wiped, and in any case overwritten by the next.
func (w *Writer) write(k kind, r *record, raw []byte) error {
	if w.err != nil {
		return w.err
	}
	if skip, err := w.ledger.fits(k, r); skip || err != nil {
		return err
	}
	if _, err := w.file.WriteAt(raw, w.end); err != nil {
		_, _ = w.file.WriteAt(make([]byte, len(raw)), w.end)
		return asNoSpace(err)
	}
	w.end += int64(len(raw))
	w.appended++
	w.ledger.apply(k, r, raw)
	return nil
}

// commit waits until record n is on the disk. Whoever comes first syncs, at once, for
// all that are there by then; those who come meanwhile are the next one's.
func (w *Writer) commit(n uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.synced < n {
		switch {
		case w.err != nil:
			return fmt.Errorf("journal: %w", w.err)
		case w.syncing || w.waiting > 0:
			w.calm.Wait()
		default:
			w.sync()
		}
	}
	return nil
}

// sync makes durable what has been written. It lets go of mu meanwhile.
func (w *Writer) sync() {
	f, n := w.file, w.appended
	w.syncing = true
	w.mu.Unlock()
	failpoint.At("journal.sync.before")
	err := f.Sync()
	failpoint.At("journal.sync.after")
	w.mu.Lock()
	w.syncing = false
	if err != nil {
		_ = w.breakOff(err)
	} else {
		w.synced = n
	}
	w.calm.Broadcast()
}

// settle waits for a sync that goes on and lets no other begin before its caller, who
// has to broadcast calm, lets go of mu.
func (w *Writer) settle() {
	w.waiting++
	for w.syncing {
		w.calm.Wait()
	}
	w.waiting--
}

// breakOff ends writing for good: after a failed sync the system may have forgotten
// what it could not write, and the next sync would not say so.
func (w *Writer) breakOff(err error) error {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return w.err
}

// State returns what the journal says, as far as it was written through this Writer
// or found by it. It works after ErrBroken and after Close.
func (w *Writer) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.ledger.state(w.opts.boot)
	s.SameBoot, s.Whole = w.opts.boot != "", w.whole
	return s
}

// Dir returns the directory of the journal.
func (w *Writer) Dir() string { return w.dir }

// Close ends writing. Records that were not to be synced are not. Closing again does nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle()
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.file.Close(), w.lock.Close())
	w.file = nil
	if w.err == nil {
		w.err = ErrClosed
	}
	w.calm.Broadcast()
	return err
}
