package runs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// record makes a run that has not begun.
func (w *world) record(wf *workflow.Workflow, opt Options) store.Run {
	w.t.Helper()
	a, err := newAttempt(wf, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	lease, err := w.store.CreateRun(w.t.Context(), store.NewRun{
		Application: wf.Application, WorkingDir: wf.WorkingDir, Hash: a.Hash, Workflow: a.Workflow, At: noon, Attempt: a,
	}, store.Owner{Host: "here", PID: 9}, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.run(lease.Run)
}

func TestRan(t *testing.T) {
	w := newWorld(t)
	env := []workflow.Var{{Name: "A", Value: "1"}}
	r := w.record(chain(), Options{Env: env})
	ran, err := w.Ran(t.Context(), r, "c")
	if err != nil {
		t.Fatal(err)
	}
	want := run.TaskID{Run: r.ID, Attempt: 1, Job: "c", Try: 1}
	if ran.Job != 2 || ran.Task != want || len(ran.Options.Env) != 1 || ran.Workflow.Jobs[ran.Job].ID != "c" {
		t.Errorf("%+v", ran)
	}
	if _, err := w.Ran(t.Context(), r, "x"); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	imported := w.record(chain(), Options{Imported: true})
	if _, err := w.Ran(t.Context(), imported, "c"); fault.CodeOf(err) != fault.Conflict {
		t.Error(err)
	}
}

// TestHanded has a job that is handed values by two others, over two attempts.
func TestHanded(t *testing.T) {
	var h History
	add := func(attempt int, job run.JobID, to run.State, values string) {
		tr := run.Transition{Seq: int64(len(h.Transitions) + 1), Attempt: attempt, Job: job, From: run.Queued, To: to}
		if to.Ended() && to != run.Skipped {
			tr.From, tr.Outcome = run.Running, &run.Outcome{State: to, Values: run.Values(values)}
		}
		h.Transitions = append(h.Transitions, tr)
	}
	refs := []workflow.OutputRef{{Variable: "jobs.a.x", Job: "a", Name: "x"}, {Variable: "jobs.b.y", Job: "b", Name: "y"}}
	want := func(about string, values map[string]string) {
		t.Helper()
		if diff := cmp.Diff(values, h.handed(refs, "c")); diff != "" {
			t.Errorf("%s: %s", about, diff)
		}
	}
	add(1, "a", run.Success, `{"x":"1"}`)
	want("before it started", map[string]string{"jobs.a.x": "1"})
	add(1, "b", run.Success, `{"y":"2","z":"3"}`)
	add(1, "c", run.Running, "")
	add(1, "c", run.Failed, "")
	both := map[string]string{"jobs.a.x": "1", "jobs.b.y": "2"}
	want("in the first attempt", both)
	add(2, "a", run.Skipped, "")
	add(2, "b", run.Running, "")
	add(2, "b", run.Failed, "")
	want("b is run again, c not yet", both)
	add(2, "c", run.Running, "")
	want("b failed before c started", map[string]string{"jobs.a.x": "1"})
	if got := h.handed(nil, "c"); got != nil {
		t.Error(got)
	}
}
