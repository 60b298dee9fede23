package process

import "slices"

// When a program that owns tries dies, its children become ours if we are its nearest
// subreaper. Those of them that are programs of tries must be adopted before anybody
// waits for them, or their exit status is lost. So as long as such a take-over may be
// under way, a leader of a session that is not known to belong to a try of ours is left
// alone, dead or alive: every program of a try is one.

// NewHeir is NewHost for a program that is about to Adopt what is already below it, such
// as after an execve. No child of unknown origin is reaped until Settle is called.
func NewHeir() (*Host, error) { return makeHost(true, true) }

// guard is a program that runs tries.
type guard struct {
	ident
	settled bool // dead, and nothing of it is to be adopted; somebody has yet to wait for it
}

// Guard tells the host that the process with that pid, a child of this program, runs tries
// which this program will adopt when it dies. Call it before it starts the first one. From
// its death until Settle nothing of it is reaped, and it itself never is.
func (h *Host) Guard(pid int) error {
	e, ok := readStat(pid)
	if !ok {
		return ErrGone
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.guards[pid] = guard{ident: e.ident}
	return nil
}

// Settle tells the host that everything that is to be adopted has been: what else came to
// this program are strays. Guards that still live stay in force.
func (h *Host) Settle() {
	h.mu.Lock()
	h.heir = false
	for pid, g := range h.guards {
		g.settled = g.settled || !thrives(g.ident)
		h.guards[pid] = g
	}
	h.mu.Unlock()
	h.watcher.nudge()
}

// pending reports whether a child may be one that is yet to be adopted. Ask after the
// children were listed: those of a guard that still thrives then are not among them.
func (h *Host) pending() bool {
	h.mu.Lock()
	pending := h.heir
	guards := make([]ident, 0, len(h.guards))
	for pid, g := range h.guards {
		switch {
		case !g.settled:
			guards = append(guards, g.ident)
		case !isThere(g.ident): // waited for: the pid may be anybody's now
			delete(h.guards, pid)
		}
	}
	h.mu.Unlock()
	return pending || slices.ContainsFunc(guards, func(id ident) bool { return !thrives(id) })
}

// isThere reports whether a process exists, be it as a zombie.
func isThere(id ident) bool {
	e, ok := readStat(id.pid)
	return ok && e.ident == id
}

// thrives reports whether a process lives and is not even about to end. Threads of a
// process that is being killed give their children away before it is a zombie, but not
// before the main thread has this flag.
func thrives(id ident) bool {
	e, ok := readStat(id.pid)
	return ok && e.ident == id && e.flags&exiting == 0 && e.state != 'Z' && e.state != 'X'
}

// isGuard reports whether the pid is that of a guard. Call it with mu held.
func (h *Host) isGuard(pid int) bool {
	_, ok := h.guards[pid]
	return ok
}

// bear and unbear keep the marks of processes without an outcome. Call them with mu held.
func (h *Host) bear(p *Process) {
	if p.marks.own != 0 {
		h.bearers[p.marks.own] = p
	}
}

func (h *Host) unbear(p *Process) {
	if h.bearers[p.marks.own] == p {
		delete(h.bearers, p.marks.own)
	}
}

// knowsMark reports whether a mark is one of this host, or of a try that it has adopted.
func (h *Host) knowsMark(mark uint64) bool {
	if h.marker.gave(mark) {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bearers[mark] != nil
}
