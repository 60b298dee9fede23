package stats

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		zone := time.FixedZone("", 60*rapid.IntRange(-840, 840).Draw(t, "minutes"))
		return time.Unix(rapid.Int64Range(-40_000_000_000, 40_000_000_000).Draw(t, "seconds"), 0).In(zone)
	})
}

// A day and a month begin where the calendar says, and last until the next.
func TestPeriods(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := moments().Draw(t, "at").UTC()
		y, m, d := at.Date()
		if got, want := Day(at).Time(), time.Date(y, m, d, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
			t.Fatalf("day of %v is %v", at, got)
		}
		if got, want := Month(at).Time(), time.Date(y, m, 1, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
			t.Fatalf("month of %v is %v", at, got)
		}
		if Month(at).Month() != Month(at) || Day(at) >= firstMonth || Month(at) < firstMonth || Month(at) >= End {
			t.Fatalf("days and months of %v are mixed up", at)
		}
		if week := ByWeek.Begin(Day(at)); week.Weekday() != time.Monday || at.Before(week) || at.Sub(week) >= 7*24*time.Hour {
			t.Fatalf("week of %v begins %v", at, week)
		}
	})
}

// Since takes each day from the one of since on once, alone or with its month.
func TestSinceTakesEachDayOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		since := moments().Draw(t, "since")
		first := Day(since)
		in := func(p Period) (n int) {
			for _, s := range Since(since) {
				if s.From <= p && p < s.To {
					n++
				}
			}
			return n
		}
		for _, day := range []Period{first - 400, first - 32, first - 1, first, first + 1, first + 27, first + 31, first + 365} {
			want := 1
			if day < first {
				want = 0
			}
			if got := in(day) + in(day.Month()); got != want {
				t.Fatalf("since %v: %v is taken %d times", since, day.Time(), got)
			}
		}
		if got := Days(since); len(got) != 1 || got[0] != (Span{first, firstMonth}) {
			t.Fatalf("days: %v", got)
		}
	})
}

func TestAllTime(t *testing.T) {
	if s := Since(time.Time{}); len(s) != 1 || s[0] != (Span{firstMonth, End}) {
		t.Error(s)
	}
	if s := ByDay.Spans(time.Time{}); len(s) != 1 || s[0].From >= Day(time.Unix(-1<<36, 0)) || s[0].To != firstMonth {
		t.Error(s)
	}
	if s := ByMonth.Spans(time.Time{}); len(s) != 1 || s[0] != (Span{firstMonth, End}) {
		t.Error(s)
	}
	if Day(time.Time{}) != 0 || !Month(time.Time{}).Time().Equal(time.Unix(0, 0)) {
		t.Error("no time is not in the first of 1970")
	}
	for _, u := range Units() {
		if at := u.Begin(0); at.After(time.Unix(0, 0)) || at.Before(time.Unix(-7*secondsOfDay, 0)) {
			t.Error(u, at)
		}
	}
}
