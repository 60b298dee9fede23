//go:build !linux

package keeper

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

func pair() (ours, theirs int, err error) {
	syscall.ForkLock.RLock() // nothing is forked until both ends close on exec
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return fds[0], fds[1], nil
}

func shortPath(dir string) (path string, done func(), err error) { return dir, func() {}, nil }

// samePeer is false on this system: nobody is let in.
func samePeer(*net.UnixConn) bool { return false }
