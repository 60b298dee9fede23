package runs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Interrupted reports whether a run's program is gone while something of it is left: jobs
// that still run, or results that are known and not recorded yet; or whether it waits for
// a service. Resume carries such a run on.
func (s *Service) Interrupted(ctx context.Context, r store.Run) (bool, error) {
	if r.Attempt.State.Ended() || s.isOwned(r) {
		return false, nil
	}
	if opt, err := decodeOptions(r.Attempt.Options); err != nil || opt.Service {
		return err == nil, err
	}
	tasks, err := s.lost(ctx, r)
	return err == nil && len(tasks) > 0 && s.cfg.Host.Remains(r.ID, tasks), err
}

func (s *Service) isOwned(r store.Run) bool { return r.Owner != nil && !s.cfg.Host.Dead(*r.Owner) }

// carryOn takes up the attempt of a leased run where its program left it. It returns nil
// when nothing is left of it, so that it is to be closed. know adds what is secret; first
// is what the plan is told before anything starts.
func (s *Service) carryOn(ctx context.Context, lease store.Lease, r store.Run, know know, first ...plan.Input) (*Execution, error) {
	r.Owner = nil // it is ours
	left, err := s.Interrupted(ctx, r)
	if err != nil || !left {
		return nil, err
	}
	asked, err := s.cfg.Store.Renew(ctx, lease, leaseTTL) // before anything starts
	if err != nil {
		return nil, err
	}
	p, wf, err := s.restore(ctx, r)
	if err != nil {
		return nil, err
	}
	opt, err := decodeOptions(r.Attempt.Options)
	if err != nil {
		return nil, err
	}
	if wf, err = know.of(wf, asked); err != nil {
		return nil, err
	}
	a := Attempt{
		Run: r.ID, Number: r.Attempt.Number, Epoch: lease.Epoch, Workflow: wf, Options: opt, Submitted: r.SubmittedAt,
		TakenUp: &TakenUp{Running: p.Counts().Running, Wrote: r.Wrote, Seq: r.Seq},
	}
	runner, err := s.cfg.NewRunner(a)
	if err != nil {
		return nil, err
	}
	if !opt.Service && s.allLost(runner, p, a) {
		return nil, runner.Close(false)
	}
	if p.State() == run.Pending { // it never began
		a.TakenUp = nil
		return s.start(ctx, lease, p, a, runner, r.Seq, asked, first...), nil
	}
	before, err := s.seqBefore(ctx, a)
	if err == nil {
		a.TakenUp.Seq, err = s.takenUp(ctx, lease, p, a)
	}
	if err != nil {
		return nil, errors.Join(err, runner.Close(false))
	}
	return s.start(ctx, lease, p, a, runner, before, asked, first...), nil
}

// know adds to a workflow what is secret.
type know func(*workflow.Workflow) (*workflow.Workflow, error)

// of returns a workflow with what is secret. One that is only asked to end does without
// what can't be had.
func (k know) of(wf *workflow.Workflow, asked []store.Request) (*workflow.Workflow, error) {
	known, err := k(wf)
	if err != nil && slices.ContainsFunc(asked, func(r store.Request) bool { return r.Kind != store.CancelJob }) {
		return wf, nil
	}
	return known, err
}

// takenUp records that this program goes on with an attempt, and returns the sequence number.
func (s *Service) takenUp(ctx context.Context, lease store.Lease, p *plan.Plan, a Attempt) (int64, error) {
	return s.cfg.Store.Append(ctx, lease, []run.Transition{{
		Attempt: a.Number, From: p.State(), To: p.State(), Reason: run.Resumed,
		Detail: "with " + Plural(a.TakenUp.Running, "job") + " running", At: time.Now().UTC().Truncate(time.Microsecond),
	}})
}

// seqBefore returns the sequence number of the last transition before an attempt.
func (s *Service) seqBefore(ctx context.Context, a Attempt) (int64, error) {
	ts, err := s.cfg.Store.Transitions(ctx, a.Run, 0, 0)
	for i := range ts {
		if ts[i].Attempt == a.Number {
			return ts[i].Seq - 1, err
		}
	}
	return a.TakenUp.Seq, err
}

// allLost reports whether nothing is known of any task that was running.
func (s *Service) allLost(runner Runner, p *plan.Plan, a Attempt) bool {
	for i := range p.Workflow().Jobs {
		state, try := p.Job(i)
		id := run.TaskID{Run: a.Run, Attempt: a.Number, Job: p.Workflow().Jobs[i].ID, Try: try}
		if state == run.Running && !runner.Lost(id) {
			return false
		}
	}
	return true
}

// cancelInterrupted carries a run on to have it end. It reports whether there was such a run.
func (s *Service) cancelInterrupted(ctx context.Context, r store.Run, kind store.RequestKind, by string) (bool, error) {
	left, err := s.Interrupted(ctx, r)
	if err != nil || !left {
		return false, err
	}
	if kind == store.CancelJob {
		return true, interrupted(r.ID)
	}
	lease, err := s.cfg.Store.Acquire(ctx, r.ID, s.cfg.Host.Owner(), leaseTTL, s.cfg.Host.Dead)
	if err != nil {
		return true, lockedByRunning(err, r.ID)
	}
	in := plan.Input(plan.Cancel{Reason: run.RunCancelled, Detail: "asked by " + by})
	if kind == store.DrainRun {
		in = plan.Drain{Reason: run.EngineStopping, Detail: "asked by " + by}
	}
	e, err := s.carryOn(ctx, lease, r, func(wf *workflow.Workflow) (*workflow.Workflow, error) { return wf, nil }, in) // to end it takes no secrets
	if e == nil {
		_ = s.cfg.Store.Release(context.WithoutCancel(ctx), lease)
		return err != nil, err
	}
	_, err = e.Wait(ctx)
	return true, err
}

// interrupted refuses what can't be done to a run that goes on without its program.
func interrupted(id run.ID) error {
	return fault.New(fault.Conflict, "run %d was interrupted: its program is gone, and jobs of it go on", id).
		WithHint("carry it on with: executioner resume %d, or end it with: executioner cancel %d", id, id)
}

// interruptedRun returns the newest run of an application that was interrupted, if it is
// newer than before.
func (s *Service) interruptedRun(ctx context.Context, application string, before run.ID) (store.Run, bool) {
	open, err := s.cfg.Store.Runs(ctx, store.Filter{Application: application, States: unended})
	if err != nil {
		return store.Run{}, false
	}
	for _, r := range open { // newest first
		if r.ID < before {
			break
		}
		if left, err := s.Interrupted(ctx, r); err == nil && left {
			return r, true
		}
	}
	return store.Run{}, false
}

// changes reports whether anything is asked for that an attempt which goes on can't be given.
func (r *Resume) changes() bool {
	o := r.Options
	return r.Current != nil || o.FailedOnly || o.Force || len(o.From)+len(o.Skip)+len(o.Env)+len(o.ForceJobs) > 0 ||
		o.Workers > 0 || o.Parallel || o.Sequential || o.ContinueOnError
}
