package plan

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

func BenchmarkMillionJobs(b *testing.B) {
	const n = 1_000_000
	retry := &workflow.Retry{}
	wf := &workflow.Workflow{MaxWorkers: 8, Jobs: make([]workflow.Job, n)}
	for i := range wf.Jobs {
		wf.Jobs[i] = workflow.Job{ID: run.JobID(run.ID(i).String()), Retry: retry}
		if i >= 100 {
			wf.Jobs[i].Needs = []int{i - 100, i - 50}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		p := New(wf, Options{Run: 1})
		now := time.Unix(1, 0)
		todo := p.Step(now, Begin{}).Start
		done := 0
		for len(todo) > 0 {
			t := todo[0]
			todo = todo[1:]
			out := p.Step(now, Finished{Job: t.Job, Try: t.Try, Outcome: run.Outcome{State: run.Success, Reason: run.Exited}})
			todo = append(todo, out.Start...)
			done++
		}
		if done != n || p.State() != run.Success {
			b.Fatal(done, p.State())
		}
	}
}
