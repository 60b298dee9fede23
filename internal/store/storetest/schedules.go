package storetest

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

func nightly() store.Schedule {
	return store.Schedule{
		ID: "load/nächtlich", Workflow: "load", Name: "nächtlich", Application: "äpp", Hash: "h1", Decided: at(0), Next: at(9),
	}
}

// firing is one that is due, so many seconds after a fixed time.
func firing(seconds int, state store.FiringState) store.Firing {
	return store.Firing{
		Schedule: "load/nächtlich", Time: at(1000 * seconds), Decision: "run", State: state, DecidedAt: at(1000*seconds + 1),
	}
}

func (f *fixture) decide(s store.Schedule, add, set []store.Firing) {
	f.Helper()
	f.must(f.ChangeSchedule(f.ctx, store.ScheduleChange{Schedule: s, Add: add, Set: set}))
}

func (f *fixture) history(id string) []store.Firing {
	f.Helper()
	all, err := f.Firings(f.ctx, store.FiringFilter{Schedule: id})
	f.must(err)
	return all
}

func testSchedules(f *fixture) {
	s := nightly()
	_, _, err := f.Schedule(f.ctx, s.ID)
	f.fails(err, fault.NotFound)
	none, err := f.Schedules(f.ctx)
	f.must(err)
	f.equal(none, []store.Schedule(nil))
	f.decide(s, nil, nil)
	f.fails(f.ChangeSchedule(f.ctx, store.ScheduleChange{Schedule: s}), fault.Conflict) // it is there by now
	s.Revision = 1
	got, open, err := f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(got, s)
	f.equal(open, []store.Firing(nil))

	s.Application, s.Hash, s.Decided, s.Next, s.Gone, s.Paused = "other", "h2", at(1), time.Time{}, true, true
	s.PausedBy, s.PausedAt, s.PausedWhy = "ann", at(2), strings.Repeat("wärum ", 300)+"\x00"
	s.Zone, s.Broken, s.BrokenWhy = "Europe/Berlin", at(3), "a.yaml:1:1: käputt\n"
	f.decide(s, nil, nil)
	f.fails(f.ChangeSchedule(f.ctx, store.ScheduleChange{Schedule: s}), fault.Conflict) // of the revision before
	s = s.Normal()
	s.Revision = 2
	got, _, err = f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(got, s)

	first := store.Schedule{ID: "file:a.yaml/x", Workflow: "file:a.yaml", Name: "x"}
	f.decide(first, nil, nil)
	first.Revision = 1
	all, err := f.Schedules(f.ctx)
	f.must(err)
	f.equal(all, []store.Schedule{first, s})
	unknown := nightly()
	unknown.ID, unknown.Revision = "load/none", 1
	f.fails(f.ChangeSchedule(f.ctx, store.ScheduleChange{Schedule: unknown}), fault.Conflict)
}

func testFirings(f *fixture) {
	s := nightly()
	skipped := firing(1, store.FiringOver)
	skipped.Decision, skipped.Reason, skipped.By = "skipped", "overlap", "17"
	missed := firing(2, store.FiringOver)
	missed.Decision, missed.Reason, missed.Until = "missed", "absent_long", at(2500)
	batch := firing(4, store.FiringWaits)
	batch.Decision, batch.Batch, batch.Room, batch.Detail = "backfill", "b1", 3, strings.Repeat("ä", 1500)
	f.decide(s, []store.Firing{skipped, missed, firing(3, store.FiringDue), batch}, nil)
	f.equal(f.history(s.ID), []store.Firing{batch, firing(3, store.FiringDue), missed, skipped})
	for _, c := range []struct {
		filter store.FiringFilter
		want   []store.Firing
	}{
		{store.FiringFilter{Limit: 1}, []store.Firing{batch}},
		{store.FiringFilter{Since: at(3000)}, []store.Firing{batch, firing(3, store.FiringDue)}},
		{store.FiringFilter{Before: at(3000)}, []store.Firing{missed, skipped}},
		{store.FiringFilter{Since: at(2000), Before: at(4000), Limit: 1}, []store.Firing{firing(3, store.FiringDue)}},
	} {
		c.filter.Schedule = s.ID
		got, err := f.Firings(f.ctx, c.filter)
		f.must(err)
		f.equal(got, c.want)
	}
	f.equal(f.history("other"), []store.Firing(nil))

	// All or nothing: a time that is there already, or is not, spoils the whole.
	s.Revision = 1
	f.fails(f.ChangeSchedule(f.ctx, store.ScheduleChange{Schedule: s, Add: []store.Firing{firing(5, store.FiringDue), skipped}}), fault.Conflict)
	f.fails(f.ChangeSchedule(f.ctx, store.ScheduleChange{
		Schedule: s, Add: []store.Firing{firing(5, store.FiringDue)}, Set: []store.Firing{firing(6, store.FiringOver)},
	}), fault.Conflict)
	f.equal(len(f.history(s.ID)), 4)
	known, _, err := f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(known.Revision, int64(1))

	running := firing(3, store.FiringRunning)
	running.Run = 1 << 40
	f.decide(s, []store.Firing{firing(5, store.FiringDue)}, []store.Firing{running})
	f.equal(f.history(s.ID), []store.Firing{firing(5, store.FiringDue), batch, running, missed, skipped})
}

