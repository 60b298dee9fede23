package service_test

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/workflow"
)

// A task that was admitted at the moment at which its run ended kept its slot for ever.
func TestSlotOfARunThatEndedMeanwhile(t *testing.T) {
	gates := service.NewGates(admission.Config{Slots: 1})
	wf := &workflow.Workflow{Jobs: make([]workflow.Job, 3)}
	open := func(id run.ID) engine.Gate {
		return gates.Gate(runs.Attempt{Run: id, Number: 1, Workflow: wf, Submitted: time.Unix(int64(id), 0)})
	}
	taken := func(want, waiting int) {
		t.Helper()
		if u := gates.Usage(); u.Slots.Taken != want || u.Waiting != waiting {
			t.Errorf("usage is %+v, want %d taken, %d that wait", u, want, waiting)
		}
	}
	admitted := map[string]int{}
	admit := func(name string) func() { return func() { admitted[name]++ } }
	one, two := open(1), open(2)
	one.Offer(0, 0, 1, admit("ended"))
	one.Offer(1, 1, 1, admit("waited"))
	two.Offer(0, 0, 1, admit("next"))
	taken(1, 2)
	one.Close() // before its loop heard of it
	taken(1, 0)
	two.Offer(1, 1, 1, admit("last"))
	two.Done(0, 1) // it may not start any more
	taken(1, 0)
	two.Take(1, 1, 1)
	two.Close()
	taken(1, 0) // what runs keeps its slot
	two.Done(1, 1)
	taken(0, 0)
	if len(admitted) != 3 || admitted["ended"] != 1 || admitted["next"] != 1 || admitted["last"] != 1 {
		t.Errorf("admitted: %v", admitted)
	}
}
