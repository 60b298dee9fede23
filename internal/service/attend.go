package service

import (
	"errors"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/runs"
)

// attend writes the log of a run and waits for its end.
func (s *Service) attend(e *activity) {
	defer s.going.Done()
	s.record(e.Execution)
	_, err := e.Wait(s.ctx)
	s.mu.Lock()
	if s.active[e.Run] == e { // else the run goes on here already
		delete(s.active, e.Run)
	}
	s.mu.Unlock()
	close(e.over)
	if err != nil && !errors.Is(err, engine.ErrLeft) {
		s.cfg.Log.Error("a run can't be carried on here", "run", e.Run, "error", err)
	}
	s.hint()
}

// record passes the run's transitions to its logs.
func (s *Service) record(e *runs.Execution) {
	log, err := runs.OpenMainLog(e.Attempt)
	if err != nil {
		s.cfg.Log.Warn("the log of a run can't be written", "run", e.Run, "error", err)
	}
	for t, err := range e.Follow(s.ctx, func() { s.rest(log) }) {
		switch {
		case err != nil: // Wait tells why
		case log == nil:
		case e.TakenUp != nil && t.Seq < e.TakenUp.Seq:
			log.Know(&t)
		default:
			log.Add(&t)
		}
	}
	if log == nil {
		return
	}
	if err := log.Close(); err != nil {
		s.cfg.Log.Warn("the log of a run is incomplete", "run", e.Run, "error", err)
	}
}

// fewRuns is how many runs may keep their logs open while nothing happens to them.
const fewRuns = 100

// rest makes a log visible when nothing more is to be written for now, and has it give
// its files back when there are many.
func (s *Service) rest(log *runs.MainLog) {
	if log == nil {
		return
	}
	s.mu.Lock()
	many := len(s.active) > fewRuns
	s.mu.Unlock()
	if many {
		log.Rest()
		return
	}
	log.Flush()
}
