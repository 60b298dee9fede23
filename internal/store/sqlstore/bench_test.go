package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// batch returns n transitions as an engine makes them: a job ends, the next is
// queued and started.
func batch(n int) []run.Transition {
	ts := make([]run.Transition, n)
	at := time.UnixMicro(1_769_860_800_000_000).UTC()
	for i := range ts {
		t := run.Transition{Attempt: 1, Job: run.JobID(fmt.Sprintf("load_customers_%d", i)), Try: 1, At: at}
		switch i % 3 {
		case 0:
			t.From, t.To, t.Reason = run.Running, run.Success, run.Exited
			t.Outcome = &run.Outcome{State: run.Success, Reason: run.Exited, CPU: 5000, MaxRSS: 1 << 22, Output: 1000}
		case 1:
			t.From, t.To, t.Reason = run.Pending, run.Queued, run.DependenciesMet
		default:
			t.From, t.To, t.Reason = run.Queued, run.Running, run.Started
		}
		ts[i] = t
	}
	return ts
}

func newBenchRun(b testing.TB, s *Store) store.Lease {
	b.Helper()
	l, err := s.CreateRun(context.Background(), store.NewRun{
		Application: "bench", File: "/srv/workflows/bench.json", WorkingDir: "/srv/workflows",
		Hash: "h", Workflow: []byte("w"), At: time.Now(), Attempt: store.NewAttempt{Jobs: 1000},
	}, store.Owner{Host: "host", BootID: "boot", PID: 1}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAppend(b *testing.B) {
	for _, d := range []Durability{Process, Full} {
		for _, n := range []int{3, 30, 300} {
			b.Run(fmt.Sprintf("%s/%d", d, n), func(b *testing.B) {
				s := openTest(b, filepath.Join(b.TempDir(), "runs.db"), Config{Durability: d})
				l, ts := newBenchRun(b, s), batch(n)
				b.ReportAllocs()
				b.ResetTimer()
				cpu := cpuTime()
				for b.Loop() {
					if _, err := s.Append(context.Background(), l, ts); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N*n), "cpu-ns/transition")
				b.ReportMetric(float64(b.Elapsed())/float64(b.N*n), "ns/transition")
			})
		}
	}
}

// BenchmarkPostgres has no disk to wait for: what is measured is what we and the server do.
func BenchmarkPostgres(b *testing.B) {
	s := openPostgresTest(b, Config{})
	l := newBenchRun(b, s)
	for _, n := range []int{3, 30, 300} {
		b.Run(fmt.Sprintf("append/%d", n), func(b *testing.B) {
			ts := batch(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Append(context.Background(), l, ts); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N*n), "ns/transition")
		})
	}
	b.Run("append shared/3", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			l, ts := newBenchRun(b, s), batch(3)
			for pb.Next() {
				if _, err := s.Append(context.Background(), l, ts); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.Elapsed())/float64(b.N*3), "ns/transition")
	})
	b.Run("read run", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Run(context.Background(), l.Run); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("renew", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Renew(context.Background(), l, time.Hour); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create run", func(b *testing.B) {
		for b.Loop() {
			newBenchRun(b, s)
		}
	})
	b.Run("open", func(b *testing.B) {
		dsn := servers.Cluster(b).Schema(b)
		for b.Loop() {
			s, err := Open(context.Background(), dsn, Config{})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAppendShared has 16 engines that append to runs of their own.
func BenchmarkAppendShared(b *testing.B) {
	const n = 3
	s := openTest(b, filepath.Join(b.TempDir(), "runs.db"), Config{})
	b.SetParallelism(8)
	cpu := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		l, ts := newBenchRun(b, s), batch(n)
		for pb.Next() {
			if _, err := s.Append(context.Background(), l, ts); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N*n), "cpu-ns/transition")
	b.ReportMetric(float64(b.Elapsed())/float64(b.N*n), "ns/transition")
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "runs.db")
	newBenchRun(b, openTest(b, path, Config{}))
	openOnce := func(b *testing.B, path string) {
		s, err := OpenSQLite(context.Background(), path, Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.Run("existing", func(b *testing.B) {
		for b.Loop() {
			openOnce(b, path)
		}
	})
	b.Run("new", func(b *testing.B) {
		dir := b.TempDir()
		for i := range b.N {
			openOnce(b, filepath.Join(dir, fmt.Sprint(i)))
		}
	})
	b.Run("existing and close", func(b *testing.B) {
		for b.Loop() {
			s, err := OpenSQLite(context.Background(), path, Config{})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// manyRuns fills a database with n runs: of 10 applications, 1 in 100 failed, the
// last 3 running, one per minute.
func manyRuns(b testing.TB, n int) *Store {
	b.Helper()
	s := openTest(b, filepath.Join(b.TempDir(), "runs.db"), Config{})
	start := time.UnixMicro(1_700_000_000_000_000)
	err := s.change(context.Background(), "fill", func(t *tx) error {
		for i := range n {
			at := start.Add(time.Duration(i) * time.Minute)
			id, err := t.createRun(store.NewRun{
				Application: fmt.Sprintf("application_%d", i%10), File: "/srv/workflows/nightly_load.json",
				WorkingDir: "/srv/workflows/nightly", Hash: "h", Workflow: []byte("w"), At: at,
				Attempt: store.NewAttempt{Options: []byte(`{"workers":4}`), Jobs: 50},
			}, store.Owner{Host: "host", PID: i}, at)
			if err != nil {
				return err
			}
			to := run.Success
			if i%100 == 50 {
				to = run.Failed
			}
			if i >= n-3 {
				to = run.Running
			}
			if err := t.move(id, &run.Transition{Attempt: 1, To: to, At: at}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// listings are the filters that people use, and some that are hard to answer.
func listings() []struct {
	name string
	f    store.Filter
} {
	day := func(n int) time.Time { return time.UnixMicro(1_700_000_000_000_000).AddDate(0, 0, n) } // 69 days in all
	return []struct {
		name string
		f    store.Filter
	}{
		{"all", store.Filter{Limit: 100}},
		{"page in the middle", store.Filter{Limit: 100, Before: 50000}},
		{"failed", store.Filter{Limit: 100, States: []run.State{run.Failed, run.Timeout}}},
		{"running", store.Filter{Limit: 100, States: []run.State{run.Pending, run.Queued, run.Running}}},
		{"not succeeded", store.Filter{Limit: 100, NotStates: []run.State{run.Success}}},
		{"not running", store.Filter{Limit: 100, NotStates: []run.State{run.Running}}},
		{"application", store.Filter{Limit: 100, Application: "application_3"}},
		{"no such application", store.Filter{Limit: 100, Application: "none"}},
		{"application failed", store.Filter{Limit: 100, Application: "application_0", States: []run.State{run.Failed}}},
		{"last day", store.Filter{Limit: 100, Since: day(68)}},
		{"last day failed", store.Filter{Limit: 100, Since: day(68), States: []run.State{run.Failed}}},
		{"last month", store.Filter{Limit: 100, Since: day(40)}},
		{"last month, rare", store.Filter{Limit: 100, Since: day(40), Application: "application_0", States: []run.State{run.Timeout}}},
		{"first month", store.Filter{Limit: 100, Until: day(30)}},
		{"first month failed", store.Filter{Limit: 100, Until: day(30), States: []run.State{run.Failed}}},
		{"first month of an application", store.Filter{Limit: 100, Until: day(30), Application: "application_3"}},
	}
}

func BenchmarkRuns(b *testing.B) {
	s := manyRuns(b, 100_000)
	for _, c := range listings() {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Runs(context.Background(), c.f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
