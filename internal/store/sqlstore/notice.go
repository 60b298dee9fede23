package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/executionerhq/executioner/internal/store"
)

const (
	noticeColumns = `id, notifier, incident, digest, run_id, state, created_at_us, due_us, until_us, ended_at_us, tries,
		lease_until_us, detail, body`
	selectNotice  = `SELECT ` + noticeColumns + ` FROM notices WHERE id = ?`
	selectNotices = `SELECT ` + noticeColumns + ` FROM notices WHERE tries >= 0`

	dueNotices = ` FROM notices n WHERE n.state = 'pending' AND n.notifier = ? AND n.due_us <= ?
		AND (n.lease_until_us IS NULL OR n.lease_until_us <= ?)`
	// firstNotice leaves out those of an incident of which an earlier one is still to be sent.
	firstNotice = `SELECT n.id, n.digest` + dueNotices + ` AND NOT EXISTS (SELECT 1 FROM notices o
		WHERE o.state = 'pending' AND o.notifier = n.notifier AND o.incident = n.incident AND o.created_at_us < n.created_at_us)
		ORDER BY n.due_us NULLS LAST, n.created_at_us NULLS LAST, n.id LIMIT ?`
	digestNotices = `SELECT n.id` + dueNotices + ` AND n.digest = ? ORDER BY n.due_us NULLS LAST, n.created_at_us NULLS LAST, n.id LIMIT ?`
	claimNotice   = `UPDATE notices SET lease_until_us = ? WHERE id = ? AND state = 'pending'
		AND (lease_until_us IS NULL OR lease_until_us <= ?)`

	sentNotice = `UPDATE notices SET state = ?, tries = tries + 1, ended_at_us = ?, lease_until_us = NULL, detail = ?
		WHERE id = ? AND state = 'pending'`
	endedNotice   = sentNotice + ` AND lease_until_us = ?`
	delayedNotice = `UPDATE notices SET due_us = ?, tries = tries + 1, lease_until_us = NULL, detail = ?
		WHERE id = ? AND state = 'pending' AND lease_until_us = ?`

	retryNotice = `UPDATE notices SET state = 'pending', due_us = ?, until_us = ?, ended_at_us = NULL WHERE id = ? AND state <> 'sent'`

	pruneNotices   = `DELETE FROM notices WHERE state <> 'pending' AND ended_at_us < ?`
	pruneIncidents = `DELETE FROM incidents WHERE open_rules = 0 AND changed_at_us < ?`
)

// ClaimNotices implements store.Outbox. It looks first: nearly always nothing is due, and
// then nobody who writes is waited for.
func (s *Store) ClaimNotices(ctx context.Context, notifier string, now, until time.Time, limit int) (all []store.Notice, err error) {
	var due []string
	err = s.view(ctx, "look for notices", func(ctx context.Context, t *sql.Tx) error {
		var err error
		due, err = dueIDs(askerOf(ctx, t), notifier, now.UnixMicro(), limit)
		return err
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	err = s.change(ctx, "claim notices", func(t *tx) error {
		all = nil
		for _, id := range due {
			n, err := t.execRows(claimNotice, until.UnixMicro(), id, now.UnixMicro())
			if err != nil {
				return err
			}
			if n == 0 {
				continue // somebody else was quicker
			}
			claimed, err := list(t.query, scanNotice, selectNotice, id)
			if err != nil {
				return err
			}
			all = append(all, claimed...)
		}
		return nil
	})
	return all, err
}

// dueIDs returns the first notice that is due, and those that may be sent with it.
func dueIDs(ask asker, notifier string, now int64, limit int) ([]string, error) {
	type first struct{ id, digest string }
	found, err := list(ask, func(rows *sql.Rows) (f first, err error) {
		return f, rows.Scan(into(&f.id), into(&f.digest))
	}, firstNotice, notifier, now, now, 1)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if found[0].digest == "" {
		return []string{found[0].id}, nil
	}
	return list(ask, oneText, digestNotices, notifier, now, now, found[0].digest, limit)
}

func scanNotice(rows *sql.Rows) (n store.Notice, err error) {
	err = rows.Scan(into(&n.ID), into(&n.Notifier), into(&n.Incident), into(&n.Digest), &n.Run, into(&n.State),
		timeInto{&n.CreatedAt}, timeInto{&n.Due}, timeInto{&n.Until}, timeInto{&n.EndedAt}, &n.Tries,
		timeInto{&n.Lease}, into(&n.Error), &n.Body)
	return n, err
}

// Settle implements store.Outbox.
func (s *Store) Settle(ctx context.Context, all []store.Settlement) error {
	return s.change(ctx, "record what became of notices", func(t *tx) error {
		for i := range all {
			if err := t.settle(&all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) settle(e *store.Settlement) error {
	switch e.State {
	case store.NoticeSent:
		return t.exec(sentNotice, string(e.State), micros(e.At), text(e.Error), e.ID)
	case store.NoticeGivenUp:
		return t.exec(endedNotice, string(e.State), micros(e.At), text(e.Error), e.ID, micros(e.Lease))
	default:
		return t.exec(delayedNotice, micros(e.Due), text(e.Error), e.ID, micros(e.Lease))
	}
}

// Notices implements store.Outbox.
func (s *Store) Notices(ctx context.Context, f store.NoticeFilter) (all []store.Notice, err error) {
	q := new(query)
	q.add(selectNotices)
	if f.State != "" {
		q.add(" AND state = ?", string(f.State))
	}
	if f.Notifier != "" {
		q.add(" AND notifier = ?", text(f.Notifier))
	}
	q.add(" ORDER BY created_at_us DESC NULLS LAST, id")
	q.addLimit(store.Filter{Limit: f.Limit})
	return s.notices(ctx, q)
}

func (s *Store) notices(ctx context.Context, q *query) (all []store.Notice, err error) {
	err = s.view(ctx, "read notices", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), scanNotice, q.text.String(), q.args...)
		return err
	})
	return all, err
}

// Notice implements store.Outbox.
func (s *Store) Notice(ctx context.Context, id string) (store.Notice, error) {
	q := new(query)
	q.add(selectNotice, text(id))
	all, err := s.notices(ctx, q)
	if err == nil && len(all) == 0 {
		err = store.ErrNoNotice(id)
	}
	if err != nil {
		return store.Notice{}, err
	}
	return all[0], nil
}

// RetryNotice implements store.Outbox.
func (s *Store) RetryNotice(ctx context.Context, id string, now, until time.Time) error {
	var n int64
	err := s.change(ctx, "retry a notice", func(t *tx) error {
		var err error
		n, err = t.execRows(retryNotice, micros(now), micros(until), text(id))
		return err
	})
	if err != nil || n > 0 {
		return err
	}
	if _, err := s.Notice(ctx, id); err != nil {
		return err
	}
	return store.ErrSent(id)
}

// PruneOutbox implements store.Outbox.
func (s *Store) PruneOutbox(ctx context.Context, notices, incidents time.Time) (removed int64, err error) {
	err = s.change(ctx, "remove old notices", func(t *tx) error {
		n, err := t.execRows(pruneNotices, notices.UnixMicro())
		if err != nil {
			return err
		}
		more, err := t.execRows(pruneIncidents, incidents.UnixMicro())
		removed = n + more
		return err
	})
	return removed, err
}
