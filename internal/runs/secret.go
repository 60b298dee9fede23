package runs

import (
	"context"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// withSecrets returns the workflow with the values of its secrets, for its jobs alone.
func (s *Service) withSecrets(ctx context.Context, wf *workflow.Workflow) (*workflow.Workflow, error) {
	if len(wf.Secrets) == 0 {
		return wf, nil
	}
	if s.cfg.Secrets == nil {
		return nil, fault.New(fault.Unsupported, "secrets can't be resolved here")
	}
	values, err := s.cfg.Secrets(ctx, wf)
	if err != nil {
		return nil, err
	}
	return wf.WithSecrets(values), nil
}

// again returns a stored workflow with all that is secret and not stored.
func (s *Service) again(ctx context.Context, wf *workflow.Workflow, req Resume) (*workflow.Workflow, error) {
	if req.Current == nil {
		var err error
		if wf, err = wf.Regive(req.Params, req.Now); err != nil {
			return nil, err
		}
	}
	return s.withSecrets(ctx, wf)
}
