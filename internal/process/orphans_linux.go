package process

import (
	"slices"
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
		for _, pid := range list {
			if _, left := h.adopted[pid]; left || seen[pid] || h.isMain(pid) {
				continue
			}
			fresh = true
			mine, ours := h.claim(p, pid)
			if ours && collect(pid) {
				continue
			}
			if !mine && isDying(pid) {
				time.Sleep(time.Millisecond)
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
	for _, pid := range list {
		if h.isMain(pid) {
			continue
		}
		if _, left := h.adopted[pid]; !left {
			if _, ours := h.claim(nil, pid); !ours {
				continue
			}
		}
		if collect(pid) {
			delete(h.adopted, pid)
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
				h.adopted[pid] = struct{}{}
			}
		}
	}
}

// claim finds out about a child that is no program of ours: whether it belongs to p, and
// whether it is an orphan of any try at all, which we may collect. Other parts of this
// program may start processes as well; those are not ours to reap.
func (h *Host) claim(p *Process, pid int) (mine, ours bool) {
	session, err := unix.Getsid(pid)
	if err != nil {
		return false, false // gone
	}
	if session == h.session {
		return false, false // a child of another part of this program, or one that is just starting
	}
	unborn := h.marker.unborn() // before looking: a start must not become known in between
	mark := h.marker.read(pid)
	stamped := p != nil && mark != 0 && mark == p.marks.own
	if h.isMain(pid) || session == pid && mark >= unborn && !stamped {
		return false, false // a program, or maybe one that is just starting
	}
	mine = p != nil && (p.marks.has(mark) || session == p.pid || h.hasCookie(p, pid) || h.remembers(p, pid))
	if mark != 0 {
		return mine, true
	}
	// A leader of its own session may be a program that another goroutine is starting.
	return mine, mine || session != pid
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

// collect reaps a dead child; it is false when the child lives.
func collect(pid int) bool {
	got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return got == pid || err == unix.ECHILD
}

// ourChildren lists the children of our main thread. Call it with reaping held.
func (h *Host) ourChildren() ([]int, bool) {
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
