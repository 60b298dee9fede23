package sqlstore

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// block keeps the writer busy until free is closed.
func block(t *testing.T, s *Store) (started, free chan struct{}) {
	t.Helper()
	return blockRun(t, s, 0)
}

// blockRun keeps the writer of a run busy.
func blockRun(t *testing.T, s *Store, id run.ID) (started, free chan struct{}) {
	t.Helper()
	started, free = make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	var once sync.Once // it runs again when one that joined it fails
	go func() {
		done <- s.changeRun(context.Background(), "test", id, func(t *tx) error {
			t.harmless()
			once.Do(func() { close(started) })
			<-free
			return nil
		})
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return started, free
}

// waitQueued returns when n operations wait for the writer.
func waitQueued(t *testing.T, s *Store, n int) {
	t.Helper()
	waitQueuedIn(t, s.writers[0], n)
}

func waitQueuedIn(t *testing.T, w *writer, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); len(w.queue) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d operations are in the queue, want %d", len(w.queue), n)
		}
	}
}

func TestWaitingCallsShareACommit(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	l := newBenchRun(t, s)
	started, free := block(t, s)
	<-started
	var wg sync.WaitGroup
	var mu sync.Mutex
	var committed []int64 // what others could see when each ran
	for range 10 {
		wg.Go(func() {
			err := s.change(t.Context(), "test", func(x *tx) error {
				if _, err := x.append(l, batch(3), summarise(batch(3))); err != nil {
					return err
				}
				r, err := s.Run(context.Background(), l.Run)
				mu.Lock()
				committed = append(committed, r.Seq)
				mu.Unlock()
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	waitQueued(t, s, 10)
	close(free)
	wg.Wait()
	for _, seq := range committed {
		if seq != 0 {
			t.Fatalf("others saw %v while the calls ran, want nothing before all had run", committed)
		}
	}
	if r, err := s.Run(t.Context(), l.Run); err != nil || r.Seq != 30 {
		t.Fatalf("got %d, %v", r.Seq, err)
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	l := newBenchRun(t, s)
	started, free := block(t, s)
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), l, batch(3)); err != nil {
				t.Error(err)
			}
		})
	}
	waitQueued(t, s, 5)
	gone := make(chan error, 1)
	go func() { _, err := s.Append(ctx, l, batch(3)); gone <- err }()
	waitQueued(t, s, 6)
	cancel()
	if err := <-gone; fault.CodeOf(err) != fault.Cancelled { // at once, not when the writer is free
		t.Error("got", err)
	}
	close(free)
	wg.Wait()
	if r, err := s.Run(t.Context(), l.Run); err != nil || r.Seq != 15 {
		t.Fatalf("got %d transitions, %v", r.Seq, err)
	}
}

// A call that has begun counts, whatever happens to its context.
func TestCancelledWhileWriting(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	l := newBenchRun(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.change(ctx, "test", func(x *tx) error {
		cancel()
		_, err := x.append(l, batch(3), summarise(batch(3)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Run(t.Context(), l.Run); err != nil || r.Seq != 3 {
		t.Fatalf("got %d, %v", r.Seq, err)
	}
}

func TestCancelledWhileQueueIsFull(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	l := newBenchRun(t, s)
	started, free := block(t, s)
	<-started
	var wg sync.WaitGroup
	for range maxGroup {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), l, batch(3)); err != nil {
				t.Error(err)
			}
		})
	}
	waitQueued(t, s, maxGroup)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Append(ctx, l, batch(3)); fault.CodeOf(err) != fault.Cancelled {
		t.Error("got", err)
	}
	close(free)
	wg.Wait()
}

func TestFailureAloneInAGroup(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	l := newBenchRun(t, s)
	started, free := block(t, s)
	<-started
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), l, batch(30)); err != nil {
				t.Error(err)
			}
		})
	}
	fails := func(want error, do func(*tx) error) {
		wg.Go(func() {
			err := s.change(t.Context(), "test", do)
			if !errors.Is(err, want) && fault.CodeOf(err) != fault.Internal {
				t.Error("got", err)
			}
		})
	}
	broken := errors.New("broken")
	fails(broken, func(x *tx) error { // after it wrote something
		_, err := x.append(l, batch(3), nil)
		return errors.Join(err, broken)
	})
	fails(nil, func(x *tx) error { return x.exec("INSERT INTO runs (id) VALUES (NULL)") })
	fails(nil, func(*tx) error { panic("bug") })
	fails(nil, func(x *tx) error { return x.exec("no SQL") })
	waitQueued(t, s, 9)
	close(free)
	wg.Wait()
	if r, err := s.Run(t.Context(), l.Run); err != nil || r.Seq != 150 {
		t.Fatalf("got %d, %v", r.Seq, err)
	}
}

