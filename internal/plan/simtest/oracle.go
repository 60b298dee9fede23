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
			p.done, p.State, p.ExitCode = true, run.Success, 0
			known[id] = p
		}
	}
	return stories, nil
}

// past is what earlier attempts leave behind about a job.
type past struct {
	plan.Fact      // how it stood
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
	for i := range o.jobs {
		o.jobs[i].decided = o.decision(i, o.jobs[i].before)
	}
	for len(known) > 0 && o.decideAgain() {
	}
	o.chain = o.chains()
	return o
}

// decision says why job i is not run in this attempt; empty when it is.
func (o *oracle) decision(i int, before past) run.Reason {
	skip, again := slices.Contains(o.Options.Skip, o.jobs[i].ID), o.isOrNeeds(i, o.Options.From)
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
		if j.decided == "" || j.Hook != "" || !j.Always && j.On == nil || slices.Contains(o.Options.Skip, j.ID) {
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
	cleaning := slices.ContainsFunc(o.jobs, func(j node) bool { return j.cleans() && j.place == 0 })
	switch in := in.(type) {
	case plan.Cancel:
		switch {
		case !o.stopped:
			o.halt(in.Reason)
		case !o.all && cleaning:
			o.all, o.latest = true, in.Reason
			o.haltJobs()
		}
	case plan.Drain:
		if o.asked == "" || o.stopped && !o.all && !o.drained && cleaning {
			o.drained, o.latest = true, in.Reason
			if o.asked == "" {
				o.asked = in.Reason
			}
			o.haltJobs()
		}
	case plan.CancelJob:
		o.askJob(in.Job)
	}
}

// halt stops the run for the first time.
func (o *oracle) halt(reason run.Reason) {
	o.stopped, o.asked, o.latest = true, reason, reason
	o.haltJobs()
}

// haltJobs stops what may not run any more and what may not be repeated.
func (o *oracle) haltJobs() {
	for i := range o.jobs {
		j := &o.jobs[i]
		if o.mustStop(j) {
			o.kill(i, forJob(o.latest))
		}
		if j.repeating && (o.drained || o.mustStop(j)) {
			j.repeating, j.lostTry, o.cut = false, true, true
		}
	}
}

// forJob is the reason of a run as its jobs have it.
func forJob(r run.Reason) run.Reason {
	if r == run.TimedOut {
		return run.RunTimedOut
	}
	return r
}

// cleans reports whether the job is to run whatever happened.
func (j *node) cleans() bool { return j.Always || j.Hook != "" }

func (o *oracle) mustStop(j *node) bool { return o.all || o.stopped && !j.cleans() }

// deadline returns when the run's time is over, if that still means anything.
func (o *oracle) deadline() time.Duration {
	works := slices.ContainsFunc(o.jobs, func(j node) bool { return !j.cleans() && j.place == 0 })
	if o.Workflow.Timeout == 0 || o.stopped || !works {
		return never
	}
	return o.Workflow.Timeout
}

func (o *oracle) expire() {
	if o.now >= o.deadline() {
		o.halt(run.TimedOut)
		o.note()
	}
}

func (o *oracle) askJob(i int) {
	switch j := &o.jobs[i]; {
	case j.State == run.Pending || j.State == run.Queued:
		j.State, j.Reason = run.Cancelled, run.JobCancelled
	case j.State == run.Running && o.mustStop(j):
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
	if j.State != run.Running {
		return
	}
	if j.stopping {
		if j.outcome.State == run.Cancelled && j.killed == o.events {
			j.outcome.Reason = reason // both are asked for by one stop
		}
		return
	}
	j.stopping = true
	if at := o.now + o.Attempt.end(i, j.Tries).Grace; at < j.ends {
		j.killed = o.events
		j.ends, j.outcome = at, run.Outcome{State: run.Cancelled, Reason: reason, ExitCode: run.NoExitCode}
	}
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

// settle ends, skips or queues one job, or reports that nothing more follows.
func (o *oracle) settle() bool {
	return o.asked != "" && o.endOne() || o.skipOne() || o.endOne() || o.queueOne()
}

// endOne ends the first job that has not started and may not any more.
func (o *oracle) endOne() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		switch {
		case j.State != run.Pending && j.State != run.Queued:
		case o.drained || o.mustStop(j):
			j.State, j.Reason = run.Cancelled, forJob(o.latest)
			return true
		case !o.mayStart(j):
			j.State, j.Reason, j.Cause = run.Skipped, run.StoppedOnFailure, o.stopper
			return true
		}
	}
	return false
}

// mayStart reports whether a failure lets the job start: it has started before, it
// cleans up, or it asks for a failure or for any ending.
func (o *oracle) mayStart(j *node) bool {
	asks := slices.Contains(j.On, workflow.OnFailure) || slices.Contains(j.On, workflow.OnDone)
	return o.stopper == "" || j.Tries > 0 || j.cleans() || asks
}

// skipOne skips the first job that can't run any more: the run came to another end, or
// something it needs has ended otherwise. Of several of these the first to end counts.
func (o *oracle) skipOne() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.State != run.Pending {
			continue
		}
		var first Fate
		place := 0
		for n, need := range j.Needs {
			why, unmet := o.unmet(j, n)
			if unmet && (place == 0 || o.jobs[need].place < place) {
				first, place = why, o.jobs[need].place
			}
		}
		switch {
		case j.Hook != "" && o.verdict != "" && j.Hook != o.verdict:
			j.State, j.Reason = run.Skipped, run.NotNeeded
			return true
		case place > 0:
			j.State, j.Reason, j.Cause = run.Skipped, first.Reason, first.Cause
			return true
		}
	}
	return false
}

