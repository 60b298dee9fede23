package sqlstore

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// next returns what a watch says next.
func next(t *testing.T, hints <-chan run.ID) run.ID {
	t.Helper()
	select {
	case id, ok := <-hints:
		if !ok {
			t.Fatal("the watch has ended")
		}
		return id
	case <-time.After(time.Minute):
		t.Fatal("the watch says nothing")
		return 0
	}
}

// until0 reads up to the hint that any run may have changed.
func until0(t *testing.T, hints <-chan run.ID) {
	t.Helper()
	for next(t, hints) != 0 {
	}
}

func watchOf(t *testing.T, s *Store) <-chan run.ID {
	t.Helper()
	hints, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first := next(t, hints); first != 0 {
		t.Fatalf("it begins with run %d, want 0", first)
	}
	return hints
}

// Each kind of change is heard of in another program, once per transaction.
func TestPostgresWatch(t *testing.T) {
	dsn := postgresDSN(t)
	here, there := openDSN(t, dsn, Config{}), openDSN(t, dsn, Config{})
	hints := watchOf(t, here)
	second := watchOf(t, here)
	elsewhere := openPostgresTest(t, Config{}) // another schema of the same database
	newBenchRun(t, elsewhere)
	var l store.Lease
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"create", func() error { l = newBenchRun(t, there); return nil }},
		{"append", func() error { _, err := there.Append(t.Context(), l, batch(30)); return err }},
		{"request", func() error { return there.Request(t.Context(), l.Run, store.Request{Kind: store.CancelRun}) }},
		{"override", func() error { return there.AddOverrides(t.Context(), l.Run, []run.Override{{}}) }},
		{"attempt", func() error { _, err := there.AddAttempt(t.Context(), l, store.NewAttempt{}); return err }},
		{"release", func() error { return there.Release(t.Context(), l) }},
		{"acquire", func() error {
			var err error
			l, err = there.Acquire(t.Context(), l.Run, store.Owner{}, time.Hour, nil)
			return err
		}},
		{"in the same program", func() error { _, err := here.Append(t.Context(), l, batch(3)); return err }},
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, h := range []<-chan run.ID{hints, second} {
			if got := next(t, h); got != l.Run {
				t.Errorf("%s: heard of run %d, want %d", c.name, got, l.Run)
			}
		}
	}
	select {
	case id := <-hints:
		t.Errorf("heard of run %d once more", id)
	default:
	}
}

// What may have been missed while the connection was away is made up for by a hint
// that anything may have changed.
func TestPostgresWatchReconnects(t *testing.T) {
	w, dsn := overWire(t, func(string) cut { return pass })
	s, direct := openDSN(t, dsn, Config{}), openDSN(t, w.direct, Config{})
	hints := watchOf(t, s)
	l := newBenchRun(t, direct)
	if got := next(t, hints); got != l.Run {
		t.Fatalf("heard of run %d, want %d", got, l.Run)
	}
	w.deaf.Store(true)
	w.cutAll(false)
	w.waitRefused(t, 1)
	if _, err := direct.Append(t.Context(), l, batch(3)); err != nil {
		t.Fatal(err)
	}
	w.deaf.Store(false)
	until0(t, hints)
	if _, err := direct.Append(t.Context(), l, batch(3)); err != nil {
		t.Fatal(err)
	}
	if got := next(t, hints); got != l.Run {
		t.Errorf("heard of run %d, want %d", got, l.Run)
	}
}

func TestPostgresWatchEnds(t *testing.T) {
	s := openPostgresTest(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	hints, err := s.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range hints { // is closed
	}
	hints, err = s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range hints {
	}
	if _, err := s.Watch(t.Context()); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestWatchWhereNobodyTells(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	if hints, err := s.Watch(t.Context()); hints != nil || err != nil {
		t.Errorf("got %v, %v", hints, err)
	}
}

// Who does not listen costs no memory without end, and is told that something was missed.
func TestWatcherIsBounded(t *testing.T) {
	w := &watcher{wake: make(chan struct{}, 1)}
	for round := range 3 {
		for id := range run.ID(maxHints) {
			w.add(id+1, id+1)
		}
		if len(w.pending) != maxHints {
			t.Fatalf("round %d: %d are pending, want %d", round, len(w.pending), maxHints)
		}
	}
	w.add(maxHints + 1)
	w.add(7)
	if !slices.Equal(w.pending, []run.ID{0}) {
		t.Errorf("%v are pending, want 0 alone", w.pending)
	}
	if id, ok := w.next(); id != 0 || !ok {
		t.Errorf("got %d, %v", id, ok)
	}
	w.add(7)
	w.add(7, 8)
	if id, ok := w.next(); id != 7 || !ok || !slices.Equal(w.pending, []run.ID{8}) {
		t.Errorf("got %d, %v, then %v", id, ok, w.pending)
	}
	w.add(0)
	if !slices.Equal(w.pending, []run.ID{0}) {
		t.Errorf("%v are pending, want 0 alone", w.pending)
	}
}

func TestIDLists(t *testing.T) {
	for text, want := range map[string][]run.ID{"7": {7}, "1,2,30": {1, 2, 30}, "": {0}, "1,x": {0}} {
		if got := parseIDs(text); !slices.Equal(got, want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	if got := idList([]run.ID{30, 2, 1, 2, 30}); got != "1,2,30" {
		t.Errorf("got %q", got)
	}
}
