package runs

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// told returns details as another program has them, which was told their JSON.
func told(t *testing.T, d Details) Details {
	t.Helper()
	b, err := json.Marshal(d.View)
	if err != nil {
		t.Fatal(err)
	}
	d.View = View{}
	if err := json.Unmarshal(b, &d.View); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRecall explains a run in whose second attempt a job was passed over that may fail.
func TestRecall(t *testing.T) {
	d := recorded([]run.Transition{
		{Job: "a", Try: 1, From: run.Running, To: run.Failed, Reason: run.Exited, Outcome: ended(1)},
		{Attempt: 2, From: run.Queued, To: run.Running, Reason: run.Started},
		{Attempt: 2, Job: "a", From: run.Pending, To: run.Failed, Reason: run.FailuresAllowed},
		{Attempt: 2, Job: "b", From: run.Pending, To: run.Pending, Reason: run.JobCancelled, Detail: "asked by ann"},
	})
	here := newExplainer(d)
	there := told(t, d)
	if got := newExplainer(there).waiting("b"); got == here.waiting("b") {
		t.Errorf("nothing is to be recalled: %q", got)
	}
	there.Recall()
	if !reflect.DeepEqual(there.View.Jobs, d.View.Jobs) {
		t.Errorf("got  %+v\nwant %+v", there.View.Jobs, d.View.Jobs)
	}
	if got, want := newExplainer(there).waiting("b"), here.waiting("b"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	there.View.Jobs = there.View.Jobs[:1] // as of a server that tells of fewer
	there.Recall()
}

func TestOver(t *testing.T) {
	ts := []run.Transition{
		{From: run.Queued, To: run.Running, Reason: run.Started},
		{Job: "a", Try: 1, From: run.Running, To: run.Success, Reason: run.Exited, Outcome: ended(0)},
		{Job: "b", From: run.Pending, To: run.Queued, Reason: run.DependenciesMet},
	}
	d := recorded(ts)
	if !d.Over([]run.JobID{"a"}) || d.Over([]run.JobID{"a", "b"}) {
		t.Errorf("a is over, b is not: %v, %v", d.Over([]run.JobID{"a"}), d.Over([]run.JobID{"a", "b"}))
	}
	if d.View.State = run.Cancelled; !d.Over([]run.JobID{"b"}) {
		t.Error("the run has ended")
	}
}

// TestDetailsPreviewResume compares what is made of details alone with what the service says.
func TestDetailsPreviewResume(t *testing.T) {
	w := newWorld(t)
	good := w.recordRun(chain(), false, 1, 2, 3, 4)
	failed := w.recordRun(chain(), false, 1, 0)
	for name, c := range map[string]struct {
		id  run.ID
		opt Options
	}{
		"what is left":          {failed, Options{}},
		"what failed":           {failed, Options{FailedOnly: true, Workers: 1}},
		"from a job on":         {good, Options{From: []run.JobID{"c"}}},
		"a job that is unknown": {good, Options{From: []run.JobID{"x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			want, wantErr := w.PreviewResume(t.Context(), w.run(c.id), Resume{Options: c.opt})
			d, err := w.Show(t.Context(), w.run(c.id))
			if err != nil {
				t.Fatal(err)
			}
			usual, err := w.Usual(t.Context(), "chain")
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.PreviewResume(Resume{Options: c.opt}, usual)
			switch {
			case wantErr != nil || err != nil:
				if fault.CodeOf(err) != fault.CodeOf(wantErr) {
					t.Errorf("%v, want %v", err, wantErr)
				}
			case !reflect.DeepEqual(see(got), see(want)):
				t.Errorf("got  %+v\nwant %+v", see(got), see(want))
			}
		})
	}
}

func TestDetailsThatCantBeResumed(t *testing.T) {
	w := newWorld(t)
	d, err := w.Show(t.Context(), w.run(w.recordRun(chain(), false, 1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(d *Details)
		want   fault.Code
	}{
		"it goes on":         {func(d *Details) { d.View.State = run.Running }, fault.Locked},
		"it was interrupted": {func(d *Details) { d.View.State, d.View.Interrupted = run.Running, true }, fault.Conflict},
		"it was imported":    {func(d *Details) { d.Attempts[0].Options = []byte(`{"imported":true}`) }, fault.Conflict},
		"nobody can read it": {func(d *Details) { d.Attempts[0].Options = []byte(`{`) }, fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			changed := d
			changed.Attempts = append(changed.Attempts[:0:0], d.Attempts...)
			c.change(&changed)
			if _, err := changed.PreviewResume(Resume{}, nil); fault.CodeOf(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}
