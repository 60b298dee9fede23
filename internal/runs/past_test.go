package runs_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/fingerprint"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

// pastWorld is a past with runs that come and go.
type pastWorld struct {
	*testing.T
	*memstore.Store
	past *runs.Past
}

func newPastWorld(t *testing.T) *pastWorld {
	st := memstore.New()
	return &pastWorld{t, st, runs.NewPast(st, "app", nil)}
}

func (w *pastWorld) submit() store.Lease {
	w.Helper()
	l, err := w.CreateRun(w.Context(), store.NewRun{Application: "app"}, store.Owner{PID: 1}, time.Hour)
	w.must(err)
	return l
}

func (w *pastWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func taskOf(l store.Lease, attempt, try int) run.TaskID {
	return run.TaskID{Run: l.Run, Attempt: attempt, Job: "j", Try: try}
}

// begins has a task begin, beside another run or none.
func (w *pastWorld) begins(task run.TaskID, beside run.ID) {
	w.Helper()
	if got, err := w.past.Begin(w.Context(), task); got != beside || err != nil {
		w.Errorf("beside run %d (%v), want %d", got, err, beside)
	}
}

// succeeds records the end of a task with what it found.
func (w *pastWorld) succeeds(l store.Lease, task run.TaskID, found fingerprint.Document) {
	w.Helper()
	o := &run.Outcome{State: run.Success, Fingerprint: found.Encode()}
	w.record(l, run.Transition{Attempt: task.Attempt, Job: task.Job, Try: task.Try, From: run.Running, To: run.Success, Outcome: o})
}

func (w *pastWorld) ends(l store.Lease) {
	w.Helper()
	w.record(l, run.Transition{Attempt: 1, From: run.Running, To: run.Failed})
}

func (w *pastWorld) record(l store.Lease, t run.Transition) {
	w.Helper()
	_, err := w.Append(w.Context(), l, []run.Transition{t})
	w.must(err)
}

// knows checks what is known of the job.
func (w *pastWorld) knows(task run.TaskID, done bool) {
	w.Helper()
	last, err := w.past.Last(w.Context(), "j")
	if last.Task != task || last.Done != done || err != nil {
		w.Errorf("known is %+v (%v), want %v, done %v", last, err, task, done)
	}
}

// TestPast: what a try found is known when it succeeded, until the next one begins.
func TestPast(t *testing.T) {
	w := newPastWorld(t)
	w.knows(run.TaskID{}, false)
	l := w.submit()
	first, second := taskOf(l, 1, 1), taskOf(l, 1, 2)
	w.begins(first, 0)
	w.knows(first, false)
	w.begins(second, 0) // the same run: the first is over
	w.succeeds(l, second, fingerprint.Document{Command: "c"})
	w.knows(second, true)
	if last, _ := w.past.Last(t.Context(), "j"); last.Document.Command != "c" {
		t.Errorf("%+v", last)
	}
	next := w.submit() // what is done runs no more, though its run goes on
	w.begins(taskOf(next, 1, 1), 0)
	w.begins(taskOf(next, 1, 1), 0) // its program died right then, and another one took it up
	w.knows(taskOf(next, 1, 1), false)
}

// TestPastBeside: a job that may run in another run is known of as long as that goes on,
// also when others began in between.
func TestPastBeside(t *testing.T) {
	w := newPastWorld(t)
	a, b, c := w.submit(), w.submit(), w.submit()
	w.begins(taskOf(a, 1, 1), 0)
	w.begins(taskOf(b, 1, 1), a.Run)
	w.succeeds(a, taskOf(a, 1, 1), fingerprint.Document{Command: "late"})
	w.knows(taskOf(b, 1, 1), false)
	w.ends(b)
	w.begins(taskOf(c, 1, 1), a.Run) // for all that is known
	w.ends(a)
	w.begins(taskOf(c, 1, 2), 0)

	// A new attempt of the run means that the one before is over.
	d := w.submit()
	w.begins(taskOf(d, 1, 1), c.Run)
	_, err := w.AddAttempt(t.Context(), c, store.NewAttempt{})
	w.must(err)
	w.begins(taskOf(d, 1, 2), 0)
	w.begins(taskOf(c, 2, 1), d.Run)

	// A run that is not there any more runs nothing.
	w.ends(d)
	w.must(w.Release(t.Context(), d))
	if gone, err := w.Delete(t.Context(), []run.ID{d.Run}); len(gone) != 1 || err != nil {
		t.Fatal(gone, err)
	}
	e := w.submit()
	w.begins(taskOf(e, 1, 1), c.Run)
}

// failingStore fails as often as it is told to, and lets others be faster.
type failingStore struct {
	*memstore.Store
	failures int
	faster   func()
}

var errNotNow = errors.New("not now")

func (f *failingStore) fail() error {
	if f.failures > 0 {
		f.failures--
		return errNotNow
	}
	return nil
}

func (f *failingStore) Fingerprint(ctx context.Context, app string, job run.JobID) (store.Fingerprint, error) {
	if err := f.fail(); err != nil {
		return store.Fingerprint{}, err
	}
	return f.Store.Fingerprint(ctx, app, job)
}

func (f *failingStore) BeginFingerprint(ctx context.Context, app string, seen, next store.Fingerprint) (bool, error) {
	if f.faster != nil {
		f.faster()
		f.faster = nil
	}
	return f.Store.BeginFingerprint(ctx, app, seen, next)
}

// TestPastInsists: a store that fails is asked again, and that is told once.
func TestPastInsists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failingStore{Store: memstore.New(), failures: 3}
		var told []error
		past := runs.NewPast(f, "app", func(err error) { told = append(told, err) })
		began := time.Now()
		if _, err := past.Last(t.Context(), "j"); err != nil || time.Since(began) != 700*time.Millisecond {
			t.Error(err, time.Since(began))
		}
		if !slices.Equal(told, []error{errNotNow, nil}) {
			t.Error(told)
		}
		f.failures = 1 << 20
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := past.Begin(ctx, run.TaskID{Run: 1, Attempt: 1, Job: "j", Try: 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestPastContest: who is not the first to begin looks again, and finds the other.
func TestPastContest(t *testing.T) {
	w := newPastWorld(t)
	a, b := w.submit(), w.submit()
	fast := runs.NewPast(w.Store, "app", nil)
	w.past = runs.NewPast(&failingStore{Store: w.Store, faster: func() {
		if _, err := fast.Begin(t.Context(), taskOf(a, 1, 1)); err != nil {
			t.Error(err)
		}
	}}, "app", nil)
	w.begins(taskOf(b, 1, 1), a.Run)
	w.knows(taskOf(b, 1, 1), false)
}
