package simtest

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// GrowingCases generates runs whose workflows have jobs that become one for each item
// which another job hands on.
func GrowingCases(maxJobs, maxAttempts int) *rapid.Generator[Case] {
	return rapid.Custom(func(t *rapid.T) Case {
		rich := rapid.Bool().Draw(t, "rich")
		workflows := Workflows(maxJobs)
		if rich {
			workflows = RichWorkflows(maxJobs)
		}
		c := cases(workflows, maxAttempts).Draw(t, "plain")
		growing := make(map[run.JobID]run.JobID) // and what each is made of
		for n := range c.Attempts {
			grow(t, &c.Attempts[n], growing)
		}
		return c
	})
}

// grow has jobs of an attempt become several: up to three, and in each attempt the same.
func grow(t *rapid.T, a *Attempt, growing map[run.JobID]run.JobID) {
	wf := *a.Workflow
	wf.Jobs = slices.Clone(wf.Jobs)
	a.Workflow = &wf
	for i := range wf.Jobs {
		j := &wf.Jobs[i]
		from, ok := growing[j.ID]
		if !ok {
			from = source(t, &wf, j, growing)
		}
		if from != "" {
			j.Each = &workflow.Each{Job: from, Output: itemsName, As: workflow.DefaultItem}
		}
	}
	a.Ends = slices.Clone(a.Ends)
	for i := range a.Ends {
		a.Ends[i] = slices.Clone(a.Ends[i])
		for k := range a.Ends[i] {
			o := &a.Ends[i][k].Outcome
			if o.State != run.Success && chance(t, 60, "succeeds after all") { // else little grows
				*o = run.Outcome{State: run.Success, Reason: run.Exited}
			}
			if o.State == run.Success {
				o.Values = value(t)
			}
		}
	}
	a.Options.Skip = alsoMade(t, a.Options.Skip, growing, "skip")
	a.Options.From = alsoMade(t, a.Options.From, growing, "from")
	a.Overrides = alsoMade(t, a.Overrides, growing, "overrides")
	for n := range a.Asks {
		if in, ok := a.Asks[n].Input.(plan.CancelJob); ok && len(growing) > 0 && chance(t, 40, "one that was made") {
			a.Asks[n].Input = plan.CancelJob{Job: -1, ID: made(t, growing), Detail: in.Detail}
		}
	}
}

// source draws what a job is made of, among what it needs; mostly nothing.
func source(t *rapid.T, wf *workflow.Workflow, j *workflow.Job, growing map[run.JobID]run.JobID) run.JobID {
	sources := slices.Collect(maps.Values(growing))
	if len(growing) == 3 || len(j.Needs) == 0 || slices.Contains(sources, j.ID) || !chance(t, 85, "grows") {
		return ""
	}
	from := wf.Jobs[rapid.SampledFrom(j.Needs).Draw(t, "made of")].ID
	if growing[from] != "" {
		return ""
	}
	growing[j.ID] = from
	return from
}

// value draws what a job hands on.
func value(t *rapid.T) run.Values {
	if chance(t, 10, "hands nothing on") {
		return ""
	}
	texts := slices.Sorted(maps.Keys(handed))
	if chance(t, 15, "has no items") {
		texts = unusable
	}
	return run.NewValues(map[string]string{itemsName: rapid.SampledFrom(texts).Draw(t, "items")})
}

// alsoMade adds a job that may come at run time, now and then.
func alsoMade(t *rapid.T, ids []run.JobID, growing map[run.JobID]run.JobID, label string) []run.JobID {
	if len(growing) == 0 || !chance(t, 20, label+" one that was made") {
		return ids
	}
	return append(slices.Clone(ids), made(t, growing))
}

// made draws the id of a job that may come.
func made(t *rapid.T, growing map[run.JobID]run.JobID) run.JobID {
	of := rapid.SampledFrom(slices.Sorted(maps.Keys(growing))).Draw(t, "of")
	return of + run.JobID(rapid.SampledFrom([]string{"", "[x]", "[y]", "[1]"}).Draw(t, "item"))
}
