package runs

import (
	"context"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

// place is a host where no process is ever left. Process 9 may be gone.
type place struct {
	Host
	gone atomic.Bool
}

func (p *place) Owner() store.Owner                    { return store.Owner{Host: "here", PID: 1} }
func (p *place) Dead(o store.Owner) bool               { return o.PID == 9 && p.gone.Load() }
func (p *place) Remains(run.ID, []run.TaskID) bool     { return false }
func (p *place) Survivors([]run.TaskID) ([]int, error) { return nil, nil }

// chain is a workflow of a, b (needs a), c (needs a) and d (needs b and c).
func chain() *workflow.Workflow {
	wf := &workflow.Workflow{
		Application: "chain", WorkingDir: "/w", LogDir: "/w/logs", MaxWorkers: 2,
		Jobs: []workflow.Job{{ID: "a"}, {ID: "b", Needs: []int{0}}, {ID: "c", Needs: []int{0}}, {ID: "d", Needs: []int{1, 2}}},
	}
	for i := range wf.Jobs {
		j := &wf.Jobs[i]
		j.Command, j.LogDir, j.Retry, j.Timeout, j.OutputLimit, j.Leftover = "true", wf.LogDir, &workflow.Retry{}, time.Hour, 1024, workflow.LeaveLeftover
	}
	return wf
}

// world is a service on a store in memory, with runs that are recorded by hand.
type world struct {
	*Service
	t     *testing.T
	store *memstore.Store
	host  *place
}

func newWorld(t *testing.T) *world {
	st, host := memstore.New(), &place{}
	return &world{New(Config{Store: st, Host: host}), t, st, host}
}

// recordRun makes a run of which the jobs take these seconds, one after the other. The
// first that takes none fails, and what comes after has not run. A run that is left
// open has no end, and belongs to process 9.
func (w *world) recordRun(wf *workflow.Workflow, open bool, seconds ...int) run.ID {
	w.t.Helper()
	ctx := w.t.Context()
	a, err := newAttempt(wf, Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	lease, err := w.store.CreateRun(ctx, store.NewRun{
		Application: wf.Application, WorkingDir: wf.WorkingDir, Hash: a.Hash, Workflow: a.Workflow, At: noon, Attempt: a,
	}, store.Owner{Host: "here", PID: 9}, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	p, now := plan.New(wf, plan.Options{Run: lease.Run, Workers: 1}), noon
	step := func(in plan.Input) plan.Output {
		out := p.Step(now, in)
		if _, err := w.store.Append(ctx, lease, out.Transitions); err != nil {
			w.t.Fatal(err)
		}
		return out
	}
	out := step(plan.Begin{})
	for _, n := range seconds {
		o := run.Outcome{State: run.Success, Reason: run.Exited}
		if n == 0 {
			o = run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1}
		}
		now = now.Add(time.Duration(n) * time.Second)
		out = step(plan.Finished{Job: out.Start[0].Job, Try: 1, Outcome: o})
	}
	if !open {
		if err := w.store.Release(ctx, lease); err != nil {
			w.t.Fatal(err)
		}
	}
	return lease.Run
}

func (w *world) run(id run.ID) store.Run {
	w.t.Helper()
	r, err := w.store.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// seen is what a test looks at of a preview.
type seen struct {
	Run      run.ID
	Attempt  int
	Workers  int
	Starts   []int
	Waves    [][]int
	Critical []int
	Skipped  []SkippedJob
	Took     time.Duration
}

func see(p *Preview) seen {
	return seen{p.Run, p.Attempt, p.Workers, p.Starts, p.Waves, p.Critical, p.Skipped, p.Took}
}

func TestPreviewRun(t *testing.T) {
	const s = time.Second
	usual := func(a, b, c, d time.Duration) *Usual {
		return &Usual{Run: 3, Jobs: map[run.JobID]time.Duration{"a": a, "b": b, "c": c, "d": d}}
	}
	empty := chain()
	empty.Jobs[1].Command = ""
	tests := []struct {
		name  string
		wf    *workflow.Workflow
		opt   Options
		usual *Usual
		want  seen
	}{
		{"nothing is known", chain(), Options{}, nil, seen{
			Attempt: 1, Workers: 2, Starts: []int{0, 1, 2, 3}, Waves: [][]int{{0}, {1, 2}, {3}}, Critical: []int{0, 1, 3},
		}},
		{"two at once", chain(), Options{}, usual(s, 2*s, 3*s, s), seen{
			Attempt: 1, Workers: 2, Starts: []int{0, 1, 2, 3}, Waves: [][]int{{0}, {1, 2}, {3}}, Critical: []int{0, 2, 3}, Took: 5 * s,
		}},
		{"one at a time", chain(), Options{Sequential: true}, usual(s, 2*s, 3*s, s), seen{
			Attempt: 1, Workers: 1, Starts: []int{0, 1, 2, 3}, Waves: [][]int{{0}, {1, 2}, {3}}, Critical: []int{0, 2, 3}, Took: 7 * s,
		}},
		{"one job is new", chain(), Options{}, &Usual{Jobs: map[run.JobID]time.Duration{"a": s, "b": 2 * s, "c": 3 * s}}, seen{
			Attempt: 1, Workers: 2, Starts: []int{0, 1, 2, 3}, Waves: [][]int{{0}, {1, 2}, {3}}, Critical: []int{0, 2, 3},
		}},
		{"an empty command takes no time", empty, Options{}, &Usual{Jobs: map[run.JobID]time.Duration{"a": s, "c": 3 * s, "d": s}}, seen{
			Attempt: 1, Workers: 2, Starts: []int{0, 1, 2, 3}, Waves: [][]int{{0}, {1, 2}, {3}}, Critical: []int{0, 2, 3}, Took: 5 * s,
		}},
		{"what is skipped holds nothing up", chain(), Options{Skip: []run.JobID{"d", "a"}}, nil, seen{
			Attempt: 1, Workers: 2, Starts: []int{1, 2}, Waves: [][]int{{1, 2}}, Critical: []int{1},
			Skipped: []SkippedJob{{Job: 0, Reason: run.SkipRequested}, {Job: 3, Reason: run.SkipRequested}},
		}},
		{"all is skipped", chain(), Options{Skip: []run.JobID{"a", "b", "c", "d"}}, nil, seen{
			Attempt: 1, Workers: 2, Waves: [][]int{},
			Skipped: []SkippedJob{{Job: 0, Reason: run.SkipRequested}, {Job: 1, Reason: run.SkipRequested}, {Job: 2, Reason: run.SkipRequested}, {Job: 3, Reason: run.SkipRequested}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := PreviewRun(tt.wf, tt.opt, tt.usual)
			if err != nil {
				t.Fatal(err)
			}
			if got := see(p); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
	if _, err := PreviewRun(chain(), Options{Skip: []run.JobID{"x"}}, nil); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("skipping a job that is not there: %v", err)
	}
}

// TestPreviewOfACycle has a cycle, which no valid workflow has.
func TestPreviewOfACycle(t *testing.T) {
	wf := chain()
	wf.Jobs[0].Needs = []int{3}
	p, err := PreviewRun(wf, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := seen{Attempt: 1, Workers: 2, Waves: [][]int{}, Skipped: []SkippedJob{{Job: 0, Reason: run.Stuck}, {Job: 1, Reason: run.Stuck}, {Job: 2, Reason: run.Stuck}, {Job: 3, Reason: run.Stuck}}}
	if got := see(p); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

// TestPreviewOfJobsThatEndTogether: of such the one that comes first in the file ends first.
func TestPreviewOfJobsThatEndTogether(t *testing.T) {
	wf := chain()
	wf.Jobs[1].Needs, wf.Jobs[2].Needs, wf.Jobs[3].Needs = nil, []int{1}, []int{0}
	p, err := PreviewRun(wf, Options{}, nil)
	if err != nil || !reflect.DeepEqual(p.Starts, []int{0, 1, 3, 2}) {
		t.Errorf("%v, %v", p.Starts, err)
	}
}

func TestAllOver(t *testing.T) {
	wanted := map[run.JobID]bool{"a": true, "b": true}
	tests := []struct {
		name string
		b    JobView
		want bool
	}{
		{"it ended", JobView{State: run.Failed, Attempt: 2}, true},
		{"it ended before, and has not begun again", JobView{State: run.Failed, Attempt: 1}, false},
		{"it had succeeded before", JobView{State: run.Success, Attempt: 1}, true},
		{"it waits for its next try", JobView{State: run.Failed, Attempt: 2, RetryAt: second(1)}, false},
		{"it runs", JobView{State: run.Running, Attempt: 2}, false},
	}
	for _, tt := range tests {
		tt.b.ID = "b"
		v := View{Attempt: 2, Jobs: []JobView{{ID: "a", State: run.Success, Attempt: 2}, tt.b, {ID: "c"}}}
		if got := allOver(&v, wanted); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestPreviewResume(t *testing.T) {
	w := newWorld(t)
	good := w.recordRun(chain(), false, 1, 2, 3, 4)
	failed := w.recordRun(chain(), false, 1, 0)
	before := w.run(failed)
	const s = time.Second
	tests := []struct {
		name string
		id   run.ID
		opt  Options
		want seen
	}{
		{"what failed and what has not run", failed, Options{}, seen{
			Run: failed, Attempt: 2, Workers: 2, Starts: []int{1, 2, 3}, Waves: [][]int{{1, 2}, {3}}, Critical: []int{2, 3},
			Skipped: []SkippedJob{{Job: 0, Reason: run.AlreadySucceeded}}, Took: 7 * s,
		}},
		{"what failed", failed, Options{FailedOnly: true}, seen{
			Run: failed, Attempt: 2, Workers: 2, Starts: []int{1}, Waves: [][]int{{1}}, Critical: []int{1},
			Skipped: []SkippedJob{{Job: 0, Reason: run.AlreadySucceeded}, {Job: 2, Reason: run.NotSelected}, {Job: 3, Reason: run.NotSelected}}, Took: 2 * s,
		}},
		{"from a job on", good, Options{From: []run.JobID{"c"}}, seen{
			Run: good, Attempt: 2, Workers: 2, Starts: []int{2, 3}, Waves: [][]int{{2}, {3}}, Critical: []int{2, 3},
			Skipped: []SkippedJob{{Job: 0, Reason: run.AlreadySucceeded}, {Job: 1, Reason: run.AlreadySucceeded}}, Took: 7 * s,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := w.PreviewResume(t.Context(), w.run(tt.id), Resume{Options: tt.opt})
			if err != nil {
				t.Fatal(err)
			}
			if got := see(p); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
	if after := w.run(failed); !reflect.DeepEqual(after, before) {
		t.Errorf("the preview changed the run: %+v", after)
	}
	if _, err := w.PreviewResume(t.Context(), w.run(good), Resume{Options: Options{From: []run.JobID{"x"}}}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("from a job that is not there: %v", err)
	}
}

func TestPreviewOfARunThatIsNotOver(t *testing.T) {
	w := newWorld(t)
	id := w.recordRun(chain(), true, 1)
	if _, err := w.PreviewResume(t.Context(), w.run(id), Resume{}); fault.CodeOf(err) != fault.Locked {
		t.Errorf("a run that is going on: %v", err)
	}
	w.host.gone.Store(true)
	p, err := w.PreviewResume(t.Context(), w.run(id), Resume{})
	if err != nil {
		t.Fatal(err)
	}
	want := seen{Run: id, Attempt: 2, Workers: 2, Starts: []int{1, 2, 3}, Waves: [][]int{{1, 2}, {3}}, Critical: []int{1, 3}, Skipped: []SkippedJob{{Job: 0, Reason: run.AlreadySucceeded}}}
	if got := see(p); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	p, err = w.PreviewResume(t.Context(), w.run(id), Resume{Options: Options{FailedOnly: true}})
	if err != nil || !reflect.DeepEqual(p.Starts, []int{1}) {
		t.Errorf("what was lost counts as failed: %v, %v", p.Starts, err)
	}
	if r := w.run(id); r.Attempt.State != run.Running {
		t.Errorf("the preview ended the run: %s", r.Attempt.State)
	}
}

func TestUsual(t *testing.T) {
	w := newWorld(t)
	if u, err := w.Usual(t.Context(), "chain"); u != nil || err != nil {
		t.Errorf("of nothing: %+v, %v", u, err)
	}
	w.recordRun(chain(), false, 9, 9, 9, 9)
	id := w.recordRun(chain(), false, 1, 2, 3, 4)
	w.recordRun(chain(), false, 5, 0)
	const s = time.Second
	got, err := w.Usual(t.Context(), "chain")
	want := &Usual{Run: id, Took: 10 * s, Jobs: map[run.JobID]time.Duration{"a": s, "b": 2 * s, "c": 3 * s, "d": 4 * s}, Handed: map[run.JobID]run.Values{}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if u, err := w.Usual(t.Context(), "other"); u != nil || err != nil {
		t.Errorf("of another application: %+v, %v", u, err)
	}
}

func TestAwaitEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		over := w.recordRun(chain(), false, 1, 0)
		r, err := w.AwaitEnd(t.Context(), over)
		if err != nil || r.Attempt.State != run.Failed {
			t.Errorf("%+v, %v", r.Attempt, err)
		}
		open := w.recordRun(chain(), true, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := w.AwaitEnd(ctx, open); fault.CodeOf(err) != fault.Cancelled {
			t.Errorf("while it goes on: %v", err)
		}
		w.host.gone.Store(true)
		r, err = w.AwaitEnd(t.Context(), open)
		if err != nil || r.Attempt.State != run.Failed || r.Attempt.Reason != run.EngineLost {
			t.Errorf("after its program has gone: %+v, %v", r.Attempt, err)
		}
		if _, err := w.AwaitEnd(t.Context(), 99); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("of no run: %v", err)
		}
	})
}

func TestAwaitJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		open := w.recordRun(chain(), true, 1)
		d, err := w.AwaitJobs(t.Context(), open, []run.JobID{"a"})
		if err != nil || d.View.Run != open || d.View.Jobs[0].State != run.Success {
			t.Errorf("%+v, %v", d.View, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := w.AwaitJobs(ctx, open, []run.JobID{"a", "b"}); fault.CodeOf(err) != fault.Cancelled {
			t.Errorf("while one runs: %v", err)
		}
		go func() {
			time.Sleep(time.Minute)
			w.host.gone.Store(true)
		}()
		d, err = w.AwaitJobs(t.Context(), open, []run.JobID{"b", "d"})
		if err != nil || d.View.State != run.Failed || d.View.Jobs[1].Reason != run.Lost {
			t.Errorf("after the run's end: %+v, %v", d.View, err)
		}
		if _, err := w.AwaitJobs(t.Context(), 99, nil); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("of no run: %v", err)
		}
	})
}
