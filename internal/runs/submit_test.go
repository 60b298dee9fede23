package runs_test

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestSubmit(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		wf := flow("a", "b: a")
		wf.File = "flows/nightly.json"
		opt := runs.Options{Workers: 2, Env: []workflow.Var{{Name: "DAY", Value: "1"}}, Skip: []run.JobID{"a"}}
		e := p.submit(wf, opt)
		if owner := c.run(e.Run).Owner; owner == nil || *owner != p.owner {
			t.Errorf("it belongs to %+v", owner)
		}
		id := p.wait(e)
		c.is(id, 1, run.Success, run.AllSucceeded)
		c.equal(c.story(id, 1), []string{"a SKIPPED skip_requested", "b SUCCESS exit_code", "run SUCCESS all_succeeded"})

		r := c.run(id)
		file, err := filepath.Abs(wf.File)
		c.must(err)
		if r.Application != "app" || r.File != file || r.WorkingDir != "/work" || r.Owner != nil || r.Attempt.Counts.Total != 2 {
			t.Errorf("recorded is %+v", r)
		}
		stored, err := p.Workflow(p.ctx, r.Attempt.Hash)
		c.must(err)
		if stored.File = wf.File; !reflect.DeepEqual(stored, wf) {
			t.Errorf("stored is %+v", stored)
		}
		want := runs.Attempt{Run: id, Number: 1, Epoch: 1, Workflow: wf, Options: opt, Submitted: c.run(id).SubmittedAt}
		if !reflect.DeepEqual(p.attempts, []runs.Attempt{want}) {
			t.Errorf("the runner was made for %+v", p.attempts)
		}
		if string(r.Attempt.Options) != `{"workers":2,"skip":["a"],"env":[{"Name":"DAY","Value":"1"}]}` {
			t.Errorf("options are stored as %s", r.Attempt.Options)
		}
	})
}

func TestSubmitRefusesUnknownJobs(t *testing.T) {
	tests := []struct {
		name    string
		opt     runs.Options
		message string
		hint    string
	}{
		{"to skip", runs.Options{Skip: []run.JobID{"load", "laod_customers"}}, `there is no job "laod_customers" in app`, `did you mean "load_customers"?`},
		{"to begin with", runs.Options{From: []run.JobID{"loadd"}}, `there is no job "loadd" in app`, `did you mean "load"?`},
		{"like none", runs.Options{Skip: []run.JobID{"zzz"}}, `there is no job "zzz" in app`, `its jobs are listed by: executioner plan FILE, and those of a run by: executioner runs show RUN`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(c *cluster) {
				p := c.program()
				_, err := p.Submit(p.ctx, flow("load", "load_customers"), tt.opt)
				c.refused(err, fault.NotFound, tt.message, tt.hint)
				if found, err := c.st.Runs(p.ctx, store.Filter{}); err != nil || len(found) != 0 {
					t.Errorf("%d runs, %v", len(found), err)
				}
			})
		})
	}
}

func TestSubmitRefusesWhatCantBeStored(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		wf := flow("a")
		wf.Jobs[0].Command = "\xff"
		if _, err := p.Submit(p.ctx, wf, runs.Options{}); fault.CodeOf(err) != fault.InvalidWorkflow {
			t.Errorf("got %v", err)
		}
		c.must(c.st.Close())
		if _, err := p.Submit(p.ctx, flow("a"), runs.Options{}); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("got %v", err)
		}
	})
}

// A run without a runner must not stay PENDING: it would look alive.
func TestARunnerThatCantBeMade(t *testing.T) {
	refusal := fault.New(fault.Unavailable, "no room for logs")
	want := []string{"a CANCELLED engine_stopping", "b CANCELLED engine_stopping", "run CANCELLED engine_stopping"}
	check := func(c *cluster, id run.ID, attempt int, err error) {
		c.Helper()
		if !errors.Is(err, refusal) || fault.CodeOf(err) != fault.Unavailable {
			c.Errorf("got %v", err)
		}
		c.is(id, attempt, run.Cancelled, run.EngineStopping)
		r := c.run(id)
		if r.Owner != nil || r.Attempt.Detail != "no room for logs" {
			c.Errorf("it belongs to %+v and says %q", r.Owner, r.Attempt.Detail)
		}
		c.equal(c.story(id, attempt), want)
	}
	bubble(t, func(c *cluster) {
		p := c.program()
		p.refuse = refusal
		_, err := p.Submit(p.ctx, flow("a", "b: a"), runs.Options{})
		check(c, 1, 1, err)
		_, err = p.Resume(p.ctx, c.run(1), runs.Resume{})
		check(c, 1, 2, err)

		ctx, cancel := context.WithCancel(p.ctx) // whoever asked does not wait any more
		p.wire.hook = func(what string, do func() error) error {
			defer cancel()
			return do()
		}
		_, err = p.Submit(ctx, flow("a", "b: a"), runs.Options{})
		check(c, 2, 1, err)

		p.refuse, p.wire.hook = nil, nil
		c.is(p.wait(p.resume(1, runs.Resume{})), 3, run.Success, run.AllSucceeded)
	})
}

// What a run that was given up leaves can be taken up again at once.
func TestARunThatWasGivenUp(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		ctx, cancel := context.WithCancel(p.ctx)
		e, err := p.Submit(ctx, flow("a"), runs.Options{})
		c.must(err)
		time.Sleep(time.Millisecond)
		cancel()
		sum, err := e.Wait(ctx)
		if fault.CodeOf(err) != fault.Cancelled || sum != (run.Summary{}) {
			t.Errorf("got %+v, %v", sum, err)
		}
		if owner := c.run(e.Run).Owner; owner != nil {
			t.Errorf("it still belongs to %+v", owner)
		}
		if pids := c.world.Alive([]run.TaskID{{Run: 1, Attempt: 1, Job: "a", Try: 1}}); pids != nil {
			t.Errorf("still running: %v", pids)
		}
		c.must(p.Reconcile(p.ctx))
		c.is(e.Run, 1, run.Failed, run.EngineLost)
	})
}

// Close's error is the attempt's when there is no other.
type leaky struct {
	runs.Runner
	err error
}

func (l leaky) Close(done bool) error { return errors.Join(l.Runner.Close(done), l.err) }

func TestARunnerThatCantBeClosed(t *testing.T) {
	bubble(t, func(c *cluster) {
		p, busy := c.program(), errors.New("busy")
		p.wrap = func(r runs.Runner) runs.Runner { return leaky{r, busy} }
		sum, err := p.submit(flow("a"), runs.Options{}).Wait(p.ctx)
		if !errors.Is(err, busy) || sum.State != run.Success {
			t.Errorf("got %+v, %v", sum, err)
		}
	})
}
