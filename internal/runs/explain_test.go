package runs

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// flow is a workflow of the jobs a, b (needs a), c (needs b) and d (needs seven others).
func flow() *workflow.Workflow {
	wf := &workflow.Workflow{
		Application: "flow", WorkingDir: "/w", LogDir: "/w/logs", MaxWorkers: 3,
		Jobs: []workflow.Job{
			{ID: "a", Command: "do a", Description: "the first"},
			{ID: "b", Needs: []int{0}},
			{ID: "c", Needs: []int{1}},
			{ID: "d", Needs: []int{0, 1, 2, 4, 5, 6, 7}},
			{ID: "e"},
			{ID: "f"},
			{ID: "g"},
			{ID: "h"},
		},
	}
	for i := range wf.Jobs {
		wf.Jobs[i].LogDir = wf.LogDir
		wf.Jobs[i].Retry = &workflow.Retry{}
	}
	return wf
}

// recorded returns the details of run 7 with these transitions, numbered, one second apart.
func recorded(ts []run.Transition, overrides ...run.Override) Details {
	attempts := 1
	for i := range ts {
		ts[i].Seq = int64(i + 1)
		ts[i].At = noon.Add(time.Duration(i) * time.Second)
		ts[i].Attempt = max(ts[i].Attempt, 1)
		attempts = max(attempts, ts[i].Attempt)
	}
	d := Details{Workflow: flow(), History: History{Transitions: ts, Overrides: overrides}}
	d.View = View{Run: 7, Attempt: attempts, Application: "flow", State: run.Running, Jobs: fold(d.Workflow, d.History, 7)}
	for n := range attempts {
		d.Attempts = append(d.Attempts, store.Attempt{Number: n + 1})
	}
	for i := range ts {
		if ts[i].Job == "" && !ts[i].Mark() {
			d.View.State = ts[i].To
		}
		if ts[i].Job != "" && ts[i].Attempt == attempts {
			d.View.Counts.Apply(&ts[i])
		}
	}
	return d
}

func ended(exit int) *run.Outcome { return &run.Outcome{ExitCode: exit} }

