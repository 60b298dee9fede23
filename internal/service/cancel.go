package service

import (
	"context"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Cancel asks for the end of a run, or of some of its jobs, wherever it is executed. That is
// recorded when it returns, so that it comes about whatever becomes of this program and of
// whoever asks.
func (s *Service) Cancel(ctx context.Context, r store.Run, kind store.RequestKind, jobs []run.JobID, by string) error {
	r, e, err := s.settled(ctx, r.ID)
	if err != nil {
		return err
	}
	waits := false // for a program
	if e == nil && (r.Attempt.State.Ended() || !s.cfg.Runs.Taken(r)) {
		if waits, err = s.cfg.Runs.Interrupted(ctx, r); err != nil {
			return err
		}
		if !waits {
			err := s.apart(ctx, func(ctx context.Context) error { return s.cfg.Runs.Cancel(ctx, r, kind, jobs, by) })
			if fault.CodeOf(err) != fault.Locked { // else somebody has just taken it
				return err
			}
		}
	}
	if err := s.cfg.Runs.Ask(ctx, r, kind, jobs, by); err != nil {
		return err
	}
	switch {
	case e != nil:
		e.Loop.Look()
	case waits && kind != store.CancelJob:
		s.end(ctx, r, kind)
	}
	return nil
}

// end takes a run up that was asked to end, whether there is room for it or not. Of one
// that is cancelled it waits for the end, as long as ctx lasts.
func (s *Service) end(ctx context.Context, r store.Run, kind store.RequestKind) {
	a := s.takeNow(r)
	if a == nil || kind != store.CancelRun {
		return
	}
	select {
	case <-a.over:
	case <-ctx.Done(): // it ends without anybody who waits
	}
}

// apart does something that whoever waits for it must not interrupt. When ctx ends first it
// goes on.
func (s *Service) apart(ctx context.Context, do func(ctx context.Context) error) error {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return errStopping()
	}
	s.going.Add(1)
	s.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		defer s.going.Done()
		done <- do(s.ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Cancelled, "nobody waits for the end any more")
	}
}
