package plan

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Input is something that happened. The set is closed.
type Input interface{ input() }

// Begin starts the attempt. It is the first input of a new plan, and harmless later.
type Begin struct{}

// Finished tells how a try ended. A late, stale or duplicate one changes nothing.
type Finished struct {
	Job     int // index into Plan.Workflow().Jobs
	Try     int
	Outcome run.Outcome
}

// Tick tells that time has passed, as Output.Wake asked.
type Tick struct{}

// Admitted starts a task that was offered, see Options.Offer. One that may not start any
// more is not among Output.Start.
type Admitted struct {
	Job int // index into Workflow.Jobs
	Try int
}

// Cancel ends the run: what runs is stopped, nothing more starts.
type Cancel struct {
	Reason run.Reason // RunCancelled or Interrupted; anything else counts as RunCancelled
	Detail string     // who asked
}

// CancelJob stops one job, or keeps it from starting. What needs it is skipped.
// Of a job that has become several it stops these as well.
type CancelJob struct {
	Job    int
	ID     run.JobID // of the job, whose index counts for nothing then: it may be one that has come later
	Detail string
}

// Drain lets what runs finish and starts nothing more.
type Drain struct {
	Reason run.Reason // EngineStopping or EngineLost; anything else counts as EngineStopping
	Detail string
}

func (Begin) input()     {}
func (Finished) input()  {}
func (Tick) input()      {}
func (Admitted) input()  {}
func (Cancel) input()    {}
func (CancelJob) input() {}
func (Drain) input()     {}

func (c Cancel) reason() run.Reason {
	if c.Reason == run.Interrupted {
		return run.Interrupted
	}
	return run.RunCancelled
}

func (d Drain) reason() run.Reason {
	if d.Reason == run.EngineLost {
		return run.EngineLost
	}
	return run.EngineStopping
}

// Output is what a step decided. The caller records Transitions, in one transaction,
// before it acts on anything else.
type Output struct {
	Transitions []run.Transition
	Ready       []Task // may start as soon as there is an Admitted for them; only with Options.Offer
	Start       []Task
	Stop        []Stop
	Wake        time.Time    // call Step(Tick) then; zero: not needed
	Done        *run.Summary // set exactly once, by the step that ends the attempt
}

// Task is one try that is to be started now.
type Task struct {
	Job int // index into Plan.Workflow().Jobs
	Try int
}

// Stop is a running try that is to be ended now, and how that is to be recorded.
type Stop struct {
	Job    int
	Try    int
	State  run.State
	Reason run.Reason
	Detail string
}
