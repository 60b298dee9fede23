package runs

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fingerprint"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// maxNames is how many jobs a sentence names.
const maxNames = 5

// Decision is one recorded decision with the sentence that explains it.
type Decision struct {
	Seq      int64      `json:"seq"`
	Attempt  int        `json:"attempt"`
	At       time.Time  `json:"at"`
	Job      run.JobID  `json:"job,omitempty"`
	Try      int        `json:"try,omitempty"`
	From     run.State  `json:"from"`
	To       run.State  `json:"to"`
	Reason   run.Reason `json:"reason"`
	Sentence string     `json:"sentence"`
}

// Explain tells, one sentence per decision, what became of a run, or of one of its
// jobs when job is not empty. It adds why a job that has not started is waiting.
func Explain(d Details, job run.JobID) []Decision {
	e := newExplainer(d)
	var told []Decision
	for n := range d.History.Transitions {
		t := &d.History.Transitions[n]
		e.note(t)
		if t.Job == job {
			told = append(told, e.decision(t))
		}
	}
	for _, o := range d.History.Overrides {
		if o.Job == job && job != "" {
			told = append(told, Decision{Attempt: o.Attempt, At: o.At, Job: job, Sentence: markedSentence(o)})
		}
	}
	// What was declared by hand goes after the attempt that was the latest then. Not by
	// time: a clock may be set back.
	slices.SortStableFunc(told, func(a, b Decision) int { return cmp.Compare(a.Attempt, b.Attempt) })
	if waiting := e.waiting(job); waiting != "" {
		told = append(told, Decision{Attempt: d.View.Attempt, At: time.Now().UTC(), Job: job, Sentence: waiting})
	}
	return d.hide(told)
}

// ExplainFailures tells of each job that did not succeed the decision by which that
// was settled, in the order of the file.
func ExplainFailures(d Details) []Decision {
	e := newExplainer(d)
	last := make([]*Decision, len(d.View.Jobs))
	for n := range d.History.Transitions {
		t := &d.History.Transitions[n]
		e.note(t)
		i, ok := e.index[t.Job]
		if !ok || t.Mark() || t.Reason == run.AlreadySucceeded || !d.View.Jobs[i].Unsuccessful() {
			continue
		}
		if t.To.Ended() && t.Attempt == d.View.Jobs[i].Attempt {
			told := e.decision(t)
			last[i] = &told
		}
	}
	var told []Decision
	for _, decision := range last {
		if decision != nil {
			told = append(told, *decision)
		}
	}
	return d.hide(told)
}

func markedSentence(o run.Override) string {
	s := "It was declared successful by hand by " + o.By
	if o.Note != "" {
		s += ": " + o.Note
	}
	return s + "."
}

// explainer turns transitions into sentences. It remembers what happened before,
// because a cause may have a cause.
type explainer struct {
	details Details
	index   map[run.JobID]int
	options []Options                // of each attempt
	results map[run.JobID]run.Reason // how each job last ended badly
	states  map[run.JobID]run.State  // how each job stands
}

func newExplainer(d Details) *explainer {
	e := &explainer{details: d, index: indexOf(d.Workflow), results: map[run.JobID]run.Reason{}, states: map[run.JobID]run.State{}}
	for i := range d.Attempts {
		opt, err := decodeOptions(d.Attempts[i].Options)
		if err != nil {
			opt = Options{} // only the number of workers is told from them
		}
		e.options = append(e.options, opt)
	}
	return e
}

// note remembers how a job stands, and how it ended badly.
func (e *explainer) note(t *run.Transition) {
	if t.Reason == run.AlreadySucceeded || t.Reason == run.FailuresAllowed {
		return
	}
	if !t.Mark() {
		e.states[t.Job] = t.To
	}
	if t.Reason == run.ConditionFailed {
		e.results[t.Job] = t.Reason
	}
	if t.Job != "" && (t.To == run.Failed || t.To == run.Timeout || t.To == run.Cancelled) {
		e.results[t.Job] = t.Reason
	}
}

func (e *explainer) decision(t *run.Transition) Decision {
	return Decision{
		Seq: t.Seq, Attempt: t.Attempt, At: t.At, Job: t.Job, Try: t.Try,
		From: t.From, To: t.To, Reason: t.Reason, Sentence: e.sentence(t),
	}
}

func (e *explainer) sentence(t *run.Transition) string {
	if t.Job == "" {
		return runSentence(t)
	}
	switch {
	case t.Mark():
		return "It was asked to stop" + by(t.Detail) + "."
	case t.To == run.Queued && t.Reason == run.NotRecorded:
		return "It was started by the program that the run was imported from, which recorded no dependencies."
	case t.To == run.Queued && t.Reason == run.Retry:
		return fmt.Sprintf("It was queued again for try %d, because the wait after try %d is over.", t.Try+1, t.Try)
	case t.To == run.Queued:
		return e.queued(t.Job)
	case t.To == run.Running && e.imported(t.Attempt):
		return fmt.Sprintf("Try %d started.", t.Try)
	case t.To == run.Running:
		return fmt.Sprintf("Try %d started, because a worker was free (%d in all).", t.Try, e.workers(t.Attempt))
	case t.To == run.Skipped:
		return e.skipped(t)
	case t.To == run.Cancelled && t.Outcome == nil:
		return "It was not started, because " + cancelledBecause(t) + "."
	default:
		return endSentence(t) + e.allowed(t)
	}
}

