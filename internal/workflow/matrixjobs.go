package workflow

import (
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// fanJob is a job of the file that stands for others.
type fanJob struct {
	fan
	index int    // among the jobs of the file
	node  uint32 // its object
}

// span is a run of jobs, the end excluded.
type span struct{ first, end int }

// spread makes the jobs of a workflow of those of its file.
type spread struct {
	*jobReader
	raw  []Job  // of the file
	from *graph // of these
	jobs []Job
	have map[string]bool // files of sub-workflows that are noted
}

// expand replaces the jobs that stand for others by what they stand for.
func (r *jobReader) expand() {
	x := &spread{jobReader: r, raw: r.draft.Jobs, from: r.graph}
	r.graph = newGraph(r.decoder, 0)
	r.graph.many = make(map[run.JobID]span)
	next := 0
	for i := range x.raw {
		if next < len(r.fans) && r.fans[next].index == i {
			x.fanOut(&r.fans[next])
			next++
			continue
		}
		x.add(x.raw[i], i, len(x.jobs))
	}
	r.draft.Jobs = x.jobs
	r.decoder.job = nil
}

// add appends a job made of the file's job with the index from. like is the first job
// that needs the same.
func (x *spread) add(j Job, from, like int) {
	g := x.graph
	i := len(x.jobs)
	x.jobs = append(x.jobs, j)
	g.ids = append(g.ids, x.from.ids[from])
	g.needs = append(g.needs, x.from.needs[from])
	g.like = append(g.like, like)
	if j.ID == "" {
		return
	}
	first, twice := g.index[j.ID]
	if !twice {
		g.index[j.ID] = int32(i)
		return
	}
	if j.Group != "" || x.jobs[first].Group != "" { // what the file itself has twice was reported
		x.rep.errorAt(x.pos(g.ids[i]), x.pos(g.ids[first]), "", "two jobs have the id %s: the other is", quote(string(j.ID)))
	}
}

// fanOut adds what a job stands for.
func (x *spread) fanOut(f *fanJob) {
	raw := &x.raw[f.index]
	x.job = jobDraft{Job: raw, number: f.index + 1}
	x.decoder.job = &x.job
	if x.grows(&f.fan) {
		x.each(f, raw)
		x.add(*raw, f.index, len(x.jobs))
		return
	}
	items := x.fanItems(&f.fan)
	switch {
	case items == nil || raw.ID == "": // it was reported
		x.add(*raw, f.index, len(x.jobs))
		return
	case len(items) == 0:
		idle := *raw
		idle.Command, idle.Args, idle.PreChecks, idle.PostChecks = "", nil, nil, nil
		x.add(idle, f.index, len(x.jobs))
		return
	}
	start := len(x.jobs)
	for _, it := range unique(items) {
		if !x.one(f, raw, it, start) {
			break
		}
	}
	x.graph.many[raw.ID] = span{start, len(x.jobs)}
}

// one adds one item of a job. False: no more of them are to be added.
func (x *spread) one(f *fanJob, raw *Job, it item, start int) bool {
	id := raw.ID
	if it.label != "" {
		id += run.JobID("[" + it.label + "]")
	}
	if len(id) > maxName {
		x.rep.error(x.pos(x.from.ids[f.index]), "%sthe id %s has more than %d bytes", x.who(), quote(string(id)), maxName)
		return false
	}
	if f.workflow.value != 0 {
		if !x.sub(f, raw, id, it) {
			return false
		}
	} else {
		j := *raw
		j.ID, j.Group, j.Item = id, raw.ID, it.vars
		like := start
		if x.from.each(x.from.needs[f.index]) {
			like = len(x.jobs)
		}
		x.add(j, f.index, like)
	}
	if len(x.jobs) > maxJobs {
		x.rep.error(x.pos(x.from.ids[f.index]), "%sthe workflow becomes more than %d jobs", x.who(), maxJobs)
		return false
	}
	return true
}

// each reports whether a list of dependencies pairs items.
func (g *graph) each(list uint32) bool {
	if list == 0 {
		return false
	}
	for c := list + 1; c < g.next(list); c = g.next(c) {
		if g.kind(c) == objectNode && g.member(c, "each") != 0 {
			return true
		}
	}
	return false
}

// appendMany appends all jobs that a job of the file stands for.
func (g *graph) appendMany(all []int, node uint32, s span, i int, on Ending) []int {
	id := g.text(node)
	switch {
	case i >= s.first && i < s.end:
		g.rep.error(g.pos(node), "%sdepends on itself", g.who())
		return all
	case on != OnSuccess && on != OnDone:
		g.rep.errorHint(g.pos(node), "name one of them, such as "+quote(string(g.jobs[s.first].ID)),
			"%s%s stands for %d jobs: on can be success or done only, not %s", g.who(), quote(id), s.end-s.first, on)
		return all
	}
	if g.edges += s.end - s.first; g.edges > maxEdges {
		g.rep.errorHint(g.pos(node), "put a job without a command between them", "%stoo many dependencies: the workflow has more than %d", g.who(), maxEdges)
		return all
	}
	for k := s.first; k < s.end; k++ {
		all = append(all, k)
		if on == OnDone {
			g.endings[k] = on
		}
	}
	return all
}

// label returns what tells a job from the others of its group: "[a]" of build[a], and
// of what a sub-workflow build[a] consists of.
func (j *Job) label() string {
	id, group := j.ID, j.Group
	for s := j.Scope; s != nil; s = s.Parent {
		id, group = s.Job, s.Group
	}
	if group == "" {
		return ""
	}
	return strings.TrimPrefix(string(id), string(group))
}

// eachID returns the id of that item of a job which is the same as job i.
func (g *graph) eachID(e *edge, i int) (run.JobID, bool) {
	id, label := g.text(e.job.value), g.jobs[i].label()
	switch _, many := g.many[run.JobID(id)]; {
	case label == "":
		g.rep.errorHint(g.pos(e.each), "leave each out", "%sthe field each goes with a matrix or foreach of its own", g.who())
	case !many:
		return run.JobID(id), true // which is unknown, or one job
	default:
		return run.JobID(id + label), true
	}
	return "", false
}

// Members returns the jobs that a job of the file stands for: the items of a matrix or
// foreach, and all jobs of a sub-workflow. It is nil for one that is simply itself.
func (w *Workflow) Members(id run.JobID) []int {
	if id == "" {
		return nil
	}
	var all []int
	for i := range w.Jobs {
		if w.Jobs[i].within(id) {
			all = append(all, i)
		}
	}
	return all
}

func (j *Job) within(id run.JobID) bool {
	if j.Group == id {
		return true
	}
	for s := j.Scope; s != nil; s = s.Parent {
		if s.Job == id || s.Group == id {
			return true
		}
	}
	return false
}
