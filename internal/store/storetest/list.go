package storetest

import (
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// testFilters compares each combination with the same choice made in plain code.
func testFilters(f *fixture) {
	apps := []string{"a", "b", "A"}
	states := run.States()
	for i := range 48 {
		l := f.createRun(store.NewRun{Application: apps[i%3], At: at(i * 7 % 48)}) // not in the order of the ids
		if s := states[i%8]; s != run.Pending {
			f.append(l, move("", run.Pending, s, run.Started))
		}
	}
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	f.equal(len(all), 48)
	for _, filter := range filters() {
		got, err := f.Runs(f.ctx, filter)
		f.must(err)
		var want []store.Run
		for _, r := range all {
			if lets(filter, r) && (filter.Limit <= 0 || len(want) < filter.Limit) {
				want = append(want, r)
			}
		}
		if len(got) != len(want) {
			f.Errorf("%+v: got %d runs, want %d", filter, len(got), len(want))
		}
		f.equal(got, want)
	}
}

func filters() (all []store.Filter) {
	for _, app := range []string{"", "a", "none"} {
		for _, in := range [][]run.State{nil, {run.Failed}, {run.Success, run.Running, run.Success}, run.States()} {
			for _, not := range [][]run.State{nil, {run.Success}, {run.Pending, run.Failed}, run.States()} {
				base := store.Filter{Application: app, States: in, NotStates: not}
				all = append(all, base)
				base.Limit = 5
				all = append(all, base)
				base.Before = 30
				all = append(all, base)
				base.Since = at(10)
				all = append(all, base)
				base.Until = at(40)
				all = append(all, base)
				base.Limit, base.Before, base.Since = 0, 0, base.Since.AddDate(-1, 0, 0)
				all = append(all, base)
			}
		}
	}
	return all
}

func lets(f store.Filter, r store.Run) bool {
	in := len(f.States) == 0
	for _, s := range f.States {
		in = in || s == r.Attempt.State
	}
	for _, s := range f.NotStates {
		in = in && s != r.Attempt.State
	}
	return in && (f.Application == "" || f.Application == r.Application) && (f.Before == 0 || r.ID < f.Before) &&
		(f.Since.IsZero() || !r.SubmittedAt.Before(f.Since)) && (f.Until.IsZero() || r.SubmittedAt.Before(f.Until))
}

// testRunPages reads page after page while new runs come, and must see each old run once.
func testRunPages(f *fixture) {
	for range 25 {
		f.create("a")
	}
	var seen []run.ID
	filter := store.Filter{Application: "a", Limit: 10}
	for {
		page, err := f.Runs(f.ctx, filter)
		f.must(err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			seen = append(seen, r.ID)
		}
		filter.Before = seen[len(seen)-1]
		f.create("a")
	}
	want := make([]run.ID, 25)
	for i := range want {
		want[i] = run.ID(25 - i)
	}
	f.equal(seen, want)
}
