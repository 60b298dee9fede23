package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

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
		want := chosen(filter, all)
		if len(got) != len(want) {
			f.Errorf("%+v: got %d runs, want %d", filter, len(got), len(want))
		}
		f.equal(got, want)
	}
}

// testSpans has runs far apart whose times go up and down, as they do when old runs are
// brought into a history. What is chosen by time must be what plain code chooses.
func testSpans(f *fixture) {
	template := f.full("a")
	_, err := f.Delete(f.ctx, []run.ID{template.Run.ID})
	f.must(err)
	add := func(id run.ID, day int) {
		a := template
		a.Run.ID, a.Run.Application, a.Run.SubmittedAt = id, []string{"a", "b"}[id%2], at(0).AddDate(0, 0, day)
		a.Attempts, a.Transitions, a.Overrides = a.Attempts[:1], nil, nil
		a.Attempts[0].State = []run.State{run.Failed, run.Success, run.Timeout}[id%3]
		if day == -1 {
			a.Run.SubmittedAt = time.Time{}
		}
		f.imports(a, id, true)
	}
	for i, day := range []int{5, 0, 9, 7, 5, -1, 3, 5, 5, 40, 41, 42, 0, 43, -1, 44} {
		add(run.ID(998+i*251), day) // four in a thousand
	}
	for i := range 26 { // every other thousand
		add(run.ID(10_000+i*2000), 60+i%2)
	}
	for i := range 3 { // below all, and among others
		add(run.ID(3+i), 50+20*i)
		add(run.ID(1600+i), -5+20*i)
	}
	_, err = f.Delete(f.ctx, []run.ID{998, 1249, 60_000})
	f.must(err)
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	f.equal(len(all), 16+26+6-3)
	for _, filter := range timeFilters() {
		got, err := f.Runs(f.ctx, filter)
		f.must(err)
		if diff := cmp.Diff(chosen(filter, all), got); diff != "" {
			f.Errorf("%+v: -want +got\n%s", filter, diff)
		}
	}
}

// timeFilters are spans of time, each alone and with other conditions.
func timeFilters() (all []store.Filter) {
	day := func(n int) time.Time { return at(0).AddDate(0, 0, n) }
	for _, span := range []store.Filter{
		{Until: day(5)},
		{Until: day(5).Add(time.Microsecond)},
		{Since: day(5)},
		{Since: day(5).Add(time.Microsecond)},
		{Since: day(5), Until: day(5).Add(time.Microsecond)},
		{Since: day(6), Until: day(8)},
		{Since: day(40), Until: day(43)},
		{Since: day(60), Until: day(61)}, // in every other block
		{Since: day(-9), Until: day(-1)},
		{Until: day(-100)},
		{Since: day(100)},
		{Since: day(61), Until: day(60)},
	} {
		all = append(all, span)
		for _, limit := range []int{1, 3, 24} {
			span.Limit = limit
			for _, before := range []run.ID{0, 1, 1500, 2000, 2001, 14_001} {
				span.Before = before
				all = append(all, span)
			}
		}
		span.Limit, span.Before = 5, 40_000
		span.States = []run.State{run.Failed, run.Timeout}
		all = append(all, span)
		span.Application = "a"
		all = append(all, span)
		span.States = nil
		all = append(all, span)
	}
	return all
}

// chosen returns those of all runs that a filter selects.
func chosen(f store.Filter, all []store.Run) (some []store.Run) {
	for _, r := range all {
		if lets(f, r) && (f.Limit <= 0 || len(some) < f.Limit) {
			some = append(some, r)
		}
	}
	return some
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
		(f.Since.IsZero() || !r.SubmittedAt.IsZero() && !r.SubmittedAt.Before(f.Since)) &&
		(f.Until.IsZero() || !r.SubmittedAt.IsZero() && r.SubmittedAt.Before(f.Until))
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
