package service

import (
	"context"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/runs"
)

// Drain ends the service's work: nothing is taken any more, and every run is left where
// it stands. What runs goes on under its keeper, and the next service takes it up. It
// returns when everything that was decided is recorded.
func (s *Service) Drain(ctx context.Context) error {
	if err := s.stop(ctx); err != nil {
		return err
	}
	for _, e := range s.executions() {
		e.Leave()
	}
	return s.await(ctx)
}

// Finish ends the service's work, and waits for the runs that are active: they end with
// all their jobs. A run that waits is left to the next service.
func (s *Service) Finish(ctx context.Context) error {
	if err := s.stop(ctx); err != nil {
		return err
	}
	return s.await(ctx)
}

// stop has nothing begin any more. It waits for what begins just now, unless ctx ends
// before: while the database is away that may take long.
func (s *Service) stop(ctx context.Context) error {
	if !s.halt() {
		return nil
	}
	s.hint()
	select {
	case <-s.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// halt notes that the service is stopping, and reports whether it had started.
func (s *Service) halt() bool {
	s.mu.Lock()
	s.stopping = true
	started := s.started
	s.mu.Unlock()
	s.enough()
	return started
}

func (s *Service) executions() []*runs.Execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*runs.Execution, 0, len(s.active))
	for _, e := range s.active {
		all = append(all, e.Execution)
	}
	return all
}

// await waits until no run is active here, or ctx ends.
func (s *Service) await(ctx context.Context) error {
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.going.Wait()
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends whatever is left of the service, and waits for nothing: runs that are active
// are given up, and their jobs go on. It is idempotent. Drain or Finish first.
func (s *Service) Close() {
	s.halt()
	s.cancel(engine.ErrLeft)
}
