package simtest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Predict says what must become of each attempt of a case. It knows the rules and
// nothing of the plan: no counters, no queues, no heaps; after each event it looks at
// all jobs again and again until nothing changes.
//
// How long a jittered wait is, is the plan's to choose: waits says what it chose for a
// try, and an error is returned when that is outside the bounds. start says when an
// attempt began.
func Predict(c Case, waits func(attempt int, job run.JobID, try int) time.Duration, start func(attempt int) time.Time) ([]Story, error) {
	var stories []Story
	known := make(map[run.JobID]past)
	for n := range c.Attempts {
		o := newOracle(&c.Attempts[n], known)
		o.began = start(n + 1)
		o.waits = func(job run.JobID, try int) time.Duration { return waits(n+1, job, try) }
		stories = append(stories, o.tell())
		if o.err != nil {
			return nil, fmt.Errorf("attempt %d: %w", n+1, o.err)
		}
		o.remember(known)
		for _, id := range c.Attempts[n].Overrides {
			p := known[id]
			p.done, p.State, p.ExitCode = true, run.Success, 0 // and its values are what they were
			known[id] = p
		}
	}
	return stories, nil
}

// past is what earlier attempts leave behind about a job.
type past struct {
	plan.Fact      // how it stood; its values are those of a success
	done      bool // it succeeded, or somebody said so
	failed    bool // it failed and has not succeeded since
	cut       bool // it had a try to come when its attempt ended
}

// uncalled reports whether the job was skipped though nothing was wrong.
func (p past) uncalled() bool {
	return !p.done && slices.Contains([]run.Reason{run.ConditionFalse, run.DependencySkipped, run.NotNeeded}, p.Reason)
}

type oracle struct {
	*Attempt
	jobs  []node
	chain []time.Duration // the longest chain that begins with each job
	now   time.Duration
	waits func(job run.JobID, try int) time.Duration
	err   error

	began time.Time

	asked   run.Reason // why the run was stopped or drained
	latest  run.Reason // what was asked for last
	stopped bool       // jobs are stopped: it was cancelled, or its time was over
	all     bool       // those that clean up as well
	drained bool       // nothing starts
	cut     bool       // a job lost its next try by that
	stopper run.JobID  // whose failure ended a run that does not continue on errors
	verdict workflow.Hook
	ended   int // jobs that have ended for good
	events  int // that have happened
	story   Story
	asks    []Ask
	begun   bool
}

type node struct {
	workflow.Job
	Fate
	decided   run.Reason // why this attempt does not run it
	before    past
	everBad   bool // one of its tries failed
	told      bool // to stop, or not to be repeated
	repeating bool // failed and waiting for another try
	first     time.Duration
	due       time.Duration // of the next try, while repeating
	ends      time.Duration // of the current try, while running
	outcome   run.Outcome   // of the current try
	code      int           // exit code of the last try that ended
	stopping  bool
	killed    int  // the event by which its outcome became that of a stop
	lostTry   bool // a cancel or a drain took its next try
	place     int  // among the jobs that have ended for good, from 1
}

func newOracle(a *Attempt, known map[run.JobID]past) *oracle {
	o := &oracle{Attempt: a, asks: a.Asks}
	for _, j := range a.Workflow.Jobs {
		o.jobs = append(o.jobs, node{Job: j, before: known[j.ID], code: run.NoExitCode})
	}
	o.chain = o.chains()
	o.decide(known)
	o.growEarlier(known)
	return o
}

// decide says of each job why this attempt does not run it.
func (o *oracle) decide(known map[run.JobID]past) {
	for i := range o.jobs {
		o.jobs[i].decided = o.decision(i, o.jobs[i].before)
	}
	for len(known) > 0 && o.decideAgain() {
	}
}

// decision says why job i is not run in this attempt; empty when it is.
func (o *oracle) decision(i int, before past) run.Reason {
	skip, again := o.skips(i), o.isOrNeeds(i, o.Options.From)
	switch {
	case o.jobs[i].Hook != "" && skip:
		return run.SkipRequested
	case o.jobs[i].Hook != "":
		return ""
	case before.done && !again:
		return run.AlreadySucceeded
	case (before.State == run.Failed || before.State == run.Timeout) && !before.cut && o.jobs[i].ContinueOnError && !again:
		return run.FailuresAllowed
	case skip:
		return run.SkipRequested
	case again:
		return ""
	case o.Options.FailedOnly && !before.failed && before.uncalled():
		return before.Reason
	case o.Options.FailedOnly && !before.failed:
		return run.NotSelected
	}
	return ""
}

// decideAgain finds a job that is not to run, but looks after one that is.
func (o *oracle) decideAgain() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.decided == "" || j.Hook != "" || !j.Always && j.On == nil || o.skips(i) {
			continue
		}
		if slices.ContainsFunc(j.Needs, func(n int) bool { return o.jobs[n].decided == "" }) {
			j.decided = ""
			return true
		}
	}
	return false
}

// isOrNeeds reports whether job i is one of ids or needs one of them, directly or not.
func (o *oracle) isOrNeeds(i int, ids []run.JobID) bool {
	if len(ids) == 0 {
		return false
	}
	reach := make([]bool, len(o.jobs))
	for range o.jobs {
		for k, j := range o.jobs {
			needs := slices.ContainsFunc(j.Needs, func(n int) bool { return reach[n] })
			reach[k] = needs || slices.Contains(ids, j.ID) || slices.Contains(ids, j.Group)
		}
	}
	return reach[i]
}

