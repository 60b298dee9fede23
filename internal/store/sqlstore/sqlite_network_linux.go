package sqlstore

import "golang.org/x/sys/unix"

// fileSystemOf returns the type of the file system that a directory is on.
func fileSystemOf(dir string) (fsType, error) {
	var s unix.Statfs_t
	for {
		if err := unix.Statfs(dir, &s); err != unix.EINTR { //nolint:errorlint // system calls return it bare
			return fsType(uint32(s.Type)), err
		}
	}
}
