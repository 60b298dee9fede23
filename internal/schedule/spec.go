package schedule

import (
	"iter"
	"time"
)

// Spec says when something is expected. Exactly one of Cron, Every and At is set. It must
// not be changed once it is used, and may be shared then.
type Spec struct {
	Cron    *Cron
	Every   time.Duration // whole seconds, at least one, counted from Start or else from 1970-01-01T00:00Z
	At      Moment
	Zone    *time.Location // nil: UTC
	Start   Moment         // nothing is expected before it
	End     Moment         // nor after it: a day counts to its end
	Include []*Calendar    // expected only on days that are in one of them; none: on all
	Exclude []*Calendar    // days in one of these are skipped, and said to be
}

// Expected is a time at which something is expected.
type Expected struct {
	Time     time.Time // in the schedule's zone
	Meant    string    // what the clock on the wall was meant to show, such as 2026-03-29T02:30:00
	DST      DST
	Excluded string // the calendar because of which the day is skipped; empty: none
}

// horizon is how far ahead is looked: each date falls on each weekday in less time.
const horizon = 50 * 366 * daySeconds

// Next returns the first time after a moment at which something is expected and not
// excluded; false: there is none in the next 50 years.
func (s *Spec) Next(after time.Time) (Expected, bool) {
	f := s.finder(after, time.Time{})
	f.passing = true
	return f.next()
}

// Between yields what is expected after one moment and not after another, excluded days
// among them, in order.
func (s *Spec) Between(after, until time.Time) iter.Seq[Expected] {
	return func(yield func(Expected) bool) {
		f := s.finder(after, until)
		for {
			if e, ok := f.next(); !ok || !yield(e) {
				return
			}
		}
	}
}

// Ended reports whether nothing is expected at a moment and ever after, because of End.
func (s *Spec) Ended(now time.Time) bool {
	return s.End.Set() && now.Unix() >= s.End.end(s.zone())
}

func (s *Spec) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// finder finds one expected time after the other.
type finder struct {
	*Spec
	search  search
	from    int64 // Unix time of the first moment that may be found
	anchor  int64 // of an interval
	passing bool  // excluded days are passed over
}

// finder returns what finds times after a moment; until may be zero.
func (s *Spec) finder(after, until time.Time) *finder {
	zone := s.zone()
	f := &finder{Spec: s, from: after.Unix() + 1} // the first whole second after it
	if s.Start.Set() {
		f.anchor = s.Start.begin(zone).at
		f.from = max(f.from, f.anchor)
	}
	f.search = search{zone: zone, small: changeOfZone, ends: f.from + horizon}
	if !until.IsZero() {
		f.search.ends = min(f.search.ends, until.Unix()+1)
	}
	if s.End.Set() {
		f.search.ends = min(f.search.ends, s.End.end(zone))
	}
	if s.Cron != nil {
		f.search.wild = s.Cron.everyHour()
		f.search.next = func(from, until int64) (int64, bool) { return s.Cron.next(from, until, f.open) }
	}
	return f
}

// next returns the next expected time.
func (f *finder) next() (Expected, bool) {
	for f.from < f.search.ends {
		h, ok := f.hit()
		if !ok || h.at >= f.search.ends {
			break
		}
		f.from = h.at + 1
		day, _ := split(h.wall)
		if !f.open(day) {
			if f.Every > 0 {
				f.from = max(f.from, f.reopens(day, h.at))
			}
			continue
		}
		return f.expected(h, day), true
	}
	return Expected{}, false
}

// hit returns the next moment, which may be on a day that is not open.
func (f *finder) hit() (hit, bool) {
	switch {
	case f.Cron != nil:
		return f.search.first(f.from)
	case f.Every > 0:
		every := int64(f.Every / time.Second)
		past := f.from - f.anchor
		n := past / every
		if n*every < past {
			n++
		}
		at := f.anchor + n*every
		p := f.search.at(at)
		return hit{at, at + p.offset, f.search.twice(p, at+p.offset)}, true
	}
	h := f.At.begin(f.search.zone)
	return h, h.at >= f.from
}

// open reports whether something is expected on a day at all.
func (f *finder) open(day int64) bool {
	if f.passing && in(f.Exclude, day) != "" {
		return false
	}
	return len(f.Include) == 0 || in(f.Include, day) != ""
}

// in returns the name of the first calendar that has a day.
func in(all []*Calendar, day int64) string {
	for _, c := range all {
		if c.has(day) {
			return c.Name
		}
	}
	return ""
}

// reopens returns the moment at which the first open day after one begins, or is about to.
func (f *finder) reopens(day, at int64) int64 {
	for day++; !f.open(day); day++ {
		if day*daySeconds > f.search.ends+2*daySeconds {
			return f.search.ends
		}
	}
	m := Moment{wall: day * daySeconds}
	return m.begin(f.search.zone).at
}

func (f *finder) expected(h hit, day int64) Expected {
	return Expected{
		Time:     time.Unix(h.at, 0).In(f.search.zone),
		Meant:    time.Unix(h.wall, 0).UTC().Format("2006-01-02T15:04:05"),
		DST:      h.dst,
		Excluded: in(f.Exclude, day),
	}
}

// Once reports whether a time that the clocks show twice is expected once: that is so
// unless it goes by elapsed time, as an interval does and what fires in every hour.
func (s *Spec) Once() bool { return s.Every == 0 && (s.Cron == nil || !s.Cron.everyHour()) }
