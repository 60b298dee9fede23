package stats

import (
	"time"
)

// Period is a day or a month, in UTC. Tallies are kept of both, so that long times are
// counted as quickly as short ones.
type Period int64

// firstMonth is the period of January of the year 0. All days are below.
const firstMonth Period = 1 << 40

// End is above every period.
const End Period = 1 << 41

const secondsOfDay = 24 * 60 * 60

// Day returns the day that t is in. Of no time it is the first of 1970.
func Day(t time.Time) Period {
	if t.IsZero() {
		return 0
	}
	days := t.Unix() / secondsOfDay
	if t.Unix()%secondsOfDay < 0 {
		days--
	}
	return Period(days)
}

// Month returns the month that t is in. Of no time it is the first of 1970.
func Month(t time.Time) Period { return Day(t).Month() }

// Month returns the month that a day is in, and a month itself.
func (p Period) Month() Period {
	if p >= firstMonth {
		return p
	}
	year, month, _ := p.Time().Date()
	return firstMonth + Period(12*year+int(month)-1)
}

// Time returns when the period begins.
func (p Period) Time() time.Time {
	if p < firstMonth {
		return time.Unix(int64(p)*secondsOfDay, 0).UTC()
	}
	n := int(p - firstMonth)
	return time.Date(n/12, time.Month(n%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// Span is some periods: those from From, before To.
type Span struct{ From, To Period }

// Days returns all days from the one that since is in. No time is before all.
func Days(since time.Time) []Span {
	if since.IsZero() {
		return []Span{{-firstMonth, firstMonth}}
	}
	return []Span{{Day(since), firstMonth}}
}

// Since returns the fewest periods that are all days from the one that since is in: what
// is left of that month, and all later months. No time is before all.
func Since(since time.Time) []Span {
	if since.IsZero() {
		return []Span{{firstMonth, End}}
	}
	day, month := Day(since), Month(since)
	if month.Time().Equal(day.Time()) {
		return []Span{{month, End}}
	}
	return []Span{{day, Day((month + 1).Time())}, {month + 1, End}}
}

// Before returns all days before the one that t is in, and all months before its month.
func Before(t time.Time) []Span {
	return []Span{{-firstMonth, Day(t)}, {firstMonth, Month(t)}}
}

// Unit is what a trend has one bucket for each of.
type Unit string

// The units.
const (
	ByDay   Unit = "day"
	ByWeek  Unit = "week" // from Monday
	ByMonth Unit = "month"
)

// Units returns all units, the shortest first.
func Units() []Unit { return []Unit{ByDay, ByWeek, ByMonth} }

// Begin returns when the bucket begins that a period is in.
func (u Unit) Begin(p Period) time.Time {
	switch u {
	case ByMonth:
		return p.Month().Time()
	case ByWeek:
		t := p.Time()
		return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
	default:
		return p.Time()
	}
}

// Spans returns the periods that a trend since some time is made of. Only a trend by
// months can do without the days.
func (u Unit) Spans(since time.Time) []Span {
	if u == ByMonth {
		return Since(since)
	}
	return Days(since)
}
