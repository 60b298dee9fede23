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

const (
	selectUntold = `SELECT id, told_seq, seq FROM runs WHERE untold = 1 AND id > ? ORDER BY id`
	skipUntold   = `UPDATE runs SET untold = NULL, told_seq = seq WHERE untold = 1 AND told_seq IS NULL AND submitted_at_us < ?
		AND state IN ('SUCCESS', 'FAILED', 'TIMEOUT', 'SKIPPED', 'CANCELLED')`
	tellRun  = `UPDATE runs SET told_seq = ? WHERE id = ? AND COALESCE(told_seq, 0) = ?`
	tellDone = `UPDATE runs SET untold = NULL WHERE id = ? AND seq = ?`

	insertIncident = `INSERT INTO incidents (ikey, application, version, open_rules, due_us, changed_at_us, body)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ikey) DO NOTHING`
	updateIncident = `UPDATE incidents SET version = version + 1, open_rules = ?, due_us = ?, changed_at_us = ?, body = ?
		WHERE ikey = ? AND version = ?`
	selectIncidents = `SELECT ikey, application, version, open_rules, due_us, changed_at_us, body FROM incidents WHERE version > 0`

	importIncident = `UPDATE incidents SET application = ?, version = ?, open_rules = ?, due_us = ?, changed_at_us = ?, body = ? WHERE ikey = ?`

	insertNotice = `INSERT INTO notices (id, notifier, incident, digest, run_id, created_at_us, body, state, due_us, until_us, ended_at_us, tries, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
	importNotice = `UPDATE notices SET lease_until_us = NULL, state = ?, due_us = ?, until_us = ?, ended_at_us = ?, tries = ?, detail = ?
		WHERE id = ?`

	importTold = `UPDATE runs SET untold = ?, told_seq = ? WHERE id = ?`
)

// Untold implements store.Outbox.
func (s *Store) Untold(ctx context.Context, after run.ID, limit int) (all []store.Untold, err error) {
	q := new(query)
	q.add(selectUntold, int64(after))
	q.addLimit(store.Filter{Limit: limit})
	err = s.view(ctx, "look for news", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), func(rows *sql.Rows) (u store.Untold, err error) {
			var told sql.NullInt64
			err = rows.Scan(&u.Run, &told, &u.Seq)
			u.Told = told.Int64
			return u, err
		}, q.text.String(), q.args...)
		return err
	})
	return all, err
}

// SkipUntold implements store.Outbox.
func (s *Store) SkipUntold(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.change(ctx, "skip old news", func(t *tx) error {
		var err error
		n, err = t.execRows(skipUntold, before.UnixMicro())
		return err
	})
	return n, err
}

// Tell implements store.Outbox.
func (s *Store) Tell(ctx context.Context, l store.Tell) error {
	l.Incidents = slices.Clone(l.Incidents) // rows are locked in one order
	slices.SortFunc(l.Incidents, func(a, b store.Incident) int { return strings.Compare(a.Key, b.Key) })
	return s.changeRun(ctx, "record messages", l.Run, func(t *tx) error {
		if err := t.toldRun(&l); err != nil {
			return err
		}
		for i := range l.Incidents {
			if err := t.putIncident(&l.Incidents[i]); err != nil {
				return err
			}
		}
		for i := range l.Notices {
			n := l.Notices[i]
			n.State, n.Tries, n.Error, n.EndedAt = store.NoticePending, 0, "", time.Time{}
			if _, err := t.insertNotice(&n); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) toldRun(l *store.Tell) error {
	if l.Run == 0 {
		return nil
	}
	n, err := t.execRows(tellRun, l.To, int64(l.Run), l.From)
	if err == nil && n == 0 {
		err = store.ErrTold()
	}
	if err != nil || !l.Done {
		return err
	}
	return t.exec(tellDone, int64(l.Run), l.To)
}

func (t *tx) putIncident(i *store.Incident) (err error) {
	var n int64
	if i.Version == 0 {
		first := *i
		first.Version = 1
		n, err = t.insertIncident(&first)
	} else {
		n, err = t.execRows(updateIncident, i.Open, micros(i.Due), i.ChangedAt.UnixMicro(), blob(i.Body), i.Key, i.Version)
	}
	if err == nil && n == 0 {
		err = store.ErrTold()
	}
	return err
}

func (t *tx) insertIncident(i *store.Incident) (int64, error) {
	return t.execRows(insertIncident, i.Key, text(i.Application), i.Version, i.Open, micros(i.Due), i.ChangedAt.UnixMicro(), blob(i.Body))
}

func (t *tx) insertNotice(n *store.Notice) (int64, error) {
	return t.execRows(insertNotice, n.ID, n.Notifier, text(n.Incident), text(n.Digest), int64(n.Run), n.CreatedAt.UnixMicro(), blob(n.Body),
		string(n.State), n.Due.UnixMicro(), n.Until.UnixMicro(), micros(n.EndedAt), n.Tries, text(n.Error))
}

// ImportTold implements store.Outbox.
func (s *Store) ImportTold(ctx context.Context, all []store.Untold) error {
	return s.change(ctx, "import of which runs people were told", func(t *tx) error {
		for _, u := range all {
			var untold, told any
			if u.Told != u.Seq {
				untold = 1
			}
			if u.Told != 0 { // SkipUntold knows by that those that nobody looked at
				told = u.Told
			}
			if err := t.exec(importTold, untold, told, int64(u.Run)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ImportOutbox implements store.Outbox.
func (s *Store) ImportOutbox(ctx context.Context, is []store.Incident, ns []store.Notice) error {
	return s.change(ctx, "import messages", func(t *tx) error {
		for i := range is {
			if err := t.importIncident(&is[i]); err != nil {
				return err
			}
		}
		for i := range ns {
			if err := t.importNotice(&ns[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) importIncident(i *store.Incident) error {
	if n, err := t.insertIncident(i); n > 0 || err != nil {
		return err
	}
	return t.exec(importIncident, text(i.Application), i.Version, i.Open, micros(i.Due), i.ChangedAt.UnixMicro(), blob(i.Body), i.Key)
}

func (t *tx) importNotice(n *store.Notice) error {
	if rows, err := t.insertNotice(n); rows > 0 || err != nil {
		return err
	}
	return t.exec(importNotice, string(n.State), n.Due.UnixMicro(), n.Until.UnixMicro(), micros(n.EndedAt), n.Tries, text(n.Error), n.ID)
}

// Incidents implements store.Outbox.
func (s *Store) Incidents(ctx context.Context, f store.IncidentFilter) (all []store.Incident, err error) {
	q := new(query)
	q.add(selectIncidents)
	switch {
	case f.All:
	case f.Application == "":
		q.add(" AND application IS NULL")
	default:
		q.add(" AND application = ?", text(f.Application))
	}
	if f.Open {
		q.add(" AND open_rules > 0")
	}
	if !f.Due.IsZero() {
		q.add(" AND due_us <= ?", f.Due.UnixMicro())
	}
	q.add(" ORDER BY ikey")
	err = s.view(ctx, "read incidents", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), scanIncident, q.text.String(), q.args...)
		return err
	})
	return all, err
}

func scanIncident(rows *sql.Rows) (i store.Incident, err error) {
	err = rows.Scan(into(&i.Key), into(&i.Application), &i.Version, &i.Open, timeInto{&i.Due}, timeInto{&i.ChangedAt}, &i.Body)
	return i, err
}
