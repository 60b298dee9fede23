//go:build unix

package daemon

import "syscall"

// fileLimit returns how many files this process may have open, 0 when that is not known.
func fileLimit() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(uint64(l.Cur), 1<<30)) //nolint:gosec,unconvert // the type differs between systems
}
