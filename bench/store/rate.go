package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
)

// rate is how fast transitions were recorded.
type rate struct {
	perSecond   float64
	median, p99 time.Duration // from the call to the end of its commit
}

// rates measures each database with one run and with several.
func (s *suite) rates() error {
	if !s.wants("rate") {
		return nil
	}
	fmt.Println("| 3 transitions in a call | runs | transitions/s | a commit, median | 99 % |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	if err := s.lines("memory", memstore.New()); err != nil {
		return err
	}
	for _, d := range []sqlstore.Durability{sqlstore.Process, sqlstore.Full} {
		err := withStore(filepath.Join(s.dir, string(d)+".db"), d, func(st *sqlstore.Store) error {
			return s.lines("SQLite, "+string(d), st)
		})
		if err != nil {
			return err
		}
	}
	for _, fsync := range []string{"off", "on"} {
		err := withPostgres(func(dsn string, _ execute) error {
			return withStore(dsn, "", func(st *sqlstore.Store) error { return s.lines("PostgreSQL, fsync "+fsync, st) })
		}, "fsync="+fsync)
		if err != nil {
			return err
		}
	}
	fmt.Println()
	return s.groups()
}

// lines prints how fast a store is with one run and with several.
func (s *suite) lines(name string, st store.Store) error {
	for _, runs := range []int{1, 16} {
		r, err := s.record(st, runs, 3)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %d | %.0f | %v | %v |\n", name, runs, r.perSecond, round(r.median), round(r.p99))
	}
	return nil
}

// groups prints what it brings to share a commit where each is a flush of the disk.
func (s *suite) groups() error {
	fmt.Println("| SQLite, full | transitions/s | a commit, median | of the first |")
	fmt.Println("| --- | --- | --- | --- |")
	return withStore(filepath.Join(s.dir, "groups.db"), sqlstore.Full, func(st *sqlstore.Store) error {
		var single float64
		for _, c := range []struct {
			name        string
			runs, batch int
		}{
			{"one run, each transition in a commit of its own", 1, 1},
			{"16 runs, one transition in a call", 16, 1},
			{"64 runs, one transition in a call", 64, 1},
			{"one run, 64 transitions in a call", 1, 64},
		} {
			r, err := s.record(st, c.runs, c.batch)
			if err != nil {
				return err
			}
			if single == 0 {
				single = r.perSecond
			}
			fmt.Printf("| %s | %.0f | %v | %.1f × |\n", c.name, r.perSecond, round(r.median), r.perSecond/single)
		}
		fmt.Println()
		return nil
	})
}

// record has so many runs record batches at the same time.
func (s *suite) record(st store.Store, runs, batch int) (rate, error) {
	var mu sync.Mutex // guards all and failed
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	for range runs {
		wg.Go(func() {
			took, err := recordOne(st, batch, began.Add(s.each))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	wall := time.Since(began)
	if failed != nil {
		return rate{}, failed
	}
	slices.Sort(all)
	return rate{
		perSecond: float64(len(all)*batch) / wall.Seconds(), median: all[len(all)/2], p99: all[len(all)*99/100],
	}, nil
}

// recordOne has one run record batches until it is time, and returns how long each took.
func recordOne(st store.Store, batch int, until time.Time) (took []time.Duration, err error) {
	ctx := context.Background()
	l, err := st.CreateRun(ctx, store.NewRun{
		Application: "bench", WorkingDir: "/srv/workflows", Hash: "h", Workflow: []byte("w"), At: time.Now(),
		Attempt: store.NewAttempt{Jobs: 1000},
	}, store.Owner{Host: "bench"}, time.Hour)
	if err != nil {
		return nil, err
	}
	ts := transitions(batch)
	for time.Now().Before(until) {
		began := time.Now()
		if _, err := st.Append(ctx, l, ts); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// transitions are n as an engine makes them: a job ends, the next is queued and started.
func transitions(n int) []run.Transition {
	ts := make([]run.Transition, n)
	for i := range ts {
		t := run.Transition{Attempt: 1, Job: run.JobID(fmt.Sprintf("load_customers_%d", i)), Try: 1, At: time.Now()}
		switch i % 3 {
		case 0:
			t.From, t.To, t.Reason = run.Running, run.Success, run.Exited
			t.Outcome = &run.Outcome{State: run.Success, Reason: run.Exited, CPU: 5 * time.Millisecond, MaxRSS: 1 << 22, Output: 1000}
		case 1:
			t.From, t.To, t.Reason = run.Pending, run.Queued, run.DependenciesMet
		default:
			t.From, t.To, t.Reason = run.Queued, run.Running, run.Started
		}
		ts[i] = t
	}
	return ts
}

// round leaves three digits of a duration or so.
func round(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Microsecond:
		return d.Round(10 * time.Nanosecond)
	case d < time.Millisecond:
		return d.Round(time.Microsecond)
	default:
		return d.Round(10 * time.Microsecond)
	}
}
