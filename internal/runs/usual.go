package runs

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Usual is how long things took in the last run of an application that succeeded.
type Usual struct {
	Run    run.ID                      `json:"run"`
	Took   time.Duration               `json:"-"`
	Jobs   map[run.JobID]time.Duration `json:"-"` // only jobs that ran
	Handed map[run.JobID]run.Values    `json:"-"` // what jobs handed on
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
	return d.View.Usual(), nil
}

// Usual returns how long the run and its jobs took, as Service.Usual does.
func (v *View) Usual() *Usual {
	u := &Usual{Run: v.Run, Jobs: make(map[run.JobID]time.Duration, len(v.Jobs)), Handed: make(map[run.JobID]run.Values)}
	if v.Seconds != nil {
		u.Took = time.Duration(*v.Seconds * float64(time.Second))
	}
	for i := range v.Jobs {
		if values := run.NewValues(v.Jobs[i].Values); values != "" {
			u.Handed[v.Jobs[i].ID] = values
		}
		if j := &v.Jobs[i]; j.Seconds != nil && j.Reason != run.UpToDate {
			u.Jobs[j.ID] = time.Duration(*j.Seconds * float64(time.Second))
		}
	}
	return u
}
