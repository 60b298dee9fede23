package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/run"
)

func TestResults(t *testing.T) {
	tr := func(attempt int, job run.JobID, from, to run.State, reason run.Reason) run.Transition {
		return run.Transition{Attempt: attempt, Job: job, From: from, To: to, Reason: reason}
	}
	history := []run.Transition{
		{Attempt: 1, From: run.Pending, To: run.Queued, Reason: run.Submitted},
		tr(1, "a", run.Running, run.Success, run.Exited),
		tr(1, "b", run.Running, run.Failed, run.Exited),
		tr(1, "c", run.Running, run.Timeout, run.TimedOut),
		tr(1, "d", run.Pending, run.Skipped, run.DependencyFailed),
		tr(2, "a", run.Pending, run.Skipped, run.AlreadySucceeded),
		tr(2, "b", run.Running, run.Success, run.Exited),
		tr(2, "c", run.Queued, run.Running, run.Started),
		tr(2, "c", run.Running, run.Running, run.JobCancelled),
		tr(3, "b", run.Running, run.Failed, run.Signal),
		tr(3, "c", run.Running, run.Cancelled, run.JobCancelled),
	}
	overrides := []run.Override{{Attempt: 1, Job: "d"}, {Attempt: 1, Job: "c"}, {Attempt: 3, Job: "b"}, {Attempt: 3, Job: "x"}}
	tests := []struct {
		upTo int
		want map[run.JobID]Result
		done string // jobs that need not run again
	}{
		{0, map[run.JobID]Result{}, ""},
		{1, map[run.JobID]Result{
			"a": {State: run.Success, Reason: run.Exited, Attempt: 1},
			"b": {State: run.Failed, Reason: run.Exited, Attempt: 1, Failed: true},
			"c": {State: run.Timeout, Reason: run.TimedOut, Attempt: 1, Failed: true, Overridden: true},
			"d": {State: run.Skipped, Reason: run.DependencyFailed, Attempt: 1, Overridden: true},
		}, "acd"},
		{2, map[run.JobID]Result{
			"a": {State: run.Success, Reason: run.Exited, Attempt: 1},
			"b": {State: run.Success, Reason: run.Exited, Attempt: 2},
			"c": {State: run.Running, Reason: run.Started, Attempt: 2, Failed: true},
			"d": {State: run.Skipped, Reason: run.DependencyFailed, Attempt: 1, Overridden: true},
		}, "abd"},
		{9, map[run.JobID]Result{
			"a": {State: run.Success, Reason: run.Exited, Attempt: 1},
			"b": {State: run.Failed, Reason: run.Signal, Attempt: 3, Failed: true, Overridden: true},
			"c": {State: run.Cancelled, Reason: run.JobCancelled, Attempt: 3, Failed: true},
			"d": {State: run.Skipped, Reason: run.DependencyFailed, Attempt: 1, Overridden: true},
			"x": {Overridden: true},
		}, "abdx"},
	}
	for _, tt := range tests {
		got := Results(history, overrides, tt.upTo)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("up to attempt %d: - want, + got\n%s", tt.upTo, diff)
		}
		done := ""
		for _, id := range []run.JobID{"a", "b", "c", "d", "x"} {
			if got[id].Succeeded() {
				done += string(id)
			}
		}
		if done != tt.done {
			t.Errorf("up to attempt %d: %q need not run again, want %q", tt.upTo, done, tt.done)
		}
	}
}