// sentences has each reason at least once, in every role that it may play.
func sentences() []struct {
	t    run.Transition
	want string
} {
	const (
		pending, queued, running = run.Pending, run.Queued, run.Running
		success, failed, timeout = run.Success, run.Failed, run.Timeout
		skipped, cancelled       = run.Skipped, run.Cancelled
	)
	return []struct {
		t    run.Transition
		want string
	}{
		// of a job
		{run.Transition{Job: "a", From: pending, To: queued, Reason: run.DependenciesMet}, "It was queued at once, because it depends on nothing."},
		{run.Transition{Job: "c", From: pending, To: queued, Reason: run.DependenciesMet}, "It was queued, because all it depends on is done: b."},
		{run.Transition{Job: "d", From: pending, To: queued, Reason: run.DependenciesMet}, "It was queued, because all it depends on is done: a, b, c, e, f, and 2 more."},
		{run.Transition{Job: "gone", From: pending, To: queued, Reason: run.DependenciesMet}, "It was queued at once, because it depends on nothing."},
		{run.Transition{Job: "a", Try: 1, From: failed, To: queued, Reason: run.Retry}, "It was queued again for try 2, because the wait after try 1 is over."},
		{run.Transition{Job: "a", Try: 2, From: queued, To: running, Reason: run.Started}, "Try 2 started, because a worker was free (3 in all)."},
		{run.Transition{Job: "a", Try: 1, From: running, To: success, Reason: run.Exited, Outcome: ended(0)}, "Try 1 succeeded."},
		{run.Transition{Job: "a", Try: 1, From: running, To: success, Reason: run.EmptyCommand, Outcome: ended(0)}, "Try 1 succeeded, because there was no command to run."},
		{run.Transition{Job: "a", Try: 1, From: running, To: success, Reason: run.UpToDate, Outcome: ended(0), Detail: "nothing changed since run 12"}, "Try 1 did not have to run: nothing changed since run 12."},
		{run.Transition{Job: "a", Try: 1, From: running, To: success, Reason: run.Exited, Outcome: ended(0), Detail: "run: a.csv changed"}, "Try 1 succeeded (run: a.csv changed)."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.Exited, Outcome: ended(3), Detail: "log full; run: first time"}, "Try 1 failed with exit code 3: log full; run: first time; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.Exited, Outcome: ended(3)}, "Try 1 failed with exit code 3; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.Exited, Outcome: ended(3), Detail: "log full"}, "Try 1 failed with exit code 3: log full; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.Signal, Outcome: &run.Outcome{Signal: 11}}, "Try 1 was ended by signal 11; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.OOMKilled, Outcome: ended(-1)}, "Try 1 was killed by the kernel, because memory ran out; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.PrecheckFailed, Outcome: ended(-1), Detail: "check_file_exists: x is not there"}, "Try 1 was not run, because a pre-check failed: check_file_exists: x is not there; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.PostcheckFailed, Outcome: ended(0), Detail: "x"}, "Try 1 ended well, but a post-check failed: x; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.OutputInvalid, Outcome: ended(0), Detail: "x"}, "Try 1 ended well, but what it handed on can't be read: x; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.StartFailed, Outcome: ended(-1), Detail: "x"}, "Try 1 could not be started: x; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: timeout, Reason: run.TimedOut, Outcome: ended(-1)}, "Try 1 was stopped, because its time was over; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: timeout, Reason: run.TimedOut, Outcome: ended(-1), Detail: "timed out after 2s"}, "Try 1 was stopped: timed out after 2s; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.Lost, Outcome: ended(-1)}, "Try 1 was lost; it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: "new_reason", Outcome: ended(-1)}, "Try 1 ended as FAILED (new_reason); it is not tried again."},
		{run.Transition{Job: "a", Try: 1, From: running, To: cancelled, Reason: run.RunCancelled, Outcome: ended(-1), Detail: "asked by ann"}, "Try 1 was stopped, because the run was cancelled: asked by ann."},
		{run.Transition{Job: "a", Try: 1, From: running, To: cancelled, Reason: run.Interrupted, Outcome: ended(-1)}, "Try 1 was stopped, because the run was interrupted."},
		{run.Transition{Job: "a", Try: 1, From: running, To: cancelled, Reason: run.JobCancelled, Outcome: ended(-1)}, "Try 1 was stopped, because the job was cancelled."},
		{run.Transition{Job: "a", Try: 1, From: running, To: cancelled, Reason: run.EngineLost, Outcome: ended(-1)}, "Try 1 was stopped, because the run was no longer ours."},
		{run.Transition{Job: "a", From: queued, To: cancelled, Reason: run.JobCancelled, Detail: "asked by ann"}, "It was not started, because it was cancelled (asked by ann)."},
		{run.Transition{Job: "a", From: queued, To: cancelled, Reason: run.RunCancelled}, "It was not started, because the run was cancelled."},
		{run.Transition{Job: "a", From: queued, To: cancelled, Reason: run.Interrupted, Detail: "interrupt"}, "It was not started, because the run was interrupted (interrupt)."},
		{run.Transition{Job: "a", From: queued, To: cancelled, Reason: run.EngineLost}, "It was not started, because the program that ran it was gone."},
		{run.Transition{Job: "a", From: queued, To: cancelled, Reason: run.EngineStopping, Detail: "asked by ann"}, "It was not started, because the run was to start nothing more (asked by ann)."},
		{run.Transition{Job: "a", Try: 1, From: running, To: running, Reason: run.JobCancelled, Detail: "asked by ann"}, "It was asked to stop (asked by ann)."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.DependencyFailed, Cause: "a"}, "It was skipped, because it depends on a, which failed."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.StoppedOnFailure, Cause: "a"}, "It was skipped, because a failed and the run does not continue on errors."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.SkipRequested}, "It was skipped, because that was asked for; what depends on it goes on as if it had succeeded."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.AlreadySucceeded}, "It was not run again, because it had succeeded in an earlier attempt."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.NotSelected}, "It was left out, because only failed jobs were asked for."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.Stuck}, "It was skipped, because nothing ran and nothing could start. This is a bug of executioner; please report it."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: "new_reason"}, "It was skipped (new_reason)."},
		{
			run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.ItemsInvalid, Outcome: ended(-1), Detail: "x"},
			"Try 1 could not become a job for each item: x; it is not tried again.",
		},
		{run.Transition{Job: "a", From: pending, To: queued, Reason: run.NotRecorded}, "It was started by the program that the run was imported from, which recorded no dependencies."},
		{run.Transition{Job: "a", Try: 1, From: running, To: failed, Reason: run.NotRecorded, Outcome: ended(-1), Detail: "x"}, "Try 1 failed, and why was not recorded: x; it is not tried again."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.NotRecorded, Detail: "x"}, "It was skipped; why was not recorded: x."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.ConditionFalse, Detail: "1 > 2"}, "It was skipped, because its condition does not hold: 1 > 2."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.ConditionFalse}, "It was skipped, because its condition did not hold in an earlier attempt, and only failed jobs were asked for now."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.ConditionFailed, Detail: "x: no x"}, "It was skipped, because its condition can't be evaluated: x: no x. That counts as a failure."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.DependencySkipped, Cause: "a"}, "It was skipped, because it depends on a, which was skipped."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.DependencySkipped}, "It was skipped, because what it depends on was skipped in an earlier attempt, and only failed jobs were asked for now."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.NotNeeded}, "It was skipped, because what it waits for ended otherwise in an earlier attempt, and only failed jobs were asked for now."},
		{run.Transition{Job: "gone", From: pending, To: skipped, Reason: run.NotNeeded, Cause: "a"}, "It was skipped, because it waits for another ending of a."},
		{run.Transition{Job: "b", From: pending, To: skipped, Reason: run.FailuresAllowed}, "It was not run again: it failed in an earlier attempt, and may."},
		{run.Transition{Job: "b", From: pending, To: cancelled, Reason: run.RunTimedOut, Detail: "after 1h0m0s"}, "It was not started, because the time of the whole run was over (after 1h0m0s)."},
		{run.Transition{Job: "a", Try: 1, From: running, To: cancelled, Reason: run.RunTimedOut, Outcome: ended(-1), Detail: "after 1h0m0s"}, "Try 1 was stopped, because the time of the whole run was over: after 1h0m0s."},
		// of the run
		{run.Transition{From: running, To: running, Reason: run.TimedOut, Detail: "after 1h0m0s"}, "The time of the run was over (after 1h0m0s): what ran was stopped."},
		{run.Transition{From: running, To: timeout, Reason: run.TimedOut, Detail: "after 1h0m0s"}, "The run was stopped, because its time was over (after 1h0m0s)."},
		{run.Transition{From: running, To: success, Reason: run.FailuresAllowed}, "The run succeeded: every job that had to run did so well, but for such as may fail."},
		{run.Transition{From: pending, To: queued, Reason: run.Submitted}, "The run was submitted."},
		{
			run.Transition{From: running, To: running, Reason: run.Resumed, Detail: "with 2 jobs running"},
			"The program that ran it was gone, and another one went on with the same attempt (with 2 jobs running).",
		},
		{run.Transition{Attempt: 3, From: pending, To: queued, Reason: run.Resumed}, "The run was resumed: attempt 3."},
		{run.Transition{From: queued, To: running, Reason: run.Started}, "The run began."},
		{run.Transition{From: running, To: running, Reason: run.RunCancelled, Detail: "asked by ann"}, "The run was asked to stop (asked by ann)."},
		{run.Transition{From: running, To: running, Reason: run.Interrupted}, "The run was asked to stop."},
		{run.Transition{From: running, To: running, Reason: run.EngineStopping, Detail: "asked by ann"}, "From here on the run started nothing more (asked by ann)."},
		{run.Transition{From: running, To: running, Reason: run.EngineLost}, "From here on the run started nothing more."},
		{run.Transition{From: running, To: success, Reason: run.AllSucceeded}, "The run succeeded: every job that had to run did so well."},
		{run.Transition{From: running, To: failed, Reason: run.JobFailed}, "The run failed, because at least one job did not succeed."},
		{run.Transition{From: running, To: failed, Reason: run.JobsLeft}, "The run is not done: what was selected succeeded, but jobs were left out that have not run yet."},
		{run.Transition{From: running, To: failed, Reason: run.Stuck}, "The run was stuck: nothing ran and nothing could start. This is a bug of executioner; please report it."},
		{run.Transition{From: running, To: failed, Reason: run.EngineLost}, "The run ended, because the program that ran it was gone."},
		{run.Transition{From: running, To: cancelled, Reason: run.RunCancelled, Detail: "asked by ann"}, "The run was cancelled (asked by ann)."},
		{run.Transition{From: running, To: cancelled, Reason: run.Interrupted, Detail: "interrupt"}, "The run was interrupted (interrupt)."},
		{run.Transition{From: running, To: cancelled, Reason: run.EngineStopping}, "The run ended before all jobs had run, because it was to start nothing more."},
		{run.Transition{From: running, To: failed, Reason: run.NotRecorded}, "The run ended as FAILED; why was not recorded."},
		{run.Transition{From: running, To: failed, Reason: "new_reason", Detail: "x"}, "The run ended as FAILED (new_reason) (x)."},
	}
}

