package simtest

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestPromises checks each promise on random runs.
func TestPromises(t *testing.T) {
	for _, promise := range Promises() {
		t.Run(promise.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				keeps(t, promise, Cases(40, 2).Draw(t, "case"))
			})
		})
		t.Run(promise.Name+" in rich workflows", func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				keeps(t, promise, RichCases(40, 2).Draw(t, "case"))
			})
		})
	}
}

func keeps(t *rapid.T, promise Promise, c Case) {
	trace := mustSimulate(t, c)
	for n := range trace.Attempts {
		if err := promise.Check(&trace.Attempts[n]); err != nil {
			t.Fatalf("attempt %d: %v", n+1, err)
		}
	}
}

// TestBrokenPromisesAreNoticed falsifies a sound trace in one place and expects just the
// promise that is broken by it to say so.
func TestBrokenPromisesAreNoticed(t *testing.T) {
	tests := []struct {
		name    string
		falsify func(*Played)
		broken  []string
	}{
		{"nothing", func(*Played) {}, nil},
		{"b needs c, which did not run", func(p *Played) { p.Workflow.Jobs[1].Needs = []int{2} }, []string{"no start before dependencies allow it"}},
		{"there was room for one", func(p *Played) { p.Options.Workers = 1 }, []string{"limits hold"}},
		{"a start is repeated", func(p *Played) {
			s := &p.Steps[0]
			s.Output.Start = append(s.Output.Start, s.Output.Start[0])
		}, []string{"a task starts at most once"}},
		{"a start is missing", func(p *Played) { p.Steps[0].Output.Start = nil }, []string{"a task starts at most once"}},
		{"a start is of another try", func(p *Played) { p.Steps[0].Output.Start[0].Try = 2 }, []string{"a task starts at most once"}},
		{"no retries were allowed", func(p *Played) { p.Workflow.Jobs[1].Retry.Max = 0 }, []string{"tries are bounded"}},
		{"a try has another number", func(p *Played) { p.at("b", run.Queued, run.Running).Try = 3 }, []string{"a task starts at most once", "tries are bounded"}},
		{"a retry came too early", func(p *Played) { u := &p.at("b", run.Running, run.Failed).Until; *u = u.Add(time.Hour) }, []string{"tries are bounded"}},
		{"a failure that was repeated was final", func(p *Played) { p.at("b", run.Running, run.Failed).Until = time.Time{} }, []string{"final states stay"}},
		{"nothing is left to happen", func(p *Played) { p.step("b", run.Running, run.Failed).Output.Wake = time.Time{} }, []string{"never stuck"}},
		{"it wants to come back at once", func(p *Played) {
			s := p.step("b", run.Running, run.Failed)
			s.Output.Wake = s.At
		}, []string{"never stuck"}},
		{"it says that it is stuck", func(p *Played) { p.at("", run.Running, run.Failed).Reason = run.Stuck }, []string{"never stuck"}},
		{"a job that nobody ended", func(p *Played) {
			p.Workflow.Jobs = append(p.Workflow.Jobs, workflow.Job{ID: "d", Retry: p.Workflow.Jobs[0].Retry})
		}, []string{"every job ends in a final state and a skip names its cause", "done exactly once"}},
		{"a skip without a cause", func(p *Played) { p.at("c", run.Pending, run.Skipped).Cause = "" }, []string{"every job ends in a final state and a skip names its cause"}},
		{"a skip because of a success", func(p *Played) { p.at("c", run.Pending, run.Skipped).Cause = "a" }, []string{"every job ends in a final state and a skip names its cause"}},
		{"a skip for no known reason", func(p *Played) { p.at("c", run.Pending, run.Skipped).Reason = run.Started }, []string{"every job ends in a final state and a skip names its cause"}},
		{"it was cancelled at first", func(p *Played) {
			mark := run.Transition{Attempt: 1, From: run.Running, To: run.Running, Reason: run.RunCancelled, At: p.Start}
			ts := &p.Steps[0].Output.Transitions
			*ts = append((*ts)[:2:2], append([]run.Transition{mark}, (*ts)[2:]...)...)
		}, []string{"nothing starts after a cancel"}},
		{"an illegal move", func(p *Played) { p.at("c", run.Pending, run.Skipped).From = run.Success }, []string{"only legal transitions", "done exactly once"}},
		{"another move than the next", func(p *Played) { p.at("c", run.Pending, run.Skipped).From = run.Queued }, []string{"only legal transitions"}},
		{"a mark where nothing can be stopped", func(p *Played) {
			s := &p.Steps[len(p.Steps)-1]
			mark := run.Transition{Attempt: 1, Job: "a", Try: 1, From: run.Success, To: run.Success, Reason: run.JobCancelled, At: s.At}
			s.Output.Transitions = append([]run.Transition{mark}, s.Output.Transitions...)
		}, []string{"only legal transitions"}},
		{"another attempt", func(p *Played) { p.at("a", run.Running, run.Success).Attempt = 2 }, []string{"only legal transitions"}},
		{"another time", func(p *Played) { p.at("a", run.Running, run.Success).At = p.Start.Add(time.Minute) }, []string{"only legal transitions"}},
		{"no outcome", func(p *Played) { p.at("a", run.Running, run.Success).Outcome = nil }, []string{"only legal transitions"}},
		{"done twice", func(p *Played) {
			p.Steps = append(p.Steps, Step{At: p.Steps[len(p.Steps)-1].At, Output: p.Steps[len(p.Steps)-1].Output})
		}, []string{"final states stay", "only legal transitions", "done exactly once"}},
		{"never done", func(p *Played) { p.Steps[len(p.Steps)-1].Output.Done = nil }, []string{"never stuck", "done exactly once"}},
		{"counted wrong", func(p *Played) { p.Steps[len(p.Steps)-1].Output.Done.Counts.Skipped++ }, []string{"done exactly once"}},
		{"said something else", func(p *Played) { p.Steps[len(p.Steps)-1].Output.Done.State = run.Success }, []string{"done exactly once"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := sound(t)
			tt.falsify(p)
			if broken := brokenBy(p); !slices.Equal(broken, tt.broken) {
				t.Errorf("noticed %q, want %q", broken, tt.broken)
			}
		})
	}
}

