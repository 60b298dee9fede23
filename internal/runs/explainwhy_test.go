package runs

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// rich is a workflow in which load fails, opt fails and may, and late runs out of time.
func rich() *workflow.Workflow {
	failure, done, success := workflow.OnFailure, workflow.OnDone, workflow.OnSuccess
	wf := &workflow.Workflow{Application: "rich", MaxWorkers: 9, ContinueOnError: true, Jobs: []workflow.Job{
		{ID: "load"},
		{ID: "opt", ContinueOnError: true},
		{ID: "late"},
		{ID: "undo", Needs: []int{0}, On: []workflow.Ending{failure}},
		{ID: "calm", Needs: []int{1, 6}, On: []workflow.Ending{success, failure}},
		{ID: "tell", Needs: []int{0, 1, 2, 3, 4}, On: []workflow.Ending{done, done, done, done, done}, When: "yes"},
		{ID: "fine"},
		{ID: "next", Needs: []int{1, 6}},
		{ID: "never", Needs: []int{6}, When: "no"},
		{ID: "wrong", When: "broken", ContinueOnError: true},
		{ID: "clean", Needs: []int{0, 9}, Always: true},
		{ID: "sad", Hook: workflow.HookFailure},
		{ID: "glad", Hook: workflow.HookSuccess},
	}}
	for i := range wf.Jobs {
		wf.Jobs[i].Retry = &workflow.Retry{}
	}
	return wf
}

func richWhen(wf *workflow.Workflow) func(int, plan.Facts) (bool, error) {
	return func(i int, _ plan.Facts) (bool, error) {
		if wf.Jobs[i].When == "broken" {
			return false, errors.New("there is no x")
		}
		return wf.Jobs[i].When == "yes", nil
	}
}

// played returns the details of a run in which these jobs end badly and all others well.
func played(wf *workflow.Workflow, bad map[run.JobID]run.State) Details {
	p := plan.New(wf, plan.Options{Run: 7, When: richWhen(wf)})
	out := p.Step(noon, plan.Begin{})
	ts, todo := out.Transitions, out.Start
	for ; len(todo) > 0; todo = todo[1:] {
		o := run.Outcome{State: run.Success, Reason: run.Exited}
		switch bad[wf.Jobs[todo[0].Job].ID] {
		case run.Failed:
			o = run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}
		case run.Timeout:
			o = run.Outcome{State: run.Timeout, Reason: run.TimedOut, ExitCode: run.NoExitCode}
		}
		out = p.Step(noon, plan.Finished{Job: todo[0].Job, Try: todo[0].Try, Outcome: o})
		ts, todo = append(ts, out.Transitions...), append(todo, out.Start...)
	}
	d := Details{Workflow: wf, History: History{Transitions: ts}, Attempts: []store.Attempt{{Number: 1}}}
	d.View = View{Run: 7, Attempt: 1, State: p.State(), Jobs: fold(wf, d.History, 7)}
	return d
}

func TestWhyJobsOfARichWorkflowRan(t *testing.T) {
	d := played(rich(), map[run.JobID]run.State{"load": run.Failed, "opt": run.Failed, "late": run.Timeout})
	tests := []struct {
		job  run.JobID
		want string // the first sentence about it
	}{
		{"undo", "It was queued, because what it waits for has ended so: load failed."},
		{"calm", "It was skipped, because it runs only if fine fails, and it succeeded."},
		{"tell", "It was queued, because what it waits for has ended so: load failed, opt failed, late ran out of time, undo succeeded, calm was skipped; its condition holds: yes."},
		{"next", "It was queued, because all it depends on is done: opt (which failed, and may fail), fine."},
		{"never", "It was skipped, because its condition does not hold: no."},
		{"wrong", "It was skipped, because its condition can't be evaluated: broken: there is no x. That counts as a failure."},
		{"clean", "It was queued, because what it waits for has ended so: load failed, wrong was skipped."},
		{"sad", "It was queued, because the other jobs of the run have ended, and not all of them well."},
		{"glad", "It was skipped, because it runs only at the end of a run that succeeds."},
	}
	for _, tt := range tests {
		if got := Explain(d, tt.job)[0].Sentence; got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.job, got, tt.want)
		}
	}
	told := Explain(d, "opt")
	if got := told[len(told)-1].Sentence; got != "Try 1 failed with exit code 3; it is not tried again. It may fail: the run goes on as if it had succeeded." {
		t.Error(got)
	}
	var failures []string
	for _, f := range ExplainFailures(d) {
		failures = append(failures, string(f.Job))
	}
	if got := strings.Join(failures, " "); got != "load opt late wrong" {
		t.Errorf("failures: %s", got)
	}
}

