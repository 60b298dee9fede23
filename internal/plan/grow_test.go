package plan

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// growing returns jobs a, b and c, of which each needs the one before. b becomes one for
// each item that a hands on.
func growing() *workflow.Workflow {
	wf := jobs(3)
	wf.MaxWorkers = 3
	wf.Jobs[1].Needs, wf.Jobs[2].Needs = []int{0}, []int{1}
	wf.Jobs[1].Each = &workflow.Each{Job: "a", Output: "items", As: "I"}
	return wf
}

func items(text string) run.Outcome {
	return ended(run.Success, run.NewValues(map[string]string{"items": text}))
}

// stands tells how all jobs of a plan stand.
func stands(p *Plan) string {
	var all []string
	for i := range p.Workflow().Jobs {
		state, _ := p.Job(i)
		all = append(all, string(p.id(i))+" "+state.String())
	}
	return strings.Join(all, ", ")
}

// driver steps a plan and keeps what it says.
type driver struct {
	*Plan
	now     time.Time
	history []run.Transition
}

func (d *driver) step(in Input) Output {
	d.now = d.now.Add(time.Second)
	out := d.Step(d.now, in)
	d.history = append(d.history, out.Transitions...)
	return out
}

func (d *driver) end(id run.JobID, o run.Outcome) Output {
	i := d.Workflow().Index(id)
	_, try := d.Job(i)
	return d.step(Finished{Job: i, Try: try, Outcome: o})
}

