package engine_test

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// What is asked comes to the same whether it is sent by the program itself, at once, or
// requested by another one, which the next renewal of the lease brings: at 2 s here.
func TestAsked(t *testing.T) {
	tests := []struct {
		name    string
		in      plan.Input
		request store.Request
		want    func(at string) []string // after the jobs have begun
		state   run.State
		reason  run.Reason
	}{
		{
			"cancel the run",
			plan.Cancel{Detail: "asked by ann"},
			store.Request{Kind: store.CancelRun, By: "ann"},
			func(at string) []string {
				return []string{
					at + " run mark run_cancelled (asked by ann)",
					at + " c PENDING>CANCELLED run_cancelled (asked by ann)",
					end(at) + " a/1 RUNNING>CANCELLED run_cancelled (asked by ann)",
					end(at) + " b/1 RUNNING>CANCELLED run_cancelled (asked by ann)",
					end(at) + " run RUNNING>CANCELLED run_cancelled (asked by ann)",
				}
			}, run.Cancelled, run.RunCancelled,
		},
		{
			"drain the run",
			plan.Drain{},
			store.Request{Kind: store.DrainRun},
			func(at string) []string {
				return []string{
					at + " run mark engine_stopping",
					at + " c PENDING>CANCELLED engine_stopping",
					"10s a/1 RUNNING>SUCCESS exit_code",
					"10s b/1 RUNNING>SUCCESS exit_code",
					"10s run RUNNING>CANCELLED engine_stopping",
				}
			}, run.Cancelled, run.EngineStopping,
		},
		{
			"cancel a job",
			plan.CancelJob{Job: 1, Detail: "asked by bob"},
			store.Request{Kind: store.CancelJob, Job: "b", By: "bob"},
			func(at string) []string {
				return []string{
					at + " b/1 mark job_cancelled (asked by bob)",
					end(at) + " b/1 RUNNING>CANCELLED job_cancelled",
					"10s a/1 RUNNING>SUCCESS exit_code",
					"10s c PENDING>QUEUED dependencies_met",
					"10s c/1 QUEUED>RUNNING started",
					"11s c/1 RUNNING>SUCCESS exit_code",
					"11s run RUNNING>FAILED job_failed",
				}
			}, run.Failed, run.JobFailed,
		},
	}
	for _, tt := range tests {
		for _, way := range []string{"sent", "requested"} {
			t.Run(tt.name+" "+way, func(t *testing.T) {
				bubble(t, []string{"a", "b", "c: a"}, func(f *fixture) {
					f.wf.ContinueOnError = true
					f.ends["a"] = enginetest.End{After: 10 * time.Second, Outcome: ok, Grace: time.Second}
					f.ends["b"] = f.ends["a"]
					f.start()
					time.Sleep(1500 * time.Millisecond)
					at := "2s"
					if way == "sent" {
						at = "1.5s"
						f.loop.Send(tt.in)
					} else {
						f.must(f.st.Request(f.Context(), f.lease.Run, tt.request))
					}
					f.ended(f.wait(), tt.state, tt.reason)
					// Jobs that end at the same moment are recorded in any order.
					f.equal(sorted(f.story()[6:]), sorted(tt.want(at)))
				})
			})
		}
	}
}

// end is a second later: the grace.
func end(at string) string {
	d, _ := time.ParseDuration(at)
	return (d + time.Second).String()
}

func sorted(lines []string) []string {
	all := append([]string(nil), lines...)
	for i := range all { // few lines: insertion keeps it plain
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return all
}

func TestRequestsThatMeanNothing(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: 3 * time.Second, Outcome: ok}
		f.start()
		f.must(f.st.Request(f.Context(), f.lease.Run, store.Request{Kind: store.CancelJob, Job: "nobody"}))
		f.must(f.st.Request(f.Context(), f.lease.Run, store.Request{Kind: "dance"}))
		f.ended(f.wait(), run.Success, run.AllSucceeded)
		if n := len(f.story()); n != 6 {
			f.Errorf("%d transitions: %v", n, f.story())
		}
	})
}

