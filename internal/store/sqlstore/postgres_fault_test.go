package sqlstore

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

var (
	kills = flag.Int("kills", 8, "how often the server is killed under load")
	cuts  = flag.Int("cuts", 20, "how many commits are cut")
)

// overWire returns the address of an empty schema through a wire.
func overWire(t *testing.T, decide func(string) cut) (w *wire, dsn string) {
	t.Helper()
	c := servers.Cluster(t)
	w, dir := newWire(t, c, decide)
	dsn = c.Schema(t)
	_, search, _ := strings.Cut(dsn, "&")
	w.direct = dsn
	return w, pgtest.Address(dir, "postgres", "", "tests") + "&" + search
}

// The wire is cut in each way around each commit: all is recorded once, and told so.
func TestPostgresCutCommits(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]cut{"before": before, "after": after, "during": during} {
		t.Run(name, func(t *testing.T) {
			var on atomic.Bool
			var commits, done atomic.Int64
			_, dsn := overWire(t, func(statement string) cut {
				// Every other commit, so that each that was cut is looked up on a line that holds.
				if !on.Load() || statement != "COMMIT" || commits.Add(1)%2 == 0 {
					return pass
				}
				done.Add(1)
				return what
			})
			s := openDSN(t, dsn, Config{})
			l := startLoad(t, s, 5)
			o := &others{s: s}
			on.Store(true)
			for i := 0; done.Load() < int64(*cuts); i++ {
				o.step(t, i)
			}
			on.Store(false)
			l.check(t)
			o.check(t)
		})
	}
}

// Connections are cut anywhere, at random.
func TestPostgresCutAnywhere(t *testing.T) {
	t.Parallel()
	w, dsn := overWire(t, func(string) cut { return pass })
	s := openDSN(t, dsn, Config{})
	l := startLoad(t, s, 5)
	o := &others{s: s}
	for i := range 10 {
		o.step(t, i)
		w.cutAll(false)
		l.wait(t, 3)
	}
	l.check(t)
	o.check(t)
}

func TestPostgresTerminated(t *testing.T) {
	t.Parallel()
	c := servers.Cluster(t)
	s := openDSN(t, c.Schema(t)+"&application_name=terminated", Config{})
	l := startLoad(t, s, 5)
	o := &others{s: s}
	for i := range 10 {
		if err := c.Exec("postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'terminated'`); err != nil {
			t.Fatal(err)
		}
		o.step(t, i)
		l.wait(t, 3)
	}
	l.check(t)
	o.check(t)
}

// TestPostgresDies has a server of its own, which dies and hangs.
func TestPostgresDies(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	t.Run("taken over", func(t *testing.T) { testTakenOver(t, c) })
	t.Run("killed", func(t *testing.T) { testKilled(t, c) })
	t.Run("frozen", func(t *testing.T) { testFrozen(t, c) })
}

// testTakenOver has another server take the place of the first.
func testTakenOver(t *testing.T, second *pgtest.Cluster) {
	first := servers.Cluster(t)
	database := first.Name("pair")
	for _, c := range []*pgtest.Cluster{first, second} {
		if err := openDSN(t, c.DSN(t, database), Config{}).Close(); err != nil {
			t.Fatal(err)
		}
	}
	readOnly := func(c *pgtest.Cluster, on string) {
		t.Helper()
		if err := c.Exec("postgres", "ALTER DATABASE "+database+" SET default_transaction_read_only = "+on,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+database+"'"); err != nil {
			t.Fatal(err)
		}
	}
	readOnly(second, "on")
	s := openDSN(t, pgtest.Address(second.SocketDir()+","+first.SocketDir(), "postgres", "", database), Config{})
	newBenchRun(t, s)
	readOnly(first, "on")
	readOnly(second, "off")
	newBenchRun(t, s)
	newBenchRun(t, s)
	for c, want := range map[*pgtest.Cluster]int{first: 1, second: 2} {
		if n := valueAt[int](t, c.DSN(t, database), "SELECT COUNT(*) FROM runs"); n != want {
			t.Errorf("%d runs, want %d", n, want)
		}
	}
}

