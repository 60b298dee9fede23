package service_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// A cancel was acknowledged before anything of it was recorded: a service that was killed
// right after took it along.
func TestCancelOutlivesTheService(t *testing.T) {
	for kind, want := range map[store.RequestKind]string{store.CancelRun: "1 CANCELLED", store.DrainRun: "1 CANCELLED", store.CancelJob: "1 FAILED"} {
		t.Run(string(kind), func(t *testing.T) {
			bubble(t, func(_ *testing.T, s *site) {
				s.takes = 10 * time.Second
				p := s.serve(service.Config{}, admission.Config{})
				p.submit(s.flow("a", "b: a"))
				pass(time.Second)
				p.broken.Store(true) // nothing is recorded any more but the request itself
				p.cancel(1, kind, "b")
				p.crash()
				s.serve(service.Config{}, admission.Config{})
				pass(time.Minute)
				s.is(want)
				s.equal(s.started(), "1/1/a/1")
			})
		})
	}
}

// interrupted leaves a run of a program that was killed, with a job running: of a service
// or not. lost: the keeper was killed as well.
func (s *site) interrupted(of runs.Options, lost bool) {
	s.Helper()
	p := s.serve(service.Config{}, admission.Config{})
	ctx, end := context.WithCancel(s.Context())
	e, err := p.runs.Submit(ctx, s.flow("a", "b: a"), of)
	if err != nil {
		s.Fatal(err)
	}
	pass(time.Second)
	if lost {
		p.runners[0].CrashBoth()
	}
	p.crash()
	end()
	_, _ = e.Wait(s.Context())
}

// The loop of an interrupted run that was cancelled belonged to the request: when its client
// went away, the run was given up and its jobs were killed.
func TestCancelWithoutClient(t *testing.T) {
	for name, of := range map[string]runs.Options{"of a service": {Service: true}, "of a command": {}} {
		for kind, end := range map[store.RequestKind]string{store.CancelRun: "CANCELLED run_cancelled", store.DrainRun: "SUCCESS exit_code"} {
			t.Run(name+" "+string(kind), func(t *testing.T) {
				bubble(t, func(t *testing.T, s *site) {
					s.takes = time.Minute
					s.interrupted(of, false)
					p := s.open(service.Config{}, admission.Config{})
					r, err := s.st.Run(t.Context(), 1)
					if err != nil {
						t.Fatal(err)
					}
					ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond) // the grace is a second
					defer leave()
					if err := p.Cancel(ctx, r, kind, nil, "ann"); err != nil {
						t.Error(err)
					}
					leave()
					pass(2 * time.Minute)
					s.is("1 CANCELLED")
					s.equal(s.started(), "1/1/a/1")
					if o := s.world.Ledger()[0].Outcome; o.State.String()+" "+string(o.Reason) != end {
						t.Errorf("a ended %s %s, want %s", o.State, o.Reason, end)
					}
				})
			})
		}
	}
}

// A service that stops while it ends an interrupted run leaves it like any other.
func TestStopWhileAnInterruptedRunEnds(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = time.Minute
		s.interrupted(runs.Options{}, false)
		p := s.serve(service.Config{}, admission.Config{})
		p.cancel(1, store.DrainRun)
		p.drained()
		next := s.serve(service.Config{}, admission.Config{})
		pass(2 * time.Minute)
		s.is("1 CANCELLED")
		next.drained()
		if o := s.world.Ledger()[0].Outcome; o.State != run.Success {
			t.Errorf("a ended %+v", o)
		}
	})
}

// To end a run that waits takes no secrets and no room.
func TestCancelWithoutSecrets(t *testing.T) {
	bubble(t, func(_ *testing.T, s *site) {
		s.takes = time.Hour
		p := s.serve(service.Config{MaxActive: 1}, admission.Config{})
		p.submit(s.flow("a"))
		wf := s.flow("a")
		wf.Secrets = []workflow.Secret{{Name: "S", Env: "S"}}
		p.submit(wf)
		p.closed.Store(true)
		p.cancel(2, store.CancelRun)
		synctest.Wait()
		s.is("1 RUNNING", "2 CANCELLED")
	})
}

// Nothing is known of a command's run any more: it is ended.
func TestCancelOfALostRun(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.interrupted(runs.Options{}, true)
		pass(time.Minute)
		p := s.open(service.Config{}, admission.Config{})
		p.cancel(1, store.CancelRun)
		s.is("1 FAILED")
		p.drained()
		r, err := s.st.Run(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Cancel(t.Context(), r, store.CancelRun, nil, "ann"); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("of one that is stopping: %v", err)
		}
	})
}
