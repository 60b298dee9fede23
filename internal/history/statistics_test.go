package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

// ran records a run that began so long ago and took so many seconds, all of them for load.
func (w *world) ran(app string, ago time.Duration, seconds int) run.ID {
	w.Helper()
	begin := now.Add(-ago)
	end := begin.Add(time.Duration(seconds) * time.Second)
	l, err := w.st.CreateRun(w.Context(), store.NewRun{Application: app, At: begin}, store.Owner{PID: 1}, time.Hour)
	w.must(err)
	_, err = w.st.Append(w.Context(), l, []run.Transition{
		{Attempt: 1, From: run.Pending, To: run.Running, At: begin},
		{Attempt: 1, Job: "load", Try: 1, From: run.Queued, To: run.Running, At: begin},
		{Attempt: 1, Job: "load", Try: 1, From: run.Running, To: run.Success, At: end},
		{Attempt: 1, From: run.Running, To: run.Success, At: end},
	})
	w.must(err)
	w.must(w.st.Release(w.Context(), l))
	return l.Run
}

// told says of statistics what there is of whom.
func told(s *Statistics) (names, trend []string) {
	for _, n := range s.Names {
		names = append(names, fmt.Sprintf("%s/%s %d %v", n.Application, n.Job, n.Tally.Success, n.Tally.Usual().Median))
	}
	for _, b := range s.Trend {
		trend = append(trend, fmt.Sprintf("%s %d", b.Begin.Format(time.DateOnly), b.Tally.Success))
	}
	return names, trend
}

func TestAsk(t *testing.T) {
	w := newWorld(t)
	w.ran("a", 100*day, 1)
	w.ran("a", 40*day, 2)
	w.ran("a", 40*day, 2)
	w.ran("a", 0, 3)
	w.ran("b", 0, 4)
	on := func(ago time.Duration) string { return now.Add(-ago).UTC().Format(time.DateOnly) }
	in := func(ago time.Duration) string { return stats.Month(now.Add(-ago)).Time().Format(time.DateOnly) }
	for range 2 {
		for _, c := range []struct {
			q            Question
			names, trend []string
		}{
			{
				Question{Application: "a", By: stats.ByDay},
				[]string{"a/ 4 2s", "a/load 4 2s"},
				[]string{on(100*day) + " 1", on(40*day) + " 2", on(0) + " 1"},
			},
			{Question{Application: "a", By: stats.ByDay, Since: now.Add(-39 * day)}, []string{"a/ 1 3s", "a/load 1 3s"}, []string{on(0) + " 1"}},
			{
				Question{Job: "load", By: stats.ByDay, Since: now.Add(-40 * day)},
				[]string{"a/load 3 2s", "b/load 1 4s"},
				[]string{on(40*day) + " 2", on(0) + " 2"},
			},
			{Question{By: stats.ByDay, Since: now}, []string{"a/ 1 3s", "a/load 1 3s", "b/ 1 4s", "b/load 1 4s"}, []string{on(0) + " 2"}},
			{Question{Application: "c", By: stats.ByMonth}, nil, nil},
			{Question{Application: "a"}, []string{"a/ 4 2s", "a/load 4 2s"}, nil},
			{
				Question{Application: "a", By: stats.ByMonth},
				[]string{"a/ 4 2s", "a/load 4 2s"},
				[]string{in(100*day) + " 1", in(40*day) + " 2", in(0) + " 1"},
			},
			{
				Question{Job: "load", By: stats.ByMonth, Since: now.Add(-40 * day)},
				[]string{"a/load 3 2s", "b/load 1 4s"},
				[]string{in(40*day) + " 2", in(0) + " 2"},
			},
		} {
			got, err := Ask(t.Context(), w.st, c.q)
			w.must(err)
			names, trend := told(&got)
			w.equal(names, c.names)
			w.equal(trend, c.trend)
		}
		_, err := Count(t.Context(), w.st) // changes no answer
		w.must(err)
	}
}

