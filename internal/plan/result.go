package plan

import "github.com/executionerhq/executioner/internal/run"

// Result is what became of a job, over all attempts up to some point.
type Result struct {
	State      run.State
	Reason     run.Reason
	Attempt    int  // the attempt in which it got there
	Failed     bool // a try failed and none has succeeded since, whatever the state is by now
	Overridden bool // declared successful by hand since
}

// Succeeded reports whether the job need not run again.
func (r Result) Succeeded() bool { return r.State == run.Success || r.Overridden }

// Results folds a run's history, up to and with attempt upTo, into each job's latest
// result. Being passed over because it had succeeded already does not change a result.
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
		if t.Job == "" || t.Mark() || t.Reason == run.AlreadySucceeded {
			continue
		}
		failed := t.To == run.Failed || t.To == run.Timeout || t.To != run.Success && results[t.Job].Failed
		results[t.Job] = Result{State: t.To, Reason: t.Reason, Attempt: t.Attempt, Failed: failed}
	}
	override(upTo)
	return results
}
