package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	outlineColumns = `r.id, r.application, r.state, r.submitted_at_us, a.ended_at_us, r.lease_owner, r.lease_until_us, r.origin`
	countTotals    = `SELECT application, state, COUNT(*) FROM runs GROUP BY application, state`
	// A run has as many transitions as the number of the last says, and most of all rows are
	// transitions: they are not read to be counted.
	countRows = `SELECT (SELECT COUNT(*) FROM workflows), (SELECT COUNT(*) FROM runs), (SELECT COUNT(*) FROM attempts),
		(SELECT COALESCE(SUM(seq), 0) FROM runs), (SELECT COUNT(*) FROM requests), (SELECT COUNT(*) FROM overrides),
		(SELECT COUNT(*) FROM tallies), (SELECT COUNT(*) FROM user_accounts), (SELECT COUNT(*) FROM api_tokens),
		(SELECT COUNT(*) FROM login_sessions), (SELECT COUNT(*) FROM audit_log), (SELECT COUNT(*) FROM registered),
		(SELECT COUNT(*) FROM schedules), (SELECT COUNT(*) FROM firings),
		(SELECT COUNT(*) FROM fingerprints WHERE run_id > 0), (SELECT COUNT(*) FROM incidents), (SELECT COUNT(*) FROM notices),
		(SELECT MIN(submitted_at_us) FROM runs), (SELECT MAX(submitted_at_us) FROM runs)`
	selectChores = `SELECT chore, at_us FROM chores WHERE at_us > 0`
)

// Outlines implements store.Store.
func (s *Store) Outlines(ctx context.Context, after run.ID, limit int) (all []store.Outline, err error) {
	q := outlineQuery(after, limit)
	now := s.cfg.Now()
	err = s.view(ctx, "list runs", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), func(rows *sql.Rows) (store.Outline, error) {
			return scanOutline(rows, now)
		}, q.text.String(), q.args...)
		return err
	})
	return all, err
}

// outlineQuery says of both tables where to begin: PostgreSQL, which reads them side by
// side, would go through all earlier attempts for each page.
func outlineQuery(after run.ID, limit int) *query {
	q := new(query)
	q.add(`SELECT `+outlineColumns+` FROM `+runTables+` WHERE r.id > ? AND a.run_id > ? ORDER BY r.id`, after, after)
	q.addLimit(store.Filter{Limit: limit})
	return q
}

func scanOutline(rows *sql.Rows, now time.Time) (o store.Outline, err error) {
	var h holding
	var origin string
	err = rows.Scan(&o.ID, into(&o.Application), stateInto{&o.State}, timeInto{&o.SubmittedAt}, timeInto{&o.EndedAt},
		into(&h.owner), timeInto{&h.until}, into(&origin))
	o.Held, o.Imported = h.owner != "" && h.until.After(now), origin != ""
	return o, err
}

// totals counts the runs of each application in each state, sorted by both.
func totals(ask asker) ([]store.Total, error) {
	all, err := list(ask, func(rows *sql.Rows) (t store.Total, err error) {
		return t, rows.Scan(into(&t.Application), stateInto{&t.State}, &t.Runs)
	}, countTotals)
	slices.SortFunc(all, func(a, b store.Total) int { // here, as databases differ in how they sort text and NULL
		return cmp.Or(cmp.Compare(a.Application, b.Application), cmp.Compare(a.State, b.State))
	})
	return all, err
}

// Stats implements store.Store.
func (s *Store) Stats(ctx context.Context) (st store.Stats, err error) {
	err = s.view(ctx, "measure database", func(ctx context.Context, t *sql.Tx) error {
		var err error
		st, err = s.stats(askerOf(ctx, t))
		return err
	})
	if err != nil {
		return store.Stats{}, err
	}
	return st, nil
}

func (s *Store) stats(ask asker) (st store.Stats, err error) {
	st = store.Stats{Kind: s.d.kind, Schema: s.d.version}
	if s.d.kind == SQLite {
		st.Durability = string(s.cfg.Durability)
	}
	if _, err = list(ask, func(rows *sql.Rows) (none struct{}, err error) {
		r := &st.Rows
		return none, rows.Scan(&r.Workflows, &r.Runs, &r.Attempts, &r.Transitions, &r.Requests, &r.Overrides, &r.Tallies,
			&r.Users, &r.Tokens, &r.Sessions, &r.Audit, &r.Registered, &r.Schedules, &r.Firings,
			&r.Fingerprints, &r.Incidents, &r.Notices,
			timeInto{&st.Oldest}, timeInto{&st.Newest})
	}, countRows); err != nil {
		return st, err
	}
	if st.Totals, err = totals(ask); err != nil {
		return st, err
	}
	if st.Chores, err = chores(ask); err != nil || s.d.size == "" {
		return st, err
	}
	size, err := list(ask, one[int64], s.d.size)
	if err == nil {
		st.Bytes = size[0]
	}
	return st, err
}

func chores(ask asker) (map[string]time.Time, error) {
	at := map[string]time.Time{}
	_, err := list(ask, func(rows *sql.Rows) (none struct{}, err error) {
		var name string
		var when time.Time
		if err := rows.Scan(&name, timeInto{&when}); err != nil {
			return none, err
		}
		at[name] = when
		return none, nil
	}, selectChores)
	return at, err
}
