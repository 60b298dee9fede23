package simulate

import (
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Started returns the jobs that started, in the order in which they first did.
func (t *Timeline) Started() []int {
	var jobs []int
	for i := range t.Tries {
		if t.Tries[i].Number == 1 {
			jobs = append(jobs, t.Tries[i].Job)
		}
	}
	return jobs
}

// Busy returns which part of the workers' time jobs ran, from 0 to 1, and how many ran at
// once at most.
func (t *Timeline) Busy() (part float64, peak int) {
	var sum time.Duration
	var starts, ends []time.Duration // of tries that take time
	for i := range t.Tries {
		if try := &t.Tries[i]; try.End > try.Start {
			sum += try.End - try.Start
			starts, ends = append(starts, try.Start), append(ends, try.End)
		}
	}
	slices.Sort(ends)
	ended := 0
	for i, start := range starts {
		for ends[ended] <= start {
			ended++
		}
		peak = max(peak, i+1-ended)
	}
	if whole := t.Took.Seconds() * float64(t.Workers); whole > 0 {
		part = sum.Seconds() / whole
	}
	return part, peak
}

// Lengths returns how long each job took, from the start of its first try to the end of
// its last, by index.
func (t *Timeline) Lengths() []time.Duration {
	took := make([]time.Duration, len(t.Jobs))
	first := make([]time.Duration, len(t.Jobs))
	for i := range t.Tries {
		try := &t.Tries[i]
		if try.Number == 1 {
			first[try.Job] = try.Start
		}
		took[try.Job] = try.End - first[try.Job]
	}
	return took
}

// Shape returns the waves of some jobs of a workflow, and the chain of them that takes the
// longest, so that no number of workers makes it faster. Jobs at the end of the run come
// after all others. length says how long a job takes; for 0 a second is taken.
func Shape(wf *workflow.Workflow, started []int, length func(job int) time.Duration) (waves [][]int, critical []int) {
	var jobs, hooks []int
	for _, i := range slices.Sorted(slices.Values(started)) {
		if wf.Jobs[i].Hook == workflow.NoHook {
			jobs = append(jobs, i)
		} else {
			hooks = append(hooks, i)
		}
	}
	waves, critical = shapeOf(wf, jobs, length)
	hookWaves, hookCritical := shapeOf(wf, hooks, length)
	return append(waves, hookWaves...), append(critical, hookCritical...)
}

// shapeOf returns the waves and the critical path of some jobs, in the order of the file.
func shapeOf(wf *workflow.Workflow, jobs []int, length func(job int) time.Duration) (waves [][]int, critical []int) {
	place := make([]int, len(wf.Jobs)) // in the part that runs, plus 1
	part := &workflow.Workflow{Jobs: make([]workflow.Job, len(jobs))}
	expected := make([]time.Duration, len(jobs))
	for n, i := range jobs {
		place[i] = n + 1
		expected[n] = length(i)
	}
	for n, i := range jobs {
		for _, need := range wf.Jobs[i].Needs {
			if at := place[need]; at > 0 {
				part.Jobs[n].Needs = append(part.Jobs[n].Needs, at-1)
			}
		}
	}
	back := func(list []int) {
		for n := range list {
			list[n] = jobs[list[n]]
		}
	}
	waves, critical = plan.Waves(part), plan.CriticalPath(part, expected)
	for _, wave := range waves {
		back(wave)
	}
	back(critical)
	return waves, critical
}
