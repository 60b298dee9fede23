//go:build linux

package crash

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Evidence is all that is known of a run that has ended.
type evidence struct {
	flow        flow
	run         run.ID
	ledger      []entry
	torn        []string
	transitions []run.Transition
	logs        map[run.JobID]string // the jobs' logs

	exposed map[run.TaskID]bool // they were going on when engine and keeper were both dead: nobody may know how they ended, and nobody held the pipe that they write to
	deaths  []span              // of keepers: what they had read of a job's output and not written is gone
	mayFail bool                // steps were made to fail: a job that is said not to have started is right when it has not
	injured bool                // system calls of the jobs themselves were made to fail: such a job fails, without an end in the ledger
}

// A span is a time in which something happened.
type span struct{ from, to time.Time }

// A tried is what both sides say of one task.
type tried struct {
	starts, ends []int // positions in the ledger
	running      int   // how often it was recorded as started
	began        time.Time
	outcomes     []run.Transition
}

// verdict compares record and ledger and returns all that is wrong, in words.
func (e *evidence) verdict() []string {
	c := &court{evidence: e, tasks: make(map[run.TaskID]*tried)}
	c.readLedger()
	c.readRecord()
	for _, id := range c.order {
		c.judge(id)
	}
	c.dependencies()
	c.overlaps()
	c.final()
	return c.wrongs
}

// court collects what is wrong.
type court struct {
	*evidence
	tasks  map[run.TaskID]*tried
	order  []run.TaskID // of first mention
	wrongs []string
}

func (c *court) wrong(format string, args ...any) {
	c.wrongs = append(c.wrongs, fmt.Sprintf(format, args...))
}

func (c *court) task(id run.TaskID) *tried {
	t := c.tasks[id]
	if t == nil {
		t = &tried{}
		c.tasks[id] = t
		c.order = append(c.order, id)
	}
	return t
}

func (c *court) readLedger() {
	for _, line := range c.torn {
		c.wrong("the ledger has a line that is none: %s", line)
	}
	for i, e := range c.ledger {
		t := c.task(e.task)
		if e.end {
			t.ends = append(t.ends, i)
		} else {
			t.starts = append(t.starts, i)
		}
	}
}

// readRecord reads the transitions, and checks that each follows from the one before.
func (c *court) readRecord() {
	state := make(map[run.JobID]run.State) // empty: the run
	attempt := 0
	for i, t := range c.transitions {
		if t.Seq != int64(i+1) {
			c.wrong("transition %d has number %d", i+1, t.Seq)
		}
		if t.Attempt != attempt {
			clear(state)
			attempt = t.Attempt
		}
		if state[t.Job] != t.From || !t.Mark() && !t.From.CanMove(t.To) {
			c.wrong("transition %d moves %q from %s to %s, and it was %s", t.Seq, t.Job, t.From, t.To, state[t.Job])
		}
		state[t.Job] = t.To
		if t.Job == "" || t.Mark() {
			continue
		}
		id := run.TaskID{Run: c.run, Attempt: t.Attempt, Job: t.Job, Try: t.Try}
		switch {
		case t.To == run.Running:
			c.task(id).running++
			c.task(id).began = t.At
		case t.From == run.Running:
			c.task(id).outcomes = append(c.task(id).outcomes, t)
		}
	}
}

// judge compares what both sides say of one task.
func (c *court) judge(id run.TaskID) {
	t, j := c.tasks[id], c.flow.job(id.Job)
	if j == nil || id.Run != c.run {
		c.wrong("%s: there is no such task", id)
		return
	}
	c.judgeProcess(id, t, j)
	if t.running != 1 {
		c.wrong("%s: recorded as started %d times", id, t.running)
	}
	if len(t.outcomes) != 1 {
		c.wrong("%s: has %d outcomes", id, len(t.outcomes))
		return
	}
	c.judgeOutcome(id, t, j, &t.outcomes[0])
}

