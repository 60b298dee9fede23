package runs_test

import (
	"context"
	"reflect"
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

// What a resume runs of a run whose job b failed: a succeeded, c and d were skipped.
func TestResumeChooses(t *testing.T) {
	tests := []struct {
		name string
		req  runs.Resume
		want []string
	}{
		{"the rest", runs.Resume{}, []string{
			"a SKIPPED already_succeeded", "b SUCCESS exit_code", "c SUCCESS exit_code", "d SUCCESS exit_code", "run SUCCESS all_succeeded",
		}},
		{"what failed only", runs.Resume{Options: runs.Options{FailedOnly: true}}, []string{
			"a SKIPPED already_succeeded", "c SKIPPED not_selected", "d SKIPPED not_selected", "b SUCCESS exit_code", "run FAILED jobs_left",
		}},
		{"from a job that succeeded", runs.Resume{Options: runs.Options{From: []run.JobID{"a"}}}, []string{
			"a SUCCESS exit_code", "b SUCCESS exit_code", "c SUCCESS exit_code", "d SUCCESS exit_code", "run SUCCESS all_succeeded",
		}},
		{"without the job that failed", runs.Resume{Options: runs.Options{Skip: []run.JobID{"b"}}}, []string{
			"a SKIPPED already_succeeded", "b SKIPPED skip_requested", "c SUCCESS exit_code", "d SUCCESS exit_code", "run SUCCESS all_succeeded",
		}},
		{"with the file as it is now", runs.Resume{Current: flow("a", "new: a", "b: new")}, []string{
			"a SKIPPED already_succeeded", "new SUCCESS exit_code", "b SUCCESS exit_code", "run SUCCESS all_succeeded",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(c *cluster) {
				c.fails("b/1")
				p := c.program()
				id := p.wait(p.submit(flow("a", "b: a", "c: b", "d: c"), runs.Options{}))
				c.is(id, 1, run.Failed, run.JobFailed)
				state, reason := run.Success, run.AllSucceeded
				if tt.req.Options.FailedOnly {
					state, reason = run.Failed, run.JobsLeft // c and d have not run yet
				}
				c.is(p.wait(p.resume(id, tt.req)), 2, state, reason)
				c.equal(c.story(id, 2), tt.want)
				if owner := c.run(id).Owner; owner != nil {
					t.Errorf("it still belongs to %+v", owner)
				}
			})
		})
	}
}

// The attempt after the one with the current file goes on with that file.
func TestResumeKeepsTheLatestWorkflow(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("b")
		p := c.program()
		id := p.wait(p.submit(flow("a", "b: a"), runs.Options{}))
		p.wait(p.resume(id, runs.Resume{Current: flow("a", "new", "b: new")}))
		p.wait(p.resume(id, runs.Resume{}))
		c.equal(c.story(id, 3), []string{
			"a SKIPPED already_succeeded", "new SKIPPED already_succeeded", "b FAILED exit_code", "run FAILED job_failed",
		})
		if total := c.run(id).Attempt.Counts.Total; total != 3 {
			t.Errorf("%d jobs", total)
		}
	})
}

func TestResumeCarriesOptionsOver(t *testing.T) {
	env := func(pairs ...string) (vars []workflow.Var) {
		for i := 0; i < len(pairs); i += 2 {
			vars = append(vars, workflow.Var{Name: pairs[i], Value: pairs[i+1]})
		}
		return vars
	}
	first := runs.Options{
		Workers: 3, Parallel: true, ContinueOnError: true, Env: env("A", "1", "B", "1"),
		Skip: []run.JobID{"a"}, From: []run.JobID{"b"}, FailedOnly: true,
	}
	tests := []struct {
		name      string
		ask, want runs.Options
	}{
		{
			"how it runs, but not which jobs",
			runs.Options{},
			runs.Options{Workers: 3, Parallel: true, ContinueOnError: true, Env: env("A", "1", "B", "1")},
		},
		{
			"what is given wins",
			runs.Options{Workers: 1, Sequential: true, Env: env("A", "2", "C", "2")},
			runs.Options{Workers: 1, Sequential: true, ContinueOnError: true, Env: env("B", "1", "A", "2", "C", "2")},
		},
		{
			"a variable is kept once",
			runs.Options{Env: env("B", "1", "B", "3", "A", "1")},
			runs.Options{Workers: 3, Parallel: true, ContinueOnError: true, Env: env("B", "3", "A", "1")},
		},
		{
			"jobs are chosen anew",
			runs.Options{Skip: []run.JobID{"b"}},
			runs.Options{Workers: 3, Parallel: true, ContinueOnError: true, Env: env("A", "1", "B", "1"), Skip: []run.JobID{"b"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(c *cluster) {
				c.fails("b")
				p := c.program()
				id := p.wait(p.submit(flow("a", "b"), first))
				e := p.resume(id, runs.Resume{Options: tt.ask})
				p.wait(e)
				if !reflect.DeepEqual(e.Options, tt.want) || !reflect.DeepEqual(p.attempts[1].Options, tt.want) {
					t.Errorf("got  %+v\nwant %+v", e.Options, tt.want)
				}
			})
		})
	}
}