func brokenBy(p *Played) (names []string) {
	for _, promise := range Promises() {
		if promise.Check(p) != nil {
			names = append(names, promise.Name)
		}
	}
	return names
}

// TestBrokenRichPromisesAreNoticed does the same with jobs that wait for other endings,
// clean up, or run at the end.
func TestBrokenRichPromisesAreNoticed(t *testing.T) {
	const (
		waits  = "no start before dependencies allow it"
		cause  = "every job ends in a final state and a skip names its cause"
		cancel = "nothing starts after a cancel"
		legal  = "only legal transitions"
		done   = "done exactly once"
		cleans = "nothing but its wish keeps from running what cleans up"
		last   = "hooks come last, and those of one end only"
		beside = "what cleans up or waits for an ending starts beside nothing that it needs"
	)
	mark := func(p *Played, before run.JobID, reasons ...run.Reason) {
		s := p.step(before, run.Pending, run.Queued)
		at := slices.IndexFunc(s.Output.Transitions, func(t run.Transition) bool { return t.Job == before })
		for _, r := range reasons {
			m := run.Transition{Attempt: 1, From: run.Running, To: run.Running, Reason: r, At: s.At}
			s.Output.Transitions = slices.Insert(s.Output.Transitions, at, m)
		}
	}
	tests := []struct {
		name    string
		falsify func(*Played)
		broken  []string
	}{
		{"nothing", func(*Played) {}, nil},
		{"a was to be skipped", func(p *Played) { p.Workflow.Jobs[1].On[0] = workflow.OnSkipped }, []string{waits}},
		{"a was to succeed", func(p *Played) { p.Workflow.Jobs[1].On = nil }, []string{waits}},
		{"a could fail, which is a failure as well", func(p *Played) { p.Workflow.Jobs[0].ContinueOnError = true }, nil},
		{"clean does not run always", func(p *Played) { p.Workflow.Jobs[2].Always = false }, []string{waits}},
		{"a cancel before what cleans up", func(p *Played) {
			p.Workflow.Jobs[1].Always = true
			mark(p, "clean", run.RunCancelled)
		}, nil},
		{"two cancels before what cleans up", func(p *Played) { mark(p, "clean", run.RunCancelled, run.RunCancelled) }, []string{cancel}},
		{"a drain before what cleans up", func(p *Played) { mark(p, "clean", run.EngineStopping) }, []string{cancel}},
		{"a cancel before what does not", func(p *Played) { mark(p, "undo", run.RunCancelled) }, []string{cancel}},
		{"the hook is of the other end", func(p *Played) {
			p.Workflow.Jobs[5].Hook, p.Workflow.Jobs[6].Hook = workflow.HookSuccess, workflow.HookFailure
		}, []string{last}},
		{"the hook came before others", func(p *Played) { p.Workflow.Jobs[2].Hook = workflow.HookFailure }, []string{last}},
		{"the hook of a failure, and none was", func(p *Played) { p.Final = run.Success }, []string{done, last}},
		{"a skip by no condition", func(p *Played) { p.at("never", run.Pending, run.Skipped).Detail = "" }, []string{cause}},
		{"a skip after no skip", func(p *Played) { p.at("after", run.Pending, run.Skipped).Cause = "a" }, []string{cause}},
		{"clean comes before what it needs through a job that did not start", func(p *Played) {
			p.Workflow.Jobs[2].Needs = []int{3}
			p.Workflow.Jobs[3].Needs = []int{5}
		}, []string{beside}},
		{"undo comes before what it needs through a job that did not start", func(p *Played) {
			p.Workflow.Jobs[1].Needs, p.Workflow.Jobs[1].On = []int{3}, []workflow.Ending{workflow.OnDone}
			p.Workflow.Jobs[3].Needs = []int{5}
		}, []string{beside}},
		{"a hook was stopped by a failure", func(p *Played) {
			tr := p.at("glad", run.Pending, run.Skipped)
			tr.To, tr.Reason = run.Cancelled, run.RunCancelled
		}, []string{done, cleans}},
		{"what runs always was stopped by a failure", func(p *Played) {
			p.Workflow.Jobs[3].Always = true
			p.at("never", run.Pending, run.Skipped).Reason = run.StoppedOnFailure
			p.at("never", run.Pending, run.Skipped).Cause = "a"
		}, []string{cleans}},
		{"not needed for no reason", func(p *Played) {
			p.at("after", run.Pending, run.Skipped).Reason = run.NotNeeded
			p.at("after", run.Pending, run.Skipped).Cause = ""
		}, []string{cause}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := soundRich(t)
			tt.falsify(p)
			broken := slices.DeleteFunc(brokenBy(p), func(name string) bool { return name == legal })
			if !slices.Equal(broken, tt.broken) {
				t.Errorf("noticed %q, want %q", broken, tt.broken)
			}
		})
	}
}

