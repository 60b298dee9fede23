package service_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// A run is recorded when Submit returns, and executed then.
func TestSubmit(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		p.submit(s.flow("a", "b: a"))
		synctest.Wait()
		s.is("1 RUNNING")
		if got := p.Stats(); got.Active != 1 || got.MaxActive != 10_000 || got.MaxQueued != 100_000 || got.Tasks.Slots.Taken != 1 {
			t.Errorf("stats are %+v", got)
		}
		pass(3 * time.Second)
		s.is("1 SUCCESS")
		s.equal(s.started(), "1/1/a/1", "1/1/b/1")
		if r, err := s.st.Run(t.Context(), 1); err != nil || r.By != "ann" || r.Owner != nil {
			t.Errorf("%+v, %v", r, err)
		}
		if got := p.Stats(); got.Active != 0 || got.Tasks.Slots.Taken != 0 {
			t.Errorf("stats are %+v", got)
		}
	})
}

// The same key means the same run, whether that has begun or waits.
func TestSubmitTwice(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{MaxActive: 1}, admission.Config{})
		for _, key := range []string{"one", "two"} {
			first, existing, err := p.Submit(t.Context(), s.flow("a"), runs.Options{}, "ann", key)
			if existing || err != nil {
				t.Fatal(existing, err)
			}
			again, existing, err := p.Submit(t.Context(), s.flow("a"), runs.Options{}, "ann", key)
			if again != first || !existing || err != nil {
				t.Errorf("again it is run %d, not %d: %v, %v", again, first, existing, err)
			}
		}
		pass(5 * time.Second)
		s.is("1 SUCCESS", "2 SUCCESS")
	})
}

// A run that can't begin at the moment it is submitted was closed as CANCELLED, and its key
// found that one from then on: a scheduled time was lost.
func TestSubmittedWhileNothingCanBegin(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		p.full.Store(true)
		id, existing, err := p.Submit(t.Context(), s.flow("a"), runs.Options{}, "ann", "key")
		if id != 1 || existing || err != nil {
			t.Fatal(id, existing, err)
		}
		pass(time.Minute)
		s.is("1 PENDING")
		p.full.Store(false)
		again, existing, err := p.Submit(t.Context(), s.flow("a"), runs.Options{}, "ann", "key")
		if again != 1 || !existing || err != nil {
			t.Error(again, existing, err)
		}
		pass(time.Minute)
		s.is("1 SUCCESS")
		s.equal(s.started(), "1/1/a/1")
	})
}

// What there is no room for waits in the database, oldest first, and when too many do
// nobody may any more.
func TestQueue(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{MaxActive: 2, MaxQueued: 3}, admission.Config{})
		for range 5 {
			p.submit(s.flow("a"))
		}
		_, _, err := p.Submit(t.Context(), s.flow("a"), runs.Options{}, "ann", "")
		if fault.CodeOf(err) != fault.RateLimited || err.Error() != "3 runs wait already, which is all that may" {
			t.Errorf("with three that wait: %v", err)
		}
		synctest.Wait()
		s.is("1 RUNNING", "2 RUNNING", "3 PENDING", "4 PENDING", "5 PENDING")
		if got := p.Stats(); got.Active != 2 || got.Waiting != 3 {
			t.Errorf("stats are %+v", got)
		}
		pass(1500 * time.Millisecond)
		s.is("1 SUCCESS", "2 SUCCESS", "3 RUNNING", "4 RUNNING", "5 PENDING")
		pass(3 * time.Second)
		s.is("1 SUCCESS", "2 SUCCESS", "3 SUCCESS", "4 SUCCESS", "5 SUCCESS")
	})
}

// Runs wait before the service starts, and whoever looks does not end them.
func TestSubmittedBefore(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.open(service.Config{}, admission.Config{})
		if err := p.Ready(); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("before its start it is ready: %v", err)
		}
		p.submit(s.flow("a"))
		if err := p.runs.Reconcile(t.Context()); err != nil {
			t.Error(err)
		}
		s.is("1 PENDING")
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.Ready(); err != nil {
			t.Error(err)
		}
		pass(2 * time.Second)
		s.is("1 SUCCESS")
	})
}