// workers is how many jobs could run at once in an attempt.
func (e *explainer) workers(attempt int) int {
	var opt Options
	if attempt >= 1 && attempt <= len(e.options) {
		opt = e.options[attempt-1]
	}
	return opt.Plan(e.details.View.Run, attempt).Room(e.details.Workflow)
}

// imported reports whether an attempt was another program's.
func (e *explainer) imported(attempt int) bool {
	return attempt >= 1 && attempt <= len(e.options) && e.options[attempt-1].Imported
}

func cancelledBecause(t *run.Transition) string {
	switch t.Reason {
	case run.JobCancelled:
		return "it was cancelled" + by(t.Detail)
	case run.RunCancelled:
		return "the run was cancelled" + by(t.Detail)
	case run.Interrupted:
		return "the run was interrupted" + by(t.Detail)
	case run.RunTimedOut:
		return "the time of the whole run was over" + by(t.Detail)
	case run.EngineLost:
		return "the program that ran it was gone"
	default:
		return "the run was to start nothing more" + by(t.Detail)
	}
}

func by(detail string) string {
	if detail == "" {
		return ""
	}
	return " (" + detail + ")"
}

func endSentence(t *run.Transition) string {
	s := fmt.Sprintf("Try %d %s", t.Try, Ending(t))
	if late := t.At.Sub(t.EndedAt(time.Time{})); late > 0 {
		s += fmt.Sprintf("; that was %s before it was recorded here, when no program watched", late.Round(time.Millisecond))
	}
	if t.To != run.Failed && t.To != run.Timeout {
		return s + "."
	}
	if t.Until.IsZero() {
		return s + "; it is not tried again."
	}
	return s + fmt.Sprintf("; it is tried again after %s.", t.Until.Sub(t.At).Round(time.Millisecond))
}

// Ending says in a few words how a try ended, as in "failed with exit code 3".
func Ending(t *run.Transition) string { return ending(t) + detail(t) }

// ending is Ending without the detail.
func ending(t *run.Transition) string {
	switch {
	case t.To == run.Success && t.Reason == run.EmptyCommand:
		return "succeeded, because there was no command to run"
	case t.To == run.Success && t.Reason == run.UpToDate:
		return "did not have to run"
	case t.To == run.Success:
		return "succeeded"
	case t.Reason == run.Exited && t.Outcome != nil:
		return fmt.Sprintf("failed with exit code %d", t.Outcome.ExitCode)
	case t.Reason == run.Signal && t.Outcome != nil:
		return fmt.Sprintf("was ended by signal %d", t.Outcome.Signal)
	case t.Reason == run.TimedOut && t.Detail != "":
		return "was stopped" // the detail says all
	}
	if words, ok := endings[t.Reason]; ok {
		return words
	}
	return "ended as " + t.To.String() + " (" + string(t.Reason) + ")"
}

var endings = map[run.Reason]string{
	run.TimedOut:        "was stopped, because its time was over",
	run.OOMKilled:       "was killed by the kernel, because memory ran out",
	run.PrecheckFailed:  "was not run, because a pre-check failed",
	run.PostcheckFailed: "ended well, but a post-check failed",
	run.OutputInvalid:   "ended well, but what it handed on can't be read",
	run.StartFailed:     "could not be started",
	run.ItemsInvalid:    "could not become a job for each item",
	run.Lost:            "was lost",
	run.RunCancelled:    "was stopped, because the run was cancelled",
	run.Interrupted:     "was stopped, because the run was interrupted",
	run.JobCancelled:    "was stopped, because the job was cancelled",
	run.RunTimedOut:     "was stopped, because the time of the whole run was over",
	run.EngineLost:      "was stopped, because the run was no longer ours",
	run.NotRecorded:     "failed, and why was not recorded",
}

func detail(t *run.Transition) string {
	switch {
	case t.Detail == "" || t.Reason == run.Interrupted && t.Detail == os.Interrupt.String():
		return "" // which says it already
	case t.Reason == run.Signal && t.Outcome != nil:
		return signalDetail(t.Detail)
	case strings.HasPrefix(t.Detail, fingerprint.Ran): // why it ran is beside the point of how it ended
		return by(t.Detail)
	}
	return ": " + t.Detail
}

