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
