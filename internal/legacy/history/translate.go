package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// MaxKept is the largest number that a run keeps. Above it numbers are not those of a
// counter, and new runs would go on from there.
const MaxKept = 999_999_999

// maxAttempts is more than any run has.
const maxAttempts = 1000

const noAttempt = "attempt_id is no number that an attempt can have"

// Rules say how a history is translated.
type Rules struct {
	Zone *time.Location // of its local times
	Now  time.Time      // no run can have begun later than a day after it
}

// Translate returns what an old run is here, and what of it could not be taken over. It
// keeps its number where that may be kept; otherwise Run.ID is 0. ok is false when
// nothing of it can be taken over. The result depends on nothing but the arguments.
func Translate(old Run, r Rules) (a store.Archive, problems []Problem, ok bool) {
	t := &translation{
		old: old, clock: clock{zone: r.Zone, latest: r.Now.Add(24 * time.Hour)},
		known: map[run.JobID]int{}, succeeded: map[run.JobID]bool{},
	}
	ok = t.run()
	return t.out, t.problems, ok
}

// translation is one run on its way.
type translation struct {
	old      Run
	clock    clock
	out      store.Archive
	problems []Problem

	jobs      []Job              // as of the attempt at hand, in the order in which they were first recorded
	known     map[run.JobID]int  // index into jobs
	succeeded map[run.JobID]bool // in an earlier attempt
	begin     time.Time          // of the attempt at hand
	flow      flow               // what the workflow is made of besides jobs
}

func (t *translation) report(p Problem) { t.problems = append(t.problems, p) }

// drop reports a row that is left out.
func (t *translation) drop(p Problem) {
	p.Skipped = true
	t.report(p)
}

func (t *translation) run() bool {
	attempts := t.sort()
	if len(attempts) == 0 {
		t.drop(Problem{Run: t.old.ID, Reason: "none of its rows can be used"})
		return false
	}
	t.flow = flowOf(attempts)
	t.out.Origin = origin(t.old.ID, t.flow.application, attempts)
	t.out.Workflows = map[string][]byte{}
	if !t.begins(attempts) {
		t.drop(Problem{Run: t.old.ID, Reason: "it has no time that can be used"})
		return false
	}
	for i := range attempts {
		if err := t.attempt(&attempts[i]); err != nil {
			t.drop(Problem{Run: t.old.ID, Reason: err.Error()})
			return false
		}
	}
	t.out.Run = store.Run{
		Application: t.flow.application, WorkingDir: t.flow.workingDir, SubmittedAt: t.out.Attempts[0].CreatedAt,
		Attempt: t.out.Attempts[len(attempts)-1], Seq: int64(len(t.out.Transitions)),
	}
	if t.old.ID > 0 && t.old.ID <= MaxKept {
		t.out.Run.ID = run.ID(t.old.ID)
	}
	return true
}

// oldAttempt is what was recorded of one attempt.
type oldAttempt struct {
	number  int
	summary *Summary
	jobs    []oldJob
	begin   time.Time
}

// oldJob is a row that can be used.
type oldJob struct {
	Job
	word string // its status
	span span
}

// sort puts the rows that can be used in their attempts, of which none is missing.
func (t *translation) sort() []oldAttempt {
	var all []oldAttempt
	at := func(n int) *oldAttempt {
		for len(all) < n {
			all = append(all, oldAttempt{number: len(all) + 1})
		}
		return &all[n-1]
	}
	for i := range t.old.Summaries {
		s := &t.old.Summaries[i]
		if s.Attempt < 1 || s.Attempt > maxAttempts {
			t.drop(s.problem(t.old.ID, noAttempt))
			continue
		}
		a := at(s.Attempt)
		if a.summary != nil {
			t.drop(a.summary.problem(t.old.ID, "the attempt is there twice; the later row counts"))
		}
		a.summary = s
	}
	for i := range t.old.Jobs {
		j := &t.old.Jobs[i]
		word, ok := status(j.Status)
		switch {
		case j.Attempt < 1 || j.Attempt > maxAttempts:
			t.drop(j.problem(t.old.ID, noAttempt))
		case strings.TrimSpace(string(j.ID)) == "":
			t.drop(j.problem(t.old.ID, "id is empty"))
		case !ok:
			t.drop(j.problem(t.old.ID, "status %q is unknown", shorten(j.Status, 40)))
		default:
			t.place(at(j.Attempt), oldJob{Job: *j, word: word})
		}
	}
	return all
}