// unmet reports whether the n-th need of a job has ended in a way that keeps the job
// from running, and how that is told.
func (o *oracle) unmet(j *node, n int) (Fate, bool) {
	need := &o.jobs[j.Needs[n]]
	switch {
	case need.place == 0 || o.has(j, n):
		return Fate{}, false
	case j.Ending(n) != workflow.OnSuccess:
		return Fate{Reason: run.NotNeeded, Cause: need.ID}, true
	case need.Reason == run.StoppedOnFailure:
		return Fate{Reason: run.StoppedOnFailure, Cause: o.stopper}, o.mayStart(j)
	case need.State != run.Skipped || need.Reason == run.ConditionFailed:
		return Fate{Reason: run.DependencyFailed, Cause: need.ID}, true
	case (need.Reason == run.DependencyFailed || need.Reason == run.DependencySkipped) && need.Cause != "":
		return Fate{Reason: need.Reason, Cause: need.Cause}, true
	}
	return Fate{Reason: run.DependencySkipped, Cause: need.ID}, true
}

// has reports whether the n-th need of a job has ended in the way that the job asks for.
func (o *oracle) has(j *node, n int) bool {
	need := &o.jobs[j.Needs[n]]
	if need.place == 0 {
		return false
	}
	switch on := j.Ending(n); {
	case on == workflow.OnDone || on == workflow.OnSuccess && j.Always:
		return true
	case on == workflow.OnFailure:
		return need.bad() || need.decided == run.FailuresAllowed
	case on == workflow.OnSkipped:
		return need.State == run.Skipped && !need.done() && !need.bad() && need.decided != run.FailuresAllowed
	}
	return need.State == run.Success || need.done() || need.bad() && need.ContinueOnError && !need.lostTry || need.decided == run.FailuresAllowed
}

// queueOne queues the first job that everything has come for, or skips it by its condition.
func (o *oracle) queueOne() bool {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.State != run.Pending || j.Hook != "" && j.Hook != o.verdict {
			continue
		}
		ready := true
		for n := range j.Needs {
			ready = ready && o.has(j, n)
		}
		ready = ready && (!j.cleans() && j.On == nil || o.quiet(i))
		if !ready {
			continue
		}
		holds, err := true, error(nil)
		if j.When != "" {
			holds, err = evaluate(j.When, o.began.Add(o.now), o.look)
		}
		switch {
		case err != nil:
			j.State, j.Reason = run.Skipped, run.ConditionFailed
		case !holds:
			j.State, j.Reason = run.Skipped, run.ConditionFalse
		default:
			j.State, j.Reason = run.Queued, run.DependenciesMet
		}
		return true
	}
	return false
}

