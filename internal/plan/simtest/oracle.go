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
// try, and an error is returned when that is outside the bounds.
func Predict(c Case, waits func(attempt int, job run.JobID, try int) time.Duration) ([]Story, error) {
	var stories []Story
	known := make(map[run.JobID]past)
	for n := range c.Attempts {
		o := newOracle(&c.Attempts[n], known)
		o.waits = func(job run.JobID, try int) time.Duration { return waits(n+1, job, try) }
		stories = append(stories, o.tell())
		if o.err != nil {
			return nil, fmt.Errorf("attempt %d: %w", n+1, o.err)
		}
		o.remember(known)
		for _, id := range c.Attempts[n].Overrides {
			known[id] = past{done: true, failed: known[id].failed}
		}
	}
	return stories, nil
}

// past is what earlier attempts leave behind about a job.
type past struct {
	done   bool // it succeeded, or somebody said so
	failed bool // it failed and has not succeeded since
}

type oracle struct {
	*Attempt
	jobs  []node
	chain []time.Duration // the longest chain that begins with each job
	now   time.Duration
	waits func(job run.JobID, try int) time.Duration
	err   error

	asked     run.Reason // why the run was cancelled or drained
	cancelled bool       // not only drained
	stopper   run.JobID  // whose failure ended a run that does not continue on errors
	story     Story
	asks      []Ask
	begun     bool
}

type node struct {
	workflow.Job
	Fate
	decided   run.Reason // why this attempt does not run it
	everBad   bool       // one of its tries failed
	told      bool       // to stop, or not to be repeated
	repeating bool       // failed and waiting for another try
	first     time.Duration
	due       time.Duration // of the next try, while repeating
	ends      time.Duration // of the current try, while running
	outcome   run.Outcome   // of the current try
	stopping  bool
}

func newOracle(a *Attempt, known map[run.JobID]past) *oracle {
	o := &oracle{Attempt: a, asks: a.Asks}
	for _, j := range a.Workflow.Jobs {
		o.jobs = append(o.jobs, node{Job: j})
	}
	for i := range o.jobs {
		o.jobs[i].decided = o.decision(i, known[o.jobs[i].ID])
	}
	o.chain = o.chains()
	return o
}

// decision says why job i is not run in this attempt; empty when it is.
func (o *oracle) decision(i int, before past) run.Reason {
	switch {
	case before.done && !o.isOrNeeds(i, o.Options.From):
		return run.AlreadySucceeded
	case slices.Contains(o.Options.Skip, o.jobs[i].ID):
		return run.SkipRequested
	case o.isOrNeeds(i, o.Options.From):
		return ""
	case o.Options.FailedOnly && !before.failed:
		return run.NotSelected
	}
	return ""
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
			reach[k] = needs || slices.Contains(ids, j.ID)
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
		o.settle()
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
	o.story.Counts = o.count()
	o.story.State, o.story.Reason = o.result()
	return o.story
}

