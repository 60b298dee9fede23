package process

import (
	"os"
	"strings"
)

// SelfIdentity returns what identifies this program among all processes of all hosts:
// the host's name, its boot (and PID namespace, since pids mean nothing outside of it),
// the pid, and the start time in clock ticks since boot. What can't be known is empty.
func SelfIdentity() (host, bootID string, pid int, startTime uint64) {
	host, _ = os.Hostname()
	pid = os.Getpid()
	self, _ := readStat(pid)
	return host, boot(), pid, self.start
}

// Alive reports whether a process of this host, given as SelfIdentity returned it, still
// runs. Compare the host first: nothing of another boot of this host lives. known is
// false when that process can't be seen from here (another container).
func Alive(bootID string, pid int, startTime uint64) (alive, known bool) {
	here, hereSpace, _ := strings.Cut(boot(), " ")
	there, thereSpace, _ := strings.Cut(bootID, " ")
	switch {
	case here == "" || there == "":
		return false, false
	case here != there:
		return false, true
	case hereSpace != thereSpace:
		return false, false
	}
	e, ok := readStat(pid)
	return ok && e.start == startTime && e.alive(), true
}

func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, _ := os.Readlink("/proc/self/ns/pid") // such as pid:[4026531836]
	return strings.TrimSpace(string(id)) + " " + space
}