func testArrivals(f *fixture) {
	s := nightly()
	s.Kind = store.Files
	one, two := firing(1, store.FiringOver), firing(2, store.FiringDue)
	one.Key, one.Proof, one.What, one.Given = strings.Repeat("0a", 16), strings.Repeat("0b", 16), "/dätä/a.csv\n", `{"file":"/dätä/a.csv\n"}`
	one.Until = at(2500)
	two.Key = strings.Repeat("0c", 16)
	f.decide(s, []store.Firing{one, two}, nil)
	one = one.Normal()
	s.Revision = 1
	got, _, err := f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(got, s)
	for _, c := range []struct {
		filter store.FiringFilter
		want   []store.Firing
	}{
		{store.FiringFilter{Key: one.Key}, []store.Firing{one}},
		{store.FiringFilter{Proof: one.Proof}, []store.Firing{one}},
		{store.FiringFilter{Key: two.Key, Since: at(3000)}, nil},
		{store.FiringFilter{Key: one.Proof}, nil},
	} {
		c.filter.Schedule = s.ID
		found, err := f.Firings(f.ctx, c.filter)
		f.must(err)
		f.equal(found, c.want)
	}
	s.Kind = store.Webhook
	f.decide(s, nil, nil)
	got, _, err = f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(got.Kind, store.Webhook)
	for _, want := range []int64{0, 1} { // a file that was still there is remembered
		n, err := f.PruneFirings(f.ctx, at(2000+1000*int(want)), 9)
		f.must(err)
		f.equal(n, want)
	}
}

func testOpenFirings(f *fixture) {
	s := nightly()
	f.decide(s, []store.Firing{firing(1, store.FiringOver), firing(4, store.FiringWaits), firing(3, store.FiringDue), firing(2, store.FiringRunning)}, nil)
	other := s
	other.ID = "a/b"
	theirs := firing(1, store.FiringDue)
	theirs.Schedule = other.ID
	f.decide(other, []store.Firing{theirs}, nil)
	_, open, err := f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(open, []store.Firing{firing(2, store.FiringRunning), firing(3, store.FiringDue), firing(4, store.FiringWaits)})
	pending := func() []store.Firing {
		f.Helper()
		all, err := f.OpenFirings(f.ctx)
		f.must(err)
		return all
	}
	f.equal(pending(), []store.Firing{theirs, firing(3, store.FiringDue), firing(4, store.FiringWaits)})

	// Of two that move it on, one does.
	running := firing(3, store.FiringRunning)
	running.Run = 7
	for _, want := range []bool{true, false} {
		moved, err := f.MoveFiring(f.ctx, store.FiringDue, running)
		f.must(err)
		f.equal(moved, want)
	}
	moved, err := f.MoveFiring(f.ctx, store.FiringDue, firing(99, store.FiringRunning))
	f.must(err)
	f.equal(moved, false)
	f.equal(pending(), []store.Firing{theirs, firing(4, store.FiringWaits)})
	f.equal(f.history(s.ID)[1], running)
	known, _, err := f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(known.Revision, int64(1)) // that is no change of the schedule
}

// Of many that decide from the same revision, one is heard.
func testDecideContest(f *fixture) {
	const many = 8
	s := nightly()
	for round := range 3 {
		errs := make([]error, many)
		var all sync.WaitGroup
		for n := range many {
			all.Go(func() {
				mine := firing(round, store.FiringDue)
				mine.Detail = string(rune('a' + n))
				change := store.ScheduleChange{Schedule: s, Add: []store.Firing{mine}}
				change.Schedule.Decided = mine.Time
				errs[n] = f.ChangeSchedule(f.ctx, change)
			})
		}
		all.Wait()
		won := slices.Index(errs, nil)
		for n, err := range errs {
			if n != won {
				f.fails(err, fault.Conflict)
			}
		}
		got := f.history(s.ID)
		f.equal(len(got), round+1)
		f.equal(got[0].Detail, string(rune('a'+won)))
		s.Revision++
	}
}

