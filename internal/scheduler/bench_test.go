package scheduler

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/store/sqlstore"
)

// many registers n schedules in workflows of ten, each with times of its own.
func (s *site) many(n int, cron func(i int) string) {
	for i := range n / 10 {
		all := make([]string, 10)
		for j := range all {
			all[j] = fmt.Sprintf(`name: s%d, cron: "%s", overlap: allow`, j, cron(i*10+j))
		}
		s.register(fmt.Sprintf("w%d", i), all...)
	}
}

// BenchmarkIdle says how much of a processor a service takes that has 10,000 schedules and
// nothing to do, as the time of its looks at the database. Run it with -benchtime 1x.
func BenchmarkIdle(b *testing.B) {
	st, err := sqlstore.Open(b.Context(), filepath.Join(b.TempDir(), "runs.db"), sqlstore.Config{Durability: "full"})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	s := &site{TB: b, st: st, wall: time.Now()}
	s.many(10_000, func(int) string { return "30 3 1 1 *" })
	p := New(Config{Store: &wire{Store: st, left: -1}, Runs: &wire{Store: st, left: -1}, Load: s.load})
	p.step()
	each := func(n int, do func()) time.Duration {
		begun := time.Now()
		for range n {
			do()
		}
		return time.Since(begun) / time.Duration(n)
	}
	for b.Loop() {
		sweep := each(200, func() { p.sweep(b.Context(), time.Now(), true) })
		refresh := each(20, func() { p.refresh(b.Context(), time.Now()) })
		b.ReportMetric(float64(sweep.Microseconds()), "µs-sweep")
		b.ReportMetric(float64(refresh.Microseconds()), "µs-refresh")
		b.ReportMetric(100*(float64(sweep)/float64(sweepEvery)+float64(refresh)/float64(refreshEvery)), "%cpu")
	}
}

func used() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLateness has 10,000 schedules that fire every ten minutes, and says how late their runs
// were recorded. Run it with -benchtime 1x: it takes a minute.
func BenchmarkLateness(b *testing.B) {
	st, err := sqlstore.Open(b.Context(), filepath.Join(b.TempDir(), "runs.db"), sqlstore.Config{Durability: "full"})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	s := &site{TB: b, st: st, wall: time.Now()}
	s.many(10_000, func(i int) string { return fmt.Sprintf("%d %d-59/10 * * * *", i%60, i/60%10) })
	var mu sync.Mutex
	var late []time.Duration
	w := &wire{Store: st, left: -1, tell: func(key string) {
		at, err := time.Parse(time.RFC3339Nano, key[strings.LastIndex(key, "@")+1:])
		if err != nil {
			b.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		late = append(late, time.Since(at))
	}}
	p := New(Config{Store: w, Runs: w, Load: s.load})
	p.step()
	p.going.Wait()
	p.Start()
	defer p.Close()
	for b.Loop() {
		time.Sleep(3 * time.Second) // in which it makes up for what came while it began
		mu.Lock()
		late = nil
		mu.Unlock()
		cpu := used()
		time.Sleep(time.Minute)
		mu.Lock()
		slices.Sort(late)
		b.ReportMetric(float64(len(late)), "times")
		b.ReportMetric(float64(late[len(late)/2].Milliseconds()), "ms-p50")
		b.ReportMetric(float64(late[len(late)*99/100].Milliseconds()), "ms-p99")
		b.ReportMetric(float64(late[len(late)-1].Milliseconds()), "ms-max")
		b.ReportMetric(float64((used()-cpu).Microseconds())/float64(len(late)), "µs-cpu/time")
		late = nil
		mu.Unlock()
	}
}
