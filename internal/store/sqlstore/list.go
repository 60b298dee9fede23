package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// Runs implements store.Store.
func (s *Store) Runs(ctx context.Context, f store.Filter) (found []store.Run, err error) {
	states, some := wanted(f)
	if !some {
		return nil, nil
	}
	wish, err := s.searchFor(f)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, "list runs", func(ctx context.Context, t *sql.Tx) error {
		parts, err := spans(ctx, t, f)
		if err != nil {
			return err
		}
		found, err = s.search(ctx, t, wish, states, parts)
		return err
	})
	return found, err
}

// search is what is searched for.
type search struct {
	store.Filter
	not string // who must not hold the lease, as stored; empty: anybody may
	now time.Time
}

func (s *Store) searchFor(f store.Filter) (search, error) {
	of := search{Filter: f, now: s.cfg.Now()}
	if f.NotHeldBy == nil {
		return of, nil
	}
	var err error
	of.not, err = encodeOwner(*f.NotHeldBy)
	return of, err
}

// search goes through the parts of a history until it has found enough.
func (s *Store) search(ctx context.Context, t *sql.Tx, f search, states []run.State, parts []span) (found []store.Run, err error) {
	for _, part := range parts {
		q := listQuery(f, states, part)
		rows, err := t.QueryContext(ctx, q.text.String(), q.args...)
		if err != nil {
			return nil, err
		}
		some, err := collect(rows, func(r *sql.Rows) (store.Run, error) { return scanRun(r, f.now) })
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
		if f.Limit <= 0 {
			continue
		}
		if f.Limit -= len(some); f.Limit == 0 {
			break
		}
	}
	return found, nil
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

// listQuery finds the ids first, by an index that has them in order, and reads the
// runs then. Each state is a search of its own, since only within one state are the
// ids of the index in order.
func listQuery(f search, states []run.State, part span) *query {
	q := new(query)
	q.add("SELECT " + runColumns + " FROM " + runTables + " WHERE r.id IN (")
	if len(states) == 0 && f.Application == "" {
		q.add("SELECT id FROM (")
		q.addSearch(f, part, "NOT INDEXED WHERE r.id > 0")
		q.add(") q")
	} else {
		if len(states) == 0 {
			states = run.States()
		}
		q.addUnion(f, part, states)
	}
	q.add(") ORDER BY r.id DESC")
	q.addLimit(f.Filter)
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

func (q *query) addUnion(f search, part span, states []run.State) {
	index := "runs_by_state"
	if f.Application != "" {
		index = "runs_by_application"
	}
	for i, s := range states {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		q.add("SELECT id FROM (")
		q.addSearch(f, part, "INDEXED BY "+index+" WHERE r.state = ?", s.String())
		q.add(") q")
	}
}

// addSearch adds one walk from the newest run to the oldest. The times are part of a
// sum, so that no database thinks of walking by them instead.
func (q *query) addSearch(f search, part span, where string, args ...any) {
	q.add("SELECT r.id FROM runs r "+where, args...)
	if f.Application != "" {
		q.add(" AND r.application = ?", f.Application)
	}
	if part.from != 0 {
		q.add(" AND r.id >= ?", part.from)
	}
	if part.to != 0 {
		q.add(" AND r.id < ?", part.to)
	}
	if !f.Since.IsZero() {
		q.add(" AND r.submitted_at_us + 0 >= ?", f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		q.add(" AND r.submitted_at_us + 0 < ?", f.Until.UnixMicro())
	}
	if f.not != "" {
		q.add(" AND (r.lease_owner IS NULL OR r.lease_owner <> ? OR r.lease_until_us <= ?)", f.not, f.now.UnixMicro())
	}
	q.add(" ORDER BY r.id DESC")
	q.addLimit(f.Filter)
}

func (q *query) addLimit(f store.Filter) {
	if f.Limit > 0 {
		q.add(" LIMIT ?", f.Limit)
	}
}
