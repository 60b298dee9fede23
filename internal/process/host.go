package process

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var errHostClosed = errors.New("the process host is closed")

// Host is what all processes of this program share; there is one per program. It makes
// the program the reaper of orphaned descendants, so that none gets away or stays as a
// zombie, and knows which processes run. Safe for concurrent use.
type Host struct {
	stdin    int // /dev/null, the stdin of every job
	buffers  sync.Pool
	patience time.Duration // drainPatience, other in tests

	// mu guards the four below. Starts, ends and Close come from many goroutines, and
	// each holds it only for a map operation.
	mu     sync.Mutex
	mains  map[int]*Process      // programs that were not reaped yet, by pid
	live   map[*Process]struct{} // processes without an outcome yet
	drains map[*output]struct{}  // pipes that leftover processes still hold
	closed bool

	drained sync.WaitGroup // the goroutines behind drains
	system                 // what only this operating system offers
}

// NewHost prepares this program for having jobs: see Host.
func NewHost() (*Host, error) { return makeHost(true, false) }

// makeHost makes a host which recognises processes without marks unless wanted. An heir
// is made as by NewHeir.
func makeHost(marks, heir bool) (*Host, error) {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	h := &Host{
		stdin:    null,
		patience: drainPatience,
		mains:    make(map[int]*Process),
		live:     make(map[*Process]struct{}),
		drains:   make(map[*output]struct{}),
	}
	if err := h.open(marks, heir); err != nil {
		_ = unix.Close(null)
		return nil, err
	}
	return h, nil
}

// Close ends the host's goroutines. Call it when all processes have ended: nothing can
// be started any more, and leftover processes that still write get SIGPIPE. Idempotent.
func (h *Host) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	for o := range h.drains {
		o.close()
	}
	h.mu.Unlock()
	h.drained.Wait()
	h.shut()
	return unix.Close(h.stdin)
}

func (h *Host) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// add makes a started process known. It is false when the host was closed meanwhile.
func (h *Host) add(p *Process) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.mains[p.pid] = p
	h.live[p] = struct{}{}
	h.bear(p)
	return true
}

// forgetMain is called when the program was reaped: its pid may be anybody's now.
func (h *Host) forgetMain(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mains[p.pid] == p {
		delete(h.mains, p.pid)
	}
}

func (h *Host) isMain(pid int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mains[pid] != nil || h.isGuard(pid)
}

func (h *Host) remove(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.live, p)
	h.unbear(p)
}

// running returns the processes without an outcome.
func (h *Host) running() []*Process {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Process, 0, len(h.live))
	for p := range h.live {
		all = append(all, p)
	}
	return all
}

func (h *Host) addDrain(o *output) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.drains[o] = struct{}{}
	h.drained.Add(1)
	return true
}

func (h *Host) removeDrain(o *output) {
	h.mu.Lock()
	delete(h.drains, o)
	h.mu.Unlock()
	h.drained.Done()
}

func (h *Host) buffer() *[bufferSize]byte {
	if buf, ok := h.buffers.Get().(*[bufferSize]byte); ok {
		return buf
	}
	return new([bufferSize]byte)
}

func (h *Host) recycle(buf *[bufferSize]byte) { h.buffers.Put(buf) }
