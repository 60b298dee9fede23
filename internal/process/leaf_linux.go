package process

import (
	"bytes"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/cgroup"
)

// A control group holds whatever detaches itself, and tells who is in it. Everything else
// is done as without one, since a job of the user root can leave its group.

// killLeaf kills everything in the control group, also what is being born.
func (p *Process) killLeaf() {
	if p.leaf != nil {
		_ = p.leaf.Kill() // not offered: the others follow one by one
	}
}

// inLeaf reports whether anything lives in the control group.
func (p *Process) inLeaf() bool {
	if p.leaf == nil {
		return false
	}
	if some, err := p.leaf.Populated(); err == nil && !some {
		return false
	}
	return len(p.leafMembers()) > 0
}

// leafMembers returns what lives in the control group.
func (p *Process) leafMembers() []entry {
	if p.leaf == nil {
		return nil
	}
	return livingIn(func() []int { pids, _ := p.leaf.PIDs(); return pids }, readStat)
}

// livingIn looks at who is in a list both before and after that: a pid may have become a
// stranger's before it was looked at, who is not in the list then.
func livingIn(list func() []int, look func(pid int) (entry, bool)) []entry {
	found := make(map[int]entry)
	for _, pid := range list() {
		if e, ok := look(pid); ok && e.alive() {
			found[pid] = e
		}
	}
	if len(found) == 0 {
		return nil
	}
	var members []entry
	for _, pid := range list() {
		if e, ok := found[pid]; ok {
			members = append(members, e)
			delete(found, pid)
		}
	}
	return members
}

// members returns what lives of the process, itself included.
func (p *Process) members() []entry {
	all := p.host.members(p)
	inside := p.leafMembers()
	if len(inside) == 0 {
		return all
	}
	known := make(map[int]bool, len(all))
	joined := make([]entry, len(all), len(all)+len(inside)) // all is shared with others
	for i, e := range all {
		joined[i] = e
		known[e.pid] = true
	}
	for _, e := range inside {
		if !known[e.pid] {
			joined = append(joined, e)
		}
	}
	return joined
}

// ranOutOfMemory reports whether the kernel killed for lack of memory: in the control
// group, where that is counted, else anywhere in the host or container.
func (p *Process) ranOutOfMemory() bool {
	if p.leaf != nil {
		if n, counted := p.leaf.OOMKills(); counted {
			return n > 0
		}
	}
	return p.host.oomSince(p.oom)
}

// wasInLeaf reports whether a process, or a zombie, is in the control group of p.
func (p *Process) wasInLeaf(pid int) bool {
	return p.leaf != nil && groupName(pid) == filepath.Base(p.leaf.Path())
}

// wasInALeaf reports whether a process, or a zombie, is in the control group of any try,
// other than that in which this program itself may be.
func (h *Host) wasInALeaf(pid int) bool {
	name := groupName(pid)
	return cgroup.IsLeaf(name) && name != h.group
}

// groupName returns the last part of the path of a process's control group.
func groupName(pid int) string {
	content, err := slurp(procPath(pid, "cgroup"))
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(content) {
		if path, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("0::")); ok {
			return filepath.Base(string(bytes.TrimSuffix(path, []byte(" (deleted)"))))
		}
	}
	return ""
}
