package history

import (
	"fmt"
	"time"
)

// rounding is by how much times that belong together may differ: the old program cut
// most of them to seconds.
const rounding = 2 * time.Second

// earliest is before the first version of the old program.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// clock turns the local times of an old history into moments.
type clock struct {
	zone   *time.Location
	latest time.Time // no time of the history can be later
}

// moment reads a time. One without an offset is local. after is a moment that it can't
// be before, which decides between the two meanings of an hour that comes twice.
func (c clock) moment(text string, after time.Time) (time.Time, error) {
	t, local, ok := parseTime(text)
	if !ok {
		return time.Time{}, fmt.Errorf("%q is no time", shorten(text, 40))
	}
	if local {
		t = c.fromLocal(t, after)
	}
	if t.Before(earliest) || t.After(c.latest) {
		return time.Time{}, fmt.Errorf("%s is no time at which it can have been", shorten(text, 40))
	}
	return t.UTC(), nil
}

// parseTime reads the two forms that the old program wrote. A fraction of a second may
// follow either. local is true when it has no offset; then t is the wall clock in UTC.
func parseTime(text string) (t time.Time, local, ok bool) {
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true, true
		}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, false, true
		}
	}
	return time.Time{}, false, false
}

// fromLocal says which moment a wall clock meant. Where the clock was set back an hour
// comes twice: the first of both is meant, unless that would be before after and the
// second is not. Where it was set forward an hour is missing: a time in it counts on
// from before the change, so that 02:30 is what is called 03:30.
func (c clock) fromLocal(wall, after time.Time) time.Time {
	before, later := c.offset(wall.Add(-24*time.Hour)), c.offset(wall.Add(24*time.Hour))
	first, second := wall.Add(-max(before, later)), wall.Add(-min(before, later))
	isFirst, isSecond := c.offset(first) == max(before, later), c.offset(second) == min(before, later)
	switch {
	case isFirst && isSecond:
		if first.Before(after.Add(-rounding)) && !second.Before(after.Add(-rounding)) {
			return second
		}
		return first
	case isFirst:
		return first
	case isSecond:
		return second
	default:
		return wall.Add(-before)
	}
}

// past returns t, or the latest time that there can be.
func (c clock) past(t time.Time) time.Time {
	if t.After(c.latest) {
		return c.latest
	}
	return t
}

// offset is what local time is ahead of UTC at a moment.
func (c clock) offset(t time.Time) time.Duration {
	_, seconds := t.In(c.zone).Zone()
	return time.Duration(seconds) * time.Second
}
