package storetest

import (
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

var cet = time.FixedZone("CET", 3600)

// ended makes a run that has ended in that state and is given back.
func (f *fixture) ended(app string, s run.State) run.ID {
	f.Helper()
	l := f.create(app)
	f.append(l, move("", run.Pending, run.Running, run.Started), move("", run.Running, s, run.JobFailed))
	f.must(f.Release(f.ctx, l))
	return l.Run
}

func testDelete(f *fixture) {
	kept, gone := f.full("a"), f.full("b")
	deleted, err := f.Delete(f.ctx, []run.ID{gone.Run.ID})
	f.must(err)
	f.equal(deleted, []run.ID{gone.Run.ID})
	_, err = f.Run(f.ctx, gone.Run.ID)
	f.fails(err, fault.NotFound)
	_, err = f.Transitions(f.ctx, gone.Run.ID, 0, 0)
	f.fails(err, fault.NotFound)
	for h := range gone.Workflows {
		_, err = f.Workflow(f.ctx, h)
		f.fails(err, fault.NotFound)
	}
	f.equal(f.export(kept.Run.ID), kept)
	st, err := f.Stats(f.ctx)
	f.must(err)
	f.equal(st.Rows, store.Rows{Workflows: 2, Runs: 1, Attempts: 2, Transitions: 105, Requests: 1, Overrides: 2, Tallies: 68})
	all, err := f.Runs(f.ctx, store.Filter{})
	f.must(err)
	f.equal(all, []store.Run{f.run(kept.Run.ID)})
	f.equal(f.create("c").Run, run.ID(3)) // a number is never given twice
	_, err = f.Append(f.ctx, store.Lease{Run: gone.Run.ID, Epoch: 1}, history(1))
	f.fails(err, fault.NotFound)
}

// testDeleteSome has runs that may go among those that may not.
func testDeleteSome(f *fixture) {
	states := []run.State{run.Success, run.Failed, run.Timeout, run.Cancelled, run.Skipped}
	var want []run.ID
	for _, s := range states {
		want = append(want, f.ended("same", s))
	}
	pending, running, held := f.create("same"), f.create("same"), f.create("same")
	f.append(running, move("", run.Pending, run.Running, run.Started))
	f.append(held, move("", run.Pending, run.Running, run.Started), move("", run.Running, run.Success, run.AllSucceeded))
	f.must(f.Release(f.ctx, pending)) // not ended, even when nobody holds it
	ids := append([]run.ID{0, -1, 1 << 40, held.Run, running.Run, pending.Run}, want...)
	ids = append(ids, want...) // twice
	deleted, err := f.Delete(f.ctx, ids)
	f.must(err)
	f.equal(deleted, want)
	_, err = f.Workflow(f.ctx, "h-same")
	f.must(err)

	// A lease that has run out holds nothing.
	f.clock.Advance(ttl)
	deleted, err = f.Delete(f.ctx, []run.ID{running.Run, held.Run, pending.Run})
	f.must(err)
	f.equal(deleted, []run.ID{held.Run})
	deleted, err = f.Delete(f.ctx, nil)
	f.must(err)
	f.equal(deleted, []run.ID(nil))
}

// testDeleteResumed has one that ended and was resumed: it goes on.
func testDeleteResumed(f *fixture) {
	id := f.ended("a", run.Failed)
	l := f.acquire(id, owner(2))
	_, err := f.AddAttempt(f.ctx, l, store.NewAttempt{Jobs: 1})
	f.must(err)
	f.must(f.Release(f.ctx, l))
	deleted, err := f.Delete(f.ctx, []run.ID{id})
	f.must(err)
	f.equal(deleted, []run.ID(nil))
}

// testDeleteBeside removes runs while others are made, written and taken over.
func testDeleteBeside(f *fixture) {
	var old []run.ID
	for range 40 {
		old = append(old, f.ended("same", run.Success))
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	gone, kept := map[run.ID]int{}, map[run.ID]bool{}
	for i := range 8 {
		wg.Go(func() {
			for k := 0; k < len(old); k += 4 {
				deleted, err := f.Delete(f.ctx, old[k:k+4])
				if err != nil {
					f.Errorf("delete: %v", err)
				}
				mu.Lock()
				for _, id := range deleted {
					gone[id]++
				}
				mu.Unlock()
			}
		})
		wg.Go(func() {
			for k := i; k < len(old); k += 8 { // somebody may resume one of them
				if _, err := f.Acquire(f.ctx, old[k], owner(i), ttl, nil); err == nil {
					mu.Lock()
					kept[old[k]] = true
					mu.Unlock()
				} else if fault.CodeOf(err) != fault.NotFound {
					f.Errorf("acquire: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				l, err := f.CreateRun(f.ctx, store.NewRun{Application: "new", Hash: "h-same", Workflow: []byte("workflow same")}, owner(i), ttl)
				if err == nil {
					_, err = f.Append(f.ctx, l, history(7))
				}
				if err != nil {
					f.Errorf("write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range old {
		if (gone[id] == 1) == kept[id] || gone[id] > 1 {
			f.Errorf("run %d: removed %d times, taken %v", id, gone[id], kept[id])
		}
	}
	st, err := f.Stats(f.ctx)
	f.must(err)
	f.equal(st.Rows, store.Rows{
		Workflows: 1, Runs: int64(40 + len(kept)), Attempts: int64(40 + len(kept)), Transitions: int64(40*7 + 2*len(kept)), Tallies: 2,
	})
	_, err = f.Workflow(f.ctx, "h-same")
	f.must(err)
}

// testPagesBesideDelete reads page after page while runs go, and sees each that stays once.
func testPagesBesideDelete(f *fixture) {
	for range 30 {
		f.ended("a", run.Success)
	}
	var down, up []run.ID
	for filter := (store.Filter{Limit: 7}); ; filter.Before = down[len(down)-1] {
		page, err := f.Runs(f.ctx, filter)
		f.must(err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			down = append(down, r.ID)
		}
		_, err = f.Delete(f.ctx, []run.ID{down[len(down)-1], down[len(down)-1] - 1})
		f.must(err)
	}
	f.equal(down, []run.ID{30, 29, 28, 27, 26, 25, 24, 22, 21, 20, 19, 18, 17, 16, 14, 13, 12, 11, 10, 9, 8, 6, 5, 4, 3, 2, 1})
	for after := run.ID(0); ; after = up[len(up)-1] {
		page, err := f.Outlines(f.ctx, after, 7)
		f.must(err)
		if len(page) == 0 {
			break
		}
		for _, o := range page {
			up = append(up, o.ID)
		}
		_, err = f.Delete(f.ctx, []run.ID{up[len(up)-1], up[len(up)-1] + 1})
		f.must(err)
		f.ended("b", run.Success)
		if len(up) > 30 {
			break
		}
	}
	f.equal(up[:14], []run.ID{2, 3, 4, 5, 6, 9, 10, 12, 13, 14, 17, 18, 19, 20})
}
