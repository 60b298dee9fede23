package process

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// awaitExit waits for the program to end and reaps it. The goroutine is parked on the
// pidfd in Go's own poller, so that a running job takes no thread.
func (p *Process) awaitExit() exit {
	var e exit
	var ended bool
	poll := func(uintptr) bool {
		e, ended = p.reap()
		return ended
	}
	if p.pidfd >= 0 {
		_, _ = unix.FcntlInt(uintptr(p.pidfd), unix.F_SETFL, unix.O_NONBLOCK)
		file := os.NewFile(uintptr(p.pidfd), "pidfd")
		defer func() { _ = file.Close() }()
		if raw, err := file.SyscallConn(); err == nil {
			_ = raw.Read(poll) // fails at once where the poller can't have it
		}
	}
	for !ended {
		// No pidfd (Linux before 5.3, or forbidden): block a thread, without reaping.
		_ = unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		poll(0)
	}
	p.host.forgetMain(p)
	return e
}

// reap collects the program if it has ended. It happens under mu, so that whoever holds
// mu and finds it unreaped knows that the pid is still this program's.
func (p *Process) reap() (exit, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var status unix.WaitStatus
	var usage unix.Rusage
	pid, err := unix.Wait4(p.pid, &status, unix.WNOHANG, &usage)
	switch {
	case err == unix.EINTR, err == nil && pid == 0:
		return exit{}, false
	case err != nil:
		p.reaped = true
		return exit{lost: true}, true
	}
	p.reaped = true
	return exit{
		status: syscall.WaitStatus(status),
		cpu:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		maxRSS: usage.Maxrss << 10,
	}, true
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
