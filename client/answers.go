package client

import (
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// What requests and answers consist of. Their JSON is that of docs/json.md.
type (
	// RunID is the number of a run.
	RunID = run.ID
	// JobID is the id of a job.
	JobID = run.JobID
	// State is how a run or a job stands.
	State = run.State
	// Reason says why, from a closed list.
	Reason = run.Reason
	// Counts are the jobs of a run by how they stand.
	Counts = run.Counts
	// Run is a run as runs show has it; in lists without jobs.
	Run = runs.View
	// RunJob is a job of a run, as of the last attempt that ran it.
	RunJob = runs.JobView
	// Decision is a recorded decision with the sentence that explains it.
	Decision = runs.Decision
	// Transition is one recorded change of state.
	Transition = wire.Transition
	// Outcome is how a try ended.
	Outcome = wire.Outcome
	// Transitions is a page of these.
	Transitions = wire.Transitions
	// Attempt is one continuation of a run.
	Attempt = wire.Attempt
	// Try is one start of a job's command.
	Try = wire.Try
	// Details are a run with all that is recorded of it.
	Details = wire.Details
	// Flow names a registered workflow, or has the text of one.
	Flow = wire.Flow
	// Options say how an attempt differs from what its workflow says.
	Options = wire.Options
	// Variable is one environment variable.
	Variable = wire.Variable
	// Submission asks for a new run.
	Submission = wire.Submit
	// Submitted is a run that was submitted.
	Submitted = wire.Submitted
	// Resumption asks for the next attempt of a run.
	Resumption = wire.Resume
	// Cancellation asks for the end of a run, or of some of its jobs.
	Cancellation = wire.Cancel
	// Marking declares jobs successful by hand.
	Marking = wire.MarkRequest
	// Marked is what was recorded of that.
	Marked = wire.Marked
	// RunPage is a page of runs.
	RunPage = wire.List
	// Explanation is why each thing happened.
	Explanation = wire.Explanation
	// Checked is what is wrong with a workflow.
	Checked = wire.Checked
)

// The states.
const (
	StatePending   = run.Pending
	StateQueued    = run.Queued
	StateRunning   = run.Running
	StateSuccess   = run.Success
	StateFailed    = run.Failed
	StateTimeout   = run.Timeout
	StateSkipped   = run.Skipped
	StateCancelled = run.Cancelled
)
