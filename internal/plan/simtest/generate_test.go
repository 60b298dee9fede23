package simtest

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
)

// TestGeneratorReachesEverything checks the generator itself: that its runs show every
// move, every reason that a plan gives, and every kind of end, stop and mark.
func TestGeneratorReachesEverything(t *testing.T) {
	seen := make(map[string]int)
	for seed := range 300 {
		for _, cases := range []*rapid.Generator[Case]{Cases(20, 3), RichCases(20, 3)} {
			trace, err := Simulate(cases.Example(seed))
			if err != nil {
				t.Fatal(err)
			}
			for n := range trace.Attempts {
				note(seen, &trace.Attempts[n])
			}
		}
	}
	for _, want := range wanted() {
		if seen[want] == 0 {
			t.Errorf("no run shows %s", want)
		}
	}
}

func note(seen map[string]int, p *Played) {
	for i := range p.Steps {
		out := &p.Steps[i].Output
		seen[fmt.Sprintf("%T", p.Steps[i].Input)]++
		for _, t := range out.Transitions {
			if t.Mark() {
				seen["mark "+string(t.Reason)]++
			} else if t.Job != "" {
				seen[t.From.String()+" to "+t.To.String()]++
			}
			seen[string(t.Reason)]++
		}
		for _, s := range out.Stop {
			seen["stop "+string(s.Reason)]++
		}
		if out.Done != nil {
			seen["done "+out.Done.State.String()+" "+string(out.Done.Reason)]++
		}
	}
}

func wanted() []string {
	all := []string{
		fmt.Sprintf("%T", plan.Begin{}), fmt.Sprintf("%T", plan.Finished{}), fmt.Sprintf("%T", plan.Tick{}),
		fmt.Sprintf("%T", plan.Cancel{}), fmt.Sprintf("%T", plan.CancelJob{}), fmt.Sprintf("%T", plan.Drain{}),
		"mark run_cancelled", "mark interrupted", "mark engine_stopping", "mark engine_lost", "mark job_cancelled",
		"mark timed_out", "stop run_cancelled", "stop interrupted", "stop job_cancelled", "stop run_timed_out",
		"done TIMEOUT timed_out", "done SUCCESS failures_allowed",
		"done SUCCESS all_succeeded", "done FAILED job_failed", "done FAILED engine_lost", "done CANCELLED run_cancelled",
		"done CANCELLED interrupted", "done CANCELLED engine_stopping", "done CANCELLED engine_lost",
	}
	for _, from := range run.States() {
		for _, to := range run.States() {
			if from.CanMove(to) {
				all = append(all, from.String()+" to "+to.String())
			}
		}
	}
	never := []run.Reason{run.Stuck, run.EmptyCommand, run.UpToDate, run.NotRecorded} // no valid workflow is stuck; commands and imports are not the plan's business
	for _, r := range run.Reasons() {
		if !slices.Contains(never, r) {
			all = append(all, string(r))
		}
	}
	return all
}
