package scheduler

import (
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
)

// Bounds reads the bounds of a range as they are written: a day or a time, in the zone of
// the schedule where they say no other. A day of to is meant to its end; an empty to is now.
func Bounds(spec *schedule.Spec, from, to string, now time.Time) (Range, error) {
	zone := spec.Zone
	if zone == nil {
		zone = time.UTC
	}
	r := Range{To: now}
	m, err := schedule.ParseBound(from)
	if err != nil {
		return r, fault.New(fault.Usage, "from: %s", err).WithHint("write 2026-11-01 or 2026-11-01T12:00")
	}
	r.From, _ = m.In(zone)
	if to == "" {
		return r, nil
	}
	if m, err = schedule.ParseBound(to); err != nil {
		return r, fault.New(fault.Usage, "to: %s", err).WithHint("write 2026-11-01 or 2026-11-01T12:00")
	}
	r.To = m.EndIn(zone)
	return r, nil
}
