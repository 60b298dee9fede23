package process

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/run"
)

// Adopt takes over a try that another program started, be it dead by now or this very one
// before an execve. Of spec it uses Cookie, Output, Grace, KillLeftover, Leaf (see
// cgroup.Tree.Adopt) and Timeout, which is the time that remains: a negative one stops the
// try at once, unless it has ended.
//
// pipe and pidfd are those of Files; either may be nil. They are closed here, unless there
// is an error: then they stay the caller's. Without a pipe there is no output, and its
// writers get SIGPIPE if nobody else holds it.
//
// Whether the process is a child of this program is found out, also when that changes
// later. A child is waited for, a zombie too. How another one ended is told by its pidfd
// (Linux 6.15), or by /proc while it is a zombie; else the outcome is lost. ErrGone is
// returned when the process has ended, nobody knows how, and there is no pipe to read;
// ErrElsewhere when its pid means nothing here. A process that can't be proven to be the
// one meant is neither adopted nor signalled.
func Adopt(spec Spec, h Handle, pipe, pidfd *os.File, host *Host) (*Process, error) {
	p := newProcess(spec, host)
	p.inherit(h)
	if err := p.connect(spec, h, pipe); err != nil {
		return nil, err
	}
	if err := p.seize(h, pidfd, pipe != nil); err != nil {
		p.output.close()
		return nil, err
	}
	_ = pipe.Close() // nil is no harm
	_ = pidfd.Close()
	if p.collect() { // by itself, in time
		p.output.limit(host.patience)
	}
	switch {
	case spec.Timeout < 0:
		p.Stop(run.Timeout, run.TimedOut, p.timeoutDetail())
	case spec.Timeout > 0:
		p.stopAfter(spec.Timeout)
	}
	p.mu.Lock()
	p.watch()
	p.mu.Unlock()
	go p.drive()
	host.watcher.nudge()
	return p, nil
}

// inherit takes over what the Handle says.
func (p *Process) inherit(h Handle) {
	p.adopted, p.foreign = true, true
	p.pid, p.began, p.inode = h.PID, h.StartTime, h.Inode
	p.marks.own, p.marks.birth = h.Mark, h.Birth
	p.started, p.timeout = h.Started, h.Timeout
	p.peak.seen.Store(h.Peak)
	p.peak.due = time.Now()
	p.oom = h.OOM
	if h.OOMFile != p.host.memory.path {
		p.oom = p.host.oomBefore()
	}
}

// connect opens the output.
func (p *Process) connect(spec Spec, h Handle, pipe *os.File) (err error) {
	if pipe == nil {
		var w int
		if p.output, w, err = newOutput(p.host, spec.Output); err == nil {
			_ = unix.Close(w)
		}
	} else {
		p.output, err = adoptOutput(p.host, spec.Output, pipe)
	}
	if err == nil {
		p.output.written.Store(h.Written)
	}
	return err
}

// seize makes the process this host's. No child is reaped in between.
func (p *Process) seize(h Handle, pidfd *os.File, readable bool) error {
	p.host.reaping.Lock()
	defer p.host.reaping.Unlock()
	fd, reaped, err := h.hold(pidfd)
	if err != nil {
		return err
	}
	if reaped && !readable {
		if _, known := p.host.exitInfo(fd); !known {
			_ = unix.Close(fd)
			return ErrGone
		}
	}
	p.pidfd = fd
	if p.inode == 0 && fd >= 0 {
		p.inode = pidfsInode(fd)
	}
	if err = p.host.addAdopted(p); err != nil && fd >= 0 {
		_ = unix.Close(fd)
	}
	return err
}

// addAdopted is add for what may be known already.
func (h *Host) addAdopted(p *Process) error {
	h.mu.Lock()
	old := h.mains[p.pid]
	h.mu.Unlock()
	if old != nil && !old.Released() {
		return errHeld
	}
	if !h.add(p) {
		return errHostClosed
	}
	return nil
}

// ident returns what the process can be told by; the start is 0 where that was never asked.
func (p *Process) ident() ident { return ident{pid: p.pid, start: p.began} }

// strangePatience is how long somebody else may take to reap a process of theirs that we
// took over, before its status is read from /proc.
const strangePatience = 2 * time.Second

// takeStrange is take for a process that is not known to be our child. It may become one
// any time, when its parent dies. Call it with mu held.
func (p *Process) takeStrange() (e exit, over bool) {
	switch child, ended := p.isChild(); {
	case child && ended:
		p.foreign = false
		return p.takeChild()
	case child:
		p.foreign = false
		return exit{}, false
	}
	if p.pidfd < 0 {
		now, ok := readStat(p.pid)
		if ok && now.ident == p.ident() {
			return p.takeZombie()
		}
		return exit{unknown: true}, true
	}
	if status, known := p.host.exitInfo(p.pidfd); known {
		return exit{status: status}, true
	}
	if isReaped(p.pidfd) {
		// It may have been reaped between the two questions.
		status, known := p.host.exitInfo(p.pidfd)
		return exit{status: status, unknown: !known}, true
	}
	return p.takeZombie()
}

// takeZombie reads the status of a process that nobody has waited for in all that time.
func (p *Process) takeZombie() (e exit, over bool) {
	if p.dead.IsZero() || time.Since(p.dead) < strangePatience {
		return exit{}, false
	}
	status, known := zombieStatus(p.ident())
	return exit{status: status, unknown: !known}, true
}

// isChild reports whether the process is our child, and then whether it has ended.
func (p *Process) isChild() (child, ended bool) {
	if p.pidfd < 0 {
		e, ok := readStat(p.pid)
		return ok && e.ident == p.ident() && e.ppid == p.host.self.pid, !e.alive()
	}
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PIDFD, p.pidfd, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	for err == unix.EINTR {
		err = unix.Waitid(unix.P_PIDFD, p.pidfd, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	}
	if err == unix.EINVAL { // Linux before 5.4
		e, ok := readStat(p.pid)
		return ok && e.ident == p.ident() && e.ppid == p.host.self.pid, !e.alive()
	}
	return err == nil, info.Signo == int32(syscall.SIGCHLD)
}

// linger waits for the end of a process that is not our child, or not known to be: its
// pidfd does not tell when it is reaped (before Linux 6.9) or becomes our child.
func (p *Process) linger() {
	for pause := shortestPause; !p.collect(); pause = min(2*pause, longestPause) {
		p.mu.Lock()
		if e, ok := readStat(p.pid); p.dead.IsZero() && (!ok || e.ident != p.ident() || !e.alive()) {
			p.dead = time.Now()
		}
		p.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-p.freed:
			timer.Stop()
		}
	}
}
