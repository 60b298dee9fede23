package process

import (
	"os"
	"syscall"
	"time"
	"unsafe"

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
	select {
	case <-p.exited:
	case <-p.freed:
	}
}

// park gives the pidfd to Go's own poller. Call it with mu held.
func (p *Process) park() {
	if p.pidfd < 0 {
		return
	}
	_, _ = unix.FcntlInt(uintptr(p.pidfd), unix.F_SETFL, unix.O_NONBLOCK)
	p.parked = os.NewFile(uintptr(p.pidfd), "pidfd")
}

// parkUntilExit returns when the program has ended and was reaped. The goroutine waits
// for the pidfd in Go's own poller, so that a running job takes no thread. It also returns
// when the process was released.
func (p *Process) parkUntilExit() {
	if p.parked != nil {
		defer func() { _ = p.parked.Close() }()
		if raw, err := p.parked.SyscallConn(); err == nil {
			// Fails at once where the poller can't have it.
			_ = raw.Read(func(fd uintptr) bool { return p.collect() || p.adopted && isReadable(int(fd)) })
		}
	}
	if p.adopted {
		p.linger()
	}
	for !p.collect() {
		// No pidfd (Linux before 5.3, or forbidden): block a thread, without reaping.
		_ = unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
}

// isReadable reports whether the process of a pidfd has ended.
func isReadable(fd int) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0
}

// collect reaps the program if it has ended. It is false when the program goes on, true
// when it has ended or was released. It happens under mu, so that whoever holds mu and finds it unreaped knows that the pid is still this program's.
func (p *Process) collect() bool {
	p.mu.Lock()
	if p.reaped || p.released {
		p.mu.Unlock()
		return true
	}
	e, over := p.take()
	if !over {
		p.mu.Unlock()
		return false
	}
	p.reaped, p.exit = true, e
	if !p.watched && p.pidfd >= 0 { // else the file of parkUntilExit closes it
		_ = unix.Close(p.pidfd)
	}
	p.mu.Unlock()
	p.ended()
	return true
}

// take asks how the program has ended; over is false when it goes on. Call it with mu held.
func (p *Process) take() (e exit, over bool) {
	if p.foreign {
		return p.takeStrange()
	}
	return p.takeChild()
}

// announceEnd tells of a child that has ended while it can still be asked how, and reports
// whether it has. Call it with mu held.
func (p *Process) announceEnd() bool {
	// After the three numbers of unix.Siginfo there are si_pid, si_uid and si_status,
	// aligned like a pointer.
	const pid = (12 + unsafe.Sizeof(uintptr(0)) - 1) / unsafe.Sizeof(uintptr(0)) * unsafe.Sizeof(uintptr(0)) / 4
	const value = pid + 2
	var words [32]int32
	info := (*unix.Siginfo)(unsafe.Pointer(&words)) //nolint:gosec // as large as a siginfo_t is everywhere
	err := unix.Waitid(unix.P_PID, p.pid, info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err != nil || words[pid] != int32(p.pid) {
		return err == unix.ECHILD
	}
	status := int(words[value])
	switch info.Code {
	case 1: // CLD_EXITED
		status <<= 8
	case 3: // CLD_DUMPED
		status |= 0x80
	}
	p.reaping(p.verdict(exit{status: syscall.WaitStatus(status)}))
	p.reaping = nil
	return true
}

// takeChild reaps our child if it has ended. Call it with mu held.
func (p *Process) takeChild() (e exit, over bool) {
	if p.reaping != nil && !p.announceEnd() {
		return exit{}, false
	}
	var status unix.WaitStatus
	var usage unix.Rusage
	pid, err := p.host.reaps.reap(p.pid, &status, &usage)
	if err == unix.EINTR || err == nil && pid == 0 {
		return exit{}, false
	}
	return exit{
		status: syscall.WaitStatus(status),
		cpu:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		maxRSS: int64(usage.Maxrss) << 10, //nolint:unconvert // 32 bits wide on some platforms
		lost:   err != nil,
	}, true
}

// signal sends to the program itself, and to its whole group when that is asked for.
func (p *Process) signal(sig unix.Signal, group bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped || p.released || p.pid <= 1 { // to kill(2) the least pids mean everybody
		return
	}
	if p.foreign {
		p.signalStrange(sig, group)
		return
	}
	// Not yet reaped: pid and group can't belong to anybody else.
	target := p.pid
	if group {
		target = -target
	}
	_ = unix.Kill(target, sig)
}

// signalStrange signals a process that somebody else may reap any time. Call it with mu held.
func (p *Process) signalStrange(sig unix.Signal, group bool) {
	if p.pidfd < 0 {
		_ = send(p.ident(), sig)
		return
	}
	if group && unix.PidfdSendSignal(p.pidfd, sig, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP) != unix.EINVAL {
		return
	}
	_ = unix.PidfdSendSignal(p.pidfd, sig, nil, 0) // before Linux 6.9 the others follow one by one
}