func TestWhyHooksRan(t *testing.T) {
	wf := rich()
	wf.Jobs[9].When = ""
	d := played(wf, nil)
	if got := Explain(d, "glad")[0].Sentence; got != "It was queued, because the other jobs of the run have ended well." {
		t.Error(got)
	}
	if got := Explain(d, "sad")[0].Sentence; got != "It was skipped, because it runs only at the end of a run that does not succeed." {
		t.Error(got)
	}
	if got := Explain(d, "undo")[0].Sentence; got != "It was skipped, because it runs only if load fails, and it succeeded." {
		t.Error(got)
	}
}

func TestWhatAHookWaitsFor(t *testing.T) {
	wf := rich()
	d := Details{Workflow: wf, Attempts: []store.Attempt{{Number: 1}}}
	d.View = View{Run: 7, Attempt: 1, State: run.Running, Jobs: fold(wf, d.History, 7)}
	got := Explain(d, "sad")
	if len(got) != 1 || got[0].Sentence != "It waits for the other jobs of the run to end." {
		t.Errorf("%+v", got)
	}
}

// TestWhatCleanUpWaitsFor: also what a job needs that was cancelled before it began.
func TestWhatCleanUpWaitsFor(t *testing.T) {
	started := []run.Transition{
		{From: run.Queued, To: run.Running, Reason: run.Started},
		{Job: "a", From: run.Pending, To: run.Queued, Reason: run.DependenciesMet},
		{Job: "a", Try: 1, From: run.Queued, To: run.Running, Reason: run.Started},
		{Job: "b", From: run.Pending, To: run.Cancelled, Reason: run.RunCancelled},
	}
	d := recorded(started)
	d.Workflow.Jobs[2].Always = true
	if got := newExplainer(d).waiting("c"); got != "It waits for a (RUNNING)." {
		t.Error(got)
	}
}

// TestAllowedFailureStaysAFailure: an attempt that passes it over shows it as it was, and
// does not take it for a job that is still to come.
func TestAllowedFailureStaysAFailure(t *testing.T) {
	d := recorded([]run.Transition{
		{Job: "a", Try: 1, From: run.Running, To: run.Failed, Reason: run.Exited, Outcome: ended(3)},
		{Attempt: 2, Job: "a", From: run.Pending, To: run.Skipped, Reason: run.FailuresAllowed},
	})
	if j := d.View.Jobs[0]; j.State != run.Failed || j.Attempt != 1 || j.ExitCode == nil || *j.ExitCode != 3 {
		t.Errorf("%+v", j)
	}
	told := Explain(d, "a")
	if got := told[len(told)-1].Sentence; len(told) != 2 || got != "It was not run again: it failed in an earlier attempt, and may." {
		t.Errorf("%+v", told)
	}
}

func TestTellRich(t *testing.T) {
	skip := func(r run.Reason, cause run.JobID, detail string) *run.Transition {
		return &run.Transition{Job: "b", From: run.Pending, To: run.Skipped, Reason: r, Cause: cause, Detail: detail}
	}
	tests := []struct {
		t           *run.Transition
		level, text string
	}{
		{skip(run.ConditionFalse, "", "1 > 2"), LevelInfo, "skipped: its condition does not hold: 1 > 2"},
		{skip(run.ConditionFailed, "", "x: no x"), LevelError, "failed: its condition can't be evaluated: x: no x"},
		{skip(run.DependencySkipped, "a", ""), LevelInfo, "skipped: a was skipped"},
		{skip(run.DependencySkipped, "", ""), LevelInfo, "skipped: what it depends on was skipped"},
		{skip(run.NotNeeded, "a", ""), LevelInfo, "not needed"},
		{skip(run.FailuresAllowed, "", ""), LevelInfo, "not run again: it failed, and may"},
		{
			&run.Transition{From: run.Running, To: run.Running, Reason: run.Resumed, Detail: "with 1 job running"},
			LevelWarning, "carried on, because the program that ran it was gone (with 1 job running)",
		},
		{&run.Transition{From: run.Running, To: run.Running, Reason: run.TimedOut, Detail: "after 1m0s"}, LevelWarning, "stopped, because its time is over (after 1m0s)"},
	}
	for _, tt := range tests {
		if level, text := NewTeller(flow()).Tell(tt.t); level != tt.level || text != tt.text {
			t.Errorf("%s: %s %q, want %s %q", tt.t.Reason, level, text, tt.level, tt.text)
		}
	}
}

