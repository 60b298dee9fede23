package schedule

import "math/bits"

// Cron is a parsed cron expression. It is never changed, so it may be shared.
type Cron struct {
	text    string
	second  uint64 // bit n: it fires in second n
	minute  uint64
	hour    uint32
	month   uint16 // bits 1 to 12
	dom     monthDays
	dow     weekDays
	eitherD bool // a day fits when one of dom and dow does; else both must
}

// monthDays are days of a month.
type monthDays struct {
	days    uint32 // bits 1 to 31
	last    uint32 // bit n: n days before the last one
	near    uint32 // bit n: the weekday that is nearest to day n
	lastBiz bool   // the last weekday
}

// weekDays are days of a week, 0 is Sunday.
type weekDays struct {
	days uint8
	nth  [7]uint8 // bit n: the n-th of its month
	last uint8    // the last of its month
}

const allHours = 1<<24 - 1

// String returns the expression as it was written.
func (c *Cron) String() string { return c.text }

// everyHour reports whether it fires in every hour of the days on which it fires: such a
// one goes by elapsed time when the clocks change, others by the clock on the wall.
func (c *Cron) everyHour() bool { return c.hour == allHours }

// next returns the first wall time that fits, not before from and not after until.
func (c *Cron) next(from, until int64, open func(day int64) bool) (int64, bool) {
	day, second := split(from)
	if at, ok := c.clock(second); ok && c.fits(day) && open(day) {
		return day*daySeconds + at, day*daySeconds+at <= until
	}
	for day++; day*daySeconds <= until; {
		if c.month&monthOf(day) == 0 {
			day = nextMonth(day)
			continue
		}
		if c.fits(day) && open(day) {
			at, _ := c.clock(0)
			return day*daySeconds + at, day*daySeconds+at <= until
		}
		day++
	}
	return 0, false
}

// clock returns the first second of a day that fits, not before from.
func (c *Cron) clock(from int64) (int64, bool) {
	h, m, s := int(from/3600), int(from/60%60), int(from%60)
	if at := first(uint64(c.hour), h); at != h {
		h, m, s = at, 0, 0
	}
	for ; h < 64; h, m, s = first(uint64(c.hour), h+1), 0, 0 {
		if at := first(c.minute, m); at != m {
			m, s = at, 0
		}
		for ; m < 64; m, s = first(c.minute, m+1), 0 {
			if at := first(c.second, s); at < 64 {
				return int64(h*3600 + m*60 + at), true
			}
		}
	}
	return 0, false
}

// first returns the lowest bit of set that is not below from; 64: there is none.
func first(set uint64, from int) int {
	if from > 63 {
		return 64
	}
	return bits.TrailingZeros64(set >> from << from)
}

// fits reports whether it fires on a day.
func (c *Cron) fits(day int64) bool {
	year, month, date := dateOf(day)
	if c.month&(1<<month) == 0 {
		return false
	}
	length, week := daysIn(year, month), weekday(day)
	dom, dow := c.dom.fit(date, length, week), c.dow.fit(date, length, week)
	if c.eitherD {
		return dom || dow
	}
	return dom && dow
}

func (m *monthDays) fit(date, length, week int) bool {
	if m.days&(1<<date) != 0 || m.last&(1<<(length-date)) != 0 {
		return true
	}
	if m.near == 0 && !m.lastBiz || week == 0 || week == 6 {
		return false
	}
	if m.lastBiz && date == lastWeekday(length, week, date) {
		return true
	}
	for near := m.near; near != 0; near &= near - 1 {
		if target := bits.TrailingZeros32(near); target <= length && date == nearWeekday(target, length, weekdayAt(week, target-date)) {
			return true
		}
	}
	return false
}

// lastWeekday returns the date of a month's last day from Monday to Friday; date is one of
// its days, and week that day's weekday.
func lastWeekday(length, week, date int) int {
	return nearWeekday(length, length, weekdayAt(week, length-date))
}

// nearWeekday returns the date of the day from Monday to Friday that is nearest to a date,
// within its month; week is the weekday of the date.
func nearWeekday(date, length, week int) int {
	switch {
	case week == 6 && date == 1:
		return 3
	case week == 6:
		return date - 1
	case week == 0 && date == length:
		return date - 2
	case week == 0:
		return date + 1
	}
	return date
}

func weekdayAt(week, days int) int { return ((week+days)%7 + 7) % 7 }

func (w *weekDays) fit(date, length, week int) bool {
	bit := uint8(1) << week
	return w.days&bit != 0 || w.nth[week]&(1<<((date-1)/7+1)) != 0 || w.last&bit != 0 && date+7 > length
}

// possible reports whether there is a day at all on which it fires. Within 50 years each
// date falls on each weekday.
func (c *Cron) possible() bool {
	from := dayOf(2000, 1, 1) * daySeconds
	_, ok := c.next(from, from+horizon, anyDay)
	return ok
}

func anyDay(int64) bool { return true }
