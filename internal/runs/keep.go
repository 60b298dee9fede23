package runs

import (
	"context"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Keep keeps executions ours for another ten minutes. One that was lost ends soon after.
func (s *Service) Keep(ctx context.Context, es []*Execution) error {
	byLease := make(map[store.Lease]*Execution, len(es))
	leases := make([]store.Lease, len(es))
	for i, e := range es {
		leases[i] = e.lease
		byLease[e.lease] = e
	}
	lost, err := s.cfg.Store.RenewAll(ctx, leases, leaseTTL)
	for _, l := range lost {
		byLease[l].Loop.Look()
	}
	return err
}

// Asked returns those runs, from one to another, of which others ask something through the
// store.
func (s *Service) Asked(ctx context.Context, from, to run.ID) ([]run.ID, error) {
	return s.cfg.Store.Asked(ctx, from, to)
}

// Hear has the execution take what others ask of it.
func (e *Execution) Hear() { e.Loop.Look() }
