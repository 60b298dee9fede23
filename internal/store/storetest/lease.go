package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func (f *fixture) acquire(id run.ID, o store.Owner) store.Lease {
	f.Helper()
	l, err := f.Acquire(f.ctx, id, o, ttl, nil)
	f.must(err)
	return l
}

// owned returns who a run is shown to belong to.
func (f *fixture) owned(id run.ID) *store.Owner {
	f.Helper()
	r := f.run(id)
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	f.equal(all[len(all)-int(id)], r)
	return r.Owner
}

func testLease(f *fixture) {
	l := f.create("a")
	me, you := owner(1), owner(2)
	f.equal(f.owned(l.Run), &me)

	_, err := f.Acquire(f.ctx, l.Run, you, ttl, nil)
	f.fails(err, fault.Locked)
	var held *store.Held
	if !errors.As(err, &held) {
		f.Fatalf("%v has no *Held", err)
	}
	f.equal(*held, store.Held{Owner: me, Until: at(0).Add(ttl)})
	_, err = f.Acquire(f.ctx, l.Run, me, ttl, nil) // nor does the holder get it twice
	f.fails(err, fault.Locked)

	f.must(f.Release(f.ctx, l))
	f.equal(f.owned(l.Run), (*store.Owner)(nil))
	f.must(f.Release(f.ctx, l))
	second := f.acquire(l.Run, you)
	f.equal(second, store.Lease{Run: l.Run, Epoch: 2})
	f.equal(f.owned(l.Run), &you)

	f.must(f.Release(f.ctx, l)) // lost by now: no error, no effect
	f.equal(f.owned(l.Run), &you)
	f.must(f.Release(f.ctx, second))
	f.equal(f.acquire(l.Run, me), store.Lease{Run: l.Run, Epoch: 3})
}

func testLeaseExpiry(f *fixture) {
	l := f.create("a")
	f.clock.Advance(ttl - time.Microsecond)
	_, err := f.Acquire(f.ctx, l.Run, owner(2), ttl, nil)
	f.fails(err, fault.Locked)
	_, err = f.Renew(f.ctx, l, ttl)
	f.must(err)

	f.clock.Advance(ttl - time.Microsecond)
	_, err = f.Acquire(f.ctx, l.Run, owner(2), ttl, nil)
	f.fails(err, fault.Locked)
	me, you := owner(1), owner(2)
	f.equal(f.owned(l.Run), &me)
	f.clock.Advance(time.Microsecond)
	f.equal(f.owned(l.Run), (*store.Owner)(nil))

	// It has run out, but nobody took it: its holder may go on.
	f.equal(f.append(l, history(1)...), int64(1))
	_, err = f.Renew(f.ctx, l, ttl)
	f.must(err)
	f.equal(f.owned(l.Run), &me)

	f.clock.Advance(ttl)
	second := f.acquire(l.Run, you)
	f.equal(second.Epoch, int64(2))
	_, err = f.Renew(f.ctx, l, ttl)
	f.fails(err, fault.Locked)
	f.equal(f.owned(l.Run), &you)
}

func testLeaseOfDead(f *fixture) {
	l := f.create("a")
	var asked []store.Owner
	_, err := f.Acquire(f.ctx, l.Run, owner(2), ttl, func(o store.Owner) bool { asked = append(asked, o); return false })
	f.fails(err, fault.Locked)
	got, err := f.Acquire(f.ctx, l.Run, owner(3), ttl, func(o store.Owner) bool { asked = append(asked, o); return o == owner(1) })
	f.must(err)
	f.equal(got, store.Lease{Run: l.Run, Epoch: 2})
	f.equal(asked, []store.Owner{owner(1), owner(1)})

	// Nobody is asked about a lease that is free.
	f.must(f.Release(f.ctx, got))
	got, err = f.Acquire(f.ctx, l.Run, owner(4), ttl, func(store.Owner) bool { f.Error("asked"); return false })
	f.must(err)
	f.equal(got.Epoch, int64(3))
}

// testLeaseRace lets the lease change hands while dead looks at the holder.
func testLeaseRace(f *fixture) {
	l := f.create("a")
	calls := 0
	_, err := f.Acquire(f.ctx, l.Run, owner(2), ttl, func(o store.Owner) bool {
		calls++
		if calls == 1 {
			f.must(f.Release(f.ctx, l))
			f.acquire(l.Run, owner(3))
			return true
		}
		f.equal(o, owner(3))
		return false
	})
	f.fails(err, fault.Locked)
	f.equal(calls, 2)

	// The holder that seemed dead renews: it is looked at again.
	f.clock.Advance(time.Second)
	calls = 0
	_, err = f.Acquire(f.ctx, l.Run, owner(2), ttl, func(store.Owner) bool {
		calls++
		if calls == 1 {
			_, err := f.Renew(f.ctx, store.Lease{Run: l.Run, Epoch: 2}, ttl)
			f.must(err)
			return true
		}
		return false
	})
	f.fails(err, fault.Locked)
	f.equal(calls, 2)
}

