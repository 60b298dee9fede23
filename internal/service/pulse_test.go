package service_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/service"
)

// A service stayed ready for half a minute after its database was gone: as long as a look for
// runs was patient.
func TestReadyNoticesSoonThatTheDatabaseHangs(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		if err := p.Ready(); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		p.hangs.Store(true)
		began := time.Now()
		if err := p.Ready(); fault.CodeOf(err) != fault.Unavailable || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		pass(time.Second)
		p.hangs.Store(false)
		if err := p.Ready(); err != nil {
			t.Errorf("the database is back: %v", err)
		}
	})
}

// However many ask whether the service is ready, the database is asked once a second.
func TestReadyAsksTheDatabaseOnceASecond(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		p.asked.Store(0)
		for range 4 {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					if err := p.Ready(); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			pass(500 * time.Millisecond)
		}
		if n := p.asked.Load(); n != 2 {
			t.Errorf("it was asked %d times", n)
		}
	})
}

// A look for runs that failed after half a minute was tried again after 25 minutes, and the
// service was not ready until then, with its database back for long.
func TestTroubleOfLongLooksIsOverSoon(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		p.tires.Store(true)
		pass(2 * time.Minute)
		if err := p.Ready(); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("it is ready: %v", err)
		}
		p.tires.Store(false)
		pass(time.Minute + 2*time.Second) // the look that goes on fails yet, and the one for runs that were left
		if err := p.Ready(); err != nil {
			t.Error(err)
		}
		p.submit(s.flow("a"))
		pass(2 * time.Second)
		s.is("1 SUCCESS")
	})
}

// A service that stops does not wait for an answer whether it is ready.
func TestReadyEndsWithTheService(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		p.hangs.Store(true)
		said := make(chan error, 1)
		go func() { said <- p.Ready() }()
		synctest.Wait()
		began := time.Now()
		if err := p.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-said; fault.CodeOf(err) != fault.Unavailable || time.Since(began) != 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
