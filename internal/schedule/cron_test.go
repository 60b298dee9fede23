package schedule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mustCron(t testing.TB, text string) *Cron {
	t.Helper()
	c, err := ParseCron(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return c
}

func TestNext(t *testing.T) {
	tests := []struct {
		cron string
		want string // the times after Monday, 2026-11-23 10:00:30 UTC
	}{
		{"* * * * *", "11-23 10:01:00, 11-23 10:02:00, 11-23 10:03:00"},
		{"*/20 * * * * *", "11-23 10:00:40, 11-23 10:01:00, 11-23 10:01:20"},
		{"30 0 10 * * *", "11-24 10:00:30, 11-25 10:00:30, 11-26 10:00:30"},
		{"30 2 * * *", "11-24 02:30:00, 11-25 02:30:00, 11-26 02:30:00"},
		{"0 9-17/4 * * 1-5", "11-23 13:00:00, 11-23 17:00:00, 11-24 09:00:00"},
		{"0 0 * * SUN,wed", "11-25 00:00:00, 11-29 00:00:00, 12-02 00:00:00"},
		{"0 0 * * 7", "11-29 00:00:00, 12-06 00:00:00, 12-13 00:00:00"},
		{"0 0 * * FRI-SUN", "11-27 00:00:00, 11-28 00:00:00, 11-29 00:00:00"},
		{"0 0 * * 5-7", "11-27 00:00:00, 11-28 00:00:00, 11-29 00:00:00"},
		{"0 0 13 * FRI", "11-27 00:00:00, 12-04 00:00:00, 12-11 00:00:00"}, // either
		{"0 0 */9 * FRI", "2027-01-01 00:00:00, 2027-02-19 00:00:00, 2027-03-19 00:00:00"},
		{"0 0 13 * */6", "12-13 00:00:00, 2027-02-13 00:00:00, 2027-03-13 00:00:00"}, // both: a Saturday or Sunday
		{"0 0 13 * ?", "12-13 00:00:00, 2027-01-13 00:00:00, 2027-02-13 00:00:00"},
		{"0 0 ? * MON", "11-30 00:00:00, 12-07 00:00:00, 12-14 00:00:00"},
		{"0 0 1 jan,JUL *", "2027-01-01 00:00:00, 2027-07-01 00:00:00, 2028-01-01 00:00:00"},
		{"0 0 29 2 *", "2028-02-29 00:00:00, 2032-02-29 00:00:00, 2036-02-29 00:00:00"},
		{"0 0 31 * *", "12-31 00:00:00, 2027-01-31 00:00:00, 2027-03-31 00:00:00"},
		{"0 0 L * *", "11-30 00:00:00, 12-31 00:00:00, 2027-01-31 00:00:00"},
		{"0 0 L 2 *", "2027-02-28 00:00:00, 2028-02-29 00:00:00, 2029-02-28 00:00:00"},
		{"0 0 L-3 * *", "11-27 00:00:00, 12-28 00:00:00, 2027-01-28 00:00:00"},
		{"0 0 LW * *", "11-30 00:00:00, 12-31 00:00:00, 2027-01-29 00:00:00"},
		{"0 0 1W * *", "12-01 00:00:00, 2027-01-01 00:00:00, 2027-02-01 00:00:00"},
		{"0 0 2W 1,5,8 *", "2027-01-01 00:00:00, 2027-05-03 00:00:00, 2027-08-02 00:00:00"},
		{"0 0 1W 5,8 *", "2027-05-03 00:00:00, 2027-08-02 00:00:00, 2028-05-01 00:00:00"},
		{"0 0 31W * *", "12-31 00:00:00, 2027-01-29 00:00:00, 2027-03-31 00:00:00"},
		{"0 0 * * 5L", "11-27 00:00:00, 12-25 00:00:00, 2027-01-29 00:00:00"},
		{"0 0 * * fril", "11-27 00:00:00, 12-25 00:00:00, 2027-01-29 00:00:00"},
		{"0 0 * * MON#1", "12-07 00:00:00, 2027-01-04 00:00:00, 2027-02-01 00:00:00"},
		{"0 0 * * 7#5", "11-29 00:00:00, 2027-01-31 00:00:00, 2027-05-30 00:00:00"},
		{"0 0 1,L * *", "11-30 00:00:00, 12-01 00:00:00, 12-31 00:00:00"},
		{" @Daily ", "11-24 00:00:00, 11-25 00:00:00, 11-26 00:00:00"},
		{"@hourly", "11-23 11:00:00, 11-23 12:00:00, 11-23 13:00:00"},
		{"@weekly", "11-29 00:00:00, 12-06 00:00:00, 12-13 00:00:00"},
		{"@monthly", "12-01 00:00:00, 2027-01-01 00:00:00, 2027-02-01 00:00:00"},
		{"@annually", "2027-01-01 00:00:00, 2028-01-01 00:00:00, 2029-01-01 00:00:00"},
	}
	for _, test := range tests {
		spec := &Spec{Cron: mustCron(t, test.cron)}
		after := time.Date(2026, 11, 23, 10, 0, 30, 0, time.UTC)
		var got []string
		for range 3 {
			e, ok := spec.Next(after)
			if !ok {
				break
			}
			after = e.Time
			got = append(got, strings.TrimPrefix(after.Format("2006-01-02 15:04:05"), "2026-"))
		}
		if diff := cmp.Diff(test.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.cron, diff)
		}
	}
}

