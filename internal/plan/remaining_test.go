package plan

import (
	"errors"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestRemaining: what is left of a run is what failed or never ran. Neither what was
// skipped though nothing was wrong, nor what looks after it, nor a hook is a reason to go on.
func TestRemaining(t *testing.T) {
	wf := jobs(6) // a to f
	wf.Jobs[1].When = "no"
	wf.Jobs[2].Needs = []int{1}
	wf.Jobs[3].Needs, wf.Jobs[3].Always = []int{1}, true
	wf.Jobs[4].Needs, wf.Jobs[4].On = []int{0}, []workflow.Ending{workflow.OnFailure}
	wf.Jobs[5].Hook = workflow.HookSuccess
	for i := range wf.Jobs {
		wf.Jobs[i].Retry = &workflow.Retry{}
	}
	opt := Options{Run: 7, ContinueOnError: true, When: func(int, Facts) (bool, error) { return false, nil }}
	play := func(bad run.State) []run.Transition {
		p := New(wf, opt)
		out := p.Step(time.Unix(1, 0), Begin{})
		ts, todo := out.Transitions, out.Start
		for ; len(todo) > 0; todo = todo[1:] {
			o := run.Outcome{State: run.Success, Reason: run.Exited}
			if todo[0].Job == 0 {
				o.State = bad
			}
			out := p.Step(time.Unix(1, 0), Finished{Job: todo[0].Job, Try: 1, Outcome: o})
			ts, todo = append(ts, out.Transitions...), append(todo, out.Start...)
		}
		return ts
	}
	tests := []struct {
		name           string
		ended          run.State
		opt            Options
		toRun, leftOut int
	}{
		{"of a success nothing", run.Success, Options{}, 0, 0},
		{"what is named runs", run.Success, Options{From: []run.JobID{"b"}}, 3, 0},
		{"of a failure the job, and what waits for its failure", run.Failed, Options{}, 2, 0},
		{"and the same with failed-only", run.Failed, Options{FailedOnly: true}, 2, 0},
	}
	for _, tt := range tests {
		tt.opt.Run, tt.opt.Attempt, tt.opt.When = 7, 2, opt.When
		p, err := Restore(wf, tt.opt, play(tt.ended), nil)
		if err != nil {
			t.Fatal(err)
		}
		if toRun, leftOut := p.Remaining(); toRun != tt.toRun || leftOut != tt.leftOut {
			t.Errorf("%s: %d to run and %d left out, want %d and %d", tt.name, toRun, leftOut, tt.toRun, tt.leftOut)
		}
	}
}

// TestConditionThatFailedIsAFailure: a resume of what failed takes it up again.
func TestConditionThatFailedIsAFailure(t *testing.T) {
	wf := jobs(1)
	wf.Jobs[0].When = "broken"
	opt := Options{Run: 7, When: func(int, Facts) (bool, error) { return false, errors.New("x") }}
	history := New(wf, opt).Step(time.Unix(1, 0), Begin{}).Transitions
	opt.Attempt, opt.FailedOnly = 2, true
	p, err := Restore(wf, opt, history, nil)
	if err != nil {
		t.Fatal(err)
	}
	if toRun, leftOut := p.Remaining(); toRun != 1 || leftOut != 0 {
		t.Errorf("%d to run and %d left out", toRun, leftOut)
	}
}