// place adds a row to its attempt. Of two rows of one job the later counts.
func (t *translation) place(a *oldAttempt, j oldJob) {
	for i := range a.jobs {
		if a.jobs[i].ID == j.ID {
			t.drop(a.jobs[i].problem(t.old.ID, "the job is there twice; the later row counts"))
			a.jobs[i] = j
			return
		}
	}
	a.jobs = append(a.jobs, j)
}

// begins finds out when each attempt began: as its summary says, else with its first
// job, else when its neighbour did. It reports whether anything is known.
func (t *translation) begins(attempts []oldAttempt) bool {
	var after time.Time
	for i := range attempts {
		a := &attempts[i]
		if s := a.summary; s != nil && s.Start != "" {
			m, err := t.clock.moment(s.Start, after)
			if err != nil {
				t.report(s.problem(t.old.ID, "start_time: %v", err))
			}
			a.begin = m
		}
		if a.begin.IsZero() {
			a.begin = t.firstStart(a, after)
		}
		after = later(after, a.begin)
	}
	return fill(attempts)
}

// firstStart returns when the first job of an attempt began, or zero.
func (t *translation) firstStart(a *oldAttempt, after time.Time) (first time.Time) {
	for i := range a.jobs {
		j := &a.jobs[i]
		m, err := t.clock.moment(j.LastRun, after)
		if err != nil {
			continue // told when the row is translated
		}
		if j.word != running && plausible(j.Seconds) {
			m = m.Add(-seconds(j.Seconds))
		}
		if first.IsZero() || m.Before(first) {
			first = m
		}
	}
	return first
}

// fill gives attempts of which no time is known that of the one before, or after.
func fill(attempts []oldAttempt) bool {
	for i := range attempts {
		if attempts[i].begin.IsZero() && i > 0 {
			attempts[i].begin = attempts[i-1].begin
		}
	}
	for i := len(attempts) - 2; i >= 0; i-- {
		if attempts[i].begin.IsZero() {
			attempts[i].begin = attempts[i+1].begin
		}
	}
	return !attempts[0].begin.IsZero()
}

// attempt translates one attempt.
func (t *translation) attempt(a *oldAttempt) error {
	t.begin = a.begin
	limit, err := t.recordedEnd(a, a.begin)
	if err != nil {
		limit = time.Time{} // told by end
	}
	here := make(map[run.JobID]*oldJob, len(a.jobs))
	for i := range a.jobs {
		j := &a.jobs[i]
		j.span = t.span(j, limit)
		t.remember(j.Job)
		here[j.ID] = j
	}
	ts, end := t.jobEvents(a.number, here)
	body, hash, err := t.flow.encode(t.jobs)
	if err != nil {
		return fmt.Errorf("its jobs can't be kept: %w", err)
	}
	t.out.Workflows[hash] = body
	whole := t.ended(a, ts, t.end(a, end))
	t.number(whole)
	rec := store.Attempt{Number: a.number, Hash: hash, Options: []byte(Options), CreatedAt: a.begin}
	rec.Counts.Total = len(t.jobs)
	for i := range whole {
		rec.Move(whole[i])
		rec.Counts.Apply(&whole[i])
	}
	t.out.Attempts = append(t.out.Attempts, rec)
	t.out.Transitions = append(t.out.Transitions, whole...)
	return nil
}

// number gives transitions their place in the history of the run.
func (t *translation) number(ts []run.Transition) {
	for i := range ts {
		ts[i].Seq = int64(len(t.out.Transitions) + i + 1)
	}
}

// recordedEnd returns when the attempt ended as its summary says, zero if it does not.
// after is when it went on at least.
func (t *translation) recordedEnd(a *oldAttempt, after time.Time) (time.Time, error) {
	if a.summary == nil || a.summary.End == "" {
		return time.Time{}, nil
	}
	return t.clock.moment(a.summary.End, after)
}

// end returns when an attempt ended: as recorded, but not before it began.
func (t *translation) end(a *oldAttempt, lastJob time.Time) time.Time {
	recorded, err := t.recordedEnd(a, later(a.begin, lastJob))
	switch {
	case err != nil:
		t.report(a.summary.problem(t.old.ID, "end_time: %v", err))
	case recorded.IsZero():
	case recorded.Before(a.begin):
		t.report(a.summary.problem(t.old.ID, "end_time is before start_time"))
	default:
		return recorded
	}
	return later(a.begin, lastJob)
}

