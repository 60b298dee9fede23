// Package simulate lets a plan run in a time of its own: nothing is started and nothing
// is recorded, and hours take milliseconds. It is pure: how each try goes is handed in.
package simulate

import (
	"container/heap"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Play is how a try would go if nothing stopped it.
type Play struct {
	Took    time.Duration
	Outcome run.Outcome
}

// Event is something that happens to the run from outside.
type Event struct {
	After time.Duration // since the start
	Input plan.Input
}

// Config says what is simulated. Plan and Play are required.
type Config struct {
	Plan  *plan.Plan // in which the attempt has not begun; it is used up
	Start time.Time
	Play  func(job, try int) Play // is called once for each try
	// Events happen in this order, after what ends in the same moment.
	Events []Event
}

// Timeline is what happened. Times are counted from the start.
type Timeline struct {
	Workflow *workflow.Workflow // with the jobs that have come at run time
	Workers  int                // jobs that may run at once
	Summary  run.Summary
	Took     time.Duration
	Tries    []Try // in the order in which they started
	Jobs     []Job // by index
}

// Try is one start of a job.
type Try struct {
	Job        int // index into Workflow.Jobs
	Number     int // from 1
	Start, End time.Duration
	State      run.State
	Reason     run.Reason
}

// Job is how a job ended.
type Job struct {
	State    run.State
	Reason   run.Reason
	Cause    run.JobID // because of which, where there is one
	Detail   string
	ExitCode int // of its last try; run.NoExitCode when there is none
	Tries    int
	Values   run.Values // what it handed on
}

// Run simulates a plan to its end. A fault Internal means that it stands still.
func Run(cfg Config) (*Timeline, error) {
	wf := cfg.Plan.Workflow()
	cfg.Start = cfg.Start.Truncate(time.Microsecond) // which is how a plan counts
	s := &simulation{
		cfg: cfg, index: make(map[run.JobID]int, len(wf.Jobs)), going: make(map[int]*tryEnd),
		line: &Timeline{Workflow: wf, Workers: cfg.Plan.Workers(), Jobs: make([]Job, len(wf.Jobs))},
	}
	s.know(0)
	for in := plan.Input(plan.Begin{}); ; {
		out := cfg.Plan.Step(cfg.Start.Add(s.now), in)
		s.grow()
		s.take(out)
		if s.over {
			s.line.Took = s.now
			return s.line, nil
		}
		if in = s.next(); in == nil {
			return nil, fault.New(fault.Internal, "the plan stands still after %d tries of %d jobs", len(s.line.Tries), len(wf.Jobs)).
				WithHint("this is a bug of executioner; please report it")
		}
	}
}

// simulation is a plan that is being simulated.
type simulation struct {
	cfg   Config
	line  *Timeline
	index map[run.JobID]int
	now   time.Duration // since the start

	ends   tryEnds         // what is going on
	going  map[int]*tryEnd // the same, by job
	wake   time.Duration   // when the plan wants to be called, unless it is asleep
	asleep bool
	idle   bool // the last call at wake changed nothing
	over   bool
}

// know prepares for the jobs from first on.
func (s *simulation) know(first int) {
	for i := first; i < len(s.line.Jobs); i++ {
		s.index[s.line.Workflow.Jobs[i].ID] = i
		s.line.Jobs[i].ExitCode = run.NoExitCode
	}
}

// grow takes notice of jobs that have come with a step.
func (s *simulation) grow() {
	first := len(s.line.Jobs)
	s.line.Workflow = s.cfg.Plan.Workflow()
	if n := len(s.line.Workflow.Jobs) - first; n > 0 {
		s.line.Jobs = append(s.line.Jobs, make([]Job, n)...)
		s.know(first)
	}
}

// take does what a step decided.
func (s *simulation) take(out plan.Output) {
	for n := range out.Transitions {
		s.note(&out.Transitions[n])
	}
	for _, task := range out.Start {
		s.start(task)
	}
	for _, stop := range out.Stop {
		if e := s.going[stop.Job]; e != nil {
			e.at = s.now
			e.outcome = run.Outcome{State: stop.State, Reason: stop.Reason, Detail: stop.Detail, ExitCode: run.NoExitCode}
			heap.Fix(&s.ends, e.place)
		}
	}
	s.asleep = out.Wake.IsZero()
	if !s.asleep {
		s.wake = max(out.Wake.Sub(s.cfg.Start), s.now)
	}
	s.idle = len(out.Transitions) == 0
	if out.Done != nil {
		s.line.Summary, s.over = *out.Done, true
	}
}

func (s *simulation) note(t *run.Transition) {
	i, ok := s.index[t.Job]
	if !ok || t.Job == "" || t.Mark() {
		return
	}
	j := &s.line.Jobs[i]
	j.State, j.Reason, j.Cause, j.Detail = t.To, t.Reason, t.Cause, t.Detail
	if t.Outcome != nil {
		j.ExitCode = t.Outcome.ExitCode
		j.Values = ""
		if t.To == run.Success {
			j.Values = t.Outcome.Values
		}
	}
}

func (s *simulation) start(task plan.Task) {
	s.line.Jobs[task.Job].Tries = task.Try
	p := s.cfg.Play(task.Job, task.Try)
	e := &tryEnd{Task: task, at: s.now + p.Took, outcome: p.Outcome, try: len(s.line.Tries)}
	s.line.Tries = append(s.line.Tries, Try{Job: task.Job, Number: task.Try, Start: s.now})
	s.going[task.Job] = e
	heap.Push(&s.ends, e)
}

// next returns what happens next, having moved the time there. Nil: nothing ever does.
func (s *simulation) next() plan.Input {
	ending, event := len(s.ends) > 0, len(s.cfg.Events) > 0
	switch {
	case ending && (!event || s.ends[0].at <= s.cfg.Events[0].After) && (s.asleep || s.ends[0].at <= s.wake):
		e := heap.Pop(&s.ends).(*tryEnd)
		delete(s.going, e.Job)
		s.now = e.at
		t := &s.line.Tries[e.try]
		t.End, t.State, t.Reason = s.now, e.outcome.State, e.outcome.Reason
		return plan.Finished{Job: e.Job, Try: e.Try, Outcome: e.outcome}
	case event && (s.asleep || s.cfg.Events[0].After <= s.wake):
		e := s.cfg.Events[0]
		s.cfg.Events = s.cfg.Events[1:]
		s.now = max(s.now, e.After)
		return e.Input
	case !s.asleep && (s.now < s.wake || !s.idle):
		s.now = s.wake
		return plan.Tick{}
	}
	return nil
}

// tryEnd is when a try is over.
type tryEnd struct {
	plan.Task
	at      time.Duration
	outcome run.Outcome
	try     int // index into Timeline.Tries
	place   int // in the heap
}

// tryEnds is a heap of what is going on, the earliest end on top, of equal ones the job
// that comes first in the file.
type tryEnds []*tryEnd

func (e tryEnds) Len() int { return len(e) }
func (e tryEnds) Less(a, b int) bool {
	if e[a].at != e[b].at {
		return e[a].at < e[b].at
	}
	return e[a].Job < e[b].Job
}

func (e tryEnds) Swap(a, b int) {
	e[a], e[b] = e[b], e[a]
	e[a].place, e[b].place = a, b
}

func (e *tryEnds) Push(x any) {
	end := x.(*tryEnd)
	end.place = len(*e)
	*e = append(*e, end)
}

func (e *tryEnds) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
