package simtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// offering returns the case with plans that offer their tasks.
func offering(c Case) Case {
	made := Case{Attempts: append([]Attempt(nil), c.Attempts...)}
	for n := range made.Attempts {
		made.Attempts[n].Options.Offer = true
	}
	return made
}

// TestOffered: when each task is admitted at once, a plan that offers records the very
// same as one that starts tasks itself.
func TestOffered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := RichCases(30, 2).Draw(t, "case")
		plain, offered := mustSimulate(t, c), mustSimulate(t, offering(c))
		for n := range plain.Attempts {
			if d := cmp.Diff(plain.Attempts[n].Transitions(), offered.Attempts[n].Transitions()); d != "" {
				t.Fatalf("attempt %d: - starts, + offers\n%s", n+1, d)
			}
		}
	})
}

// TestAdmittedLater keeps all promises however long each task waits, and an offer is
// answered by a start or by nothing.
func TestAdmittedLater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := offering(RichCases(30, 2).Draw(t, "case"))
		for n := range c.Attempts {
			c.Attempts[n].Admits = rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 20), seconds), 1, 7).Draw(t, "admits")
		}
		trace := mustSimulate(t, c)
		for n := range trace.Attempts {
			for _, p := range Promises() {
				if err := p.Check(&trace.Attempts[n]); err != nil {
					t.Fatalf("attempt %d, %s: %v", n+1, p.Name, err)
				}
			}
			if err := startsOffered(&trace.Attempts[n]); err != "" {
				t.Fatalf("attempt %d: %s", n+1, err)
			}
		}
	})
}

// startsOffered says which start nobody admitted, and which task was offered twice.
func startsOffered(p *Played) string {
	ready := map[plan.Task]bool{}
	for i := range p.Steps {
		s := &p.Steps[i]
		in, admits := s.Input.(plan.Admitted)
		for _, t := range s.Output.Start {
			if !admits || t != plan.Task(in) || !ready[t] {
				return "a task starts that was not admitted"
			}
		}
		for _, t := range s.Output.Ready {
			if ready[t] {
				return "a task is offered twice"
			}
			ready[t] = true
		}
	}
	return ""
}

// TestAdmittedTwice: an answer that comes twice, or to nothing, changes nothing, and a
// restored plan makes its offers again.
func TestAdmittedTwice(t *testing.T) {
	wf := &workflow.Workflow{MaxWorkers: 1, Jobs: []workflow.Job{{ID: "a"}, {ID: "b"}}}
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	opt := plan.Options{Run: 1, Workers: 1, Offer: true}
	p := plan.New(wf, opt)
	out := p.Step(now, plan.Begin{})
	if d := cmp.Diff([]plan.Task{{Job: 0, Try: 1}}, out.Ready); d != "" || len(out.Start) > 0 {
		t.Fatalf("with room for one it offers %+v", out)
	}
	for _, in := range []plan.Admitted{{Job: 1, Try: 1}, {Job: 0, Try: 2}, {Job: -1, Try: 1}, {Job: 2, Try: 1}} {
		if got := p.Step(now, in); len(got.Transitions)+len(got.Start)+len(got.Ready) > 0 {
			t.Errorf("%+v: %+v", in, got)
		}
	}
	restored, err := plan.Restore(wf, opt, out.Transitions, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(out.Ready, restored.Step(now, plan.Begin{}).Ready); d != "" {
		t.Errorf("after a restart it offers %s", d)
	}
	if got := p.Step(now, plan.Admitted{Job: 0, Try: 1}); len(got.Start) != 1 {
		t.Errorf("admitted: %+v", got)
	}
	if got := p.Step(now, plan.Admitted{Job: 0, Try: 1}); len(got.Transitions)+len(got.Start) > 0 {
		t.Errorf("admitted twice: %+v", got)
	}
	end := run.Outcome{State: run.Success, Reason: run.Exited}
	if got := p.Step(now, plan.Finished{Job: 0, Try: 1, Outcome: end}); len(got.Ready) != 1 || got.Ready[0].Job != 1 {
		t.Errorf("then: %+v", got)
	}
	if got := p.Step(now, plan.Cancel{Reason: run.RunCancelled}); got.Done == nil {
		t.Errorf("cancelled while it waits: %+v", got)
	}
}
