package runs

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Usual is how long things took in the last run of an application that succeeded.
type Usual struct {
	Run  run.ID                      `json:"run"`
	Took time.Duration               `json:"-"`
	Jobs map[run.JobID]time.Duration `json:"-"` // only jobs that ran
}

// Usual returns how long an application's run and its jobs usually take: as long as
// in the last run that succeeded, tries and waits between them included. It is nil
// when there is no such run.
func (s *Service) Usual(ctx context.Context, application string) (*Usual, error) {
	found, err := s.cfg.Store.Runs(ctx, store.Filter{Application: application, States: []run.State{run.Success}, Limit: 1})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	d, err := s.Show(ctx, found[0])
	if err != nil {
		return nil, err
	}
	u := &Usual{Run: d.View.Run, Jobs: make(map[run.JobID]time.Duration, len(d.View.Jobs))}
	if d.View.Seconds != nil {
		u.Took = time.Duration(*d.View.Seconds * float64(time.Second))
	}
	for i := range d.View.Jobs {
		if j := &d.View.Jobs[i]; j.Seconds != nil {
			u.Jobs[j.ID] = time.Duration(*j.Seconds * float64(time.Second))
		}
	}
	return u, nil
}
