package runs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

// slow lets every job take an hour, and a second to stop.
func (c *cluster) slow() {
	c.ends = func(engine.Task) enginetest.End {
		return enginetest.End{After: time.Hour, Grace: time.Second, Outcome: succeeded}
	}
}

// Another program asks the one that owns the run, which hears of it within a second.
func TestCancelOfARunThatGoesOn(t *testing.T) {
	tests := []struct {
		name string
		kind store.RequestKind
		jobs []run.JobID
		want []string
	}{
		{"the run", store.CancelRun, nil, []string{"c CANCELLED run_cancelled", "a CANCELLED run_cancelled", "b CANCELLED run_cancelled", "run CANCELLED run_cancelled"}},
		{"its queue", store.DrainRun, nil, []string{"c CANCELLED engine_stopping", "a SUCCESS exit_code", "b SUCCESS exit_code", "run CANCELLED engine_stopping"}},
		{"jobs", store.CancelJob, []run.JobID{"a", "b"}, []string{"a CANCELLED job_cancelled", "b CANCELLED job_cancelled", "c SKIPPED dependency_failed", "run FAILED job_failed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(c *cluster) {
				c.slow()
				p, other := c.program(), c.program()
				wf := flow("a", "b", "c: a b")
				wf.ContinueOnError = true
				e := p.submit(wf, runs.Options{})
				time.Sleep(500 * time.Millisecond)
				c.must(other.Cancel(other.ctx, c.run(e.Run), tt.kind, tt.jobs, "ann"))
				id := p.wait(e)
				c.equal(sorted(c.story(id, 1)), sorted(tt.want))
				ts, err := c.st.Transitions(p.ctx, id, 0, 0)
				c.must(err)
				marks := 0
				for _, tr := range ts {
					if tr.Mark() && tr.Detail == "asked by ann" && tr.At.Sub(ts[0].At) == time.Second {
						marks++
					}
				}
				if want := max(1, len(tt.jobs)); marks != want {
					t.Errorf("%d marks after a second, want %d", marks, want)
				}
			})
		})
	}
}

func TestCancelOfAnUnknownJob(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		e := p.submit(flow("load", "b"), runs.Options{})
		time.Sleep(time.Millisecond)
		err := p.Cancel(p.ctx, c.run(e.Run), store.CancelJob, []run.JobID{"b", "laod"}, "ann")
		c.refused(err, fault.NotFound, `there is no job "laod" in app`, `did you mean "load"?`)
		c.is(p.wait(e), 1, run.Success, run.AllSucceeded) // nor was the other one cancelled
	})
}

// The program is gone: its processes are ended, and so is the run.
func TestCancelOfALostRun(t *testing.T) {
	for _, reconciled := range []bool{false, true} {
		bubble(t, func(c *cluster) {
			c.slow()
			id := c.program().left(flow("a", "b"), runs.Options{}, time.Minute)
			p := c.program()
			if reconciled {
				c.must(p.Reconcile(p.ctx))
			}
			c.must(p.Cancel(p.ctx, c.run(id), store.CancelRun, nil, "ann"))
			c.is(id, 1, run.Failed, run.EngineLost)
			c.equal(c.story(id, 1), []string{"a FAILED lost", "b FAILED lost", "run FAILED engine_lost"})
			for _, process := range c.world.Ledger() {
				if process.Ended.IsZero() {
					t.Errorf("%s still runs", process.ID)
				}
			}
			err := p.Cancel(p.ctx, c.run(id), store.CancelRun, nil, "ann")
			c.refused(err, fault.Conflict, "run 1 has already ended: FAILED", "see it with: executioner runs show 1")
		})
	}
}

// stubborn is a host whose processes can't be found, or not be ended.
type stubborn struct {
	*program
	find, kill error
	left       []int
}

func (s stubborn) Survivors(tasks []run.TaskID) ([]int, error) {
	if s.find != nil {
		return nil, s.find
	}
	return s.program.Survivors(tasks)
}

func (s stubborn) KillSurvivors(context.Context, []run.TaskID) ([]int, error) { return s.left, s.kill }

// on returns the program's service with another host.
func (p *program) on(h runs.Host) *runs.Service {
	return runs.New(runs.Config{Store: p.wire, Host: h, Hub: p.hub, NewRunner: p.newRunner, Trouble: p.tell})
}

func TestCancelThatEndsNothing(t *testing.T) {
	broken := errors.New("no /proc")
	tests := []struct {
		name    string
		host    stubborn
		message string
	}{
		{"they do not die", stubborn{left: []int{11, 12, 13, 14, 15}}, "5 processes of run 1 could not be ended (pid 11, 12, 13, …)"},
		{"they can't be found", stubborn{find: broken}, "no /proc"},
		{"they can't be killed", stubborn{kill: broken}, "no /proc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(c *cluster) {
				c.slow()
				id := c.program().left(flow("a"), runs.Options{}, time.Minute)
				tt.host.program = c.program()
				s := tt.host.on(tt.host)
				if err := s.Cancel(tt.host.ctx, c.run(id), store.CancelRun, nil, ""); err == nil || err.Error() != tt.message {
					t.Errorf("got %v", err)
				}
				c.is(id, 1, run.Running, run.Started)
			})
		})
	}
}

