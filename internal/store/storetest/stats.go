package storetest

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func testOutlines(f *fixture) {
	all, err := f.Outlines(f.ctx, 0, 0)
	f.must(err)
	f.equal(all, []store.Outline(nil))
	f.ended("a", run.Failed)
	held := f.create("b")
	f.createRun(store.NewRun{})
	want := []store.Outline{
		{ID: 1, Application: "a", State: run.Failed, SubmittedAt: at(0), EndedAt: at(1)},
		{ID: 2, Application: "b", State: run.Pending, SubmittedAt: at(0), Held: true},
		{ID: 3, Held: true},
	}
	for _, c := range []struct {
		after    run.ID
		limit    int
		from, to int
	}{{0, 0, 0, 3}, {-9, 2, 0, 2}, {1, 1, 1, 2}, {1, 0, 1, 3}, {3, 9, 3, 3}, {1 << 40, 0, 3, 3}, {0, -1, 0, 3}} {
		got, err := f.Outlines(f.ctx, c.after, c.limit)
		f.must(err)
		f.equal(got, append([]store.Outline(nil), want[c.from:c.to]...))
	}
	// A lease that was given back or has run out holds nothing.
	f.must(f.Release(f.ctx, held))
	f.clock.Advance(ttl)
	want[1].Held, want[2].Held = false, false
	got, err := f.Outlines(f.ctx, 0, 0)
	f.must(err)
	f.equal(got, want)

	// A resumed run has not ended.
	l := f.acquire(1, owner(1))
	_, err = f.AddAttempt(f.ctx, l, store.NewAttempt{Jobs: 1})
	f.must(err)
	got, err = f.Outlines(f.ctx, 0, 1)
	f.must(err)
	f.equal(got, []store.Outline{{ID: 1, Application: "a", SubmittedAt: at(0), Held: true}})

	// One that was recorded elsewhere is known as such.
	a := f.export(2)
	a.Run.ID, a.Origin = 0, "elsewhere:2"
	f.imports(a, 4, true)
	got, err = f.Outlines(f.ctx, 3, 0)
	f.must(err)
	f.equal(got, []store.Outline{{ID: 4, Application: "b", SubmittedAt: at(0), Imported: true}})
}

// testTotals has names that a database may take for the same, or sort in its own way.
func testTotals(f *fixture) {
	totals := func() []store.Total {
		st, err := f.Stats(f.ctx)
		f.must(err)
		return st.Totals
	}
	f.equal(totals(), []store.Total(nil))
	for _, app := range []string{"b", "B", "ä", "", "a ", "a", "a", "_", "Z", "日"} {
		f.createRun(store.NewRun{Application: app})
	}
	f.ended("a", run.Success)
	f.ended("a", run.Failed)
	got := totals()
	f.equal(got, []store.Total{
		total("", run.Pending, 1),
		total("B", run.Pending, 1),
		total("Z", run.Pending, 1),
		total("_", run.Pending, 1),
		total("a", run.Pending, 2),
		total("a", run.Success, 1),
		total("a", run.Failed, 1),
		total("a ", run.Pending, 1),
		total("b", run.Pending, 1),
		total("ä", run.Pending, 1),
		total("日", run.Pending, 1),
	})
	for _, t := range got {
		if t.Application == "" {
			continue // which selects all
		}
		found, err := f.Runs(f.ctx, store.Filter{Application: t.Application, States: []run.State{t.State}})
		f.must(err)
		f.equal(int64(len(found)), t.Runs)
	}
}

func total(app string, s run.State, n int64) store.Total {
	return store.Total{Application: app, State: s, Runs: n}
}

func testStats(f *fixture) {
	st, err := f.Stats(f.ctx)
	f.must(err)
	if st.Kind == "" {
		f.Error("the store does not say what it is")
	}
	st.Kind, st.Schema, st.Durability, st.Bytes = "", 0, "", 0 // each store's own
	f.equal(st, store.Stats{Chores: map[string]time.Time{}})

	f.full("a")
	l := f.createRun(store.NewRun{Application: "b", At: at(-100)})
	f.createRun(store.NewRun{Application: "b"}) // at no time
	f.must(f.Request(f.ctx, l.Run, store.Request{Kind: store.DrainRun}))
	_, err = f.Answer(f.ctx, l, nil, 1) // the request stays
	f.must(err)
	_, err = f.Claim(f.ctx, "sweep", time.Hour)
	f.must(err)
	f.accounts("ann", "bob")
	f.must(f.AddSession(f.ctx, session("bob", "second")))
	f.register(registered("w", "1"))
	_, err = f.AddAudit(f.ctx, entry(1), entry(2), entry(3), entry(4))
	f.must(err)
	f.equal(f.begin("b", store.Fingerprint{}, run.TaskID{Run: l.Run, Attempt: 1, Job: "j", Try: 1}, ""), true)
	f.must(f.Tell(f.ctx, store.Tell{
		Notices:   []store.Notice{notice("m", "mail", 1), notice("n", "mail", 2)},
		Incidents: []store.Incident{{Key: "k", ChangedAt: at(1), Body: []byte("x")}},
	}))
	f.decide(nightly(), []store.Firing{firing(1, store.FiringOver), firing(2, store.FiringDue)}, nil)
	st, err = f.Stats(f.ctx)
	f.must(err)
	st.Kind, st.Schema, st.Durability, st.Bytes = "", 0, "", 0
	f.equal(st, store.Stats{
		Rows: store.Rows{
			Workflows: 2, Runs: 3, Attempts: 4, Transitions: 105, Requests: 2, Overrides: 2,
			Users: 2, Tokens: 2, Sessions: 3, Audit: 4, Registered: 1,
			Schedules: 1, Firings: 2, Fingerprints: 1, Incidents: 1, Notices: 2,
		},
		Totals: []store.Total{total("a", run.Success, 1), total("b", run.Pending, 2)},
		Oldest: at(-100), Newest: at(0), Chores: map[string]time.Time{"sweep": at(0)},
	})
}

