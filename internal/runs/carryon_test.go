package runs_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// long lets jobs take ten seconds, and a second to end when they are stopped.
func (c *cluster) long(outcome run.Outcome) {
	c.ends = func(engine.Task) enginetest.End {
		return enginetest.End{After: 10 * time.Second, Outcome: outcome, Grace: time.Second}
	}
}

const (
	interruptedText = "run 1 was interrupted: its program is gone, and jobs of it go on"
	interruptedHint = "carry it on with: executioner resume 1, or end it with: executioner cancel 1"
)

// The program that follows carries the same attempt on: what runs is not started again,
// what ended meanwhile is recorded as it ended, what never began begins.
func TestCarryOn(t *testing.T) {
	for name, after := range map[string]time.Duration{"while it runs": 3 * time.Second, "when it has ended": time.Minute} {
		t.Run(name, func(t *testing.T) {
			kept(t, func(c *cluster) {
				c.long(succeeded)
				id := c.program().left(flow("a", "b:a"), runs.Options{Workers: 3, Env: []workflow.Var{{Name: "X", Value: "1"}}}, time.Second)
				time.Sleep(after)
				p := c.program()
				e := p.resume(id, runs.Resume{})
				if e.Number != 1 || e.TakenUp == nil || e.TakenUp.Running != 1 || e.TakenUp.Seq == 0 || e.TakenUp.Seq > c.run(id).Seq { // the run may have gone on already
					t.Errorf("%+v", e.Attempt)
				}
				if e.Options.Workers != 3 || len(e.Options.Env) != 1 {
					t.Errorf("its options are %+v", e.Options)
				}
				if e.Epoch < 2 {
					t.Errorf("its fencing number is %d", e.Epoch)
				}
				p.wait(e)
				c.is(id, 1, run.Success, run.AllSucceeded)
				c.equal(c.started(), []string{"1/1/a/1", "1/1/b/1"})
				c.equal(c.story(id, 1), []string{"a SUCCESS exit_code", "b SUCCESS exit_code", "run SUCCESS all_succeeded"})
			})
		})
	}
}

// A task that was recorded as running and never began is started by the next program.
func TestCarryOnStartsWhatNeverBegan(t *testing.T) {
	kept(t, func(c *cluster) {
		p := c.program()
		p.wrap = func(r runs.Runner) runs.Runner { return &fused{Runner: r, before: p.crash, after: func() {}} }
		e := p.submit(flow("a"), runs.Options{})
		_, _ = e.Wait(p.ctx)
		c.equal(c.started(), nil)
		next := c.program()
		next.wait(next.resume(e.Run, runs.Resume{}))
		c.is(e.Run, 1, run.Success, run.AllSucceeded)
		c.equal(c.started(), []string{"1/1/a/1"})
	})
}

// A job that failed while nobody looked is repeated in the same attempt.
func TestCarryOnRetries(t *testing.T) {
	kept(t, func(c *cluster) {
		c.ends = func(t engine.Task) enginetest.End {
			if t.ID.Try == 1 {
				return enginetest.End{After: 5 * time.Second, Outcome: failed}
			}
			return enginetest.End{After: time.Second, Outcome: succeeded}
		}
		wf := flow("a")
		wf.Jobs[0].Retry = &workflow.Retry{Max: 1, MaxTime: time.Hour, OnStatus: []string{"FAILED"}}
		id := c.program().left(wf, runs.Options{}, time.Second)
		time.Sleep(time.Minute)
		p := c.program()
		p.wait(p.resume(id, runs.Resume{}))
		c.is(id, 1, run.Success, run.AllSucceeded)
		c.equal(c.started(), []string{"1/1/a/1", "1/1/a/2"})
	})
}

// What an attempt that goes on can't be given is refused, and nothing happens.
func TestCarryOnWithChangesIsAConflict(t *testing.T) {
	for name, req := range map[string]runs.Resume{
		"workflow":    {Current: flow("a")},
		"failed only": {Options: runs.Options{FailedOnly: true}},
		"from":        {Options: runs.Options{From: []run.JobID{"a"}}},
		"skip":        {Options: runs.Options{Skip: []run.JobID{"a"}}},
		"env":         {Options: runs.Options{Env: []workflow.Var{{Name: "X"}}}},
		"workers":     {Options: runs.Options{Workers: 1}},
		"parallel":    {Options: runs.Options{Parallel: true}},
		"sequential":  {Options: runs.Options{Sequential: true}},
		"continue":    {Options: runs.Options{ContinueOnError: true}},
	} {
		t.Run(name, func(t *testing.T) {
			kept(t, func(c *cluster) {
				c.long(succeeded)
				id := c.program().left(flow("a"), runs.Options{}, time.Second)
				p := c.program()
				before := c.run(id).Seq
				_, err := p.Resume(p.ctx, c.run(id), req)
				c.refused(err, fault.Conflict, interruptedText, interruptedHint)
				if r := c.run(id); r.Seq != before || r.Owner != nil {
					t.Errorf("it was changed: %+v", r)
				}
				p.wait(p.resume(id, runs.Resume{})) // as it is, it goes on
				c.is(id, 1, run.Success, run.AllSucceeded)
			})
		})
	}
}

