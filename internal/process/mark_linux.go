package process

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// marker gives each try a number that all its descendants inherit: through fork and
// exec, setsid, double fork and a cleared environment. The number is the soft limit
// RLIMIT_LOCKS, which no Linux since 2.4.25 looks at. Reading it is one system call and
// works on zombies too. A descendant could change it; those are still found by the
// cookie, the session and the tree.
//
// A child has the limits that its parent had at the fork, and Go has no place for a
// change between fork and exec. Setting them from outside afterwards comes too late on a
// busy host (hundreds of orphans in 500 starts were seen without a mark). So this program
// itself carries the mark while it forks, which makes starts take turns: measured
// 0.2-0.3 ms each, so that one engine starts some thousands per second at most.
type marker struct {
	works bool
	own   unix.Rlimit // of this program when it does not fork
	first uint64      // random, so that engines inside engines do not meet

	turn     sync.Mutex    // held from begin to end: the limit is the whole program's
	last     uint64        // guarded by turn
	starting atomic.Uint64 // the mark of a try whose pid nobody knows yet, else 0
}

// markRoom is how many marks one host may hand out: enough for ever.
const markRoom = 1 << 40

func (m *marker) init() error {
	if err := unix.Prlimit(0, unix.RLIMIT_LOCKS, nil, &m.own); err != nil || m.own.Max != unix.RLIM_INFINITY {
		return nil // lowered by somebody: do without
	}
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	m.works = true
	m.first = binary.LittleEndian.Uint64(b[:])>>2 | 1<<61
	m.last = m.first
	return nil
}

// begin makes what is forked next carry the returned mark; 0 where marks can't be had.
// end must follow, after the try was made known to the host.
func (m *marker) begin() uint64 {
	if !m.works {
		return 0
	}
	m.turn.Lock()
	m.last++
	m.starting.Store(m.last)
	_ = unix.Prlimit(0, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: m.last, Max: m.own.Max}, nil)
	return m.last
}

func (m *marker) end() {
	if !m.works {
		return
	}
	_ = unix.Prlimit(0, unix.RLIMIT_LOCKS, &m.own, nil)
	m.starting.Store(0)
	m.turn.Unlock()
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
