package journal

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func fallocate(f *os.File, off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n)
}

func fdatasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// bootID returns what names this boot of this host.
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}
