package process

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// marker puts a number on each try that all its descendants inherit: through fork and
// exec, setsid, double fork and a cleared environment. The number is the soft limit
// RLIMIT_LOCKS, which no Linux since 2.4.25 looks at. Reading it is one system call and
// works on zombies too. A descendant could change it; those are still found by the
// cookie, the session and the tree.
//
// The limit is set right after the start, from outside, since Go has no place for it
// between fork and exec. What the program forks before that has no mark; it would have
// to do so before its loader is through.
type marker struct {
	works bool
	first uint64 // random, so that engines inside engines do not meet
	last  atomic.Uint64
}

// markRoom is how many marks one host may hand out: enough for ever.
const markRoom = 1 << 40

func (m *marker) init() error {
	var limit unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_LOCKS, nil, &limit); err != nil || limit.Max != unix.RLIM_INFINITY {
		return nil // lowered by somebody: do without
	}
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	m.works = true
	m.first = binary.LittleEndian.Uint64(b[:])>>2 | 1<<61
	m.last.Store(m.first)
	return nil
}

// next returns a mark that no other try has, 0 where marks can't be had.
func (m *marker) next() uint64 {
	if !m.works {
		return 0
	}
	return m.last.Add(1)
}

// put marks a process. That fails with a program of another user (setuid).
func (m *marker) put(pid int, mark uint64) {
	if mark == 0 {
		return
	}
	limit := unix.Rlimit{Cur: mark, Max: unix.RLIM_INFINITY}
	_ = unix.Prlimit(pid, unix.RLIMIT_LOCKS, &limit, nil)
}

// read returns a process's mark, 0 when it has none of this host.
func (m *marker) read(pid int) uint64 {
	if !m.works {
		return 0
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &limit); err != nil {
		return 0
	}
	if limit.Cur <= m.first || limit.Cur >= m.first+markRoom {
		return 0
	}
	return limit.Cur
}