func TestCronMistakes(t *testing.T) {
	tests := []struct {
		cron string
		want string // offset: message | hint
	}{
		{"", "0: has 0 fields, not 5, or 6 with seconds | write minute, hour, day of the month, month and day of the week, such as 30 2 * * MON-FRI"},
		{"1 2 3 4", "0: has 4 fields, not 5, or 6 with seconds | write minute, hour, day of the month, month and day of the week, such as 30 2 * * MON-FRI"},
		{"60 * * * *", `0: has the minute "60", which is not from 0 to 59 | `},
		{"0  24 * * *", `3: has the hour "24", which is not from 0 to 23 | `},
		{"0 0 0 * *", `4: has the day of the month "0", which is not from 1 to 31 | `},
		{"0 0 1 13 *", `6: has the month "13", which is not from 1 to 12 | `},
		{"0 0 * * 8", `8: has the day of the week "8", which is not from 0 to 7 | `},
		{"60 0 0 * * *", `0: has the second "60", which is not from 0 to 59 | `},
		{"0 0 * JUM *", `6: has "JUM", which is no month | did you mean "JUN"?`},
		{"0 0 * * 1,2,MONDAY", `12: has "MONDAY", which is no day of the week | there are SUN, MON, TUE, WED, THU, FRI, SAT`},
		{"0 0 * * x", `8: has "x", which is no day of the week | there are SUN, MON, TUE, WED, THU, FRI, SAT`},
		{"0 5- * * *", "4: lacks a value for the hour | "},
		{"0 , * * *", "2: lacks a value for the hour | "},
		{"0 -1 * * *", "2: lacks a value for the hour | "},
		{"0 +1 * * *", `2: has "+1", which is no hour | `},
		{"H H * * *", `0: has "H", which is no minute | jitter spreads the times of many schedules`},
		{"0 22-2 * * *", "2: has a range of the hour that ends before it begins | write 22-23,0-2"},
		{"0 0 * * FRI-MON", "8: has a range of the day of the week that ends before it begins | write 5-6,0-1"},
		{"5/15 * * * *", "0: has a step behind one minute | write 5-59 and the step behind it"},
		{"*/0 * * * *", `2: has the step "0" of the minute, not one from 1 to 59 | `},
		{"*/x * * * *", `2: has the step "x" of the minute, not one from 1 to 59 | `},
		{"0 0 30 2 *", "4: names a day that none of its months has | "},
		{"0 0 31 4,6,9,11 *", "4: names a day that none of its months has | "},
		{"0 0 */30 * 3#2", "4: names a day that none of its months has | "},
		{"0 0 L-28 * *", `4: has "L-28", whose number is not from 0 to 27 | write a number of days before the last one, such as L-3`},
		{"0 0 WL * *", `4: has "WL", which is no day of the month | write L, L-3, LW or 15W`},
		{"0 0 32W * *", `4: has the day of the month "32", which is not from 1 to 31 | `},
		{"0 0 * * L", "8: has L alone as the day of the week | write SAT, or 6L for the last Saturday of the month"},
		{"0 0 * * 1#6", `10: has the number "6" of a weekday, not one from 1 to 5 | write 1 to 5, such as MON#2 for the second Monday`},
		{"0 0 * * 9L", `8: has the day of the week "9", which is not from 0 to 7 | `},
		{"0 0 * ? *", `6: has "?", which is no month | there are JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV, DEC`},
		{"@every 5m", "0: has @every, which is a field of its own | write the field every instead of cron, such as every: 15m"},
		{"@reboot", "0: has @reboot, which is no time | a unit of systemd can start something at boot"},
		{" @wekly", `1: has "@wekly", which is not known | did you mean "@weekly"?`},
		{"@nonsense", `0: has "@nonsense", which is not known | there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly`},
		{"0 0 \x80W * *", "4: has a character that no expression has | "},
		{"0 0 １ * *", "4: has a character that no expression has | "},
		{strings.Repeat("1,", 501) + " * * * *", "0: is longer than 1000 bytes | "},
	}
	for _, test := range tests {
		_, err := ParseCron(test.cron)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v", test.cron, err)
			continue
		}
		if got := fmt.Sprintf("%d: %s | %s", syntax.Offset, syntax.Error(), syntax.Hint); got != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.cron, got, test.want)
		}
	}
}

