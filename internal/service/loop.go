package service

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

// hint has the loop look for runs to take.
func (s *Service) hint() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// loop takes runs that have no program, and first those that were left.
func (s *Service) loop(left []store.Run) {
	defer close(s.over)
	s.takeAll(left)
	var lookAt, sweepAt time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if began := time.Now(); !began.Before(lookAt) {
			lookAt = next(began, pollEvery, share, s.look())
		}
		if began := time.Now(); !began.Before(sweepAt) {
			sweepAt = next(began, sweepEvery, sweepShare, s.sweep())
		}
		s.takeWaiting()
		timer.Reset(time.Until(earliest(lookAt, sweepAt)))
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		if s.isStopping() {
			return
		}
	}
}

// next is when something is done again that began then and ended with err: so late that it
// takes one part in share of the time only. What failed waited most of the time, and is to be
// noticed soon when it works again.
func next(began time.Time, every time.Duration, share time.Duration, err error) time.Time {
	if err != nil {
		return time.Now().Add(every)
	}
	return time.Now().Add(max(every, share*time.Since(began)))
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (s *Service) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// look finds the runs that wait to begin.
func (s *Service) look() error {
	s.mu.Lock()
	before, given := slices.Clone(s.waiting), slices.Collect(maps.Keys(s.given))
	s.mu.Unlock()
	found, err := s.cfg.Store.Runs(s.looks, store.Filter{States: []run.State{run.Pending}})
	s.tell(err)
	if err != nil {
		return err
	}
	pending := make(map[run.ID]bool, len(found))
	for i := range found {
		pending[found[i].ID] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range given {
		if !pending[id] { // it was cancelled, or goes on elsewhere
			delete(s.given, id)
		}
	}
	maps.DeleteFunc(s.later, func(_ run.ID, until time.Time) bool { return !time.Now().Before(until) })
	came := slices.DeleteFunc(slices.Clone(s.waiting), func(id run.ID) bool { return pending[id] || slices.Contains(before, id) })
	s.waiting = s.waiting[:0]
	for _, r := range slices.Backward(found) { // newest first
		opt, err := runs.StoredOptions(r)
		if err == nil && opt.Service && !s.cfg.Runs.Taken(r) && s.active[r.ID] == nil && !s.isLater(r.ID) {
			s.waiting = append(s.waiting, r.ID)
		}
	}
	s.waiting = append(s.waiting, came...) // since it was asked
	return nil
}

// isLater reports whether a run can't be taken yet. Call it with mu held.
func (s *Service) isLater(id run.ID) bool {
	return time.Now().Before(s.later[id])
}

// sweep takes the runs whose program is gone.
func (s *Service) sweep() error {
	left, err := s.left(s.looks)
	s.tell(err)
	s.takeAll(left)
	return err
}

// left returns the runs that have begun and have no program, oldest first.
func (s *Service) left(ctx context.Context) ([]store.Run, error) {
	me := s.cfg.Runs.Owner()
	found, err := s.cfg.Store.Runs(ctx, store.Filter{States: []run.State{run.Queued, run.Running}, NotHeldBy: &me})
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(r store.Run) bool { return s.cfg.Runs.Taken(r) })
	slices.Reverse(found)
	return found, nil
}

// tell notes whether the database can be read, and logs when that changes.
func (s *Service) tell(err error) {
	if s.looks.Err() != nil {
		return
	}
	s.mu.Lock()
	before := s.trouble
	s.trouble = err
	s.mu.Unlock()
	switch {
	case err != nil && before == nil:
		s.cfg.Log.Error("the database can't be read for now", "error", err)
	case err == nil && before != nil:
		s.cfg.Log.Info("the database can be read again")
	}
}

// takeWaiting begins as many of the runs that wait as there is room for.
func (s *Service) takeWaiting() {
	s.mu.Lock()
	n := min(max(s.room(), 0), len(s.waiting))
	ids := slices.Clone(s.waiting[:n])
	s.waiting = append(s.waiting[:0], s.waiting[n:]...)
	s.mu.Unlock()
	s.each(len(ids), func(i int) { s.take(store.Run{ID: ids[i]}) })
}

// takeAll takes runs up, whether there is room or not: jobs of them may be running.
func (s *Service) takeAll(found []store.Run) {
	s.each(len(found), func(i int) { s.take(found[i]) })
}

// each does something n times, some of it at the same time.
func (s *Service) each(n int, do func(i int)) {
	var all sync.WaitGroup
	defer all.Wait()
	room := make(chan struct{}, startRoom)
	for i := range n {
		if s.isStopping() {
			return
		}
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			do(i)
		})
	}
}

// take has a run go on here, if nobody else has it and it need not wait.
func (s *Service) take(r store.Run) {
	s.mu.Lock()
	later := s.isLater(r.ID)
	s.mu.Unlock()
	if !later {
		s.takeNow(r)
	}
}

// takeNow has a run go on here, if nobody else has it; nil: it does not.
func (s *Service) takeNow(r store.Run) *activity {
	s.mu.Lock()
	if s.active[r.ID] != nil || s.stopping {
		s.mu.Unlock()
		return nil
	}
	s.claim()
	given := s.given[r.ID]
	s.mu.Unlock()
	e, err := s.cfg.Runs.Take(s.ctx, r, given)
	a := s.begun(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.later, r.ID)
	if err == nil {
		delete(s.given, r.ID)
	}
	switch {
	case e != nil && e.TakenUp != nil:
		s.cfg.Log.Info("a run whose program is gone goes on here", "run", r.ID, "running", e.TakenUp.Running)
	case err == nil || fault.CodeOf(err) == fault.Locked || s.ctx.Err() != nil:
		// It has begun, has ended, or another service was faster.
	default:
		s.later[r.ID] = time.Now().Add(againAfter)
		s.cfg.Log.Error("a run can't go on for now", append([]any{"run", r.ID}, fault.Attrs(err)...)...)
	}
	return a
}
