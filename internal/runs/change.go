package runs

import (
	"cmp"
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Cancel asks for the end of a run, or of some of its jobs. kind is CancelRun,
// DrainRun or CancelJob. A run whose program is gone is ended here, with whatever
// processes it left. An ended run that left no process is a conflict.
func (s *Service) Cancel(ctx context.Context, r store.Run, kind store.RequestKind, jobs []run.JobID, by string) error {
	if opt, err := decodeOptions(r.Attempt.Options); err == nil && opt.Service && kind == store.CancelJob && !r.Attempt.State.Ended() {
		return s.Ask(ctx, r, kind, jobs, by) // whichever service takes the run will see it
	}
	if r.Attempt.State.Ended() || !s.isOwned(r) {
		if done, err := s.cancelInterrupted(ctx, r, kind, by); done || err != nil {
			return err
		}
		return s.cancelLost(ctx, r)
	}
	return s.Ask(ctx, r, kind, jobs, by)
}

// Ask records what a run is asked for: as Cancel, for a run that has an owner, or will have
// one. It is not lost from then on, whatever becomes of the owner.
func (s *Service) Ask(ctx context.Context, r store.Run, kind store.RequestKind, jobs []run.JobID, by string) error {
	requests := []store.Request{{Kind: kind, By: by, At: time.Now().UTC()}}
	if kind == store.CancelJob {
		wf, err := s.grown(ctx, r)
		if err != nil {
			return err
		}
		requests = requests[:0]
		for _, id := range jobs {
			if _, err := JobIn(wf, id); err != nil && !wf.MayMake(id) {
				return err
			}
			requests = append(requests, store.Request{Kind: kind, Job: id, By: by, At: time.Now().UTC()})
		}
	}
	ctx = context.WithoutCancel(ctx) // all or none
	for _, req := range requests {
		if err := s.cfg.Store.Request(ctx, r.ID, req); err != nil {
			return err
		}
	}
	return nil
}

// cancelLost kills what a run left behind and ends it if it has not ended.
func (s *Service) cancelLost(ctx context.Context, r store.Run) error {
	tasks, err := s.lost(ctx, r)
	if err != nil {
		return err
	}
	survivors, err := s.survivors(tasks)
	if err != nil {
		return err
	}
	if r.Attempt.State.Ended() && len(survivors) == 0 {
		return fault.New(fault.Conflict, "run %d has already ended: %s", r.ID, r.Attempt.State).
			WithHint("see it with: executioner runs show %d", r.ID)
	}
	left, err := s.cfg.Host.KillSurvivors(ctx, tasks)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fault.New(fault.Conflict, "%d processes of run %d could not be ended (%s)", len(left), r.ID, PIDs(left))
	}
	if r.Attempt.State.Ended() {
		return nil
	}
	return s.closeLost(ctx, r.ID)
}

// lost returns the tasks of a run's latest attempt whose program went away while they
// ran: the only ones of which processes may be left that nobody waits for. What a
// job left running on purpose is not among them.
func (s *Service) lost(ctx context.Context, r store.Run) ([]run.TaskID, error) {
	if !r.Attempt.State.Ended() && s.isOwned(r) {
		return nil, nil // its owner looks after them
	}
	h, err := s.history(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	open := make(map[run.JobID]int)
	for i := range h.Transitions {
		t := &h.Transitions[i]
		switch {
		case t.Attempt != r.Attempt.Number || t.Job == "" || t.Mark():
		case t.To == run.Running, t.Reason == run.Lost:
			open[t.Job] = t.Try
		default:
			delete(open, t.Job)
		}
	}
	tasks := make([]run.TaskID, 0, len(open))
	for job, try := range open {
		tasks = append(tasks, run.TaskID{Run: r.ID, Attempt: r.Attempt.Number, Job: job, Try: try})
	}
	return tasks, nil
}

// LeftRunning returns the processes that a run's program left behind when it went away.
func (s *Service) LeftRunning(ctx context.Context, id run.ID) ([]int, error) {
	r, err := s.cfg.Store.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	tasks, err := s.lost(ctx, r)
	if err != nil {
		return nil, err
	}
	return s.survivors(tasks)
}

// survivors returns the processes of tasks. Looking for none costs nothing.
func (s *Service) survivors(tasks []run.TaskID) ([]int, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	return s.cfg.Host.Survivors(tasks)
}

// MarkSuccess declares jobs of a run that is not going on successful by hand. It
// returns what it recorded; jobs that had succeeded already are left out. It owns the
// run meanwhile, so that no attempt can begin without knowing of it.
func (s *Service) MarkSuccess(ctx context.Context, r store.Run, jobs []run.JobID, by, note string) ([]run.Override, error) {
	lease, err := s.cfg.Store.Acquire(ctx, r.ID, s.cfg.Host.Owner(), leaseTTL, s.cfg.Host.Dead)
	if err != nil {
		return nil, lockedByRunning(err, r.ID)
	}
	defer func() { _ = s.cfg.Store.Release(context.WithoutCancel(ctx), lease) }()
	if r, err = s.cfg.Store.Run(ctx, r.ID); err != nil {
		return nil, err
	}
	unowned := r
	unowned.Owner = nil
	if left, err := s.Interrupted(ctx, unowned); err != nil || left {
		return nil, cmp.Or(err, interrupted(r.ID))
	}
	if err := s.closeLeased(ctx, lease, r); err != nil {
		return nil, err
	}
	return s.mark(ctx, r, jobs, by, note)
}

func (s *Service) mark(ctx context.Context, r store.Run, jobs []run.JobID, by, note string) ([]run.Override, error) {
	wf, err := s.grown(ctx, r)
	if err != nil {
		return nil, err
	}
	h, err := s.history(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	results := plan.Results(h.Transitions, h.Overrides, r.Attempt.Number)
	var made []run.Override
	for _, id := range jobs {
		if _, err := JobIn(wf, id); err != nil {
			return nil, err
		}
		if !results[id].Succeeded() {
			made = append(made, run.Override{Attempt: r.Attempt.Number, Job: id, By: by, At: time.Now().UTC(), Note: note})
			results[id] = plan.Result{Overridden: true} // it may be named twice
		}
	}
	if len(made) == 0 {
		return nil, nil
	}
	return made, s.cfg.Store.AddOverrides(ctx, r.ID, made)
}
