package simtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/run"
)

// TestPlanDoesWhatTheOracleSays compares every start, every job's fate, the result and
// the end with what the plain rules predict. In small runs more of what is asked from
// outside meets a job that runs or waits; large ones have the deeper graphs.
func TestPlanDoesWhatTheOracleSays(t *testing.T) {
	for _, maxJobs := range []int{2, 5, 12, 40} {
		t.Run("up to "+run.ID(maxJobs).String()+" jobs", rapid.MakeCheck(func(t *rapid.T) {
			compare(t, Cases(maxJobs, 3).Draw(t, "case"))
		}))
	}
}

// TestPlanDoesWhatTheOracleSaysOfRichWorkflows does the same where jobs have conditions,
// wait for other endings, clean up or may fail, and the run has a time limit.
func TestPlanDoesWhatTheOracleSaysOfRichWorkflows(t *testing.T) {
	for _, maxJobs := range []int{3, 6, 12, 40} {
		t.Run("up to "+run.ID(maxJobs).String()+" jobs", rapid.MakeCheck(func(t *rapid.T) {
			compare(t, RichCases(maxJobs, 3).Draw(t, "case"))
		}))
	}
}

// compare plays a case and holds it against what the oracle predicts.
func compare(t *rapid.T, c Case) {
	trace := mustSimulate(t, c)
	want, err := Predict(c, trace.wait, func(attempt int) time.Time { return trace.Attempts[attempt-1].Start })
	if err != nil {
		t.Fatal(err)
	}
	for n := range trace.Attempts {
		if diff := cmp.Diff(want[n], Tell(&trace.Attempts[n])); diff != "" {
			t.Fatalf("attempt %d: - oracle, + plan\n%s", n+1, diff)
		}
	}
}

// wait returns how long the plan decided to wait after that try.
func (tr *Trace) wait(attempt int, job run.JobID, try int) time.Duration {
	for _, t := range tr.Attempts[attempt-1].Transitions() {
		if t.Job == job && t.Try == try && !t.Until.IsZero() {
			return t.Until.Sub(t.At)
		}
	}
	return -1
}

func mustSimulate(t *rapid.T, c Case) *Trace {
	trace, err := Simulate(c)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}
