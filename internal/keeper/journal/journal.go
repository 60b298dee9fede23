// Package journal is the keeper's memory: what it started, as which process, and how
// that ended, written to a local disk before anybody is told, so that after any
// kill -9 the next program knows what happened.
//
// A journal is a directory of segments, "journal.000001" and so on, of which there is
// one unless a program was killed at the wrong moment. One Writer at a time appends
// records; anybody may Read. What a record says is never changed by a later one of the
// same kind, so that records may be there twice, as they are when a segment is full
// and a new one states again all that is not acknowledged.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Errors of a Writer, for errors.Is. What the system said is in the same chain.
var (
	// ErrNoSpace means that the disk is full. From Start: nothing was recorded and
	// nothing may be started; trying again later is right. From the others: the room
	// that was kept for them did not help; try again.
	ErrNoSpace = errors.New("no space for the journal")
	// ErrBroken means that a sync failed once: what was written may or may not be on
	// the disk, and no later sync of that file could be believed. This
	// Writer still knows everything: see Renew.
	ErrBroken = errors.New("the journal can't be relied on any more")
	// ErrLocked means that another Writer has this journal.
	ErrLocked = errors.New("the journal is in use")
	// ErrOrder means that a record does not follow from what is recorded of its task,
	// such as a second START. Nothing was recorded.
	ErrOrder = errors.New("the record does not fit what is recorded already")
	// ErrInvalid means that a record can't be written as it is, ever.
	ErrInvalid = errors.New("the record is not valid")
	// ErrVersion means that a newer program, whose format this one does not know, wrote the journal.
	ErrVersion = errors.New("the journal was written by a newer version")
	// ErrClosed is what a closed Writer answers.
	ErrClosed = fmt.Errorf("the journal is closed: %w", fs.ErrClosed)
)

// Limits of what a record holds. Outputs and details are cut to fit; what else is
// longer is refused with ErrInvalid.
const (
	MaxID     = 1 << 10 // bytes of a task's id
	MaxHandle = 1 << 10 // bytes of a handle as compact JSON
	MaxMore   = 1 << 10 // bytes of Exit.More as compact JSON
	MaxHead   = 4 << 10 // bytes of output
	MaxDetail = 512     // bytes of a detail
)

// Defaults of Options.
const (
	DefaultSegmentBytes = 1 << 20
	DefaultReserve      = 1 << 20
)

// Options say how a journal is written.
type Options struct {
	// Sync makes Exit wait until its record survives a loss of power. Without it
	// records survive the end of the program only.
	Sync bool
	// SegmentBytes is the size at which a segment is replaced. Defaults to 1 MiB.
	SegmentBytes int64
	// Reserve is how many bytes of the disk are kept beyond that, so that jobs can go
	// on for a while when the disk is full. Defaults to 1 MiB. Records of tasks that
	// were started have room in any case.
	Reserve int64

	boot string // this host's boot id
	disk disk
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.Reserve <= 0 {
		o.Reserve = DefaultReserve
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	if o.boot == "" {
		o.boot = bootID()
	}
	return o
}

// State is what a journal says.
type State struct {
	// Whole reports whether a task that is not in Tasks was either never started or
	// acknowledged. It is false when this host was started anew since the journal was
	// begun, or some of it was damaged, and stays so for this directory: only what was
	// being written when a program was killed does not count.
	Whole    bool
	SameBoot bool     // the journal was last opened for writing since this host was started
	Epoch    int64    // the highest fencing number that was accepted
	Tasks    []Task   // in the order of their first starts, without those acknowledged
	Damage   []Damage // what could not be read; empty for a journal that is whole
}

// Task is what is recorded of one task. What is missing is zero: after damage that
// may be any of it.
type Task struct {
	ID         string
	SameBoot   bool            // it was started since this host was started
	At         time.Time       // of its start, in UTC
	Spec       json.RawMessage // as given to Start; nil when that record was lost to damage
	Handle     json.RawMessage // as given to PID; nil: not known as which process it was started
	NotStarted bool            // nothing was started, and Detail says why; no proof unless State.Whole
	Detail     string
	// Ending is what was known of the end before the rest was looked at; nil: nothing.
	Ending *run.Outcome
	Exit   *Exit // nil: it is not recorded as ended
}

// Exit is how a task ended.
type Exit struct {
	Outcome run.Outcome
	Head    []byte          // the first MaxHead bytes of its output
	At      time.Time       // in UTC
	More    json.RawMessage // whatever else the keeper wants to know, at most MaxMore bytes
}

// Damage is a piece of a segment that could not be read.
type Damage struct {
	Segment string // its path
	Offset  int64
	Bytes   int64
	// Tail says that it is the last record and that its end is missing, as it may be
	// when the program was killed while it wrote: before Start, say, had returned.
	Tail bool
}

// Read returns what the journal in dir says and changes nothing. A Writer may be at
// work: then its newest record may show as Damage at the tail. The error is
// fs.ErrNotExist when there is no journal, or ErrVersion, or one of the system.
func Read(dir string) (State, error) {
	found, err := load(osDisk{}, dir, bootID())
	return found.state, err
}
