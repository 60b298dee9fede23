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
		kin:      map[int]bool{h.self.pid: true},
		self:     h.self,
		oldest:   h.self.start,
		session:  h.session,
		entries:  make(map[int]entry, len(all)),
		sessions: make(map[int]*Process, len(live)),
		led:      make(map[int]*Process),
		owners:   make(map[int]*Process),
		known:    h.known,
		traits:   h.traits(live),
	}
	active := make(map[*Process]bool, len(live))
	for _, e := range all {
		a.entries[e.pid] = e
	}
	for _, p := range live {
		active[p] = true
		if p.adopted {
			a.oldest = min(a.oldest, p.birthday())
			if p.isForeign() {
				a.far = true
				if main := a.entries[p.pid]; main.start == p.birthday() && main.session == p.pid {
					a.led[p.pid] = p
				}
				continue // its session may be a stranger's
			}
		}
		if h.isMain(p.pid) || a.sessions[p.pid] == nil {
			a.sessions[p.pid] = p
		}
	}
	if a.far {
		a.kin = ancestors(all)
		a.kin[1] = true
	}
	for id, p := range a.known {
		if !active[p] { // ended meanwhile: its leftovers are nobody's business any more
			delete(a.known, id)
		}
	}
	return a.run(all)
}

// birthday is the start time of a process whose start time was asked for.
func (p *Process) birthday() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.began
}

// isForeign reports whether the process was adopted and is not known to be our child.
func (p *Process) isForeign() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.foreign
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
	kin      map[int]bool // this program, and in the far case its ancestors, which are nobody's
	oldest   uint64       // who began before is nobody's
	far      bool         // members need not be below this program
	session  int          // of this program
	entries  map[int]entry
	sessions map[int]*Process // of programs, then of all members
	led      map[int]*Process // those whose leader was just seen, and is a member
	known    map[ident]*Process
	traits   func(pid int) *Process
	owners   map[int]*Process // the result
}

func (a *attribution) run(all []entry) map[int]*Process {
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
	// What is older than this program is no descendant of it, unless it was adopted. That
	// spares looking at most of the host's processes.
	if a.kin[e.pid] || e.start < a.oldest {
		return false
	}
	p := a.known[e.ident]
	if parent, ok := a.entries[e.ppid]; p == nil && ok && parent.start <= e.start {
		p = a.owners[e.ppid]
	}
	if p == nil {
		p = a.heir(e)
	}
	if p == nil {
		return false
	}
	a.owners[e.pid] = p
	if e.session > 0 && e.session != a.session { // one that is vanishing has none
		a.sessions[e.session] = p // whoever opened that session was a member
	}
	if e.session == e.pid {
		a.led[e.pid] = p
	}
	return true
}

// heir finds the owner of a process that nothing but what it inherited tells of. Below this
// program a session says it, even if its leader is gone. Elsewhere, where strangers live,
// the leader must be there and a member, or the process must bear the proof itself.
func (a *attribution) heir(e entry) (p *Process) {
	switch {
	case a.descends(e):
		p = a.sessions[e.session]
	case a.far:
		p = a.led[e.session]
	default:
		return nil
	}
	if p == nil {
		// Adopted, or about to be: its parent may have ended since it was looked at.
		p = a.traits(e.pid)
	}
	return p
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