// testNth has imported runs among the others.
func testNth(f *fixture) {
	for i, s := range []run.State{run.Success, run.Failed, run.Success, run.Timeout, run.Success} {
		app := "a"
		if i == 2 {
			app = "A"
		}
		f.ended(app, s) // 1 to 5
	}
	f.create("a") // 6
	for i := range 3 {
		a := f.export(1)
		a.Run.ID, a.Origin = 0, "elsewhere:"+strings.Repeat("x", i)
		f.imports(a, run.ID(7+i), true)
	}
	f.createRun(store.NewRun{}) // 10
	good, bad := []run.State{run.Success}, []run.State{run.Failed, run.Timeout, run.Cancelled, run.Skipped}
	for _, c := range []struct {
		r    store.Rank
		want run.ID
	}{
		{store.Rank{Application: "a", N: 1}, 6},
		{store.Rank{Application: "a"}, 6},
		{store.Rank{Application: "a", N: -3}, 6},
		{store.Rank{Application: "a", N: 2}, 5},
		{store.Rank{Application: "a", N: 5}, 1},
		{store.Rank{Application: "a", N: 6}, 0},
		{store.Rank{Application: "a", N: 1 << 30}, 0},
		{store.Rank{Application: "a", N: 1, Imported: true}, 9},
		{store.Rank{Application: "a", N: 8, Imported: true}, 1},
		{store.Rank{Application: "a", N: 9, Imported: true}, 0},
		{store.Rank{Application: "a", States: good, N: 1}, 5},
		{store.Rank{Application: "a", States: good, N: 2}, 1},
		{store.Rank{Application: "a", States: good, N: 3}, 0},
		{store.Rank{Application: "a", States: good, N: 4, Imported: true}, 5},
		{store.Rank{Application: "a", States: bad, N: 1}, 4},
		{store.Rank{Application: "a", States: bad, N: 2}, 2},
		{store.Rank{Application: "a", States: bad, N: 3}, 0},
		{store.Rank{Application: "A", N: 1}, 3},
		{store.Rank{Application: "none", N: 1}, 0},
		{store.Rank{N: 1}, 10},
		{store.Rank{N: 2}, 0},
	} {
		got, err := f.Nth(f.ctx, c.r)
		f.must(err)
		if got != c.want {
			f.Errorf("%+v: got %d, want %d", c.r, got, c.want)
		}
	}
}

// testPlace has chores that take several times.
func testPlace(f *fixture) {
	place := func(chore string, want run.ID) {
		f.Helper()
		got, err := f.Place(f.ctx, chore)
		f.must(err)
		f.equal(got, want)
	}
	place("a", 0)
	for _, chore := range []string{"a", "b"} {
		_, err := f.Claim(f.ctx, chore, time.Hour)
		f.must(err)
	}
	place("a", 0)
	f.must(f.SetPlace(f.ctx, "a", 7))
	f.must(f.SetPlace(f.ctx, "b", 1<<40))
	place("a", 7)
	place("b", 1<<40)
	_, err := f.Claim(f.ctx, "a", 0)
	f.must(err)
	place("a", 7)
	f.must(f.SetPlace(f.ctx, "a", 0))
	place("a", 0)
}

func testClaim(f *fixture) {
	claim := func(chore string, every time.Duration, want bool) {
		f.Helper()
		got, err := f.Claim(f.ctx, chore, every)
		f.must(err)
		f.equal(got, want)
	}
	claim("a", time.Hour, true)
	claim("a", time.Hour, false)
	claim("b", time.Hour, true)
	claim("a", 0, true) // always
	f.clock.Advance(time.Hour - time.Microsecond)
	claim("a", time.Hour, false)
	claim("b", time.Hour, false)
	f.clock.Advance(time.Microsecond)
	claim("a", time.Hour, true)
	claim("a", time.Hour, false)

	f.clock.Advance(24 * time.Hour)
	var won atomic.Int64
	var wg sync.WaitGroup
	for _, chore := range []string{"a", "new"} {
		for range 25 {
			wg.Go(func() {
				got, err := f.Claim(f.ctx, chore, time.Hour)
				if err != nil {
					f.Errorf("claim: %v", err)
				}
				if got {
					won.Add(1)
				}
			})
		}
	}
	wg.Wait()
	f.equal(won.Load(), int64(2))
}
