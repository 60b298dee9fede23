package process

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sweepPatience = 30 * time.Second // how long SIGKILL is repeated before we give up
	shortestPause = time.Millisecond
	longestPause  = 100 * time.Millisecond
)

// sweep ends everything that belongs to the process and returns what would not go.
func (p *Process) sweep() []int {
	p.terminate()
	if p.goneWithin(p.grace) {
		return nil
	}
	return p.destroy(sweepPatience)
}

// terminate asks everybody to end. The program comes first: a script whose child is
// killed under it would otherwise go on to its next line. SIGCONT lets those that were
// stopped see the request.
func (p *Process) terminate() {
	members := p.members()
	p.signal(unix.SIGTERM, false)
	p.signal(unix.SIGCONT, false)
	for _, m := range members {
		if m.pid != p.pid || p.isReaped() {
			_ = send(m.ident, unix.SIGTERM, unix.SIGCONT)
		}
	}
}

func (p *Process) isReaped() bool { return !p.unreaped() }

// goneWithin waits until nothing is left, the time is over or Kill was called.
func (p *Process) goneWithin(grace time.Duration) bool {
	over := time.NewTimer(grace)
	defer over.Stop()
	select {
	case <-p.exited:
	case <-p.freed:
		return true // somebody else's now
	case <-over.C:
		return false
	case <-p.hurry:
		return false
	}
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		if p.gone() {
			return true
		}
		retry := time.NewTimer(pause)
		select {
		case <-retry.C:
		case <-over.C:
			return false
		case <-p.hurry:
			return false
		}
	}
}

// destroy kills until nothing is left. Processes may be born while others are killed,
// so it looks again each time.
func (p *Process) destroy(patience time.Duration) []int {
	began := time.Now()
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		p.killLeaf()
		p.signal(unix.SIGKILL, true) // the whole group at once: no fork gets between
		left := p.members()
		denied := 0
		for _, m := range left {
			if send(m.ident, unix.SIGKILL) == unix.EPERM {
				denied++
			}
		}
		if p.awaitGone(pause) {
			return nil
		}
		if over := time.Since(began) > patience; over || denied > 0 && denied == len(left) {
			return identPIDs(p.members())
		}
	}
}

// awaitGone gives the killed time to go: a moment if it is the program, else a pause.
func (p *Process) awaitGone(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-p.exited:
		if p.gone() {
			return true
		}
		<-timer.C
	case <-p.freed:
		return true
	case <-timer.C:
	}
	return p.gone()
}

// gone reports whether the program and all its descendants have ended.
func (p *Process) gone() bool {
	select {
	case <-p.exited:
	default:
		return false
	}
	if p.inLeaf() {
		return false
	}
	if p.isForeign() { // its orphans go elsewhere
		return p.nowhere()
	}
	if some, known := p.host.orphansOf(p); known {
		if some {
			return false
		}
		// Of an adopted one, orphans may still be on their way from a program that is dying.
		if !p.adopted && !groupLives(p.pid) {
			return true
		}
	}
	return p.nowhere()
}

// nowhere reports whether nothing of the process is found by looking at everything. It
// looks twice, since who forks and ends meanwhile can hide its child from a walk.
func (p *Process) nowhere() bool {
	for range 2 {
		if len(p.members()) > 0 {
			return false
		}
	}
	return true
}

// leftovers returns what still runs although the program ended by itself.
func (p *Process) leftovers() []int {
	for !p.gone() {
		// A walk takes a while; who forks and ends meanwhile can hide its child from it.
		if left := p.members(); len(left) > 0 {
			return identPIDs(left)
		}
	}
	return nil
}

// release gives back what the process held.
func (p *Process) release(left []int) {
	p.host.leave(left)
	p.host.remove(p)
}

// groupLives reports whether a process group has members, which may be zombies. It finds
// siblings of the program (CLONE_PARENT), which need not be in our main thread's list.
func groupLives(group int) bool { return unix.Kill(-group, 0) != unix.ESRCH }

func identPIDs(entries []entry) []int {
	list := make([]int, len(entries))
	for i, e := range entries {
		list[i] = e.pid
	}
	return list
}

// send signals exactly that process, never one that got its pid later.
func send(id ident, signals ...unix.Signal) error {
	if id.pid <= 1 || id.pid == os.Getpid() {
		return unix.ESRCH // to kill(2) the least of them mean everybody
	}
	fd, err := unix.PidfdOpen(id.pid, 0)
	if err == nil {
		defer func() { _ = unix.Close(fd) }()
	} else if err == unix.ESRCH {
		return err
	}
	// The handle holds whoever has the pid now. Is that still who was meant?
	if now, ok := readStat(id.pid); !ok || now.ident != id {
		return unix.ESRCH
	}
	for _, sig := range signals {
		if fd >= 0 {
			err = unix.PidfdSendSignal(fd, sig, nil, 0)
		} else {
			err = unix.Kill(id.pid, sig) // Linux before 5.3
		}
		if err != nil {
			return err
		}
	}
	return nil
}
