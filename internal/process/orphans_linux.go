package process

import (
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// When a program ends, its children become children of our main thread, and so do the
// children of those when they end. So what is left of a try is found, or known to be
// nothing, by one read of that thread's list: every survivor has an ancestor in it.

// orphansOf reports whether a process of p is among our children, and collects the dead
// ones on the way. The program of p must have been reaped. known is false where the
// system has no such list.
func (h *Host) orphansOf(p *Process) (some, known bool) {
	h.reaping.Lock()
	defer h.reaping.Unlock()
	// A child may die after the list was read and leave children of its own, which that
	// list lacks. So it is read again until it shows nobody new.
	seen := make(map[int]bool)
	for fresh := true; fresh && !some; {
		list, ok := h.ourChildren()
		if !ok {
			return false, false
		}
		fresh = false
		pending := h.pending()
		for _, pid := range list {
			if _, left := h.left[pid]; left || seen[pid] || h.isMain(pid) {
				continue
			}
			fresh = true
			dead := hasEnded(pid)
			mine, ours := h.claim(p, pid, pending)
			if dead && ours && h.collect(pid) {
				continue
			}
			if !mine && isDying(pid) {
				<-time.After(time.Millisecond)
				continue
			}
			seen[pid] = true
			some = some || mine
		}
	}
	return some, true
}

// isDying reports whether a process has given up its memory, with what that could tell
// about it, but not yet its children.
func isDying(pid int) bool {
	e, ok := readStat(pid)
	return ok && !e.alive() && e.state != 'Z' && e.state != 'X'
}

// reapOrphans collects all dead orphans and reports whether living ones remain.
func (h *Host) reapOrphans() (some bool) {
	h.reaping.Lock()
	defer h.reaping.Unlock()
	list, _ := h.ourChildren()
	pending := h.pending()
	for _, pid := range list {
		if h.isMain(pid) {
			continue
		}
		dead := hasEnded(pid)
		if _, left := h.left[pid]; !left {
			if _, ours := h.claim(nil, pid, pending); !ours {
				continue
			}
		}
		if dead && h.collect(pid) {
			delete(h.left, pid)
			continue
		}
		some = true
	}
	return some
}

// leave remembers leftovers that go on, so that the end of other tries need not look at them.
func (h *Host) leave(left []int) {
	if len(left) == 0 {
		return
	}
	h.reaping.Lock()
	defer h.reaping.Unlock()
	list, _ := h.ourChildren()
	for _, child := range list {
		for _, pid := range left {
			if pid == child {
				h.left[pid] = struct{}{}
			}
		}
	}
}

// claim finds out about a child that is no program of ours: whether it belongs to p, and
// whether it is an orphan of any try at all, which we may collect. Other parts of this
// program may start processes as well; those are not ours to reap. While a take-over is
// pending, neither are leaders of unknown origin.
func (h *Host) claim(p *Process, pid int, pending bool) (mine, ours bool) {
	session, err := unix.Getsid(pid)
	if err != nil {
		return false, false // gone
	}
	if session == h.session {
		return false, false // a child of another part of this program, or one that is just starting
	}
	unborn, grounded := h.marker.unborn() // before looking: a start must not become known in between
	mark := h.marker.read(pid)
	stamped := p != nil && mark != 0 && mark == p.marks.own
	if h.isMain(pid) || session == pid && h.marker.gave(mark) && mark >= unborn && !stamped {
		return false, false // a program, or maybe one that is just starting
	}
	mine = p != nil && (p.marks.has(mark) || session == p.pid && pid != p.pid || h.hasCookie(p, pid) || h.remembers(p, pid) || p.wasInLeaf(pid))
	if pending && session == pid && !mine && !h.knowsMark(mark) {
		return false, false
	}
	if mark != 0 {
		return mine, true
	}
	// A leader of its own session may be a program that another goroutine is starting, or
	// that another part of this program did. Those have no leaf.
	return mine, mine || session != pid || grounded && h.wasInALeaf(pid)
}

func (h *Host) hasCookie(p *Process, pid int) bool {
	if p.cookie == "" {
		return false
	}
	cookie, ok := readCookie(pid)
	return ok && cookie == p.cookie
}

// remembers reports whether an earlier walk saw the process as part of p.
func (h *Host) remembers(p *Process, pid int) bool {
	e, ok := readStat(pid)
	if !ok {
		return false
	}
	h.walking.Lock()
	defer h.walking.Unlock()
	return h.known[e.ident] == p
}

// reapCount tells who reads the list of children whether one was taken off it meanwhile:
// then the kernel may have skipped another one.
type reapCount struct{ begun, done atomic.Uint64 }

// reap waits for a child without blocking. All children are reaped here.
func (c *reapCount) reap(pid int, status *unix.WaitStatus, usage *unix.Rusage) (int, error) {
	c.begun.Add(1)
	defer c.done.Add(1)
	return unix.Wait4(pid, status, unix.WNOHANG, usage)
}

// hasEnded reports whether a child is a zombie. Ask before its claim: one that lives may
// still become a program of a try, if its keeper died in the middle of a fork.
func hasEnded(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == unix.ECHILD || info.Signo == int32(unix.SIGCHLD)
}

// collect reaps a dead child; it is false when the child lives.
func (h *Host) collect(pid int) bool {
	got, err := h.reaps.reap(pid, nil, nil)
	return got == pid || err == unix.ECHILD
}

// listPatience is how often the list of children is read again because of what was reaped.
const listPatience = 20

// ourChildren lists the children of our main thread. Call it with reaping held.
func (h *Host) ourChildren() (list []int, ok bool) {
	for range listPatience {
		before := h.reaps.done.Load()
		if list, ok = h.readChildren(); !ok || h.reaps.begun.Load() == before {
			break
		}
	}
	return list, ok
}

func (h *Host) readChildren() ([]int, bool) {
	if h.children < 0 {
		return nil, false
	}
	content := h.list[:0]
	for {
		if cap(content)-len(content) < 4096 {
			content = slices.Grow(content, 4096)
		}
		n, err := unix.Pread(h.children, content[len(content):cap(content)], int64(len(content)))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, false
		}
		if n == 0 {
			h.list = content
			return pids(content), true
		}
		content = content[:len(content)+n]
	}
}
