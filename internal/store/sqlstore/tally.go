package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	listUncounted   = `INSERT INTO uncounted (run_id, attempt) VALUES (?, ?) ON CONFLICT (run_id, attempt) DO NOTHING`
	selectUncounted = `SELECT u.run_id, u.attempt FROM uncounted u ORDER BY u.run_id, u.attempt LIMIT ?`
	uncountedOf     = `SELECT u.run_id, u.attempt FROM uncounted u WHERE u.run_id = ? ORDER BY u.attempt`
	dropUncounted   = `DELETE FROM uncounted WHERE run_id = ? AND attempt = ?`

	selectApplication = `SELECT application FROM runs WHERE id = ?`
	selectSteps       = `SELECT attempt, job, from_state, to_state, reason, at_us, cpu_us, max_rss, out_ended_us FROM transitions
		WHERE run_id = ? AND job IS NOT NULL ORDER BY seq`

	selectTally  = `SELECT body FROM tallies WHERE series = ? AND period = ?`
	insertSeries = `INSERT INTO tally_series (series, application, job) VALUES (?, ?, ?) ON CONFLICT (series) DO NOTHING`
	insertTally  = `INSERT INTO tallies (series, period, body) VALUES (?, ?, ?)`
	updateTally  = `UPDATE tallies SET body = ? WHERE series = ? AND period = ?`

	pruneTallies = `DELETE FROM tallies WHERE period >= ? AND period < ?`
	pruneSeries  = `DELETE FROM tally_series WHERE NOT EXISTS (SELECT 1 FROM tallies WHERE tallies.series = tally_series.series)`
)

// forgetTallies removes everything that is or would be counted.
var forgetTallies = [...]string{`DELETE FROM uncounted`, `DELETE FROM tallies`, `DELETE FROM tally_series`}

// ended is an attempt that is to be counted.
type ended struct {
	run     run.ID
	attempt int
}

func scanEnded(rows *sql.Rows) (e ended, err error) { return e, rows.Scan(&e.run, &e.attempt) }

// errCounted says that somebody else has counted an attempt meanwhile.
var errCounted = errors.New("it was counted meanwhile")

// CountEnded implements store.Tallies. What an attempt adds is found out before anything
// is written: it has ended, so that nothing changes about it any more.
func (s *Store) CountEnded(ctx context.Context, limit int) (int, error) {
	var all []ended
	var adds []store.Tally
	err := s.view(ctx, "count attempts", func(ctx context.Context, t *sql.Tx) (err error) {
		ask := askerOf(ctx, t)
		if all, err = list(ask, scanEnded, selectUncounted, limit); err != nil {
			return err
		}
		adds, err = talliesOf(ask, all)
		return err
	})
	if err != nil || len(all) == 0 {
		return 0, err
	}
	err = s.change(ctx, "count attempts", func(t *tx) error { return t.count(all, adds) })
	if errors.Is(err, errCounted) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return len(all), nil
}

// talliesOf returns what attempts add to the tallies: one for each series and period.
func talliesOf(ask asker, all []ended) ([]store.Tally, error) {
	var sum merger
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(e ended) bool { return e.run != all[0].run })
		if n < 0 {
			n = len(all)
		}
		added, err := talliesOfRun(ask, all[:n])
		if err != nil {
			return nil, err
		}
		if err := sum.add(added); err != nil {
			return nil, err
		}
		all = all[n:]
	}
	return sum.tallies(), nil
}

// talliesOfRun is talliesOf for attempts of one run.
func talliesOfRun(ask asker, some []ended) ([]store.Tally, error) {
	id := some[0].run
	applications, err := list(ask, oneText, selectApplication, id)
	if err != nil || len(applications) == 0 {
		return nil, err
	}
	attempts, err := list(ask, scanAttempt, selectAttempts, id)
	if err != nil {
		return nil, err
	}
	numbers := make([]int, len(some))
	for i := range some {
		numbers[i] = some[i].attempt
	}
	rows, err := ask(selectSteps, id)
	if err != nil {
		return nil, err
	}
	added := store.TalliesOf(applications[0], attempts, numbers, func(yield func(*run.Transition) bool) {
		for rows.Next() {
			var t run.Transition
			if t, err = scanStep(rows); err != nil || !yield(&t) {
				return
			}
		}
	})
	return added, errors.Join(err, rows.Err(), rows.Close())
}