// With changes a run that is lost gets a new attempt.
func TestResumeOfALostRunWithChanges(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		p := c.program()
		p.both = true
		id := p.left(flow("a"), runs.Options{}, time.Second)
		time.Sleep(time.Minute)
		next := c.program()
		next.wait(next.resume(id, runs.Resume{Options: runs.Options{Workers: 1}}))
		c.equal(c.story(id, 1), []string{"a FAILED lost", "run FAILED engine_lost"})
		c.is(id, 2, run.Success, run.AllSucceeded)
	})
}

// When the keeper died as well and everything ended unobserved, the attempt is closed
// and a new one begins.
func TestAllLost(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		p := c.program()
		p.both = true
		id := p.left(flow("a", "b", "c:a"), runs.Options{}, time.Second)
		time.Sleep(time.Minute)
		next := c.program()
		if left, err := next.Interrupted(next.ctx, c.run(id)); left || err != nil {
			t.Error(left, err)
		}
		e := next.resume(id, runs.Resume{})
		if e.Number != 2 || e.TakenUp != nil {
			t.Errorf("%+v", e.Attempt)
		}
		next.wait(e)
		c.is(id, 2, run.Success, run.AllSucceeded)
		c.equal(c.started(), []string{"1/1/a/1", "1/1/b/1", "1/2/a/1", "1/2/b/1", "1/2/c/1"})
	})
}

// When the journal is lost between the look and the taking up, the same happens.
func TestAllLostAtTheLastMoment(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		id := c.program().left(flow("a"), runs.Options{}, time.Second)
		time.Sleep(time.Minute)
		p := c.program()
		p.wrap = func(r runs.Runner) runs.Runner {
			if p.attempt() == 1 {
				return forgetful{r}
			}
			return r
		}
		p.wait(p.resume(id, runs.Resume{}))
		c.equal(c.story(id, 1), []string{"a FAILED lost", "run FAILED engine_lost"})
		c.is(id, 2, run.Success, run.AllSucceeded)
	})
}

// forgetful is a runner that knows nothing of earlier programs.
type forgetful struct{ runs.Runner }

func (forgetful) Lost(run.TaskID) bool { return true }

// attempt is the number of the attempt for which a runner was made last.
func (p *program) attempt() int { return p.attempts[len(p.attempts)-1].Number }

// One of two tasks is lost: the attempt goes on with the other.
func TestSomeLost(t *testing.T) {
	kept(t, func(c *cluster) {
		c.ends = func(t engine.Task) enginetest.End {
			if t.ID.Job == "a" {
				return enginetest.End{After: 2 * time.Second, Outcome: succeeded}
			}
			return enginetest.End{After: time.Minute, Outcome: succeeded}
		}
		p := c.program()
		p.both = true
		id := p.left(flow("a", "b"), runs.Options{}, time.Second)
		time.Sleep(10 * time.Second) // a ends unobserved
		next := c.program()
		e := next.resume(id, runs.Resume{})
		if e.Number != 1 {
			t.Errorf("%+v", e.Attempt)
		}
		next.wait(e)
		c.is(id, 1, run.Failed, run.JobFailed)
		c.equal(c.story(id, 1), []string{"a FAILED lost", "b SUCCESS exit_code", "run FAILED job_failed"})
	})
}

// Other programs leave an interrupted run alone, and it is not ended.
func TestInterruptedRunIsLeftAlone(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		id := c.program().left(flow("a", "b:a"), runs.Options{}, time.Second)
		before := c.run(id).Seq
		p := c.program()
		c.must(p.Reconcile(p.ctx))
		ended, err := p.Ended(p.ctx, id)
		if ended || err != nil {
			t.Error(ended, err)
		}
		if left, err := p.Interrupted(p.ctx, c.run(id)); !left || err != nil {
			t.Error(left, err)
		}
		if r := c.run(id); r.Seq != before {
			t.Errorf("it was changed: %+v", r)
		}
		p.wait(p.resume(id, runs.Resume{}))
		if left, err := p.Interrupted(p.ctx, c.run(id)); left || err != nil {
			t.Error(left, err)
		}
	})
}

// A run that goes on is not interrupted.
func TestOwnedRunIsNotInterrupted(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		p, other := c.program(), c.program()
		e := p.submit(flow("a"), runs.Options{})
		time.Sleep(time.Second)
		if left, err := other.Interrupted(other.ctx, c.run(e.Run)); left || err != nil {
			t.Error(left, err)
		}
		p.wait(e)
	})
}

