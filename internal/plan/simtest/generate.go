package simtest

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Cases generates runs of up to maxJobs jobs and maxAttempts attempts: random graphs, policies,
// options, ends, cancels, drains and noise. Many things happen at the same moment.
func Cases(maxJobs, maxAttempts int) *rapid.Generator[Case] {
	return cases(Workflows(maxJobs), maxAttempts)
}

// RichCases generates the same of workflows that also have conditions, other endings to
// wait for, jobs that run always or may fail, hooks and time limits of the run.
func RichCases(maxJobs, maxAttempts int) *rapid.Generator[Case] {
	return cases(RichWorkflows(maxJobs), maxAttempts)
}

func cases(workflows *rapid.Generator[*workflow.Workflow], maxAttempts int) *rapid.Generator[Case] {
	return rapid.Custom(func(t *rapid.T) Case {
		wf := workflows.Draw(t, "workflow")
		var c Case
		for n := range rapid.IntRange(1, maxAttempts).Draw(t, "attempts") {
			if n > 0 && chance(t, 30, "change the workflow") {
				wf = changed(t, wf)
			}
			c.Attempts = append(c.Attempts, attempt(t, wf, n))
		}
		return c
	})
}

// Workflows generates acyclic workflows of 1 to maxJobs jobs, in any file order.
func Workflows(maxJobs int) *rapid.Generator[*workflow.Workflow] {
	return rapid.Custom(func(t *rapid.T) *workflow.Workflow {
		n := rapid.IntRange(1, maxJobs).Draw(t, "jobs")
		wf := &workflow.Workflow{
			Jobs:            make([]workflow.Job, n),
			MaxWorkers:      rapid.IntRange(0, 5).Draw(t, "max workers"),
			Sequential:      chance(t, 15, "sequential"),
			ContinueOnError: chance(t, 50, "continue on error"),
		}
		policies := rapid.SliceOfN(policy(), 1, 3).Draw(t, "policies")
		order := rapid.Permutation(indexes(n)).Draw(t, "order")
		density := rapid.IntRange(0, 3).Draw(t, "density")
		for at, i := range order {
			wf.Jobs[i] = workflow.Job{
				ID:         run.JobID(rune('a'+i%26)) + run.JobID(run.ID(i).String()),
				Priority:   rapid.IntRange(-1, 1).Draw(t, "priority"),
				Idempotent: chance(t, 30, "idempotent"),
				Retry:      rapid.SampledFrom(policies).Draw(t, "policy"),
				Needs:      needs(t, order[:at], density),
			}
		}
		return wf
	})
}

func needs(t *rapid.T, earlier []int, density int) []int {
	if len(earlier) == 0 || density == 0 {
		return nil
	}
	needs := rapid.SliceOfNDistinct(rapid.SampledFrom(earlier), 0, min(density, len(earlier)), rapid.ID[int]).Draw(t, "needs")
	slices.Sort(needs)
	return needs
}

func policy() *rapid.Generator[*workflow.Retry] {
	return rapid.Custom(func(t *rapid.T) *workflow.Retry {
		return &workflow.Retry{
			Max:       rapid.IntRange(0, 3).Draw(t, "max"),
			Delay:     rapid.SampledFrom([]time.Duration{0, 40 * time.Millisecond, time.Second, 2 * time.Second, 30 * time.Second}).Draw(t, "delay"),
			Backoff:   rapid.SampledFrom([]float64{0, 1, 1.5, 2}).Draw(t, "backoff"),
			Jitter:    rapid.SampledFrom([]float64{0, 0, 0, 0.1, 1}).Draw(t, "jitter"),
			MaxTime:   rapid.SampledFrom([]time.Duration{0, 3 * time.Second, time.Hour}).Draw(t, "max time"),
			OnStatus:  rapid.SliceOfDistinct(rapid.SampledFrom([]string{"FAILED", "TIMEOUT", "ERROR", "PRECHECK_FAILED", "POSTCHECK_FAILED"}), rapid.ID[string]).Draw(t, "on status"),
			ExitCodes: rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 2).Draw(t, "exit codes"),
		}
	})
}

// changed returns the workflow without some of its jobs and with a new one, as if the
// file had been edited between two attempts.
func changed(t *rapid.T, wf *workflow.Workflow) *workflow.Workflow {
	next := *wf
	next.Jobs = nil
	to := make(map[int]int)
	for i := range wf.Jobs {
		if len(wf.Jobs) == 1 || !chance(t, 20, "remove") {
			to[i] = len(to)
		}
	}
	for i, j := range wf.Jobs {
		if _, stays := to[i]; !stays {
			continue
		}
		old, on := j.Needs, j.On
		j.Needs, j.On = nil, nil
		for at, n := range old {
			if k, stays := to[n]; stays {
				j.Needs = append(j.Needs, k)
				if on != nil {
					j.On = append(j.On, on[at])
				}
			}
		}
		next.Jobs = append(next.Jobs, j)
	}
	added := workflow.Job{ID: wf.Jobs[len(wf.Jobs)-1].ID + "new", Retry: wf.Jobs[0].Retry}
	for _, n := range indexes(len(next.Jobs) / 2) {
		if next.Jobs[n].Hook == workflow.NoHook {
			added.Needs = append(added.Needs, n)
		}
	}
	next.Jobs = append(next.Jobs, added)
	return &next
}