// testKilled has the server die under load; -kills=50 is the long form.
func testKilled(t *testing.T, c *pgtest.Cluster) {
	s := openDSN(t, c.DSN(t, "killed"), Config{})
	l := startLoad(t, s, 8)
	o := &others{s: s}
	for i := range *kills {
		l.wait(t, 20+rand.Int64N(30))
		if err := c.Kill9(); err != nil {
			t.Fatal(err)
		}
		if err := c.Restart(); err != nil {
			t.Fatal(err)
		}
		o.step(t, i)
	}
	l.check(t)
	o.check(t)
}

// A server that hangs is waited for as long as is asked, and no longer. What was
// being recorded is not lost, nor recorded twice by an engine that tries again.
func testFrozen(t *testing.T, c *pgtest.Cluster) {
	calm := openDSN(t, c.DSN(t, "frozen"), Config{})
	s := openDSN(t, c.DSN(t, "frozen"), Config{Patience: 300 * time.Millisecond})
	s.d.timeout = 200 * time.Millisecond // before the writers begin anything
	l := startLoadOn(t, calm, s, 5)
	l.wait(t, 20)
	thaw, err := c.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateRun(t.Context(), store.NewRun{}, store.Owner{}, time.Hour)
	if fault.CodeOf(err) != fault.Unavailable || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if _, err := s.Run(t.Context(), l.engines[0].lease.Run); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	_, err = Open(t.Context(), c.DSN(t, "frozen")+"&connect_timeout=1", Config{})
	refused(t, err, "the database server can't be reached")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := s.Run(ctx, l.engines[0].lease.Run); fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("got %v", err)
	}
	if err := thaw(); err != nil {
		t.Fatal(err)
	}
	l.wait(t, 20)
	l.check(t)
}

// An engine that slept too long does not write into a run that another one has taken over.
func TestPostgresFencedAfterSleep(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	old, young := openDSN(t, dsn, Config{}), openDSN(t, dsn, Config{})
	l := newBenchRun(t, old)
	if _, err := old.Append(t.Context(), l, batch(3)); err != nil {
		t.Fatal(err)
	}
	next, err := young.Acquire(t.Context(), l.Run, store.Owner{PID: 2}, time.Hour, func(store.Owner) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := young.Append(t.Context(), next, batch(6)); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Append(t.Context(), l, batch(3)); fault.CodeOf(err) != fault.Locked {
		t.Errorf("got %v", err)
	}
	if r, err := old.Run(t.Context(), l.Run); err != nil || r.Seq != 9 {
		t.Errorf("got %d, %v", r.Seq, err)
	}
}

// When nobody can find out in time whether an append took effect, the engine is told
// so, and tries again: what had been recorded is not recorded twice.
func TestPostgresUnknownAppends(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]cut{"took effect": after, "did not": before} {
		t.Run(name, func(t *testing.T) {
			var commits atomic.Int64 // until one is cut
			var w *wire
			w, dsn := overWire(t, func(statement string) cut {
				if statement == "COMMIT" && commits.Add(-1) == 0 {
					w.deaf.Store(true)
					return what
				}
				return pass
			})
			s := openDSN(t, dsn, Config{Patience: 50 * time.Millisecond})
			l := newBenchRun(t, s)
			other := store.Lease{}
			for other.Run%postgresWriters != l.Run%postgresWriters || other == (store.Lease{}) { // has the same writer
				other = newBenchRun(t, s)
			}
			first, second := batch(3), batch(3)
			second[0].At = second[0].At.Add(time.Second)
			started, free := blockRun(t, s, l.Run)
			<-started
			fails := func(l store.Lease, ts []run.Transition) func() {
				return func() {
					_, err := s.Append(context.Background(), l, ts)
					var f *fault.Error
					if !errors.As(err, &f) || f.Code != fault.Unavailable || !strings.Contains(f.Msg, "not known whether") || f.Hint == "" {
						t.Errorf("got %v", err)
					}
				}
			}
			var wg sync.WaitGroup
			for i, do := range []func(){fails(l, first), fails(l, second), fails(l, first), fails(other, first)} {
				wg.Go(do) // all in one transaction
				waitQueuedIn(t, s.writers[l.Run%postgresWriters], i+1)
			}
			commits.Store(1)
			close(free)
			wg.Wait()

			if _, err := s.Append(t.Context(), l, first); fault.CodeOf(err) != fault.Unavailable { // it is still away
				t.Errorf("got %v", err)
			}
			w.deaf.Store(false)
			// Two that say the same are two, also when they come together.
			started, free = blockRun(t, s, l.Run)
			<-started
			lasts := make(chan int64, 2)
			for i := range 2 {
				wg.Go(func() {
					last, err := s.Append(context.Background(), l, first)
					if err != nil {
						t.Error(err)
					}
					lasts <- last
				})
				waitQueuedIn(t, s.writers[l.Run%postgresWriters], i+1)
			}
			close(free)
			wg.Wait()
			got := []int64{<-lasts, <-lasts}
			slices.Sort(got)
			if want := map[cut][]int64{after: {3, 9}, before: {3, 6}}[what]; !slices.Equal(got, want) {
				t.Errorf("the same twice: got %v, want %v", got, want)
			}
			for i, c := range []struct {
				l    store.Lease
				ts   []run.Transition
				want int64
			}{
				{l, second, map[cut]int64{after: 6, before: 9}[what]},
				{other, first, 3},
				{l, second, 12}, // as if it were new: nobody waits for an answer any more
			} {
				if last, err := s.Append(t.Context(), c.l, c.ts); err != nil || last != c.want {
					t.Errorf("append %d: got %d, %v; want %d", i, last, err, c.want)
				}
			}
			for id, want := range map[run.ID]int{l.Run: 12, other.Run: 3} {
				ts, err := s.Transitions(t.Context(), id, 0, 0)
				if err != nil || len(ts) != want {
					t.Errorf("run %d has %d transitions, %v; want %d", id, len(ts), err, want)
				}
			}
			if n := len(s.writers[l.Run%postgresWriters].tx.doubts); n != 0 {
				t.Errorf("%d doubts are left", n)
			}
		})
	}
}

