package plan

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// TestTakenUpAsksForNothing: that another program went on with an attempt is recorded, and
// keeps nothing from starting.
func TestTakenUpAsksForNothing(t *testing.T) {
	p, err := Restore(jobs(1), Options{Run: 7}, []run.Transition{
		{Attempt: 1, From: run.Pending, To: run.Queued, Reason: run.Submitted},
		{Attempt: 1, From: run.Queued, To: run.Running, Reason: run.Started},
		{Attempt: 1, From: run.Running, To: run.Running, Reason: run.Resumed},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out := p.Step(time.Unix(0, 0), Begin{}); len(out.Start) != 1 || out.Start[0] != (Task{Job: 0, Try: 1}) {
		t.Errorf("%+v", out)
	}
}

// TestRestoreRefusesContradictions: a history that can't have happened is an error, not
// a plan that goes on from nowhere.
func TestRestoreRefusesContradictions(t *testing.T) {
	sound := []run.Transition{
		{Attempt: 1, From: run.Pending, To: run.Queued, Reason: run.Submitted},
		{Attempt: 1, From: run.Queued, To: run.Running, Reason: run.Started},
		{Attempt: 1, Job: "a", From: run.Pending, To: run.Queued, Reason: run.DependenciesMet},
		{Attempt: 1, Job: "a", Try: 1, From: run.Queued, To: run.Running, Reason: run.Started},
	}
	tests := []struct {
		name string
		next run.Transition
		want string // empty: no error
	}{
		{"it goes on", run.Transition{Attempt: 1, Job: "a", Try: 1, From: run.Running, To: run.Success}, ""},
		{"a mark of a job", run.Transition{Attempt: 1, Job: "a", Try: 1, From: run.Running, To: run.Running, Reason: run.JobCancelled}, ""},
		{"a mark of the run", run.Transition{Attempt: 1, From: run.Running, To: run.Running, Reason: run.RunCancelled}, ""},
		{"a job that is gone", run.Transition{Attempt: 1, Job: "z", From: run.Success, To: run.Pending}, ""},
		{"another attempt", run.Transition{Attempt: 2, Job: "a", From: run.Success, To: run.Pending}, ""},
		{
			"a job is elsewhere",
			run.Transition{Attempt: 1, Job: "a", From: run.Queued, To: run.Running},
			"history of run 7, entry 5: job a can't go from QUEUED to RUNNING when it is RUNNING",
		},
		{
			"a job's illegal move",
			run.Transition{Attempt: 1, Job: "a", From: run.Running, To: run.Queued},
			"history of run 7, entry 5: job a can't go from RUNNING to QUEUED when it is RUNNING",
		},
		{
			"a mark of a job that is elsewhere",
			run.Transition{Attempt: 1, Job: "a", From: run.Failed, To: run.Failed},
			"history of run 7, entry 5: job a can't go from FAILED to FAILED when it is RUNNING",
		},
		{
			"the run is elsewhere",
			run.Transition{Attempt: 1, From: run.Queued, To: run.Running},
			"history of run 7, entry 5: the run can't go from QUEUED to RUNNING when it is RUNNING",
		},
		{
			"the run's illegal move",
			run.Transition{Attempt: 1, From: run.Running, To: run.Pending},
			"history of run 7, entry 5: the run can't go from RUNNING to PENDING when it is RUNNING",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Restore(jobs(1), Options{Run: 7}, append(sound[:4:4], tt.next), nil)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want || (p == nil) != (tt.want != "") {
				t.Errorf("error %q, want %q; plan %v", got, tt.want, p)
			}
		})
	}
}

// TestStopsAreNotRepeatedTwice: after a restore a stop that is due is asked for once,
// however often it was asked for before.
func TestStopsAreNotRepeatedTwice(t *testing.T) {
	wf, now := jobs(3), time.Unix(1, 0)
	var history []run.Transition
	p := New(wf, Options{Run: 7})
	for _, in := range []Input{Begin{}, CancelJob{Job: 2}, CancelJob{Job: 0}, Cancel{}} {
		history = append(history, p.Step(now, in).Transitions...)
	}
	restored, err := Restore(wf, Options{Run: 7}, history, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := restored.Step(now, CancelJob{Job: 1})
	var got []int
	for _, s := range out.Stop {
		got = append(got, s.Job)
	}
	if len(got) != 3 || got[0] != 0 || got[1] != 1 || got[2] != 2 {
		t.Errorf("stops %v, want each job once", got)
	}
	if out := restored.Step(now, Tick{}); len(out.Stop) != 0 {
		t.Errorf("stopped again: %+v", out.Stop)
	}
}