// signalDetail adds to a signal's number what its name says, and what came with it.
func signalDetail(text string) string {
	named, ok := strings.CutPrefix(text, "ended by SIG")
	if !ok {
		return ": " + text
	}
	name, rest, found := strings.Cut(named, "; ")
	if found {
		rest = ": " + rest
	}
	return ", SIG" + name + rest
}

func runSentence(t *run.Transition) string {
	switch {
	case t.Mark() && (t.Reason == run.EngineStopping || t.Reason == run.EngineLost):
		return "From here on the run started nothing more" + by(t.Detail) + "."
	case t.Mark() && t.Reason == run.Resumed:
		return "The program that ran it was gone, and another one went on with the same attempt" + by(t.Detail) + "."
	case t.Mark() && t.Reason == run.TimedOut:
		return "The time of the run was over" + by(t.Detail) + ": what ran was stopped."
	case t.Mark():
		return "The run was asked to stop" + by(t.Detail) + "."
	case t.To == run.Queued && t.Reason == run.Resumed:
		return fmt.Sprintf("The run was resumed: attempt %d.", t.Attempt)
	case t.To == run.Queued:
		return "The run was submitted."
	case t.To == run.Running:
		return "The run began."
	default:
		return runEnd(t)
	}
}

func runEnd(t *run.Transition) string {
	switch t.Reason {
	case run.AllSucceeded:
		return "The run succeeded: every job that had to run did so well."
	case run.FailuresAllowed:
		return "The run succeeded: every job that had to run did so well, but for such as may fail."
	case run.TimedOut:
		return "The run was stopped, because its time was over" + by(t.Detail) + "."
	case run.JobsLeft:
		return "The run is not done: what was selected succeeded, but jobs were left out that have not run yet."
	case run.JobFailed:
		return "The run failed, because at least one job did not succeed."
	case run.Stuck:
		return "The run was stuck: nothing ran and nothing could start. This is a bug of executioner; please report it."
	case run.EngineLost:
		return "The run ended, because the program that ran it was gone."
	case run.RunCancelled:
		return "The run was cancelled" + by(t.Detail) + "."
	case run.Interrupted:
		return "The run was interrupted" + by(t.Detail) + "."
	case run.EngineStopping:
		return "The run ended before all jobs had run, because it was to start nothing more" + by(t.Detail) + "."
	case run.NotRecorded:
		return "The run ended as " + t.To.String() + "; why was not recorded" + by(t.Detail) + "."
	default:
		return "The run ended as " + t.To.String() + " (" + string(t.Reason) + ")" + by(t.Detail) + "."
	}
}

// waiting says why a job of a run that goes on has not started.
func (e *explainer) waiting(id run.JobID) string {
	v := &e.details.View
	if id == "" || v.State.Ended() {
		return ""
	}
	i, ok := e.index[id]
	if !ok {
		return ""
	}
	switch j := &v.Jobs[i]; {
	case j.State == run.Queued && j.Attempt == v.Attempt:
		return fmt.Sprintf("It waits for a free worker: %d of %d are busy.", v.Counts.Running, e.workers(v.Attempt))
	case pending(v, j):
		return "It waits for " + e.unmet(i) + "."
	case j.RetryAt != nil:
		return "It waits until " + j.RetryAt.Local().Format("15:04:05") + " for its next try."
	default:
		return ""
	}
}

// pending reports whether the run's latest attempt has yet to come to a job.
func pending(v *View, j *JobView) bool {
	return j.State == run.Pending || j.Attempt < v.Attempt && j.passed < v.Attempt && j.State != run.Success && j.Override == nil
}

func (e *explainer) unmet(i int) string {
	var names []string
	for _, need := range e.waitsFor(i) {
		j := &e.details.View.Jobs[need]
		switch {
		case pending(&e.details.View, j):
			names = append(names, string(j.ID)+" (PENDING)")
		case !j.Over() && j.Override == nil:
			names = append(names, fmt.Sprintf("%s (%s)", j.ID, j.State))
		}
		if len(names) == maxNames {
			names = append(names, "…")
			break
		}
	}
	if len(names) == 0 && e.details.Workflow.Jobs[i].Hook != workflow.NoHook {
		return "the other jobs of the run to end"
	}
	if len(names) == 0 {
		return "the run to begin"
	}
	return strings.Join(names, ", ")
}

// waitsFor returns the jobs that must have ended before job i starts: what it needs, and
// for a job that cleans up, or waits for another ending than success, also what these
// need in turn.
func (e *explainer) waitsFor(i int) []int {
	jobs := e.details.Workflow.Jobs
	j := &jobs[i]
	if !j.Always && j.On == nil && j.Hook == workflow.NoHook {
		return j.Needs
	}
	all, seen := slices.Clone(j.Needs), make(map[int]bool)
	for _, need := range all {
		seen[need] = true
	}
	for n := 0; n < len(all); n++ {
		for _, need := range jobs[all[n]].Needs {
			if !seen[need] {
				seen[need] = true
				all = append(all, need)
			}
		}
	}
	return all
}
