package plan

import (
	"errors"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// chain returns jobs a, b and c, of which each needs the one before. c is filled in with
// what a and b hand on, and has a condition.
func chain() *workflow.Workflow {
	wf := jobs(3)
	wf.Jobs[1].Needs, wf.Jobs[2].Needs = []int{0}, []int{1}
	wf.Jobs[2].Env = []workflow.Var{{Name: "X", Value: "${jobs.a.rows} ${jobs.b.rows} ${jobs.a.none}"}}
	wf.Jobs[2].When = "x"
	return wf
}

// ended returns how a try succeeded or failed that handed something on.
func ended(state run.State, v run.Values) run.Outcome {
	return run.Outcome{State: state, Reason: run.Exited, Values: v}
}

// TestHanded: values reach the plan through a step, a restored history, and an earlier
// attempt whose success counts.
func TestHanded(t *testing.T) {
	wf := chain()
	var seen run.Values
	opt := Options{Run: 7, When: func(_ int, f Facts) (bool, error) {
		a, ok := f.Job("a")
		if !ok {
			return false, errors.New("no job a")
		}
		seen = a.Values
		return true, nil
	}}
	now := time.Unix(1, 0)
	p := New(wf, opt)
	history := p.Step(now, Begin{}).Transitions
	if got := p.Handed(2); got != "" {
		t.Errorf("before: %s", got)
	}
	history = append(history, p.Step(now, Finished{Job: 0, Try: 1, Outcome: ended(run.Success, `{"rows":"3"}`)}).Transitions...)
	history = append(history, p.Step(now, Finished{Job: 1, Try: 1, Outcome: ended(run.Failed, `{"rows":"wrong"}`)}).Transitions...)
	now = now.Add(time.Minute)
	history = append(history, p.Step(now, Tick{}).Transitions...)
	const want = `{"jobs.a.rows":"3"}`
	if got := p.Handed(2); got != want {
		t.Errorf("of a job that failed: %s", got)
	}
	history = append(history, p.Step(now, Finished{Job: 1, Try: 2, Outcome: ended(run.Success, "")}).Transitions...)
	if got := p.Handed(2); got != want || seen != `{"rows":"3"}` {
		t.Errorf("in the end: %s; the condition saw %s", got, seen)
	}
	if got := p.Handed(1); got != "" {
		t.Errorf("of a job that names nothing: %s", got)
	}

	restored, err := Restore(wf, opt, history, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := restored.Handed(2); got != want {
		t.Errorf("restored: %s", got)
	}

	for name, c := range map[string]struct {
		change func(*Options)
		want   run.Values
	}{
		"resumed":    {func(*Options) {}, want},
		"run again":  {func(o *Options) { o.From = []run.JobID{"a"} }, ""},
		"from after": {func(o *Options) { o.From = []run.JobID{"b"} }, want},
	} {
		next := opt
		next.Attempt = 2
		c.change(&next)
		p, err := Restore(wf, next, history, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Handed(2); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
