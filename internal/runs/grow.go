package runs

import (
	"context"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// grown returns the workflow of a run's latest attempt with the jobs that have come at run
// time.
func (s *Service) grown(ctx context.Context, r store.Run) (*workflow.Workflow, error) {
	wf, err := s.Workflow(ctx, r.Attempt.Hash)
	if err != nil || !wf.Grows() {
		return wf, err
	}
	h, err := s.history(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return grownBy(wf, r.ID, &r.Attempt, h)
}

// grownBy returns the workflow of an attempt as its history left it.
func grownBy(wf *workflow.Workflow, id run.ID, a *store.Attempt, h History) (*workflow.Workflow, error) {
	opt, err := decodeOptions(a.Options)
	return plan.Grown(wf, opt.Plan(id, a.Number), h.until(a.Number), h.Overrides), err
}

// until leaves out what later attempts recorded.
func (h History) until(attempt int) []run.Transition {
	for n := range h.Transitions {
		if h.Transitions[n].Attempt > attempt {
			return h.Transitions[:n]
		}
	}
	return h.Transitions
}

// checkMade reports the first of these jobs that the plan of the next attempt does not
// have, though what it would be made of is known.
func checkMade(wf, grown *workflow.Workflow, lists ...[]run.JobID) error {
	if !wf.Grows() {
		return nil
	}
	for _, list := range lists {
		for _, id := range list {
			if wf.Index(id) < 0 && wf.MayMake(id) && !grown.MayMake(id) {
				if _, err := JobIn(grown, id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