// tell plays the attempt: whatever happens next, and what follows from it, to the end.
func (o *oracle) tell() Story {
	for o.err == nil {
		if !o.happen() {
			o.err = fmt.Errorf("the oracle does not know what happens next at %s", o.now)
			break
		}
		o.note()
		o.expire()
		for o.settle() {
			o.note()
		}
		o.requeue()
		o.start()
		if o.over() {
			break
		}
	}
	o.story.Jobs = make(map[run.JobID]Fate)
	for i := range o.jobs {
		o.story.Jobs[o.jobs[i].ID] = o.jobs[i].Fate
	}
	o.story.End = o.now
	o.story.Counts = o.count(anyJob)
	o.story.State, o.story.Reason = o.result(anyJob)
	return o.story
}

// happen lets the next event happen: the beginning, something that is asked for, the end of a
// try, the end of a wait. At the same time they come in this order.
func (o *oracle) happen() bool {
	o.events++
	ask, end, due := o.next()
	begin := never
	if !o.begun {
		begin = 0
	}
	switch at := min(begin, ask, end, due, o.deadline()); {
	case at == never:
		return false
	case at == begin && (!o.Early || ask > 0):
		o.begin()
	case at == ask:
		o.now = at
		o.begin()
		o.note()
		o.ask(o.asks[0].Input)
		o.asks = o.asks[1:]
	case at == end:
		o.now = at
		o.end(o.ending())
	default:
		o.now = at
	}
	return true
}

const never = time.Duration(math.MaxInt64)

// next returns when the next ask, the next end of a try and the next end of a wait come.
func (o *oracle) next() (ask, end, due time.Duration) {
	ask, end, due = never, never, never
	if len(o.asks) > 0 {
		ask = o.asks[0].After
	}
	if i := o.ending(); i >= 0 {
		end = o.jobs[i].ends
	}
	for i := range o.jobs {
		if j := &o.jobs[i]; j.repeating && j.due > o.now {
			due = min(due, j.due)
		}
	}
	return ask, end, due
}

// ending returns the running job whose try ends first; of several the first in the file.
func (o *oracle) ending() int {
	first := -1
	for i := range o.jobs {
		if j := &o.jobs[i]; j.State == run.Running && (first < 0 || j.ends < o.jobs[first].ends) {
			first = i
		}
	}
	return first
}

// end lets the current try of job i end.
func (o *oracle) end(i int) {
	j := &o.jobs[i]
	j.State, j.Reason, j.code = j.outcome.State, j.outcome.Reason, j.outcome.ExitCode
	if j.State == run.Failed || j.State == run.Timeout {
		j.everBad = true
		switch {
		case o.drained || o.mustStop(j) || j.told:
		case j.Reason == run.Lost:
			if j.Idempotent && j.outcome.Survivors == 0 && j.Tries <= j.Retry.Max+3 {
				j.repeating, j.due = true, o.now
			}
		case o.repeats(j):
			j.repeating, j.due = true, o.now+o.wait(j)
		}
	}
	if j.State == run.Success {
		o.grow(i)
	}
}

// repeats reports whether the policy repeats the try that just ended.
func (o *oracle) repeats(j *node) bool {
	byStatus := false
	for _, status := range j.Retry.OnStatus {
		switch status {
		case "ERROR":
			byStatus = byStatus || j.Reason == run.StartFailed
		case "TIMEOUT":
			byStatus = byStatus || j.State == run.Timeout
		case "PRECHECK_FAILED":
			byStatus = byStatus || j.Reason == run.PrecheckFailed
		case "POSTCHECK_FAILED":
			byStatus = byStatus || j.Reason == run.PostcheckFailed
		case "FAILED":
			byStatus = byStatus || j.State == run.Failed && j.Reason != run.StartFailed && j.Reason != run.PrecheckFailed
		}
	}
	if j.Reason == run.ItemsInvalid {
		return false
	}
	byCode := j.outcome.ExitCode >= 1 && slices.Contains(j.Retry.ExitCodes, j.outcome.ExitCode)
	tries, inTime := j.Tries < j.Retry.Max+1, o.now <= j.first+j.Retry.MaxTime
	return tries && inTime && (byStatus || byCode)
}

// wait returns how long to wait after the try that just ended.
func (o *oracle) wait(j *node) time.Duration {
	plain := float64(j.Retry.Delay)
	for range j.Tries - 1 {
		plain *= j.Retry.Backoff
	}
	if j.Retry.Jitter == 0 {
		return time.Duration(plain)
	}
	chosen := o.waits(j.ID, j.Tries)
	least := max(plain*(1-j.Retry.Jitter), float64(100*time.Millisecond))
	most := max(plain*(1+j.Retry.Jitter), float64(100*time.Millisecond))
	if f := float64(chosen); f < least-1000 || f > most {
		o.err = fmt.Errorf("job %s waits %s after try %d, not between %g and %g", j.ID, chosen, j.Tries, least, most)
	}
	return chosen
}

// note gives each job that has ended for good its place among them, and sees what
// follows from that for the whole run.
func (o *oracle) note() {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.place == 0 && j.State.Ended() && !j.repeating {
			o.ended++
			j.place = o.ended
			continues := o.Options.ContinueOnError || o.Workflow.ContinueOnError
			if o.stopper == "" && o.asked == "" && !continues && j.Hook == "" && (j.bad() && !j.ContinueOnError || j.State == run.Cancelled) {
				o.stopper = j.ID
			}
		}
	}
	if o.verdict == "" && !slices.ContainsFunc(o.jobs, func(j node) bool { return j.Hook == "" && j.place == 0 }) {
		o.verdict = workflow.HookFailure
		if state, _ := o.result(func(j *node) bool { return j.Hook == "" }); state == run.Success {
			o.verdict = workflow.HookSuccess
		}
	}
}
