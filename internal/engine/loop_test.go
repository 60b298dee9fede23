package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// What the world and the publisher check in every test: a task starts only after its
// RUNNING was recorded, and transitions are published as they were committed.
func TestRunsToTheEnd(t *testing.T) {
	bubble(t, []string{"a", "b: a"}, func(f *fixture) {
		f.start()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		f.equal(f.story(), []string{
			"0s run PENDING>QUEUED submitted",
			"0s run QUEUED>RUNNING started",
			"0s a PENDING>QUEUED dependencies_met",
			"0s a/1 QUEUED>RUNNING started",
			"1s a/1 RUNNING>SUCCESS exit_code",
			"1s b PENDING>QUEUED dependencies_met",
			"1s b/1 QUEUED>RUNNING started",
			"2s b/1 RUNNING>SUCCESS exit_code",
			"2s run RUNNING>SUCCESS all_succeeded",
		})
		f.equal(f.processes(), []string{"1/1/a/1 0s-1s SUCCESS exit_code", "1/1/b/1 1s-2s SUCCESS exit_code"})
		for i, tr := range f.pub.Published() {
			if tr.Seq != int64(i+1) {
				f.Errorf("transition %d was published with number %d", i+1, tr.Seq)
			}
		}
	})
}

func TestTasksSayHowManyTriesThereAre(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.retry(3, time.Second)
		var got []engine.Task
		f.ends["a"] = enginetest.End{Outcome: failed}
		f.world = enginetest.New(f, f.st, func(t engine.Task) enginetest.End {
			got = append(got, t)
			return f.end(t)
		})
		f.runner = f.world.Runner()
		f.start()
		f.ended(f.wait(), run.Failed, run.JobFailed)
		if len(got) != 4 {
			f.Fatalf("%d tries", len(got))
		}
		for i, task := range got {
			want := engine.Task{ID: run.TaskID{Run: 1, Attempt: 1, Job: "a", Try: i + 1}, Job: 0, Of: 4}
			if task != want {
				f.Errorf("got %+v, want %+v", task, want)
			}
		}
	})
}

func TestRetriesWakeTheLoop(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.retry(2, 90*time.Second)
		f.ends["a"] = enginetest.End{After: time.Second, Outcome: failed}
		f.ends["a/3"] = enginetest.End{After: time.Second, Outcome: ok}
		f.start()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		f.equal(f.processes(), []string{
			"1/1/a/1 0s-1s FAILED exit_code", "1/1/a/2 1m31s-1m32s FAILED exit_code", "1/1/a/3 3m2s-3m3s SUCCESS exit_code",
		})
	})
}

// The timer's tick wakes the loop once more after it was taken. That empty turn used to
// switch the timer off, and whatever waited for a later time waited for ever.
func TestATurnWithoutInputsKeepsTheTimer(t *testing.T) {
	bubble(t, []string{"a", "b"}, func(f *fixture) {
		f.wf.ContinueOnError = true
		f.retry(1, 10*time.Second)
		f.ends["a/1"] = enginetest.End{After: time.Second, Outcome: failed}
		f.ends["b/1"] = enginetest.End{After: 5 * time.Second, Outcome: failed}
		f.ends["a/2"] = enginetest.End{After: time.Hour, Outcome: ok} // whose end would set the timer again
		f.start()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		f.equal(f.processes(), []string{
			"1/1/a/1 0s-1s FAILED exit_code", "1/1/a/2 11s-1h0m11s SUCCESS exit_code",
			"1/1/b/1 0s-5s FAILED exit_code", "1/1/b/2 15s-16s SUCCESS exit_code",
		})
	})
}

// A commit may take longer than the wait for a retry: then its time is over already
// when the timer is set.
func TestAWakeInThePastIsAtOnce(t *testing.T) {
	bubble(t, []string{"a", "b"}, func(f *fixture) {
		f.retry(1, time.Second)
		f.ends["a/1"] = enginetest.End{After: time.Second, Outcome: failed}
		f.ends["b"] = enginetest.End{After: time.Hour, Outcome: ok}
		f.journal.onAppend = func(ts []run.Transition) error {
			if ts[0].To == run.Failed {
				time.Sleep(time.Minute) // a slow disk
			}
			return nil
		}
		f.start()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		f.equal(f.processes(), []string{
			"1/1/a/1 0s-1s FAILED exit_code", "1/1/a/2 1m1s-1m2s SUCCESS exit_code", "1/1/b/1 0s-1h0m0s SUCCESS exit_code",
		})
	})
}

// gate holds the commit of a job's success until the returned function is called.
func (f *fixture) gate(job run.JobID) (open func()) {
	gate := make(chan struct{})
	f.journal.onAppend = func(ts []run.Transition) error {
		if ts[0].Job == job && ts[0].To == run.Success {
			<-gate
		}
		return nil
	}
	return func() { close(gate) }
}

