package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/store"
)

const (
	scheduleColumns = `id, workflow, sched_name, application, spec_hash, decided_us, next_us, gone, paused, paused_by, paused_us, revision, kind, time_zone,
		broken_us, paused_why, broken_why`
	selectSchedules = `SELECT ` + scheduleColumns + ` FROM schedules`
	selectSchedule  = selectSchedules + ` WHERE id = ?`
	insertSchedule  = `INSERT INTO schedules (` + scheduleColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`
	updateSchedule = `UPDATE schedules SET kind = ?, application = ?, spec_hash = ?, decided_us = ?, next_us = ?, gone = ?, paused = ?, paused_by = ?,
		paused_us = ?, time_zone = ?, broken_us = ?, revision = revision + 1, paused_why = ?, broken_why = ? WHERE id = ? AND revision = ?`

	selectRevision = `SELECT revision FROM schedules WHERE id = ?`
	importSchedule = `UPDATE schedules SET kind = ?, application = ?, spec_hash = ?, decided_us = ?, next_us = ?, gone = ?, paused = ?, paused_by = ?,
		paused_us = ?, time_zone = ?, broken_us = ?, revision = ?, paused_why = ?, broken_why = ? WHERE id = ?`

	// open_of is the schedule of a firing that is open, pending_us is there for one that waits
	// or is due: their indexes hold these only.
	firingColumns = `schedule_id, expected, until_us, decision, reason, by_what, state, run_id, decided_us, batch, room,
		arrival, proof, what, detail, given`
	selectFirings = `SELECT ` + firingColumns + ` FROM firings`
	selectOpen    = selectFirings + ` WHERE open_of = ?`
	selectPending = selectFirings + ` WHERE pending_us >= ?`
	insertFiring  = `INSERT INTO firings (open_of, pending_us, ` + firingColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (schedule_id, expected) DO NOTHING`
	updateFiring = `UPDATE firings SET until_us = ?, decision = ?, reason = ?, by_what = ?, detail = ?, state = ?, run_id = ?,
		decided_us = ?, batch = ?, room = ?, open_of = ?, pending_us = ? WHERE schedule_id = ? AND expected = ?`
	moveFiring  = updateFiring + ` AND state = ?`
	scheduleIDs = `SELECT id FROM schedules`
	oldFirings  = `SELECT expected FROM firings WHERE schedule_id = ? AND expected < ? AND decided_us < ? AND pending_us IS NULL
		AND (until_us IS NULL OR until_us < ?) ORDER BY expected LIMIT ?`
	pruneFirings = `DELETE FROM firings WHERE schedule_id = ? AND expected <= ? AND decided_us < ? AND pending_us IS NULL
		AND (until_us IS NULL OR until_us < ?)`

	selectEnabledHeads = `SELECT ` + registeredHead + ` FROM registered r
		WHERE r.version_no = (SELECT MAX(o.version_no) FROM registered o WHERE o.name = r.name AND o.enabled = 1)`
)

// Schedules implements store.Schedules.
func (s *Store) Schedules(ctx context.Context) (all []store.Schedule, err error) {
	err = s.view(ctx, "list schedules", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), scanSchedule, selectSchedules)
		return err
	})
	slices.SortFunc(all, func(a, b store.Schedule) int { return strings.Compare(a.ID, b.ID) })
	return all, err
}

// Schedule implements store.Schedules.
func (s *Store) Schedule(ctx context.Context, id string) (known store.Schedule, open []store.Firing, err error) {
	err = s.view(ctx, "read a schedule", func(ctx context.Context, t *sql.Tx) error {
		var err error
		if known, err = oneOf(askerOf(ctx, t), scanSchedule, store.ErrNoSchedule(id), selectSchedule, text(id)); err != nil {
			return err
		}
		open, err = list(askerOf(ctx, t), scanFiring, selectOpen, text(id))
		return err
	})
	if err != nil {
		return store.Schedule{}, nil, err
	}
	sortFirings(open)
	return known, open, nil
}

func sortFirings(all []store.Firing) {
	slices.SortFunc(all, func(a, b store.Firing) int {
		if c := strings.Compare(a.Schedule, b.Schedule); c != 0 {
			return c
		}
		return a.Time.Compare(b.Time)
	})
}

