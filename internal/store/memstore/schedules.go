package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/store"
)

var _ store.Schedules = (*Store)(nil)

// schedules is what a Store keeps of them. Store.mu guards it.
type schedules struct {
	known   map[string]store.Schedule
	firings map[string]map[int64]store.Firing // of a schedule, by the microsecond
}

func newSchedules() schedules {
	return schedules{known: map[string]store.Schedule{}, firings: map[string]map[int64]store.Firing{}}
}

// Schedules implements store.Schedules.
func (s *Store) Schedules(ctx context.Context) (all []store.Schedule, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.schedules.known)) {
		all = append(all, s.schedules.known[id])
	}
	return all, nil
}

// Schedule implements store.Schedules.
func (s *Store) Schedule(ctx context.Context, id string) (store.Schedule, []store.Firing, error) {
	if err := s.enter(ctx); err != nil {
		return store.Schedule{}, nil, err
	}
	defer s.mu.Unlock()
	known, ok := s.schedules.known[id]
	if !ok {
		return known, nil, store.ErrNoSchedule(id)
	}
	return known, s.schedules.some(id, func(f *store.Firing) bool { return f.State.Open() }), nil
}

// some returns firings of a schedule, by time.
func (c *schedules) some(id string, chosen func(f *store.Firing) bool) (all []store.Firing) {
	for _, f := range c.firings[id] {
		if chosen(&f) {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b store.Firing) int { return a.Time.Compare(b.Time) })
	return all
}

// ChangeSchedule implements store.Schedules.
func (s *Store) ChangeSchedule(ctx context.Context, c store.ScheduleChange, said ...store.AuditEntry) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	to := c.Schedule.Normal()
	if s.schedules.known[to.ID].Revision != to.Revision {
		return store.ErrScheduleChanged(to.ID)
	}
	changed := maps.Clone(s.schedules.firings[to.ID])
	if changed == nil {
		changed = map[int64]store.Firing{}
	}
	for _, f := range c.Add {
		f = f.Normal()
		if _, there := changed[f.Time.UnixMicro()]; there {
			return store.ErrScheduleChanged(to.ID)
		}
		changed[f.Time.UnixMicro()] = f
	}
	for _, f := range c.Set {
		f = f.Normal()
		if _, there := changed[f.Time.UnixMicro()]; !there {
			return store.ErrScheduleChanged(to.ID)
		}
		changed[f.Time.UnixMicro()] = f
	}
	to.Revision++
	s.schedules.known[to.ID], s.schedules.firings[to.ID] = to, changed
	s.accounts.note(said)
	return nil
}

// MoveFiring implements store.Schedules.
func (s *Store) MoveFiring(ctx context.Context, from store.FiringState, f store.Firing) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	f = f.Normal()
	is, ok := s.schedules.firings[f.Schedule][f.Time.UnixMicro()]
	if !ok || is.State != from {
		return false, nil
	}
	s.schedules.firings[f.Schedule][f.Time.UnixMicro()] = f
	return true, nil
}

// OpenFirings implements store.Schedules.
func (s *Store) OpenFirings(ctx context.Context) (all []store.Firing, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.schedules.firings)) {
		all = append(all, s.schedules.some(id, func(f *store.Firing) bool { return f.State.Pending() })...)
	}
	return all, nil
}

// Firings implements store.Schedules.
func (s *Store) Firings(ctx context.Context, f store.FiringFilter) ([]store.Firing, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	all := s.schedules.some(f.Schedule, func(one *store.Firing) bool {
		return !one.Time.Before(micros(f.Since)) && (f.Before.IsZero() || one.Time.Before(micros(f.Before))) &&
			(f.Key == "" || one.Key == f.Key) && (f.Proof == "" || one.Proof == f.Proof)
	})
	slices.Reverse(all)
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
	}
	return all, nil
}

// PruneFirings implements store.Schedules.
func (s *Store) PruneFirings(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	before = micros(before)
	for _, of := range s.schedules.firings {
		maps.DeleteFunc(of, func(_ int64, f store.Firing) bool {
			old := n < int64(limit) && !f.State.Pending() && f.DecidedAt.Before(before) && f.Time.Before(before) && f.Until.Before(before)
			if old {
				n++
			}
			return old
		})
	}
	return n, nil
}

// ImportSchedule implements store.Schedules.
func (s *Store) ImportSchedule(ctx context.Context, known store.Schedule, fs []store.Firing) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.schedules.known[known.ID].Revision > known.Revision {
		return store.ErrScheduleAhead(known.ID)
	}
	s.schedules.known[known.ID] = known.Normal()
	of := s.schedules.firings[known.ID]
	if of == nil {
		of = map[int64]store.Firing{}
		s.schedules.firings[known.ID] = of
	}
	for _, f := range fs {
		of[f.Time.UnixMicro()] = f.Normal()
	}
	return nil
}

// EnabledWorkflows implements store.Schedules.
func (s *Store) EnabledWorkflows(ctx context.Context) (all []store.Registered, err error) {
	err = s.with(ctx, func(a *accounts) error {
		for _, versions := range a.registered {
			for _, v := range slices.Backward(versions) {
				if v.Enabled {
					all = append(all, withoutSource(v))
					break
				}
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b store.Registered) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// measure counts rows.
func (c *schedules) measure(rows *store.Rows) {
	rows.Schedules = int64(len(c.known))
	for _, of := range c.firings {
		rows.Firings += int64(len(of))
	}
}
