package runs

import (
	"testing"
	"time"

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
