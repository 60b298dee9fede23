package memstore_test

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, now func() time.Time) store.Store { return memstore.NewAt(now) })
}

// What a caller holds and what the store holds must not be the same memory.
func TestCallersCantReachIn(t *testing.T) {
	s := memstore.New()
	body, options := []byte("body"), []byte("{}")
	l, err := s.CreateRun(t.Context(), store.NewRun{Hash: "h", Workflow: body, Attempt: store.NewAttempt{Options: options}},
		store.Owner{PID: 1}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	body[0], options[0] = 'X', 'X'
	o := &run.Outcome{ExitCode: 1}
	if _, err := s.Append(t.Context(), l, []run.Transition{{Attempt: 1, Job: "a", Outcome: o}}); err != nil {
		t.Fatal(err)
	}
	o.ExitCode = 9
	for range 2 { // what is read first and changed must not show the second time
		got, _ := s.Workflow(t.Context(), "h")
		r, _ := s.Run(t.Context(), l.Run)
		ts, _ := s.Transitions(t.Context(), l.Run, 0, 0)
		if string(got) != "body" || string(r.Attempt.Options) != "{}" || r.Owner.PID != 1 || ts[0].Outcome.ExitCode != 1 {
			t.Fatalf("changed from outside: %s %s %d %d", got, r.Attempt.Options, r.Owner.PID, ts[0].Outcome.ExitCode)
		}
		got[0], r.Attempt.Options[0], r.Owner.PID, ts[0].Outcome.ExitCode = 'X', 'X', 9, 9
	}
}

func TestNewUsesTheWallClock(t *testing.T) {
	s := memstore.New()
	l, err := s.CreateRun(t.Context(), store.NewRun{}, store.Owner{}, -time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), l.Run, store.Owner{}, time.Hour, nil); err != nil {
		t.Fatal("a lease that has run out is free:", err)
	}
	if _, err := s.Acquire(t.Context(), l.Run, store.Owner{}, time.Hour, nil); fault.CodeOf(err) != fault.Locked {
		t.Fatal("got", err)
	}
}