// remember takes a row for what its job is from this attempt on.
func (t *translation) remember(j Job) {
	if i, ok := t.known[j.ID]; ok {
		t.jobs[i] = j
		return
	}
	t.known[j.ID] = len(t.jobs)
	t.jobs = append(t.jobs, j)
}

// span says when a row's job began and ended. As far as anybody can tell, last_run is
// when the row was written, which is when the job had ended, and for a RUNNING one when
// it began; where that does not fit between begin and end of the attempt and a start
// does, it is taken for one. A start that is a little early was cut to seconds.
func (t *translation) span(j *oldJob, limit time.Time) span {
	took := time.Duration(0)
	if plausible(j.Seconds) {
		took = seconds(j.Seconds)
	}
	after := t.begin.Add(took)
	if j.word == running {
		after = t.begin
	}
	m, err := t.clock.moment(j.LastRun, after)
	if err != nil {
		if j.LastRun != "" {
			t.report(j.problem(t.old.ID, "last_run: %v", err))
		}
		return span{t.begin, t.clock.past(t.begin.Add(took))}
	}
	if j.word == running {
		return span{m, later(m, limit)}
	}
	s := span{m.Add(-took), m}
	early := t.begin.Sub(s.start)
	switch {
	case early <= 0:
	case early <= rounding:
		s = span{t.begin, t.clock.past(t.begin.Add(took))}
	case !m.Before(t.begin.Add(-rounding)) && !limit.IsZero() && !m.Add(took).After(limit.Add(rounding)):
		s = span{m, t.clock.past(m.Add(took))}
	}
	return s
}

// jobEvents returns the transitions of all jobs in an attempt, in the order of time, and
// when the last of them was.
func (t *translation) jobEvents(attempt int, here map[run.JobID]*oldJob) (ts []run.Transition, end time.Time) {
	var all []run.Transition
	for i := range t.jobs {
		all = append(all, t.jobTransitions(attempt, t.jobs[i].ID, here)...)
	}
	slices.SortStableFunc(all, func(a, b run.Transition) int { return a.At.Compare(b.At) })
	for i := range all {
		end = later(end, all[i].At)
		switch all[i].To {
		case run.Success:
			t.succeeded[all[i].Job] = true
		case run.Failed, run.Timeout:
			delete(t.succeeded, all[i].Job)
		}
	}
	return all, end
}

// jobTransitions returns what became of one job in an attempt. Of one that has no row
// nothing is known, unless it had succeeded: then it was not run again.
func (t *translation) jobTransitions(attempt int, id run.JobID, here map[run.JobID]*oldJob) []run.Transition {
	j, recorded := here[id]
	skip := run.Transition{Attempt: attempt, Job: id, From: run.Pending, To: run.Skipped, At: t.begin}
	switch {
	case t.succeeded[id] && (!recorded || j.word == skipped || t.copied(j)):
		skip.Reason = run.AlreadySucceeded
		return []run.Transition{skip}
	case !recorded:
		return nil
	case j.word == skipped:
		skip.At, skip.Detail = later(j.span.end, t.begin), line(j.LastError)
		skip.Reason, skip.Cause = t.whySkipped(j, here)
		return []run.Transition{skip}
	default:
		return ran(attempt, id, t.tries(&j.Job, j.word, j.span))
	}
}

// copied reports whether a row of a later attempt only repeats that the job had
// succeeded: it ended before this attempt began.
func (t *translation) copied(j *oldJob) bool {
	return j.word == success && j.LastRun != "" && j.span.end.Before(t.begin.Add(-rounding))
}

// whySkipped returns the job that the message of a skipped one blames: the first that it
// names and that did not succeed.
func (t *translation) whySkipped(j *oldJob, here map[run.JobID]*oldJob) (run.Reason, run.JobID) {
	message := strings.ToLower(j.LastError)
	if !strings.Contains(message, "depend") {
		return NotRecorded, ""
	}
	for _, word := range strings.FieldsFunc(j.LastError, func(r rune) bool { return strings.ContainsRune(" \t\n,;:'\"()[]{}", r) }) {
		if on, ok := here[run.JobID(word)]; ok && on.ID != j.ID && on.word != success {
			return run.DependencyFailed, on.ID
		}
	}
	return NotRecorded, ""
}