func testFencing(f *fixture) {
	old := f.create("a")
	f.append(old, history(4)...)
	l, err := f.Acquire(f.ctx, old.Run, owner(2), ttl, func(store.Owner) bool { return true })
	f.must(err)
	f.must(f.Request(f.ctx, l.Run, store.Request{Kind: store.CancelRun}))
	f.refused(old)
	f.refused(store.Lease{Run: old.Run, Epoch: 3}) // from the future
	f.refused(store.Lease{Run: old.Run})
	f.equal(f.append(l, history(1)...), int64(5))
	taken, err := f.Renew(f.ctx, l, ttl)
	f.must(err)
	f.equal(len(taken), 1) // the old holder did not get it
}

// testWrote: who recorded last is known, also when somebody had the lease since.
func testWrote(f *fixture) {
	l := f.create("a")
	f.equal(f.run(l.Run).Wrote, int64(0))
	f.append(l, history(1)...)
	f.equal(f.run(l.Run).Wrote, int64(1))
	f.must(f.Release(f.ctx, l))
	f.must(f.Release(f.ctx, f.acquire(l.Run, owner(2))))
	third := f.acquire(l.Run, owner(3))
	_, err := f.Renew(f.ctx, third, ttl)
	f.must(err)
	f.equal(f.run(l.Run).Wrote, int64(1))
	f.answer(third, 1, history(2)...)
	f.equal(f.run(l.Run).Wrote, int64(3))
}

func testReleased(f *fixture) {
	l := f.create("a")
	f.append(l, history(4)...)
	f.must(f.Release(f.ctx, l))
	f.refused(l)
}

// refused checks that nothing can be written with a lease and that nothing changes.
func (f *fixture) refused(l store.Lease) {
	f.Helper()
	before, history4 := f.run(l.Run), f.transitions(l.Run)
	_, err := f.Append(f.ctx, l, history(6))
	f.fails(err, fault.Locked)
	_, err = f.Append(f.ctx, l, nil)
	f.fails(err, fault.Locked)
	_, err = f.Answer(f.ctx, l, history(6), 1)
	f.fails(err, fault.Locked)
	_, err = f.Answer(f.ctx, l, nil, 1)
	f.fails(err, fault.Locked)
	_, err = f.Renew(f.ctx, l, ttl)
	f.fails(err, fault.Locked)
	_, err = f.AddAttempt(f.ctx, l, store.NewAttempt{Hash: "stale", Workflow: []byte("stale")})
	f.fails(err, fault.Locked)
	_, err = f.Workflow(f.ctx, "stale")
	f.fails(err, fault.NotFound)
	f.must(f.Release(f.ctx, l))
	f.equal(f.run(l.Run), before)
	f.equal(f.transitions(l.Run), history4)
}

func testLeaseContest(f *fixture) {
	l := f.create("a")
	f.must(f.Release(f.ctx, l))
	var won atomic.Int64
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			got, err := f.Acquire(f.ctx, l.Run, owner(n), ttl, nil)
			switch {
			case err == nil && got == (store.Lease{Run: l.Run, Epoch: 2}):
				won.Add(1)
			case fault.CodeOf(err) != fault.Locked:
				f.Errorf("got %v, %v", got, err)
			}
		})
	}
	wg.Wait()
	f.equal(won.Load(), int64(1))
}

func testRequests(f *fixture) {
	l, other := f.create("a"), f.create("b")
	want := []store.Request{
		{No: 1, Kind: store.CancelJob, Job: "j1", By: "ann", At: at(1)},
		{No: 2, Kind: store.DrainRun, By: "bob", At: at(2)},
		{No: 3, Kind: store.CancelRun, By: "ann", At: at(1)},
	}
	for _, r := range want {
		r.No = 7 // which counts for nothing
		f.must(f.Request(f.ctx, l.Run, r))
	}
	f.asked(other, nil)
	f.asked(l, want)
	f.asked(l, want) // until they are answered
	f.answer(l, 1)
	f.asked(l, want[1:])
	f.answer(l, 2, history(4)...)
	f.answer(l, 1, history(1)...) // of what was answered it is Append
	f.equal(f.run(l.Run).Seq, int64(5))
	f.asked(l, want[2:])

	// What has no answer is left to the next holder.
	f.must(f.Release(f.ctx, l))
	f.must(f.Request(f.ctx, l.Run, store.Request{Kind: store.CancelRun}))
	l = f.acquire(l.Run, owner(2))
	f.asked(l, []store.Request{want[2], {No: 4, Kind: store.CancelRun}})
	f.answer(l, 99)
	f.asked(l, nil)
	f.answer(other, 1)
}

// testRequestsUnanswered: what is not recorded is no answer.
func testRequestsUnanswered(f *fixture) {
	l := f.create("a")
	f.must(f.Request(f.ctx, l.Run, store.Request{Kind: store.DrainRun}))
	bad := history(3)
	bad[2].Attempt = 9
	_, err := f.Answer(f.ctx, l, bad, 1)
	f.fails(err, fault.Internal)
	f.asked(l, []store.Request{{No: 1, Kind: store.DrainRun}})
	f.equal(f.run(l.Run).Seq, int64(0))
}

