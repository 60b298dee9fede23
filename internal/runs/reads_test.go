package runs_test

import (
	"context"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

// unreadable is a store of which one read fails: the one after so many others.
type unreadable struct {
	store.Store
	left   *int
	failed *bool
}

func (u unreadable) read() error {
	*u.left--
	if *u.left != -1 {
		return nil
	}
	*u.failed = true
	return fault.New(fault.Unavailable, "the disk is broken")
}

func (u unreadable) Run(ctx context.Context, id run.ID) (store.Run, error) {
	if err := u.read(); err != nil {
		return store.Run{}, err
	}
	return u.Store.Run(ctx, id)
}

func (u unreadable) Transitions(ctx context.Context, id run.ID, after int64, limit int) ([]run.Transition, error) {
	if err := u.read(); err != nil {
		return nil, err
	}
	return u.Store.Transitions(ctx, id, after, limit)
}

func (u unreadable) Overrides(ctx context.Context, id run.ID) ([]run.Override, error) {
	if err := u.read(); err != nil {
		return nil, err
	}
	return u.Store.Overrides(ctx, id)
}

func (u unreadable) Workflow(ctx context.Context, hash string) ([]byte, error) {
	if err := u.read(); err != nil {
		return nil, err
	}
	return u.Store.Workflow(ctx, hash)
}

// Whichever read of a use case fails, its error is returned, the lease is given back,
// and the same use case works afterwards.
func TestReadsThatFail(t *testing.T) {
	tests := map[string]func(p *program, r store.Run) error{
		"resume": func(p *program, r store.Run) error {
			e, err := p.Resume(p.ctx, r, runs.Resume{})
			if err != nil {
				return err
			}
			_, err = e.Wait(p.ctx)
			return err
		},
		"reconcile": func(p *program, _ store.Run) error { return p.Reconcile(p.ctx) },
		"cancel":    func(p *program, r store.Run) error { return p.Cancel(p.ctx, r, store.CancelRun, nil, "ann") },
		"mark success": func(p *program, r store.Run) error {
			_, err := p.MarkSuccess(p.ctx, r, []run.JobID{"b"}, "ann", "")
			return err
		},
		"watch": func(p *program, r store.Run) (last error) {
			for _, err := range p.Watch(p.ctx, r.ID, 0) {
				last = err
			}
			return last
		},
	}
	for name, use := range tests {
		t.Run(name, func(t *testing.T) {
			failing := true
			reads := 0
			for ; failing; reads++ {
				bubble(t, func(c *cluster) {
					id := c.program().left(flow("a", "b: a"), runs.Options{}, 1500*time.Millisecond)
					time.Sleep(time.Second)
					p := c.program()
					left := reads
					failing = false
					p.wire.Store = unreadable{c.st, &left, &failing}
					err := use(p, c.run(id))
					if failing && fault.CodeOf(err) != fault.Unavailable {
						t.Errorf("read %d failed, and the use case says %v", reads+1, err)
					}
					if !failing && err != nil {
						t.Errorf("nothing failed: %v", err)
					}
					if owner := c.run(id).Owner; owner != nil && *owner == p.owner {
						t.Errorf("read %d failed, and the lease was kept", reads+1)
					}
					p.wire.Store = c.st
					if err := use(p, c.run(id)); err != nil && fault.CodeOf(err) != fault.Conflict {
						t.Errorf("once more: %v", err)
					}
				})
			}
			if reads < 4 {
				t.Errorf("only %d reads", reads)
			}
		})
	}
}

// A request that can't be recorded is not taken for made.
func TestRequestsThatFail(t *testing.T) {
	bubble(t, func(c *cluster) {
		p, other := c.program(), c.program()
		e := p.submit(flow("a"), runs.Options{})
		time.Sleep(time.Millisecond)
		other.wire.hook = func(string, func() error) error { return fault.New(fault.Unavailable, "the disk is full") }
		if err := other.Cancel(other.ctx, c.run(e.Run), store.CancelRun, nil, ""); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("got %v", err)
		}
		left, failed := 0, false
		other.wire.Store = unreadable{c.st, &left, &failed}
		if err := other.Cancel(other.ctx, c.run(e.Run), store.CancelJob, []run.JobID{"a"}, ""); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("got %v", err)
		}
		c.is(p.wait(e), 1, run.Success, run.AllSucceeded)
	})
}
