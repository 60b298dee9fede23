package schedule

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Calendar is a set of days. It is never changed, so it may be shared.
type Calendar struct {
	Name   string
	spans  []span          // by their first day, none within or next to another
	yearly map[[2]int]bool // month and date
}

// span is the days from the first to the last.
type span struct{ first, last int64 }

// NewCalendar makes a set of days: 2026-12-25, 2026-12-24..2026-12-31, or 12-25 for each
// year. The error is a *SyntaxError, and bad the index of the text that it is about.
func NewCalendar(name string, days []string) (c *Calendar, bad int, err error) {
	c = &Calendar{Name: name, yearly: map[[2]int]bool{}}
	for i, text := range days {
		if err := c.add(strings.TrimSpace(text)); err != nil {
			return nil, i, err
		}
	}
	slices.SortFunc(c.spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	merged := c.spans[:0]
	for _, s := range c.spans {
		if n := len(merged); n > 0 && s.first <= merged[n-1].last+1 {
			merged[n-1].last = max(merged[n-1].last, s.last)
			continue
		}
		merged = append(merged, s)
	}
	c.spans = merged
	return c, 0, nil
}

func (c *Calendar) add(text string) error {
	if t, err := time.Parse("2006-01-02", "2000-"+text); err == nil { // 2000 has a 29 February
		c.yearly[[2]int{int(t.Month()), t.Day()}] = true
		return nil
	}
	from, to, ranged := strings.Cut(text, "..")
	first, err := readDay(from, 0)
	if err != nil {
		return err
	}
	last := first
	if ranged {
		if last, err = readDay(to, len(from)+2); err != nil {
			return err
		}
	}
	if last < first {
		return wrong(0, "", "%s ends before it begins", shown(text))
	}
	c.spans = append(c.spans, span{first, last})
	return nil
}

func readDay(text string, at int) (int64, error) {
	t, err := time.Parse("2006-01-02", text)
	if err != nil {
		return 0, wrong(at, "write a day such as 2026-12-25, 12-25 for each year, or 2026-12-24..2026-12-31", "%s is no day that there is", shown(text))
	}
	day, _ := split(t.Unix())
	return day, nil
}

// Has reports whether the day of a time, in the time's own zone, is in the set.
func (c *Calendar) Has(t time.Time) bool {
	_, offset := t.Zone()
	day, _ := split(t.Unix() + int64(offset))
	return c.has(day)
}

func (c *Calendar) has(day int64) bool {
	_, found := slices.BinarySearchFunc(c.spans, day, func(s span, day int64) int {
		switch {
		case s.last < day:
			return -1
		case s.first > day:
			return 1
		}
		return 0
	})
	if found || len(c.yearly) == 0 {
		return found
	}
	_, month, date := dateOf(day)
	return c.yearly[[2]int{month, date}]
}
