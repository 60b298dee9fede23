package scheduler

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
)

// missed reports whether a time has no run because nobody looked in time. While it is due,
// people are still to be told.
func missed(f *store.Firing) bool { return f.Decision == string(schedule.Miss) }

// tellMissed has people told of the newest of the times that are missed by this change. It
// speaks for those before it; one that is run late speaks for all.
func (c *change) tellMissed() {
	newest := -1
	for i := range c.Add {
		switch c.Add[i].Decision {
		case string(schedule.Late):
			return
		case string(schedule.Miss):
			newest = i
		}
	}
	if newest >= 0 {
		c.Add[newest].State = store.FiringDue
	}
}

// tell tells people that the run of a time has not begun, and why.
func (s *Scheduler) tell(ctx context.Context, e *entry, f *store.Firing, why string) error {
	if s.cfg.Missed == nil {
		return nil
	}
	return s.cfg.Missed(ctx, e.application, f.Time, "schedule "+e.id+": "+why)
}

// tellBegun tells people what became of a time that is no longer due: late, refused, or missed.
func (s *Scheduler) tellBegun(ctx context.Context, e *entry, f *store.Firing) error {
	switch {
	case missed(f):
		return s.tell(ctx, e, f, Told(f))
	case f.Decision == Refused:
		return s.tell(ctx, e, f, "its run is refused: "+f.Detail)
	case f.Decision == string(schedule.Late):
		return s.tell(ctx, e, f, "its run begins "+f.DecidedAt.Sub(f.Time).Round(time.Second).String()+" late")
	}
	return nil
}

// tellRefused tells people once of a run that should have begun and is refused for the time
// being.
func (s *Scheduler) tellRefused(ctx context.Context, e *entry, f *store.Firing, refused error) {
	key := keyOf(f)
	s.mu.Lock()
	again := s.told[key] || s.cfg.Now().Sub(f.DecidedAt) <= schedule.Punctual || f.Decision == ForNow || f.Decision == ForBackfill
	s.mu.Unlock()
	if again {
		return
	}
	if err := s.tell(ctx, e, f, "its run can't be submitted for now: "+refused.Error()); err != nil {
		s.trouble("that a run has not begun can't be told for now", e.id, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[key] = true
}
