package stats

import (
	"cmp"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Link says what a job of a critical path had to wait for.
type Link string

// The links.
const (
	AtStart  Link = "start"      // nothing but the start of the attempt
	AfterJob Link = "dependency" // the end of the job before it, which it needs
	AfterRun Link = "run"        // the end of all others: it is a job at the end of the run
	ForPlace Link = "worker"     // a place, which the job before it gave up
)

// Step is a job of a critical path.
type Step struct {
	Job  int // index into Workflow.Jobs
	Link Link
	Wait time.Duration // from the end of the job before it, or of the run's start, to its own start
	Took time.Duration // from its first start to its end
}

// Critical says which jobs determined how long an attempt took.
type Critical struct {
	Took  time.Duration // the attempt
	Steps []Step        // one job after the other; nil when no job ran
	Tail  time.Duration // from the end of the last of them to that of the attempt
	// Slack is how much longer each job could have taken, by index, the rest being as it
	// was, before the attempt had taken longer; 0 for those of Steps, negative for jobs
	// that did not run.
	Slack []time.Duration
}

// NotRun is the slack of a job that did not run.
const NotRun time.Duration = -1

// CriticalPath finds out what determined the length of an ended attempt: it goes from the
// job that ended last to what that had waited for, until the start. ts are the
// transitions of the run.
func CriticalPath(wf *workflow.Workflow, ts []run.Transition, attempt int, began, ended time.Time) Critical {
	w := newWalk(wf, ts, attempt)
	c := Critical{Took: ended.Sub(began), Slack: w.slack(ended)}
	at := w.last(len(ts), func(int) bool { return true })
	if at < 0 {
		return c
	}
	c.Tail = ended.Sub(w.times[at].end.at)
	for at >= 0 {
		before, link := w.before(at)
		t := &w.times[at]
		step := Step{Job: at, Link: link, Wait: t.start.at.Sub(began), Took: t.end.at.Sub(t.start.at)}
		if before >= 0 {
			step.Wait = t.start.at.Sub(w.times[before].end.at)
		}
		c.Steps = append(c.Steps, step)
		c.Slack[at] = 0
		at = before
	}
	slices.Reverse(c.Steps)
	return c
}

// moment is when something was recorded: much may be in the same microsecond, but one
// after the other.
type moment struct {
	at  time.Time
	seq int // place in the record
}

// times are when something happened to a job. A job that was skipped started and ended in
// the moment in which that was decided.
type times struct {
	ready, start, end moment
	ran               bool // it started
	over              bool // it ended, or was skipped
}

// walk goes through what happened in an attempt.
type walk struct {
	wf    *workflow.Workflow
	times []times
	ran   []int // jobs that ran, in the order in which they ended
}

func newWalk(wf *workflow.Workflow, ts []run.Transition, attempt int) *walk {
	w := &walk{wf: wf, times: make([]times, len(wf.Jobs))}
	index := make(map[run.JobID]int, len(wf.Jobs))
	for i := range wf.Jobs {
		index[wf.Jobs[i].ID] = i
	}
	for n := range ts {
		t := &ts[n]
		if i, ok := index[t.Job]; ok && t.Attempt == attempt && t.Job != "" && !t.Mark() {
			w.times[i].apply(t.To, moment{t.EndedAt(w.times[i].start.at), n})
		}
	}
	for i := range w.times {
		if w.times[i].ran && w.times[i].over {
			w.ran = append(w.ran, i)
		}
	}
	slices.SortFunc(w.ran, func(a, b int) int { return cmp.Compare(w.times[a].end.seq, w.times[b].end.seq) })
	return w
}

func (j *times) apply(to run.State, m moment) {
	switch {
	case to == run.Queued:
		if j.ready.at.IsZero() {
			j.ready = m
		}
	case to == run.Running:
		if !j.ran {
			j.start, j.ran = m, true
		}
	case to.Ended():
		if j.end, j.over = m, true; !j.ran {
			j.ready, j.start = m, m
		}
	}
}

// last returns the job that ran and was the last to end before a place in the record, of
// those that which names, and -1 when there is none.
func (w *walk) last(before int, which func(job int) bool) int {
	n, _ := slices.BinarySearchFunc(w.ran, before, func(i, seq int) int { return cmp.Compare(w.times[i].end.seq, seq) })
	for n--; n >= 0; n-- {
		if which(w.ran[n]) {
			return w.ran[n]
		}
	}
	return -1
}

// before returns the job whose end a job had waited for last, and -1 when it was none.
func (w *walk) before(at int) (int, Link) {
	if i := w.freed(at); i >= 0 {
		return i, ForPlace
	}
	if i := w.needed(at); i >= 0 {
		return i, AfterJob
	}
	if j := &w.wf.Jobs[at]; j.Hook != workflow.NoHook && len(j.Needs) == 0 {
		i := w.last(w.times[at].start.seq, func(i int) bool { return w.wf.Jobs[i].Hook == workflow.NoHook })
		if i >= 0 {
			return i, AfterRun
		}
	}
	return -1, AtStart
}

// freed returns the job whose place another one took that could have started before, and
// -1 when there was none: it ended after the other was ready, and before that started.
func (w *walk) freed(at int) int {
	t := &w.times[at]
	if t.ready.at.IsZero() || !t.ready.at.Before(t.start.at) {
		return -1
	}
	i := w.last(t.start.seq, func(int) bool { return true })
	if i < 0 || !w.times[i].end.at.After(t.ready.at) {
		return -1
	}
	return i
}

// needed returns the job that ran and ended last of those that a job needs. In place of
// one that was skipped it is what that had needed.
func (w *walk) needed(at int) int {
	found := -1
	passed := map[int]bool{}
	for todo := w.wf.Jobs[at].Needs; len(todo) > 0; {
		var next []int
		for _, i := range todo {
			switch t := &w.times[i]; {
			case passed[i] || !t.over || t.end.seq > w.times[at].start.seq:
			case !t.ran:
				next = append(next, w.wf.Jobs[i].Needs...)
			case found < 0 || t.end.seq > w.times[found].end.seq:
				found = i
			}
			passed[i] = true
		}
		todo = next
	}
	return found
}

// slack returns how much longer each job could have taken, see Critical.
func (w *walk) slack(ended time.Time) []time.Duration {
	slack := make([]time.Duration, len(w.times))
	main := w.main(ended)
	for i := range w.times {
		until := main
		if w.wf.Jobs[i].Hook != workflow.NoHook {
			until = ended
		}
		slack[i] = max(0, until.Sub(w.times[i].end.at))
	}
	for _, i := range w.backwards() {
		t := &w.times[i]
		limit := func(before int) {
			if b := &w.times[before]; b.over {
				slack[before] = max(0, min(slack[before], t.start.at.Sub(b.end.at)+slack[i]))
			}
		}
		for _, need := range w.wf.Jobs[i].Needs {
			limit(need)
		}
		if before := w.freed(i); before >= 0 {
			limit(before)
		}
	}
	for i := range slack {
		if t := &w.times[i]; !t.ran || !t.over {
			slack[i] = NotRun
		}
	}
	return slack
}

// main returns until when jobs could have gone on: the start of the first job at the end
// of the run, or the end of the attempt.
func (w *walk) main(ended time.Time) time.Time {
	for _, i := range w.ran {
		if t := &w.times[i]; w.wf.Jobs[i].Hook != workflow.NoHook && t.start.at.Before(ended) {
			ended = t.start.at
		}
	}
	return ended
}

// backwards returns the jobs that are over so that each comes after those that had waited
// for it.
func (w *walk) backwards() []int {
	order := make([]int, 0, len(w.times))
	for i := range w.times {
		if w.times[i].over {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(w.times[b].start.seq, w.times[a].start.seq) })
	return order
}
