package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// Bounds of a summary: a run may have a million jobs.
const (
	summaryJobs  = 20 // failed or skipped jobs that are listed
	summaryTail  = 10 // last lines of a failed job's log
	summaryBytes = 4 << 10
)

// summarise tells how a run ended, what failed and why, and what to do next.
func (c *command) summarise(w io.Writer, d runs.Details) {
	p := c.paint()
	v := &d.View
	fmt.Fprintf(w, "\n%s  run %d%s  %s\n", p.bold(clean(v.Application)), v.Run, again(v.Attempt), p.state(v.State, p.bold(v.State.String())))
	fmt.Fprintf(w, "  started    %s\n", stamp(v.StartedAt))
	fmt.Fprintf(w, "  ended      %s%s\n", stamp(v.EndedAt), took(v.Seconds))
	fmt.Fprintf(w, "  jobs       %s\n", counts(v))
	fmt.Fprintf(w, "  log        %s\n", name(v.Log))
	c.summariseFailed(w, d)
	summariseSkipped(w, v.Jobs)
	if v.State == run.Success {
		fmt.Fprintf(w, "\ndetails: executioner runs show %d%s\n", v.Run, c.databaseFlag())
		return
	}
	c.next(w, v)
}

// counts tells how many of all jobs are done, as lists do. Of those that were skipped it says
// how many nobody missed; what has a condition that can't be evaluated has failed.
func counts(v *runs.View) string {
	c, needless := v.Counts, 0
	reasons := reasonsOf(v.Jobs)
	for i := range v.Jobs {
		switch j := &v.Jobs[i]; {
		case j.State != run.Skipped || j.Attempt != v.Attempt:
		case unneeded(j, reasons):
			needless++
		case j.Reason == run.ConditionFailed:
			c.Failed++
			c.Skipped--
		}
	}
	s := fmt.Sprintf("%d of %d completed, %d failed, %d skipped", c.Succeeded, c.Total, c.Failed, c.Skipped)
	if needless > 0 {
		s += fmt.Sprintf(" (%d not needed)", needless)
	}
	if c.Cancelled > 0 {
		s += fmt.Sprintf(", %d cancelled", c.Cancelled)
	}
	return s
}

