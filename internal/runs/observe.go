package runs

import (
	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/run"
)

// observed returns who is told of an attempt's transitions, and what to call when it does
// not go on here any more.
func (s *Service) observed(a Attempt) (p engine.Publisher, over func()) {
	p = s.cfg.Hub.Of(a.Workflow.Application)
	if s.cfg.Observe == nil {
		return p, func() {}
	}
	o := s.cfg.Observe(a)
	return both{p, o}, o.Close
}

// both tells one and then the other.
type both [2]engine.Publisher

func (b both) Publish(id run.ID, ts []run.Transition) {
	b[0].Publish(id, ts)
	b[1].Publish(id, ts)
}
