package scheduler

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
)

// Decisions that were made by hand, beside those of schedule.Action.
const (
	ForBackfill = "backfill" // a range of times was asked for
	ForNow      = "now"      // a run was asked for; its time is that of the request, and never a whole second
)

// decideTries is how often somebody else may be faster.
const decideTries = 5

// decide decides about a schedule and does what follows. It returns when to do so again if
// nothing happens before.
func (s *Scheduler) decide(ctx context.Context, e *entry, now time.Time) (next time.Time, err error) {
	for tries := range decideTries {
		if next, err = s.decideOnce(ctx, e, now, tries > 0); fault.CodeOf(err) != fault.Conflict {
			break
		}
	}
	return next, err
}

// decideOnce decides; again says that somebody else did so at the same time.
func (s *Scheduler) decideOnce(ctx context.Context, e *entry, now time.Time, again bool) (next time.Time, err error) {
	c, err := s.prepare(ctx, e, now)
	if err != nil {
		return time.Time{}, err
	}
	if e.trigger != nil {
		return time.Time{}, s.waiting(ctx, e, c, now)
	}
	in := schedule.Input{ID: e.id, Now: now, Decided: c.decided, Active: c.active()}
	if again || c.other {
		if in.Taken, err = s.taken(ctx, e.id, c.decided); err != nil {
			return time.Time{}, err
		}
	}
	policy := e.def.Policy()
	policy.Paused = policy.Paused || c.Schedule.Paused
	out := schedule.Decide(e.spec, policy, in)
	c.take(&out, now)
	if s.cfg.Missed != nil {
		c.tellMissed()
	}
	if !c.Schedule.Paused {
		c.releaseBatches()
	}
	if c.changed() {
		if err := s.cfg.Store.ChangeSchedule(ctx, c.ScheduleChange); err != nil {
			return time.Time{}, err
		}
	}
	e.decided = out.Decided
	s.follow(ctx, e, c)
	return out.Wake, nil
}

// waiting lets go on what waits of a trigger, where nothing is in its way any more.
func (s *Scheduler) waiting(ctx context.Context, e *entry, c *change, now time.Time) error {
	out := s.admitted(e, c, nil)
	c.take(&out, now)
	if c.changed() {
		if err := s.cfg.Store.ChangeSchedule(ctx, c.ScheduleChange); err != nil {
			return err
		}
	}
	s.follow(ctx, e, c)
	return nil
}

// follow does what follows from a change that is recorded.
func (s *Scheduler) follow(ctx context.Context, e *entry, c *change) {
	for _, f := range c.due() {
		s.submit(e, f)
	}
	s.replace(ctx, e, c.replaced())
}

// change is what a decision changes. rows are those that were open, as they become.
type change struct {
	store.ScheduleChange
	was     store.Schedule
	decided time.Time // until then all is decided
	other   bool      // what was recorded last is of another version of the schedule, or that it is gone
	beside  bool      // that other version stays the recorded one
	rows    []store.Firing
	set     map[int]bool // of rows: these change
}

// prepare reads how a schedule stands.
//
// Services see a new version of a workflow one after the other, and a file may differ from
// host to host for ever. One that comes to know a version records that it counts from now
// on. One that had its own before goes on with that beside it, from where it stopped, until
// it sees the new one: so whoever is quicker, no time of either version is left out, and one
// of both has one row.
func (s *Scheduler) prepare(ctx context.Context, e *entry, now time.Time) (*change, error) {
	known, open, err := s.cfg.Store.Schedule(ctx, e.id)
	if fault.CodeOf(err) == fault.NotFound {
		known = store.Schedule{ID: e.id, Workflow: e.workflow, Name: e.def.Name, Kind: e.kind(), Application: e.application, Hash: e.hash, Decided: now}
		err = nil
	}
	if err != nil {
		return nil, err
	}
	c := &change{was: known, rows: open, set: map[int]bool{}, decided: known.Decided}
	c.other = known.Hash != e.hash || known.Gone
	switch {
	case c.other && !e.decided.IsZero():
		c.decided, c.beside = e.decided, !known.Gone
	case c.other && now.After(known.Decided):
		c.decided = now
	}
	if !c.beside {
		known.Hash, known.Gone, known.Kind, known.Application, known.Decided = e.hash, false, e.kind(), e.application, c.decided
	}
	if known.Zone = e.def.TimeZone; s.usable(e.workflow) {
		known.Broken, known.BrokenWhy = time.Time{}, ""
	}
	c.Schedule = known
	return c, s.settle(ctx, c)
}

// taken reads which times after one have a decision.
func (s *Scheduler) taken(ctx context.Context, id string, after time.Time) (func(time.Time) bool, error) {
	rows, err := s.cfg.Store.Firings(ctx, store.FiringFilter{Schedule: id, Since: after})
	return func(at time.Time) bool {
		return slices.ContainsFunc(rows, func(f store.Firing) bool {
			return f.Time.Equal(at) || f.Time.Before(at) && !f.Until.Before(at)
		})
	}, err
}

// settle looks which runs have ended.
func (s *Scheduler) settle(ctx context.Context, c *change) error {
	for i := range c.rows {
		f := &c.rows[i]
		over, err := ended(ctx, s.cfg.Store, f)
		if err != nil {
			return err
		}
		if over {
			f.State = store.FiringOver
			c.set[i] = true
			s.mu.Lock()
			delete(s.cancelled, f.Run)
			s.mu.Unlock()
		}
	}
	return nil
}