// Tasks of all runs share the slots, in the order of the runs.
func TestSlots(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{Slots: 2})
		for range 3 {
			p.submit(s.flow("a", "b"))
			pass(time.Millisecond)
		}
		s.equal(s.started(), "1/1/a/1", "1/1/b/1")
		s.is("1 RUNNING", "2 RUNNING", "3 RUNNING")
		if why := p.gates.Why(3, 1, 1, 1); why != "waits for a slot: 2 of 2 taken" {
			t.Errorf("it says %q", why)
		}
		if got := p.Stats().Tasks; got.Waiting != 4 {
			t.Errorf("usage is %+v", got)
		}
		pass(1500 * time.Millisecond)
		s.equal(s.started(), "1/1/a/1", "1/1/b/1", "2/1/a/1", "2/1/b/1")
		pass(3 * time.Second)
		s.is("1 SUCCESS", "2 SUCCESS", "3 SUCCESS")
	})
}

// A run that is cancelled while its tasks wait gives its places in the queue back.
func TestCancelWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{Slots: 1})
		p.submit(s.flow("a"))
		synctest.Wait()
		p.submit(s.flow("a", "b"))
		p.submit(s.flow("a"))
		synctest.Wait()
		p.cancel(2, store.CancelRun)
		synctest.Wait()
		s.is("1 RUNNING", "2 CANCELLED", "3 RUNNING")
		if got := p.Stats().Tasks; got.Waiting != 1 {
			t.Errorf("usage is %+v", got)
		}
		pass(3 * time.Second)
		s.is("1 SUCCESS", "2 CANCELLED", "3 SUCCESS")
		s.equal(s.started(), "1/1/a/1", "3/1/a/1")
	})
}

func (p *program) cancel(id run.ID, kind store.RequestKind, jobs ...run.JobID) {
	p.s.Helper()
	r, err := p.s.st.Run(p.s.Context(), id)
	if err == nil {
		err = p.Cancel(p.s.Context(), r, kind, jobs, "ann")
	}
	if err != nil {
		p.s.Error(err)
	}
}

// Whatever a run is asked for reaches it, wherever it is.
func TestCancel(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = time.Minute
		one := s.serve(service.Config{}, admission.Config{})
		two := s.serve(service.Config{MaxActive: 1}, admission.Config{})
		one.submit(s.flow("a", "b: a"))
		one.submit(s.flow("a", "b"))
		synctest.Wait()
		one.cancel(1, store.CancelRun)      // in this process
		two.cancel(2, store.CancelJob, "b") // in another one
		pass(3 * time.Second)
		s.is("1 CANCELLED", "2 RUNNING")
		one.cancel(2, store.DrainRun)
		r, _ := s.st.Run(t.Context(), 2)
		if err := one.Cancel(t.Context(), r, store.CancelJob, []run.JobID{"x"}, "ann"); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("of a job that is not there: %v", err)
		}
		pass(2 * time.Minute)
		s.is("1 CANCELLED", "2 CANCELLED")
		r, _ = s.st.Run(t.Context(), 2)
		if err := one.Cancel(t.Context(), r, store.CancelRun, nil, "ann"); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("of a run that has ended: %v", err)
		}
	})
}

// A run that waits for a service is cancelled where it is, and its jobs hear of it later.
func TestCancelWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = 10 * time.Second
		p := s.open(service.Config{}, admission.Config{})
		p.submit(s.flow("a"))
		wf := s.flow("a", "b: a")
		wf.ContinueOnError = true
		p.submit(wf)
		p.cancel(1, store.CancelRun)
		p.cancel(2, store.CancelJob, "b")
		s.is("1 CANCELLED", "2 PENDING")
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Second)
		s.is("1 CANCELLED", "2 FAILED")
		s.equal(s.started(), "2/1/a/1")
	})
}

