//go:build !linux

package process

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// On systems other than Linux only the process group can be signalled: a descendant
// that leaves it is not found, orphans go to init, and nothing is known of memory.

// unreadBytes is FIONREAD, the ioctl that tells how much is in a pipe, on BSD systems.
const unreadBytes = 0x4004667f

const (
	sweepPatience = 30 * time.Second
	sweepPause    = 10 * time.Millisecond
)

type (
	system struct{}
	marks  struct{}
)

type peak struct{}

func (peak) value() int64 { return 0 }

func (h *Host) open(bool, bool) error            { return nil }
func (p *Process) ranOutOfMemory() bool          { return false }
func (h *Host) isGuard(int) bool                 { return false }
func (h *Host) bear(*Process)                    {}
func (h *Host) unbear(*Process)                  {}
func (h *Host) shut()                            {}
func (h *Host) oomBefore() uint64                { return 0 }
func (h *Host) oomSince(uint64) bool             { return false }
func (h *Host) trueMaxRSS(kernel, _ int64) int64 { return kernel }
func (p *Process) release([]int)                 { p.host.remove(p) }
func (h *Host) begin(p *Process, spec Spec, path string, w int) error {
	defer func() { _ = unix.Close(w) }()
	if h.isClosed() {
		return errHostClosed
	}
	if spec.Before != nil {
		if err := p.output.withFD(func(pipe int) error { return spec.Before(pipe, 0) }); err != nil {
			return err
		}
	}
	pid, err := syscall.ForkExec(path, spec.Args, &syscall.ProcAttr{
		Dir:   spec.Dir,
		Env:   spec.Env,
		Files: []uintptr{uintptr(h.stdin), uintptr(w), uintptr(w)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	p.pid = pid
	if !h.add(p) {
		_ = unix.Kill(-pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
		return errHostClosed
	}
	p.mu.Lock()
	p.watch() // there is nothing else that would notice
	p.mu.Unlock()
	return nil
}

// newPipe returns a pipe whose read end does not block.
func newPipe() (r, w int, err error) {
	var fds [2]int
	syscall.ForkLock.RLock() // nothing is forked until both ends close on exec
	defer syscall.ForkLock.RUnlock()
	if err := unix.Pipe(fds[:]); err != nil {
		return -1, -1, os.NewSyscallError("pipe", err)
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
		return -1, -1, os.NewSyscallError("fcntl", err)
	}
	return fds[0], fds[1], nil
}

func growPipe(uintptr) {}

func (p *Process) park() {}

// awaitExit returns when the program has ended, after its output did.
func (p *Process) awaitExit() { <-p.exited }

// parkUntilExit blocks a thread until the program has ended.
func (p *Process) parkUntilExit() {
	var status unix.WaitStatus
	var usage unix.Rusage
	_, err := unix.Wait4(p.pid, &status, 0, &usage)
	for err == unix.EINTR {
		_, err = unix.Wait4(p.pid, &status, 0, &usage)
	}
	p.mu.Lock()
	p.reaped = true
	p.exit = exit{
		status: syscall.WaitStatus(status),
		cpu:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		maxRSS: int64(usage.Maxrss),
		lost:   err != nil,
	}
	p.mu.Unlock()
	p.ended()
}

// sweep ends the process group.
func (p *Process) sweep() []int {
	_ = unix.Kill(-p.pid, unix.SIGTERM)
	_ = unix.Kill(-p.pid, unix.SIGCONT)
	grace := time.NewTimer(p.grace)
	defer grace.Stop()
	tick := time.NewTicker(sweepPause)
	defer tick.Stop()
	hurry := p.hurry
	var killing time.Time
	for {
		select {
		case <-tick.C:
		case <-grace.C:
			killing = time.Now()
		case <-hurry:
			killing, hurry = time.Now(), nil
		}
		left := p.leftovers()
		if len(left) == 0 || !killing.IsZero() && time.Since(killing) > sweepPatience {
			return left
		}
		if !killing.IsZero() {
			_ = unix.Kill(-p.pid, unix.SIGKILL)
		}
	}
}

// leftovers names the group when it still has members.
func (p *Process) leftovers() []int {
	if unix.Kill(-p.pid, 0) == unix.ESRCH {
		return nil
	}
	return []int{p.pid}
}

// SelfIdentity returns what identifies this program: the host's name and the pid. Boot
// and start time are not known on this system.
func SelfIdentity() (host, bootID string, pid int, startTime uint64) {
	host, _ = os.Hostname()
	return host, "", os.Getpid(), 0
}

// Alive reports whether a process still runs; known is false on this system as long as
// there is a process with that pid, which may be another one.
func Alive(_ string, pid int, _ uint64) (alive, known bool) {
	if unix.Kill(pid, 0) == unix.ESRCH {
		return false, true
	}
	return true, false
}

// Handle returns what identifies the process; nobody can take it over on this system.
func (p *Process) Handle() Handle {
	return Handle{PID: p.pid, Started: p.started, Timeout: p.timeout, Written: p.output.written.Load()}
}

// Files is not supported on this system.
func (p *Process) Files() (pipe, pidfd *os.File, err error) { return nil, nil, errors.ErrUnsupported }

// Release has no effect on this system.
func (p *Process) Release() {}

// Adopt is not supported on this system.
func Adopt(Spec, Handle, *os.File, *os.File, *Host) (*Process, error) {
	return nil, errors.ErrUnsupported
}

// Find is not supported on this system.
func Find(Handle) (pidfd *os.File, alive bool, err error) { return nil, false, errors.ErrUnsupported }

// NewHeir is NewHost on this system.
func NewHeir() (*Host, error) { return NewHost() }

// Guard has no effect on this system.
func (h *Host) Guard(int) error { return nil }

// Settle has no effect on this system.
func (h *Host) Settle() {}

// ExitStatusOffered is false on this system.
func ExitStatusOffered() bool { return false }

// Survivors finds nothing on this system.
func Survivors(string) ([]Survivor, error) { return nil, nil }

// KillSurvivors does nothing on this system.
func KillSurvivors(context.Context, string, time.Duration) (killed, left []Survivor, err error) {
	return nil, nil, nil
}