func TestSentences(t *testing.T) {
	told := make(map[run.Reason]bool)
	for _, tt := range sentences() {
		told[tt.t.Reason] = true
		tr := tt.t
		d := recorded([]run.Transition{tr})
		d.View.State = run.Success // so that nothing is waiting
		got := Explain(d, tr.Job)
		want := []Decision{{
			Seq: 1, Attempt: max(tr.Attempt, 1), At: noon, Job: tr.Job, Try: tr.Try,
			From: tr.From, To: tr.To, Reason: tr.Reason, Sentence: tt.want,
		}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s to %s, %s:\n got %+v\nwant %+v", tr.Job, tr.From, tr.To, tr.Reason, got, want)
		}
	}
	for _, r := range run.Reasons() {
		if !told[r] {
			t.Errorf("no sentence for %s is tested", r)
		}
	}
}

func TestEndThatNobodyWatchedIsTold(t *testing.T) {
	late := ended(1)
	late.Ended = noon.Add(-90 * time.Second)
	d := recorded([]run.Transition{{Job: "a", Try: 1, From: run.Running, To: run.Failed, Reason: run.Exited, Outcome: late}})
	want := "Try 1 failed with exit code 1; that was 1m30s before it was recorded here, when no program watched; it is not tried again."
	if got := Explain(d, "a")[0].Sentence; got != want {
		t.Error(got)
	}
}

