package keeper

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// rest gives back what a keeper that only waits does not need: free memory, and the pages
// of its program's file that are mapped. Most of these were read when all packages of the
// program were initialized, of which the keeper uses few. The system has them still, and
// maps again what is needed after all.
func rest() {
	debug.FreeOSMemory()
	for _, m := range programMaps() { // nothing else in between, which would need some of them
		_, _, _ = unix.RawSyscall(unix.SYS_MADVISE, m[0], m[1]-m[0], unix.MADV_DONTNEED)
	}
}

// programMaps returns where the program's file is mapped, from and to, without what can be
// written: that is not in the file any more.
func programMaps() (all [][2]uintptr) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		var m [2]uintptr
		var may string
		_, err := fmt.Sscanf(line, "%x-%x %s", &m[0], &m[1], &may)
		if err == nil && may[1] != 'w' && strings.HasSuffix(line, " "+self+"\n") {
			all = append(all, m)
		}
	}
	return all
}
