package api

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerUID returns the user who connected.
func peerUID(c *net.UnixConn) (uid int, known bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *unix.Xucred
	if ctlErr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	}); ctlErr != nil || err != nil {
		return 0, false
	}
	return int(cred.Uid), true
}
