package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	attemptColumns = `a.attempt, a.state, a.reason, a.detail, a.hash, a.options, a.created_at_us, a.started_at_us, a.ended_at_us,
		a.jobs_total, a.jobs_running, a.jobs_succeeded, a.jobs_failed, a.jobs_skipped, a.jobs_cancelled`
	runColumns = `r.id, r.application, r.file, r.working_dir, r.submitted_at_us, r.seq, COALESCE(r.wrote_epoch, 0), r.lease_owner, r.lease_until_us, r.by_user, ` + attemptColumns
	runTables  = `runs r JOIN attempts a ON a.run_id = r.id AND a.attempt = r.attempt`

	selectRun         = `SELECT ` + runColumns + ` FROM ` + runTables + ` WHERE r.id = ?`
	selectAttempts    = `SELECT ` + attemptColumns + ` FROM attempts a WHERE a.run_id = ? ORDER BY a.attempt`
	selectTransitions = `SELECT seq, ` + transitionColumns + ` FROM transitions WHERE run_id = ? AND seq > ? ORDER BY seq`
	transitionColumns = `attempt, job, try_no, from_state, to_state, reason, cause, detail, at_us, until_us,
		exit_code, signal_no, cpu_us, max_rss, output_bytes, dropped_bytes, survivors, out_state, out_reason, out_detail, out_values,
		out_ended_us`
)

// Run implements store.Store.
func (s *Store) Run(ctx context.Context, id run.ID) (r store.Run, err error) {
	err = s.view(ctx, "read run", func(ctx context.Context, t *sql.Tx) error {
		var err error
		r, err = scanRun(t.QueryRowContext(ctx, selectRun, id), s.cfg.Now())
		return orNoRun(id, err)
	})
	return r, err
}

// Attempts implements store.Store.
func (s *Store) Attempts(ctx context.Context, id run.ID) ([]store.Attempt, error) {
	return listOf(ctx, s, id, "read attempts", func(rows *sql.Rows) (a store.Attempt, err error) {
		return a, rows.Scan(attemptInto(&a)...)
	}, selectAttempts, id)
}

// Transitions implements store.Store.
func (s *Store) Transitions(ctx context.Context, id run.ID, after int64, limit int) ([]run.Transition, error) {
	if limit <= 0 {
		return listOf(ctx, s, id, "read transitions", scanTransition, selectTransitions, id, after)
	}
	return listOf(ctx, s, id, "read transitions", scanTransition, selectTransitions+" LIMIT ?", id, after, limit)
}

// Workflow implements store.Store.
func (s *Store) Workflow(ctx context.Context, hash string) (body []byte, err error) {
	err = s.view(ctx, "read workflow", func(ctx context.Context, t *sql.Tx) error {
		err := t.QueryRowContext(ctx, `SELECT body FROM workflows WHERE hash = ?`, hash).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "workflow %s does not exist", hash)
		}
		return err
	})
	if len(body) == 0 {
		body = nil
	}
	return body, err
}

// listOf reads what is kept of a run, and tells nothing from no such run.
func listOf[T any](ctx context.Context, s *Store, id run.ID, op string, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	err = s.view(ctx, op, func(ctx context.Context, t *sql.Tx) error {
		rows, err := t.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		if all, err = collect(rows, scan); err != nil || len(all) > 0 {
			return err
		}
		var one int
		return orNoRun(id, t.QueryRowContext(ctx, selectExists, id).Scan(&one))
	})
	return all, err
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) (all []T, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func orNoRun(id run.ID, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNoRun(id)
	}
	return err
}

type row interface{ Scan(dest ...any) error }

func scanRun(from row, now time.Time) (r store.Run, err error) {
	var h holding
	dest := append([]any{
		&r.ID, into(&r.Application), into(&r.File), into(&r.WorkingDir),
		timeInto{&r.SubmittedAt},
		&r.Seq, &r.Wrote,
		into(&h.owner),
		timeInto{&h.until},
		into(&r.By),
	}, attemptInto(&r.Attempt)...)
	if err := from.Scan(dest...); err != nil {
		return store.Run{}, err
	}
	r.Owner, err = h.live(now)
	return r, err
}

// attemptInto returns where the values of attemptColumns go.
func attemptInto(a *store.Attempt) []any {
	c := &a.Counts
	return []any{
		&a.Number,
		stateInto{&a.State},
		into(&a.Reason), into(&a.Detail), into(&a.Hash), &a.Options,
		timeInto{&a.CreatedAt},
		timeInto{&a.StartedAt},
		timeInto{&a.EndedAt},
		&c.Total, &c.Running, &c.Succeeded, &c.Failed, &c.Skipped, &c.Cancelled,
	}
}

func scanTransition(rows *sql.Rows) (t run.Transition, err error) {
	var exit, signal, cpu, rss, output, dropped, survivors sql.NullInt64
	var state, reason, detail sql.NullString
	var values run.Values
	var ended time.Time
	err = rows.Scan(&t.Seq, &t.Attempt, into(&t.Job), &t.Try, stateInto{&t.From}, stateInto{&t.To},
		into(&t.Reason), into(&t.Cause), into(&t.Detail), timeInto{&t.At}, timeInto{&t.Until},
		&exit, &signal, &cpu, &rss, &output, &dropped, &survivors, &state, &reason, &detail, into(&values), timeInto{&ended})
	if err != nil || !exit.Valid {
		return t, err
	}
	o := &run.Outcome{
		State: t.To, Reason: t.Reason, Detail: t.Detail, ExitCode: int(exit.Int64), Signal: int(signal.Int64),
		CPU: time.Duration(cpu.Int64) * time.Microsecond, MaxRSS: rss.Int64,
		Output: output.Int64, Dropped: dropped.Int64, Survivors: int(survivors.Int64), Values: values, Ended: ended,
	}
	if state.Valid {
		err = stateInto{&o.State}.Scan(state.String)
	}
	if reason.Valid {
		o.Reason = run.Reason(unescape(reason.String))
	}
	if detail.Valid {
		o.Detail = unescape(detail.String)
	}
	t.Outcome = o
	if err != nil {
		err = fmt.Errorf("transition %d: %w", t.Seq, err)
	}
	return t, err
}
