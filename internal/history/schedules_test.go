package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		from.equal(done.Times, int64(2*page+1))
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