// asked checks which requests of a run have no answer.
func (f *fixture) asked(l store.Lease, want []store.Request) {
	f.Helper()
	got, err := f.Renew(f.ctx, l, ttl)
	f.must(err)
	f.equal(got, want)
}

func (f *fixture) answer(l store.Lease, request int, ts ...run.Transition) {
	f.Helper()
	last, err := f.Answer(f.ctx, l, ts, request)
	f.must(err)
	f.equal(last, f.run(l.Run).Seq)
}

func testAsked(f *fixture) {
	all := []store.Lease{f.create("a"), f.create("b"), f.create("c"), f.create("d")}
	asked := func(from, to int, want ...run.ID) {
		f.Helper()
		got, err := f.Asked(f.ctx, all[from].Run, all[to].Run)
		f.must(err)
		f.equal(got, want)
	}
	asked(0, 3)
	for _, i := range []int{2, 0, 2, 3} {
		f.must(f.Request(f.ctx, all[i].Run, store.Request{Kind: store.CancelRun}))
	}
	asked(0, 3, all[0].Run, all[2].Run, all[3].Run)
	asked(1, 2, all[2].Run)
	asked(3, 0)
	_, err := f.Answer(f.ctx, all[2], nil, 1)
	f.must(err)
	asked(0, 2, all[0].Run, all[2].Run)
	_, err = f.Answer(f.ctx, all[2], nil, 2)
	f.must(err)
	asked(0, 2, all[0].Run)
}

func testNotHeldBy(f *fixture) {
	mine, yours, nobodys, old := f.create("a"), f.create("b"), f.create("a"), f.create("a")
	f.must(f.Release(f.ctx, nobodys))
	f.must(f.Release(f.ctx, yours))
	f.clock.Advance(ttl)
	f.acquire(yours.Run, owner(2))
	_, err := f.Renew(f.ctx, mine, ttl)
	f.must(err)
	me := owner(1)
	for _, c := range []struct {
		f    store.Filter
		want []run.ID
	}{
		{store.Filter{NotHeldBy: &me}, []run.ID{old.Run, nobodys.Run, yours.Run}},
		{store.Filter{NotHeldBy: &me, States: []run.State{run.Pending}, Limit: 2}, []run.ID{old.Run, nobodys.Run}},
		{store.Filter{NotHeldBy: &me, Application: "a", States: []run.State{run.Pending}}, []run.ID{old.Run, nobodys.Run}},
		{store.Filter{States: []run.State{run.Pending}}, []run.ID{old.Run, nobodys.Run, yours.Run, mine.Run}},
	} {
		found, err := f.Runs(f.ctx, c.f)
		f.must(err)
		var got []run.ID
		for i := range found {
			got = append(got, found[i].ID)
		}
		f.equal(got, c.want)
	}
}

func testRenewAll(f *fixture) {
	var all, want []store.Lease
	for n := range 7 {
		all = append(all, f.create(fmt.Sprint(n)))
	}
	f.must(f.Release(f.ctx, all[1]))
	f.must(f.Release(f.ctx, all[4]))
	taken := f.acquire(all[4].Run, owner(2))
	f.must(f.Request(f.ctx, all[2].Run, store.Request{Kind: store.CancelRun}))
	f.clock.Advance(ttl - time.Microsecond)
	none := store.Lease{Run: all[6].Run + 100, Epoch: 1}
	slices.Reverse(all)
	lost, err := f.RenewAll(f.ctx, append(slices.Clone(all), none), ttl)
	f.must(err)
	slices.Reverse(all)
	want = []store.Lease{all[1], all[4], none}
	slices.SortFunc(lost, func(a, b store.Lease) int { return cmp.Compare(a.Run, b.Run) })
	f.equal(lost, want)
	f.clock.Advance(ttl - time.Microsecond)
	me := owner(1)
	for i, l := range all {
		switch i {
		case 1, 4:
			f.equal(f.owned(l.Run), (*store.Owner)(nil)) // that of somebody else has run out
		default:
			f.equal(f.owned(l.Run), &me)
		}
	}
	f.equal(f.append(taken, history(1)...), int64(1))
	asked, err := f.Renew(f.ctx, all[2], ttl)
	f.must(err)
	f.equal(len(asked), 1) // nothing was taken
	lost, err = f.RenewAll(f.ctx, nil, ttl)
	f.must(err)
	f.equal(len(lost), 0)
}

func testOverrides(f *fixture) {
	l, other := f.create("a"), f.create("b")
	first := []run.Override{
		{Attempt: 1, Job: "z", By: "ann", At: at(2), Note: "checked by hand"},
		{Attempt: 1, Job: "a", By: "bob", At: at(1)},
	}
	second := []run.Override{{Attempt: 2, Job: "z", By: "ann", At: at(0), Note: "twice"}}
	f.must(f.AddOverrides(f.ctx, l.Run, first))
	f.must(f.AddOverrides(f.ctx, l.Run, second))
	got, err := f.Overrides(f.ctx, l.Run)
	f.must(err)
	f.equal(got, append(first, second...))
	got, err = f.Overrides(f.ctx, other.Run)
	f.must(err)
	f.equal(got, []run.Override(nil))
}