func TestRetryIsTold(t *testing.T) {
	d := recorded([]run.Transition{{
		Job: "a", Try: 1, From: run.Running, To: run.Failed, Reason: run.Exited, Outcome: ended(1), Until: noon.Add(1500 * time.Millisecond),
	}})
	if got := Explain(d, "a")[0].Sentence; got != "Try 1 failed with exit code 1; it is tried again after 1.5s." {
		t.Error(got)
	}
}

func TestCausesAreTold(t *testing.T) {
	tests := []struct {
		cause run.Transition
		want  string
	}{
		{run.Transition{To: run.Failed, Reason: run.Exited, Outcome: ended(1)}, "It was skipped, because it depends on a, which failed."},
		{run.Transition{To: run.Timeout, Reason: run.TimedOut, Outcome: ended(-1)}, "It was skipped, because it depends on a, which ran out of time."},
		{run.Transition{To: run.Cancelled, Reason: run.JobCancelled, Outcome: ended(-1)}, "It was skipped, because it depends on a, which was cancelled."},
		{run.Transition{To: run.Cancelled, Reason: run.RunCancelled, Outcome: ended(-1)}, "It was skipped, because it depends on a, which was cancelled."},
		{run.Transition{To: run.Skipped, Reason: run.ConditionFailed}, "It was skipped, because it depends on a, which has a condition that can't be evaluated."},
	}
	for _, tt := range tests {
		tt.cause.Job, tt.cause.From, tt.cause.Try = "a", run.Running, 1
		d := recorded([]run.Transition{tt.cause, {Job: "b", From: run.Pending, To: run.Skipped, Reason: run.DependencyFailed, Cause: "a"}})
		if got := Explain(d, "b")[0].Sentence; got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

// TestOverridesStandAfterTheirAttempt has a clock that was set back between attempts.
func TestOverridesStandAfterTheirAttempt(t *testing.T) {
	d := recorded([]run.Transition{
		{Job: "a", Try: 1, From: run.Running, To: run.Failed, Reason: run.Exited, Outcome: ended(1)},
		{Attempt: 2, Job: "a", From: run.Pending, To: run.Skipped, Reason: run.AlreadySucceeded},
	}, run.Override{Attempt: 1, Job: "a", By: "ann", Note: "by hand", At: noon.Add(time.Hour)}, run.Override{Attempt: 1, Job: "b", By: "ann"})
	var got []string
	for _, told := range Explain(d, "a") {
		got = append(got, told.Sentence)
	}
	want := []string{
		"Try 1 failed with exit code 1; it is not tried again.",
		"It was declared successful by hand by ann: by hand.",
		"It was not run again, because it had succeeded in an earlier attempt.",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if got := Explain(d, "b")[0].Sentence; got != "It was declared successful by hand by ann." {
		t.Error(got)
	}
}

func TestWaiting(t *testing.T) {
	const pending, queued, running = run.Pending, run.Queued, run.Running
	began := []run.Transition{
		{From: pending, To: queued, Reason: run.Submitted},
		{From: queued, To: running, Reason: run.Started},
		{Job: "a", From: pending, To: queued, Reason: run.DependenciesMet},
	}
	started := append(began[:3:3], run.Transition{Job: "a", Try: 1, From: queued, To: running, Reason: run.Started})
	tests := []struct {
		name string
		ts   []run.Transition
		job  run.JobID
		want string
	}{
		{"for a worker", began, "a", "It waits for a free worker: 0 of 3 are busy."},
		{"for another job", started, "b", "It waits for a (RUNNING)."},
		{"for one that has not begun", started, "c", "It waits for b (PENDING)."},
		{"for many", started, "d", "It waits for a (RUNNING), b (PENDING), c (PENDING), e (PENDING), f (PENDING), …."},
		{"for its next try", append(started[:4:4], run.Transition{
			Job: "a", Try: 1, From: running, To: run.Failed, Reason: run.Exited, Outcome: ended(1), Until: time.Date(2026, 1, 31, 12, 0, 9, 0, time.Local),
		}), "a", "It waits until 12:00:09 for its next try."},
		{"for the run", nil, "a", "It waits for the run to begin."},
		{"in the next attempt, for what failed before", []run.Transition{
			{Job: "a", Try: 1, From: running, To: run.Failed, Reason: run.Exited, Outcome: ended(1)},
			{Job: "b", From: pending, To: run.Skipped, Reason: run.DependencyFailed, Cause: "a"},
			{Attempt: 2, From: queued, To: running, Reason: run.Started},
		}, "b", "It waits for a (PENDING)."},
		{"in the next attempt, with nothing left", []run.Transition{
			{Job: "a", Try: 1, From: running, To: run.Success, Reason: run.Exited, Outcome: ended(0)},
			{Attempt: 2, From: queued, To: running, Reason: run.Started},
		}, "a", ""},
		{"while it runs", started, "a", ""},
		{"of a job that is not there", started, "gone", ""},
		{"of the run itself", started, "", ""},
		{"after the end", append(started[:4:4], run.Transition{From: running, To: run.Failed, Reason: run.JobFailed}), "b", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := recorded(append([]run.Transition(nil), tt.ts...))
				if got := newExplainer(d).waiting(tt.job); got != tt.want {
					t.Errorf("%q, want %q", got, tt.want)
				}
				told := Explain(d, tt.job)
				if tt.want == "" {
					return
				}
				want := Decision{Attempt: d.View.Attempt, At: time.Now().UTC(), Job: tt.job, Sentence: tt.want}
				if got := told[len(told)-1]; got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			})
		})
	}
}

