package process

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"time"
)

// FindMarked looks for the program that was about to be started with a mark when the
// program that started it died: see Spec.Before. It may be alive or, as a child of this
// program, a zombie. A mark that another fork of the same moment may have given counts
// only if nobody else has it.
//
// by is that program itself, zero when that is not known: it had the mark, too, and may be
// a zombie that nobody has waited for yet.
func FindMarked(mark uint64, started time.Time, by Handle) (Handle, bool) {
	if mark == 0 {
		return Handle{}, false
	}
	all, err := processes()
	if err != nil {
		return Handle{}, false
	}
	var m marker
	var born, stamped []entry
	for _, e := range all {
		if e.session != e.pid || e.ident == (ident{by.PID, by.StartTime}) {
			continue // every program of a try leads a session
		}
		switch m.read(e.pid) {
		case mark:
			stamped = append(stamped, e)
		case mark + 1: // forked and not stamped yet
			born = append(born, e)
		}
	}
	if len(stamped) > 0 { // descendants that lead sessions of their own have it, too
		return handleOf(slices.MinFunc(stamped, byAge), mark, started), true
	}
	if len(born) != 1 {
		return Handle{}, false
	}
	return handleOf(born[0], mark, started), true
}

// byAge puts the oldest first. Of the same moment the lower pid is the older one, as long
// as they have not begun anew.
func byAge(a, b entry) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.pid, b.pid)) }

func handleOf(e entry, mark uint64, started time.Time) Handle {
	return Handle{PID: e.pid, StartTime: e.start, BootID: boot(), Mark: mark, Started: started}
}

// Strays returns the children of this program that have ended, that were forked with a
// mark in [from, to], and that are not in taken. alike reports whether all ended in the
// same way: then it does not matter which of them is which. unborn reports whether another
// one lives: it may be on its way to its program.
func Strays(from, to uint64, taken map[int]bool) (found []Handle, alike, unborn bool) {
	all, err := processes()
	if err != nil {
		return nil, false, true
	}
	var m marker
	var ends []string
	for _, e := range all {
		if e.ppid != os.Getpid() || taken[e.pid] {
			continue
		}
		mark := m.read(e.pid)
		switch {
		case mark < from || mark > to:
		case e.alive():
			unborn = true
		case e.session == e.pid:
			found = append(found, handleOf(e, mark, time.Time{}))
			ends = append(ends, exitStatus(e.pid))
		}
	}
	return found, len(slices.Compact(ends)) <= 1, unborn
}

// exitStatus returns how a zombie ended, as /proc says it.
func exitStatus(pid int) string {
	stat, err := slurp(procPath(pid, "stat"))
	if err != nil {
		return ""
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const status = 52 - 3 // proc(5), since Linux 3.5
	if len(f) <= status {
		return ""
	}
	return string(f[status])
}

// IsProgram reports whether a process that was found by a mark is the program that was
// started with that mark and cookie. The mark that it was stamped with proves it. With the
// one that it was forked with the program's environment decides, as soon as it has begun,
// which is waited for until patience is over. One that has ended has none any more: it is
// the one, because a custodian forks one program at a time.
func IsProgram(pid int, mark uint64, cookie string, patience time.Duration) bool {
	var m marker
	for deadline := time.Now().Add(patience); ; <-time.After(time.Millisecond) {
		has := m.read(pid)
		if has == mark {
			return true
		}
		e, there := readStat(pid)
		environ, err := slurp(procPath(pid, "environ"))
		if !there || err != nil || e.state == 'Z' || e.state == 'X' {
			return has == mark+1
		}
		if own, _ := cookieIn(environ); own != "" || time.Now().After(deadline) {
			return cookie != "" && own == cookie
		}
	}
}
