package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/executionerhq/executioner/internal/failpoint"
)

const (
	// epochRoom is what starts leave for fencing numbers: a new engine must be able to
	// take over when the disk is full.
	epochRoom = 4 << 10
	// growBy is how much more of the disk is asked for at a time.
	growBy = 256 << 10

	lockName  = "lock"
	draftName = "draft" // a segment that is not complete
	spoilt    = "damaged."
)

// Open reads the journal in dir, which it creates if need be, and makes ready to
// append to it. What it found is in State; State.Damage should be shown to somebody.
// A torn tail is dropped. A segment that is damaged elsewhere is kept under the name
// "damaged." and its number. The error is ErrLocked, ErrNoSpace, ErrVersion or one of
// the system.
func Open(dir string, o Options) (*Writer, State, error) {
	w := newWriter(dir, o)
	f, err := w.take()
	if err != nil {
		return nil, State{}, err
	}
	w.ledger, w.whole = f.ledger, f.state.Whole
	// A new segment, though the old one has room: nobody knows whether an earlier
	// sync of that failed, and this one is of this boot and has no damage.
	err = w.rotate()
	if errors.Is(err, ErrNoSpace) && f.newest() > 0 {
		err = w.resume(&f)
	}
	if err != nil {
		w.lock.Close()
		return nil, State{}, fmt.Errorf("open the journal: %w", err)
	}
	return w, f.state, nil
}

// Renew makes a journal of which a sync failed reliable again: it begins a new segment
// with all that w knows, also what may not have got to the disk. When that fails too it
// may be called again. Nothing happens when no sync has failed.
func (w *Writer) Renew() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !errors.Is(w.err, ErrBroken) {
		return w.err
	}
	w.settle()
	defer w.calm.Broadcast()
	broken := w.err
	w.err = nil
	if err := w.rotate(); err != nil {
		w.err = broken
		return fmt.Errorf("renew the journal: %w", err)
	}
	return nil
}

func newWriter(dir string, o Options) *Writer {
	w := &Writer{dir: dir, opts: o.withDefaults(), ledger: newLedger()}
	w.calm = sync.NewCond(&w.mu)
	return w
}

// take makes the directory this Writer's own and reads what is there.
func (w *Writer) take() (found, error) {
	d := w.opts.disk
	err := d.mkdir(w.dir)
	if err == nil {
		w.lock, err = d.lock(filepath.Join(w.dir, lockName))
	}
	if err != nil {
		return found{}, fmt.Errorf("open the journal: %w", asNoSpace(err))
	}
	f, err := load(d, w.dir, w.opts.boot)
	if err != nil && (!isNotExist(err) || f.newest() > 0) {
		w.lock.Close()
		return f, err
	}
	if f.newest() == 0 {
		f.state.Whole = w.opts.boot != "" // as everything is that will be written
	}
	w.number, w.old = f.newest(), &f
	return f, nil
}

// rotate begins a new segment that states everything again, and when that is safe
// removes those before it. Until then nothing has changed, so that it may fail. It is
// called when no sync goes on.
func (w *Writer) rotate() error {
	d, number := w.opts.disk, w.number+1
	next, err := w.draft()
	if err != nil {
		return err
	}
	failpoint.At("journal.rotate.rename")
	if err := d.rename(filepath.Join(w.dir, draftName), segmentPath(w.dir, number)); err != nil {
		next.file.Close()
		// If it did happen, what is appended to the old segment would not be read.
		if gone := d.remove(segmentPath(w.dir, number)); gone != nil && !isNotExist(gone) {
			return w.breakOff(errors.Join(err, gone))
		}
		_ = d.remove(filepath.Join(w.dir, draftName))
		return asNoSpace(err)
	}
	failpoint.At("journal.rotate.syncdir")
	if w.opts.Sync {
		if err := d.syncDir(w.dir); err != nil {
			next.file.Close()
			return w.breakOff(err)
		}
	}
	failpoint.At("journal.rotate.remove")
	w.retire()
	w.file, w.number, w.synced = next.file, number, w.appended
	w.end, w.alloc, w.rotateAt, w.promised = next.end, next.alloc, next.rotateAt, next.promised
	failpoint.At("journal.rotate.done")
	return nil
}

// draft is a segment before it has its name.
type draft struct {
	file                 file
	end, alloc, rotateAt int64
	promised             bool
}