func TestMarkSuccessOfAnInterruptedRunIsAConflict(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		id := c.program().left(flow("a"), runs.Options{}, time.Second)
		p := c.program()
		_, err := p.MarkSuccess(p.ctx, c.run(id), []run.JobID{"a"}, "ann", "")
		c.refused(err, fault.Conflict, interruptedText, interruptedHint)
		p.wait(p.resume(id, runs.Resume{})) // the lease was given back
		c.is(id, 1, run.Success, run.AllSucceeded)
	})
}

func TestPreviewOfAnInterruptedRunIsAConflict(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		id := c.program().left(flow("a"), runs.Options{}, time.Second)
		p := c.program()
		_, err := p.PreviewResume(p.ctx, c.run(id), runs.Resume{})
		c.refused(err, fault.Conflict, interruptedText, interruptedHint)
		p.wait(p.resume(id, runs.Resume{}))
	})
}

// To cancel an interrupted run stops what runs, or lets it end and starts nothing more.
func TestCancelOfAnInterruptedRun(t *testing.T) {
	for kind, want := range map[store.RequestKind][]string{
		store.CancelRun: {"b CANCELLED run_cancelled", "a CANCELLED run_cancelled", "run CANCELLED run_cancelled"},
		store.DrainRun:  {"b CANCELLED engine_stopping", "a SUCCESS exit_code", "run CANCELLED engine_stopping"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			kept(t, func(c *cluster) {
				c.long(succeeded)
				id := c.program().left(flow("a", "b:a"), runs.Options{}, time.Second)
				p := c.program()
				c.must(p.Cancel(p.ctx, c.run(id), kind, nil, "ann"))
				c.equal(c.story(id, 1), want)
				c.equal(c.started(), []string{"1/1/a/1"})
				if r := c.run(id); r.Owner != nil {
					t.Errorf("it is still owned: %+v", r)
				}
				c.refused(p.Cancel(p.ctx, c.run(id), kind, nil, "ann"), fault.Conflict,
					fmt.Sprintf("run 1 has already ended: %s", run.Cancelled), "see it with: executioner runs show 1")
			})
		})
	}
}

func TestCancelJobOfAnInterruptedRunIsAConflict(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		id := c.program().left(flow("a"), runs.Options{}, time.Second)
		p := c.program()
		err := p.Cancel(p.ctx, c.run(id), store.CancelJob, []run.JobID{"a"}, "ann")
		c.refused(err, fault.Conflict, interruptedText, interruptedHint)
		p.wait(p.resume(id, runs.Resume{}))
		c.is(id, 1, run.Success, run.AllSucceeded)
	})
}

// Everything was lost when it comes to cancelling: the run is ended as before.
func TestCancelWhenTheKeeperDiedToo(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		p := c.program()
		p.both = true
		id := p.left(flow("a"), runs.Options{}, time.Second)
		time.Sleep(time.Minute)
		next := c.program()
		c.must(next.Cancel(next.ctx, c.run(id), store.CancelRun, nil, "ann"))
		c.equal(c.story(id, 1), []string{"a FAILED lost", "run FAILED engine_lost"})
	})
}

// A keeper that can't be reached leaves the run as it is, and free.
func TestCarryOnWithoutARunner(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		id := c.program().left(flow("a"), runs.Options{}, time.Second)
		p := c.program()
		p.refuse = fault.New(fault.Unavailable, "the keeper does not answer")
		_, err := p.Resume(p.ctx, c.run(id), runs.Resume{})
		if !errors.Is(err, p.refuse) {
			t.Error(err)
		}
		if err = p.Cancel(p.ctx, c.run(id), store.CancelRun, nil, "ann"); !errors.Is(err, p.refuse) {
			t.Error(err)
		}
		p.refuse = nil
		p.wait(p.resume(id, runs.Resume{}))
		c.is(id, 1, run.Success, run.AllSucceeded)
	})
}

// Resumable prefers a run that was interrupted to an older one that failed, and not to
// a newer.
func TestResumablePrefersTheInterruptedRun(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(failed)
		find := func(p *program, want run.ID) {
			t.Helper()
			r, err := p.Resumable(p.ctx, "app")
			if err != nil || r.ID != want {
				t.Errorf("%d, %v; want %d", r.ID, err, want)
			}
		}
		p := c.program()
		p.wait(p.submit(flow("a"), runs.Options{}))
		find(p, 1)
		c.program().left(flow("a"), runs.Options{}, time.Second)
		find(p, 2)
		p.wait(p.submit(flow("a"), runs.Options{}))
		find(p, 3)
	})
}

func TestResumableIsAnInterruptedRun(t *testing.T) {
	kept(t, func(c *cluster) {
		c.long(succeeded)
		id := c.program().left(flow("a"), runs.Options{}, time.Second)
		p := c.program()
		for _, application := range []string{"", "app"} {
			if r, err := p.Resumable(p.ctx, application); err != nil || r.ID != id {
				t.Errorf("%q: %+v, %v", application, r, err)
			}
		}
		_, err := p.Resumable(p.ctx, "other")
		if fault.CodeOf(err) != fault.NotFound {
			t.Error(err)
		}
		p.wait(p.resume(id, runs.Resume{}))
	})
}
