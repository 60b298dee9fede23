package process

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// ident names a process for ever (until the next boot): a pid alone may be reused.
type ident struct {
	pid   int
	start uint64 // clock ticks since boot
}

// entry is one process as /proc/PID/stat shows it.
type entry struct {
	ident
	state   byte
	ppid    int
	group   int
	session int
	flags   uint64
	threads int
}

// exiting is PF_EXITING: the process is past running any code of its own.
const exiting = 0x4

// alive reports whether the process still runs. A main thread may have ended before others.
func (e entry) alive() bool {
	if e.threads > 1 {
		return true
	}
	return e.state != 'Z' && e.state != 'X' && e.flags&exiting == 0
}

// parseStat reads the content of /proc/PID/stat. The name in it may contain anything,
// so fields are counted from the last parenthesis.
func parseStat(pid int, b []byte) (entry, bool) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return entry{}, false
	}
	f := statFields(b)
	if len(f) < 20 || len(f[0]) != 1 {
		return entry{}, false
	}
	number := func(field int) int {
		n, _ := strconv.Atoi(string(f[field-3]))
		return n
	}
	start, err := strconv.ParseUint(string(f[22-3]), 10, 64)
	flags, ferr := strconv.ParseUint(string(f[9-3]), 10, 64)
	if err != nil || ferr != nil {
		return entry{}, false
	}
	return entry{
		ident: ident{pid: pid, start: start},
		state: f[0][0], ppid: number(4), group: number(5), session: number(6),
		flags: flags, threads: number(20),
	}, true
}

// statFields returns the fields after the name: the first is number 3 of proc(5).
func statFields(stat []byte) [][]byte {
	return bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
}

// readStat returns what /proc says about a process, false when it is gone.
func readStat(pid int) (entry, bool) {
	var buf [1024]byte
	n, err := readFile(procPath(pid, "stat"), buf[:])
	if err != nil {
		return entry{}, false
	}
	return parseStat(pid, buf[:n])
}

// cookieIn returns the value of CookieVariable in the content of /proc/PID/environ.
func cookieIn(environ []byte) (string, bool) {
	const name = CookieVariable + "="
	for len(environ) > 0 {
		var entry []byte
		entry, environ, _ = bytes.Cut(environ, []byte{0})
		if value, ok := bytes.CutPrefix(entry, []byte(name)); ok {
			return string(value), true
		}
	}
	return "", false
}

// execPatience is how often, a millisecond apart, a process in the middle of an exec is
// looked at again. It is there for microseconds, unless the host is very busy.
const execPatience = 1000

// readCookie returns the cookie of a process; false when it has none, is a zombie, or
// belongs to another user.
func readCookie(pid int) (string, bool) {
	for range execPatience {
		environ, err := slurp(procPath(pid, "environ"))
		if err != nil {
			return "", false
		}
		if cookie, ok := cookieIn(environ); ok {
			return cookie, true
		}
		if size, known := environSize(pid); !known || size == uint64(len(environ)) {
			return "", false
		}
		<-time.After(time.Millisecond)
	}
	return "", false
}

// environSize returns how long the environment of a process is; false for what has none.
// An exec replaces the memory that holds it: until the new one is filled, and for who
// opened the old one before, it reads as empty or ends early.
func environSize(pid int) (uint64, bool) {
	stat, err := slurp(procPath(pid, "stat"))
	if err != nil {
		return 0, false
	}
	return sizeInStat(pid, stat)
}

// sizeInStat is environSize given the content of /proc/PID/stat.
func sizeInStat(pid int, stat []byte) (uint64, bool) {
	const (
		kernelThread                = 0x200000 // PF_KTHREAD
		startCode, envStart, envEnd = 26 - 3, 50 - 3, 51 - 3
	)
	e, ok := parseStat(pid, stat)
	f := statFields(stat)
	if !ok || !e.alive() || e.flags&kernelThread != 0 || len(f) <= envEnd {
		return 0, false
	}
	start, serr := strconv.ParseUint(string(f[envStart]), 10, 64)
	end, eerr := strconv.ParseUint(string(f[envEnd]), 10, 64)
	switch {
	case serr != nil || eerr != nil:
		return 0, false
	case end < start || end == 0 || end == start && string(f[startCode]) == "0":
		// In the middle of an exec. The kernel sets the end to the start, counts, which
		// may fault pages in, sets the end, and after that where the code is. (Seen once
		// in 400 times on a busy host.)
		return math.MaxUint64, true
	default:
		return end - start, true
	}
}

// processes returns all processes that can be seen.
func processes() ([]entry, error) {
	names, err := procNames()
	if err != nil {
		return nil, err
	}
	all := make([]entry, 0, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if e, ok := readStat(pid); ok {
			all = append(all, e)
		}
	}
	return all, nil
}

// field returns the number after a name such as "VmHWM:" in a file of lines "NAME NUMBER".
func field(content []byte, name string, base int) (uint64, bool) {
	for line := range bytes.Lines(content) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		words := bytes.Fields(rest)
		if len(words) == 0 {
			return 0, false
		}
		n, err := strconv.ParseUint(string(words[0]), base, 64)
		return n, err == nil
	}
	return 0, false
}

// pids reads a list of numbers separated by spaces.
func pids(b []byte) []int {
	var list []int
	for word := range bytes.FieldsSeq(b) {
		if pid, err := strconv.Atoi(string(word)); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// readFile fills b from a small file with the fewest system calls.
func readFile(path string, b []byte) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	return readAll(fd, b)
}
