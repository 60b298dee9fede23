package simtest

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
)

// TestRestoredPlanGoesOnExactly cuts the record of an attempt after every single
// transition, restores a plan from what is left, feeds it the inputs that were not
// recorded yet, and expects exactly the rest of the outputs.
func TestRestoredPlanGoesOnExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		restoreEverywhere(t, Cases(12, 2).Draw(t, "case"))
	})
}

func TestRestoredRichPlanGoesOnExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		restoreEverywhere(t, RichCases(12, 2).Draw(t, "case"))
	})
}

func restoreEverywhere(t *rapid.T, c Case) {
	trace := mustSimulate(t, c)
	for n := range trace.Attempts {
		p := &trace.Attempts[n]
		recorded := p.Transitions()
		for cut := range len(recorded) + 1 {
			if diff := p.goOn(t, recorded, cut); diff != "" {
				t.Fatalf("attempt %d, restored from %d of %d transitions: - at first, + restored\n%s", n+1, cut, len(recorded), diff)
			}
		}
	}
}

// goOn restores a plan from the first cut transitions and plays the rest.
func (p *Played) goOn(t *rapid.T, recorded []run.Transition, cut int) string {
	history := append([]run.Transition(nil), p.Earlier...)
	for _, tr := range recorded[:cut] {
		history = append(history, stored(tr))
	}
	restored, err := plan.Restore(p.Loaded, p.Options, history, p.Overrides)
	if err != nil {
		t.Fatal(err)
	}
	for n, s := range p.rest(recorded, cut) {
		got := restored.Step(s.At, s.Input)
		if !reflect.DeepEqual(got, s.Output) {
			return cmp.Diff(s, Step{s.At, s.Input, got}) + "in input " + run.ID(n+1).String()
		}
	}
	if restored.State() != p.Final {
		return "it is " + restored.State().String()
	}
	return ""
}

// stored is a transition as a store gives it back: in microseconds.
func stored(t run.Transition) run.Transition {
	t.At = time.UnixMicro(t.At.UnixMicro()).UTC()
	if !t.Until.IsZero() {
		t.Until = time.UnixMicro(t.Until.UnixMicro()).UTC()
	}
	return t
}

// rest returns the steps that a plan restored from the first cut transitions must take.
// The first of them repeats the stops of whatever is running and was to be stopped.
func (p *Played) rest(recorded []run.Transition, cut int) []Step {
	seen := 0
	for i := range p.Steps {
		s := p.Steps[i]
		end := seen + len(s.Output.Transitions)
		if end < cut || end == cut && cut > 0 {
			if end == cut && len(s.Output.Transitions) > 0 {
				return p.stopAgain(append([]Step(nil), p.Steps[i+1:]...), recorded)
			}
			seen = end
			continue
		}
		steps := append([]Step(nil), p.Steps[i:]...)
		if cut > seen {
			steps[0] = p.half(s, cut-seen)
		}
		return p.stopAgain(steps, recorded)
	}
	return nil
}

// half returns the rest of a step of which the first n transitions are recorded. Its
// input is fed again if what it did itself is not among them.
func (p *Played) half(s Step, n int) Step {
	own := p.own(&s)
	if own < 0 || own < n {
		s.Input = plan.Tick{}
	}
	started := 0
	for _, t := range s.Output.Transitions[:n] {
		if t.Job != "" && t.To == run.Running && !t.Mark() {
			started++
		}
	}
	s.Output.Transitions = s.Output.Transitions[n:]
	if s.Output.Start = s.Output.Start[started:]; len(s.Output.Start) == 0 {
		s.Output.Start = nil
	}
	return s
}

// own returns the position of the transition that the step's input caused by itself, or
// -1: of several, as a job that has become others is cancelled, the last. What was
// cancelled already is not cancelled again.
func (p *Played) own(s *Step) int {
	last := -1
	for k, t := range s.Output.Transitions {
		switch in := s.Input.(type) {
		case plan.Finished:
			if t.Outcome != nil {
				return k
			}
		case plan.Cancel, plan.Drain:
			if t.Job == "" && t.Mark() {
				return k
			}
		case plan.CancelJob:
			id := in.ID
			if in.Job >= 0 && in.Job < len(p.Workflow.Jobs) {
				id = p.Workflow.Jobs[in.Job].ID
			}
			if i := p.Workflow.Index(t.Job); i >= 0 && id != "" && t.Reason == run.JobCancelled && (t.Job == id || p.Workflow.Jobs[i].Group == id) {
				last = k
			}
		}
	}
	return last
}

// stopAgain sets the stops of the first step to all that are due after it.
func (p *Played) stopAgain(steps []Step, recorded []run.Transition) []Step {
	if len(steps) == 0 {
		return steps
	}
	before := len(recorded)
	for _, s := range steps[1:] {
		before -= len(s.Output.Transitions)
	}
	states := make(map[run.JobID]run.State)
	told := make(map[run.JobID]bool)
	var first, again *run.Transition // that stopped the run, and that stopped what cleans up
	for _, t := range recorded[:before] {
		switch {
		case !t.Mark():
			states[t.Job] = t.To
		case t.Job == "":
			switch drained := t.Reason == run.EngineStopping || t.Reason == run.EngineLost; {
			case drained:
			case first == nil:
				first = &t
			default:
				again = &t
			}
		default:
			told[t.Job] = true
		}
	}
	var stops []plan.Stop
	for i, j := range p.Workflow.Jobs {
		stop := plan.Stop{Job: i, State: run.Cancelled, Reason: run.JobCancelled}
		why := first
		if j.Always || j.Hook != "" {
			why = again
		}
		if why != nil {
			stop.Reason, stop.Detail = why.Reason, why.Detail
		}
		if stop.Reason == run.TimedOut {
			stop.Reason = run.RunTimedOut
		}
		if states[j.ID] == run.Running && (why != nil || told[j.ID]) {
			stop.Try = tryOf(recorded[:before], j.ID)
			stops = append(stops, stop)
		}
	}
	steps[0].Output.Stop = stops
	return steps
}

func tryOf(recorded []run.Transition, job run.JobID) int {
	try := 0
	for _, t := range recorded {
		if t.Job == job {
			try = t.Try
		}
	}
	return try
}