// A new attempt begins here, and belongs to the service, too.
// A run that has ended is not given back yet: to cancel it is a conflict, and it can be resumed.
func TestEndedAndNotGivenBack(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		id := p.submit(s.flow("a", "b:a"))
		before, err := s.st.Run(t.Context(), id) // as a request saw it that came while it ran
		if err != nil {
			t.Fatal(err)
		}
		for n, ask := range []func() error{
			func() error { return p.Cancel(t.Context(), before, store.CancelRun, nil, "bob") },
			func() error { return p.Cancel(t.Context(), before, store.CancelJob, []run.JobID{"a"}, "bob") },
			func() error {
				_, err := p.Resume(t.Context(), before, runs.Resume{Options: runs.Options{From: []run.JobID{"b"}}, Now: time.Now()})
				return err
			},
		} {
			if n == 0 { // it gets out of the way by itself later
				p.held <- struct{}{}
				time.Sleep(3 * time.Second)
				s.is("1 SUCCESS")
				if p.Stats().Active != 1 {
					t.Fatal("it was given back")
				}
				time.AfterFunc(time.Second, func() { <-p.held })
			}
			err := ask()
			if n == 2 && err != nil {
				t.Errorf("resume: %v", err)
			}
			if n < 2 && (fault.CodeOf(err) != fault.Conflict || err.Error() != "run 1 has already ended: SUCCESS") {
				t.Errorf("cancel: %v", err)
			}
		}
		pass(2 * time.Second)
		s.equal(s.started(), "1/1/a/1", "1/1/b/1", "1/2/b/1")
	})
}

// Whoever resumes a run at the moment of its end does not find it locked.
func TestResumeBeforeGivenBack(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		p.held <- struct{}{}
		id := p.submit(s.flow("a"))
		time.Sleep(2 * time.Second)
		s.is("1 SUCCESS")
		r, err := s.st.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		given, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		again := runs.Resume{Options: runs.Options{From: []run.JobID{"a"}}, Now: time.Now()}
		if _, err := p.Resume(given, r, again); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while it is held on to: %v", err)
		}
		time.AfterFunc(time.Second, func() { <-p.held })
		if _, err := p.Resume(t.Context(), r, again); err != nil {
			t.Error(err)
		}
		pass(2 * time.Second)
		s.equal(s.started(), "1/1/a/1", "1/2/a/1")
	})
}

func TestResume(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = time.Minute
		p := s.serve(service.Config{}, admission.Config{})
		p.submit(s.flow("a"))
		synctest.Wait()
		p.cancel(1, store.CancelRun)
		pass(2 * time.Second)
		r, _ := s.st.Run(t.Context(), 1)
		a, err := p.Resume(t.Context(), r, runs.Resume{})
		if err != nil || a.Number != 2 || !a.Options.Service {
			t.Fatalf("%+v, %v", a, err)
		}
		if _, err := p.Resume(t.Context(), r, runs.Resume{}); fault.CodeOf(err) != fault.Locked {
			t.Errorf("while it goes on: %v", err)
		}
		p.drained()
		if _, err := p.Resume(t.Context(), r, runs.Resume{}); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("when it is stopping: %v", err)
		}
		s.serve(service.Config{}, admission.Config{})
		pass(2 * time.Minute)
		s.is("1 SUCCESS")
		s.equal(s.started(), "1/1/a/1", "1/2/a/1")
	})
}

