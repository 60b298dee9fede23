package workflow

import (
	"bytes"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// maxOutputSteps bounds what is looked at to find out which jobs end before those that
// name them. Beyond that it is found out when the run comes to it.
const maxOutputSteps = 5_000_000

// outputCheck looks at what the jobs of a file want of each other.
type outputCheck struct {
	*jobReader
	w     *Workflow
	index map[run.JobID]int // made for the first that wants something
	seen  []int             // by job: the last round in which it was looked at
	round int
	steps int
}

// checkOutputs reports what jobs are to be filled in with and can't be.
func (r *jobReader) checkOutputs() {
	c := outputCheck{jobReader: r, w: &Workflow{Jobs: r.draft.Jobs}}
	var draft jobDraft
	for i := range c.w.Jobs {
		j := &c.w.Jobs[i]
		if j.Scope != nil || i > 0 && j.Group != "" && j.Group == c.w.Jobs[i-1].Group {
			continue // it was told when its own file was read, or of the one before
		}
		for _, ref := range c.w.OutputRefs(i) {
			draft.Job, draft.number = j, i+1
			r.decoder.job = &draft
			c.check(i, &ref)
		}
	}
	r.decoder.job = nil
}

func (c *outputCheck) check(job int, ref *OutputRef) {
	if c.index == nil {
		c.index = make(map[run.JobID]int, len(c.w.Jobs))
		for i := range c.w.Jobs {
			c.index[c.w.Jobs[i].ID] = i
		}
	}
	pos, variable := c.pos(c.graph.ids[job]), printable(ref.Variable)
	from, there := c.index[ref.Job]
	switch {
	case there && c.w.Jobs[from].Each != nil:
		c.rep.errorHint(pos, "let a job that depends on it hand the value on", "%s${%s}: %s stands for several jobs", c.who(), variable, quote(string(ref.Job)))
	case !run.IsValueName(ref.Name):
		c.rep.errorHint(pos, "write ${jobs.ID.NAME}", "%s${%s} does not name a value of a job", c.who(), variable)
	case there && c.before(from, job):
	case there:
		c.rep.errorHint(pos, "add it to dependencies", "%s${%s}: it does not depend on %s", c.who(), variable, quote(string(ref.Job)))
	case len(c.w.Members(ref.Job)) > 0:
		c.rep.errorHint(pos, "name one of them", "%s${%s}: %s stands for several jobs", c.who(), variable, quote(string(ref.Job)))
	default:
		c.rep.errorGuess(pos, func() string { return c.graph.meant(string(ref.Job), c.graph.known()) },
			"%s${%s}: there is no job %s", c.who(), variable, quote(string(ref.Job)))
	}
}

// before reports whether a job ends before another one starts.
func (c *outputCheck) before(first, then int) bool {
	if c.w.Jobs[then].Hook != NoHook && c.w.Jobs[first].Hook == NoHook {
		return true
	}
	if c.seen == nil {
		c.seen = make([]int, len(c.w.Jobs))
	}
	c.round++
	for todo := []int{then}; len(todo) > 0; todo = todo[1:] {
		for _, need := range c.w.Jobs[todo[0]].Needs {
			if c.steps++; need == first || c.steps > maxOutputSteps {
				return true
			}
			if c.seen[need] != c.round {
				c.seen[need] = c.round
				todo = append(todo, need)
			}
		}
	}
	return false
}

// workflowVars reads the variables of all jobs. No job starts after all others, so none of
// them can be filled in with what a job hands on.
func (d *decoder) workflowVars(f field, w *draft) {
	d.vars(f, &w.Env)
	d.unfillable(f, "write it in env_variables of the jobs that depend on that one")
}

// unfillable reports what names values of jobs where none is filled in.
func (d *decoder) unfillable(f field, hint string) {
	for i := f.value; i < d.next(f.value); i++ {
		if d.kind(i) != stringNode || !bytes.Contains(d.name(i), []byte("${"+OutputVariable)) {
			continue
		}
		for text := d.text(i); ; {
			_, name, after, found := reference(text)
			if !found {
				break
			}
			if text = after; strings.HasPrefix(name, OutputVariable) {
				d.rep.errorHint(d.pos(i), hint, "%s%s: no value of a job is filled in here: ${%s}", d.who(), f.name, printable(name))
				break
			}
		}
	}
}