// scanStep reads what is counted of a transition of a job.
func scanStep(rows *sql.Rows) (t run.Transition, err error) {
	var cpu, rss sql.NullInt64
	var ended time.Time
	err = rows.Scan(&t.Attempt, into(&t.Job), stateInto{&t.From}, stateInto{&t.To}, into(&t.Reason), timeInto{&t.At}, &cpu, &rss, timeInto{&ended})
	if cpu.Valid {
		t.Outcome = &run.Outcome{CPU: time.Duration(cpu.Int64) * time.Microsecond, MaxRSS: rss.Int64, Ended: ended}
	}
	return t, err
}

// merger adds up tallies of the same series and period.
type merger struct {
	sums map[tallyKey]*stats.Tally
}

type tallyKey struct {
	application string
	job         run.JobID
	period      stats.Period
}

func (m *merger) add(all []store.Tally) error {
	if m.sums == nil {
		m.sums = map[tallyKey]*stats.Tally{}
	}
	for i := range all {
		key := tallyKey{all[i].Application, all[i].Job, all[i].Period}
		sum := m.sums[key]
		if sum == nil {
			sum = new(stats.Tally)
			m.sums[key] = sum
		}
		if err := sum.MergeEncoded(all[i].Body); err != nil {
			return errTally(key.application, key.job, err)
		}
	}
	return nil
}

func errTally(application string, job run.JobID, err error) error {
	return fault.Wrap(err, fault.Internal, "the statistics of %s %s can't be read", application, job)
}

// tallies returns the sums, in any order.
func (m *merger) tallies() []store.Tally {
	all := make([]store.Tally, 0, len(m.sums))
	for k, sum := range m.sums {
		all = append(all, store.Tally{Application: k.application, Job: k.job, Period: k.period, Body: sum.Encode()})
	}
	return all
}

// count adds tallies, for attempts that must not be counted yet.
func (t *tx) count(all []ended, adds []store.Tally) error {
	if err := t.lockTallies(); err != nil {
		return err
	}
	for _, e := range all {
		switch n, err := t.execRows(dropUncounted, e.run, e.attempt); {
		case err != nil:
			return err
		case n == 0:
			return errCounted
		}
	}
	for i := range adds {
		if err := t.addTally(&adds[i]); err != nil {
			return err
		}
	}
	return nil
}

// lockTallies keeps others from changing tallies until the transaction ends.
func (t *tx) lockTallies() error {
	if t.d.lock == "" {
		return nil
	}
	if err := t.exec(newChore, store.ChoreCount); err != nil {
		return err
	}
	var one int
	_, err := t.row(`SELECT 1 FROM chores WHERE chore = ?`+t.d.lock, []any{store.ChoreCount}, &one)
	return err
}

// addTally adds to a tally, and makes it when there is none.
func (t *tx) addTally(add *store.Tally) error {
	series := seriesOf(add)
	var old []byte
	found, err := t.row(selectTally, []any{series, int64(add.Period)}, &old)
	if err != nil {
		return err
	}
	if !found {
		return t.newTally(series, add)
	}
	var sum stats.Tally
	if err := errors.Join(sum.MergeEncoded(old), sum.MergeEncoded(add.Body)); err != nil {
		return errTally(add.Application, add.Job, err)
	}
	return t.exec(updateTally, blob(sum.Encode()), series, int64(add.Period))
}

func (t *tx) newTally(series string, add *store.Tally) error {
	if err := t.exec(insertSeries, series, text(add.Application), text(add.Job)); err != nil {
		return err
	}
	return t.exec(insertTally, series, int64(add.Period), blob(add.Body))
}

// seriesOf returns what a tally's application and job are known by.
func seriesOf(t *store.Tally) string {
	const size = 16
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(t.Application), t.Application, t.Job))
	return hex.EncodeToString(sum[:size])
}

