package process

import (
	"errors"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Handle is what another program of this host needs to take a running try over, beside
// the files of Process.Files. It can be kept as JSON: it says which process is meant in a
// way that no later process fits, even one with the same pid or after a reboot.
type Handle struct {
	PID       int    `json:"pid"`
	StartTime uint64 `json:"start_time"`      // clock ticks since boot
	BootID    string `json:"boot_id"`         // boot and PID namespace, as SelfIdentity says them
	Inode     uint64 `json:"inode,omitempty"` // of the pidfd, unique until the next boot; 0: not known (Linux before 6.9)

	// Mark and Birth are inherited by all descendants; 0 where there are none.
	Mark  uint64 `json:"mark,omitempty"`
	Birth uint64 `json:"birth,omitempty"`

	Started time.Time     `json:"started"`
	Timeout time.Duration `json:"timeout,omitempty"` // as of the start, 0 for none
	Written int64         `json:"written,omitempty"` // bytes of output until now; exact once a released process was waited for
	Peak    int64         `json:"peak,omitempty"`    // largest resident set seen until now, bytes

	// OOM is what the counter in OOMFile said at the start.
	OOM     uint64 `json:"oom,omitempty"`
	OOMFile string `json:"oom_file,omitempty"`
}

// ErrGone says that the process of a Handle has ended, or that the host was started again
// since, and that nobody can tell any more how it ended. Its pid may be a stranger's.
var ErrGone = errors.New("the process is gone and its exit status is not known")

// ErrElsewhere says that nothing can be known about the process of a Handle, because it
// belongs to another container (PID namespace).
var ErrElsewhere = errors.New("the process belongs to another container")

// errWrongFile says that a pidfd is not that of the Handle.
var errWrongFile = errors.New("the pidfd is that of another process")

// errHeld says that Adopt was called twice.
var errHeld = errors.New("the process is this program's already")

// releasedDetail is what the outcome of a released process says.
const releasedDetail = "given up to another program while it ran"

// Released reports whether Release came before the end. Then Wait returns an outcome with
// the state RUNNING, which is nobody's to record.
func (p *Process) Released() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.released
}

// surrender ends a released process here, without an end of the program.
func (p *Process) surrender() {
	p.outcome = run.Outcome{
		State: run.Running, ExitCode: run.NoExitCode, Detail: releasedDetail,
		Output: p.output.written.Load(), MaxRSS: p.peak.value(),
	}
	p.host.remove(p)
	close(p.done)
}