// draft writes the next segment.
func (w *Writer) draft() (next draft, err error) {
	failpoint.At("journal.rotate.create")
	path := filepath.Join(w.dir, draftName)
	if next.file, err = w.opts.disk.create(path); err != nil {
		return next, asNoSpace(err)
	}
	content := w.ledger.restate(header(w.opts.boot, w.whole))
	next.end = int64(len(content))
	next.rotateAt = max(w.opts.SegmentBytes, 2*next.end) // not again at once when much is running
	next.alloc = max(next.rotateAt, next.end+w.ledger.owed+epochRoom) + w.opts.Reserve
	next.promised, err = allocate(next.file, 0, next.alloc)
	if err == nil {
		failpoint.At("journal.rotate.write")
		_, err = next.file.WriteAt(content, 0)
	}
	if err == nil && w.opts.Sync {
		failpoint.At("journal.rotate.sync")
		if err = next.file.Sync(); err != nil {
			err = w.breakOff(err)
		}
	}
	if err != nil {
		next.file.Close()
		_ = w.opts.disk.remove(path)
		return next, asNoSpace(err)
	}
	return next, nil
}

// retire removes the segments before the newest one: the one that was written, and the
// first time all that were found. What can't be removed is ignored by readers.
func (w *Writer) retire() {
	d, segments := w.opts.disk, []int{w.number}
	var damage []Damage
	if w.old != nil {
		segments, damage = w.old.segments, w.old.state.Damage
		w.old = nil
	}
	if w.file != nil {
		w.file.Close()
	}
	for _, n := range segments {
		path := segmentPath(w.dir, n)
		bad := func(d Damage) bool { return d.Segment == path && !d.Tail }
		if slices.ContainsFunc(damage, bad) {
			_ = d.rename(path, filepath.Join(w.dir, spoilt+filepath.Ext(path)[1:]))
		} else {
			_ = d.remove(path)
		}
	}
}

// resume goes on with the newest segment that was found, when there is no space for
// another. A torn tail is overwritten, not cut off, which would give its space away.
func (w *Writer) resume(f *found) (err error) {
	if w.file, err = w.opts.disk.open(segmentPath(w.dir, f.newest())); err != nil {
		return err
	}
	w.end, w.rotateAt = f.end, f.end+w.opts.SegmentBytes/4
	if _, err = w.file.WriteAt(header(w.opts.boot, w.whole), 0); err != nil {
		w.file.Close()
		return asNoSpace(err)
	}
	if f.size > f.end {
		_, _ = w.file.WriteAt(make([]byte, f.size-f.end), f.end)
	}
	w.alloc = f.end
	need := f.end + w.ledger.owed + epochRoom
	for _, size := range []int64{max(w.opts.SegmentBytes, need) + w.opts.Reserve, need} {
		w.promised, err = allocate(w.file, 0, size) // its last writer may have done it
		if err == nil {
			w.alloc = size
			break
		}
	}
	if errors.Is(err, ErrNoSpace) {
		w.promised, err = true, nil // there is room for nothing new; the old may have luck
	}
	if err == nil && w.opts.Sync {
		err = w.file.Sync()
	}
	if err != nil {
		w.file.Close()
	}
	return err
}

// makeRoom sees to it that a record of n bytes fits, together with all that tasks
// which were started may still need, and after a start this one. It replaces the
// segment when that is full. To the disk it asks for more only when it must.
func (w *Writer) makeRoom(k kind, r *record, n int64) error {
	if k == kindStart {
		n += (&entry{id: r.ID}).owes() + epochRoom
	}
	if w.fits(n) && w.end < w.rotateAt {
		return nil
	}
	w.settle()
	defer w.calm.Broadcast()
	if w.err != nil {
		return w.err
	}
	if w.end >= w.rotateAt {
		w.replace()
	}
	if w.err == nil && !w.fits(n) {
		w.grow(n)
		if !w.fits(n) {
			w.replace()
		}
	}
	switch {
	case w.err != nil:
		return w.err
	case !w.fits(n):
		return fmt.Errorf("%w: tasks that run may need what is left", ErrNoSpace)
	}
	return nil
}

// fits reports whether n bytes are left that nobody was promised.
func (w *Writer) fits(n int64) bool {
	return !w.promised || w.end+w.ledger.owed+n <= w.alloc
}

// replace begins a new segment. If it can't, the old one goes on for a while.
func (w *Writer) replace() {
	if w.rotate() != nil {
		w.rotateAt = w.end + w.opts.SegmentBytes/4
	}
}

// grow asks for more of the disk.
func (w *Writer) grow(n int64) {
	need := w.end + w.ledger.owed + n - w.alloc
	need = (need + growBy - 1) / growBy * growBy
	if _, err := allocate(w.file, w.alloc, need); err == nil {
		w.alloc += need
	}
}

// allocate keeps room on the disk; ok is false when the file system can't.
func allocate(f file, off, n int64) (ok bool, err error) {
	err = f.Allocate(off, n)
	if isUnsupported(err) {
		return false, nil
	}
	return err == nil, asNoSpace(err)
}