// A host that can't tell must not prevent every resume.
func TestResumeOnAHostThatCantTell(t *testing.T) {
	bubble(t, func(c *cluster) {
		id := c.program().left(flow("a"), runs.Options{}, 500*time.Millisecond)
		time.Sleep(time.Second)
		p := c.program()
		e, err := p.on(stubborn{program: p, find: errors.New("no /proc")}).Resume(p.ctx, c.run(id), runs.Resume{})
		c.must(err)
		p.wait(e)
		c.is(id, 2, run.Success, run.AllSucceeded)
	})
}

// What a job leaves running on purpose is nobody's leftover.
func TestOnlyLostTasksHaveSurvivors(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("b")
		p := c.program()
		id := p.wait(p.submit(flow("a", "b"), runs.Options{}))
		s := p.on(stubborn{program: p, find: errors.New("asked for the processes of tasks that have ended")})
		err := s.Cancel(p.ctx, c.run(id), store.CancelRun, nil, "")
		c.refused(err, fault.Conflict, "run 1 has already ended: FAILED", "see it with: executioner runs show 1")
	})
}

func TestMarkSuccess(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("b")
		p := c.program()
		id := p.wait(p.submit(flow("a", "b: a", "c: b", "d: b"), runs.Options{}))
		c.is(id, 1, run.Failed, run.JobFailed)
		made, err := p.MarkSuccess(p.ctx, c.run(id), []run.JobID{"a", "b", "d", "b"}, "ann", "checked by hand")
		c.must(err)
		now := time.Now().UTC()
		want := []run.Override{
			{Attempt: 1, Job: "b", By: "ann", At: now, Note: "checked by hand"},
			{Attempt: 1, Job: "d", By: "ann", At: now, Note: "checked by hand"},
		}
		if stored, err := c.st.Overrides(p.ctx, id); err != nil || !equalOverrides(made, want) || !equalOverrides(stored, want) {
			t.Errorf("made   %+v\nstored %+v, %v\nwant   %+v", made, stored, err, want)
		}
		if r := c.run(id); r.Owner != nil || r.Attempt.Number != 1 || r.Attempt.State != run.Failed {
			t.Errorf("changed to %+v", r)
		}
		made, err = p.MarkSuccess(p.ctx, c.run(id), []run.JobID{"b", "a"}, "ann", "")
		if made != nil || err != nil {
			t.Errorf("marked again: %+v, %v", made, err)
		}
		p.wait(p.resume(id, runs.Resume{}))
		c.equal(c.story(id, 2), []string{
			"a SKIPPED already_succeeded", "b SKIPPED already_succeeded", "d SKIPPED already_succeeded", "c SUCCESS exit_code", "run SUCCESS all_succeeded",
		})
	})
}

func equalOverrides(a, b []run.Override) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].At.Equal(b[i].At) {
			return false
		}
		a[i].At = b[i].At
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestMarkSuccessIsRefused(t *testing.T) {
	bubble(t, func(c *cluster) {
		p, other := c.program(), c.program()
		e := p.submit(flow("a", "load"), runs.Options{})
		time.Sleep(time.Millisecond)
		_, err := other.MarkSuccess(other.ctx, c.run(e.Run), []run.JobID{"a"}, "ann", "")
		c.refused(err, fault.Locked, "run 1 is going on: held by process 1 on host",
			"watch it with: executioner logs -f 1, or stop it with: executioner cancel 1")
		id := p.wait(e)
		_, err = other.MarkSuccess(other.ctx, c.run(id), []run.JobID{"a", "laod"}, "ann", "")
		c.refused(err, fault.NotFound, `there is no job "laod" in app`, `did you mean "load"?`)
		if made, err := c.st.Overrides(p.ctx, id); err != nil || made != nil {
			t.Errorf("made %+v, %v", made, err)
		}
	})
}

// A run is marked by what it is now, not by what the caller saw of it: a resume that
// began since would not know of the mark.
func TestMarkSuccessOwnsTheRun(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("a/1")
		p, other := c.program(), c.program()
		id := p.wait(p.submit(flow("a"), runs.Options{}))
		seen := c.run(id)
		e := p.resume(id, runs.Resume{})
		if _, err := other.MarkSuccess(other.ctx, seen, []run.JobID{"a"}, "ann", ""); fault.CodeOf(err) != fault.Locked {
			t.Errorf("got %v", err)
		}
		p.wait(e)
	})
}

// The program of the run is gone: the run is ended first.
func TestMarkSuccessOfALostRun(t *testing.T) {
	bubble(t, func(c *cluster) {
		id := c.program().left(flow("a", "b: a"), runs.Options{}, 1500*time.Millisecond)
		time.Sleep(time.Second)
		p := c.program()
		made, err := p.MarkSuccess(p.ctx, c.run(id), []run.JobID{"a", "b"}, "ann", "")
		c.must(err)
		if len(made) != 1 || made[0].Job != "b" {
			t.Errorf("made %+v", made)
		}
		c.is(id, 1, run.Failed, run.EngineLost)
		p.wait(p.resume(id, runs.Resume{}))
		c.equal(c.started(), []string{"1/1/a/1", "1/1/b/1"})
	})
}