// What another engine recorded after it had taken the run over is not taken for ours.
func TestPostgresUnknownAppendsTakenOver(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]cut{"took effect": after, "did not": before} {
		t.Run(name, func(t *testing.T) {
			var armed atomic.Bool
			var w *wire
			w, dsn := overWire(t, func(statement string) cut {
				if statement == "COMMIT" && armed.CompareAndSwap(true, false) {
					w.deaf.Store(true)
					return what
				}
				return pass
			})
			s, young := openDSN(t, dsn, Config{}), openDSN(t, w.direct, Config{})
			l := newBenchRun(t, s)
			armed.Store(true)
			done := make(chan error, 1)
			go func() { _, err := s.Append(context.Background(), l, batch(3)); done <- err }()
			for !w.deaf.Load() {
				time.Sleep(time.Millisecond)
			}
			next, err := young.Acquire(t.Context(), l.Run, store.Owner{PID: 2}, time.Hour, func(store.Owner) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			theirs := batch(6)
			for i := range theirs {
				theirs[i].Job = "theirs"
			}
			if _, err := young.Append(t.Context(), next, theirs); err != nil {
				t.Fatal(err)
			}
			w.deaf.Store(false)
			want := map[cut]fault.Code{after: "", before: fault.Locked}[what]
			if err := <-done; fault.CodeOf(err) != want {
				t.Errorf("got %v, want code %q", err, want)
			}
		})
	}
}

// A store that is closed while the server is away does not wait for it.
func TestPostgresClosedWhileAway(t *testing.T) {
	t.Parallel()
	w, dsn := overWire(t, func(string) cut { return pass })
	s := openDSN(t, dsn, Config{Patience: time.Hour})
	l := newBenchRun(t, s)
	w.deaf.Store(true)
	w.cutAll(false)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := s.Append(ctx, l, batch(3)); fault.CodeOf(err) != fault.Cancelled {
			t.Errorf("got %v", err)
		}
	})
	w.waitRefused(t, 2)
	cancel()
	wg.Wait()
	wg.Go(func() {
		if _, err := s.Append(context.Background(), l, batch(3)); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("got %v", err)
		}
	})
	w.waitRefused(t, 2)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
