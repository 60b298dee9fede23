package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Runs implements store.Store.
func (s *Store) Runs(ctx context.Context, f store.Filter) (found []store.Run, err error) {
	states, some := wanted(f)
	if !some {
		return nil, nil
	}
	err = s.view(ctx, "list runs", func(ctx context.Context, t *sql.Tx) error {
		byTime, err := s.fewInTime(ctx, t, f)
		if err != nil {
			return err
		}
		q := listQuery(f, states, byTime)
		rows, err := t.QueryContext(ctx, q.text.String(), q.args...)
		if err != nil {
			return err
		}
		now := s.cfg.Now()
		found, err = collect(rows, func(r *sql.Rows) (store.Run, error) { return scanRun(r, now) })
		return err
	})
	return found, err
}

// wanted returns the states that a filter lets through, none when it lets all
// through, and whether there are any.
func wanted(f store.Filter) (states []run.State, some bool) {
	for _, s := range run.States() {
		if (len(f.States) == 0 || slices.Contains(f.States, s)) && !slices.Contains(f.NotStates, s) {
			states = append(states, s)
		}
	}
	if len(states) == len(run.States()) {
		return nil, true
	}
	return states, len(states) > 0
}

// fewRuns is how many runs in a span of time are better found by time and then
// sorted than met on the way from the newest run to the oldest.
const fewRuns = 2000

func (s *Store) fewInTime(ctx context.Context, t *sql.Tx, f store.Filter) (bool, error) {
	if f.Since.IsZero() && f.Until.IsZero() {
		return false, nil
	}
	var q query
	q.add("SELECT COUNT(*) FROM (SELECT 1 FROM runs r WHERE r.submitted_at_us IS NOT NULL")
	q.addTime(f)
	q.add(" LIMIT ?) q", fewRuns+1)
	var n int
	err := t.QueryRowContext(ctx, q.text.String(), q.args...).Scan(&n)
	return n <= fewRuns, err
}

// listQuery finds the ids first, by an index that has them in order, and reads the
// runs then. Each state is a search of its own, since only within one state are the
// ids of the index in order.
func listQuery(f store.Filter, states []run.State, byTime bool) *query {
	q := new(query)
	q.add("SELECT " + runColumns + " FROM " + runTables + " WHERE r.id IN (")
	switch {
	case byTime:
		q.add("SELECT r.id FROM runs r INDEXED BY runs_by_time WHERE r.submitted_at_us IS NOT NULL")
		q.addRest(f)
		q.addStates(states)
	case len(states) == 0 && f.Application == "":
		q.add("SELECT id FROM (")
		q.addSearch(f, "NOT INDEXED WHERE r.id > 0")
		q.add(") q")
	default:
		if len(states) == 0 {
			states = run.States()
		}
		q.addUnion(f, states)
	}
	q.add(") ORDER BY r.id DESC")
	q.addLimit(f)
	return q
}

// query is an SQL text and its values.
type query struct {
	text strings.Builder
	args []any
}

func (q *query) add(text string, args ...any) {
	q.text.WriteString(text)
	q.args = append(q.args, args...)
}

func (q *query) addUnion(f store.Filter, states []run.State) {
	index := "runs_by_state"
	if f.Application != "" {
		index = "runs_by_application"
	}
	for i, s := range states {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		q.add("SELECT id FROM (")
		q.addSearch(f, "INDEXED BY "+index+" WHERE r.state = ?", s.String())
		q.add(") q")
	}
}

// addSearch adds one walk from the newest run to the oldest.
func (q *query) addSearch(f store.Filter, where string, args ...any) {
	q.add("SELECT r.id FROM runs r "+where, args...)
	q.addRest(f)
	q.add(" ORDER BY r.id DESC")
	q.addLimit(f)
}

// addRest adds the conditions other than the states.
func (q *query) addRest(f store.Filter) {
	if f.Application != "" {
		q.add(" AND r.application = ?", f.Application)
	}
	if f.Before != 0 {
		q.add(" AND r.id < ?", f.Before)
	}
	q.addTime(f)
}

func (q *query) addTime(f store.Filter) {
	if !f.Since.IsZero() {
		q.add(" AND r.submitted_at_us >= ?", f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		q.add(" AND r.submitted_at_us < ?", f.Until.UnixMicro())
	}
}

func (q *query) addStates(states []run.State) {
	if len(states) == 0 {
		return
	}
	q.add(" AND r.state IN (?"+strings.Repeat(", ?", len(states)-1)+")", names(states)...)
}

func names(states []run.State) []any {
	all := make([]any, len(states))
	for i, s := range states {
		all[i] = s.String()
	}
	return all
}

func (q *query) addLimit(f store.Filter) {
	if f.Limit > 0 {
		q.add(" LIMIT ?", f.Limit)
	}
}
