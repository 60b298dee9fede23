package plan_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

const million = 1_000_000

// wide returns a workflow of n jobs, each of which but the first hundred needs two others.
func wide(n int) *workflow.Workflow {
	retry := &workflow.Retry{}
	wf := &workflow.Workflow{MaxWorkers: 8, Jobs: make([]workflow.Job, n)}
	for i := range wf.Jobs {
		wf.Jobs[i] = workflow.Job{ID: run.JobID(run.ID(i).String()), Retry: retry}
		if i >= 100 {
			wf.Jobs[i].Needs = []int{i - 100, i - 50}
		}
	}
	return wf
}

// drive runs a plan to its end, every try a success, and returns how many tries
// there were. record is given what each step says is to be recorded.
func drive(p *plan.Plan, record func([]run.Transition)) int {
	now, ok := time.Unix(1, 0), run.Outcome{State: run.Success, Reason: run.Exited}
	out := p.Step(now, plan.Begin{})
	record(out.Transitions)
	todo := out.Start
	for n := 0; n < len(todo); n++ {
		out := p.Step(now, plan.Finished{Job: todo[n].Job, Try: todo[n].Try, Outcome: ok})
		record(out.Transitions)
		todo = append(todo, out.Start...)
	}
	return len(todo)
}

// BenchmarkMillionJobs is a whole run, from New to Done.
func BenchmarkMillionJobs(b *testing.B) {
	wf := wide(million)
	b.ReportAllocs()
	for b.Loop() {
		p := plan.New(wf, plan.Options{Run: 1})
		if n := drive(p, func([]run.Transition) {}); n != million || p.State() != run.Success {
			b.Fatal(n, p.State())
		}
	}
}

// BenchmarkNewMillionJobs is New alone, and what the plan then holds.
func BenchmarkNewMillionJobs(b *testing.B) {
	wf := wide(million)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	held := plan.New(wf, plan.Options{Run: 1})
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		plan.New(wf, plan.Options{Run: 1})
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/million, "bytes/job")
	runtime.KeepAlive(held)
}

// BenchmarkRestoreMillionJobs reads back the three million transitions of a whole run.
func BenchmarkRestoreMillionJobs(b *testing.B) {
	wf := wide(million)
	var history []run.Transition
	drive(plan.New(wf, plan.Options{Run: 1}), func(ts []run.Transition) { history = append(history, ts...) })
	b.ReportAllocs()
	for b.Loop() {
		p, err := plan.Restore(wf, plan.Options{Run: 1}, history, nil)
		if err != nil || p.State() != run.Success {
			b.Fatal(p, err)
		}
	}
}
