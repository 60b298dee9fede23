package runs

import (
	"errors"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// planOptions returns the options that the plan of an attempt is made with, conditions
// included.
func (s *Service) planOptions(wf *workflow.Workflow, opt Options, id run.ID, attempt int) plan.Options {
	made := opt.Plan(id, attempt)
	made.Offer = s.gated(wf)
	if !conditional(wf) {
		return made
	}
	if s.cfg.Conditions == nil {
		made.When = func(int, plan.Facts) (bool, error) { return false, errors.New("conditions can't be evaluated here") }
		return made
	}
	made.When = s.cfg.Conditions(Attempt{Run: id, Number: attempt, Workflow: wf, Options: opt})
	return made
}

func conditional(wf *workflow.Workflow) bool {
	for i := range wf.Jobs {
		if wf.Jobs[i].When != "" {
			return true
		}
	}
	return false
}

// gated reports whether somebody else says when the tasks of a workflow may start.
func (s *Service) gated(wf *workflow.Workflow) bool {
	return s.cfg.Gate != nil && (s.cfg.Gated == nil || s.cfg.Gated(wf))
}