func drive(p *Plan) *driver {
	d := &driver{Plan: p, now: time.Unix(1, 0)}
	d.step(Begin{})
	return d
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestGrowth(t *testing.T) {
	wf := growing()
	d := drive(New(wf, Options{Run: 7}))
	expect(t, "at first", stands(d.Plan), "a RUNNING, b PENDING, c PENDING")
	out := d.end("a", items("x\ny"))
	expect(t, "grown", stands(d.Plan), "a SUCCESS, b PENDING, c PENDING, b[x] RUNNING, b[y] RUNNING")
	if !reflect.DeepEqual(out.Start, []Task{{3, 1}, {4, 1}}) || d.Counts().Total != 5 {
		t.Errorf("starts %v, counts %+v", out.Start, d.Counts())
	}
	if !reflect.DeepEqual(wf, growing()) {
		t.Error("the workflow that was loaded has changed")
	}
	for i, want := range []string{"0 ", "1 b", "2 ", "1 b[x]", "1 b[y]"} {
		like, made := d.Loaded(i)
		got := fmt.Sprint(like, " ")
		if made != nil {
			got += string(made.ID)
		}
		expect(t, "loaded", got, want)
	}
	d.end("b[y]", ended(run.Success, ""))
	expect(t, "one is left", stands(d.Plan), "a SUCCESS, b PENDING, c PENDING, b[x] RUNNING, b[y] SUCCESS")
	d.end("b[x]", ended(run.Success, ""))
	expect(t, "it waits no more", stands(d.Plan), "a SUCCESS, b RUNNING, c PENDING, b[x] SUCCESS, b[y] SUCCESS")
	d.end("b", ended(run.Success, ""))
	if done := d.end("c", ended(run.Success, "")).Done; done == nil || done.State != run.Success || done.Counts.Succeeded != 5 {
		t.Errorf("done %+v", done)
	}
	if got := Grown(wf, Options{Run: 7}, d.history, nil); len(got.Jobs) != 5 || got.Jobs[4].ID != "b[y]" {
		t.Errorf("grown as recorded: %+v", got.Jobs)
	}
	if got := Grown(wf, Options{Run: 7}, d.history[3:], nil); got != wf {
		t.Error("a history that contradicts itself")
	}
	if plain := jobs(2); Grown(plain, Options{}, d.history, nil) != plain {
		t.Error("a workflow that does not grow is another one")
	}

	next := func(opt Options, overrides ...run.Override) *driver {
		opt.Run, opt.Attempt = 7, 2
		p, err := Restore(wf, opt, d.history, overrides)
		if err != nil {
			t.Fatal(err)
		}
		return drive(p)
	}
	expect(t, "one of them again", stands(next(Options{From: []run.JobID{"b[y]"}}).Plan),
		"a SKIPPED, b PENDING, c PENDING, b[x] SKIPPED, b[y] RUNNING")
	expect(t, "all of them again", stands(next(Options{From: []run.JobID{"b"}}).Plan),
		"a SKIPPED, b PENDING, c PENDING, b[x] RUNNING, b[y] RUNNING")
	again := next(Options{From: []run.JobID{"a"}, Skip: []run.JobID{"b[z]"}})
	expect(t, "from the beginning", stands(again.Plan), "a RUNNING, b PENDING, c PENDING")
	again.end("a", items(`["x", "z"]`))
	expect(t, "other items", stands(again.Plan), "a SUCCESS, b PENDING, c PENDING, b[x] RUNNING, b[z] SKIPPED")
}

func TestGrowthWithoutItems(t *testing.T) {
	tests := []struct {
		name string
		o    run.Outcome
		each bool // b stays what it is
	}{
		{"no items", items(""), false},
		{"not usable", items("[x"), true},
		{"another value", ended(run.Success, `{"other":"x"}`), true},
		{"nothing", ended(run.Success, ""), true},
	}
	for _, tt := range tests {
		d := drive(New(growing(), Options{Run: 7}))
		d.end("a", tt.o)
		expect(t, tt.name, stands(d.Plan), "a SUCCESS, b RUNNING, c PENDING")
		if got := d.Workflow().Jobs[1].Each != nil; got != tt.each {
			t.Errorf("%s: %+v", tt.name, d.Workflow().Jobs[1])
		}
		if tt.each { // which the runner sees; more tries come to the same
			out := d.end("b", run.Failure(run.ItemsInvalid, "x"))
			if out.Done == nil || out.Done.Reason != run.JobFailed {
				t.Errorf("%s: %+v", tt.name, out)
			}
		}
	}
}

// TestNoGrowth: what does not run any more does not become anything.
func TestNoGrowth(t *testing.T) {
	d := drive(New(growing(), Options{Run: 7, Skip: []run.JobID{"b"}}))
	d.end("a", items("x"))
	expect(t, "skipped", stands(d.Plan), "a SUCCESS, b SKIPPED, c RUNNING")
	p, err := Restore(growing(), Options{Run: 7, Attempt: 2, Skip: []run.JobID{"b"}}, d.history, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "skipped again", stands(drive(p).Plan), "a SKIPPED, b SKIPPED, c RUNNING")

	d = drive(New(growing(), Options{Run: 7}))
	d.step(CancelJob{Job: -1, ID: "b"})
	d.end("a", items("x"))
	expect(t, "cancelled", stands(d.Plan), "a SUCCESS, b CANCELLED, c SKIPPED")
}

func TestCancelOfMade(t *testing.T) {
	d := drive(New(growing(), Options{Run: 7, ContinueOnError: true, Workers: 1}))
	d.end("a", items("x\ny\nz"))
	if out := d.step(CancelJob{Job: -1, ID: "nobody"}); len(out.Transitions) > 0 {
		t.Errorf("nobody: %+v", out)
	}
	d.step(CancelJob{Job: -1, ID: "b[y]"})
	expect(t, "one", stands(d.Plan), "a SUCCESS, b SKIPPED, c SKIPPED, b[x] RUNNING, b[y] CANCELLED, b[z] QUEUED")
	out := d.step(CancelJob{Job: 1})
	expect(t, "all", stands(d.Plan), "a SUCCESS, b SKIPPED, c SKIPPED, b[x] RUNNING, b[y] CANCELLED, b[z] CANCELLED")
	if len(out.Stop) != 1 || out.Stop[0].Job != 3 {
		t.Errorf("stops %+v", out.Stop)
	}
}
