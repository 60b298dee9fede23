package process

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/cgroup"
)

// unreadBytes is the ioctl that tells how much is in a pipe.
const unreadBytes = unix.TIOCINQ

// newPipe returns a pipe whose read end does not block. The write end must: its flags
// are the child's.
func newPipe() (r, w int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, os.NewSyscallError("pipe2", err)
	}
	if _, err := unix.FcntlInt(uintptr(fds[0]), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
		return -1, -1, os.NewSyscallError("fcntl", err)
	}
	return fds[0], fds[1], nil
}

// largePipe is what an unprivileged user may have, as long as there are not too many.
const largePipe = 1 << 20

func growPipe(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, largePipe) }

// begin starts the program of p and closes w, which then only the child has.
func (h *Host) begin(p *Process, spec Spec, path string, w int) error {
	defer func() { _ = unix.Close(w) }()
	if h.isClosed() {
		return errHostClosed
	}
	group, err := openLeaf(spec.Leaf)
	if err != nil {
		return err
	}
	defer func() { _ = group.Close() }() // nil is no harm
	pidfd := -1
	h.marker.takeOff(p)
	defer h.marker.land(p)
	if spec.Before != nil {
		if err := p.output.withFD(func(pipe int) error { return spec.Before(pipe, p.marks.own) }); err != nil {
			return err
		}
	}
	pid, err := h.fork(path, spec.Args, &syscall.ProcAttr{
		Dir:   spec.Dir,
		Env:   spec.Env,
		Files: []uintptr{uintptr(h.stdin), uintptr(w), uintptr(w)},
		Sys:   attributes(group, &pidfd),
	})
	if err != nil {
		return err
	}
	p.pid, p.pidfd = pid, pidfd
	p.peak.due = time.Now().Add(firstSample)
	h.marker.stamp(p)
	if !h.add(p) {
		return p.abort()
	}
	h.watcher.nudge()
	return nil
}

// attributes are those of a program with a session of its own, in its control group.
func attributes(group *os.File, pidfd *int) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, PidFD: pidfd}
	if group != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(group.Fd())
	}
	return attr
}

// openLeaf returns the directory of a control group, nil for none.
func openLeaf(leaf *cgroup.Leaf) (*os.File, error) {
	if leaf == nil {
		return nil, nil
	}
	return leaf.Open()
}

// fork is ForkExec with an empty signal mask. Go gives a child the mask of the calling
// thread, which is whatever this program was started with.
func (h *Host) fork(path string, args []string, attr *syscall.ProcAttr) (int, error) {
	if !h.masked {
		return syscall.ForkExec(path, args, attr)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var none, old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &old); err == nil {
		defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	}
	return syscall.ForkExec(path, args, attr)
}

// abort takes back a program that was started while the host was being closed.
func (p *Process) abort() error {
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	_, _ = unix.Wait4(p.pid, nil, 0, nil)
	if p.pidfd >= 0 {
		_ = unix.Close(p.pidfd)
	}
	return errHostClosed
}
