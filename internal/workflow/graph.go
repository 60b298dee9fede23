package workflow

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// graph turns dependencies by id into indexes and finds circles. Nothing in it
// recurses, so a chain of a million jobs is no different from a short one.
type graph struct {
	*decoder
	index map[run.JobID]int32
	ids   []uint32 // by job: node of its id, 0 without one
	needs []uint32 // by job: node of its dependencies, 0 without any
}

func newGraph(d *decoder, jobs int) *graph {
	return &graph{
		decoder: d,
		index:   make(map[run.JobID]int32, jobs),
		ids:     make([]uint32, jobs),
		needs:   make([]uint32, jobs),
	}
}

// add makes a job known under its id.
func (g *graph) add(i int, j *jobDraft) {
	g.needs[i] = j.needs
	if j.ID == "" {
		return
	}
	g.ids[i] = j.id
	if first, twice := g.index[j.ID]; twice {
		g.rep.errorAt(g.pos(j.id), g.pos(g.ids[first]), "", "two jobs have the id %s: the first is", quote(string(j.ID)))
		return
	}
	g.index[j.ID] = int32(i)
}

// resolve fills in Needs of all jobs.
func (g *graph) resolve(jobs []Job) {
	total := 0
	for _, list := range g.needs {
		if list != 0 {
			total += g.tree.items(list)
		}
	}
	all := make([]int, 0, total)
	var draft jobDraft
	for i := range jobs {
		if g.needs[i] == 0 {
			continue
		}
		draft.Job, draft.number = &jobs[i], i+1
		g.decoder.job = &draft
		start := len(all)
		all = g.appendNeeds(all, i)
		own := all[start:]
		slices.Sort(own)
		own = slices.Compact(own)
		all = all[:start+len(own)]
		if len(own) > 0 {
			jobs[i].Needs = own[:len(own):len(own)]
		}
	}
	g.decoder.job = nil
	g.findCircles(jobs)
}

// appendNeeds appends the indexes of what job i needs.
func (g *graph) appendNeeds(all []int, i int) []int {
	list := g.needs[i]
	for c := list + 1; c < g.next(list); c = g.next(c) {
		if k := g.kind(c); k != stringNode {
			g.rep.errorHint(g.pos(c), g.hintFor(field{name: "dependencies", value: c}, stringNode), "%sdependencies must be a list of ids, not of %s", g.who(), k)
			continue
		}
		need, ok := g.index[run.JobID(g.name(c))]
		switch {
		case !ok:
			id := g.text(c)
			g.rep.errorGuess(g.pos(c), func() string { return g.meant(id, g.known()) }, "%sunknown dependency %s", g.who(), quote(id))
		case int(need) == i:
			g.rep.error(g.pos(c), "%sdepends on itself", g.who())
		default:
			all = append(all, int(need))
		}
	}
	return all
}

// known yields all ids in the order of the file.
func (g *graph) known() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, node := range g.ids {
			if node != 0 && !yield(g.text(node)) {
				return
			}
		}
	}
}

// step is a job on the path that findCircles is walking, and which need comes next.
type step struct {
	job  int
	next int
}

// findCircles walks from each job along what it needs. It reports each circle that
// has no job in common with one reported before: mending these mends most others.
func (g *graph) findCircles(jobs []Job) {
	const (
		unseen = iota
		onPath
		done
	)
	state := make([]uint8, len(jobs))
	reported := make(map[int]bool)
	var path []step
	for first := range jobs {
		if state[first] != unseen {
			continue
		}
		path = append(path[:0], step{job: first})
		state[first] = onPath
		for len(path) > 0 {
			top := &path[len(path)-1]
			needs := jobs[top.job].Needs
			if top.next == len(needs) {
				state[top.job] = done
				path = path[:len(path)-1]
				continue
			}
			need := needs[top.next]
			top.next++
			switch state[need] {
			case unseen:
				state[need] = onPath
				path = append(path, step{job: need})
			case onPath:
				g.reportCircle(jobs, path, need, reported)
			}
		}
	}
}

// reportCircle reports the part of path that begins at the job first, unless one
// of its jobs was in a report before.
func (g *graph) reportCircle(jobs []Job, path []step, first int, reported map[int]bool) {
	var circle []int
	for i := len(path) - 1; i >= 0; i-- {
		if reported[path[i].job] {
			return
		}
		circle = append(circle, path[i].job)
		if path[i].job == first {
			break
		}
	}
	for _, job := range circle {
		reported[job] = true
	}
	slices.Reverse(circle)
	least := slices.Index(circle, slices.Min(circle))
	circle = slices.Concat(circle[least:], circle[:least], circle[least:least+1])
	g.rep.errorHint(g.dependencyPos(circle[0], jobs[circle[1]].ID), "a → b means that a depends on b",
		"jobs depend on each other in a circle: %s", circlePath(jobs, circle))
}

// circlePath names the jobs of a circle; of a long one only its ends.
func circlePath(jobs []Job, circle []int) string {
	const ends = 8
	var names []string
	for i, job := range circle {
		switch {
		case len(circle) <= 2*ends || i < ends || i >= len(circle)-ends:
			names = append(names, printable(string(jobs[job].ID)))
		case i == ends:
			names = append(names, fmt.Sprintf("(%d more)", len(circle)-2*ends))
		}
	}
	return strings.Join(names, " → ")
}

// dependencyPos finds where a job names another.
func (g *graph) dependencyPos(job int, id run.JobID) int {
	list := g.needs[job]
	for c := list + 1; c < g.next(list); c = g.next(c) {
		if g.kind(c) == stringNode && string(g.name(c)) == string(id) {
			return g.pos(c)
		}
	}
	return g.pos(list)
}
