package runs

import (
	"fmt"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// job returns the job with that id, or one without anything where the workflow has none.
func (e *explainer) job(id run.JobID) *workflow.Job {
	if i, ok := e.index[id]; ok {
		return &e.details.Workflow.Jobs[i]
	}
	return &workflow.Job{}
}

// queued says why a job may start.
func (e *explainer) queued(id run.JobID) string {
	j := e.job(id)
	s := "It was queued at once, because it depends on nothing"
	switch {
	case j.Hook == workflow.HookFailure:
		s = "It was queued, because the other jobs of the run have ended, and not all of them well"
	case j.Hook == workflow.HookSuccess:
		s = "It was queued, because the other jobs of the run have ended well"
	case len(j.Needs) == 0:
	case j.Always || j.On != nil:
		s = "It was queued, because what it waits for has ended so: " + e.list(j, func(need *workflow.Job) string {
			return string(need.ID) + " " + e.stood(need.ID)
		})
	default:
		s = "It was queued, because all it depends on is done: " + e.list(j, e.done)
	}
	if j.When != "" {
		s += "; its condition holds: " + j.When
	}
	return s + "."
}

// done names a job that is done, or counts as done.
func (e *explainer) done(j *workflow.Job) string {
	if s := e.states[j.ID]; j.ContinueOnError && (s == run.Failed || s == run.Timeout) {
		return string(j.ID) + " (which " + e.stood(j.ID) + ", and may fail)"
	}
	return string(j.ID)
}

// list says something of each job that a job needs; of many, of the first.
func (e *explainer) list(j *workflow.Job, say func(need *workflow.Job) string) string {
	said := make([]string, 0, maxNames+1)
	for n, need := range j.Needs {
		if n == maxNames {
			said = append(said, fmt.Sprintf("and %d more", len(j.Needs)-n))
			break
		}
		said = append(said, say(&e.details.Workflow.Jobs[need]))
	}
	return strings.Join(said, ", ")
}

// stood says how a job had ended.
func (e *explainer) stood(id run.JobID) string {
	switch e.states[id] {
	case run.Success:
		return "succeeded"
	case run.Skipped:
		return "was skipped"
	case run.Cancelled:
		return "was cancelled"
	default:
		return e.became(id)
	}
}

// became says how a job went wrong.
func (e *explainer) became(id run.JobID) string {
	switch e.results[id] {
	case run.TimedOut:
		return "ran out of time"
	case run.JobCancelled, run.RunCancelled:
		return "was cancelled"
	case run.ConditionFailed:
		return "has a condition that can't be evaluated"
	default:
		return "failed"
	}
}

// allowed adds to the end of a job that it may fail.
func (e *explainer) allowed(t *run.Transition) string {
	if (t.To == run.Failed || t.To == run.Timeout) && t.Until.IsZero() && e.job(t.Job).ContinueOnError {
		return " It may fail: the run goes on as if it had succeeded."
	}
	return ""
}

// before is added of a job that is passed over as it was in an earlier attempt.
const before = " in an earlier attempt, and only failed jobs were asked for now"

// skipped says why a job was not run.
func (e *explainer) skipped(t *run.Transition) string {
	switch t.Reason {
	case run.DependencyFailed:
		return fmt.Sprintf("It was skipped, because it depends on %s, which %s.", t.Cause, e.became(t.Cause))
	case run.StoppedOnFailure:
		return fmt.Sprintf("It was skipped, because %s %s and the run does not continue on errors.", t.Cause, e.became(t.Cause))
	case run.SkipRequested:
		return "It was skipped, because that was asked for; what depends on it goes on as if it had succeeded."
	case run.AlreadySucceeded:
		return "It was not run again, because it had succeeded in an earlier attempt."
	case run.FailuresAllowed:
		return "It was not run again: it failed in an earlier attempt, and may."
	case run.NotSelected:
		return "It was left out, because only failed jobs were asked for."
	case run.ConditionFailed:
		return "It was skipped, because its condition can't be evaluated" + detail(t) + ". That counts as a failure."
	case run.Stuck:
		return "It was skipped, because nothing ran and nothing could start. This is a bug of executioner; please report it."
	case run.NotRecorded:
		return "It was skipped; why was not recorded" + detail(t) + "."
	case run.ConditionFalse, run.DependencySkipped, run.NotNeeded:
		return "It was skipped, because " + e.idle(t) + "."
	default:
		return "It was skipped (" + string(t.Reason) + ")."
	}
}

// idle says why a job was not run though nothing is wrong.
func (e *explainer) idle(t *run.Transition) string {
	j := e.job(t.Job)
	switch {
	case t.Reason == run.ConditionFalse && t.Detail == "":
		return "its condition did not hold" + before
	case t.Reason == run.ConditionFalse:
		return "its condition does not hold: " + t.Detail
	case t.Reason == run.DependencySkipped && t.Cause == "":
		return "what it depends on was skipped" + before
	case t.Reason == run.DependencySkipped:
		return fmt.Sprintf("it depends on %s, which was skipped", t.Cause)
	case j.Hook != workflow.NoHook:
		return "it " + hookOnly(j.Hook)
	case t.Cause == "":
		return "what it waits for ended otherwise" + before
	}
	for n, need := range j.Needs {
		if e.details.Workflow.Jobs[need].ID == t.Cause {
			return fmt.Sprintf("it runs only if %s %s, and it %s", t.Cause, onText(j.Ending(n)), e.stood(t.Cause))
		}
	}
	return fmt.Sprintf("it waits for another ending of %s", t.Cause)
}

// hookOnly says when a hook runs.
func hookOnly(h workflow.Hook) string {
	if h == workflow.HookSuccess {
		return "runs only at the end of a run that succeeds"
	}
	return "runs only at the end of a run that does not succeed"
}

// onText says which ending a job waits for, as in "if load fails".
func onText(on workflow.Ending) string {
	switch on {
	case workflow.OnFailure:
		return "fails"
	case workflow.OnSkipped:
		return "is skipped"
	case workflow.OnDone:
		return "has ended"
	default:
		return "succeeds"
	}
}
