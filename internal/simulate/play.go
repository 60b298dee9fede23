package simulate

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Exit is a try whose command ends by itself.
func Exit(code int, took time.Duration) Play {
	o := run.Outcome{State: run.Success, Reason: run.Exited, ExitCode: code}
	if code != 0 {
		o.State = run.Failed
	}
	return Play{Took: took, Outcome: o}
}

// TimedOut is a try that goes on until its time is over.
func TimedOut(j *workflow.Job) Play {
	return Play{Took: j.Timeout, Outcome: run.Outcome{State: run.Timeout, Reason: run.TimedOut, ExitCode: run.NoExitCode}}
}

// Of returns how a try of a job really goes: one without a command succeeds at once,
// one that is to become jobs for items which nobody knows fails, and none goes on for
// longer than the job may.
func Of(j *workflow.Job, p Play) Play {
	switch {
	case j.Each != nil:
		return Play{Outcome: run.Failure(run.ItemsInvalid, j.Each.Unknown())}
	case j.Command == "":
		return Play{Outcome: run.Outcome{State: run.Success, Reason: run.EmptyCommand}}
	case p.Took > j.Timeout:
		return TimedOut(j)
	}
	return p
}
