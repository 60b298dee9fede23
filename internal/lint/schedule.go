package lint

import (
	"time"

	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/workflow"
)

// eachSchedule visits the schedules whose times can be known.
func eachSchedule(l *linter, visit func(s *workflow.Schedule, spec *schedule.Spec, pos workflow.Pos)) {
	if l.Origin == nil || l.Origin.Zones == nil || l.Origin.Now.IsZero() {
		return
	}
	for i := range l.Schedules {
		s := &l.Schedules[i]
		if spec, err := l.Spec(s, l.Origin.Zones); err == nil && i < len(l.Origin.Schedules) {
			visit(s, spec, l.Origin.Schedules[i])
		}
	}
}

// neverFires finds schedules that have no time from now on.
func neverFires(l *linter) {
	eachSchedule(l, func(s *workflow.Schedule, spec *schedule.Spec, pos workflow.Pos) {
		if _, ok := spec.Next(l.Origin.Now); ok {
			return
		}
		why, hint := "there is no day on which it may fire", "look at its calendars"
		switch {
		case spec.Ended(l.Origin.Now):
			why, hint = "it ended at "+s.End, "take it out, or let it end later"
		case s.At != "" && len(spec.Include)+len(spec.Exclude) == 0:
			why, hint = "its time has passed, or is not within start and end", "take it out, or give it a later time"
		}
		l.add(l.rule.Level, "", pos, hint, "schedule %s never fires: %s", quote(s.Name), why)
	})
}

// yearAhead is how far changes of the clocks are looked at: one of each kind.
const yearAhead = 366 * 24 * time.Hour

// clockChanges finds schedules with a time that the clocks skip or show twice.
func clockChanges(l *linter) {
	eachSchedule(l, func(s *workflow.Schedule, spec *schedule.Spec, pos workflow.Pos) {
		now := l.Origin.Now.In(spec.Zone)
		change, ok := schedule.NextChange(spec.Zone, now)
		for ; ok && change.Before(now.Add(yearAhead)); change, ok = schedule.NextChange(spec.Zone, change) {
			for e := range spec.Between(change.Add(-4*time.Hour), change.Add(4*time.Hour)) {
				if text := changed(spec, e); text != "" && e.Excluded == "" && e.Time.After(now) {
					l.add(l.rule.Level, "", pos, "choose another hour, or time_zone: UTC, or say with lint_ignore that this is meant",
						"schedule %s: %s", quote(s.Name), text)
					return
				}
			}
		}
	})
}

// changed says what a change of the clocks does to an expected time; nothing where time
// goes by as always.
func changed(spec *schedule.Spec, e schedule.Expected) string {
	day, clock := e.Meant[:10], e.Meant[11:16]
	switch {
	case e.DST == schedule.Moved:
		return "on " + day + " the clocks skip " + clock + ", and it fires at " + e.Time.Format("15:04")
	case e.DST == schedule.First && spec.Once():
		return "on " + day + " the clocks show " + clock + " twice, and it fires the first time only"
	}
	return ""
}
