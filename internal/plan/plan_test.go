package plan

import (
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// jobs returns a workflow of that many independent jobs a, b, c, … that retry once.
func jobs(n int) *workflow.Workflow {
	wf := &workflow.Workflow{MaxWorkers: n}
	retry := &workflow.Retry{Max: 1, Delay: time.Second, Backoff: 1, MaxTime: time.Hour, OnStatus: []string{"FAILED"}}
	for i := range n {
		wf.Jobs = append(wf.Jobs, workflow.Job{ID: run.JobID(rune('a' + i)), Retry: retry})
	}
	return wf
}

func TestAccessors(t *testing.T) {
	wf := jobs(3)
	wf.MaxWorkers = 2
	p := New(wf, Options{Run: 7})
	if p.Workflow() != wf || p.Workers() != 2 || p.State() != run.Pending || p.Counts() != (run.Counts{Total: 3}) {
		t.Errorf("new: %p %d %s %+v", p.Workflow(), p.Workers(), p.State(), p.Counts())
	}
	p.Step(time.Unix(1, 0), Begin{})
	if p.State() != run.Running || p.Counts() != (run.Counts{Total: 3, Running: 2}) {
		t.Errorf("begun: %s %+v", p.State(), p.Counts())
	}
	if state, tries := p.Job(1); state != run.Running || tries != 1 {
		t.Errorf("job b: %s, %d tries", state, tries)
	}
	if state, tries := p.Job(2); state != run.Queued || tries != 0 {
		t.Errorf("job c: %s, %d tries", state, tries)
	}
}

func TestRoom(t *testing.T) {
	tests := []struct {
		wf   workflow.Workflow
		opt  Options
		want int
	}{
		{workflow.Workflow{}, Options{}, 1},
		{workflow.Workflow{MaxWorkers: 4}, Options{}, 4},
		{workflow.Workflow{MaxWorkers: 4}, Options{Workers: 2}, 2},
		{workflow.Workflow{MaxWorkers: 4}, Options{Workers: 9}, 9},
		{workflow.Workflow{MaxWorkers: -1}, Options{}, 1},
		{workflow.Workflow{MaxWorkers: 4}, Options{Workers: -1}, 1},
		{workflow.Workflow{MaxWorkers: 4, Sequential: true}, Options{}, 1},
		{workflow.Workflow{MaxWorkers: 4, Sequential: true}, Options{Workers: 3}, 1},
		{workflow.Workflow{MaxWorkers: 4, Sequential: true}, Options{Parallel: true}, 4},
		{workflow.Workflow{MaxWorkers: 4}, Options{Sequential: true}, 1},
		{workflow.Workflow{MaxWorkers: 4}, Options{Sequential: true, Parallel: true}, 4},
	}
	for _, tt := range tests {
		if got := tt.opt.Room(&tt.wf); got != tt.want {
			t.Errorf("%+v with %+v: %d, want %d", tt.opt, tt.wf, got, tt.want)
		}
		if got := New(&tt.wf, tt.opt).Workers(); got != tt.want {
			t.Errorf("%+v with %+v: the plan has %d workers, want %d", tt.opt, tt.wf, got, tt.want)
		}
	}
}

// TestStepTime: what a step says depends on the moment, not on the zone, the monotonic
// clock or digits that no store keeps.
func TestStepTime(t *testing.T) {
	moment := time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)
	fail := Finished{Job: 0, Try: 1, Outcome: run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1}}
	play := func(now time.Time) []Output {
		p := New(jobs(1), Options{Run: 7})
		return []Output{p.Step(now, Begin{}), p.Step(now, fail), p.Step(now, Tick{})}
	}
	want := play(moment)
	if wake := moment.Add(time.Second); want[2].Wake != wake || want[1].Transitions[0].Until != wake || want[1].Transitions[0].At != moment {
		t.Errorf("got %+v, want it to wake at %s", want, wake)
	}
	if got := play(moment.Add(789).In(time.FixedZone("CET", 3600))); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestReasonsOfCancelAndDrain: the reasons are a closed set, so that what a run was asked
// for can be read back from its record.
func TestReasonsOfCancelAndDrain(t *testing.T) {
	tests := []struct {
		in    Input
		want  run.Reason
		stops int
	}{
		{Cancel{Reason: run.RunCancelled}, run.RunCancelled, 1},
		{Cancel{Reason: run.Interrupted}, run.Interrupted, 1},
		{Cancel{}, run.RunCancelled, 1},
		{Cancel{Reason: run.EngineLost}, run.RunCancelled, 1},
		{Drain{Reason: run.EngineStopping}, run.EngineStopping, 0},
		{Drain{Reason: run.EngineLost}, run.EngineLost, 0},
		{Drain{}, run.EngineStopping, 0},
		{Drain{Reason: run.RunCancelled}, run.EngineStopping, 0},
	}
	for _, tt := range tests {
		p := New(jobs(1), Options{Run: 7})
		p.Step(time.Unix(1, 0), Begin{})
		out := p.Step(time.Unix(2, 0), tt.in)
		if len(out.Transitions) != 1 || !out.Transitions[0].Mark() || out.Transitions[0].Reason != tt.want || len(out.Stop) != tt.stops {
			t.Errorf("%T%+v: %+v", tt.in, tt.in, out)
		}
	}
}

// TestJobIsSmall: a plan may hold a million.
func TestJobIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(job{}); got != 48 {
		t.Errorf("a job takes %d bytes, its comment says 48", got)
	}
}
