package process

import "time"

// snapshot is who belonged to which process at one moment.
type snapshot struct {
	began   time.Time
	members map[*Process][]entry // alive only, the program itself included
}

// members walks through /proc and returns what lives of p. Calls at the same time share
// a walk, provided that it began after each of them: stopping a thousand jobs at once
// costs a few walks, not thousands.
func (h *Host) members(p *Process) []entry {
	asked := time.Now()
	h.walking.Lock()
	defer h.walking.Unlock()
	if h.last == nil || !h.last.began.After(asked) {
		h.last = h.walk()
	}
	return h.last.members[p]
}

// walk looks at all processes. What it learns is kept for the next one: who once
// belonged to a try does so for ever, whatever becomes of its parents.
func (h *Host) walk() *snapshot {
	s := &snapshot{began: time.Now(), members: make(map[*Process][]entry)}
	all, err := processes()
	if err != nil {
		return s
	}
	owners := h.owners(all)
	h.known = make(map[ident]*Process, len(owners))
	for _, e := range all {
		p := owners[e.pid]
		if p == nil {
			continue
		}
		h.known[e.ident] = p
		if e.alive() {
			s.members[p] = append(s.members[p], e)
		}
	}
	return s
}

// owners attributes processes to tries, by pid.
func (h *Host) owners(all []entry) map[int]*Process {
	live := h.running()
	a := attribution{
		self:     h.self,
		session:  h.session,
		entries:  make(map[int]entry, len(all)),
		sessions: make(map[int]*Process, len(live)),
		owners:   make(map[int]*Process),
		known:    h.known,
		traits:   h.traits(live),
	}
	active := make(map[*Process]bool, len(live))
	for _, p := range live {
		active[p] = true
		if h.isMain(p.pid) || a.sessions[p.pid] == nil {
			a.sessions[p.pid] = p
		}
	}
	for id, p := range a.known {
		if !active[p] { // ended meanwhile: its leftovers are nobody's business any more
			delete(a.known, id)
		}
	}
	return a.run(all)
}

// traits returns a function that attributes a process by what it inherited: its mark, else its cookie.
func (h *Host) traits(live []*Process) func(pid int) *Process {
	marked := make(map[uint64]*Process, 2*len(live))
	cookies := make(map[string]*Process, len(live))
	for _, p := range live {
		for _, mark := range []uint64{p.marks.own, p.marks.birth} {
			if p.marks.has(mark) {
				marked[mark] = p
			}
		}
		if p.cookie != "" {
			cookies[p.cookie] = p
		}
	}
	return func(pid int) *Process {
		if p := marked[h.marker.read(pid)]; p != nil {
			return p
		}
		if len(cookies) == 0 {
			return nil
		}
		cookie, _ := readCookie(pid)
		return cookies[cookie]
	}
}

// attribution finds the try to which each process belongs.
type attribution struct {
	self     ident
	session  int // of this program
	entries  map[int]entry
	sessions map[int]*Process // of programs, then of all members
	known    map[ident]*Process
	traits   func(pid int) *Process
	owners   map[int]*Process // the result
}

func (a *attribution) run(all []entry) map[int]*Process {
	for _, e := range all {
		a.entries[e.pid] = e
	}
	// A member's session and its children may be seen before the member is recognised.
	for again := true; again; {
		again = false
		for _, e := range all {
			if a.owners[e.pid] == nil && a.attribute(e) {
				again = true
			}
		}
	}
	return a.owners
}

// attribute reports whether it found the owner of e.
func (a *attribution) attribute(e entry) bool {
	// What is older than this program is no descendant of it. That spares looking at
	// most of the host's processes.
	if e.pid == a.self.pid || e.start < a.self.start {
		return false
	}
	p := a.known[e.ident]
	if parent := a.entries[e.ppid]; p == nil && parent.start <= e.start {
		p = a.owners[e.ppid]
	}
	if p == nil && a.descends(e) {
		if p = a.sessions[e.session]; p == nil {
			// Adopted, or about to be: its parent may have ended since it was looked at.
			p = a.traits(e.pid)
		}
	}
	if p == nil {
		return false
	}
	a.owners[e.pid] = p
	if e.session != a.session {
		a.sessions[e.session] = p // whoever opened that session was a member
	}
	return true
}

// descends reports whether e is below this program, as every member is: a session id
// may be used again by a stranger.
func (a *attribution) descends(e entry) bool {
	for range len(a.entries) {
		if e.ppid == a.self.pid {
			return true
		}
		parent, ok := a.entries[e.ppid]
		if !ok {
			return false
		}
		e = parent
	}
	return false
}
