package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

// timed adds a schedule of which n times were decided, an hour apart, the last at day.
func timed(w *world, n int) {
	c := store.ScheduleChange{Schedule: store.Schedule{ID: "a/b", Workflow: "a", Name: "b", Paused: true, PausedWhy: "works", Decided: time.Unix(1e9, 0)}}
	for i := range n {
		at := time.Unix(1e9, 0).Add(time.Duration(i-n) * time.Hour)
		c.Add = append(c.Add, store.Firing{Schedule: "a/b", Time: at, Decision: "missed", Reason: fmt.Sprint(i), State: store.FiringOver, DecidedAt: at})
	}
	w.must(w.st.ChangeSchedule(w.Context(), c))
}

func TestCopySchedules(t *testing.T) {
	from, to := newWorld(t), memstore.New()
	timed(from, 2*page+1) // in three pages
	for range 2 {
		done, err := Copy(t.Context(), from.st, to)
		from.must(err)
		from.equal([]int64{done.To.Rest.Schedules, done.To.Rest.Times}, []int64{1, 2*page + 1})
	}
	type all struct {
		known store.Schedule
		times []store.Firing
	}
	read := func(st store.Store) (a all) {
		var err error
		a.known, _, err = st.Schedule(t.Context(), "a/b")
		from.must(err)
		a.times, err = st.Firings(t.Context(), store.FiringFilter{Schedule: "a/b"})
		from.must(err)
		return a
	}
	if diff := cmp.Diff(read(from.st), read(to), cmp.AllowUnexported(all{})); diff != "" {
		t.Error(diff)
	}
}

// What became of times goes when the runs of then went.
func TestPruneTimes(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		keep, failed time.Duration
		left         int
	}{{0, day, 72}, {day, 0, 72}, {day, 2 * day, 48}, {time.Hour, time.Hour, 1}} {
		w := newWorld(t)
		timed(w, 72)
		_, err := Prune(t.Context(), w.st, Pruning{Retention: Retention{KeepFor: c.keep, KeepFailedFor: c.failed}, Now: now, DryRun: true})
		w.must(err)
		_, err = Prune(t.Context(), w.st, Pruning{Retention: Retention{KeepFor: c.keep, KeepFailedFor: c.failed}, Now: now})
		w.must(err)
		left, err := w.st.Firings(t.Context(), store.FiringFilter{Schedule: "a/b"})
		w.must(err)
		w.equal(len(left), c.left)
	}
}

// TestPruneRest has entries and statistics of 40 days, one of each for each day.
func TestPruneRest(t *testing.T) {
	for _, c := range []struct {
		r                     Retention
		entries, days, months int
		last                  string
	}{
		{Retention{KeepRuns: 1}, 40, 40, 3, ""},
		{Retention{KeepAudit: 10 * day}, 12, 40, 3, "29 entries removed that were older than 10 days, by EXECUTIONER_KEEP_AUDIT_DAYS"},
		{Retention{KeepStatistics: 30 * day}, 40, 31, 2, ""},
		{Retention{KeepStatistics: day}, 40, 2, 2, ""},
		{Retention{KeepAudit: 400 * day, KeepStatistics: 400 * day}, 40, 40, 3, ""},
	} {
		w := newWorld(t)
		end := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		for i := range 40 {
			at := end.AddDate(0, 0, i-39)
			_, err := w.st.AddAudit(t.Context(), store.AuditEntry{At: at})
			w.must(err)
			for _, p := range []stats.Period{stats.Day(at), stats.Month(at)} {
				w.must(w.st.SetTallies(t.Context(), []store.Tally{{Application: "a", Period: p}}, false))
			}
		}
		_, err := Prune(t.Context(), w.st, Pruning{Retention: c.r, Now: end})
		w.must(err)
		es, err := w.st.Audit(t.Context(), store.AuditFilter{})
		w.must(err)
		days, err := w.st.Tallies(t.Context(), store.TallyFilter{Spans: stats.Days(time.Time{})})
		w.must(err)
		months, err := w.st.Tallies(t.Context(), store.TallyFilter{Spans: stats.Since(time.Time{})})
		w.must(err)
		w.equal([]int{len(es), len(days), len(months)}, []int{c.entries, c.days, c.months})
		w.equal(es[0].Detail, c.last)
	}
}
