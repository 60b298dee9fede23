package runs_test

import (
	"context"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// of names a workflow's application.
func of(application string, wf *workflow.Workflow) *workflow.Workflow {
	wf.Application = application
	return wf
}

// three records run 1 of app day (succeeded), run 2 of app night (failed) and run 3 of
// app day (succeeded).
func (c *cluster) three(p *program) {
	c.Helper()
	c.fails("bad")
	p.wait(p.submit(of("day", flow("a", "b: a")), runs.Options{}))
	p.wait(p.submit(of("night", flow("bad")), runs.Options{}))
	p.wait(p.submit(of("day", flow("a")), runs.Options{}))
}

func TestFind(t *testing.T) {
	tests := []struct {
		ref, application string
		want             run.ID // 0: refused
		code             fault.Code
		message, hint    string
	}{
		{ref: "@latest", want: 3},
		{ref: "@latest", application: "night", want: 2},
		{ref: "@failed", want: 2},
		{ref: "@failed", application: "night", want: 2},
		{ref: "1", want: 1},
		{ref: "007", code: fault.NotFound, message: "there is no run 7", hint: "the newest is run 3 of day"},
		{
			ref: "@failed", application: "day", code: fault.NotFound,
			message: "no recorded run failed for day", hint: "executioner runs list shows what there is",
		},
		{
			ref: "@latest", application: "dusk", code: fault.NotFound,
			message: "no run has been recorded yet for dusk", hint: "executioner runs list shows what there is",
		},
	}
	for _, ref := range []string{"", "0", "-1", "nightly", "@first", "1.5", "99999999999999999999"} {
		tests = append(tests, struct {
			ref, application string
			want             run.ID
			code             fault.Code
			message, hint    string
		}{
			ref: ref, code: fault.Usage, message: `"` + ref + `" is not a run`,
			hint: "give a run's number, @latest or @failed; executioner runs list shows them",
		})
	}
	bubble(t, func(c *cluster) {
		p := c.program()
		c.three(p)
		for _, tt := range tests {
			r, err := p.Find(p.ctx, tt.ref, tt.application)
			if tt.code != "" {
				c.refused(err, tt.code, tt.message, tt.hint)
			} else if err != nil || r.ID != tt.want {
				t.Errorf("%s of %q: run %d, %v; want %d", tt.ref, tt.application, r.ID, err, tt.want)
			}
		}
	})
}

func TestFindInAnEmptyStore(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		_, err := p.Find(p.ctx, "12", "")
		c.refused(err, fault.NotFound, "there is no run 12", "no run has been recorded in this database yet")
		_, err = p.Find(p.ctx, "@latest", "")
		c.refused(err, fault.NotFound, "no run has been recorded yet", "executioner runs list shows what there is")
		_, err = p.Resumable(p.ctx, "")
		c.refused(err, fault.NotFound, "there is no run to resume: none ended without success", "executioner runs list shows what there is")
		c.must(c.st.Close())
		for _, ref := range []string{"12", "@latest"} {
			if _, err := p.Find(p.ctx, ref, ""); fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("%s: %v", ref, err)
			}
		}
	})
}

// holes is a store that has lost a run in the middle, as a database may that was pruned.
type holes struct {
	store.Store
	missing run.ID
}

func (h holes) Run(ctx context.Context, id run.ID) (store.Run, error) {
	if id == h.missing {
		return store.Run{}, store.ErrNoRun(id)
	}
	return h.Store.Run(ctx, id)
}

func TestFindNamesTheNearestRun(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		c.three(p)
		p.wire.Store = holes{c.st, 2}
		_, err := p.Find(p.ctx, "2", "")
		c.refused(err, fault.NotFound, "there is no run 2", "the nearest is run 1 of day, the newest run 3")
	})
}

func TestResumable(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		c.three(p)
		for _, application := range []string{"", "night"} {
			if r, err := p.Resumable(p.ctx, application); err != nil || r.ID != 2 {
				t.Errorf("%q: run %d, %v", application, r.ID, err)
			}
		}
		_, err := p.Resumable(p.ctx, "day")
		c.refused(err, fault.NotFound, "there is no run to resume: none ended without success for day", "executioner runs list shows what there is")
		c.ends = nil
		p.wait(p.resume(2, runs.Resume{}))
		if r, err := p.Resumable(p.ctx, ""); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("run %d succeeded at last: %v", r.ID, err)
		}
	})
}

// A cancelled run can be resumed; one that goes on is not offered.
func TestResumableIsAnyRunThatEndedWithoutSuccess(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		cancelled := p.submit(flow("a"), runs.Options{})
		time.Sleep(time.Millisecond)
		c.must(p.Cancel(p.ctx, c.run(cancelled.Run), store.DrainRun, nil, ""))
		cancel := p.submit(flow("a"), runs.Options{Skip: []run.JobID{"a"}})
		p.wait(cancel)
		going := p.submit(flow("a"), runs.Options{})
		time.Sleep(time.Millisecond)
		if r, err := p.Resumable(p.ctx, ""); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("run %d, %v", r.ID, err)
		}
		p.wait(going)
		p.wait(cancelled)
	})
}

func TestExpected(t *testing.T) {
	bubble(t, func(c *cluster) {
		p := c.program()
		if d := p.Expected(p.ctx, "day"); d != 0 {
			t.Errorf("nothing is known, got %s", d)
		}
		c.three(p)
		for application, want := range map[string]time.Duration{"day": time.Second, "night": 0, "dusk": 0} {
			if d := p.Expected(p.ctx, application); d != want {
				t.Errorf("%s: got %s, want %s", application, d, want)
			}
		}
		c.must(c.st.Close())
		if d := p.Expected(p.ctx, "day"); d != 0 {
			t.Errorf("the store is closed, got %s", d)
		}
	})
}
