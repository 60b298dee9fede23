package scheduler

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
)

// Pause has the times of a schedule skipped, and nothing of it begin, until it is resumed. What
// is said about it, as of all here, is recorded with it.
func Pause(ctx context.Context, st store.Schedules, id, by, why string, now time.Time, said ...store.AuditEntry) (store.Schedule, error) {
	return alter(ctx, st, id, said, func(s *store.Schedule) {
		s.Paused, s.PausedBy, s.PausedAt, s.PausedWhy = true, by, now, why
	})
}

// Resume ends a pause. Times that were skipped stay so.
func Resume(ctx context.Context, st store.Schedules, id string, said ...store.AuditEntry) (store.Schedule, error) {
	return alter(ctx, st, id, said, func(s *store.Schedule) {
		s.Paused, s.PausedBy, s.PausedAt, s.PausedWhy = false, "", time.Time{}, ""
	})
}

func alter(ctx context.Context, st store.Schedules, id string, said []store.AuditEntry, do func(*store.Schedule)) (store.Schedule, error) {
	return edit(ctx, st, id, said, func(c *store.ScheduleChange) error {
		do(&c.Schedule)
		return nil
	})
}

// edit changes a schedule, again when somebody else is faster.
func edit(ctx context.Context, st store.Schedules, id string, said []store.AuditEntry, do func(*store.ScheduleChange) error) (store.Schedule, error) {
	for tries := 1; ; tries++ {
		known, _, err := st.Schedule(ctx, id)
		if err != nil {
			return known, err
		}
		c := store.ScheduleChange{Schedule: known}
		if err = do(&c); err == nil {
			err = st.ChangeSchedule(ctx, c, said...)
		}
		if fault.CodeOf(err) != fault.Conflict || tries == decideTries {
			c.Schedule.Revision++
			return c.Schedule.Normal(), err
		}
	}
}

// RunNow asks for a run of a schedule now, whatever else goes on and also while it is paused.
// A service submits it.
func RunNow(ctx context.Context, st store.Schedules, id, by string, now time.Time, said ...store.AuditEntry) (store.Firing, error) {
	var made store.Firing
	_, err := edit(ctx, st, id, said, func(c *store.ScheduleChange) error {
		switch {
		case c.Schedule.Gone:
			return errGone(id)
		case c.Schedule.Kind != store.Timed:
			return store.ErrNoSchedule(id)
		}
		if err := errBroken(&c.Schedule); err != nil {
			return err
		}
		at := now.Truncate(time.Microsecond)
		if at.Nanosecond() == 0 { // which are those of expected times
			at = at.Add(time.Microsecond)
		}
		made = store.Firing{Schedule: id, Time: at, Decision: ForNow, By: by, DecidedAt: now, State: store.FiringDue}.Normal()
		c.Add = []store.Firing{made}
		return nil
	})
	return made, err
}

func errGone(id string) error {
	return fault.New(fault.Conflict, "schedule %q is there no more, or its workflow is disabled", id)
}

// Range is which times are to be made up for.
type Range struct {
	From, To    time.Time // from one to before the other; what was not decided about yet is left out
	Concurrency int       // runs that may go on at once; 0 is 1
	Limit       int       // of times; 0: schedule.MaxBackfill
}

// MostAtOnce is how many runs of a backfill may go on at once.
const MostAtOnce = 1000

// Made is an expected time of a backfill.
type Made struct {
	schedule.Expected
	Was   string // what had become of it: a decision and its reason; empty: nothing
	Taken bool   // it has a run, or gets one: it is left as it is
	row   *store.Firing
}

// PlanBackfill returns the times of a range, and what a backfill would leave out.
func PlanBackfill(ctx context.Context, st store.Schedules, id string, spec *schedule.Spec, r Range) ([]Made, error) {
	known, _, err := st.Schedule(ctx, id)
	if err != nil {
		return nil, err
	}
	return plan(ctx, st, &known, spec, r)
}

func plan(ctx context.Context, st store.Schedules, known *store.Schedule, spec *schedule.Spec, r Range) ([]Made, error) {
	if known.Gone {
		return nil, errGone(known.ID)
	}
	if err := errBroken(known); err != nil {
		return nil, err
	}
	if !r.From.Before(r.To) {
		return nil, fault.New(fault.Usage, "the range ends before it begins")
	}
	if end := known.Decided.Add(time.Microsecond); r.To.After(end) {
		r.To = end
	}
	if !r.From.Before(r.To) {
		return nil, nil // all of it is still to come
	}
	times, err := schedule.Backfill(spec, r.From, r.To, r.Limit)
	if err != nil || len(times) == 0 {
		return nil, err
	}
	rows, err := st.Firings(ctx, store.FiringFilter{Schedule: known.ID, Since: r.From, Before: r.To})
	if err != nil {
		return nil, err
	}
	there := make(map[int64]*store.Firing, len(rows))
	for i := range rows {
		there[rows[i].Time.UnixMicro()] = &rows[i]
	}
	all := make([]Made, len(times))
	for i, e := range times {
		all[i] = Made{Expected: e, row: there[e.Time.UnixMicro()]}
		if f := all[i].row; f != nil {
			all[i].Was, all[i].Taken = Told(f), f.Run != 0 || f.State.Open()
		}
	}
	return all, nil
}

// Told says what became of an expected time, in a word or two.
func Told(f *store.Firing) string {
	if f.Reason == "" {
		return f.Decision
	}
	return f.Decision + ": " + f.Reason
}

// Backfill asks for a run of each time of a range that has none and gets none. A service
// submits them, the earliest first. A pause holds them up.
func Backfill(ctx context.Context, st store.Schedules, id string, spec *schedule.Spec, r Range, by string, now time.Time, said ...store.AuditEntry) ([]Made, error) {
	if r.Concurrency < 0 || r.Concurrency > MostAtOnce {
		return nil, fault.New(fault.Usage, "at most %d runs of a backfill go on at once, not %d", MostAtOnce, r.Concurrency)
	}
	var all []Made
	_, err := edit(ctx, st, id, said, func(c *store.ScheduleChange) (err error) {
		if all, err = plan(ctx, st, &c.Schedule, spec, r); err != nil {
			return err
		}
		batch := rand.Text()
		for i := range all {
			m := &all[i]
			if m.Taken {
				continue
			}
			f := store.Firing{
				Schedule: id, Time: m.Time, Decision: ForBackfill, Reason: m.Was, By: by, DecidedAt: now, State: store.FiringWaits,
				Batch: batch, Room: max(r.Concurrency, 1),
			}
			if m.row == nil {
				c.Add = append(c.Add, f)
				continue
			}
			f.Until = m.row.Until
			c.Set = append(c.Set, f)
		}
		return nil
	})
	return all, err
}

// Spec returns when a schedule fires that is decided about here. NotFound.
func (s *Scheduler) Spec(id string) (*schedule.Spec, error) {
	e := s.entry(id)
	if e == nil || e.trigger != nil {
		return nil, fault.New(fault.NotFound, "this service has no schedule %q", id).WithHint("executioner schedule list shows those that there are")
	}
	return e.spec, nil
}