// TestDays compares days of the special kinds with what a calendar on the wall shows.
func TestDays(t *testing.T) {
	plain := func(d time.Time) bool { return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday }
	last := func(d time.Time) time.Time { return time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC) }
	near := func(d time.Time) time.Time { // the nearest weekday of the same month
		for n := range 4 {
			for _, c := range []time.Time{d.AddDate(0, 0, -n), d.AddDate(0, 0, n)} {
				if plain(c) && c.Month() == d.Month() {
					return c
				}
			}
		}
		return time.Time{}
	}
	rapid.Check(t, func(t *rapid.T) {
		date, day := rapid.IntRange(1, 31).Draw(t, "date"), rapid.IntRange(0, 6).Draw(t, "day")
		n := rapid.IntRange(1, 5).Draw(t, "n")
		kinds := map[string]func(d time.Time) bool{
			"L * *":                          func(d time.Time) bool { return d.Equal(last(d)) },
			"LW * *":                         func(d time.Time) bool { return d.Equal(near(last(d))) },
			fmt.Sprintf("L-%d * *", date%28): func(d time.Time) bool { return d.AddDate(0, 0, date%28).Equal(last(d)) },
			fmt.Sprintf("%dW * *", date): func(d time.Time) bool {
				target := time.Date(d.Year(), d.Month(), date, 0, 0, 0, 0, time.UTC)
				return target.Month() == d.Month() && d.Equal(near(target))
			},
			fmt.Sprintf("* * %dL", day):       func(d time.Time) bool { return int(d.Weekday()) == day && d.AddDate(0, 0, 7).Month() != d.Month() },
			fmt.Sprintf("* * %d#%d", day, n):  func(d time.Time) bool { return int(d.Weekday()) == day && (d.Day()+6)/7 == n },
			fmt.Sprintf("%d * %d", date, day): func(d time.Time) bool { return int(d.Weekday()) == day || d.Day() == date },
		}
		from := time.Date(rapid.IntRange(1890, 2200).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC)
		for text, fits := range kinds {
			c, err := ParseCron("0 0 " + text)
			if err != nil {
				t.Fatal(text, err)
			}
			var got, want []string
			until := from.AddDate(0, 15, 0)
			for e := range (&Spec{Cron: c}).Between(from.Add(-time.Second), until) {
				got = append(got, e.Time.Format(time.DateOnly))
			}
			for d := from; !d.After(until); d = d.AddDate(0, 0, 1) {
				if fits(d) {
					want = append(want, d.Format(time.DateOnly))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-want +got)\n%s", text, diff)
			}
		}
	})
}

// FuzzParseCron: whatever the text, there is an answer soon; what is accepted fires, at
// times that fit, and reads the same again.
func FuzzParseCron(f *testing.F) {
	for _, text := range []string{"* * * * *", "*/5 0-3 L-2,15W jan-mar MON#2", "0 0 29 2 5L", "@daily", "1 2 3 4 5 6", "0 0 ? * ?", "5/15 * * * *", "@"} {
		f.Add(text)
	}
	from := time.Date(2026, 11, 23, 10, 0, 30, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCron(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(text) || syntax.Msg == "" {
				t.Fatalf("%#v", err)
			}
			return
		}
		e, ok := (&Spec{Cron: c}).Next(from)
		if !ok || !e.Time.After(from) {
			t.Fatalf("%q: %v %v", text, e, ok)
		}
		again := mustCron(t, c.String())
		if diff := cmp.Diff(c, again, cmp.AllowUnexported(Cron{}, monthDays{}, weekDays{})); diff != "" {
			t.Fatal(diff)
		}
	})
}