// judgeProcess looks at the ledger alone.
func (c *court) judgeProcess(id run.TaskID, t *tried, j *job) {
	if len(t.starts) > 1 {
		c.wrong("%s: started %d times (pids %v)", id, len(t.starts), c.pids(t.starts))
	}
	if len(t.ends) > 1 {
		c.wrong("%s: ended %d times (pids %v)", id, len(t.ends), c.pids(t.ends))
	}
	if len(t.ends) == 0 {
		return
	}
	end := c.ledger[t.ends[0]]
	switch {
	case len(t.starts) == 0:
		c.wrong("%s: ended without a start", id)
	case t.starts[0] > t.ends[0]:
		c.wrong("%s: ended before it started", id)
	case c.ledger[t.starts[0]].pid != end.pid:
		c.wrong("%s: started as process %d and ended as %d", id, c.ledger[t.starts[0]].pid, end.pid)
	}
	if end.code != j.code(id.Try) {
		c.wrong("%s: ended with %d, which is not the exit code of that try, %d", id, end.code, j.code(id.Try))
	}
}

// judgeOutcome compares the recorded outcome with the ledger.
func (c *court) judgeOutcome(id run.TaskID, t *tried, j *job, out *run.Transition) {
	said := fmt.Sprintf("%s: recorded as %s %s", id, out.To, out.Reason)
	if out.Outcome == nil {
		c.wrong("%s, without an outcome", said)
		return
	}
	said += fmt.Sprintf(" (exit code %d, signal %d)", out.Outcome.ExitCode, out.Outcome.Signal)
	ran := len(t.starts) > 0 && len(t.ends) > 0
	switch {
	case out.Reason == run.Lost:
		if !c.exposed[id] && !c.unborn(t, out) || out.To != run.Failed {
			c.wrong("%s, though its fate could be known (%s)", said, out.Outcome.Detail)
		}
		c.output(id, j, 0)
	case c.exposed[id] && j.Talks && out.To == run.Failed && out.Outcome.Signal == int(syscall.SIGPIPE) && len(t.ends) == 0:
		c.output(id, j, 0)
	case out.Reason == run.StartFailed && len(t.starts) > 0:
		c.wrong("%s, and it did start (%s)", said, out.Outcome.Detail)
	case out.Reason == run.StartFailed && c.mayFail:
	case c.injured && len(t.ends) == 0 && out.To == run.Failed:
	case out.Reason == run.Exited || out.Reason == run.PostcheckFailed:
		c.judgeExit(id, t, j, out, said, ran)
	default:
		c.wrong("%s, which nothing gave cause for (%s)", said, out.Outcome.Detail)
	}
}

// judgeExit is about a command that is said to have ended by itself.
func (c *court) judgeExit(id run.TaskID, t *tried, j *job, out *run.Transition, said string, ran bool) {
	if !ran {
		c.wrong("%s, and the ledger lacks its start or end", said)
	}
	state, reason := j.outcome(id.Try)
	checkHurt := c.injured && out.Reason == run.PostcheckFailed && len(j.Checked) > 0
	if (out.To != state || out.Reason != reason) && !checkHurt {
		c.wrong("%s instead of %s %s", said, state, reason)
	}
	if out.Outcome.ExitCode != j.code(id.Try) || out.Outcome.Signal != 0 {
		c.wrong("%s instead of exit code %d", said, j.code(id.Try))
	}
	least := 1
	if c.bereft(t, out) {
		least = 0
	}
	c.output(id, j, least)
}

// unborn says whether a task's keeper died between noting that it starts the task and
// noting that it has, in the same moment as with others: then nobody can know which of
// them ran, or which of the processes that have ended was whose.
func (c *court) unborn(t *tried, out *run.Transition) bool {
	const being = "its keeper went away while it was being started"
	if !c.bereft(t, out) || !strings.Contains(out.Outcome.Detail, being) {
		return false
	}
	together := 0
	for i := range c.transitions {
		if o := c.transitions[i].Outcome; o != nil && strings.Contains(o.Detail, being) {
			together++
		}
	}
	return len(t.starts) == 0 || together > 1
}

