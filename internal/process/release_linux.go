package process

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Release gives the try up without ending it, for an execve or for a hand-over to another
// program: reading stops where the last Write to Output ended, no timeout fires any more,
// a stop that is under way is not carried on, and the program is not reaped by this host
// any more, also not when it ends. It returns at once; Wait tells when that is done.
// Get the Files before. It has no effect once the program has ended: see Released.
//
// Before Linux 5.3 a goroutine and its thread stay behind until the program ends.
func (p *Process) Release() {
	p.mu.Lock()
	if p.reaped || p.released {
		p.mu.Unlock()
		return
	}
	p.identify()
	p.released = true
	if p.limit != nil {
		p.limit.Stop()
	}
	switch {
	case p.parked != nil:
		_ = p.parked.SetReadDeadline(time.Unix(1, 0))
	case !p.watched && p.pidfd >= 0:
		_ = unix.Close(p.pidfd)
	}
	p.mu.Unlock()
	close(p.freed)
	p.output.giveUp()
}

// Handle returns what another program needs to take the process over.
func (p *Process) Handle() Handle {
	p.mu.Lock()
	p.identify()
	p.mu.Unlock()
	return Handle{
		PID: p.pid, StartTime: p.began, BootID: p.host.boot, Inode: p.inode,
		Mark: p.marks.own, Birth: p.host.marker.certainBirth(p),
		Started: p.started, Timeout: p.timeout,
		Written: p.output.written.Load(), Peak: p.peak.value(),
		OOM: p.oom, OOMFile: p.host.memory.path,
	}
}

// identify finds out once what makes the process unmistakable. Call it with mu held.
func (p *Process) identify() {
	if p.began != 0 || p.reaped || p.released {
		return
	}
	// Not yet reaped: the pid can't belong to anybody else.
	if e, ok := readStat(p.pid); ok {
		p.began = e.start
	}
	if p.pidfd >= 0 {
		p.inode = pidfsInode(p.pidfd)
	}
}

// Files returns duplicates of the pipe's read end and of the pidfd, which close on exec;
// the caller closes them. While somebody holds the pipe, its writers never get SIGPIPE,
// even when this program is killed. pipe is nil when the output has ended, pidfd when
// the program has, or when this host has none.
//
// Don't read from pipe while the process is not released, and leave it non-blocking.
func (p *Process) Files() (pipe, pidfd *os.File, err error) {
	if pipe, err = p.output.duplicate(); err != nil {
		return nil, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidfd < 0 || p.reaped || p.released {
		return pipe, nil, nil
	}
	fd, err := unix.FcntlInt(uintptr(p.pidfd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		_ = pipe.Close() // nil is no harm
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return pipe, os.NewFile(uintptr(fd), "pidfd"), nil
}
