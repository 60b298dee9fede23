package schedule

import (
	"strings"
	"time"
)

// Moment is a time as people write it: of a wall clock whose zone is said elsewhere, or
// with its own difference to UTC. The zero value is none.
type Moment struct {
	text string
	wall int64
	zone bool // it has its own difference to UTC, and wall is Unix time
	day  bool // it is a whole day
}

// ParseMoment reads 2026-12-01, 2026-12-01T02:00, 2026-12-01T02:00:30, or one of the latter
// with Z or +01:00 behind it. A blank may stand for the T. The error is a *SyntaxError.
func ParseMoment(text string) (Moment, error) {
	m := Moment{text: strings.TrimSpace(text)}
	plain := strings.Replace(m.text, " ", "T", 1)
	for _, form := range [...]string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", time.RFC3339} {
		t, err := time.Parse(form, plain)
		if err != nil || len(plain) > len("2006-01-02T15:04:05+07:00") || t.Nanosecond() != 0 {
			continue
		}
		m.day, m.zone = form == "2006-01-02", strings.HasSuffix(form, "07:00")
		m.wall = t.Unix() // without a zone it was read as UTC
		return m, nil
	}
	return Moment{}, wrong(0, "write 2026-12-01 or 2026-12-01T02:00", "%s is no day and no time that there is", shown(m.text))
}

// Forms of times as commands show them.
const (
	Shown       = "2006-01-02 15:04:05 -07:00"
	shownShort  = "2006-01-02 15:04 -07:00"
	ShownDay    = "Mon " + Shown
	ShownMinute = "Mon " + shownShort
)

// ParseShown reads a time as commands show it: 2026-12-01 02:00:00 +01:00, also without the
// seconds and with Mon in front.
func ParseShown(text string) (t time.Time, ok bool) {
	for _, form := range [...]string{Shown, shownShort, ShownDay, ShownMinute} {
		t, err := time.Parse(form, strings.TrimSpace(text))
		if err == nil && t.Nanosecond() == 0 {
			return t, true
		}
	}
	return time.Time{}, false
}

// ParseBound reads what ParseShown and ParseMoment do, as the bound of a range.
func ParseBound(text string) (Moment, error) {
	if t, ok := ParseShown(text); ok {
		return Moment{text: text, wall: t.Unix(), zone: true}, nil
	}
	return ParseMoment(text)
}

// String returns it as it was written.
func (m Moment) String() string { return m.text }

// Set reports whether there is one.
func (m Moment) Set() bool { return m.text != "" }

// Day reports whether it is a whole day.
func (m Moment) Day() bool { return m.day }

// begin returns the first Unix second of it in a zone, and what the clocks did to it.
func (m Moment) begin(zone *time.Location) hit {
	if m.zone {
		return hit{at: m.wall, wall: m.wall + periodAt(zone, m.wall).offset}
	}
	s := search{zone: zone, small: never, ends: never, next: func(from, _ int64) (int64, bool) { return m.wall, m.wall >= from }}
	h, _ := s.first(m.wall - 2*daySeconds)
	return h
}

// end returns the first Unix second behind it.
func (m Moment) end(zone *time.Location) int64 {
	if !m.day {
		return m.begin(zone).at + 1
	}
	m.wall += daySeconds
	return m.begin(zone).at
}

// After reports whether a day or time ends after another one begins, as wall times.
func (m Moment) After(other Moment) bool {
	if m.day {
		return m.wall+daySeconds > other.wall
	}
	return m.wall > other.wall
}

// In returns the moment at which it begins in a zone, and what the clocks do to it.
func (m Moment) In(zone *time.Location) (time.Time, DST) {
	h := m.begin(zone)
	return time.Unix(h.at, 0).In(zone), h.dst
}

// EndIn returns the first moment behind it in a zone: of a day the next one's midnight.
func (m Moment) EndIn(zone *time.Location) time.Time { return time.Unix(m.end(zone), 0).In(zone) }
