package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// load has engines record transitions in runs of their own, all at once, and
// remembers what they were told. An engine that is told of a failure does the same
// again, as a real one does.
type load struct {
	s       *Store
	engines []*loadEngine
	stop    context.CancelFunc
	wg      sync.WaitGroup
	done    atomic.Int64 // appends that were acknowledged
}

type loadEngine struct {
	lease store.Lease
	told  map[int64]run.JobID // by the number of the last of each batch
	made  int
}

// perBatch is how many transitions an engine appends at once.
const perBatch = 3

func startLoad(t *testing.T, s *Store, engines int) *load {
	t.Helper()
	return startLoadOn(t, s, s, engines)
}

// startLoadOn has runs made, and looked at in the end, by another store than the
// engines have.
func startLoadOn(t *testing.T, s, engine *Store, engines int) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &load{s: s, stop: stop}
	for range engines {
		e := &loadEngine{lease: newBenchRun(t, s), told: map[int64]run.JobID{}}
		l.engines = append(l.engines, e)
		l.wg.Go(func() {
			for ctx.Err() == nil {
				if err := e.step(engine); err != nil {
					t.Errorf("run %d: %v", e.lease.Run, err)
					return
				}
				l.done.Add(1)
			}
		})
	}
	return l
}

// step appends one batch, however often it takes.
func (e *loadEngine) step(s *Store) error {
	e.made++
	job := run.JobID(fmt.Sprintf("job-%d", e.made))
	ts := make([]run.Transition, perBatch)
	for i := range ts {
		ts[i] = run.Transition{Attempt: 1, Job: job, Try: 1, From: run.Queued, To: run.Running, Reason: run.Started, At: time.Now()}
	}
	for {
		last, err := s.Append(context.Background(), e.lease, ts)
		if err == nil {
			e.told[last] = job
			return nil
		}
		if fault.CodeOf(err) != fault.Unavailable {
			return err
		}
	}
}

// wait returns when n more appends were acknowledged.
func (l *load) wait(t *testing.T, n int64) {
	t.Helper()
	goal := l.done.Load() + n
	for deadline := time.Now().Add(3 * time.Minute); l.done.Load() < goal; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d appends after minutes", l.done.Load(), goal)
		}
	}
}

// check compares what is recorded with what the engines were told: 0 lost, 0 doubled.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.stop()
	l.wg.Wait()
	total := 0
	for _, e := range l.engines {
		ts, err := l.s.Transitions(t.Context(), e.lease.Run, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(ts) != perBatch*e.made || len(e.told) != e.made {
			t.Errorf("run %d: %d transitions of %d batches are recorded, %d were acknowledged", e.lease.Run, len(ts), e.made, len(e.told))
		}
		for i := range ts {
			batch := int64(i/perBatch*perBatch + perBatch)
			if ts[i].Seq != int64(i+1) || ts[i].Job != e.told[batch] {
				t.Fatalf("run %d: transition %d has number %d and is of %s, the engine was told %s",
					e.lease.Run, i+1, ts[i].Seq, ts[i].Job, e.told[batch])
			}
		}
		r, err := l.s.Run(t.Context(), e.lease.Run)
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq != int64(len(ts)) || r.Attempt.Counts.Running != len(ts) {
			t.Errorf("run %d: counts %d and %d, %d transitions", r.ID, r.Seq, r.Attempt.Counts.Running, len(ts))
		}
		total += e.made
	}
	t.Logf("%d appends by %d engines: 0 lost, 0 doubled", total, len(l.engines))
}

// others makes runs, requests, overrides and attempts, and remembers what it was told.
type others struct {
	s    *Store
	made []run.ID
}

func (o *others) step(t *testing.T, i int) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := o.s.CreateRun(ctx, store.NewRun{Application: fmt.Sprint("other-", i), At: time.Now()}, store.Owner{PID: i}, time.Hour)
	must(err)
	o.made = append(o.made, l.Run)
	job := run.JobID(fmt.Sprint("job-", i))
	must(o.s.Request(ctx, l.Run, store.Request{Kind: store.CancelJob, Job: job}))
	must(o.s.AddOverrides(ctx, l.Run, []run.Override{{Attempt: 1, Job: job}, {Attempt: 1, Job: "second"}}))
	number, err := o.s.AddAttempt(ctx, l, store.NewAttempt{Jobs: i})
	must(err)
	if number != 2 {
		t.Errorf("run %d has attempt %d, want 2", l.Run, number)
	}
	must(o.s.Release(ctx, l))
	l, err = o.s.Acquire(ctx, l.Run, store.Owner{PID: i + 1}, time.Hour, nil)
	must(err)
	if l.Epoch != 2 {
		t.Errorf("run %d has epoch %d, want 2", l.Run, l.Epoch)
	}
	taken, err := o.s.Renew(ctx, l, time.Hour)
	must(err)
	if len(taken) != 1 || taken[0].Job != job {
		t.Errorf("run %d: requests %v, want one of %s", l.Run, taken, job)
	}
	os, err := o.s.Overrides(ctx, l.Run)
	must(err)
	if len(os) != 2 || os[0].Job != job || os[1].Job != "second" {
		t.Errorf("run %d: overrides %v", l.Run, os)
	}
}

// check compares the runs that there are with those that were made.
func (o *others) check(t *testing.T) {
	t.Helper()
	var there []run.ID
	all, err := o.s.Runs(t.Context(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Application != "bench" {
			there = append(there, r.ID)
			attempts, err := o.s.Attempts(t.Context(), r.ID)
			if err != nil || len(attempts) != 2 {
				t.Errorf("run %d has %d attempts, %v", r.ID, len(attempts), err)
			}
		}
	}
	slices.Sort(there)
	slices.Sort(o.made)
	if !slices.Equal(there, o.made) {
		t.Errorf("runs %v are there, %v were made", there, o.made)
	}
}
