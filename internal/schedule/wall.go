package schedule

import "time"

// Wall times are what a clock on the wall shows, as seconds since 1970-01-01 00:00 by that
// clock. Days are numbered from that day.

const daySeconds = 24 * 60 * 60

// split returns the day of a wall time, and the seconds since its midnight.
func split(wall int64) (day, second int64) {
	day, second = wall/daySeconds, wall%daySeconds
	if second < 0 {
		day, second = day-1, second+daySeconds
	}
	return day, second
}

func dateOf(day int64) (year, month, date int) {
	y, m, d := time.Unix(day*daySeconds, 0).UTC().Date()
	return y, int(m), d
}

func dayOf(year, month, date int) int64 {
	return time.Date(year, time.Month(month), date, 0, 0, 0, 0, time.UTC).Unix() / daySeconds
}

func weekday(day int64) int { return weekdayAt(4, int(day%7)) } // 1970 began on a Thursday

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// monthOf returns the bit of a day's month.
func monthOf(day int64) uint16 {
	_, month, _ := dateOf(day)
	return 1 << month
}

func nextMonth(day int64) int64 {
	year, month, _ := dateOf(day)
	return dayOf(year, month+1, 1)
}

// period is a time during which a zone's clocks run without a change.
type period struct {
	start, end int64 // Unix seconds; end is the first second behind it
	offset     int64 // wall time less Unix time
	before     int64 // the offset before start
	after      int64 // the offset from end on
}

// Where a zone has no change any more.
const never = 1 << 62

// periodFrom returns the period of a zone that a moment belongs to, from that moment on:
// of the beginning that Go tells not all are true, where rules for ever follow the last
// change that a zone has.
func periodFrom(zone *time.Location, unix int64) period {
	t := time.Unix(unix, 0).In(zone)
	_, offset := t.Zone()
	p := period{unix, never, int64(offset), int64(offset), int64(offset)}
	_, to := t.ZoneBounds()
	if to.IsZero() {
		return p
	}
	if p.end = to.Unix(); p.end <= unix {
		p.end = yearEnd(unix)
	}
	_, after := time.Unix(p.end, 0).In(zone).Zone()
	p.after = int64(after)
	return p
}

// following returns the period behind one. Where nothing changes it is the same, longer.
func (p period) following(zone *time.Location) period {
	q := periodFrom(zone, p.end)
	q.before = p.offset
	if q.offset == p.offset {
		q.start, q.before = p.start, p.before
	}
	return q
}

// periodAt returns the period of a zone that a moment belongs to. A beginning that is long
// past is not looked for.
func periodAt(zone *time.Location, unix int64) period {
	p := periodFrom(zone, unix-2*daySeconds)
	for p.end <= unix {
		p = p.following(zone)
	}
	return p
}

// yearEnd returns the end of a moment's year in UTC. Go ends a year of a zone that has rules
// for ever after 365 days: on the last day of a leap year its ZoneBounds have passed. No
// rule changes clocks on that day.
func yearEnd(unix int64) int64 {
	return time.Date(time.Unix(unix, 0).UTC().Year()+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
}

// NextChange returns the first moment after another at which the clocks of a zone are
// changed; false: they are not in the next 50 years.
func NextChange(zone *time.Location, after time.Time) (time.Time, bool) {
	for from := after.Unix(); from < after.Unix()+horizon; {
		p := periodFrom(zone, from)
		if p.end == never {
			break
		}
		if p.after != p.offset {
			return time.Unix(p.end, 0).In(zone), true
		}
		from = p.end
	}
	return time.Time{}, false
}
