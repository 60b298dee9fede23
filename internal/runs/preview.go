package runs

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Preview is what an attempt would do if every job succeeded at its first try. Jobs
// are indexes into Workflow.Jobs.
type Preview struct {
	Workflow *workflow.Workflow
	Options  Options
	Run      run.ID // of the run that would be resumed; 0 for a new one
	Attempt  int    // that would begin
	Workers  int    // jobs that may run at once
	Starts   []int  // jobs that would run, in the order in which they would start
	Waves    [][]int
	Critical []int // the chain of jobs that no number of workers makes faster
	Skipped  []SkippedJob
	Usual    *Usual        // nil when no run of the application has succeeded
	Took     time.Duration // of the whole; 0 unless the duration of every job is known
}

// SkippedJob is a job that would not run, and why.
type SkippedJob struct {
	Job    int
	Reason run.Reason
}

// PreviewRun returns what a new run would do. It changes nothing. usual may be nil.
func PreviewRun(wf *workflow.Workflow, opt Options, usual *Usual) (*Preview, error) {
	if err := opt.check(wf); err != nil {
		return nil, err
	}
	p := &Preview{Workflow: wf, Options: opt, Attempt: 1, Usual: usual}
	return p, p.rehearse(plan.New(wf, opt.Plan(0, 1)))
}

// PreviewResume returns what resuming a run would do. It changes nothing. A run that
// is going on is a conflict; one whose program is gone is taken for ended, as Resume
// does.
func (s *Service) PreviewResume(ctx context.Context, r store.Run, req Resume) (*Preview, error) {
	if !r.Attempt.State.Ended() && s.isOwned(r) {
		return nil, lockedByRunning(store.ErrHeld(r.ID, *r.Owner, time.Time{}), r.ID)
	}
	opt, wf, err := s.continueWith(ctx, r, req)
	if err != nil {
		return nil, err
	}
	h, err := s.history(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	if left, err := s.Interrupted(ctx, r); err != nil || left {
		return nil, cmp.Or(err, interrupted(r.ID))
	}
	if !r.Attempt.State.Ended() {
		last, _, err := s.restore(ctx, r)
		if err != nil {
			return nil, err
		}
		h.Transitions = slices.Concat(h.Transitions, closing(last, time.Now(), plan.Drain{Reason: run.EngineLost}))
	}
	usual, err := s.Usual(ctx, r.Application)
	if err != nil {
		return nil, err
	}
	p := &Preview{Workflow: wf, Options: opt, Run: r.ID, Attempt: r.Attempt.Number + 1, Usual: usual}
	restored, err := plan.Restore(wf, opt.Plan(r.ID, p.Attempt), h.Transitions, h.Overrides)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the history of run %d can't be replayed", r.ID)
	}
	return p, p.rehearse(restored)
}

// Expected returns how long job i usually takes, and whether that is known.
func (p *Preview) Expected(i int) (time.Duration, bool) {
	if p.Usual == nil {
		return 0, false
	}
	d, ok := p.Usual.Jobs[p.Workflow.Jobs[i].ID]
	return d, ok
}

// rehearse lets the plan run in a time of its own, in which every job takes as long
// as it usually does, or a second, and succeeds.
func (p *Preview) rehearse(dry *plan.Plan) error {
	p.Workers = dry.Workers()
	start := time.Unix(0, 0)
	now := start
	var going ends
	known := true
	index := indexOf(p.Workflow)
	for out := dry.Step(now, plan.Begin{}); ; {
		for n := range out.Transitions {
			if t := &out.Transitions[n]; t.Job != "" && t.To == run.Skipped {
				p.Skipped = append(p.Skipped, SkippedJob{index[t.Job], t.Reason})
			}
		}
		for _, task := range out.Start {
			p.Starts = append(p.Starts, task.Job)
			d, ok := p.length(task.Job)
			known = known && ok
			heap.Push(&going, end{task, now.Add(d)})
		}
		if out.Done != nil {
			break
		}
		if len(going) == 0 {
			return fault.New(fault.Internal, "the plan stands still with %d of %d jobs", len(p.Starts), len(p.Workflow.Jobs)).
				WithHint("this is a bug of executioner; please report it")
		}
		next := heap.Pop(&going).(end)
		now = next.at
		out = dry.Step(now, plan.Finished{Job: next.Job, Try: next.Try, Outcome: run.Outcome{State: run.Success, Reason: run.Exited}})
	}
	if known {
		p.Took = now.Sub(start)
	}
	slices.SortFunc(p.Skipped, func(a, b SkippedJob) int { return cmp.Compare(a.Job, b.Job) })
	p.shape()
	return nil
}

// length returns how long a job takes in a rehearsal, and whether that is known.
func (p *Preview) length(i int) (time.Duration, bool) {
	if p.Workflow.Jobs[i].Command == "" {
		return 0, true
	}
	if d, ok := p.Expected(i); ok {
		return d, true
	}
	return time.Second, false
}

// shape finds the waves and the critical path of the jobs that would run.
func (p *Preview) shape() {
	jobs := slices.Sorted(slices.Values(p.Starts))
	place := make([]int, len(p.Workflow.Jobs)) // in the part that runs, plus 1
	part := &workflow.Workflow{Jobs: make([]workflow.Job, len(jobs))}
	expected := make([]time.Duration, len(jobs))
	for n, i := range jobs {
		place[i] = n + 1
		expected[n], _ = p.length(i)
	}
	for n, i := range jobs {
		for _, need := range p.Workflow.Jobs[i].Needs {
			if at := place[need]; at > 0 {
				part.Jobs[n].Needs = append(part.Jobs[n].Needs, at-1)
			}
		}
	}
	back := func(list []int) {
		for n := range list {
			list[n] = jobs[list[n]]
		}
	}
	p.Waves, p.Critical = plan.Waves(part), plan.CriticalPath(part, expected)
	for _, wave := range p.Waves {
		back(wave)
	}
	back(p.Critical)
}

func indexOf(wf *workflow.Workflow) map[run.JobID]int {
	index := make(map[run.JobID]int, len(wf.Jobs))
	for i := range wf.Jobs {
		index[wf.Jobs[i].ID] = i
	}
	return index
}

// end is when a task of a rehearsal is over.
type end struct {
	plan.Task
	at time.Time
}

// ends is a heap of what is going on, the earliest end on top, of equal ones the job
// that comes first in the file.
type ends []end

func (e ends) Len() int { return len(e) }
func (e ends) Less(a, b int) bool {
	if !e[a].at.Equal(e[b].at) {
		return e[a].at.Before(e[b].at)
	}
	return e[a].Job < e[b].Job
}
func (e ends) Swap(a, b int) { e[a], e[b] = e[b], e[a] }
func (e *ends) Push(x any)   { *e = append(*e, x.(end)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