func TestExplainFailures(t *testing.T) {
	d := recorded([]run.Transition{
		{Job: "a", Try: 1, From: run.Running, To: run.Failed, Reason: run.Exited, Outcome: ended(1), Until: noon.Add(time.Minute)},
		{Job: "a", Try: 1, From: run.Failed, To: run.Queued, Reason: run.Retry},
		{Job: "a", Try: 2, From: run.Running, To: run.Timeout, Reason: run.TimedOut, Outcome: ended(-1)},
		{Job: "b", From: run.Pending, To: run.Skipped, Reason: run.DependencyFailed, Cause: "a"},
		{Job: "c", From: run.Pending, To: run.Skipped, Reason: run.SkipRequested},
		{Job: "d", Try: 1, From: run.Running, To: run.Running, Reason: run.JobCancelled},
		{Job: "d", Try: 1, From: run.Running, To: run.Cancelled, Reason: run.JobCancelled, Outcome: ended(-1)},
		{Job: "e", Try: 1, From: run.Running, To: run.Success, Reason: run.Exited, Outcome: ended(0)},
		{Job: "f", Try: 1, From: run.Running, To: run.Failed, Reason: run.Exited, Outcome: ended(1)},
		{Job: "g", Try: 1, From: run.Running, To: run.Failed, Reason: run.Exited, Outcome: ended(1)},
		{Attempt: 2, Job: "g", From: run.Pending, To: run.Queued, Reason: run.DependenciesMet},
		{Attempt: 2, Job: "g", Try: 1, From: run.Running, To: run.Success, Reason: run.Exited, Outcome: ended(0)},
	}, run.Override{Attempt: 1, Job: "f", By: "ann"})
	type told struct {
		Seq      int64
		Sentence string
	}
	var got []told
	for _, f := range ExplainFailures(d) {
		got = append(got, told{f.Seq, f.Sentence})
	}
	want := []told{
		{3, "Try 2 was stopped, because its time was over; it is not tried again."},
		{4, "It was skipped, because it depends on a, which ran out of time."},
		{7, "Try 1 was stopped, because the job was cancelled."},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWorkersAreThoseOfTheAttempt(t *testing.T) {
	started := run.Transition{Job: "a", Try: 1, From: run.Queued, To: run.Running, Reason: run.Started}
	d := recorded([]run.Transition{started, started, started})
	for n, options := range []string{`{"workers":8}`, `{"sequential":true}`, `broken`} {
		d.History.Transitions[n].Attempt = n + 1
		d.Attempts = append(d.Attempts[:n:n], store.Attempt{Number: n + 1, Options: []byte(options)})
	}
	want := []string{"(8 in all)", "(1 in all)", "(3 in all)"}
	for n, told := range Explain(d, "a")[:3] {
		if got := "Try 1 started, because a worker was free " + want[n] + "."; told.Sentence != got {
			t.Errorf("attempt %d: %s", n+1, told.Sentence)
		}
	}
}