func TestUsualOf(t *testing.T) {
	w := newWorld(t)
	usual := func(application string, job run.JobID, want stats.Usual) {
		t.Helper()
		got, err := UsualOf(t.Context(), w.st, application, job, now)
		w.must(err)
		w.equal(got, want)
	}
	usual("a", "", stats.Usual{})
	w.ran("a", 90*day, 9)
	w.ran("b", 1*day, 1)
	usual("a", "", stats.Usual{Count: 1, Median: 9 * time.Second, P95: 9 * time.Second})
	usual("", "", stats.Usual{})
	for i := range 20 {
		w.ran("a", 20*day, i+1)
	}
	usual("a", "", stats.Usual{Count: 20, Median: 10 * time.Second, P95: 19 * time.Second})
	usual("a", "load", stats.Usual{Count: 20, Median: 10 * time.Second, P95: 19 * time.Second})
	usual("a", "other", stats.Usual{})
	w.must(w.st.SetTallies(t.Context(), []store.Tally{{Application: "a", Period: stats.Month(now), Body: []byte("x")}}, false))
	_, err := UsualOf(t.Context(), w.st, "a", "", now.AddDate(0, 2, 0))
	w.fails(err, fault.Internal)
	_, err = Ask(t.Context(), w.st, Question{Application: "a"})
	w.fails(err, fault.Internal)
	_, err = Copy(t.Context(), w.st, memstore.New())
	w.fails(err, fault.Internal)
}

func (w *world) fails(err error, code fault.Code) {
	w.Helper()
	if err == nil || fault.CodeOf(err) != code {
		w.Errorf("got %v, want %s", err, code)
	}
}

// batched counts how many attempts are left, and how often they are counted.
type batched struct {
	*memstore.Store
	calls int
	fail  error
}

func (b *batched) CountEnded(ctx context.Context, limit int) (int, error) {
	b.calls++
	if b.fail != nil {
		return 0, b.fail
	}
	return b.Store.CountEnded(ctx, limit)
}

func TestCountSoon(t *testing.T) {
	w := newWorld(t)
	st := &batched{Store: w.st}
	for range countBatch + 1 {
		w.ran("a", day, 1)
	}
	w.must(CountSoon(t.Context(), st))
	w.equal(st.calls, 2)
	w.must(CountSoon(t.Context(), st)) // is not due
	w.equal(st.calls, 2)
	n, err := Count(t.Context(), st)
	w.must(err)
	w.equal(n, 0)
	st.fail = fault.New(fault.Unavailable, "away")
	_, err = Count(t.Context(), st)
	w.fails(err, fault.Unavailable)
	w.must(st.Close())
	w.fails(CountSoon(t.Context(), st), fault.Unavailable)
}

// Beside other work, no transaction is begun once the time is over.
func TestCountForAWhile(t *testing.T) {
	w := newWorld(t)
	st := &batched{Store: w.st}
	for range 2*countBatch + 1 {
		w.ran("a", day, 1)
	}
	n, err := count(t.Context(), st, 1)
	w.must(err)
	w.equal(n, countBatch)
	n, err = Count(t.Context(), st)
	w.must(err)
	w.equal(n, countBatch+1)
}

// What is known of runs that are gone is copied, too, and what the target had counted of
// the same runs does not count twice.
func TestCopyStatistics(t *testing.T) {
	w := newWorld(t)
	gone := w.ran("a", 40*day, 9)
	w.ran("a", 0, 1)
	w.ran("", 0, 1)
	_, err := w.st.Delete(t.Context(), []run.ID{gone})
	w.must(err)
	to := memstore.New()
	for range 2 {
		done, err := Copy(t.Context(), w.st, to)
		w.must(err)
		w.equal(done.To.Rest.Tallies, int64(12))
		_, err = Count(t.Context(), to)
		w.must(err)
		for _, by := range stats.Units() {
			from, err := Ask(t.Context(), w.st, Question{By: by})
			w.must(err)
			copied, err := Ask(t.Context(), to, Question{By: by})
			w.must(err)
			names, trend := told(&from)
			copiedNames, copiedTrend := told(&copied)
			w.equal(copiedNames, names)
			w.equal(copiedTrend, trend)
			w.equal(names, []string{"/ 1 1s", "/load 1 1s", "a/ 2 1s", "a/load 2 1s"})
		}
	}
	failing := &careless{Store: to}
	_, err = Copy(t.Context(), w.st, failing)
	w.fails(err, fault.Internal)
}

// careless is a store that does not keep statistics as they are.
type careless struct{ *memstore.Store }

func (f *careless) SetTallies(ctx context.Context, all []store.Tally, anew bool) error {
	return f.Store.SetTallies(ctx, all[:len(all)/2], anew)
}