func withSchedule(f store.Firing, id string) store.Firing {
	f.Schedule = id
	return f
}

func testPruneFirings(f *fixture) {
	f.decide(nightly(), []store.Firing{
		firing(1, store.FiringOver), firing(2, store.FiringRunning), firing(3, store.FiringDue), firing(4, store.FiringWaits), firing(5, store.FiringOver),
	}, nil)
	later := firing(9, store.FiringOver) // of a time to come, decided long ago
	later.DecidedAt = at(1)
	f.must(f.ImportSchedule(f.ctx, store.Schedule{ID: "other", Workflow: "w", Name: "n", Revision: 1}, []store.Firing{withSchedule(later, "other"), withSchedule(firing(1, store.FiringOver), "other")}))
	for _, want := range []int64{2, 1, 0} {
		n, err := f.PruneFirings(f.ctx, at(4500), 2)
		f.must(err)
		f.equal(n, want)
	}
	f.equal(f.history("other"), []store.Firing{withSchedule(later, "other")})
	f.equal(f.history("load/nächtlich"), []store.Firing{firing(5, store.FiringOver), firing(4, store.FiringWaits), firing(3, store.FiringDue)})
	st, err := f.Stats(f.ctx)
	f.must(err)
	f.equal([]int64{st.Rows.Schedules, st.Rows.Firings}, []int64{2, 4})
}

// testImportSchedule brings a schedule along, and again when it has gone on elsewhere.
func testImportSchedule(f *fixture) {
	s := nightly()
	s.Revision, s.PausedWhy = 9, "why"
	fs := []store.Firing{firing(1, store.FiringOver), firing(2, store.FiringDue)}
	for _, some := range [][]store.Firing{nil, fs[:1], fs, fs} {
		f.must(f.ImportSchedule(f.ctx, s, some))
	}
	got, open, err := f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(got, s)
	f.equal(open, fs[1:])
	f.equal(len(f.history(s.ID)), 2)

	s.Revision, s.PausedWhy, s.Paused, s.Hash, s.Decided, s.Next, s.Gone = 10, "", false, "other", at(3000), at(4000), true
	fs[1].State, fs[1].Run, fs[1].Detail = store.FiringRunning, 7, "went on"
	f.must(f.ImportSchedule(f.ctx, s, append(fs[1:], firing(3, store.FiringOver))))
	got, open, err = f.Schedule(f.ctx, s.ID)
	f.must(err)
	f.equal(got, s)
	f.equal(open, fs[1:])
	f.equal(f.history(s.ID), []store.Firing{firing(3, store.FiringOver), fs[1], fs[0]})
	pending, err := f.OpenFirings(f.ctx)
	f.must(err)
	f.equal(pending, []store.Firing(nil))

	// What went on here is not put back.
	old := s
	old.Revision = 9
	f.fails(f.ImportSchedule(f.ctx, old, []store.Firing{firing(4, store.FiringOver)}), fault.Conflict)
	f.equal(len(f.history(s.ID)), 3)
}

func testEnabledWorkflows(f *fixture) {
	names := func() (all []string) {
		f.Helper()
		rs, err := f.EnabledWorkflows(f.ctx)
		f.must(err)
		for _, r := range rs {
			f.equal(r.Source, []byte(nil))
			all = append(all, r.Name+"@"+r.Hash)
		}
		return all
	}
	f.equal(names(), []string(nil))
	for _, r := range []store.Registered{{Name: "b", Hash: "1"}, {Name: "b", Hash: "2"}, {Name: "a", Hash: "3"}, {Name: "off", Hash: "4"}} {
		r.Source, r.At, r.Enabled = []byte("x"), time.Time{}, r.Name != "off"
		_, err := f.Register(f.ctx, r)
		f.must(err)
	}
	f.equal(names(), []string{"a@3", "b@2"})
	f.must(f.EnableRegistered(f.ctx, "b", 2, false))
	f.equal(names(), []string{"a@3", "b@1"})
	f.must(f.EnableRegistered(f.ctx, "a", 0, false))
	f.equal(names(), []string{"b@1"})
}