// ChangeSchedule implements store.Schedules.
func (s *Store) ChangeSchedule(ctx context.Context, c store.ScheduleChange, said ...store.AuditEntry) error {
	return s.change(ctx, "change a schedule", func(t *tx) error {
		to := c.Schedule.Normal()
		n, err := t.putSchedule(&to)
		if err != nil || n == 0 {
			return orChanged(err, to.ID)
		}
		for i := range c.Add {
			if n, err = t.addFiring(c.Add[i]); err != nil || n == 0 {
				return orChanged(err, to.ID)
			}
		}
		for i := range c.Set {
			if n, err = t.setFiring(updateFiring, c.Set[i]); err != nil || n == 0 {
				return orChanged(err, to.ID)
			}
		}
		return t.note(said)
	})
}

func orChanged(err error, id string) error {
	if err == nil {
		return store.ErrScheduleChanged(id)
	}
	return err
}

// putSchedule returns how many rows it changed: none when somebody else has changed it.
func (t *tx) putSchedule(s *store.Schedule) (int64, error) {
	if s.Revision == 0 {
		first := *s
		first.Revision = 1
		return t.insertSchedule(&first)
	}
	return t.execRows(updateSchedule, text(s.Kind), text(s.Application), text(s.Hash), micros(s.Decided), micros(s.Next), bit(s.Gone), bit(s.Paused), text(s.PausedBy),
		micros(s.PausedAt), text(s.Zone), micros(s.Broken), text(s.PausedWhy), text(s.BrokenWhy), text(s.ID), s.Revision)
}

func (t *tx) insertSchedule(s *store.Schedule) (int64, error) {
	return t.execRows(insertSchedule, text(s.ID), text(s.Workflow), text(s.Name), text(s.Application), text(s.Hash), micros(s.Decided),
		micros(s.Next), bit(s.Gone), bit(s.Paused), text(s.PausedBy), micros(s.PausedAt), s.Revision, text(s.Kind), text(s.Zone),
		micros(s.Broken), text(s.PausedWhy), text(s.BrokenWhy))
}

func (t *tx) addFiring(f store.Firing) (int64, error) {
	f = f.Normal()
	open, pending := marks(&f)
	return t.execRows(insertFiring, open, pending, text(f.Schedule), f.Time.UnixMicro(), micros(f.Until), text(f.Decision), text(f.Reason),
		text(f.By), text(f.State), f.Run, micros(f.DecidedAt), text(f.Batch), f.Room,
		text(f.Key), text(f.Proof), text(f.What), text(f.Detail), text(f.Given))
}

func (t *tx) setFiring(query string, f store.Firing, more ...any) (int64, error) {
	f = f.Normal()
	open, pending := marks(&f)
	args := []any{
		micros(f.Until), text(f.Decision), text(f.Reason), text(f.By), text(f.Detail), text(f.State), f.Run,
		micros(f.DecidedAt), text(f.Batch), f.Room, open, pending, text(f.Schedule), f.Time.UnixMicro(),
	}
	return t.execRows(query, append(args, more...)...)
}

// marks returns open_of and pending_us of a firing.
func marks(f *store.Firing) (open, pending any) {
	if f.State.Open() {
		open = text(f.Schedule)
	}
	if f.State.Pending() {
		pending = f.Time.UnixMicro()
	}
	return open, pending
}

// MoveFiring implements store.Schedules.
func (s *Store) MoveFiring(ctx context.Context, from store.FiringState, f store.Firing) (moved bool, err error) {
	err = s.change(ctx, "record what became of an expected time", func(t *tx) error {
		n, err := t.setFiring(moveFiring, f, string(from))
		moved = n == 1
		return err
	})
	return moved && err == nil, err
}

// OpenFirings implements store.Schedules.
func (s *Store) OpenFirings(ctx context.Context) ([]store.Firing, error) {
	all, err := s.firings(ctx, selectPending, minMicros)
	sortFirings(all)
	return all, err
}

// minMicros is before all times that there are.
const minMicros = -(int64(1) << 62)

func (s *Store) firings(ctx context.Context, query string, args ...any) (all []store.Firing, err error) {
	err = s.view(ctx, "read expected times", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), scanFiring, query, args...)
		return err
	})
	return all, err
}

