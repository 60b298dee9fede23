package runs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/failpoint"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Resume asks for a new attempt of a run.
type Resume struct {
	// Current is the workflow to go on with; nil means the one that was stored.
	Current *workflow.Workflow
	// Options for this attempt. Env is added to that of the attempt before, and wins;
	// Workers, Parallel, Sequential and ContinueOnError fall back to it when not given.
	// Skip, FailedOnly, From, Force and ForceJobs are of this attempt alone.
	Options Options
	// Params are given for the stored workflow's secret parameters, which are not stored.
	Params []workflow.Given
	Now    time.Time // what relative dates are counted from
}

// Resume begins a new attempt of a run: what succeeded is not run again.
func (s *Service) Resume(ctx context.Context, r store.Run, req Resume) (*Execution, error) {
	failpoint.At("runs.acquire.before")
	lease, err := s.cfg.Store.Acquire(ctx, r.ID, s.cfg.Host.Owner(), leaseTTL, s.cfg.Host.Dead)
	if err != nil {
		return nil, lockedByRunning(err, r.ID)
	}
	failpoint.At("runs.acquire.after")
	e, err := s.resumeLeased(ctx, lease, req)
	if err != nil {
		_ = s.cfg.Store.Release(context.WithoutCancel(ctx), lease)
	}
	return e, err
}

func (s *Service) resumeLeased(ctx context.Context, lease store.Lease, req Resume) (*Execution, error) {
	r, err := s.cfg.Store.Run(ctx, lease.Run) // as it is now that nobody else can change it
	if err != nil {
		return nil, err
	}
	e, err := s.resumeInterrupted(ctx, lease, r, req)
	if e != nil || err != nil {
		return e, err
	}
	if err := s.refuseSurvivors(ctx, r); err != nil {
		return nil, err
	}
	if err := s.closeLeased(ctx, lease, r); err != nil {
		return nil, err
	}
	opt, wf, err := s.continueWith(ctx, r, req)
	if err != nil {
		return nil, err
	}
	next, err := newAttempt(wf, opt)
	if err != nil {
		return nil, err
	}
	h, err := s.history(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	number := r.Attempt.Number + 1 // nobody else can add one now
	p, err := plan.Restore(wf, s.planOptions(wf, opt, r.ID, number), h.Transitions, h.Overrides)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the history of run %d can't be replayed", r.ID)
	}
	if err := checkMade(wf, p.Workflow(), opt.From, opt.Skip, opt.ForceJobs); err != nil {
		return nil, err
	}
	if err := worthwhile(r, p); err != nil {
		return nil, err
	}
	next.Jobs = len(p.Workflow().Jobs)
	known, err := s.again(ctx, wf, req)
	if err != nil {
		return nil, err
	}
	if err := s.addAttempt(ctx, lease, next); err != nil {
		return nil, err
	}
	return s.execute(ctx, lease, p, Attempt{Run: r.ID, Number: number, Epoch: lease.Epoch, Workflow: known, Options: opt, Submitted: r.SubmittedAt}, h.last())
}

// resumeInterrupted carries an attempt on that was interrupted. Nil: there is nothing to
// carry on, and a new attempt is due.
func (s *Service) resumeInterrupted(ctx context.Context, lease store.Lease, r store.Run, req Resume) (*Execution, error) {
	if r.Attempt.State.Ended() {
		return nil, nil //nolint:nilnil // see above
	}
	if req.changes() {
		r.Owner = nil
		if left, err := s.Interrupted(ctx, r); err != nil || left {
			return nil, cmp.Or(err, interrupted(r.ID))
		}
		return nil, nil //nolint:nilnil // see above
	}
	return s.carryOn(ctx, lease, r, func(wf *workflow.Workflow) (*workflow.Workflow, error) { return s.again(ctx, wf, req) })
}

// worthwhile refuses an attempt that would run nothing and say nothing new. One that
// ends a run as SUCCESS, because its failed jobs were declared successful, says something.
func worthwhile(r store.Run, p *plan.Plan) error {
	toRun, leftOut := p.Remaining()
	switch {
	case toRun > 0:
		return nil
	case r.Attempt.State == run.Success:
		return fault.New(fault.Conflict, "run %d has succeeded and nothing of it is left to run", r.ID).
			WithHint("to run a job and all that depends on it again: executioner resume %d --from JOB", r.ID)
	case leftOut > 0:
		return fault.New(fault.Conflict, "no job of run %d failed", r.ID).
			WithHint("to run what has not run yet: executioner resume %d", r.ID)
	}
	return nil
}

