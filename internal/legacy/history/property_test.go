package history

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
)

var (
	anyStatus = rapid.SampledFrom([]string{
		success, success, failed, erroneous, timeout, skipped, running, precheckFailed, postcheckFailed, "success ", "", "WEIRD",
	})
	anyTime = rapid.SampledFrom([]string{
		"2024-03-01 12:00:00", "2024-03-01 12:00:01", "2024-03-01T12:00:01.5", "2024-03-01 11:00:00", "2024-03-02 00:00:00",
		"", "never", "0001-01-01 00:00:00", "9999-12-31 23:59:59",
	})
	anySeconds = rapid.SampledFrom([]float64{-1, 0, 0.25, 1, 60, 3600, 1e7, 1e12})
	anyError   = rapid.SampledFrom([]string{"", "exit code 3", "depends on a", "unmet dependencies: b,c", strings.Repeat("long ", 300), "\x1b[31m"})
)

func anyRetries(t *rapid.T) string {
	if rapid.IntRange(0, 3).Draw(t, "listed") > 0 {
		return rapid.SampledFrom([]string{"", "null", "[]", "[{}]", "[null]", "{", `[{"duration": "x"}]`}).Draw(t, "odd list")
	}
	var all []string
	for range rapid.IntRange(1, 4).Draw(t, "tries") {
		fields := []string{
			`"timestamp": "` + anyTime.Draw(t, "timestamp") + `"`,
			`"duration": ` + rapid.SampledFrom([]string{"-1", "0", "1.5", "3600", "1e300"}).Draw(t, "duration"),
			`"success": ` + rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "success"),
			`"exit_code": ` + rapid.SampledFrom([]string{"null", "0", "1", "-15", "-9999", "1e18", "0.5"}).Draw(t, "exit code"),
			`"status": "` + anyStatus.Draw(t, "status") + `"`,
		}
		all = append(all, "{"+strings.Join(fields[:rapid.IntRange(0, len(fields)).Draw(t, "fields")], ", ")+"}")
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func anyRun(t *rapid.T) Run {
	r := Run{ID: rapid.Int64Range(-1, 20).Draw(t, "id")}
	for range rapid.IntRange(0, 4).Draw(t, "summaries") {
		r.Summaries = append(r.Summaries, Summary{
			Attempt: rapid.IntRange(0, 4).Draw(t, "attempt"), Application: rapid.SampledFrom([]string{"", "app"}).Draw(t, "application"),
			WorkingDir: rapid.SampledFrom([]string{"", "/srv", "relative"}).Draw(t, "dir"), Status: anyStatus.Draw(t, "status"),
			Start: anyTime.Draw(t, "start"), End: anyTime.Draw(t, "end"), Total: rapid.Int64Range(0, 9).Draw(t, "total"),
		})
	}
	for range rapid.IntRange(0, 12).Draw(t, "jobs") {
		r.Jobs = append(r.Jobs, Job{
			Attempt: rapid.IntRange(0, 4).Draw(t, "attempt"), ID: run.JobID(rapid.SampledFrom([]string{"a", "b", "c", "d", ""}).Draw(t, "job")),
			Command: rapid.SampledFrom([]string{"", "true"}).Draw(t, "command"), Status: anyStatus.Draw(t, "status"),
			Seconds: anySeconds.Draw(t, "seconds"), Retries: rapid.Int64Range(0, 4).Draw(t, "retries"),
			LastError: anyError.Draw(t, "error"), RetryHistory: anyRetries(t), LastRun: anyTime.Draw(t, "last run"),
		})
	}
	return r
}

// finalStates says in the simplest way how the jobs of a run have ended at last.
func finalStates(r Run) map[run.JobID]run.State {
	states := map[run.JobID]run.State{}
	for attempt := 1; attempt <= maxAttempts && attempt < 9; attempt++ {
		here := map[run.JobID]string{}
		for _, j := range r.Jobs {
			word, ok := status(j.Status)
			if ok && j.Attempt == attempt && strings.TrimSpace(string(j.ID)) != "" {
				here[j.ID] = word
			}
		}
		for id, word := range here {
			switch {
			case word == skipped && states[id] == run.Success:
			case word == skipped:
				states[id] = run.Skipped
			case word == success:
				states[id] = run.Success
			case word == timeout:
				states[id] = run.Timeout
			default:
				states[id] = run.Failed
			}
		}
	}
	return states
}

// Whatever the rows say, what they become can be replayed, ends where they end, and
// is the same each time.
func TestAnyRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := anyRun(t)
		a, problems, ok := Translate(old, rules)
		b, again, okAgain := Translate(old, rules)
		if ok != okAgain || !reflect.DeepEqual(a, b) || !reflect.DeepEqual(problems, again) {
			t.Fatal("it is not the same each time")
		}
		if !ok {
			if len(problems) == 0 || !problems[len(problems)-1].Skipped {
				t.Fatal("nothing says why it was not taken over")
			}
			return
		}
		translated(t, old)
		results := plan.Results(a.Transitions, nil, len(a.Attempts))
		want := finalStates(old)
		for id, state := range want {
			if results[id].State != state {
				t.Fatalf("%s is %s, want %s:\n%s", id, results[id].State, state, strings.Join(told(a.Transitions), "\n"))
			}
		}
		if len(results) != len(want) {
			t.Fatalf("%d jobs, want %d", len(results), len(want))
		}
		last := map[run.JobID]run.Transition{}
		for _, x := range a.Transitions {
			if x.At.Before(earliest.AddDate(-2, 0, 0)) || x.At.After(rules.Now.AddDate(0, 0, 1)) {
				t.Fatalf("at %s", x.At)
			}
			if before := last[x.Job]; x.Job != "" && before.Attempt == x.Attempt && (x.At.Before(before.At) || !before.To.CanMove(x.To)) {
				t.Fatalf("%s after %s", told([]run.Transition{x}), told([]run.Transition{before}))
			}
			last[x.Job] = x
		}
	})
}