// What comes in during a commit is taken together. A cancel among it used to be carried
// out before the start of the same turn, and so the task ran on although it was cancelled.
func TestAStopReachesWhatTheSameTurnStarted(t *testing.T) {
	for name, tt := range map[string]struct {
		in     plan.Input
		reason run.Reason
		state  run.State
	}{
		"the run": {plan.Cancel{Reason: run.Interrupted}, run.Interrupted, run.Cancelled},
		"the job": {plan.CancelJob{Job: 2}, run.JobCancelled, run.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, []string{"slow", "a", "b: a"}, func(f *fixture) {
				open := f.gate("slow")
				f.ends["a"] = enginetest.End{After: 2 * time.Second, Outcome: ok}
				f.ends["b"] = enginetest.End{After: time.Hour, Outcome: ok, Grace: time.Second}
				f.start()
				time.Sleep(3 * time.Second) // slow is being recorded, a has ended
				f.loop.Send(tt.in)
				open()
				sum := f.wait()
				if sum.State != tt.state {
					f.Errorf("ended %s", sum.State)
				}
				f.equal(f.processes(), []string{
					"1/1/a/1 0s-2s SUCCESS exit_code", "1/1/b/1 3s-4s CANCELLED " + string(tt.reason), "1/1/slow/1 0s-1s SUCCESS exit_code",
				})
			})
		})
	}
}

func TestInputsOfOneTurnShareACommit(t *testing.T) {
	bubble(t, []string{"slow", "a", "b", "c"}, func(f *fixture) {
		open := f.gate("slow")
		for _, job := range []string{"a", "b", "c"} {
			f.ends[job] = enginetest.End{After: 2 * time.Second, Outcome: ok}
		}
		commits := 0
		hold := f.journal.onAppend
		f.journal.onAppend = func(ts []run.Transition) error {
			commits++
			return hold(ts)
		}
		f.start()
		time.Sleep(3 * time.Second)
		open()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		if commits != 3 {
			f.Errorf("%d commits; want the begin, slow, and the rest together", commits)
		}
	})
}

// A runner may end a task before Start has returned.
func TestTasksThatEndAtOnce(t *testing.T) {
	bubble(t, []string{"a", "b: a", "c: b"}, func(f *fixture) {
		loop := engine.Start(f.Context(), engine.Config{
			Journal: f.st, Runner: hasty{}, Publisher: f.pub, Lease: f.lease,
		}, plan.New(f.wf, plan.Options{Run: f.lease.Run}), 1)
		sum, err := loop.Wait()
		f.must(err)
		f.ended(sum, run.Success, run.AllSucceeded)
		if now := f.clock(time.Now()); now != "0s" {
			f.Errorf("it took %s", now)
		}
	})
}

// hasty tells each end twice, which must change nothing.
type hasty struct{}

func (hasty) Start(_ engine.Task, done func(run.Outcome)) {
	done(ok)
	done(failed)
}
func (hasty) Recorded(run.TaskID) {}
func (hasty) Stop(engine.Stop)    {}
func (hasty) Kill()               {}

func TestInputsAfterTheEndDoNothing(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.start()
		<-f.loop.Ended()
		before := f.story()
		f.loop.Send(plan.Cancel{})
		f.loop.Kill()
		synctest.Wait()
		f.equal(f.story(), before)
		f.ended(f.wait(), run.Success, run.AllSucceeded)
	})
}

func TestAnEmptyWorkflowEndsAtOnce(t *testing.T) {
	bubble(t, nil, func(f *fixture) {
		f.start()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
	})
}

func TestTheLeaseIsKept(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: 10 * ttl, Outcome: ok}
		f.start()
		for range 9 {
			time.Sleep(ttl)
			if _, err := f.st.Acquire(f.Context(), f.lease.Run, you, ttl, nil); err == nil {
				f.Fatal("the lease was free")
			}
		}
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		if r, err := f.st.Run(f.Context(), f.lease.Run); err != nil || r.Owner == nil || *r.Owner != me {
			f.Errorf("the loop released the lease: %+v, %v", r.Owner, err)
		}
	})
}

// A short lease is renewed in time too, and the default is half a minute.
func TestRenewalFollowsTheLease(t *testing.T) {
	for _, tt := range []struct {
		ttl, every time.Duration
	}{{0, time.Second}, {time.Hour, time.Second}, {300 * time.Millisecond, 100 * time.Millisecond}} {
		bubble(t, []string{"a"}, func(f *fixture) {
			f.ends["a"] = enginetest.End{After: 3*time.Second + time.Millisecond, Outcome: ok}
			var renewed []time.Duration
			f.journal.onRenew = func() error {
				renewed = append(renewed, time.Since(f.began))
				return nil
			}
			loop := engine.Start(f.Context(), engine.Config{
				Journal: f.journal, Runner: f.runner, Publisher: f.pub, Lease: f.lease, TTL: tt.ttl,
			}, plan.New(f.wf, plan.Options{Run: f.lease.Run}), 1)
			_, err := loop.Wait()
			f.must(err)
			if want := int(3 * time.Second / tt.every); len(renewed) != want || renewed[0] != tt.every {
				f.Errorf("TTL %s: renewed at %v", tt.ttl, renewed)
			}
			held, err := f.st.Run(f.Context(), f.lease.Run)
			f.must(err)
			if held.Owner == nil && tt.ttl != 300*time.Millisecond {
				f.Errorf("TTL %s: the lease has run out", tt.ttl)
			}
		})
	}
}

var _ engine.Journal = store.Store(nil)