func TestResumeRefusesUnknownJobs(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("b")
		p := c.program()
		id := p.wait(p.submit(flow("a", "b"), runs.Options{Skip: []run.JobID{"a"}}))
		_, err := p.Resume(p.ctx, c.run(id), runs.Resume{Options: runs.Options{From: []run.JobID{"bb"}}})
		c.refused(err, fault.NotFound, `there is no job "bb" in app`, `did you mean "b"?`)
		c.is(id, 1, run.Failed, run.JobFailed)
		if c.run(id).Owner != nil {
			t.Error("the lease was kept")
		}
		// The job that was skipped is gone from the file: that is not asked for any more.
		p.wait(p.resume(id, runs.Resume{Current: flow("b")}))
	})
}

func TestResumeIsRefusedWhileTheProgramLives(t *testing.T) {
	bubble(t, func(c *cluster) {
		p, other := c.program(), c.program()
		e := p.submit(flow("a"), runs.Options{})
		time.Sleep(time.Millisecond)
		_, err := other.Resume(other.ctx, c.run(e.Run), runs.Resume{})
		c.refused(err, fault.Locked, "run 1 is going on: held by process 1 on host",
			"watch it with: executioner logs -f 1, or stop it with: executioner cancel 1")
		p.wait(e)
		c.is(e.Run, 1, run.Success, run.AllSucceeded)
		c.equal(c.started(), []string{"1/1/a/1"})
	})
}

// A program that died left its attempt open and a process behind.
func TestResumeAfterACrash(t *testing.T) {
	for _, reconciled := range []bool{false, true} {
		bubble(t, func(c *cluster) {
			c.ends = func(t engine.Task) enginetest.End {
				if t.ID.Job == "long" && t.ID.Attempt == 1 {
					return enginetest.End{After: time.Minute, Outcome: succeeded}
				}
				return enginetest.End{After: time.Second, Outcome: succeeded}
			}
			id := c.program().left(flow("a", "long", "b: long"), runs.Options{}, 2*time.Second)
			p := c.program()
			if reconciled {
				c.must(p.Reconcile(p.ctx))
			}
			before := c.run(id).Attempt.State
			_, err := p.Resume(p.ctx, c.run(id), runs.Resume{})
			c.refused(err, fault.Conflict, "1 processes of run 1 are still running (pid 1), though the program that started them is gone",
				"wait for them, or stop them with: executioner cancel 1")
			if r := c.run(id); r.Attempt.State != before || r.Attempt.Number != 1 || reconciled && r.Owner != nil {
				t.Errorf("changed to %+v", r)
			}
			time.Sleep(time.Minute) // the process ends by itself
			p.wait(p.resume(id, runs.Resume{}))
			c.equal(c.story(id, 1), []string{"a SUCCESS exit_code", "b CANCELLED engine_lost", "long FAILED lost", "run FAILED engine_lost"})
			c.equal(c.story(id, 2), []string{"a SKIPPED already_succeeded", "long SUCCESS exit_code", "b SUCCESS exit_code", "run SUCCESS all_succeeded"})
			c.equal(c.started(), []string{"1/1/a/1", "1/1/long/1", "1/2/b/1", "1/2/long/1"})
		})
	}
}

// The owner dies after the run was looked up: its processes are found nevertheless.
func TestResumeLooksForSurvivorsOnceItOwnsTheRun(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.ends = func(engine.Task) enginetest.End { return enginetest.End{After: time.Hour, Outcome: succeeded} }
		first, p := c.program(), c.program()
		e := first.submit(flow("a"), runs.Options{})
		time.Sleep(time.Second)
		seen := c.run(e.Run)
		first.crash()
		_, _ = e.Wait(first.ctx)
		if _, err := p.Resume(p.ctx, seen, runs.Resume{}); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("got %v", err)
		}
		c.equal(c.started(), []string{"1/1/a/1"})
	})
}

// A cancel that came too late for its attempt used to end the next one.
func TestResumeDropsRequestsForTheAttemptBefore(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.ends = func(t engine.Task) enginetest.End { // the second attempt lasts for many renewals
			return enginetest.End{After: time.Duration(t.ID.Attempt*t.ID.Attempt) * 10 * time.Second, Outcome: succeeded}
		}
		first, p := c.program(), c.program()
		e := first.submit(flow("a"), runs.Options{})
		time.Sleep(1500 * time.Millisecond)
		c.must(p.Cancel(p.ctx, c.run(e.Run), store.CancelRun, nil, "ann"))
		time.Sleep(100 * time.Millisecond)
		first.crash() // before its next renewal
		_, _ = e.Wait(first.ctx)
		time.Sleep(time.Minute)
		p.wait(p.resume(e.Run, runs.Resume{}))
		c.is(e.Run, 2, run.Success, run.AllSucceeded)
	})
}

