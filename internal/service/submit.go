package service

import (
	"context"
	"errors"
	"slices"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Submit records a run and returns. It begins as soon as there is room, here or in
// another service on the same database. by is who asks. existing says that they used the
// key before: it is the run of then, and nothing was recorded; an empty key is none.
// RateLimited: too many runs wait already.
func (s *Service) Submit(_ context.Context, wf *workflow.Workflow, opt runs.Options, by, key string) (id run.ID, existing bool, err error) {
	at, err := s.reserve()
	if err != nil {
		return 0, false, err
	}
	opt.Service = true
	sub := runs.Submission{Workflow: wf, Options: opt, By: by, Key: key}
	if at == queued {
		id, err = s.enter(sub)
	} else {
		id, err = s.begin(sub)
	}
	if known, is := store.ExistingRun(err); is {
		return known, true, nil
	}
	return id, false, err
}

// begin records a run that begins at once.
func (s *Service) begin(sub runs.Submission) (run.ID, error) {
	var e *runs.Execution
	defer func() { s.begun(e) }() // also after a panic, or a drain would wait for it
	e, err := s.cfg.Runs.Execute(s.ctx, sub)
	var waits *runs.Waits
	if errors.As(err, &waits) { // it is recorded: another of it would be a second run
		s.cfg.Log.Warn("a run can't begin for now", append([]any{"run", waits.Run}, fault.Attrs(waits.Err)...)...)
		s.wait(waits.Run, sub.Workflow)
		return waits.Run, nil
	}
	if err != nil {
		return 0, err
	}
	return e.Run, nil
}

// place is where a run that is submitted goes.
type place bool

const (
	queued place = false
	begins place = true
)

// reserve finds a place for a run that is submitted. Who waits already comes first.
func (s *Service) reserve() (place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return queued, errStopping()
	case !s.started:
		return queued, nil
	case len(s.waiting) == 0 && s.room() > 0:
		s.claim()
		return begins, nil
	case len(s.waiting) >= s.cfg.MaxQueued:
		return queued, fault.New(fault.RateLimited, "%d runs wait already, which is all that may", len(s.waiting)).
			WithHint("try again later, or raise max_queued_runs")
	}
	return queued, nil
}

// room is how many more runs may become active. Call it with mu held.
func (s *Service) room() int { return s.cfg.MaxActive - len(s.active) - s.reserved }

// claim reserves room for a run that is about to become active; begun settles that. Call
// it with mu held, and not when the service is stopping.
func (s *Service) claim() {
	s.reserved++
	s.going.Add(1)
}

// enter records a run that waits.
func (s *Service) enter(sub runs.Submission) (run.ID, error) {
	id, err := s.cfg.Runs.Enter(s.ctx, sub)
	if err != nil {
		return 0, err
	}
	s.wait(id, sub.Workflow)
	return id, nil
}

// wait has a run that is recorded begin when it can.
func (s *Service) wait(id run.ID, wf *workflow.Workflow) {
	s.mu.Lock()
	s.waiting = append(s.waiting, id)
	if slices.ContainsFunc(wf.Params, func(p workflow.Param) bool { return p.Secret && p.Given }) {
		s.given[id] = wf
	}
	s.mu.Unlock()
	s.hint()
}

// begun takes charge of a run for which room was reserved; nil: it did not begin.
func (s *Service) begun(e *runs.Execution) *activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved--
	if e == nil {
		s.going.Done()
		return nil
	}
	a := &activity{e, make(chan struct{})}
	s.active[e.Run] = a
	go s.attend(a)
	if s.stopping { // it came too late to be left with the others
		e.Leave()
	}
	return a
}

// settled returns a run as it is recorded, and its execution when it goes on here. One that
// has ended is active for a moment longer, in which it belongs to nobody else: that moment
// is waited for.
func (s *Service) settled(ctx context.Context, id run.ID) (store.Run, *runs.Execution, error) {
	for {
		s.mu.Lock()
		a := s.active[id]
		s.mu.Unlock()
		r, err := s.cfg.Store.Run(ctx, id)
		if err != nil || a == nil {
			return r, nil, err
		}
		if !r.Attempt.State.Ended() {
			return r, a.Execution, nil
		}
		select {
		case <-a.over:
		case <-ctx.Done():
			return r, nil, ctx.Err()
		}
	}
}

// Resume begins a new attempt of a run here, or carries on one that was interrupted.
func (s *Service) Resume(ctx context.Context, r store.Run, req runs.Resume) (runs.Attempt, error) {
	r, _, err := s.settled(ctx, r.ID)
	if err != nil {
		return runs.Attempt{}, err
	}
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return runs.Attempt{}, errStopping()
	}
	s.claim() // also beyond the limit: somebody waits for it
	s.mu.Unlock()
	req.Options.Service = true
	e, err := s.cfg.Runs.Resume(s.ctx, r, req)
	s.begun(e)
	if err != nil {
		return runs.Attempt{}, err
	}
	return e.Attempt, nil
}
