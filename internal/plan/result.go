package plan

import "github.com/executionerhq/executioner/internal/run"

// Result is what became of a job, over all attempts up to some point.
type Result struct {
	State      run.State
	Reason     run.Reason
	ExitCode   int        // of the last try
	Values     run.Values // what it handed on when it succeeded
	Attempt    int        // the attempt in which it got there
	Failed     bool       // a try failed and none has succeeded since, whatever the state is by now
	Repeating  bool       // it was to be tried again when its attempt ended
	Overridden bool       // declared successful by hand since
}

// Succeeded reports whether the job need not run again.
func (r Result) Succeeded() bool { return r.State == run.Success || r.Overridden }

// Idle reports whether the job was skipped though nothing was wrong: its condition, or
// that of what it needs, did not hold, or what it waits for ended in another way.
func (r Result) Idle() bool {
	return r.State == run.Skipped && !r.Overridden &&
		(r.Reason == run.ConditionFalse || r.Reason == run.DependencySkipped || r.Reason == run.NotNeeded)
}

// failedForGood reports whether the job failed and had no try left.
func (r Result) failedForGood() bool {
	return (r.State == run.Failed || r.State == run.Timeout) && !r.Repeating
}

// Results folds a run's history, up to and with attempt upTo, into each job's latest
// result. Being passed over because of what it was does not change a result.
// Jobs of which nothing was recorded are not in it.
func Results(history []run.Transition, overrides []run.Override, upTo int) map[run.JobID]Result {
	results := make(map[run.JobID]Result)
	override := func(attempt int) {
		for len(overrides) > 0 && overrides[0].Attempt <= attempt {
			r := results[overrides[0].Job]
			r.Overridden = true
			results[overrides[0].Job] = r
			overrides = overrides[1:]
		}
	}
	for n := range history {
		t := &history[n]
		if t.Attempt > upTo {
			break
		}
		override(t.Attempt - 1)
		if t.Job == "" || keeps(t.Reason) {
			continue
		}
		r := results[t.Job]
		if t.Mark() {
			r.Repeating = false // it was cancelled while it waited
			results[t.Job] = r
			continue
		}
		results[t.Job] = r.after(t)
	}
	override(upTo)
	return results
}

// after returns the result after a transition of the job.
func (r Result) after(t *run.Transition) Result {
	next := Result{State: t.To, Reason: t.Reason, Attempt: t.Attempt, Repeating: !t.Until.IsZero()}
	bad := t.To == run.Failed || t.To == run.Timeout || t.Reason == run.ConditionFailed
	next.Failed = bad || t.To != run.Success && r.Failed
	if t.Outcome != nil {
		next.ExitCode = t.Outcome.ExitCode
		next.Values = handed(t)
	}
	return next
}
