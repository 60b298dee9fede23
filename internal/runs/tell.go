package runs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Levels of a line, as they stand in the logs.
const (
	LevelInfo    = "INFO"
	LevelWarning = "WARNING"
	LevelError   = "ERROR"
)

// Teller turns transitions, in order, into the lines that a person reads while a run
// goes on. It remembers when each running job started. Not safe for concurrent use.
type Teller struct {
	wf      *workflow.Workflow
	index   map[run.JobID]int
	started map[run.JobID]time.Time
	begin   time.Time
}

// NewTeller returns a Teller for one attempt.
func NewTeller(wf *workflow.Workflow) *Teller {
	t := &Teller{wf: wf, index: make(map[run.JobID]int, len(wf.Jobs)), started: make(map[run.JobID]time.Time)}
	for i := range wf.Jobs {
		t.index[wf.Jobs[i].ID] = i
	}
	return t
}

// Tell returns the line for a transition, without the job's name, and its level. It is
// empty for what nobody waits to hear: that a job was queued.
func (t *Teller) Tell(tr *run.Transition) (level, text string) {
	if tr.Job == "" {
		return t.tellRun(tr)
	}
	switch {
	case tr.Mark():
		return LevelWarning, "asked to stop" + by(tr.Detail)
	case tr.To == run.Queued:
		return LevelInfo, ""
	case tr.To == run.Running:
		t.started[tr.Job] = tr.At
		return LevelInfo, "started" + t.tries(tr)
	case tr.To == run.Skipped:
		return skippedLine(tr)
	case tr.To == run.Cancelled && tr.Outcome == nil:
		return LevelWarning, "not started, because " + cancelledBecause(tr)
	default:
		return t.ended(tr)
	}
}

func (t *Teller) tries(tr *run.Transition) string {
	most := 1
	if i, ok := t.index[tr.Job]; ok {
		most += t.wf.Jobs[i].Retry.Max
	} else if i := t.wf.Maker(tr.Job); i >= 0 {
		most += t.wf.Jobs[i].Retry.Max
	}
	if most == 1 {
		return ""
	}
	return fmt.Sprintf(" (try %d of %d)", tr.Try, most)
}

func (t *Teller) ended(tr *run.Transition) (level, text string) {
	level, text = LevelError, ending(tr)
	if tr.To == run.Success {
		level = LevelInfo
	}
	if tr.Reason != run.PrecheckFailed && tr.Reason != run.StartFailed && tr.Reason != run.ItemsInvalid && tr.Reason != run.UpToDate { // it did run
		text = took(text, after(t.started[tr.Job], tr.EndedAt(t.started[tr.Job])))
	}
	text += detail(tr)
	delete(t.started, tr.Job)
	if !tr.Until.IsZero() {
		level = LevelWarning
		text += fmt.Sprintf("; trying again in %s", Short(tr.Until.Sub(tr.At)))
	}
	if o := tr.Outcome; o != nil && o.Survivors > 0 {
		text += "; left running: " + strconv.Itoa(o.Survivors)
	}
	return level, text
}

func skippedLine(tr *run.Transition) (level, text string) {
	switch tr.Reason {
	case run.DependencyFailed:
		return LevelWarning, "skipped: it depends on " + string(tr.Cause) + ", which did not succeed"
	case run.StoppedOnFailure:
		return LevelWarning, "skipped: " + string(tr.Cause) + " failed"
	case run.SkipRequested:
		return LevelInfo, "skipped: asked for"
	case run.AlreadySucceeded:
		return LevelInfo, "not run again: already done"
	case run.NotSelected:
		return LevelInfo, "left out: only failed jobs were asked for"
	case run.ConditionFalse:
		return LevelInfo, "skipped: its condition does not hold" + detail(tr)
	case run.ConditionFailed:
		return LevelError, "failed: its condition can't be evaluated" + detail(tr)
	case run.DependencySkipped:
		return LevelInfo, "skipped: " + orWhat(tr.Cause) + " was skipped"
	case run.NotNeeded:
		return LevelInfo, "not needed"
	case run.FailuresAllowed:
		return LevelInfo, "not run again: it failed, and may"
	default:
		return LevelWarning, "skipped: " + string(tr.Reason)
	}
}

// orWhat names a job, or what a job depends on where it is not known which it is.
func orWhat(id run.JobID) string {
	if id == "" {
		return "what it depends on"
	}
	return string(id)
}

func (t *Teller) tellRun(tr *run.Transition) (level, text string) {
	switch {
	case tr.Mark() && tr.Reason == run.Resumed:
		return LevelWarning, "carried on, because the program that ran it was gone" + by(tr.Detail)
	case tr.Mark() && tr.Reason == run.TimedOut:
		return LevelWarning, "stopped, because its time is over" + by(tr.Detail)
	case tr.Mark():
		return LevelWarning, "asked to stop" + by(tr.Detail)
	case tr.To == run.Queued:
		return LevelInfo, ""
	case tr.To == run.Running:
		t.begin = tr.At
		return LevelInfo, fmt.Sprintf("attempt %d began: %s", tr.Attempt, Plural(len(t.wf.Jobs), "job"))
	case tr.To == run.Success:
		return LevelInfo, "SUCCESS" + after(t.begin, tr.At)
	default:
		return LevelError, tr.To.String() + after(t.begin, tr.At) + by(tr.Detail)
	}
}

// Plural counts things: "1 job", "2 jobs", "2 processes".
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if strings.HasSuffix(thing, "s") {
		thing += "e"
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// after says how long something took; nothing when its beginning is not known.
func after(from, to time.Time) string {
	if from.IsZero() {
		return ""
	}
	return " after " + Short(to.Sub(from))
}

// took puts how long a try took behind what became of it, before the rest of the
// sentence: "was stopped after 1.46s, because the run was interrupted".
func took(text, long string) string {
	what, rest, found := strings.Cut(text, ", ")
	if !found {
		return text + long
	}
	return what + long + ", " + rest
}

// Short writes a duration for people: 0.42s, 12.3s, 4m05s, 2h03m.
func Short(d time.Duration) string {
	switch {
	case d < 0:
		return "0.00s"
	case d < 9995*time.Millisecond:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