// Nothing of the run is changed when its history or workflow can't be used.
func TestResumeOfABrokenRun(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		l, err := c.st.CreateRun(p.ctx, store.NewRun{Hash: "h", Workflow: []byte("{}")}, p.owner, time.Second)
		c.must(err)
		_, err = c.st.Append(p.ctx, l, []run.Transition{
			{Attempt: 1, From: run.Pending, To: run.Queued}, {Attempt: 1, From: run.Queued, To: run.Cancelled},
		})
		c.must(err)
		time.Sleep(2 * time.Second)
		if _, err := p.Resume(p.ctx, c.run(l.Run), runs.Resume{}); fault.CodeOf(err) != fault.Internal {
			t.Errorf("got %v", err)
		}
		if r := c.run(l.Run); r.Attempt.Number != 1 || r.Owner != nil {
			t.Errorf("changed to %+v", r)
		}
		if _, err := p.Resume(p.ctx, store.Run{ID: 99}, runs.Resume{}); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("got %v", err)
		}
	})
}

// A history that contradicts itself adds no attempt, which nobody could end.
func TestResumeOfAHistoryThatCantBeReplayed(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		body, hash, err := workflow.Encode(flow("a"))
		c.must(err)
		l, err := c.st.CreateRun(p.ctx, store.NewRun{Hash: hash, Workflow: body}, p.owner, time.Hour)
		c.must(err)
		_, err = c.st.Append(p.ctx, l, []run.Transition{
			{Attempt: 1, Job: "a", From: run.Queued, To: run.Running, Try: 1}, {Attempt: 2 - 1, From: run.Running, To: run.Running},
		})
		c.must(err)
		c.must(c.st.Release(p.ctx, l))
		if _, err := p.Resume(p.ctx, c.run(l.Run), runs.Resume{}); fault.CodeOf(err) != fault.Internal {
			t.Errorf("got %v", err)
		}
		if r := c.run(l.Run); r.Attempt.Number != 1 || r.Owner != nil || r.Seq != 2 {
			t.Errorf("changed to %+v", r)
		}
	})
}

// Each change of a resume may fail; whatever it was, the lease is given back and the
// next resume goes on.
func TestResumeThatFailsHalfway(t *testing.T) {
	for _, fails := range []string{"acquire", "renew", "attempt", "append"} {
		t.Run(fails, func(t *testing.T) {
			bubble(t, func(c *cluster) {
				id := c.program().left(flow("a"), runs.Options{}, 500*time.Millisecond)
				time.Sleep(time.Second)
				p := c.program()
				ctx, cancel := context.WithCancel(p.ctx)
				p.wire.hook = func(what string, do func() error) error {
					if what == fails {
						cancel()
						return fault.New(fault.Unavailable, "the disk is full")
					}
					return do()
				}
				if _, err := p.Resume(ctx, c.run(id), runs.Resume{}); fault.CodeOf(err) != fault.Unavailable {
					t.Errorf("got %v", err)
				}
				if owner := c.run(id).Owner; owner != nil && *owner == p.owner {
					t.Error("the lease was kept")
				}
				p.wire.hook = nil
				p.wait(p.resume(id, runs.Resume{}))
				c.is(id, 2, run.Success, run.AllSucceeded)
			})
		})
	}
}

// TestResumeOfWhatIsDone: an attempt that would run nothing must not overwrite how the run ended.
func TestResumeOfWhatIsDone(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("b/1")
		p := c.program()
		done := p.wait(p.submit(flow("a"), runs.Options{}))
		_, err := p.Resume(p.ctx, c.run(done), runs.Resume{})
		c.refused(err, fault.Conflict, "run 1 has succeeded and nothing of it is left to run",
			"to run a job and all that depends on it again: executioner resume 1 --from JOB")
		failed := p.wait(p.submit(flow("b", "x: b"), runs.Options{}))
		p.wait(p.resume(failed, runs.Resume{Options: runs.Options{FailedOnly: true}}))
		c.is(failed, 2, run.Failed, run.JobsLeft)
		_, err = p.Resume(p.ctx, c.run(failed), runs.Resume{Options: runs.Options{FailedOnly: true}})
		c.refused(err, fault.Conflict, "no job of run 2 failed", "to run what has not run yet: executioner resume 2")
		c.is(p.wait(p.resume(failed, runs.Resume{})), 3, run.Success, run.AllSucceeded)
	})
}