// Firings implements store.Schedules.
func (s *Store) Firings(ctx context.Context, f store.FiringFilter) ([]store.Firing, error) {
	q := new(query)
	q.add(selectFirings+" WHERE schedule_id = ?", text(f.Schedule))
	if !f.Since.IsZero() {
		q.add(" AND expected >= ?", f.Since.UnixMicro())
	}
	if !f.Before.IsZero() {
		q.add(" AND expected < ?", f.Before.UnixMicro())
	}
	if f.Key != "" {
		q.add(" AND arrival = ?", f.Key)
	}
	if f.Proof != "" {
		q.add(" AND proof = ?", f.Proof)
	}
	q.add(" ORDER BY expected DESC")
	q.addLimit(store.Filter{Limit: f.Limit})
	return s.firings(ctx, q.text.String(), q.args...)
}

// PruneFirings implements store.Schedules.
func (s *Store) PruneFirings(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	err = s.change(ctx, "remove old expected times", func(t *tx) error {
		n = 0
		ids, err := list(t.query, oneText, scheduleIDs)
		slices.Sort(ids) // rows are locked in one order
		for _, id := range ids {
			if n >= int64(limit) || err != nil {
				return err
			}
			var removed int64
			removed, err = t.pruneFirings(id, before.UnixMicro(), int64(limit)-n)
			n += removed
		}
		return err
	})
	return n, err
}

// pruneFirings removes the oldest of a schedule.
func (t *tx) pruneFirings(schedule string, before, limit int64) (int64, error) {
	old, err := list(t.query, one[int64], oldFirings, schedule, before, before, before, limit)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	return t.execRows(pruneFirings, schedule, old[len(old)-1], before, before)
}

// ImportSchedule implements store.Schedules.
func (s *Store) ImportSchedule(ctx context.Context, known store.Schedule, fs []store.Firing) error {
	return s.change(ctx, "import a schedule", func(t *tx) error {
		to := known.Normal()
		if err := t.importSchedule(&to); err != nil {
			return err
		}
		for i := range fs {
			n, err := t.addFiring(fs[i])
			if err == nil && n == 0 {
				_, err = t.setFiring(updateFiring, fs[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) importSchedule(s *store.Schedule) error {
	if n, err := t.insertSchedule(s); n > 0 || err != nil {
		return err
	}
	var there int64
	if _, err := t.row(selectRevision, []any{text(s.ID)}, &there); err != nil {
		return err
	}
	if there > s.Revision {
		return store.ErrScheduleAhead(s.ID)
	}
	return t.exec(importSchedule, text(s.Kind), text(s.Application), text(s.Hash), micros(s.Decided), micros(s.Next), bit(s.Gone), bit(s.Paused),
		text(s.PausedBy), micros(s.PausedAt), text(s.Zone), micros(s.Broken), s.Revision, text(s.PausedWhy), text(s.BrokenWhy), text(s.ID))
}

// EnabledWorkflows implements store.Schedules.
func (s *Store) EnabledWorkflows(ctx context.Context) (all []store.Registered, err error) {
	err = s.view(ctx, "list enabled workflows", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), scanRegisteredHead, selectEnabledHeads)
		sortRegistered(all)
		return err
	})
	return all, err
}

func scanSchedule(rows *sql.Rows) (s store.Schedule, err error) {
	err = rows.Scan(into(&s.ID), into(&s.Workflow), into(&s.Name), into(&s.Application), into(&s.Hash), timeInto{&s.Decided}, timeInto{&s.Next},
		bitInto{&s.Gone}, bitInto{&s.Paused}, into(&s.PausedBy), timeInto{&s.PausedAt}, &s.Revision, into(&s.Kind),
		into(&s.Zone), timeInto{&s.Broken}, into(&s.PausedWhy), into(&s.BrokenWhy))
	return s, err
}

func scanFiring(rows *sql.Rows) (f store.Firing, err error) {
	err = rows.Scan(into(&f.Schedule), timeInto{&f.Time}, timeInto{&f.Until}, into(&f.Decision), into(&f.Reason), into(&f.By),
		into(&f.State), &f.Run, timeInto{&f.DecidedAt}, into(&f.Batch), &f.Room,
		into(&f.Key), into(&f.Proof), into(&f.What), into(&f.Detail), into(&f.Given))
	if err != nil {
		return f, fmt.Errorf("an expected time: %w", err)
	}
	return f, nil
}
