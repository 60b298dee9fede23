package storetest

import (
	"context"
	"sync"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	writers = 50
	rounds  = 10
)

func testWriters(f *fixture) {
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			l, err := f.CreateRun(f.ctx, store.NewRun{Hash: "same", Workflow: []byte("w")}, owner(1), ttl)
			for i := range rounds {
				var last int64
				if err == nil {
					last, err = f.Append(f.ctx, l, history(i+1))
				}
				if want := int64((i + 1) * (i + 2) / 2); err != nil || last != want {
					f.Errorf("run %d: got %d, %v; want %d", l.Run, last, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
	var want []run.Transition
	for i := range rounds {
		want = append(want, numbered(int64(len(want)+1), history(i+1))...)
	}
	for id := range run.ID(writers) {
		f.equal(f.transitions(id+1), want)
	}
}

func testWritersOfOne(f *fixture) {
	l := f.create("a")
	var mu sync.Mutex
	ends := map[int64]run.JobID{} // of each batch
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			job := run.JobID(rune('A' + w))
			for range rounds {
				t := move(job, run.Queued, run.Running, run.Started)
				last, err := f.Append(f.ctx, l, []run.Transition{t, t, t})
				if err != nil {
					f.Errorf("writer %d: %v", w, err)
					return
				}
				mu.Lock()
				ends[last] = job
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	ts := f.transitions(l.Run)
	f.equal(len(ts), 3*writers*rounds)
	f.equal(len(ends), writers*rounds)
	for i, t := range ts { // batches are not mixed up
		f.equal(t.Seq, int64(i+1))
		f.equal(t.Job, ends[int64(i/3*3+3)])
	}
	f.equal(f.run(l.Run).Attempt.Counts.Running, 3*writers*rounds)
}

// testFailingWriters mixes calls that must fail, in each way, with calls that must not.
func testFailingWriters(f *fixture) {
	l, lost := f.create("good"), f.create("lost")
	f.must(f.Release(f.ctx, lost))
	bad := history(3)
	bad[2].Attempt = 9
	var wg sync.WaitGroup
	check := func(err error, code fault.Code) {
		if fault.CodeOf(err) != code {
			f.Errorf("got %v, want code %q", err, code)
		}
	}
	for range writers {
		wg.Go(func() { _, err := f.Append(f.ctx, l, history(3)); check(err, "") })
		wg.Go(func() { _, err := f.Append(f.ctx, l, bad); check(err, fault.Internal) })
		wg.Go(func() { _, err := f.Append(f.ctx, lost, history(3)); check(err, fault.Locked) })
		wg.Go(func() { check(f.Request(f.ctx, 99, store.Request{Kind: store.CancelRun}), fault.NotFound) })
		wg.Go(func() { check(f.Request(f.ctx, l.Run, store.Request{Kind: store.CancelRun, At: at(0)}), "") })
	}
	wg.Wait()
	f.equal(f.run(l.Run).Seq, int64(3*writers))
	f.equal(len(f.transitions(l.Run)), 3*writers)
	f.equal(f.transitions(lost.Run), []run.Transition(nil))
	taken, err := f.Renew(f.ctx, l, ttl)
	f.must(err)
	f.equal(len(taken), writers)
}

func testCancelled(f *fixture) {
	l := f.create("a")
	before := f.run(l.Run)
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, err := f.CreateRun(ctx, store.NewRun{}, owner(1), ttl)
	f.fails(err, fault.Cancelled)
	_, err = f.Acquire(ctx, l.Run, owner(2), ttl, func(store.Owner) bool { return true })
	f.fails(err, fault.Cancelled)
	_, err = f.Renew(ctx, l, 2*ttl)
	f.fails(err, fault.Cancelled)
	f.fails(f.Release(ctx, l), fault.Cancelled)
	_, err = f.AddAttempt(ctx, l, store.NewAttempt{})
	f.fails(err, fault.Cancelled)
	_, err = f.Append(ctx, l, history(3))
	f.fails(err, fault.Cancelled)
	_, err = f.Answer(ctx, l, history(3), 1)
	f.fails(err, fault.Cancelled)
	_, err = f.Run(ctx, l.Run)
	f.fails(err, fault.Cancelled)
	_, err = f.Runs(ctx, store.Filter{})
	f.fails(err, fault.Cancelled)
	_, err = f.Attempts(ctx, l.Run)
	f.fails(err, fault.Cancelled)
	_, err = f.Transitions(ctx, l.Run, 0, 0)
	f.fails(err, fault.Cancelled)
	_, err = f.Workflow(ctx, "h-a")
	f.fails(err, fault.Cancelled)
	f.fails(f.Request(ctx, l.Run, store.Request{}), fault.Cancelled)
	f.fails(f.AddOverrides(ctx, l.Run, []run.Override{{}}), fault.Cancelled)
	_, err = f.Overrides(ctx, l.Run)
	f.fails(err, fault.Cancelled)
	_, err = f.Export(ctx, l.Run)
	f.fails(err, fault.Cancelled)
	_, _, err = f.Import(ctx, f.export(l.Run))
	f.fails(err, fault.Cancelled)
	_, err = f.Delete(ctx, []run.ID{l.Run})
	f.fails(err, fault.Cancelled)
	_, err = f.Outlines(ctx, 0, 0)
	f.fails(err, fault.Cancelled)
	_, err = f.Stats(ctx)
	f.fails(err, fault.Cancelled)
	_, err = f.Claim(ctx, "a", 0)
	f.fails(err, fault.Cancelled)

	f.equal(f.run(l.Run), before)
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	f.equal(all, []store.Run{before})
}

func testClosed(f *fixture) {
	l := f.create("a")
	archive := f.export(l.Run)
	var wg sync.WaitGroup
	for range writers { // each is recorded or refused, none hangs
		wg.Go(func() {
			if _, err := f.Append(f.ctx, l, history(3)); err != nil && fault.CodeOf(err) != fault.Unavailable {
				f.Errorf("while closing: %v", err)
			}
		})
	}
	f.must(f.Close())
	wg.Wait()
	f.must(f.Close())
	_, err := f.Append(f.ctx, l, history(1))
	f.fails(err, fault.Unavailable)
	_, err = f.CreateRun(f.ctx, store.NewRun{}, owner(1), ttl)
	f.fails(err, fault.Unavailable)
	_, err = f.Run(f.ctx, l.Run)
	f.fails(err, fault.Unavailable)
	_, err = f.Runs(f.ctx, store.Filter{})
	f.fails(err, fault.Unavailable)
	_, err = f.Workflow(f.ctx, "h-a")
	f.fails(err, fault.Unavailable)
	_, err = f.Acquire(f.ctx, l.Run, owner(2), ttl, nil)
	f.fails(err, fault.Unavailable)
	_, err = f.Export(f.ctx, l.Run)
	f.fails(err, fault.Unavailable)
	_, _, err = f.Import(f.ctx, archive)
	f.fails(err, fault.Unavailable)
	_, err = f.Delete(f.ctx, []run.ID{l.Run})
	f.fails(err, fault.Unavailable)
	_, err = f.Outlines(f.ctx, 0, 0)
	f.fails(err, fault.Unavailable)
	_, err = f.Stats(f.ctx)
	f.fails(err, fault.Unavailable)
	_, err = f.Claim(f.ctx, "a", 0)
	f.fails(err, fault.Unavailable)
}
