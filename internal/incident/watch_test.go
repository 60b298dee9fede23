package incident

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestWatch(t *testing.T) {
	w := &Watched{
		Application: "app", Run: 7, Attempt: 2, Started: t0, Changed: t0.Add(10 * time.Minute), Usual: Usual{Median: time.Minute, P95: 20 * time.Minute, Runs: 5},
		Jobs: []WatchedJob{
			{Job: "slow", Try: 2, Started: t0.Add(5 * time.Minute), Usual: Usual{Median: time.Second, P95: 10 * time.Minute, Runs: 9}},
			{Job: "new", Started: t0, Usual: Usual{P95: time.Second, Runs: 4}},
			{Job: "unknown", Started: t0},
		},
	}
	for name, tt := range map[string]struct {
		expect Expect
		after  time.Duration
		want   []string
	}{
		"nothing is expected": {Expect{}, time.Hour, nil},
		"another application": {Expect{Application: "b", Within: 1, Stuck: 1, Slower: 1}, time.Hour, nil},
		"in time":             {Expect{Within: time.Hour}, time.Hour, nil},
		"late":                {Expect{Application: "app", Within: time.Hour}, time.Hour + 1, []string{"late : it should have finished by 2026-01-31 13:00 UTC"}},
		"late by the clock": {
			Expect{FinishBy: Clock{true, 14, 30}, Zone: zone(t, "Europe/Berlin")}, 91 * time.Minute, []string{"late : it should have finished by 2026-01-31 14:30 CET"},
		},
		"until tomorrow":   {Expect{FinishBy: Clock{true, 12, 0}}, 24 * time.Hour, nil},
		"late tomorrow":    {Expect{FinishBy: Clock{true, 12, 0}}, 24*time.Hour + 1, []string{"late : it should have finished by 2026-02-01 12:00 UTC"}},
		"the earlier time": {Expect{FinishBy: Clock{true, 20, 0}, Within: time.Hour}, 2 * time.Hour, []string{"late : it should have finished by 2026-01-31 13:00 UTC"}},
		"stuck":            {Expect{Stuck: 30 * time.Minute}, 41 * time.Minute, []string{"stuck : nothing has happened since 2026-01-31T12:10:00Z"}},
		"not stuck":        {Expect{Stuck: 30 * time.Minute}, 40 * time.Minute, nil},
		"slow": {Expect{Slower: 1.5}, 31 * time.Minute, []string{
			"slow : it has been running for 31m0s; of the last 5, 95 of 100 took 20m0s at most",
			"slow slow: it has been running for 26m0s; of the last 9, 95 of 100 took 10m0s at most",
		}},
		"not slow": {Expect{Slower: 1.5}, 20 * time.Minute, nil},
	} {
		var got []string
		for _, e := range Watch([]Expect{tt.expect}, w, t0.Add(tt.after)) {
			got = append(got, fmt.Sprintf("%s %s: %s", e.Kind, e.Job, e.Detail))
			if e.Run != 7 || e.Attempt != 2 || e.Application != "app" || e.Duration == 0 || !e.Bad() || e.Good() {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := Watch([]Expect{{Within: 1}}, &Watched{}, t0); got != nil {
		t.Errorf("a run that did not begin: %+v", got)
	}
}

// TestDeadlineInTheNightOfDaylightSaving has a time that does not exist and one that exists twice.
func TestDeadlineInTheNightOfDaylightSaving(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for started, want := range map[time.Time]string{
		time.Date(2026, 3, 28, 22, 0, 0, 0, berlin):  "2026-03-29T01:30:00Z", // 02:30 is left out, and is 03:30
		time.Date(2026, 10, 24, 22, 0, 0, 0, berlin): "2026-10-25T01:30:00Z", // the second of two
	} {
		x := Expect{FinishBy: Clock{true, 2, 30}, Zone: berlin}
		if got := x.deadline(started).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", started, got, want)
		}
	}
}

func TestSubjects(t *testing.T) {
	e := Event{Kind: Ended, Application: "app", Run: 7, State: "FAILED"}
	for want, m := range map[string]Message{
		"[app] run 7 FAILED":                               {Do: Open, Event: e},
		"[app] run 7 FAILED (3rd time in a row)":           {Do: Tell, Event: with(e, func(e *Event) { e.Failures = 3 })},
		"[app] load TIMEOUT (reminder 2)":                  {Do: Remind, Reminder: 2, Event: with(e, func(e *Event) { e.Job, e.State, e.Failures = "load", "TIMEOUT", 9 })},
		"[app] Resolved: run 7 SUCCESS":                    {Do: Resolve, Event: with(e, func(e *Event) { e.State = "SUCCESS" })},
		"[app] run 7 is late":                              {Do: Open, Event: with(e, func(e *Event) { e.Kind = Late })},
		"[app] Resolved: run 7 is not stuck any more":      {Do: Resolve, Event: with(e, func(e *Event) { e.Kind = Stuck })},
		"[app] load takes longer than usual":               {Do: Open, Event: with(e, func(e *Event) { e.Kind, e.Job = Slow, "load" })},
		"[app] Resolved: run 7 is not slow any more":       {Do: Resolve, Event: with(e, func(e *Event) { e.Kind = Slow })},
		"[app] run has not begun":                          {Do: Open, Event: with(e, func(e *Event) { e.Kind, e.Run = Missed, 0 })},
		"[executioner] Test message: nothing has happened": {Do: Tell, Event: with(e, func(e *Event) { e.Kind = Test })},
	} {
		if got := m.Subject(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func with(e Event, change func(*Event)) Event { change(&e); return e }

func TestText(t *testing.T) {
	m := Message{
		Do: Open, Rule: "r", Since: t0.Add(-time.Hour), Why: "it failed", Event: Event{
			Kind: Ended, Application: "app", Run: 7, Attempt: 2, Job: "load", Try: 3, State: "FAILED", Reason: "exit_code", Detail: "exit code 3",
			Duration: 90*time.Second + 5*time.Microsecond, Usual: time.Minute, Failures: 2, At: t0,
		},
	}
	want := `[app] load FAILED (2nd time in a row)

Application: app
Run: 7, attempt 2
Job: load
Try: 3
State: FAILED
Reason: exit_code
Detail: exit code 3
Duration: 1m30s
Usual duration: 1m0s
Failures in a row: 2
Failing since: 2026-01-31T11:00:00Z
At: 2026-01-31T12:00:00Z
Told because: it failed

More: executioner runs show 7; executioner explain 7
`
	if diff := cmp.Diff(want, m.Text()); diff != "" {
		t.Error(diff)
	}
	m = Message{Do: Open, Event: Event{Kind: Missed, Application: "app", At: t0}}
	if diff := cmp.Diff("[app] run has not begun\n\nApplication: app\nAt: 2026-01-31T12:00:00Z\n", m.Text()); diff != "" {
		t.Error(diff)
	}
}

func TestUses(t *testing.T) {
	rules := []Rule{{Name: "a"}, {Name: "b", When: when(t, `"x" in tags`)}, {Name: "c", When: when(t, `job == "tags"`)}}
	if !Uses(rules, "tags") || Uses(rules[:1], "tags") || Uses(rules[2:], "tags") || Uses(rules, "usual") {
		t.Error("wrong")
	}
}
