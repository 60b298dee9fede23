package cgroup

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// owner returns how names of this program's leaves begin: a pid alone may be reused, and
// means something else to a program in another PID namespace.
func owner() string {
	pid := strconv.Itoa(os.Getpid())
	return prefix + pid + "." + startOf(pid) + "-" + pidSpace() + "."
}

// pidSpace returns the number of our PID namespace, "" when it can't be known.
func pidSpace() string {
	space, _ := os.Readlink("/proc/self/ns/pid") // such as pid:[4026531836]
	return strings.Trim(space, "pid:[]")
}

// IsLeaf reports whether the last part of a control group's path is the name of a leaf.
func IsLeaf(name string) bool {
	_, _, ok := parseName(name)
	return ok
}

// parseName takes the name of a leaf apart.
func parseName(name string) (maker string, number int, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if !strings.HasPrefix(name, prefix) || i < 0 || strings.Count(name, ".") != 3 {
		return "", 0, false
	}
	number, err := strconv.Atoi(name[i+1:])
	return name[:i+1], number, err == nil
}

// lives reports whether the maker of leaves, as owner named it, still runs, or may: of
// one in another PID namespace nobody here can know.
func lives(maker string) bool {
	part := strings.Split(maker, ".")
	if len(part) != 4 {
		return false
	}
	start, space, _ := strings.Cut(part[2], "-")
	return space != pidSpace() || start != "" && startOf(part[1]) == start
}

// startOf returns the start time of a process in clock ticks since boot, "" when there is
// no such process, or only what a parent has yet to wait for.
func startOf(pid string) string {
	const state, start = 0, 22 - 3 // the first field after the name is number 3 of proc(5)
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if err != nil || len(f) <= start || f[state][0] == 'Z' {
		return ""
	}
	return string(f[start])
}

// clone3 returns the error of a call that must not succeed.
func clone3(args *uint64, size uintptr) error {
	//nolint:gosec // the kernel reads that much of what args points to
	_, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(args)), size, 0)
	return errno
}
