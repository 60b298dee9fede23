package engine_test

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestRunTimeout: the loop wakes when the run's time is over, and goes on with what cleans up.
func TestRunTimeout(t *testing.T) {
	bubble(t, []string{"a", "b: a", "clean: a", "sad"}, func(f *fixture) {
		f.wf.Timeout = 10 * time.Second
		f.wf.Jobs[2].Always, f.wf.Jobs[3].Hook = true, workflow.HookFailure
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok}
		f.start()
		f.ended(f.wait(), run.Timeout, run.TimedOut)
		f.equal(f.story()[4:], []string{
			"10s run mark timed_out (after 10s)",
			"10s b PENDING>CANCELLED run_timed_out (after 10s)",
			"10s a/1 RUNNING>CANCELLED run_timed_out (after 10s)",
			"10s clean PENDING>QUEUED dependencies_met",
			"10s clean/1 QUEUED>RUNNING started",
			"11s clean/1 RUNNING>SUCCESS exit_code",
			"11s sad PENDING>QUEUED dependencies_met",
			"11s sad/1 QUEUED>RUNNING started",
			"12s sad/1 RUNNING>SUCCESS exit_code",
			"12s run RUNNING>TIMEOUT timed_out (after 10s)",
		})
	})
}

// TestSecondCancel: the first leaves alone what cleans up, the second does not.
func TestSecondCancel(t *testing.T) {
	bubble(t, []string{"a", "clean: a"}, func(f *fixture) {
		f.wf.Jobs[1].Always = true
		f.ends["clean"] = enginetest.End{After: time.Hour, Outcome: ok}
		loop := f.start()
		time.Sleep(500 * time.Millisecond)
		loop.Send(plan.Cancel{Reason: run.RunCancelled})
		time.Sleep(time.Second)
		loop.Send(plan.Cancel{Reason: run.Interrupted})
		f.ended(f.wait(), run.Cancelled, run.RunCancelled)
		story := f.story()
		f.equal(story[len(story)-3:], []string{
			"1.5s run mark interrupted",
			"1.5s clean/1 RUNNING>CANCELLED interrupted",
			"1.5s run RUNNING>CANCELLED run_cancelled",
		})
	})
}