// refuseSurvivors is a conflict when processes are left of tasks whose program is gone:
// they and the next try would get in each other's way. r is leased by us, so whatever
// it has open has no program any more.
func (s *Service) refuseSurvivors(ctx context.Context, r store.Run) error {
	r.Owner = nil
	tasks, err := s.lost(ctx, r)
	if err != nil {
		return err
	}
	left, err := s.survivors(tasks)
	if err != nil || len(left) == 0 {
		return nil //nolint:nilerr // a host that can't tell must not prevent every resume
	}
	return fault.New(fault.Conflict, "%d processes of run %d are still running (%s), though the program that started them is gone", len(left), r.ID, PIDs(left)).
		WithHint("wait for them, or stop them with: executioner cancel %d", r.ID)
}

// addAttempt records the next attempt of a run. Requests that the attempt before did
// not live to answer are dropped: they were not meant for this one.
func (s *Service) addAttempt(ctx context.Context, lease store.Lease, next store.NewAttempt) error {
	asked, err := s.cfg.Store.Renew(ctx, lease, leaseTTL)
	if err != nil {
		return err
	}
	if n := len(asked); n > 0 {
		if _, err := s.cfg.Store.Answer(ctx, lease, nil, asked[n-1].No); err != nil {
			return err
		}
	}
	_, err = s.cfg.Store.AddAttempt(ctx, lease, next)
	return err
}

// continueWith returns the options and the workflow of the next attempt.
func (s *Service) continueWith(ctx context.Context, r store.Run, req Resume) (Options, *workflow.Workflow, error) {
	before, err := decodeOptions(r.Attempt.Options)
	if err != nil {
		return Options{}, nil, err
	}
	return req.continues(r.ID, before, func() (*workflow.Workflow, error) { return s.Workflow(ctx, r.Attempt.Hash) })
}

// continues returns the options and the workflow of the attempt that comes after one with
// these options and this workflow.
func (r *Resume) continues(id run.ID, before Options, stored func() (*workflow.Workflow, error)) (Options, *workflow.Workflow, error) {
	wf := r.Current
	if wf == nil && before.Imported {
		return Options{}, nil, fault.New(fault.Conflict, "run %d was imported, and what its jobs depend on was not recorded", id).
			WithHint("go on with its workflow file: executioner resume %d --with-current --file FILE", id)
	}
	if wf == nil {
		var err error
		if wf, err = stored(); err != nil {
			return Options{}, nil, err
		}
	}
	opt, err := r.Options.after(before).spread(wf)
	if r.Current == nil {
		opt.Registered = before.Registered
	}
	return opt, wf, err
}

// after completes the options of a resume with those of the attempt before. What
// selects jobs is asked anew each time; how they run stays as it was.
func (o Options) after(before Options) Options {
	if o.Workers == 0 {
		o.Workers = before.Workers
	}
	if !o.Parallel && !o.Sequential {
		o.Parallel, o.Sequential = before.Parallel, before.Sequential
	}
	o.ContinueOnError = o.ContinueOnError || before.ContinueOnError
	o.Env = latest(slices.Concat(before.Env, o.Env))
	return o
}

// latest leaves out each variable that is given again later.
func latest(env []workflow.Var) []workflow.Var {
	last := make(map[string]int, len(env))
	for i, v := range env {
		last[v.Name] = i
	}
	var kept []workflow.Var
	for i, v := range env {
		if last[v.Name] == i {
			kept = append(kept, v)
		}
	}
	return kept
}

// lockedByRunning explains to the user of which run it is that somebody owns it.
func lockedByRunning(err error, id run.ID) error {
	if fault.CodeOf(err) != fault.Locked {
		return err
	}
	going := fault.New(fault.Locked, "run %d is going on", id)
	going.Err = err
	var held *store.Held
	if errors.As(err, &held) { // what is round it says once more that it goes on
		going.Err = held
	}
	return going.WithHint("watch it with: executioner logs -f %d, or stop it with: executioner cancel %d", id, id)
}