// quiet reports whether all that job i needs, directly or not, has ended for good.
func (o *oracle) quiet(i int) bool {
	for _, n := range o.jobs[i].Needs {
		if o.jobs[n].place == 0 || !o.quiet(n) {
			return false
		}
	}
	return true
}

// look returns what a condition may know of a job.
func (o *oracle) look(id run.JobID) (plan.Fact, bool) {
	for i := range o.jobs {
		j := &o.jobs[i]
		switch {
		case j.ID != id:
		case j.decided == run.AlreadySucceeded || j.decided == run.FailuresAllowed:
			return j.before.Fact, true
		default:
			return plan.Fact{State: j.State, Reason: j.Reason, ExitCode: j.code}, true
		}
	}
	return plan.Fact{}, false
}

// bad reports whether a job went wrong for good, by itself.
func (j *node) bad() bool {
	return (j.State == run.Failed || j.State == run.Timeout) && !j.repeating || j.Reason == run.ConditionFailed
}

// done reports whether a job that is not run counts as done.
func (j *node) done() bool {
	return j.decided == run.SkipRequested || j.decided == run.AlreadySucceeded || j.decided == run.NotSelected
}

// requeue queues what has waited long enough.
func (o *oracle) requeue() {
	for i := range o.jobs {
		if j := &o.jobs[i]; j.repeating && j.due <= o.now {
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
	for o.count(anyJob).Running < o.room() {
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
		j.State, j.Reason, j.stopping, j.killed = run.Running, run.Started, false, 0
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
		if j.State == run.Running || j.repeating {
			return false
		}
	}
	return true
}

func anyJob(*node) bool { return true }

// count counts some of the jobs.
func (o *oracle) count(of func(*node) bool) run.Counts {
	c := run.Counts{Total: len(o.jobs)}
	for i := range o.jobs {
		switch j := &o.jobs[i]; {
		case !of(j):
		case j.State == run.Running:
			c.Running++
		case j.State == run.Success, j.Reason == run.AlreadySucceeded:
			c.Succeeded++
		case j.State == run.Failed, j.State == run.Timeout, j.Reason == run.FailuresAllowed:
			c.Failed++
		case j.State == run.Skipped:
			c.Skipped++
		case j.State == run.Cancelled:
			c.Cancelled++
		}
	}
	return c
}

// result says how the attempt ended, going by some of the jobs. What stopped it wins if it
// kept or stopped a job; then failures of jobs that may not fail; then what the engine asked for.
func (o *oracle) result(of func(*node) bool) (run.State, run.Reason) {
	c := o.count(of)
	any := func(is func(j *node) bool) bool {
		return slices.ContainsFunc(o.jobs, func(j node) bool { return of(&j) && is(&j) })
	}
	failed := any(func(j *node) bool { return j.bad() && (!j.ContinueOnError || j.lostTry) })
	switch {
	case o.stopped && (c.Cancelled > 0 || o.cut) && o.asked == run.TimedOut:
		return run.Timeout, run.TimedOut
	case o.stopped && (c.Cancelled > 0 || o.cut):
		return run.Cancelled, o.asked
	case failed && o.asked == run.EngineLost:
		return run.Failed, run.EngineLost
	case failed:
		return run.Failed, run.JobFailed
	case c.Cancelled > 0 && o.asked != "":
		return run.Cancelled, o.asked
	case c.Cancelled > 0:
		return run.Failed, run.JobFailed
	case any(func(j *node) bool { return j.Reason == run.NotSelected }):
		return run.Failed, run.JobsLeft
	case any(func(j *node) bool { return j.bad() || j.decided == run.FailuresAllowed }):
		return run.Success, run.FailuresAllowed
	}
	return run.Success, run.AllSucceeded
}

// remember keeps what later attempts must know.
func (o *oracle) remember(known map[run.JobID]past) {
	for i := range o.jobs {
		j := &o.jobs[i]
		if j.Reason == run.AlreadySucceeded || j.Reason == run.FailuresAllowed {
			continue
		}
		done := j.State == run.Success
		now := past{done: done, failed: !done && (j.everBad || j.Reason == run.ConditionFailed || known[j.ID].failed), cut: j.lostTry}
		now.Fact = plan.Fact{State: j.State, Reason: j.Reason, ExitCode: j.code}
		known[j.ID] = now
	}
}