// soundRich plays a job that fails, and what follows from that.
func soundRich(t *testing.T) *Played {
	ok := End{After: time.Second, Outcome: run.Outcome{State: run.Success, Reason: run.Exited}}
	bad := End{After: time.Second, Outcome: run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1}}
	failure := []workflow.Ending{workflow.OnFailure}
	wf := &workflow.Workflow{MaxWorkers: 9, ContinueOnError: true, Jobs: []workflow.Job{
		{ID: "a"},
		{ID: "undo", Needs: []int{0}, On: failure},
		{ID: "clean", Needs: []int{0}, Always: true},
		{ID: "never", When: "no"},
		{ID: "after", Needs: []int{3}},
		{ID: "sad", Hook: workflow.HookFailure},
		{ID: "glad", Hook: workflow.HookSuccess},
	}}
	for i := range wf.Jobs {
		wf.Jobs[i].Retry = &workflow.Retry{}
	}
	ends := [][]End{{bad}, {ok}, {ok}, {ok}, {ok}, {ok}, {ok}}
	trace, err := Simulate(Case{Attempts: []Attempt{{Workflow: wf, Options: plan.Options{When: conditions()}, Ends: ends}}})
	if err != nil {
		t.Fatal(err)
	}
	return &trace.Attempts[0]
}

// sound plays three jobs: a succeeds, b fails twice beside it, c needs b and is skipped.
func sound(t *testing.T) *Played {
	ok := End{After: time.Second, Outcome: run.Outcome{State: run.Success, Reason: run.Exited}}
	bad := End{After: 2 * time.Second, Outcome: run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1}}
	retry := func() *workflow.Retry {
		return &workflow.Retry{Max: 1, Delay: time.Second, Backoff: 1, MaxTime: time.Hour, ExitCodes: []int{1}}
	}
	wf := &workflow.Workflow{MaxWorkers: 2, ContinueOnError: true, Jobs: []workflow.Job{
		{ID: "a", Retry: retry()}, {ID: "b", Retry: retry()}, {ID: "c", Retry: retry(), Needs: []int{1}},
	}}
	trace, err := Simulate(Case{Attempts: []Attempt{{Workflow: wf, Options: plan.Options{Workers: 2}, Ends: [][]End{{ok}, {bad}, {ok}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return &trace.Attempts[0]
}

// at returns the first such transition of the trace, to be changed.
func (p *Played) at(job run.JobID, from, to run.State) *run.Transition {
	for i := range p.Steps {
		for k := range p.Steps[i].Output.Transitions {
			if t := &p.Steps[i].Output.Transitions[k]; t.Job == job && t.From == from && t.To == to {
				return t
			}
		}
	}
	panic("no such transition")
}

// step returns the step of that transition.
func (p *Played) step(job run.JobID, from, to run.State) *Step {
	for i := range p.Steps {
		for _, t := range p.Steps[i].Output.Transitions {
			if t.Job == job && t.From == from && t.To == to {
				return &p.Steps[i]
			}
		}
	}
	panic("no such transition")
}
