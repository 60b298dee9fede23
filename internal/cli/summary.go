package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/joblog"
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
	fmt.Fprintf(w, "  jobs       %s\n", counts(v.Counts))
	fmt.Fprintf(w, "  log        %s\n", name(v.Log))
	c.summariseFailed(w, d)
	summariseSkipped(w, v.Jobs)
	if v.State == run.Success {
		fmt.Fprintf(w, "\ndetails: executioner runs show %d%s\n", v.Run, c.databaseFlag())
		return
	}
	c.next(w, v)
}

func counts(c run.Counts) string {
	s := fmt.Sprintf("%d of %d completed, %d failed, %d skipped", c.Succeeded, c.Total, c.Failed, c.Skipped)
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

func (c *command) summariseFailed(w io.Writer, d runs.Details) {
	p := c.paint()
	shown := 0
	for i := range d.View.Jobs {
		j := &d.View.Jobs[i]
		if j.State != run.Failed && j.State != run.Timeout || j.Override != nil {
			continue
		}
		if shown++; shown > summaryJobs {
			continue
		}
		fmt.Fprintf(w, "\n%s %s %s%s\n", p.red("✗"), p.bold(clean(string(j.ID))), why(j), tries(j))
		fmt.Fprintf(w, "  log: %s\n", name(j.Log))
		if shown <= 3 {
			c.tail(w, j.Log)
		}
	}
	if shown > summaryJobs {
		fmt.Fprintf(w, "\n… and %d more failed jobs\n", shown-summaryJobs)
	}
}

// why tells how a job ended badly.
func why(j *runs.JobView) string {
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

// tail prints the last lines of a job's log.
func (c *command) tail(w io.Writer, path string) {
	last, err := joblog.Tail(path, summaryTail, summaryBytes)
	if err != nil || len(last) == 0 {
		return
	}
	p := c.paint()
	for _, line := range strings.Split(strings.TrimRight(clean(string(last)), "\n"), "\n") {
		fmt.Fprintf(w, "  %s %s\n", p.dim("│"), line)
	}
}

func summariseSkipped(w io.Writer, jobs []runs.JobView) {
	shown := 0
	for i := range jobs {
		j := &jobs[i]
		if j.State != run.Skipped || j.Override != nil {
			continue
		}
		if shown++; shown == 1 {
			fmt.Fprintln(w, "\nskipped:")
		}
		if shown <= summaryJobs {
			fmt.Fprintf(w, "  %s  %s\n", clean(string(j.ID)), skippedWhy(j))
		}
	}
	if shown > summaryJobs {
		fmt.Fprintf(w, "  … and %d more\n", shown-summaryJobs)
	}
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
	failed := failedJobs(v.Jobs)
	first := ""
	if len(failed) > 0 {
		first = " " + failed[0]
	}
	fmt.Fprintf(w, "\nsee why:       executioner explain %d%s%s\n", v.Run, first, db)
	fmt.Fprintf(w, "resume:        executioner resume %d%s\n", v.Run, db)
	if len(failed) > 0 {
		fmt.Fprintf(w, "failed only:   executioner resume %d --failed-only%s\n", v.Run, db)
		fmt.Fprintf(w, "mark it done:  executioner mark-success %d %s%s\n", v.Run, strings.Join(failed, " "), db)
	}
}

// failedJobs returns the ids, ready for a shell, of what failed and was not declared
// successful since; not so many that no command line holds them.
func failedJobs(jobs []runs.JobView) []string {
	var failed []string
	for i := range jobs {
		j := &jobs[i]
		if (j.State == run.Failed || j.State == run.Timeout) && j.Override == nil && len(failed) < summaryJobs {
			failed = append(failed, quote(string(j.ID)))
		}
	}
	return failed
}

// databaseFlag repeats --database in a command to copy, when it was given.
func (c *command) databaseFlag() string {
	if c.database == "" {
		return ""
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
