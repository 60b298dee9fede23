//go:build failpoints

package failpoint

import "golang.org/x/sys/unix"

// peerOf returns the process that made, or called, the other end of a socket; zero when
// nobody knows.
func peerOf(fd int) int {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0
	}
	return int(cred.Pid)
}
