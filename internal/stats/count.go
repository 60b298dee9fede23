package stats

import (
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// MaxJobs is how many jobs of an attempt are counted one by one. Of an attempt with more,
// those of a matrix or foreach are counted under their common name; when there still are
// more, only the attempt itself is counted.
const MaxJobs = 2000

// Attempt is what is known of an attempt besides its transitions.
type Attempt struct {
	Number                        int
	State                         run.State
	Hash                          string // of its workflow
	CreatedAt, StartedAt, EndedAt time.Time
}

// day returns the day that the attempt is counted for: the one on which it began.
func (a *Attempt) day() Period {
	for _, t := range []time.Time{a.StartedAt, a.CreatedAt, a.EndedAt} {
		if !t.IsZero() {
			return Day(t)
		}
	}
	return 0
}

// Counted is what an attempt adds to the tallies of a day.
type Counted struct {
	Attempt int
	Day     Period
	Jobs    map[run.JobID]*Tally // under the empty id: of the attempt itself
}

// Counter counts how the attempts of a run went. It is to be told of all transitions from
// the first on. Not safe for concurrent use.
type Counter struct {
	attempts []Attempt // from 1 on, without gaps
	jobs     []map[run.JobID]*progress
	failed   map[run.JobID]string // of jobs that failed last: the workflow's hash then
}

// progress is how far a job has come in an attempt.
type progress struct {
	tally          Tally
	state          run.State
	queued         time.Time // the last time
	started, ended time.Time // of the first try, of the last try
	failed, flaky  bool
	idle           bool // its command was not run, as nothing had changed
	measured       bool
	cpu            time.Duration
	memory         int64
}

// NewCounter returns a counter for a run with these attempts, the first at 0.
func NewCounter(attempts []Attempt) *Counter {
	c := &Counter{attempts: attempts, jobs: make([]map[run.JobID]*progress, len(attempts)), failed: map[run.JobID]string{}}
	for i := range c.jobs {
		c.jobs[i] = map[run.JobID]*progress{}
	}
	return c
}

// Add tells of a transition, in the order in which they were recorded. t is not kept.
func (c *Counter) Add(t *run.Transition) {
	if t.Job == "" || t.Mark() || t.Attempt < 1 || t.Attempt > len(c.attempts) || settledBefore(t) {
		return
	}
	p := c.jobs[t.Attempt-1][t.Job]
	if p == nil {
		p = new(progress)
		c.jobs[t.Attempt-1][t.Job] = p
	}
	p.state = t.To
	switch t.To {
	case run.Queued:
		p.queued = t.At
	case run.Running:
		p.start(t.At)
	case run.Success, run.Failed, run.Timeout, run.Cancelled:
		p.end(t)
	}
	c.judge(p, t)
}

// settledBefore reports whether a job is only passed over because of what an earlier
// attempt did, or because this one is not about it.
func settledBefore(t *run.Transition) bool {
	return t.To == run.Skipped &&
		(t.Reason == run.AlreadySucceeded || t.Reason == run.FailuresAllowed || t.Reason == run.NotSelected)
}

func (p *progress) start(at time.Time) {
	if p.tally.Tries++; p.tally.Tries == 1 {
		p.started = at
	}
	if d, ok := between(p.queued, at); ok {
		p.tally.Queued.Add(d)
	}
}

func (p *progress) end(t *run.Transition) {
	p.ended, p.idle = t.EndedAt(p.started), t.Reason == run.UpToDate
	if o := t.Outcome; o != nil && (o.CPU > 0 || o.MaxRSS > 0) {
		p.measured = true
		p.cpu += o.CPU
		p.memory = max(p.memory, o.MaxRSS)
	}
}

// judge finds out whether a success is a flaky one. That nobody knows how a try ended says
// nothing of the job.
func (c *Counter) judge(p *progress, t *run.Transition) {
	hash := c.attempts[t.Attempt-1].Hash
	switch t.To {
	case run.Failed, run.Timeout:
		if t.Reason != run.Lost {
			p.failed = true
			c.failed[t.Job] = hash
		}
	case run.Success:
		before, is := c.failed[t.Job]
		p.flaky = p.failed || is && before == hash
		delete(c.failed, t.Job)
	}
}

func between(from, to time.Time) (time.Duration, bool) {
	return to.Sub(from), !from.IsZero() && !to.IsZero()
}

// Count returns what attempt number adds, once its last transition was told.
func (c *Counter) Count(number int) Counted {
	a := &c.attempts[number-1]
	counted := Counted{Attempt: number, Day: a.day(), Jobs: map[run.JobID]*Tally{}}
	whole := c.countAttempt(a)
	for id, p := range c.jobs[number-1] {
		t := p.count()
		if t == nil {
			continue
		}
		counted.Jobs[id] = t
		whole.Started += t.Started
		whole.Tries += t.Tries
		if t.Measured > 0 {
			whole.use(t.CPU, t.Memory)
			whole.Measured = 1
		}
	}
	counted.Jobs = few(counted.Jobs)
	counted.Jobs[""] = whole
	return counted
}

// countAttempt counts the attempt itself.
func (c *Counter) countAttempt(a *Attempt) *Tally {
	t := new(Tally)
	t.end(a.State)
	if d, ok := between(a.CreatedAt, a.StartedAt); ok {
		t.Queued.Add(d)
	}
	if a.Number == 1 {
		if d, ok := between(a.StartedAt, a.EndedAt); ok && a.State == run.Success {
			t.Took.Add(d)
		}
		return t
	}
	t.Resumed = 1
	before := &c.attempts[a.Number-2]
	if a.State == run.Success && (before.State == run.Failed || before.State == run.Timeout) && before.Hash == a.Hash {
		t.Flaky = 1
	}
	return t
}

// count returns how a job went, and nil when nothing was decided about it.
func (p *progress) count() *Tally {
	t := &p.tally
	if !p.state.Ended() {
		return nil
	}
	t.end(p.state)
	if t.Tries > 0 {
		t.Started = 1
	}
	if p.measured {
		t.use(p.cpu, p.memory)
	}
	if p.state == run.Success {
		if d, ok := between(p.started, p.ended); ok && !p.idle {
			t.Took.Add(d)
		}
		if p.flaky {
			t.Flaky = 1
		}
	}
	return t
}

// few returns the tallies of MaxJobs jobs at most, see there.
func few(jobs map[run.JobID]*Tally) map[run.JobID]*Tally {
	if len(jobs) <= MaxJobs {
		return jobs
	}
	groups := make(map[run.JobID]*Tally)
	for id, t := range jobs {
		name, _, _ := strings.Cut(string(id), "[")
		group := run.JobID(name)
		if groups[group] == nil {
			groups[group] = new(Tally)
		}
		groups[group].Merge(t)
	}
	if len(groups) > MaxJobs {
		return map[run.JobID]*Tally{}
	}
	return groups
}