// countRun counts what is not counted yet of a run that is about to go.
func (t *tx) countRun(id run.ID) error {
	all, err := list(t.query, scanEnded, uncountedOf, id)
	if err != nil || len(all) == 0 {
		return err
	}
	if err := t.lockTallies(); err != nil {
		return err
	}
	if all, err = list(t.query, scanEnded, uncountedOf, id); err != nil || len(all) == 0 {
		return err
	}
	adds, err := talliesOf(t.query, all)
	if err != nil {
		return err
	}
	return t.count(all, adds)
}

// Tallies implements store.Tallies.
func (s *Store) Tallies(ctx context.Context, f store.TallyFilter) (all []store.Tally, err error) {
	err = s.view(ctx, "read statistics", func(ctx context.Context, t *sql.Tx) (err error) {
		ask := askerOf(ctx, t)
		all = nil
		for _, span := range f.Spans {
			q := tallyQuery(f, span)
			some, err := list(ask, scanTally, q.text.String(), q.args...)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		q := uncountedQuery(f)
		left, err := list(ask, scanEnded, q.text.String(), q.args...)
		if err != nil {
			return err
		}
		adds, err := talliesOf(ask, left)
		for i := range adds {
			if f.Selects(&adds[i]) {
				all = append(all, adds[i])
			}
		}
		return err
	})
	return all, err
}

func scanTally(rows *sql.Rows) (t store.Tally, err error) {
	return t, rows.Scan(into(&t.Application), into(&t.Job), &t.Period, &t.Body)
}

// tallyQuery reads the tallies of a span, series by series: with any other join, SQLite
// goes through all tallies.
func tallyQuery(f store.TallyFilter, span stats.Span) *query {
	q := new(query)
	q.add(`SELECT s.application, s.job, c.period, c.body FROM tally_series s CROSS JOIN tallies c
		WHERE c.series = s.series AND c.period >= ? AND c.period < ?`, int64(span.From), int64(span.To))
	if f.Application != "" {
		q.add(" AND s.application = ?", f.Application)
	}
	switch {
	case f.Job != "":
		q.add(" AND s.job = ?", string(f.Job))
	case !f.Jobs:
		q.add(" AND s.job IS NULL")
	}
	return q
}

// uncountedQuery goes through what is not counted, which is little, and not through the
// runs of an application.
func uncountedQuery(f store.TallyFilter) *query {
	q := new(query)
	q.add("SELECT u.run_id, u.attempt FROM uncounted u CROSS JOIN runs r WHERE r.id = u.run_id")
	if f.Application != "" {
		q.add(" AND r.application = ?", f.Application)
	}
	q.add(" ORDER BY u.run_id, u.attempt")
	return q
}

// SetTallies implements store.Tallies.
func (s *Store) SetTallies(ctx context.Context, all []store.Tally, anew bool) error {
	return s.change(ctx, "record statistics", func(t *tx) error {
		if err := t.lockTallies(); err != nil {
			return err
		}
		if anew {
			for _, q := range forgetTallies {
				if err := t.exec(q); err != nil {
					return err
				}
			}
		}
		for i := range all {
			if err := t.setTally(&all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// PruneTallies implements store.Tallies.
func (s *Store) PruneTallies(ctx context.Context, of []stats.Span) (n int64, err error) {
	err = s.change(ctx, "remove old statistics", func(t *tx) error {
		n = 0
		if err := t.lockTallies(); err != nil {
			return err
		}
		for _, span := range of {
			removed, err := t.execRows(pruneTallies, int64(span.From), int64(span.To))
			if err != nil {
				return err
			}
			n += removed
		}
		return t.exec(pruneSeries)
	})
	return n, err
}

func (t *tx) setTally(s *store.Tally) error {
	series := seriesOf(s)
	n, err := t.execRows(updateTally, blob(s.Body), series, int64(s.Period))
	if err != nil || n > 0 {
		return err
	}
	return t.newTally(series, s)
}