// A renewal that fails for a while is made good by the next; a request waits for it.
func TestRenewalsThatFailForAWhile(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok}
		f.journal.onRenew = func() error {
			if time.Since(f.began) < 2*ttl {
				return errDisk
			}
			return nil
		}
		f.start()
		f.must(f.st.Request(f.Context(), f.lease.Run, store.Request{Kind: store.CancelRun}))
		f.ended(f.wait(), run.Cancelled, run.RunCancelled)
		f.equal(f.processes(), []string{"1/1/a/1 0s-1m0s CANCELLED run_cancelled"})
	})
}

// A request was marked as taken when it was read: a program that died before it had recorded
// what came of it took it along.
func TestRequestOfAProgramThatDies(t *testing.T) {
	bubble(t, []string{"a", "b: a"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok}
		f.fullFrom(time.Second, time.Hour)
		f.journal.onRenew = nil
		f.start()
		f.must(f.st.Request(f.Context(), f.lease.Run, store.Request{Kind: store.CancelRun, By: "ann"}))
		time.Sleep(10 * time.Second)
		f.cancel(engine.ErrLeft)
		_, _ = f.loop.Wait()
		asked, err := f.st.Renew(f.Context(), f.lease, ttl)
		if err != nil || len(asked) != 1 || asked[0].By != "ann" {
			t.Errorf("left to the next program: %+v, %v", asked, err)
		}
	})
}

// While what comes of a request can't be recorded each renewal returns it. Twice, a cancel
// would end what cleans up as well.
func TestRequestIsPassedOnOnce(t *testing.T) {
	bubble(t, []string{"a", "b"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok}
		f.ends["b"] = enginetest.End{After: time.Minute, Outcome: ok}
		f.wf.Jobs[1].Always = true
		f.fullFrom(time.Second, 10*time.Second)
		f.journal.onRenew = nil
		f.start()
		f.must(f.st.Request(f.Context(), f.lease.Run, store.Request{Kind: store.CancelRun}))
		f.ended(f.wait(), run.Cancelled, run.RunCancelled)
		f.equal(f.processes(), []string{"1/1/a/1 0s-12.3s CANCELLED run_cancelled", "1/1/b/1 0s-1m0s SUCCESS exit_code"})
	})
}

// A request without an effect is answered, too: a later program would come to it under
// other circumstances.
func TestRequestWithoutEffectIsAnswered(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: 3 * time.Second, Outcome: ok}
		f.start()
		f.must(f.st.Request(f.Context(), f.lease.Run, store.Request{Kind: store.CancelJob, Job: "nobody"}))
		time.Sleep(2 * time.Second)
		if asked, err := f.st.Renew(f.Context(), f.lease, ttl); err != nil || asked != nil {
			t.Errorf("it has no answer: %v, %v", asked, err)
		}
		f.wait()
	})
}

// Look has a request seen at once.
func TestLook(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.ends["a"] = enginetest.End{After: time.Hour, Outcome: ok}
		f.start()
		time.Sleep(1200 * time.Millisecond)
		f.must(f.st.Request(f.Context(), f.lease.Run, store.Request{Kind: store.CancelRun, By: "bob"}))
		f.loop.Look()
		f.ended(f.wait(), run.Cancelled, run.RunCancelled)
		f.equal(f.processes(), []string{"1/1/a/1 0s-1.2s CANCELLED run_cancelled"})
		f.loop.Look() // after the end it does nothing
	})
}

// What was asked before the program came comes before anything starts.
func TestAskedBefore(t *testing.T) {
	bubble(t, []string{"a"}, func(f *fixture) {
		f.must(f.st.Request(f.Context(), f.lease.Run, store.Request{Kind: store.CancelRun, By: "ann"}))
		asked, err := f.st.Renew(f.Context(), f.lease, ttl)
		f.must(err)
		f.loop = engine.Start(f.Context(), engine.Config{
			Journal: f.journal, Runner: f.runner, Publisher: f.pub, Lease: f.lease, TTL: ttl, Asked: asked,
		}, plan.New(f.wf, plan.Options{Run: f.lease.Run}), 1)
		f.ended(f.wait(), run.Cancelled, run.RunCancelled)
		f.equal(f.processes(), nil)
		asked, err = f.st.Renew(f.Context(), f.lease, ttl)
		if err != nil || asked != nil {
			t.Errorf("it has no answer: %v, %v", asked, err)
		}
	})
}
