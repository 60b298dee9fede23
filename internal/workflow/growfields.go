package workflow

import (
	"slices"

	"github.com/executionerhq/executioner/internal/run"
)

// grows reports whether a foreach is over what another job hands on.
func (r *jobReader) grows(f *fan) bool {
	v := f.foreach.value
	return v != 0 && r.kind(v) == objectNode && r.member(v, "from") != 0
}

// each notes what a job becomes one for each of, at run time.
func (x *spread) each(f *fanJob, raw *Job) {
	at := f.foreach
	e := foreachDraft{as: DefaultItem}
	before := x.rep.errs.total
	readFields(x.decoder, at.value, foreachFields, &e)
	switch {
	case x.rep.errs.total > before:
	case f.matrix.value != 0:
		x.rep.errorHint(x.pos(at.key), "use one of them", "%sforeach does not go with matrix", x.who())
	case f.workflow.value != 0:
		x.rep.errorHint(x.pos(at.key), "write its jobs here, or call it with a list that is known before", "%sforeach over what a job hands on does not go with workflow: its jobs must be known when the file is read", x.who())
	case e.sources != 1:
		x.wrong(at, "write {from: JOB, output: NAME}", "must have one of list, param, glob and from")
	case !run.IsValueName(e.output):
		x.wrong(at, "write {from: JOB, output: NAME}", "has no output: the name of a value that %s hands on", quote(x.text(e.from.value)))
	case e.asNode != 0 && !x.itemName(e.asNode, e.as):
	default:
		raw.Each = &Each{Job: run.JobID(x.text(e.from.value)), Output: e.output, As: e.as}
	}
}

// appendSource adds to what job i needs the job that hands its items on.
func (g *graph) appendSource(all []int, start, i int, each *Each) []int {
	from, ok := g.index[each.Job]
	id, pos := string(each.Job), g.pos(g.ids[i])
	switch j := &g.jobs[i]; {
	case len(g.many) > 0 && g.many[each.Job] != span{}:
		g.rep.errorHint(pos, "name one of them, such as "+quote(string(g.jobs[g.many[each.Job].first].ID)), "%sforeach: %s stands for several jobs", g.who(), quote(id))
	case !ok:
		g.rep.errorGuess(pos, func() string { return g.meant(id, g.known()) }, "%sforeach: there is no job %s", g.who(), quote(id))
	case int(from) == i:
		g.rep.error(pos, "%sforeach: a job can't be made of what it hands on itself", g.who())
	case g.jobs[from].Each != nil:
		g.rep.errorHint(pos, "let a job that depends on it hand the items on", "%sforeach: %s stands for several jobs", g.who(), quote(id))
	case j.Hook != NoHook && g.jobs[from].Hook == NoHook: // all those have ended when it starts
	case g.endings[int(from)] != "", slices.Contains(all[start:], int(from)):
	default:
		all = append(all, int(from))
	}
	return all
}

// checkGrowing reports needs that ask for an ending which a job that becomes several
// can't have.
func (g *graph) checkGrowing(jobs []Job, i int) {
	for n, need := range jobs[i].Needs {
		if on := jobs[i].Ending(n); jobs[need].Each != nil && on != OnSuccess && on != OnDone {
			id := jobs[need].ID
			g.rep.error(g.dependencyPos(i, id), "%s%s stands for several jobs: on can be success or done only, not %s", g.who(), quote(string(id)), on)
		}
	}
}
