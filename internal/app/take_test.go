package app

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/store"
)

// dying is the journal of a program that dies between a task's RUNNING and its START.
type dying struct {
	engine.Journal
	died chan struct{}
}

func (d *dying) Append(ctx context.Context, l store.Lease, ts []run.Transition) (int64, error) {
	last, err := d.Journal.Append(ctx, l, ts)
	for i := range ts {
		if err == nil && ts[i].Job != "" && ts[i].To == run.Running {
			close(d.died)
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}
	}
	return last, err
}

// A service took a run up, failed, and gave it back; the next time its task that never was
// started counted as lost, because somebody had had the run in between.
func TestTakeThatFailedLosesNothing(t *testing.T) {
	database := filepath.Join(t.TempDir(), "history.db")
	serve := func(journal func(engine.Journal) engine.Journal) *App {
		t.Helper()
		a, err := Open(t.Context(), Settings{
			Database: database, StateDir: t.TempDir(), Environ: []string{"PATH=/usr/bin:/bin"},
			Service: true, Gate: service.NewGates(admission.Config{}).Gate, Journal: journal,
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	died := make(chan struct{})
	first := serve(func(j engine.Journal) engine.Journal { return &dying{j, died} })
	ctx, die := context.WithCancelCause(t.Context())
	e, err := first.Runs.Submit(ctx, flow(t, "exit 0"), runs.Options{Service: true})
	if err != nil {
		t.Fatal(err)
	}
	<-died
	die(engine.ErrLeft)
	if _, err := e.Wait(t.Context()); !errors.Is(err, engine.ErrLeft) {
		t.Fatal(err)
	}
	if err := first.store.Release(t.Context(), store.Lease{Run: e.Run, Epoch: e.Epoch}); err != nil { // its process would be gone
		t.Fatal(err)
	}
	known := make(chan keeper.Result, 1) // and not forgotten, so that the journal stays, as with a kill -9
	first.keepers.own.Start(keeper.Spec{ID: "old", Path: "/bin/true", Args: []string{"true"}, Dir: "/"}, func(r keeper.Result) { known <- r })
	<-known
	if err := errors.Join(first.keepers.own.Keeper.Close(false), first.Close()); err != nil {
		t.Fatal(err)
	}

	next := serve(nil)
	defer next.Close() //nolint:errcheck // nothing is left
	r, err := next.store.Run(t.Context(), e.Run)
	if err != nil || r.Attempt.Counts.Running != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for range 2 { // takes that fail
		l, err := next.store.Acquire(t.Context(), e.Run, store.Owner{PID: 1}, time.Hour, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := next.store.Release(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	e, err = next.Runs.Take(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := e.Wait(t.Context()); err != nil || sum.State != run.Success {
		t.Errorf("it ended %+v, %v", sum, err)
	}
}