func stamp(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func took(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	return " after " + runs.Short(time.Duration(*seconds*float64(time.Second)))
}

// summariseFailed lists what went wrong: what failed, and what somebody or the run's own
// time limit stopped.
func (c *command) summariseFailed(w io.Writer, d runs.Details) {
	p := c.paint()
	shown := 0
	for i := range d.View.Jobs {
		j := &d.View.Jobs[i]
		if !culprit(j) {
			continue
		}
		if shown++; shown > summaryJobs {
			continue
		}
		fmt.Fprintf(w, "\n%s %s %s%s%s\n", p.red("✗"), p.bold(clean(string(j.ID))), why(j), tries(j), allowed(j))
		if j.Tries == 0 {
			continue // it has no log
		}
		fmt.Fprintf(w, "  log: %s\n", name(j.Log))
		if shown <= 3 && j.Reason != run.StartFailed {
			c.tail(w, log{run: d.View.Run, job: j.ID, path: j.Log, tail: summaryTail})
		}
	}
	if shown > summaryJobs {
		fmt.Fprintf(w, "\n… and %d more of these\n", shown-summaryJobs)
	}
}

// why tells how a job ended badly.
func why(j *runs.JobView) string {
	switch {
	case j.Reason == run.ConditionFailed:
		return "did not run: its condition can't be evaluated: " + clean(j.Detail)
	case j.State == run.Cancelled && j.Tries == 0:
		return "did not run: it was cancelled" + inBrackets(j.Detail)
	}
	t := run.Transition{To: j.State, Reason: j.Reason, Detail: clean(j.Detail), Outcome: &run.Outcome{Signal: j.Signal}}
	if j.ExitCode != nil {
		t.Outcome.ExitCode = *j.ExitCode
	}
	return runs.Ending(&t)
}

func tries(j *runs.JobView) string {
	if j.Tries <= 1 {
		return ""
	}
	return fmt.Sprintf(", after %d tries", j.Tries)
}

func allowed(j *runs.JobView) string {
	if j.MayFail {
		return " (it may fail)"
	}
	return ""
}

// tail prints the last lines of what a job's last try wrote into its log.
func (c *command) tail(w io.Writer, l log) {
	last, err := c.lastLines(l)
	if err != nil || len(last) == 0 {
		return
	}
	p := c.paint()
	for _, line := range lastTry(strings.Split(strings.TrimRight(clean(string(last)), "\n"), "\n")) {
		fmt.Fprintf(w, "  %s %s\n", p.dim("│"), line)
	}
}

// tryBegins is the line with which each try begins its part of a job's log.
var tryBegins = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - INFO - job .+, try \d+ of \d+$`)

// lastTry leaves out what is of an earlier try, of an earlier attempt, or of another
// history that wrote into the same directory.
func lastTry(lines []string) []string {
	for i := len(lines) - 1; i > 0; i-- {
		if tryBegins.MatchString(lines[i]) {
			return lines[i:]
		}
	}
	return lines
}

// summariseSkipped lists what did not run, but for what was not needed.
func summariseSkipped(w io.Writer, jobs []runs.JobView) {
	var skipped, unstarted list
	reasons := reasonsOf(jobs)
	for i := range jobs {
		j := &jobs[i]
		switch {
		case j.Override != nil || culprit(j) || unneeded(j, reasons):
		case j.State == run.Skipped:
			skipped.add(j, skippedWhy(j))
		case j.State == run.Cancelled:
			unstarted.add(j, "the run "+unstartedWhy(j))
		}
	}
	skipped.tell(w, "skipped")
	unstarted.tell(w, "not started")
}

// list is jobs with a few words on each, of which not too many are shown.
type list struct {
	table
	more int
}

func (l *list) add(j *runs.JobView, why string) {
	if len(l.rows) == summaryJobs {
		l.more++
		return
	}
	l.table.add(clean(string(j.ID)), why)
}

func (l *list) tell(w io.Writer, title string) {
	if len(l.rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	out := bufio.NewWriter(w)
	l.write(out, "  ", nil)
	_ = out.Flush() // as with the other lines, a reader that went away is no failure of the run
	if l.more > 0 {
		fmt.Fprintf(w, "  … and %d more\n", l.more)
	}
}

// unstartedWhy says what kept a job from being started, of the run.
func unstartedWhy(j *runs.JobView) string {
	switch j.Reason {
	case run.RunCancelled:
		return "was cancelled" + inBrackets(j.Detail)
	case run.Interrupted:
		return "was interrupted" + inBrackets(j.Detail)
	case run.RunTimedOut:
		return "ran out of time" + inBrackets(j.Detail)
	case run.EngineLost:
		return "lost its program"
	default:
		return "was to start nothing more" + inBrackets(j.Detail)
	}
}

func inBrackets(detail string) string {
	if detail == "" {
		return ""
	}
	return " (" + clean(detail) + ")"
}

func skippedWhy(j *runs.JobView) string {
	switch j.Reason {
	case run.DependencyFailed:
		return "needs " + clean(string(j.Cause)) + ", which did not succeed"
	case run.StoppedOnFailure:
		return "not started after " + clean(string(j.Cause)) + " failed"
	case run.SkipRequested:
		return "asked for"
	case run.NotSelected:
		return "only failed jobs were asked for"
	case run.ConditionFalse:
		return strings.TrimSuffix("its condition does not hold: "+clean(j.Detail), ": ")
	case run.ConditionFailed:
		return "its condition can't be evaluated: " + clean(j.Detail)
	case run.DependencySkipped:
		return "needs " + clean(cmp.Or(string(j.Cause), "a job")) + ", which was skipped"
	case run.NotNeeded:
		return "not needed"
	case run.NotRecorded:
		if j.Detail != "" {
			return clean(j.Detail)
		}
		return "why was not recorded"
	default:
		return string(j.Reason)
	}
}

// next tells the exact commands for what to do next with a run that did not succeed.
func (c *command) next(w io.Writer, v *runs.View) {
	db := c.databaseFlag()
	failed, stopped := advised(v.Jobs, failedJob), advised(v.Jobs, stoppedJob)
	fmt.Fprintf(w, "\nsee why:       executioner explain %d%s%s\n", v.Run, firstOf(v, failed, stopped), db)
	fmt.Fprintf(w, "resume:        executioner resume %d%s\n", v.Run, db)
	if len(failed) > 0 && len(stopped) == 0 { // else it would leave out what was stopped
		fmt.Fprintf(w, "failed only:   executioner resume %d --failed-only%s\n", v.Run, db)
	}
	if done := advised(v.Jobs, func(j *runs.JobView) bool { return failedJob(j) || stoppedJob(j) && j.Reason == run.JobCancelled }); len(done) > 0 {
		fmt.Fprintf(w, "mark it done:  executioner mark-success %d %s%s\n", v.Run, strings.Join(done, " "), db)
	}
}

// firstOf returns the job to look at first, after a space: that by which the run ended as
// it did. It is empty when there is none.
func firstOf(v *runs.View, failed, stopped []string) string {
	hooks := advised(v.Jobs, func(j *runs.JobView) bool { return j.Hook != "" && culprit(j) })
	if v.State == run.Timeout {
		failed, stopped = stopped, failed
	}
	for _, id := range slices.Concat(failed, stopped, hooks) {
		return " " + id
	}
	return ""
}

// culprit reports whether a job failed, or was stopped or cancelled itself, and nobody
// has declared it successful since.
func culprit(j *runs.JobView) bool {
	switch {
	case j.Override != nil:
		return false
	case j.State == run.Cancelled:
		return j.Tries > 0 || j.Reason == run.JobCancelled
	default:
		return j.State == run.Failed || j.State == run.Timeout || j.State == run.Skipped && j.Reason == run.ConditionFailed
	}
}

// failedJob reports whether the run failed by that job, and another attempt repeats it.
// Jobs at the end of the run belong to their attempt.
func failedJob(j *runs.JobView) bool {
	return culprit(j) && j.State != run.Cancelled && j.Hook == "" && !j.MayFail
}

func stoppedJob(j *runs.JobView) bool {
	return culprit(j) && j.State == run.Cancelled && j.Hook == ""
}

// unneeded reports whether a job waits for something that did not come, such as a
// failure, or depends on one that does: nobody expected it to run.
func unneeded(j *runs.JobView, reasons map[run.JobID]run.Reason) bool {
	return j.State == run.Skipped &&
		(j.Reason == run.NotNeeded || j.Reason == run.DependencySkipped && reasons[j.Cause] == run.NotNeeded)
}

func reasonsOf(jobs []runs.JobView) map[run.JobID]run.Reason {
	reasons := make(map[run.JobID]run.Reason, len(jobs))
	for i := range jobs {
		reasons[jobs[i].ID] = jobs[i].Reason
	}
	return reasons
}

// advised returns the ids of some jobs, ready for a shell; not so many that no command
// line holds them.
func advised(jobs []runs.JobView, is func(*runs.JobView) bool) []string {
	var ids []string
	for i := range jobs {
		if is(&jobs[i]) && len(ids) < summaryJobs {
			ids = append(ids, quote(string(jobs[i].ID)))
		}
	}
	return ids
}

// databaseFlag repeats --database or --server in a command to copy, when it was given.
func (c *command) databaseFlag() string {
	if c.database == "" {
		return c.serverFlag()
	}
	return " --database " + quote(c.database)
}

// quote makes a word safe to paste into a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%_-+=:,./", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
