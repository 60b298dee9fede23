package runs_test

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

func TestReconcile(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.slow()
		dead, live, p := c.program(), c.program(), c.program()
		ended := live.submit(flow("a"), runs.Options{Skip: []run.JobID{"a"}})
		live.wait(ended)
		lost := dead.left(flow("a", "b: a", "c: b"), runs.Options{}, time.Second)
		going := live.submit(flow("a"), runs.Options{})
		time.Sleep(time.Second)
		before := c.run(going.Run)

		c.must(p.Reconcile(p.ctx))
		c.is(ended.Run, 1, run.Success, run.AllSucceeded)
		c.is(lost, 1, run.Failed, run.EngineLost)
		c.equal(c.story(lost, 1), []string{
			"b CANCELLED engine_lost", "c CANCELLED engine_lost", "a FAILED lost", "run FAILED engine_lost",
		})
		r := c.run(lost)
		if r.Owner != nil || r.Attempt.Detail != "the program that ran it is gone" || r.Attempt.Counts != (run.Counts{Total: 3, Failed: 1, Cancelled: 2}) {
			t.Errorf("got %+v", r)
		}
		if after := c.run(going.Run); after.Seq != before.Seq || after.Owner == nil {
			t.Errorf("a live run was changed to %+v", after)
		}

		seq := c.run(lost).Seq
		c.must(p.Reconcile(p.ctx)) // nothing is left to do
		if c.run(lost).Seq != seq {
			t.Error("it was ended twice")
		}
		going.Loop.Kill()
		c.must(p.Cancel(p.ctx, c.run(going.Run), store.CancelRun, nil, ""))
		live.wait(going)
	})
}

// A run belongs to its program from the moment in which it is there, and keeps doing so
// from the end of one attempt to the next: there is no window in which it looks lost.
func TestReconcileLeavesALiveRunAlone(t *testing.T) {
	bubble(t, func(c *cluster) {
		c.fails("a/1")
		p, rival := c.program(), c.program()
		p.wire.hook = func(_ string, do func() error) error {
			c.must(rival.Reconcile(rival.ctx))
			err := do()
			c.must(rival.Reconcile(rival.ctx))
			return err
		}
		id := p.wait(p.submit(flow("a", "b: a"), runs.Options{}))
		c.is(id, 1, run.Failed, run.JobFailed)
		p.wait(p.resume(id, runs.Resume{}))
		c.is(id, 2, run.Success, run.AllSucceeded)
	})
}

// Two programs find the same lost run: it is ended once.
func TestReconcileTwiceAtOnce(t *testing.T) {
	bubble(t, func(c *cluster) {
		id := c.program().left(flow("a"), runs.Options{}, 500*time.Millisecond)
		p, other := c.program(), c.program()
		p.wire.hook = func(what string, do func() error) error {
			if what == "acquire" {
				c.must(other.Reconcile(other.ctx))
			}
			return do()
		}
		c.must(p.Reconcile(p.ctx))
		c.equal(c.story(id, 1), []string{"a FAILED lost", "run FAILED engine_lost"})

		// The other is faster and not yet done.
		id = c.program().left(flow("a"), runs.Options{}, 500*time.Millisecond)
		p.wire.hook = nil
		_, err := c.st.Acquire(p.ctx, id, other.owner, time.Minute, p.Dead)
		c.must(err)
		c.must(p.Reconcile(p.ctx))
		c.is(id, 1, run.Running, run.Started)
	})
}

// A run that can't be read used to keep all later ones from being ended.
func TestReconcileGoesOnAfterABrokenRun(t *testing.T) {
	bubble(t, func(c *cluster) {
		gone, p := c.program(), c.program()
		broken, err := c.st.CreateRun(p.ctx, store.NewRun{Hash: "h", Workflow: []byte("{}")}, gone.owner, time.Hour)
		c.must(err)
		id := gone.left(flow("a"), runs.Options{}, 500*time.Millisecond)
		older, err := c.st.CreateRun(p.ctx, store.NewRun{Hash: "h"}, gone.owner, time.Hour)
		c.must(err)
		if err := p.Reconcile(p.ctx); fault.CodeOf(err) != fault.Internal {
			t.Errorf("got %v", err)
		}
		c.is(id, 1, run.Failed, run.EngineLost)
		c.is(broken.Run, 1, run.Pending, "")
		c.is(older.Run, 1, run.Pending, "")
		if c.run(broken.Run).Owner != nil {
			t.Error("the lease was kept")
		}
	})
}

func TestReconcileWithoutAStore(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		c.must(c.st.Close())
		if err := p.Reconcile(p.ctx); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("got %v", err)
		}
	})
}