// However a service ends, the next one goes on with all its runs: nothing starts twice
// and no result is lost.
func TestTakeOver(t *testing.T) {
	for name, end := range map[string]func(p *program){"killed": (*program).crash, "drained": (*program).drained} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *site) {
				s.takes = 10 * time.Second
				p := s.serve(service.Config{MaxActive: 3}, admission.Config{Slots: 2})
				for range 4 {
					p.submit(s.flow("a", "b: a"))
					pass(time.Millisecond)
				}
				s.is("1 RUNNING", "2 RUNNING", "3 RUNNING", "4 PENDING")
				end(p)
				if err := p.Ready(); fault.CodeOf(err) != fault.Unavailable {
					t.Errorf("it is ready: %v", err)
				}
				pass(time.Minute)
				s.is("1 RUNNING", "2 RUNNING", "3 RUNNING", "4 PENDING")
				next := s.serve(service.Config{}, admission.Config{Slots: 2})
				if _, _, err := p.Submit(t.Context(), s.flow("a"), runs.Options{}, "", ""); fault.CodeOf(err) != fault.Unavailable {
					t.Errorf("one that has ended takes a run: %v", err)
				}
				pass(time.Minute)
				s.is("1 SUCCESS", "2 SUCCESS", "3 SUCCESS", "4 SUCCESS")
				got := s.started()
				slices.Sort(got)
				s.equal(got, "1/1/a/1", "1/1/b/1", "2/1/a/1", "2/1/b/1", "3/1/a/1", "3/1/b/1", "4/1/a/1", "4/1/b/1")
				if u := next.Stats().Tasks; u.Slots.Taken != 0 || u.Waiting != 0 {
					t.Errorf("usage is %+v", u)
				}
			})
		})
	}
}

// One that finishes waits for its runs, and takes no other.
func TestFinish(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{MaxActive: 1}, admission.Config{})
		p.submit(s.flow("a", "b: a"))
		p.submit(s.flow("a"))
		if err := p.Finish(t.Context()); err != nil {
			t.Error(err)
		}
		s.is("1 SUCCESS", "2 PENDING")
	})
}

// Two services on one database execute each run once, and each goes on with what the
// other left.
func TestTwo(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = 10 * time.Second
		one := s.serve(service.Config{MaxActive: 2}, admission.Config{})
		two := s.serve(service.Config{MaxActive: 2}, admission.Config{})
		for range 6 {
			one.submit(s.flow("a"))
		}
		pass(3 * time.Second)
		if one.Stats().Active != 2 || two.Stats().Active != 2 {
			t.Errorf("active: %+v, %+v", one.Stats(), two.Stats())
		}
		one.crash()
		pass(time.Minute)
		two.drained()
		s.is("1 SUCCESS", "2 SUCCESS", "3 SUCCESS", "4 SUCCESS", "5 SUCCESS", "6 SUCCESS")
		if got := s.started(); len(got) != 6 {
			t.Errorf("started: %q", got)
		}
	})
}

// While the database can't be read the service is not ready, and goes on afterwards.
func TestTrouble(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{}, admission.Config{})
		p.broken.Store(true)
		pass(7 * time.Second)
		if err := p.Ready(); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("it is ready: %v", err)
		}
		if _, _, err := p.Submit(t.Context(), s.flow("a"), runs.Options{}, "", ""); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("submitted: %v", err)
		}
		p.broken.Store(false)
		pass(7 * time.Second)
		if err := p.Ready(); err != nil {
			t.Error(err)
		}
		p.submit(s.flow("a"))
		pass(2 * time.Second)
		s.is("1 SUCCESS")
		broken := s.open(service.Config{}, admission.Config{})
		broken.broken.Store(true)
		if err := broken.Start(t.Context()); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("started: %v", err)
		}
	})
}

// A run whose secrets can't be read is tried again, and one that was submitted with
// secret parameters has them when its turn comes.
func TestSecrets(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{MaxActive: 1}, admission.Config{})
		p.submit(s.flow("a"))
		wf := s.flow("a")
		wf.Secrets = []workflow.Secret{{Name: "S", Env: "S"}}
		wf.Params = []workflow.Param{{Name: "P", Secret: true, Given: true, Value: "y"}}
		p.submit(wf)
		p.closed.Store(true)
		pass(10 * time.Second)
		s.is("1 SUCCESS", "2 PENDING")
		if _, _, err := p.Submit(t.Context(), wf, runs.Options{}, "", ""); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("submitted without secrets: %v", err)
		}
		p.closed.Store(false)
		pass(time.Minute)
		s.is("1 SUCCESS", "2 SUCCESS")
	})
}

