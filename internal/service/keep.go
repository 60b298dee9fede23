package service

import (
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

const (
	// hearEvery is the time between looks for what others ask of the runs here.
	hearEvery = time.Second
	// renewals is how many leases are renewed in a second at most: with few runs each every
	// second, with many all of them cost as little.
	renewals = 100
)

// keep keeps the runs that are active here ours, and has them hear what others ask of them
// through the database, until the service is closed.
func (s *Service) keep() {
	tick := time.NewTicker(hearEvery)
	defer tick.Stop()
	for renewed := (time.Time{}); ; {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		// Errors are met again by whoever records something, and by the next second.
		n, from, to := s.activeRange()
		now := time.Now().Round(0) // a host that slept knows by the wall clock only
		if n > 0 && renewalDue(renewed, now, n) && s.cfg.Runs.Keep(s.ctx, s.executions()) == nil {
			renewed = now
		}
		if n > 0 {
			s.hear(from, to)
		}
	}
}

// activeRange returns how many runs are active, the first of them and the last.
func (s *Service) activeRange() (n int, from, to run.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.active {
		if from == 0 || id < from {
			from = id
		}
		to = max(to, id)
	}
	return len(s.active), from, to
}

// hear has runs take what others ask of them, of those from one to another.
func (s *Service) hear(from, to run.ID) {
	asked, _ := s.cfg.Runs.Asked(s.ctx, from, to)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range asked {
		if e := s.active[id]; e != nil {
			e.Hear()
		}
	}
}

// renewalDue reports whether leases of n runs are to be renewed that were renewed at some time.
func renewalDue(renewed, now time.Time, n int) bool {
	since := now.Sub(renewed)
	return since < 0 || since >= max(hearEvery, time.Duration(n)*time.Second/renewals)
}
