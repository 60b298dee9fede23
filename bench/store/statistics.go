package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
)

// uncounted is how many of the newest runs are in no tally yet in the last question.
const uncounted = 100

// statistics measures what is asked of the statistics of one application with a long
// history: runs of 20 jobs, an hour apart, one of seventy failed.
func (s *suite) statistics() error {
	if s.wants("statistics sqlite") {
		path := filepath.Join(s.dir, "statistics.db")
		err := s.measureStatistics("SQLite", path, func(fill func(execute) error) error { return fillSQLite(path, fill) })
		if err != nil {
			return err
		}
		_ = os.Remove(path)
	}
	if !s.wants("statistics postgres") {
		return nil
	}
	return withPostgres(func(dsn string, exec execute) error {
		return s.measureStatistics("PostgreSQL", dsn, func(fill func(execute) error) error { return fillPostgres(exec, fill) })
	}, "shared_buffers=256MB", "max_wal_size=4GB", "wal_level=minimal", "max_wal_senders=0", "synchronous_commit=off")
}

func (s *suite) measureStatistics(name, dsn string, filling func(func(execute) error) error) error {
	if err := withStore(dsn, "", func(*sqlstore.Store) error { return nil }); err != nil { // makes the schema
		return err
	}
	if err := filling(s.fillRuns); err != nil {
		return err
	}
	if err := withStore(dsn, "", func(st *sqlstore.Store) error {
		began := time.Now()
		counted, err := history.Count(context.Background(), st)
		if err != nil {
			return err
		}
		took := time.Since(began)
		fmt.Printf("%s, %d runs of nightly with %d jobs each, an hour apart; counted in %v, %v each.\n\n| ms | median | slowest | CPU here, median |\n| --- | --- | --- | --- |\n",
			name, counted, jobs, took.Round(time.Millisecond), (took / time.Duration(max(counted, 1))).Round(time.Microsecond))
		return s.askStatistics(dsn, st)
	}); err != nil {
		return err
	}
	err := filling(func(exec execute) error {
		return exec(fmt.Sprintf("INSERT INTO uncounted (run_id, attempt) SELECT id, 1 FROM runs WHERE id > %d", s.runs-uncounted))
	})
	if err != nil {
		return err
	}
	return withStore(dsn, "", func(st *sqlstore.Store) error {
		return s.show(fmt.Sprintf("all, by month, and %d runs that are not counted yet", uncounted), asking(st, history.Question{By: stats.ByMonth}))
	})
}

// asking returns what asks a question about the application.
func asking(st *sqlstore.Store, q history.Question) func() error {
	q.Application = "nightly"
	return func() error {
		_, err := history.Ask(context.Background(), st, q)
		return err
	}
}

// show prints how long something takes, and the processor time of this program for it.
func (s *suite) show(what string, do func() error) error {
	var cpu []time.Duration
	took, err := s.repeat(func() error {
		before := usedCPU()
		err := do()
		cpu = append(cpu, usedCPU()-before)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(cpu)
	fmt.Printf("| %s %s %.1f |\n", what, cells(took), cpu[len(cpu)/2].Seconds()*1e3)
	return nil
}

func usedCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // there is no such error
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (s *suite) askStatistics(dsn string, st *sqlstore.Store) error {
	month := time.Now().AddDate(0, 0, -30)
	ask := func(q history.Question) func() error { return asking(st, q) }
	for _, q := range []struct {
		what string
		do   func() error
	}{
		{"the last 30 days, by day", ask(history.Question{Since: month, By: stats.ByDay})},
		{"a year, by week", ask(history.Question{Since: time.Now().AddDate(-1, 0, 0), By: stats.ByWeek})},
		{"all, by month", ask(history.Question{By: stats.ByMonth})},
		{"all, by day", ask(history.Question{By: stats.ByDay})},
		{"all of one job, by day", ask(history.Question{By: stats.ByDay, Job: "load_customers_7"})},
		{"all, without a trend", ask(history.Question{})},
		{"what is usual", func() error {
			_, err := history.UsualOf(context.Background(), st, "nightly", "load_customers_7", time.Now())
			return err
		}},
		{"the command `stats nightly`", func() error { return s.say(dsn, "stats", "nightly") }},
		{"the command `stats nightly --since all --by month`", func() error { return s.say(dsn, "stats", "nightly", "--since", "all", "--by", "month") }},
	} {
		if err := s.show(q.what, q.do); err != nil {
			return err
		}
	}
	return nil
}

// say runs the program and leaves out what it says.
func (s *suite) say(dsn string, argv ...string) error {
	out, err := s.ask(dsn, argv...)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return nil
}

// fillRuns makes runs, each job of which takes from 1 to 31 seconds, as if by chance.
func (s *suite) fillRuns(exec execute) error {
	began := time.Now().Add(-time.Duration(s.runs) * time.Hour).UnixMicro()
	for from := 1; from <= s.runs; from += chunk {
		n := fmt.Sprintf("WITH RECURSIVE n (i) AS (SELECT CAST(%d AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < %d), "+
			"j (j) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT j + 1 FROM j WHERE j < %d), "+
			"k (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM k WHERE k < 2) ", from, min(from+chunk-1, s.runs), jobs-1)
		start := fmt.Sprintf("(%d + i * 3600000000)", began)
		const state = "CASE WHEN i % 70 = 7 THEN 'FAILED' ELSE 'SUCCESS' END"
		const last = "CASE WHEN i % 70 = 7 AND j = 18 THEN 'FAILED' ELSE 'SUCCESS' END"
		err := exec(
			n+"INSERT INTO runs (id, application, submitted_at_us, attempt, state, seq, lease_epoch) SELECT i, 'nightly', "+start+", 1, "+
				state+fmt.Sprintf(", %d, 1 FROM n", 3*jobs),
			n+"INSERT INTO attempts (run_id, attempt, state, created_at_us, started_at_us, ended_at_us, jobs_total) SELECT i, 1, "+state+
				fmt.Sprintf(", %s, %s, %s + 600000000 + i * 7919 %% 60000000, %d FROM n", start, start, start, jobs),
			n+"INSERT INTO transitions (run_id, seq, attempt, job, try_no, from_state, to_state, at_us, exit_code, cpu_us, max_rss) "+
				"SELECT i, 3 * j + k + 1, 1, 'load_customers_' || j, 1, "+
				"CASE k WHEN 0 THEN 'PENDING' WHEN 1 THEN 'QUEUED' ELSE 'RUNNING' END, CASE k WHEN 0 THEN 'QUEUED' WHEN 1 THEN 'RUNNING' ELSE "+last+" END, "+
				start+" + j * 31000000 + CASE k WHEN 0 THEN 0 WHEN 1 THEN i % 5000 ELSE 1000000 + (i * 7919 + j * 104729) * 31 % 30000000 END, "+
				"CASE k WHEN 2 THEN 0 END, CASE k WHEN 2 THEN 1000 END, CASE k WHEN 2 THEN 5000000 END FROM n, j, k",
			fmt.Sprintf("INSERT INTO uncounted (run_id, attempt) SELECT id, 1 FROM runs WHERE id >= %d", from),
		)
		if err != nil {
			return err
		}
	}
	return nil
}