// TestTellHowLong: the time stands behind what it took, and is left out where the
// beginning is not known.
func TestTellHowLong(t *testing.T) {
	begin := &run.Transition{Job: "a", Try: 1, From: run.Queued, To: run.Running, At: noon}
	end := func(to run.State, reason run.Reason, detail string) *run.Transition {
		return &run.Transition{Job: "a", Try: 1, From: run.Running, To: to, Reason: reason, Detail: detail, At: noon.Add(1460 * time.Millisecond), Outcome: ended(7)}
	}
	tests := []struct {
		t              *run.Transition
		known, unknown string
	}{
		{end(run.Success, run.Exited, ""), "succeeded after 1.46s", "succeeded"},
		{end(run.Failed, run.Exited, "x"), "failed with exit code 7 after 1.46s: x", "failed with exit code 7: x"},
		{
			end(run.Cancelled, run.Interrupted, "interrupt"), "was stopped after 1.46s, because the run was interrupted",
			"was stopped, because the run was interrupted",
		},
		{
			end(run.Cancelled, run.Interrupted, "terminated"), "was stopped after 1.46s, because the run was interrupted: terminated",
			"was stopped, because the run was interrupted: terminated",
		},
		{
			end(run.Failed, run.Signal, "ended by SIGKILL"), "was ended by signal 0 after 1.46s, SIGKILL", "was ended by signal 0, SIGKILL",
		},
		{
			end(run.Failed, run.Signal, "ended by SIGABRT (core dumped); its log is incomplete"),
			"was ended by signal 0 after 1.46s, SIGABRT (core dumped): its log is incomplete",
			"was ended by signal 0, SIGABRT (core dumped): its log is incomplete",
		},
		{end(run.Failed, run.PostcheckFailed, "y"), "ended well after 1.46s, but a post-check failed: y", "ended well, but a post-check failed: y"},
		{end(run.Failed, run.PrecheckFailed, "y"), "was not run, because a pre-check failed: y", "was not run, because a pre-check failed: y"},
		{&run.Transition{From: run.Running, To: run.Failed, At: noon.Add(time.Second)}, "FAILED after 1.00s", "FAILED"},
		{&run.Transition{Job: "a", From: run.Running, To: run.Success, Reason: run.Exited, At: noon.Add(time.Hour), Outcome: &run.Outcome{Ended: noon.Add(time.Second)}}, "succeeded after 1.00s", "succeeded"},
		{&run.Transition{From: run.Running, To: run.Success, At: noon.Add(time.Second)}, "SUCCESS after 1.00s", "SUCCESS"},
	}
	for _, tt := range tests {
		if _, got := NewTeller(flow()).Tell(tt.t); got != tt.unknown {
			t.Errorf("%q, want %q", got, tt.unknown)
		}
		teller := NewTeller(flow())
		teller.Tell(&run.Transition{From: run.Queued, To: run.Running, At: noon})
		teller.Tell(begin)
		if _, got := teller.Tell(tt.t); got != tt.known {
			t.Errorf("%q, want %q", got, tt.known)
		}
	}
}

func TestPreviewOfARichWorkflow(t *testing.T) {
	wf := rich()
	wf.Timeout = time.Second // guessed times must not end the rehearsal
	p, err := PreviewRun(wf, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.IndexFunc(p.Starts, func(i int) bool { return wf.Jobs[i].ID == "glad" }); got != len(p.Starts)-1 {
		t.Errorf("hooks come last: %v", p.Starts)
	}
	waves := [][]int{{0, 1, 2, 6, 9}, {5, 7, 8, 10}, {12}}
	if !slices.EqualFunc(p.Waves, waves, slices.Equal) {
		t.Errorf("waves %v, want %v", p.Waves, waves)
	}
	if want := []int{0, 5, 12}; !slices.Equal(p.Critical, want) {
		t.Errorf("critical path %v, want %v", p.Critical, want)
	}
	want := []SkippedJob{{3, run.NotNeeded, "load"}, {4, run.NotNeeded, "fine"}, {11, run.NotNeeded, ""}}
	if !slices.Equal(p.Skipped, want) {
		t.Errorf("skipped %v, want %v", p.Skipped, want)
	}
}
