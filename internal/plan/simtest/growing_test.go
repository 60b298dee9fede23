package simtest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPlanDoesWhatTheOracleSaysOfGrowingWorkflows: jobs become several, at their place.
func TestPlanDoesWhatTheOracleSaysOfGrowingWorkflows(t *testing.T) {
	for _, maxJobs := range []int{3, 6, 12} {
		t.Run("up to "+string(rune('0'+maxJobs/10))+string(rune('0'+maxJobs%10))+" jobs", rapid.MakeCheck(func(t *rapid.T) {
			compare(t, GrowingCases(maxJobs, 3).Draw(t, "case"))
		}))
	}
}

func TestRestoredGrowingPlanGoesOnExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		restoreEverywhere(t, GrowingCases(8, 3).Draw(t, "case"))
	})
}

func TestGrowingRunsKeepThePromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trace := mustSimulate(t, GrowingCases(12, 3).Draw(t, "case"))
		for n := range trace.Attempts {
			for _, promise := range Promises() {
				if err := promise.Check(&trace.Attempts[n]); err != nil {
					t.Fatalf("attempt %d: %s: %v", n+1, promise.Name, err)
				}
			}
		}
	})
}

// TestGeneratorGrows checks that plans do grow: in the attempt itself, and by what an
// earlier one found out; and that all ways of handing items on occur.
func TestGeneratorGrows(t *testing.T) {
	seen := make(map[string]int)
	for seed := range 600 {
		trace, err := Simulate(GrowingCases(12, 3).Example(seed))
		if err != nil {
			t.Fatal(err)
		}
		for n := range trace.Attempts {
			p := &trace.Attempts[n]
			if len(p.Workflow.Jobs) == len(p.Loaded.Jobs) {
				continue
			}
			seen["grown"]++
			for _, tr := range p.Transitions() {
				if i := p.Workflow.Index(tr.Job); i >= len(p.Loaded.Jobs) {
					seen[string(tr.Reason)]++
				}
			}
		}
	}
	for _, want := range []string{"grown", "started", "already_succeeded", "skip_requested", "job_cancelled", "dependency_failed", "condition_false"} {
		if seen[want] == 0 {
			t.Errorf("no run shows %s; seen are %v", want, seen)
		}
	}
	if slices.Contains(unusable, "") {
		t.Error("the empty text has no items, which is usable")
	}
}
