package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// takeOver gives the run to another program, which takes this one for dead.
func (f *fixture) takeOver() {
	f.Helper()
	_, err := f.st.Acquire(f.Context(), f.lease.Run, you, ttl, func(store.Owner) bool { return true })
	f.must(err)
}

// The next renewal finds that the lease is lost: what runs is stopped and killed.
func TestLeaseLostToTheHeartbeat(t *testing.T) {
	bubble(t, []string{"a", "b", "c: a"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok, Grace: time.Minute}
		f.start()
		time.Sleep(1500 * time.Millisecond)
		f.takeOver()
		f.lost(fault.Locked)
		f.equal(f.processes(), []string{"1/1/a/1 0s-2s CANCELLED engine_lost", "1/1/b/1 0s-1s SUCCESS exit_code"})
		if f.runner.Kills() != 1 {
			f.Errorf("%d kills", f.runner.Kills())
		}
		f.equal(f.story()[6:], []string{"1s b/1 RUNNING>SUCCESS exit_code"})
	})
}

// A commit finds it first.
func TestLeaseLostToACommit(t *testing.T) {
	bubble(t, []string{"a", "b", "c: b"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok, Grace: time.Minute}
		f.ends["b"] = enginetest.End{After: 1700 * time.Millisecond, Outcome: ok}
		f.start()
		time.Sleep(1500 * time.Millisecond)
		f.takeOver()
		f.lost(fault.Locked)
		f.equal(f.processes(), []string{"1/1/a/1 0s-1.7s CANCELLED engine_lost", "1/1/b/1 0s-1.7s SUCCESS exit_code"})
		if n := len(f.recorded()); n != 6 {
			f.Errorf("%d transitions were recorded", n)
		}
		f.equal(f.trouble, nil)
	})
}

// The loss and an end come in together: nothing of the turn is acted on.
func TestLeaseLostInABusyTurn(t *testing.T) {
	bubble(t, []string{"slow", "a", "b: a"}, func(f *fixture) {
		open := f.gate("slow")
		f.ends["a"] = enginetest.End{After: 2 * time.Second, Outcome: ok}
		f.start()
		time.Sleep(2500 * time.Millisecond)
		f.takeOver()
		time.Sleep(time.Second) // the heartbeat has found out
		open()
		f.lost(fault.Locked)
		f.equal(f.processes(), []string{"1/1/a/1 0s-2s SUCCESS exit_code", "1/1/slow/1 0s-1s SUCCESS exit_code"})
	})
}

// The lease is lost while the disk is full.
func TestLeaseLostInTrouble(t *testing.T) {
	bubble(t, []string{"a", "b"}, func(f *fixture) {
		f.fullFrom(time.Second, time.Minute)
		f.ends["b"] = enginetest.End{After: time.Hour, Outcome: ok, Grace: time.Hour}
		f.start()
		time.Sleep(40 * time.Second)
		if _, err := f.st.Acquire(f.Context(), f.lease.Run, you, ttl, nil); err != nil {
			f.Fatal("a lease that was not renewed is free:", err)
		}
		f.lost(fault.Locked)
		f.equal(f.processes(), []string{"1/1/a/1 0s-1s SUCCESS exit_code", "1/1/b/1 0s-1m1s CANCELLED engine_lost"})
	})
}

// Nobody can record what becomes of the tasks, so they are stopped, as for a lost
// lease. They used to be left running, and whoever waited for them waited for hours.
func TestContextEnd(t *testing.T) {
	cause := errors.New("the service is closing")
	tests := []struct {
		name  string
		setUp func(f *fixture)
	}{
		{"while jobs run", func(*fixture) {}},
		{"while recording fails", func(f *fixture) { f.fullFrom(time.Second, time.Hour) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, []string{"a", "b"}, func(f *fixture) {
				tt.setUp(f)
				f.ends["b"] = enginetest.End{After: time.Hour, Outcome: ok, Grace: time.Minute}
				f.start()
				time.Sleep(2 * time.Second)
				f.cancel(cause)
				_, err := f.loop.Wait()
				if code := fault.CodeOf(err); code != fault.Cancelled && code != fault.Unavailable {
					f.Errorf("%q: %v", code, err)
				}
				f.must(f.runner.Close(true))
				f.equal(f.processes(), []string{"1/1/a/1 0s-1s SUCCESS exit_code", "1/1/b/1 0s-2s CANCELLED engine_lost"})
			})
		})
	}
}

func TestContextEndSaysWhy(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.start()
		cause := errors.New("the service is closing")
		f.cancel(cause)
		if err := f.lost(fault.Cancelled); !errors.Is(err, cause) {
			f.Errorf("got %v", err)
		}
	})
}

// A context that has ended before the start starts nothing.
func TestContextEndedBeforeTheStart(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.journal.onAppend = func([]run.Transition) error { return errDisk }
		f.start()
		f.cancel(context.Canceled)
		_, err := f.loop.Wait()
		if err == nil {
			f.Error("it ended well")
		}
		f.equal(f.processes(), nil)
	})
}

// The context ends in the middle of a commit: that is no trouble to be told of.
func TestContextEndIsNoTrouble(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.journal.onAppend = func(ts []run.Transition) error {
			if ts[0].To == run.Success {
				f.cancel(context.Canceled)
				return fault.New(fault.Cancelled, "interrupted")
			}
			return nil
		}
		f.start()
		f.lost(fault.Cancelled)
		f.equal(f.trouble, nil)
	})
}
