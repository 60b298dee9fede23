package simtest

import (
	"slices"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// handed are values that jobs hand on, and the items that these are. What has none that
// could be used is not in it.
var handed = map[string][]string{
	"":              {},
	"x":             {"x"},
	"x\ny\n\n":      {"x", "y"},
	`["y", 1, "z"]`: {"y", "1", "z"},
}

// unusable are values that have no items.
var unusable = []string{"x\nx", "[x", `[["x"]]`, `["x"] y`}

// itemsName is the name of the value that has them.
const itemsName = "items"

// skips reports whether the user asked not to run job i.
func (o *oracle) skips(i int) bool {
	j := &o.jobs[i]
	return slices.Contains(o.Options.Skip, j.ID) || j.Group != "" && slices.Contains(o.Options.Skip, j.Group)
}

// growEarlier makes jobs of what earlier attempts found out, one producer after the other,
// those that nothing holds up first.
func (o *oracle) growEarlier(known map[run.JobID]past) {
	base := len(o.jobs)
	passed := make([]bool, base)
	for queue := o.free(passed, base, nil); len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		before := make([]bool, base)
		copy(before, passed)
		passed[i] = true
		if p := &o.jobs[i]; p.decided == run.AlreadySucceeded {
			for f := range base {
				if e := o.jobs[f].Each; e != nil && e.Job == o.jobs[i].ID && o.jobs[f].decided != run.SkipRequested {
					o.become(f, known[o.jobs[i].ID].Values, known)
				}
			}
			o.decide(known)
		}
		queue = append(queue, o.free(passed, base, before)...)
	}
}

// free returns the jobs that wait for none but those that have passed, and did before.
func (o *oracle) free(passed []bool, base int, before []bool) (all []int) {
	waits := func(i int, passed []bool) bool {
		return slices.ContainsFunc(o.Workflow.Jobs[i].Needs, func(n int) bool { return !passed[n] })
	}
	for i := range base {
		if !passed[i] && !waits(i, passed) && (before == nil || waits(i, before)) {
			all = append(all, i)
		}
	}
	return all
}

// grow makes jobs of what job i has just handed on.
func (o *oracle) grow(i int) {
	id, values := o.jobs[i].ID, o.jobs[i].outcome.Values
	for f := range o.jobs {
		if e := o.jobs[f].Each; e != nil && e.Job == id && o.jobs[f].State == run.Pending && o.jobs[f].decided == "" {
			first := len(o.jobs)
			o.become(f, values, nil)
			for k := first; k < len(o.jobs); k++ {
				if slices.Contains(o.Options.Skip, o.jobs[k].ID) {
					o.jobs[k].decided = run.SkipRequested
					o.jobs[k].State, o.jobs[k].Reason = run.Skipped, run.SkipRequested
				}
			}
		}
	}
}

// become replaces job f by one for each item and one that waits for them.
func (o *oracle) become(f int, v run.Values, known map[run.JobID]past) {
	value, there := v.Map()[itemsName]
	items, usable := handed[value]
	if !there || !usable {
		return
	}
	like := o.jobs[f].Job
	j := &o.jobs[f]
	j.Each, j.When = nil, ""
	j.Needs, j.On = slices.Clone(j.Needs), slices.Clone(j.On)
	for _, item := range items {
		made := node{Job: like, code: run.NoExitCode}
		made.ID, made.Group, made.Each = like.ID+"["+run.JobID(item)+"]", like.ID, nil
		made.before = known[made.ID]
		j = &o.jobs[f]
		j.Needs = append(j.Needs, len(o.jobs))
		if j.On != nil {
			j.On = append(j.On, workflow.OnSuccess)
		}
		o.jobs = append(o.jobs, made)
		o.chain = append(o.chain, o.chain[f])
	}
}

// askNamed asks for the end of a job and of what it has become.
func (o *oracle) askNamed(in plan.CancelJob) {
	i := in.Job
	if in.ID != "" {
		i = slices.IndexFunc(o.jobs, func(j node) bool { return j.ID == in.ID })
	}
	if i < 0 {
		return
	}
	o.askJob(i)
	for k := range o.jobs {
		if o.jobs[k].Group == o.jobs[i].ID {
			o.note()
			o.askJob(k)
		}
	}
}