// The database repeats the invariants, in case the code is wrong.
func TestChecks(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	newBenchRun(t, s)
	for _, bad := range []string{
		`UPDATE runs SET state = 'DONE'`,
		`UPDATE attempts SET state = 'running'`,
		`UPDATE runs SET attempt = 0`,
		`UPDATE runs SET lease_epoch = 0`,
		`INSERT INTO transitions (run_id, seq, attempt, try_no, from_state, to_state) VALUES (1, 0, 1, 0, 'PENDING', 'QUEUED')`,
		`INSERT INTO transitions (run_id, seq, attempt, try_no, from_state, to_state) VALUES (1, 1, 1, 0, 'PENDING', 'ERROR')`,
		`INSERT INTO transitions (run_id, seq, attempt, try_no, from_state, to_state) VALUES (1, 1, 1, 0, NULL, 'QUEUED')`,
		`INSERT INTO attempts (run_id, attempt, state, jobs_total) VALUES (7, 1, 'PENDING', 0)`,
		`INSERT INTO attempts (run_id, attempt, state, jobs_total, hash) VALUES (1, 2, 'PENDING', 0, 'none')`,
		`INSERT INTO requests (run_id, req_no, kind) VALUES (7, 1, 'cancel_run')`,
		`INSERT INTO overrides (run_id, override_no, attempt) VALUES (7, 1, 1)`,
	} {
		if err := s.change(t.Context(), "test", func(x *tx) error { return x.exec(bad) }); fault.CodeOf(err) != fault.Internal {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	if l, err := s.Acquire(t.Context(), 1, store.Owner{}, 0, func(store.Owner) bool { return true }); err != nil || l.Epoch != 2 {
		t.Errorf("got %v, %v", l, err)
	}
}

// TestCallsThatComeMeanwhileShareTheCommit has calls come while the first one runs: they
// run before it is committed, and one of them that fails does so alone.
func TestCallsThatComeMeanwhileShareTheCommit(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "runs.db"), Config{})
	l := newBenchRun(t, s)
	started, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	appendThen := func(then func() error) {
		err := s.change(t.Context(), "test", func(x *tx) error {
			if _, err := x.append(l, batch(3), summarise(batch(3))); err != nil {
				return err
			}
			return then()
		})
		if err != nil {
			t.Error(err)
		}
	}
	wg.Go(func() {
		appendThen(func() error {
			once.Do(func() { close(started) })
			<-free
			return nil
		})
	})
	<-started
	seen := make(chan int64, 2) // what others could see when each ran
	wg.Go(func() {
		appendThen(func() error {
			r, err := s.Run(context.Background(), l.Run)
			seen <- r.Seq
			return err
		})
	})
	waitQueued(t, s, 1)
	wg.Go(func() {
		_, err := s.AddAttempt(t.Context(), store.Lease{Run: l.Run, Epoch: 99}, store.NewAttempt{})
		if fault.CodeOf(err) != fault.Locked {
			t.Errorf("got %v", err)
		}
	})
	waitQueued(t, s, 2)
	close(free)
	wg.Wait()
	if first := <-seen; first != 0 {
		t.Errorf("others saw %d transitions while the second call ran, want none", first)
	}
	if r, err := s.Run(t.Context(), l.Run); err != nil || r.Seq != 6 {
		t.Errorf("got %d, %v", r.Seq, err)
	}
}