// With few runs each lease is renewed every second, with many all of them cost as little.
func TestLeasesAreRenewedTogether(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = time.Hour
		p := s.serve(service.Config{}, admission.Config{Slots: 1})
		renewed := func(during time.Duration) []int {
			p.mu.Lock()
			p.renewed = nil
			p.mu.Unlock()
			pass(during)
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.renewed
		}
		if got := renewed(3 * time.Second); got != nil {
			t.Errorf("there is nothing to renew: %v", got)
		}
		p.submit(s.flow("a"))
		if got := renewed(3 * time.Second); !slices.Equal(got, []int{1, 1, 1}) {
			t.Errorf("one run: %v", got)
		}
		for range 299 {
			p.submit(s.flow("a"))
		}
		renewed(3 * time.Second)
		if got := renewed(6 * time.Second); !slices.Equal(got, []int{300, 300}) {
			t.Errorf("300 runs: %v", got)
		}
		pass(20 * time.Minute)
		r, err := s.st.Run(t.Context(), 300)
		if err != nil || r.Owner == nil || *r.Owner != p.owner {
			t.Errorf("the last run is %v's, %v", r.Owner, err)
		}
		p.drained()
	})
}

// A run that was taken away ends here as soon as that is found out, though it does nothing.
func TestLeaseLostWhileItWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = time.Hour
		p := s.serve(service.Config{}, admission.Config{Slots: 1})
		p.submit(s.flow("a"))
		waits := p.submit(s.flow("a"))
		other := store.Owner{Host: "elsewhere", PID: 7}
		if _, err := s.st.Acquire(t.Context(), waits, other, time.Hour, func(store.Owner) bool { return true }); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if n := p.Stats().Active; n != 1 {
			t.Errorf("%d runs are active", n)
		}
	})
}

// What others ask of a run through the database is heard within a second, however many there are.
func TestRequestsAreHeardAmongManyRuns(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.takes = time.Hour
		p := s.serve(service.Config{}, admission.Config{Slots: 1})
		for range 500 {
			p.submit(s.flow("a"))
		}
		pass(time.Second)
		for _, id := range []run.ID{1, 250, 500} {
			if err := s.st.Request(t.Context(), id, store.Request{Kind: store.CancelRun, By: "ann"}); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		if n := p.Stats().Active; n != 497 && n != 498 { // the first has a job to end
			t.Errorf("%d runs are active", n)
		}
	})
}

// Many runs at once: each has its end, and never more tasks run than there are slots.
func TestMany(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		p := s.serve(service.Config{MaxActive: 50}, admission.Config{Slots: 7})
		for n := range 200 {
			p.submit(s.flow("a", "b: a", fmt.Sprintf("c%d", n)))
		}
		for range 200 {
			pass(500 * time.Millisecond)
			if n := s.atOnce(); n > 7 {
				t.Fatalf("%d tasks run at once", n)
			}
		}
		found, _ := s.st.Runs(t.Context(), store.Filter{States: []run.State{run.Success}})
		if len(found) != 200 || len(s.started()) != 600 {
			t.Errorf("%d runs succeeded, %d tasks started", len(found), len(s.started()))
		}
	})
}

// The secret parameters of a run that was submitted while the service looked for those that
// wait were dropped: it was not among them yet.
func TestSecretsOfARunThatCameMeanwhile(t *testing.T) {
	bubble(t, func(_ *testing.T, s *site) {
		s.takes = 7 * time.Second
		p := s.open(service.Config{MaxActive: 1}, admission.Config{})
		wf := s.flow("a")
		wf.Params = []workflow.Param{{Name: "P", Secret: true, Given: true, Value: "y"}}
		came := 0
		p.looked = func() {
			if p.Stats().Active == 1 && came < 2 { // at one look for what waits, and one for what was left
				came++
				p.submit(wf)
			}
		}
		if err := p.Start(s.Context()); err != nil {
			s.Fatal(err)
		}
		p.submit(s.flow("a"))
		pass(time.Minute)
		s.is("1 SUCCESS", "2 SUCCESS", "3 SUCCESS")
	})
}