func attempt(t *rapid.T, wf *workflow.Workflow, n int) Attempt {
	a := Attempt{Workflow: wf, Options: options(t, wf, n), Early: chance(t, 20, "early")}
	for range wf.Jobs {
		a.Ends = append(a.Ends, rapid.SliceOfN(end(), 1, 3).Draw(t, "ends"))
	}
	if chance(t, 60, "asked from outside") {
		a.Asks = rapid.SliceOfN(ask(len(wf.Jobs)), 1, 4).Draw(t, "asks")
	}
	a.Noise = rapid.SliceOfN(noise(len(wf.Jobs)), 0, 8).Draw(t, "noise")
	slices.SortStableFunc(a.Asks, func(x, y Ask) int { return int(x.After - y.After) })
	slices.SortStableFunc(a.Noise, func(x, y Noise) int { return int(x.After - y.After) })
	a.Overrides = someJobs(t, wf, 10, "overrides")
	a.Options.When = conditions()
	return a
}

func options(t *rapid.T, wf *workflow.Workflow, n int) plan.Options {
	o := plan.Options{
		Sequential:      chance(t, 10, "sequential"),
		Parallel:        chance(t, 10, "parallel"),
		ContinueOnError: chance(t, 20, "continue on error"),
		Skip:            someJobs(t, wf, 20, "skip"),
	}
	if chance(t, 30, "workers given") {
		o.Workers = rapid.IntRange(-1, 50).Draw(t, "workers")
	}
	if chance(t, 30, "durations known") {
		o.Expected = rapid.SliceOfN(rapid.Map(rapid.IntRange(-1, 5), seconds), 1, len(wf.Jobs)).Draw(t, "expected")
	}
	if n > 0 {
		o.FailedOnly = chance(t, 30, "failed only")
		o.From = someJobs(t, wf, 30, "from")
	}
	return o
}

// end generates how a try ends. Most do well.
func end() *rapid.Generator[End] {
	return rapid.Custom(func(t *rapid.T) End {
		e := End{After: moment(t, "ends after"), Grace: moment(t, "grace")}
		if chance(t, 70, "succeeds") {
			e.Outcome = run.Outcome{State: run.Success, Reason: run.Exited}
		} else {
			e.Outcome = rapid.SampledFrom(failures).Draw(t, "failure")
		}
		return e
	})
}

var failures = []run.Outcome{
	{State: run.Failed, Reason: run.Exited, ExitCode: 1},
	{State: run.Failed, Reason: run.Exited, ExitCode: 2},
	{State: run.Failed, Reason: run.Signal, ExitCode: run.NoExitCode, Signal: 11},
	{State: run.Failed, Reason: run.OOMKilled, ExitCode: run.NoExitCode},
	{State: run.Failed, Reason: run.PrecheckFailed, ExitCode: run.NoExitCode},
	{State: run.Failed, Reason: run.PostcheckFailed},
	{State: run.Failed, Reason: run.OutputInvalid},
	{State: run.Failed, Reason: run.StartFailed, ExitCode: run.NoExitCode},
	{State: run.Failed, Reason: run.Lost, ExitCode: run.NoExitCode},
	{State: run.Failed, Reason: run.ItemsInvalid, ExitCode: run.NoExitCode},
	{State: run.Timeout, Reason: run.TimedOut, ExitCode: run.NoExitCode},
	{State: run.Cancelled, Reason: run.Interrupted, ExitCode: run.NoExitCode},
}

func ask(jobs int) *rapid.Generator[Ask] {
	return rapid.Custom(func(t *rapid.T) Ask {
		a := Ask{After: moment(t, "asked after")}
		switch rapid.IntRange(0, 9).Draw(t, "what is asked") {
		case 0:
			a.Input = plan.Cancel{Reason: run.RunCancelled, Detail: "by ann"}
		case 1:
			a.Input = plan.Cancel{Reason: run.Interrupted}
		case 2:
			a.Input = plan.Drain{Reason: run.EngineStopping}
		case 3:
			a.Input = plan.Drain{Reason: run.EngineLost, Detail: "by the successor"}
		default:
			a.Input = plan.CancelJob{Job: rapid.IntRange(0, jobs-1).Draw(t, "job"), Detail: "by bob"}
		}
		return a
	})
}

func noise(jobs int) *rapid.Generator[Noise] {
	return rapid.Custom(func(t *rapid.T) Noise {
		return Noise{
			After: moment(t, "noise after"),
			Kind:  NoiseKind(rapid.IntRange(0, int(noiseKinds)-1).Draw(t, "noise")),
			Job:   rapid.IntRange(0, jobs-1).Draw(t, "job"),
		}
	})
}

// someJobs returns no jobs most of the time, else a few; one of them may not exist.
func someJobs(t *rapid.T, wf *workflow.Workflow, percent int, label string) []run.JobID {
	if !chance(t, percent, label+" any") {
		return nil
	}
	ids := []run.JobID{"nobody"}
	for i := range wf.Jobs {
		ids = append(ids, wf.Jobs[i].ID)
	}
	return rapid.SliceOfN(rapid.SampledFrom(ids), 1, 3).Draw(t, label)
}

// moment generates durations that often coincide.
func moment(t *rapid.T, label string) time.Duration {
	if chance(t, 90, label+" even") {
		return seconds(rapid.IntRange(0, 6).Draw(t, label))
	}
	return time.Duration(rapid.IntRange(0, 7_000_000).Draw(t, label+" odd")) * time.Microsecond
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// chance is true about that many times in a hundred, and shrinks to false.
func chance(t *rapid.T, percent int, label string) bool {
	return rapid.IntRange(0, 99).Draw(t, label) >= 100-percent
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
