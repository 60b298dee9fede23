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

	// What only a file has whose jobs stand for others, see spread.
	jobs  []Job
	many  map[run.JobID]span // by the id of the file
	like  []int              // by job: the first that needs the same
	edges int
	chain [][2]int // jobs of which the second waits for the first, however that ends

	endings map[int]Ending // of the job that is being resolved: needs that are objects
}

func newGraph(d *decoder, jobs int) *graph {
	return &graph{
		decoder: d,
		index:   make(map[run.JobID]int32, jobs),
		ids:     make([]uint32, jobs),
		needs:   make([]uint32, jobs),
		endings: make(map[int]Ending),
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
	g.jobs = jobs
	for i, list := range g.needs {
		if list != 0 && (g.like == nil || g.like[i] == i) {
			total += g.tree.items(list)
		}
	}
	all := make([]int, 0, total)
	var draft jobDraft
	for i := range jobs {
		if g.needs[i] == 0 && (jobs[i].Each == nil || len(jobs[i].Needs) > 0) {
			continue
		}
		if g.like != nil && g.like[i] != i {
			jobs[i].Needs, jobs[i].On = jobs[g.like[i]].Needs, jobs[g.like[i]].On
			continue
		}
		draft.Job, draft.number = &jobs[i], i+1
		g.decoder.job = &draft
		start := len(all)
		if g.needs[i] != 0 {
			all = g.appendNeeds(all, i)
		}
		if each := jobs[i].Each; each != nil {
			all = g.appendSource(all, start, i, each)
		}
		own := all[start:]
		slices.Sort(own)
		own = slices.Compact(own)
		all = all[:start+len(own)]
		if len(own) > 0 {
			jobs[i].Needs = own[:len(own):len(own)]
		}
		g.end(&jobs[i])
		g.checkHooks(jobs, i)
		g.checkGrowing(jobs, i)
	}
	g.decoder.job = nil
	g.applyChain(jobs)
	g.findCircles(jobs)
}

// appendNeeds appends the indexes of what job i needs.
func (g *graph) appendNeeds(all []int, i int) []int {
	list, start := g.needs[i], len(all)
	for c := list + 1; c < g.next(list); c = g.next(c) {
		if g.kind(c) == objectNode {
			all = g.appendEdge(all, start, c, i)
			continue
		}
		if k := g.kind(c); k != stringNode {
			g.rep.errorHint(g.pos(c), g.hintFor(field{name: "dependencies", value: c}, stringNode), "%sdependencies must be a list of ids, not of %s", g.who(), k)
			continue
		}
		if s, many := g.many[run.JobID(g.name(c))]; many {
			all = g.appendMany(all, c, s, i, OnSuccess)
			continue
		}
		need, ok := g.index[run.JobID(g.name(c))]
		switch {
		case !ok:
			id := g.text(c)
			g.rep.errorGuess(g.pos(c), func() string { return g.meant(id, g.known()) }, "%sunknown dependency %s", g.who(), quote(id))
		case int(need) == i:
			g.rep.error(g.pos(c), "%sdepends on itself", g.who())
		case g.endings[int(need)] != "":
			g.rep.error(g.pos(c), "%sdepends on %s twice, in different ways", g.who(), quote(g.text(c)))
		default:
			all = append(all, int(need))
		}
	}
	return all
}

// edge is a dependency that says how the other job must have ended.
type edge struct {
	job  field
	on   string
	each uint32 // node of a true one
}

var edgeFields = fields[edge]{
	"job": func(d *decoder, e *edge, f field) {
		if d.is(f, stringNode) {
			e.job = f
		}
	},
	"each": func(d *decoder, e *edge, f field) {
		if d.is(f, boolNode) && d.isTrue(f.value) {
			e.each = f.value
		}
	},
	"on": func(d *decoder, e *edge, f field) {
		d.choice(f, &e.on, string(OnSuccess), string(OnFailure), string(OnSkipped), string(OnDone))
	},
}

// appendEdge appends what an object of the list names. The job's own begin at start.
func (g *graph) appendEdge(all []int, start int, object uint32, i int) []int {
	e := edge{on: string(OnSuccess)}
	readFields(g.decoder, object, edgeFields, &e)
	if e.job.value == 0 {
		g.rep.errorHint(g.pos(object), `write {job: ID, on: failure}`, "%sdependencies: job is missing", g.who())
		return all
	}
	id := g.text(e.job.value)
	if e.each != 0 {
		same, ok := g.eachID(&e, i)
		if !ok {
			return all
		}
		id = string(same)
	}
	if s, many := g.many[run.JobID(id)]; many {
		return g.appendMany(all, e.job.value, s, i, Ending(e.on))
	}
	need, ok := g.index[run.JobID(id)]
	switch {
	case !ok:
		g.rep.errorGuess(g.pos(e.job.value), func() string { return g.meant(id, g.known()) }, "%sunknown dependency %s", g.who(), quote(id))
		return all
	case int(need) == i:
		g.rep.error(g.pos(e.job.value), "%sdepends on itself", g.who())
		return all
	case g.endings[int(need)] != "", slices.Contains(all[start:], int(need)):
		g.rep.error(g.pos(e.job.value), "%sdepends on %s twice, in different ways", g.who(), quote(id))
		return all
	}
	g.endings[int(need)] = Ending(e.on)
	return append(all, int(need))
}

// end sets how the needs of a job must have ended, where that is not by success.
func (g *graph) end(j *Job) {
	other := false
	for _, on := range g.endings {
		other = other || on != OnSuccess
	}
	if other {
		j.On = make([]Ending, len(j.Needs))
		for n, need := range j.Needs {
			j.On[n] = OnSuccess
			if on := g.endings[need]; on != "" {
				j.On[n] = on
			}
		}
	}
	clear(g.endings)
}

// checkHooks reports needs between the jobs of a run and those at its end.
func (g *graph) checkHooks(jobs []Job, i int) {
	for _, need := range jobs[i].Needs {
		switch mine, other := jobs[i].Hook, jobs[need].Hook; {
		case mine == other:
		case mine == NoHook:
			g.rep.error(g.dependencyPos(i, jobs[need].ID), "%sdepends on %s, which runs at the end of the run (%s)", g.who(), quote(string(jobs[need].ID)), hookText(other))
		default:
			g.rep.errorHint(g.dependencyPos(i, jobs[need].ID), "it runs after all other jobs anyway",
				"%sis one of %s and can depend on jobs of the same list only, not on %s", g.who(), hookText(mine), quote(string(jobs[need].ID)))
		}
	}
}

// known yields all ids in the order of the file.
func (g *graph) known() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range g.jobs {
			if g.many != nil && !yield(string(g.jobs[i].ID)) {
				return
			}
		}
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
		name := c
		if g.kind(c) == objectNode {
			name = g.member(c, "job")
		}
		if name != 0 && g.kind(name) == stringNode && string(g.name(name)) == string(id) {
			return g.pos(name)
		}
	}
	return g.pos(list)
}
