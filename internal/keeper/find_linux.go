package keeper

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/process"
)

// isProgram reports whether a process that was found by a mark is the program of the
// task with that mark and cookie. The mark that it was stamped with proves it. With the
// one that it was forked with the program's environment decides, as soon as it has begun.
// One that has ended has none any more: it is the one, because a custodian forks one
// program at a time.
func isProgram(pid int, mark uint64, cookie string) bool {
	for deadline := time.Now().Add(birthPatience); ; <-time.After(time.Millisecond) {
		var has unix.Rlimit
		if err := unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &has); err != nil {
			return false
		}
		if has.Cur == mark {
			return true
		}
		own, err := cookieOf(pid)
		if err != nil || own != "" || time.Now().After(deadline) {
			return err != nil && has.Cur == mark+1 || cookie != "" && own == cookie
		}
	}
}

// cookieOf returns the cookie in the environment of a process: empty when it has none
// or has not begun, an error when it has ended.
func cookieOf(pid int) (string, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	if i := bytes.LastIndexByte(stat, ')'); i < 0 || i+2 >= len(stat) || bytes.IndexByte([]byte("ZX"), stat[i+2]) >= 0 {
		return "", os.ErrProcessDone
	}
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", err
	}
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		if value, ok := bytes.CutPrefix(v, []byte(process.CookieVariable+"=")); ok {
			return string(value), nil
		}
	}
	return "", nil
}