// active returns the times that stand in the way of others. Those of backfills don't.
func (c *change) active() (all []schedule.Active) {
	for i := range c.rows {
		f := &c.rows[i]
		if !f.State.Open() || f.Batch != "" || missed(f) {
			continue
		}
		a := schedule.Active{Time: f.Time}
		switch f.State {
		case store.FiringRunning:
			a.Run = f.Run.String()
		case store.FiringDue:
			a.Run = f.Time.Format(time.RFC3339) // it has no other name yet
		}
		all = append(all, a)
	}
	return all
}

// take takes over what was decided.
func (c *change) take(out *schedule.Output, now time.Time) {
	for i := range out.Decisions {
		d := &out.Decisions[i]
		f := store.Firing{
			Schedule: c.Schedule.ID, Time: d.Time, Until: d.Until, Decision: string(d.Action), Reason: string(d.Reason), By: d.By, DecidedAt: now,
			State: store.FiringOver,
		}
		switch d.Action {
		case schedule.Start, schedule.Late:
			f.State = store.FiringDue
		case schedule.Queue, schedule.Replace:
			f.State = store.FiringWaits
		case schedule.Skip, schedule.Miss:
		}
		c.Add = append(c.Add, f)
	}
	for _, at := range out.Release {
		c.edit(at, func(f *store.Firing) { f.State = store.FiringDue })
	}
	for _, at := range out.Drop {
		c.edit(at, func(f *store.Firing) {
			f.State, f.Decision, f.Reason = store.FiringOver, string(schedule.Skip), string(schedule.ForOverlap)
			f.By = out.Decisions[len(out.Decisions)-1].Time.Format(time.RFC3339)
		})
	}
	if !c.beside {
		c.Schedule.Decided, c.Schedule.Next = out.Decided, out.Wake
	}
}

func (c *change) edit(at time.Time, do func(f *store.Firing)) {
	for i := range c.rows {
		if c.rows[i].Time.Equal(at) {
			do(&c.rows[i])
			c.set[i] = true
		}
	}
}

// releaseBatches lets as many times of each backfill go on as there is room for, the
// earliest first.
func (c *change) releaseBatches() {
	taken := map[string]int{}
	for i := range c.rows {
		if f := &c.rows[i]; f.Batch != "" && (f.State == store.FiringDue || f.State == store.FiringRunning) {
			taken[f.Batch]++
		}
	}
	for i := range c.rows {
		f := &c.rows[i]
		if f.Batch == "" || f.State != store.FiringWaits || taken[f.Batch] >= f.Room {
			continue
		}
		f.State = store.FiringDue
		taken[f.Batch]++
		c.set[i] = true
	}
}

// changed completes the change, and reports whether there is one.
func (c *change) changed() bool {
	for i := range c.rows {
		if c.set[i] {
			c.Set = append(c.Set, c.rows[i])
		}
	}
	now, was := c.Schedule.Normal(), c.was.Normal()
	return was.Revision == 0 || len(c.Add)+len(c.Set) > 0 || now != was
}

// due returns what is to be submitted because of this change.
func (c *change) due() (all []store.Firing) {
	for _, f := range slices.Concat(c.Set, c.Add) {
		if f.State == store.FiringDue {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b store.Firing) int { return a.Time.Compare(b.Time) })
	return all
}

// replaced returns the runs whose end a time waits for that cancels them.
func (c *change) replaced() (all []run.ID) {
	var last time.Time
	for _, f := range slices.Concat(c.rows, c.Add) {
		if f.State == store.FiringWaits && f.Decision == string(schedule.Replace) && f.Time.After(last) {
			last = f.Time
		}
	}
	for i := range c.rows {
		if f := &c.rows[i]; f.State == store.FiringRunning && f.Batch == "" && f.Time.Before(last) {
			all = append(all, f.Run)
		}
	}
	return all
}

// replace asks runs to end for which another one waits. What fails is asked again: see sweep.
func (s *Scheduler) replace(ctx context.Context, e *entry, ids []run.ID) {
	for _, id := range ids {
		s.mu.Lock()
		asked := s.cancelled[id]
		s.mu.Unlock()
		if asked {
			continue
		}
		r, err := s.cfg.Store.Run(ctx, id)
		if err == nil {
			err = s.cfg.Runs.Cancel(ctx, r, store.CancelRun, nil, e.submitter())
		}
		switch fault.CodeOf(err) {
		case "", fault.NotFound, fault.Conflict:
			s.mu.Lock()
			s.cancelled[id] = true
			s.mu.Unlock()
		default:
			s.trouble("a run that is to be replaced can't be cancelled for now", e.id, err)
		}
	}
}

// grace is how long a service gets to submit what it has decided, before others do.
const grace = 2 * time.Second

// graceOfGone is the same where others can't, because the schedule is there no more.
const graceOfGone = 10 * time.Second

// sweep looks after what waits for other runs, and after what was left: decided by a program
// that ended before it was submitted, or refused for the time being.
func (s *Scheduler) sweep(ctx context.Context, now time.Time, believed bool) {
	open, err := s.cfg.Store.OpenFirings(ctx)
	if err != nil {
		return // the next look at the workflows tells
	}
	var waits []*entry
	for i := range open {
		f := &open[i]
		e := s.entry(f.Schedule)
		age := now.Sub(f.DecidedAt)
		switch {
		case e == nil:
			if age >= graceOfGone || age < 0 {
				s.abandon(ctx, f)
			}
		case f.State == store.FiringWaits:
			if believed && (len(waits) == 0 || waits[len(waits)-1] != e) { // they come by schedule
				waits = append(waits, e)
			}
		case age >= grace || age < 0 || f.Decision == ForNow:
			s.submit(e, *f)
		}
	}
	slices.SortFunc(waits, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
	s.decideAll(ctx, slices.Compact(waits), now)
}
