package process

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// exitPatience is how long a thread is spent on a program whose output has ended: most
// are exiting then and need some microseconds.
const exitPatience = 10 * time.Millisecond

// awaitExit returns when the program has ended, after its output did.
func (p *Process) awaitExit() {
	if p.pidfd >= 0 && !p.collect() {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}, int(exitPatience.Milliseconds()))
	}
	if !p.collect() {
		p.mu.Lock()
		p.watch()
		p.mu.Unlock()
	}
	<-p.exited
}

// parkUntilExit returns when the program has ended and was reaped. The goroutine waits
// for the pidfd in Go's own poller, so that a running job takes no thread.
func (p *Process) parkUntilExit() {
	if p.pidfd >= 0 {
		_, _ = unix.FcntlInt(uintptr(p.pidfd), unix.F_SETFL, unix.O_NONBLOCK)
		file := os.NewFile(uintptr(p.pidfd), "pidfd")
		defer func() { _ = file.Close() }()
		if raw, err := file.SyscallConn(); err == nil {
			_ = raw.Read(func(uintptr) bool { return p.collect() }) // fails at once where the poller can't have it
		}
	}
	for !p.collect() {
		// No pidfd (Linux before 5.3, or forbidden): block a thread, without reaping.
		_ = unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
}

// collect reaps the program if it has ended, and reports whether it has. It happens under
// mu, so that whoever holds mu and finds it unreaped knows that the pid is still this program's.
func (p *Process) collect() bool {
	p.mu.Lock()
	if p.reaped {
		p.mu.Unlock()
		return true
	}
	var status unix.WaitStatus
	var usage unix.Rusage
	pid, err := unix.Wait4(p.pid, &status, unix.WNOHANG, &usage)
	if err == unix.EINTR || err == nil && pid == 0 {
		p.mu.Unlock()
		return false
	}
	p.reaped = true
	p.exit = exit{
		status: syscall.WaitStatus(status),
		cpu:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		maxRSS: int64(usage.Maxrss) << 10, //nolint:unconvert // 32 bits wide on some platforms
		lost:   err != nil,
	}
	if !p.watched && p.pidfd >= 0 { // else the file of parkUntilExit closes it
		_ = unix.Close(p.pidfd)
	}
	p.mu.Unlock()
	p.ended()
	return true
}

// signal sends to the program itself, and to its whole group when that is asked for.
func (p *Process) signal(sig unix.Signal, group bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	// Not yet reaped: pid and group can't belong to anybody else.
	target := p.pid
	if group {
		target = -target
	}
	_ = unix.Kill(target, sig)
}
