package service_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/service"
)

// While the database was away the service waited for an answer of it before anything else:
// the first signal took as long as a look for runs did, and a second ended nothing.
func TestStopWhileTheDatabaseHangs(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(p *program, ctx context.Context) error
		want error
		took time.Duration
	}{
		"drain": {func(p *program, ctx context.Context) error { return p.Drain(ctx) }, nil, 0},
		"wait":  {func(p *program, ctx context.Context) error { return p.Finish(ctx) }, context.DeadlineExceeded, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *site) {
				s.takes = time.Minute
				p := s.serve(service.Config{}, admission.Config{})
				p.submit(s.flow("a"))
				pass(500 * time.Millisecond)
				p.hangs.Store(true)
				pass(10 * time.Second) // it looks for runs
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := c.end(p, ctx); !errors.Is(err, c.want) || time.Since(began) != c.took {
					t.Errorf("%v after %s", err, time.Since(began))
				}
				p.Close()
				synctest.Wait()
				if took := time.Since(began); took != c.took {
					t.Errorf("closed after %s", took)
				}
				s.dead.Store(p.owner.PID, true)
				s.serve(service.Config{}, admission.Config{})
				pass(2 * time.Minute)
				s.is("1 SUCCESS")
				s.equal(s.started(), "1/1/a/1")
			})
		})
	}
}

// A service that is closed leaves its runs, whatever it was about: their jobs go on.
func TestCloseLeavesRuns(t *testing.T) {
	bubble(t, func(_ *testing.T, s *site) {
		s.takes = time.Minute
		p := s.serve(service.Config{}, admission.Config{})
		p.submit(s.flow("a", "b: a"))
		p.Close()
		p.Close()
		synctest.Wait()
		s.dead.Store(p.owner.PID, true)
		s.serve(service.Config{}, admission.Config{})
		pass(3 * time.Minute)
		s.is("1 SUCCESS")
		s.equal(s.started(), "1/1/a/1", "1/1/b/1")
	})
}

// A service that ends in order gives back what no job of runs, so that services on other
// hosts need not wait for the lease to run out, and keeps the rest for the next one here.
func TestDrainGivesBack(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = time.Minute
		p := s.serve(service.Config{}, admission.Config{Slots: 1})
		p.submit(s.flow("a"))
		pass(time.Second) // it has the slot: of two that come at once, either may be first
		p.submit(s.flow("a"))
		pass(time.Second)
		p.drained()
		for id, owned := range map[run.ID]bool{1: true, 2: false} {
			if r, err := s.st.Run(t.Context(), id); err != nil || (r.Owner != nil) != owned {
				t.Errorf("run %d belongs to %v, %v", id, r.Owner, err)
			}
		}
	})
}
