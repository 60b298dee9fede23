package process

import (
	"crypto/rand"
	"encoding/binary"
	"math"
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
// change between fork and exec. Setting the mark from outside afterwards comes too late
// on a busy host (of 500 jobs started at once, 360 orphaned a process before that), and
// letting starts take turns made them some 12 % slower on two busy cores and would allow
// one fork at a time on however many. So each try has two marks: this
// program itself carries a new birth mark before each fork, and the child gets a mark of
// its own right after. What it forked in between has only the birth mark, which two tries
// share when their forks coincide; that is noticed, and such a mark proves nothing.
type marker struct {
	works bool
	own   unix.Rlimit // of this program when it does not fork
	first uint64      // random, so that hosts do not meet: engines inside engines, and before and after

	mu     sync.Mutex // guards the four below, which concurrent starts share
	forks  int        // under way, with marks or without
	last   uint64
	flying map[*Process]uint64 // forks under way: the least mark that the program may be seen with
	births map[uint64]*Process // who got which; as long as somebody else may get it too
}

// marks are those of one try; 0 where they can't be had.
type marks struct {
	own    uint64      // even; of all that was forked after the program was started
	birth  uint64      // odd
	shared atomic.Bool // birth is that of another try, too
}

// markRoom is how many marks one host may hand out: enough for ever.
const markRoom = 1 << 40

const (
	firstMark = uint64(1 << 61)
	lastMark  = uint64(1<<62 + markRoom)
)

// init gets marks of its own, if wanted.
func (m *marker) init(wanted bool) error {
	err := unix.Prlimit(0, unix.RLIMIT_LOCKS, nil, &m.own)
	if err != nil || m.own.Max != unix.RLIM_INFINITY || !wanted {
		return nil // lowered by somebody: do without
	}
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return err
	}
	m.works = true
	m.first = (binary.LittleEndian.Uint64(b[:])>>2 | firstMark) &^ 1
	m.last = m.first
	m.flying = make(map[*Process]uint64)
	m.births = make(map[uint64]*Process)
	return nil
}

// takeOff comes right before the fork of p. land must follow.
func (m *marker) takeOff(p *Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forks++
	if !m.works {
		return
	}
	m.last += 2
	p.marks.own = m.last
	m.flying[p] = m.last
	_ = unix.Prlimit(0, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: m.last + 1, Max: m.own.Max}, nil)
}

// stamp gives p its own mark and notes the one that it was born with. Other goroutines
// must not know p yet. It has no effect on a program of another user (setuid).
func (m *marker) stamp(p *Process) {
	if !m.works {
		return
	}
	var old unix.Rlimit
	if err := unix.Prlimit(p.pid, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: p.marks.own, Max: m.own.Max}, &old); err != nil {
		return
	}
	p.marks.birth = old.Cur
	m.mu.Lock()
	defer m.mu.Unlock()
	if twin := m.births[old.Cur]; twin != nil {
		twin.marks.shared.Store(true)
		p.marks.shared.Store(true)
	}
	m.births[old.Cur] = p
}

// land comes when p is known to the host, or was not started.
func (m *marker) land(p *Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forks--
	if !m.works {
		return
	}
	delete(m.flying, p)
	if len(m.flying) == 0 {
		clear(m.births)
		_ = unix.Prlimit(0, unix.RLIMIT_LOCKS, &m.own, nil)
		return
	}
	oldest := m.oldest()
	for birth := range m.births {
		if birth < oldest {
			delete(m.births, birth)
		}
	}
}

// oldest returns the least mark that a program may have that is not known yet.
// Call it with mu held.
func (m *marker) oldest() uint64 {
	first := uint64(math.MaxUint64)
	for _, mark := range m.flying {
		first = min(first, mark)
	}
	return first
}

// unborn returns oldest, for somebody who is about to look at children, and whether no
// fork is under way at all.
func (m *marker) unborn() (oldest uint64, grounded bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.oldest(), m.forks == 0
}

// read returns a process's mark, of this or of another host, 0 when it has none. What
// this program itself was started with, as a job of another, says nothing.
func (m *marker) read(pid int) uint64 {
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &limit); err != nil {
		return 0
	}
	if limit.Cur < firstMark || limit.Cur > lastMark || limit.Cur == m.own.Cur {
		return 0
	}
	return limit.Cur
}

// gave reports whether a mark is one of this host.
func (m *marker) gave(mark uint64) bool {
	return m.works && mark > m.first && mark < m.first+markRoom
}

// certainBirth returns the birth mark of p, 0 as long as it may be that of another try, too.
func (m *marker) certainBirth(p *Process) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.marks.shared.Load() || m.births[p.marks.birth] == p {
		return 0
	}
	return p.marks.birth
}

// has reports whether a mark proves that its bearer belongs to the try.
func (k *marks) has(mark uint64) bool {
	return mark != 0 && (mark == k.own || mark == k.birth && !k.shared.Load())
}
