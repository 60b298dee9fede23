package engine_test

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
)

var errDisk = fault.New(fault.Unavailable, "the disk is full")

// fullFrom lets commits fail from a time on, for a while.
func (f *fixture) fullFrom(from, length time.Duration) {
	f.journal.onAppend = func([]run.Transition) error {
		if since := time.Since(f.began); since >= from && since < from+length {
			return errDisk
		}
		return nil
	}
	f.journal.onRenew = func() error { return f.journal.onAppend(nil) }
}

// While the disk is full nothing starts; when it is not any more everything goes on,
// and what ended meanwhile is recorded.
func TestDiskFull(t *testing.T) {
	bubble(t, []string{"a", "b", "c: a", "d: b"}, func(f *fixture) {
		f.fullFrom(500*time.Millisecond, 3*time.Minute)
		f.ends["b"] = enginetest.End{After: time.Minute, Outcome: ok}
		f.start()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		// Commits are tried again 0.1, 0.3, 0.7, 1.5, 3.1, 6.3 s after the first and then every 5 s.
		f.equal(f.processes(), []string{
			"1/1/a/1 0s-1s SUCCESS exit_code", "1/1/b/1 0s-1m0s SUCCESS exit_code",
			"1/1/c/1 3m2.3s-3m3.3s SUCCESS exit_code", "1/1/d/1 3m2.3s-3m3.3s SUCCESS exit_code",
		})
		f.equal(f.trouble, []string{"1s the disk is full", "3m2.3s it works"})
	})
}

func TestEachTroubleIsTold(t *testing.T) {
	bubble(t, []string{"a", "b: a"}, func(f *fixture) {
		f.ends["b"] = enginetest.End{After: time.Minute, Outcome: ok}
		f.journal.onAppend = func([]run.Transition) error {
			if now := time.Since(f.began); now == time.Second || now == 61100*time.Millisecond {
				return errDisk
			}
			return nil
		}
		f.start()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		f.equal(f.trouble, []string{
			"1s the disk is full", "1.1s it works", "1m1.1s the disk is full", "1m1.2s it works",
		})
	})
}

// Nothing was recorded yet: not even the beginning.
func TestDiskFullFromTheBeginning(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.fullFrom(0, time.Second)
		f.start()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		f.equal(f.processes(), []string{"1/1/a/1 1.5s-2.5s SUCCESS exit_code"})
	})
}

// A cancel that can't be recorded is not carried out; Kill then gives the run up.
func TestKillGivesUpWhatCantBeRecorded(t *testing.T) {
	bubble(t, []string{"a", "b: a"}, func(f *fixture) {
		f.fullFrom(time.Second, 24*time.Hour)
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok, Grace: time.Minute}
		f.start()
		time.Sleep(2 * time.Second)
		f.loop.Send(plan.Cancel{Reason: run.Interrupted})
		time.Sleep(10 * time.Second)
		f.equal(f.processes(), []string{"1/1/a/1 0s"})
		f.loop.Kill()
		f.lost(fault.Unavailable)
		f.equal(f.processes(), []string{"1/1/a/1 0s-12s CANCELLED engine_lost"})
		f.equal(f.trouble, []string{"2s the disk is full"})
		if n := len(f.recorded()); n != 4 {
			f.Errorf("%d transitions were recorded", n)
		}
	})
}

// Without trouble Kill only ends the grace of what was asked to stop.
func TestKillEndsTheGrace(t *testing.T) {
	bubble(t, []string{"a", "b"}, func(f *fixture) {
		f.wf.ContinueOnError = true
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok, Grace: time.Minute}
		f.ends["b"] = enginetest.End{After: 2 * time.Minute, Outcome: ok}
		f.start()
		time.Sleep(time.Second)
		f.loop.Send(plan.CancelJob{Job: 0})
		time.Sleep(time.Second)
		f.loop.Kill()
		f.ended(f.wait(), run.Failed, run.JobFailed)
		f.equal(f.processes(), []string{"1/1/a/1 0s-2s CANCELLED job_cancelled", "1/1/b/1 0s-2m0s SUCCESS exit_code"})
	})
}

// After a trouble is over Kill gives nothing up.
func TestKillAfterTrouble(t *testing.T) {
	bubble(t, []string{"a", "b: a"}, func(f *fixture) {
		f.fullFrom(time.Second, time.Second)
		f.start()
		time.Sleep(3 * time.Second)
		f.loop.Kill()
		f.ended(f.wait(), run.Success, run.AllSucceeded)
	})
}
