package simtest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// RichWorkflows generates workflows with everything that makes jobs start otherwise than
// after a success.
func RichWorkflows(maxJobs int) *rapid.Generator[*workflow.Workflow] {
	return rapid.Custom(func(t *rapid.T) *workflow.Workflow {
		wf := Workflows(maxJobs).Draw(t, "plain")
		wf.Timeout = rapid.SampledFrom([]time.Duration{0, 0, 0, time.Second, 5 * time.Second, 12*time.Second + 345*time.Millisecond}).Draw(t, "run timeout")
		for i := range wf.Jobs {
			j := &wf.Jobs[i]
			j.Hook = rapid.SampledFrom([]workflow.Hook{"", "", "", "", "", "", workflow.HookFailure, workflow.HookSuccess}).Draw(t, "hook")
			j.Always = j.Hook == workflow.NoHook && chance(t, 20, "always")
			j.ContinueOnError = chance(t, 20, "may fail")
			j.When = condition(t, wf)
		}
		for i := range wf.Jobs {
			enrich(t, wf, &wf.Jobs[i])
		}
		return wf
	})
}

// enrich drops needs between the jobs of a run and those at its end, and says how the
// rest must have ended.
func enrich(t *rapid.T, wf *workflow.Workflow, j *workflow.Job) {
	j.Needs = slices.DeleteFunc(j.Needs, func(n int) bool { return wf.Jobs[n].Hook != j.Hook })
	if len(j.Needs) == 0 {
		j.Needs = nil
		return
	}
	if !chance(t, 50, "other endings") {
		return
	}
	for range j.Needs {
		j.On = append(j.On, rapid.SampledFrom([]workflow.Ending{
			workflow.OnSuccess, workflow.OnFailure, workflow.OnSkipped, workflow.OnDone,
		}).Draw(t, "on"))
	}
}

// condition generates a condition: most jobs have none.
func condition(t *rapid.T, wf *workflow.Workflow) string {
	other := string(wf.Jobs[rapid.IntRange(0, len(wf.Jobs)-1).Draw(t, "asked about")].ID)
	return rapid.SampledFrom([]string{
		"", "", "", "", "", "", "", "yes", "no", "broken", "odd second",
		"ended well " + other, "failed " + other, "exit 1 " + other, "cancelled by hand " + other, "queued never " + other,
	}).Draw(t, "condition")
}

var errBroken = errors.New("it is broken")

// conditions evaluates the conditions that condition generates.
func conditions() func(int, plan.Facts) (bool, error) {
	return func(i int, f plan.Facts) (bool, error) {
		return evaluate(f.Workflow().Jobs[i].When, f.Now, func(id run.JobID) (plan.Fact, bool) { return f.Job(id) })
	}
}

// evaluate says whether a condition holds. look returns what is known of a job.
func evaluate(when string, now time.Time, look func(run.JobID) (plan.Fact, bool)) (bool, error) {
	at := strings.LastIndexByte(when, ' ')
	fact, known := look(run.JobID(when[at+1:]))
	switch when[:max(at, 0)] {
	case "":
		if when == "broken" {
			return false, errBroken
		}
		return when == "yes", nil
	case "odd":
		return now.Second()%2 == 1, nil
	}
	if !known { // it was removed from the workflow
		return false, errBroken
	}
	switch when[:at] {
	case "ended well":
		return fact.State == run.Success, nil
	case "failed":
		return fact.State == run.Failed || fact.State == run.Timeout, nil
	case "exit 1":
		return fact.ExitCode == 1, nil
	case "cancelled by hand":
		return fact.Reason == run.JobCancelled, nil
	default:
		return fact.State == run.Pending || fact.State == run.Skipped, nil
	}
}
