package runs

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/simulate"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Preview is what an attempt would do if every job succeeded at its first try, every
// condition held and the run had no time limit. Jobs are indexes into Workflow.Jobs.
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
	Cause  run.JobID // because of which, where there is one
}

// PreviewRun returns what a new run would do. It changes nothing. usual may be nil.
func PreviewRun(wf *workflow.Workflow, opt Options, usual *Usual) (*Preview, error) {
	opt, err := opt.spread(wf)
	if err != nil {
		return nil, err
	}
	p := &Preview{Workflow: wf, Options: opt, Attempt: 1, Usual: usual}
	return p, p.rehearse(plan.New(untimed(wf), opt.Plan(0, 1)))
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
	restored, err := plan.Restore(untimed(wf), opt.Plan(r.ID, p.Attempt), h.Transitions, h.Overrides)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the history of run %d can't be replayed", r.ID)
	}
	if err := checkMade(wf, restored.Workflow(), opt.From, opt.Skip, opt.ForceJobs); err != nil {
		return nil, err
	}
	p.Workflow = restored.Workflow()
	return p, p.rehearse(restored)
}

// untimed returns the workflow without its time limit: a rehearsal has guessed times.
func untimed(wf *workflow.Workflow) *workflow.Workflow {
	copied := *wf
	copied.Timeout = 0
	return &copied
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
	known := true
	line, err := simulate.Run(simulate.Config{Plan: dry, Start: time.Unix(0, 0), Play: func(job, _ int) simulate.Play {
		d, ok := p.length(job)
		known = known && ok
		return simulate.Exit(0, d)
	}})
	if err != nil {
		return err
	}
	for i := range line.Jobs {
		if j := &line.Jobs[i]; j.State == run.Skipped {
			p.Skipped = append(p.Skipped, SkippedJob{i, j.Reason, j.Cause})
		}
	}
	if known {
		p.Took = line.Took
	}
	p.Workers, p.Starts = line.Workers, line.Started()
	p.Waves, p.Critical = simulate.Shape(p.Workflow, p.Starts, func(i int) time.Duration {
		d, _ := p.length(i)
		return d
	})
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

func indexOf(wf *workflow.Workflow) map[run.JobID]int {
	index := make(map[run.JobID]int, len(wf.Jobs))
	for i := range wf.Jobs {
		index[wf.Jobs[i].ID] = i
	}
	return index
}

// Imagined returns the options of the plan of a new run that is only simulated, with
// what evaluates its conditions; nil: every condition holds.
func Imagined(wf *workflow.Workflow, opt Options, when func(int, plan.Facts) (bool, error)) (plan.Options, error) {
	opt, err := opt.spread(wf)
	made := opt.Plan(1, 1)
	made.When = when
	return made, err
}