// ran returns the transitions of a job that was started.
func ran(attempt int, id run.JobID, tries []try) []run.Transition {
	ts := make([]run.Transition, 0, 3*len(tries))
	from, reason := run.Pending, NotRecorded
	for i := range tries {
		y := &tries[i]
		ts = append(
			ts,
			run.Transition{Attempt: attempt, Job: id, Try: i, From: from, To: run.Queued, Reason: reason, At: y.start},
			run.Transition{Attempt: attempt, Job: id, Try: i + 1, From: run.Queued, To: run.Running, Reason: run.Started, At: y.start},
			run.Transition{
				Attempt: attempt, Job: id, Try: i + 1, From: run.Running, To: y.outcome.State, Reason: y.outcome.Reason,
				Detail: y.outcome.Detail, At: y.end, Outcome: &y.outcome,
			},
		)
		if i < len(tries)-1 {
			ts[len(ts)-1].Until = tries[i+1].start
		}
		from, reason = y.outcome.State, run.Retry
	}
	return ts
}

// ended puts the transitions of the run around those of its jobs.
func (t *translation) ended(a *oldAttempt, jobs []run.Transition, end time.Time) []run.Transition {
	why := run.Submitted
	if a.number > 1 {
		why = run.Resumed
	}
	ts := make([]run.Transition, 0, len(jobs)+3)
	ts = append(
		ts,
		run.Transition{Attempt: a.number, From: run.Pending, To: run.Queued, Reason: why, At: a.begin},
		run.Transition{Attempt: a.number, From: run.Queued, To: run.Running, Reason: run.Started, At: a.begin},
	)
	ts = append(ts, jobs...)
	last := t.verdict(a, jobs)
	last.Attempt, last.From, last.At = a.number, run.Running, end
	return append(ts, last)
}

// verdict says how an attempt ended: as its summary says, else as its jobs did.
func (t *translation) verdict(a *oldAttempt, jobs []run.Transition) run.Transition {
	var c run.Counts
	lost := false
	for i := range jobs {
		c.Apply(&jobs[i])
		lost = lost || jobs[i].Reason == run.Lost
	}
	if a.summary == nil {
		return byJobs(len(a.jobs), c, lost)
	}
	word, ok := status(a.summary.Status)
	v := run.Transition{To: run.Failed, Reason: NotRecorded, Detail: counted(a.summary, len(t.jobs), c)}
	switch {
	case !ok || word == skipped:
		t.report(a.summary.problem(t.old.ID, "status %q is unknown; the jobs tell how the run ended", shorten(a.summary.Status, 40)))
		return byJobs(len(a.jobs), c, lost)
	case word == running:
		v.Reason, v.Detail = run.EngineLost, noEnd
	case word == success:
		v.To = run.Success
		if c.Failed == 0 {
			v.Reason = run.AllSucceeded
		}
	case c.Failed > 0:
		v.Reason = run.JobFailed
	}
	return v
}

// noEnd is what is told of a job or run that was RUNNING when the old program was left.
const noEnd = "the old program recorded no end"

// byJobs says how an attempt ended by what became of its jobs.
func byJobs(rows int, c run.Counts, lost bool) run.Transition {
	switch {
	case lost:
		return run.Transition{To: run.Failed, Reason: run.EngineLost, Detail: noEnd}
	case c.Failed > 0:
		return run.Transition{To: run.Failed, Reason: run.JobFailed}
	case rows == 0:
		return run.Transition{To: run.Failed, Reason: NotRecorded}
	default:
		return run.Transition{To: run.Success, Reason: run.AllSucceeded}
	}
}

// counted tells what the summary counted where that is more than the rows show.
func counted(s *Summary, jobs int, c run.Counts) string {
	if s.Total <= int64(jobs) && s.Completed <= int64(c.Succeeded) && s.Failed <= int64(c.Failed) {
		return ""
	}
	return fmt.Sprintf("the old program counted %d jobs: %d completed, %d failed, %d skipped", s.Total, s.Completed, s.Failed, s.Skipped)
}

// latestText returns the last of some texts that is not empty.
func latestText(texts ...string) string {
	slices.Reverse(texts)
	return cmp.Or(texts...)
}
