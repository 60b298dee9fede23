package process

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidfdInfo is struct pidfd_info of linux/pidfd.h in its first version.
type pidfdInfo struct {
	mask     uint64
	_        uint64
	_        [11]uint32
	exitCode int32
}

// getInfo is PIDFD_GET_INFO, _IOWR(0xff, 11, struct pidfd_info). Where _IOC_NONE is not 0
// (mips, ppc, sparc), the direction has other bits, too.
func getInfo() uintptr {
	const number = unsafe.Sizeof(pidfdInfo{})<<16 | 0xff<<8 | 11
	if unix.PIDFD_GET_USER_NAMESPACE>>16 != 0 {
		return 6<<29 | number
	}
	return 3<<30 | number
}

// exitInfo returns how a process ended that somebody else has waited for, provided that
// the pidfd was opened before its end. known is false as long as it was not waited for, and
// always where Linux does not tell (before 6.15; see ExitStatusOffered).
func exitInfo(fd int) (status syscall.WaitStatus, known bool) {
	info := pidfdInfo{mask: unix.PIDFD_INFO_EXIT}
	//nolint:gosec // the kernel writes no more than the size that is part of the request
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getInfo(), uintptr(unsafe.Pointer(&info)))
	if errno != 0 || info.mask&unix.PIDFD_INFO_EXIT == 0 {
		return 0, false
	}
	return syscall.WaitStatus(info.exitCode), true
}

// ExitStatusOffered tries out whether this system tells the exit status of processes that
// are not our children. It takes some 100 µs: a thread of this program is ended for it.
func ExitStatusOffered() bool {
	const patience = 1000 // milliseconds
	fd := endedThread()
	if fd < 0 {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(poll, patience); err != unix.EINTR {
			_, known := exitInfo(fd)
			return n > 0 && known
		}
	}
}

// endedThread returns a pidfd of a thread of this program that is ending, -1 where there
// is no such thing.
func endedThread() int {
	pidfd := make(chan int)
	kept := make(chan struct{})
	defer close(kept)
	var end func()
	end = func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() {
			go end() // the main thread would stay
			<-kept
			runtime.UnlockOSThread()
			return
		}
		fd, err := unix.PidfdOpen(unix.Gettid(), unix.PIDFD_THREAD)
		if err != nil {
			fd = -1
		}
		pidfd <- fd
	}
	go end()
	return <-pidfd
}

// zombieStatus returns the exit status of a process that has ended but that its parent
// does not wait for. CPU time comes with it.
func zombieStatus(id ident) (syscall.WaitStatus, bool) {
	const exitCode = 52 - 3
	// Who may not look gets a 0 for the status. This link needs the same right.
	if _, err := os.Readlink(procPath(id.pid, "ns/pid")); err != nil {
		return 0, false
	}
	stat, err := slurp(procPath(id.pid, "stat"))
	if err != nil {
		return 0, false
	}
	e, ok := parseStat(id.pid, stat)
	f := statFields(stat)
	if !ok || e.ident != id || e.state != 'Z' || e.threads > 1 || len(f) <= exitCode {
		return 0, false
	}
	code, err := strconv.Atoi(string(f[exitCode]))
	return syscall.WaitStatus(code), err == nil
}
