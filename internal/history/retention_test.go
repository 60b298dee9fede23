package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// ended makes the outlines of n runs of an application that ended so long ago.
func ended(app string, s run.State, ago time.Duration, n int) []store.Outline {
	all := make([]store.Outline, n)
	for i := range all {
		all[i] = store.Outline{Application: app, State: s, SubmittedAt: now.Add(-ago - time.Hour), EndedAt: now.Add(-ago)}
	}
	return all
}

// imported makes the outlines of runs that were brought here.
func imported(s run.State, ago time.Duration, n int) []store.Outline {
	all := ended("a", s, ago, n)
	for i := range all {
		all[i].Imported = true
	}
	return all
}

// numbered puts runs one after the other and numbers them.
func numbered(groups ...[]store.Outline) (all []store.Outline) {
	for _, g := range groups {
		all = append(all, g...)
	}
	for i := range all {
		all[i].ID = run.ID(i + 1)
	}
	return all
}

func TestDecide(t *testing.T) {
	fresh := ended("a", run.Success, time.Hour, Newest)
	with := func(o []store.Outline, change func(*store.Outline)) []store.Outline {
		change(&o[0])
		return o
	}
	old := func(s run.State, ago time.Duration) []store.Outline { return ended("a", s, ago, 1) }
	usual := Usual()
	for _, c := range []struct {
		name string
		r    Retention
		all  []store.Outline
		want []string
	}{
		{"nothing", usual, nil, nil},
		{"old enough", usual, numbered(old(run.Success, 91*day), fresh), []string{"1: ended 91 days ago; runs that succeeded are kept for 90 days"}},
		{"as old as may be", usual, numbered(old(run.Success, 90*day), fresh), nil},
		{"failures are kept longer", usual, numbered(old(run.Failed, 180*day), old(run.Timeout, 91*day), old(run.Cancelled, 91*day), fresh), nil},
		{
			"failures go too", usual, numbered(old(run.Failed, 181*day), old(run.Timeout, 181*day), old(run.Cancelled, 400*day), old(run.Skipped, 181*day), fresh),
			[]string{
				"1: ended 181 days ago; runs that did not succeed are kept for 180 days", "2: ended 181 days ago; runs that did not succeed are kept for 180 days",
				"3: ended 400 days ago; runs that did not succeed are kept for 180 days", "4: ended 181 days ago; runs that did not succeed are kept for 180 days",
			},
		},
		{"the newest stay", usual, numbered(ended("a", run.Success, 999*day, Newest)), nil},
		{"those of each application", usual, numbered(ended("a", run.Success, 999*day, Newest), ended("b", run.Failed, 999*day, Newest)), nil},
		{"one more", usual, numbered(ended("a", run.Success, 999*day, Newest+1)), []string{"1: ended 999 days ago; runs that succeeded are kept for 90 days"}},
		{"active ones count among the newest", usual, numbered(old(run.Success, 99*day), ended("a", run.Running, 0, Newest)), []string{"1: ended 99 days ago; runs that succeeded are kept for 90 days"}},
		{"not ended", usual, numbered(old(run.Pending, 999*day), old(run.Queued, 999*day), old(run.Running, 999*day), fresh), nil},
		{"held", usual, numbered(with(old(run.Success, 999*day), func(o *store.Outline) { o.Held = true }), fresh), nil},
		{
			"without an end, since it was submitted", usual,
			numbered(with(old(run.Success, 90*day), func(o *store.Outline) { o.EndedAt = time.Time{} }), fresh),
			[]string{"1: ended 90 days ago; runs that succeeded are kept for 90 days"},
		},
		{"in the future", usual, numbered(old(run.Success, -999*day), fresh), nil},
		{"for ever", Retention{}, numbered(ended("a", run.Success, 9999*day, 2000)), nil},
		{"hours", Retention{KeepFor: 12 * time.Hour}, numbered(old(run.Success, 13*time.Hour), fresh), []string{
			"1: ended 13 hours ago; runs that succeeded are kept for 12 hours",
		}},
		{"count", Retention{KeepRuns: 12}, numbered(ended("a", run.Success, day, 14)), []string{"1: 13 newer runs of a that succeeded", "2: 12 newer runs of a that succeeded"}},
		{"count of each kind", Retention{KeepRuns: 12}, numbered(ended("a", run.Success, day, 12), ended("a", run.Failed, day, 12)), nil},
		{"failures by count", Retention{KeepRuns: 12}, numbered(ended("", run.Failed, day, 13), ended("b", run.Failed, day, 12)), []string{
			"1: 12 newer runs of no application that did not succeed",
		}},
		{"a count below the newest", Retention{KeepRuns: 1}, numbered(ended("a", run.Success, day, Newest+1)), []string{"1: 10 newer runs of a that succeeded"}},
		{"imported ones stay", usual, numbered(imported(run.Success, 999*day, 5), imported(run.Failed, 999*day, 15), fresh), nil},
		{"and are not counted", usual, numbered(old(run.Success, 99*day), imported(run.Success, 999*day, 2000)), nil},
		{
			"unless that is asked for",
			Retention{KeepFor: 90 * day, Imported: true},
			numbered(imported(run.Success, 999*day, 1), imported(run.Failed, 999*day, 1), fresh),
			[]string{"1: ended 999 days ago; runs that succeeded are kept for 90 days"},
		},
		{"a mixed count below the newest", Retention{KeepRuns: 1}, numbered(ended("a", run.Success, day, 5), ended("a", run.Failed, day, 6)), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, g := range c.r.Decide(c.all, now) {
				got = append(got, fmt.Sprintf("%d: %s", g.ID, g.Reason))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFromEnviron(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want Retention
		msg  string
	}{
		{nil, Retention{KeepFor: 90 * day, KeepFailedFor: 180 * day, KeepRuns: 1000}, ""},
		{map[string]string{DaysVariable: "7", FailedDaysVariable: " 30 ", RunsVariable: "50"}, Retention{KeepFor: 7 * day, KeepFailedFor: 30 * day, KeepRuns: 50}, ""},
		{map[string]string{DaysVariable: "0", FailedDaysVariable: "0", RunsVariable: "0"}, Retention{}, ""},
		{
			map[string]string{AuditVariable: "365", StatisticsVariable: "1000"},
			Retention{KeepFor: 90 * day, KeepFailedFor: 180 * day, KeepRuns: 1000, KeepAudit: 365 * day, KeepStatistics: 1000 * day},
			"",
		},
		{map[string]string{DaysVariable: "36500"}, Retention{KeepFor: 36500 * day, KeepFailedFor: 180 * day, KeepRuns: 1000}, ""},
		{map[string]string{DaysVariable: "36501"}, Retention{}, `EXECUTIONER_KEEP_DAYS is "36501", not a number from 0 to 36500`},
		{map[string]string{FailedDaysVariable: "-1"}, Retention{}, `EXECUTIONER_KEEP_FAILED_DAYS is "-1", not a number from 0 to 36500`},
		{map[string]string{RunsVariable: "many"}, Retention{}, `EXECUTIONER_KEEP_RUNS is "many", not a number from 0 to 1073741824`},
	} {
		got, err := FromEnviron(func(name string) string { return c.env[name] })
		if msg := fmt.Sprint(err); c.msg != "" && (msg != c.msg || fault.CodeOf(err) != fault.InvalidConfig || fault.HintOf(err) == "") {
			t.Errorf("%v: got %v", c.env, err)
		}
		if got != c.want || (err == nil) != (c.msg == "") {
			t.Errorf("%v: got %+v, %v", c.env, got, err)
		}
	}
}

func TestDays(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1 hour", 47 * time.Hour: "47 hours", 48 * time.Hour: "2 days", 100*day + 23*time.Hour: "100 days", 0: "0 hours",
	} {
		if got := Days(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
