package local_test

import (
	"os"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestMade has jobs that came at run time: one of several, the one that waits for them, and
// one that could not become several.
func TestMade(t *testing.T) {
	wf := flow(t, `echo "$ITEM of $PARAM ${HANDED}"`)
	wf.Jobs[0].Each = &workflow.Each{Job: "b", Output: "items", As: "ITEM"}
	wf.Jobs[0].Scope = &workflow.Scope{Job: "sub", Params: []workflow.Param{{Name: "PARAM", Value: "told", Secret: true}}}
	wf.Jobs[0].Env = []workflow.Var{{Name: "HANDED", Value: "and ${jobs.b.n}"}}
	stored := *wf
	stored.Jobs = []workflow.Job{wf.Jobs[0]}
	stored.Jobs[0].Scope = &workflow.Scope{Job: "sub", Params: []workflow.Param{{Name: "PARAM", Secret: true}}}
	grown := workflow.Grow(&stored, 0, "x")
	w := newWorld(t, wf)
	start := func(task engine.Task) run.Outcome {
		ended := make(chan run.Outcome, 1)
		w.Start(task, func(o run.Outcome) { ended <- o })
		return w.end(ended)
	}
	o := start(engine.Task{ID: run.TaskID{Run: 7, Attempt: 1, Job: "a[x]", Try: 1}, Made: &grown.Jobs[1], Of: 1, Handed: `{"jobs.b.n":"3"}`})
	same(t, "outcome of one", o.State, run.Success)
	b, err := os.ReadFile(joblog.JobPath(wf.LogDir, "app", "a[x]", 7))
	if err != nil || !strings.Contains(string(b), "\nx of *** and 3\n") {
		t.Errorf("its log is %s, %v", b, err)
	}
	o = start(engine.Task{ID: id(1), Made: &grown.Jobs[0], Of: 1})
	same(t, "outcome of what waits", o, run.Outcome{State: run.Success, Reason: run.EmptyCommand})
	o = start(engine.Task{ID: id(2), Of: 1})
	same(t, "outcome of what is not known", o, run.Failure(run.ItemsInvalid, "job b handed on no items"))
	bad := workflow.Grow(&stored, 0, "[")
	o = start(engine.Task{ID: id(3), Made: &bad.Jobs[0], Of: 1})
	same(t, "outcome of what is wrong", o, run.Failure(run.ItemsInvalid, "items of job b has no items: it begins with [ and is not a JSON list"))
}