// bereft says whether a task went on while its keeper died.
func (c *court) bereft(t *tried, out *run.Transition) bool {
	return slices.ContainsFunc(c.deaths, func(d span) bool { return !t.began.After(d.to) && !out.At.Before(d.from) })
}

// output counts the lines that a task wrote to its log: each must be there as often as
// it was written, once, or, where the task was lost, not more often.
func (c *court) output(id run.TaskID, j *job, least int) {
	if !j.Talks || c.injured {
		return
	}
	for part := 1; part <= 2; part++ {
		line := fmt.Sprintf("/%s %d\n", id, part)
		if n := strings.Count(c.logs[id.Job], line); n < least || n > 1 {
			c.wrong("%s: line %d of its output is %d times in its log", id, part, n)
		}
	}
}

func (c *court) pids(positions []int) (pids []int) {
	for _, p := range positions {
		pids = append(pids, c.ledger[p].pid)
	}
	return pids
}

// dependencies checks that each start comes after the successful end of all that the
// job needs.
func (c *court) dependencies() {
	for at, e := range c.ledger {
		j := c.flow.job(e.task.Job)
		if e.end || j == nil {
			continue
		}
		for _, d := range j.Deps {
			if dep := c.flow.Jobs[d].ID; !c.doneBefore(dep, at) {
				c.wrong("%s: started before %s had succeeded", e.task, dep)
			}
		}
	}
}

// doneBefore says whether a task of the job that is recorded as successful ended before
// that place of the ledger.
func (c *court) doneBefore(dep run.JobID, at int) bool {
	return slices.ContainsFunc(c.ledger[:at], func(e entry) bool {
		if !e.end || e.task.Job != dep {
			return false
		}
		return slices.ContainsFunc(c.tasks[e.task].outcomes, func(t run.Transition) bool { return t.To == run.Success })
	})
}

// overlaps checks that no task of a job starts before the one before has ended. One that
// never said that it ended proves nothing.
func (c *court) overlaps() {
	for _, id := range c.order {
		t := c.tasks[id]
		if len(t.starts) == 0 || len(t.ends) == 0 {
			continue
		}
		for at := t.starts[0] + 1; at < t.ends[0]; at++ {
			if o := c.ledger[at]; !o.end && o.task.Job == id.Job && o.task != id {
				c.wrong("%s: started while %s was running", o.task, id)
			}
		}
	}
}

// final checks that run and jobs are in the states that the flow must come to.
func (c *court) final() {
	got := latest(c.transitions)
	for id, want := range c.flow.expected() {
		if got.jobs[id] != want {
			c.wrong("%s: is %s in the end, not %s", id, got.jobs[id], want)
		}
	}
	if got.run != c.flow.state() {
		c.wrong("the run is %s in the end, not %s", got.run, c.flow.state())
	}
}

// A standing is how a run and its jobs stand.
type standing struct {
	run  run.State
	jobs map[run.JobID]run.State // SUCCESS stays, whatever later attempts skip
}

// latest returns how a run stands after its transitions.
func latest(ts []run.Transition) standing {
	s := standing{jobs: make(map[run.JobID]run.State)}
	for _, t := range ts {
		switch {
		case t.Job == "":
			s.run = t.To
		case t.Reason != run.AlreadySucceeded:
			s.jobs[t.Job] = t.To
		}
	}
	return s
}

// settled says whether nothing is left to resume.
func (f *flow) settled(ts []run.Transition) bool {
	s := latest(ts)
	if s.run != f.state() {
		return false
	}
	for id, want := range f.expected() {
		if s.jobs[id] != want {
			return false
		}
	}
	return true
}