// happen lets the next event happen: the beginning, something that is asked for, the end of a
// try, the end of a wait. At the same time they come in this order.
func (o *oracle) happen() bool {
	ask, end, due := o.next()
	begin := never
	if !o.begun {
		begin = 0
	}
	switch at := min(begin, ask, end, due); {
	case at == never:
		return false
	case at == begin && (!o.Early || ask > 0):
		o.begin()
	case at == ask:
		o.now = at
		o.begin()
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
		if j := &o.jobs[i]; j.repeating && o.asked == "" && j.due > o.now {
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

// begin skips what this attempt does not run.
func (o *oracle) begin() {
	if o.begun {
		return
	}
	o.begun = true
	for i := range o.jobs {
		if j := &o.jobs[i]; j.decided != "" {
			j.State, j.Reason = run.Skipped, j.decided
		}
	}
}

func (o *oracle) ask(in plan.Input) {
	switch in := in.(type) {
	case plan.Cancel:
		if !o.cancelled {
			o.cancelled, o.asked = true, in.Reason
			for i := range o.jobs {
				o.kill(i, in.Reason)
			}
		}
	case plan.Drain:
		if o.asked == "" {
			o.asked = in.Reason
		}
	case plan.CancelJob:
		o.askJob(in.Job)
	}
}

func (o *oracle) askJob(i int) {
	switch j := &o.jobs[i]; {
	case j.State == run.Pending || j.State == run.Queued:
		j.State, j.Reason = run.Cancelled, run.JobCancelled
	case j.State == run.Running && o.cancelled:
		j.told = true // it is being stopped already
	case j.State == run.Running:
		j.told = true
		o.kill(i, run.JobCancelled)
	case j.repeating:
		j.told, j.repeating = true, false
	}
}

// kill ends job i, if it runs, after its grace, unless it ends by itself before that.
func (o *oracle) kill(i int, reason run.Reason) {
	j := &o.jobs[i]
	if j.State != run.Running || j.stopping {
		return
	}
	j.stopping = true
	if at := o.now + o.Attempt.end(i, j.Tries).Grace; at < j.ends {
		j.ends, j.outcome = at, run.Outcome{State: run.Cancelled, Reason: reason, ExitCode: run.NoExitCode}
	}
}

// end lets the current try of job i end.
func (o *oracle) end(i int) {
	j := &o.jobs[i]
	j.State, j.Reason = j.outcome.State, j.outcome.Reason
	if j.State == run.Failed || j.State == run.Timeout {
		j.everBad = true
		switch {
		case o.asked != "" || j.told:
		case j.Reason == run.Lost:
			if j.Idempotent && j.outcome.Survivors == 0 && j.Tries <= j.Retry.Max+3 {
				j.repeating, j.due = true, o.now
			}
		case o.repeats(j):
			j.repeating, j.due = true, o.now+o.wait(j)
		}
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

// halted reports whether nothing starts any more.
func (o *oracle) halted() bool { return o.asked != "" || o.stopper != "" }

// settle skips, ends or queues jobs until nothing changes any more.
func (o *oracle) settle() {
	if !o.halted() && !o.Options.ContinueOnError && !o.Workflow.ContinueOnError {
		for i := range o.jobs {
			if o.jobs[i].bad() {
				o.stopper = o.jobs[i].ID
			}
		}
	}
	for o.skipOne() {
	}
	for i := range o.jobs {
		j := &o.jobs[i]
		waits := j.State == run.Pending || j.State == run.Queued
		switch {
		case waits && j.Tries > 0 && o.asked == "":
			// it has started and goes on
		case waits && o.stopper != "" && o.asked == "":
			j.State, j.Reason, j.Cause = run.Skipped, run.StoppedOnFailure, o.stopper
		case waits && o.asked != "":
			j.State, j.Reason = run.Cancelled, o.asked
		case j.State == run.Pending && !slices.ContainsFunc(j.Needs, func(n int) bool { return !o.jobs[n].good() }):
			j.State, j.Reason = run.Queued, run.DependenciesMet
		}
	}
}

// skipOne skips a job that needs one that went wrong.
func (o *oracle) skipOne() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.State != run.Pending {
			continue
		}
		for _, n := range j.Needs {
			need := &o.jobs[n]
			if need.bad() {
				j.State, j.Reason, j.Cause = run.Skipped, run.DependencyFailed, need.ID
				return true
			}
			if need.Reason == run.DependencyFailed {
				j.State, j.Reason, j.Cause = run.Skipped, run.DependencyFailed, need.Cause
				return true
			}
		}
	}
	return false
}

// bad reports whether a job went wrong for good.
func (j *node) bad() bool {
	return (j.State == run.Failed || j.State == run.Timeout) && !j.repeating || j.State == run.Cancelled
}

// good reports whether what needs the job may start.
func (j *node) good() bool {
	return j.State == run.Success || j.State == run.Skipped && j.decided != ""
}

// requeue queues what has waited long enough.
func (o *oracle) requeue() {
	for i := range o.jobs {
		if j := &o.jobs[i]; j.repeating && o.asked == "" && j.due <= o.now {
			j.State, j.Reason, j.repeating = run.Queued, run.Retry, false
		}
	}
}

// start starts the best of the queued jobs, again and again, while there is room.
func (o *oracle) start() {
	inOrder := (o.Options.Sequential || o.Workflow.Sequential) && !o.Options.Parallel
	if inOrder && slices.ContainsFunc(o.jobs, func(j node) bool { return j.repeating }) {
		return
	}
	for o.count().Running < o.room() {
		best := -1
		for i := range o.jobs {
			if o.jobs[i].State == run.Queued && (best < 0 || o.better(i, best)) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		j := &o.jobs[best]
		j.State, j.Reason, j.stopping = run.Running, run.Started, false
		j.Tries++
		if j.Tries == 1 {
			j.first = o.now
		}
		end := o.Attempt.end(best, j.Tries)
		j.ends, j.outcome = o.now+end.After, end.Outcome
		o.story.Starts = append(o.story.Starts, Start{Job: j.ID, Try: j.Tries, At: o.now})
	}
}

func (o *oracle) sequential() bool {
	return !o.Options.Parallel && (o.Options.Sequential || o.Workflow.Sequential)
}

func (o *oracle) room() int {
	switch {
	case o.sequential():
		return 1
	case o.Options.Workers != 0:
		return max(1, o.Options.Workers)
	}
	return max(1, o.Workflow.MaxWorkers)
}

// better reports whether queued job a, which is behind b in the file, starts before b.
func (o *oracle) better(a, b int) bool {
	if o.sequential() {
		return false
	}
	if o.jobs[a].Priority != o.jobs[b].Priority {
		return o.jobs[a].Priority > o.jobs[b].Priority
	}
	return o.chain[a] > o.chain[b]
}

// chains returns how long the longest chain is that begins with each job.
func (o *oracle) chains() []time.Duration {
	longest := make([]time.Duration, len(o.jobs))
	for range o.jobs {
		for k := range o.jobs {
			longest[k] = o.expected(k)
			for d := range o.jobs {
				if slices.Contains(o.jobs[d].Needs, k) {
					longest[k] = max(longest[k], o.expected(k)+longest[d])
				}
			}
		}
	}
	return longest
}

func (o *oracle) expected(i int) time.Duration {
	if i < len(o.Options.Expected) {
		return max(1, o.Options.Expected[i])
	}
	return time.Second
}

// over reports whether nothing runs and nothing will.
func (o *oracle) over() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.State == run.Running || j.repeating && o.asked == "" {
			return false
		}
	}
	return true
}

func (o *oracle) count() run.Counts {
	c := run.Counts{Total: len(o.jobs)}
	for i := range o.jobs {
		switch j := &o.jobs[i]; {
		case j.State == run.Running:
			c.Running++
		case j.State == run.Success, j.Reason == run.AlreadySucceeded:
			c.Succeeded++
		case j.State == run.Failed, j.State == run.Timeout:
			c.Failed++
		case j.State == run.Skipped:
			c.Skipped++
		case j.State == run.Cancelled:
			c.Cancelled++
		}
	}
	return c
}

// result says how the attempt ended. What the user asked for wins if it kept or stopped
// a job; then failures; then what the engine asked for.
func (o *oracle) result() (run.State, run.Reason) {
	c := o.count()
	if o.cancelled && (c.Cancelled > 0 || slices.ContainsFunc(o.jobs, func(j node) bool { return j.repeating })) {
		return run.Cancelled, o.asked
	}
	if c.Failed > 0 {
		if o.asked == run.EngineLost {
			return run.Failed, run.EngineLost
		}
		return run.Failed, run.JobFailed
	}
	if c.Cancelled > 0 {
		if o.asked != "" {
			return run.Cancelled, o.asked
		}
		return run.Failed, run.JobFailed
	}
	if slices.ContainsFunc(o.jobs, func(j node) bool { return j.Reason == run.NotSelected }) {
		return run.Failed, run.JobsLeft
	}
	return run.Success, run.AllSucceeded
}

// remember keeps what later attempts must know.
func (o *oracle) remember(known map[run.JobID]past) {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.Reason == run.AlreadySucceeded {
			continue
		}
		done := j.State == run.Success
		known[j.ID] = past{done: done, failed: !done && (j.everBad || known[j.ID].failed)}
	}
}
