package schedule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
)

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func mustMoment(t testing.TB, text string) Moment {
	t.Helper()
	if text == "" {
		return Moment{}
	}
	m, err := ParseMoment(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustCalendar(t testing.TB, name string, days ...string) *Calendar {
	t.Helper()
	c, _, err := NewCalendar(name, days)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// show writes an expected time in one word.
func show(e Expected) string {
	text := e.Time.Format("01-02T15:04-07")
	if e.DST != Steady {
		text += "(" + string(e.DST) + " " + e.Meant[11:16] + ")"
	}
	if e.Excluded != "" {
		text += "[" + e.Excluded + "]"
	}
	return text
}

func shows(s *Spec, from, to string) string {
	var all []string
	begin, _ := time.Parse(time.RFC3339, from)
	end, _ := time.Parse(time.RFC3339, to)
	for e := range s.Between(begin.Add(-time.Second), end.Add(-time.Second)) {
		if all = append(all, show(e)); len(all) == 8 {
			break
		}
	}
	return strings.Join(all, " ")
}

// TestClockChanges is the rule of docs/decisions/0017-own-cron.md in examples.
func TestClockChanges(t *testing.T) {
	tests := []struct{ zone, cron, from, to, want string }{
		// 2027-03-28 02:00 becomes 03:00
		{"Europe/Berlin", "30 2 * * *", "2027-03-27T00:00:00Z", "2027-03-30T00:00:00Z", "03-27T02:30+01 03-28T03:00+02(moved 02:30) 03-29T02:30+02"},
		{"Europe/Berlin", "0,30 2 * * *", "2027-03-28T00:00:00Z", "2027-03-29T00:00:00Z", "03-28T03:00+02(moved 02:00)"},
		{"Europe/Berlin", "0 2,3 * * *", "2027-03-28T00:00:00Z", "2027-03-29T00:00:00Z", "03-28T03:00+02(moved 02:00)"},
		{"Europe/Berlin", "0 */2 * * *", "2027-03-27T23:00:00Z", "2027-03-28T04:00:00Z", "03-28T00:00+01 03-28T03:00+02(moved 02:00) 03-28T04:00+02"},
		{"Europe/Berlin", "30 * * * *", "2027-03-28T00:00:00Z", "2027-03-28T03:00:00Z", "03-28T01:30+01 03-28T03:30+02 03-28T04:30+02"},
		{"Europe/Berlin", "*/20 2 * * *", "2027-03-28T00:00:00Z", "2027-03-29T00:00:00Z", "03-28T03:00+02(moved 02:00)"},
		// 2027-10-31 03:00 becomes 02:00
		{"Europe/Berlin", "30 2 * * *", "2027-10-30T00:00:00Z", "2027-11-01T12:00:00Z", "10-30T02:30+02 10-31T02:30+02(first 02:30) 11-01T02:30+01"},
		{"Europe/Berlin", "30 1-3 * * *", "2027-10-30T22:00:00Z", "2027-10-31T05:00:00Z", "10-31T01:30+02 10-31T02:30+02(first 02:30) 10-31T03:30+01"},
		{"Europe/Berlin", "30 * * * *", "2027-10-30T23:00:00Z", "2027-10-31T03:00:00Z", "10-31T01:30+02 10-31T02:30+02(first 02:30) 10-31T02:30+01(second 02:30) 10-31T03:30+01"},
		{"Europe/Berlin", "30 0-23 * * *", "2027-10-31T00:00:00Z", "2027-10-31T02:00:00Z", "10-31T02:30+02(first 02:30) 10-31T02:30+01(second 02:30)"},
		// half an hour
		{"Australia/Lord_Howe", "10,40 2 * * *", "2027-10-02T12:00:00Z", "2027-10-03T12:00:00Z", "10-03T02:30+11(moved 02:10) 10-03T02:40+11"},
		{"Australia/Lord_Howe", "10,40 1 * * *", "2027-04-03T12:00:00Z", "2027-04-04T12:00:00Z", "04-04T01:10+11 04-04T01:40+11(first 01:40)"},
		// at midnight
		{"America/Santiago", "15 0 * * *", "2027-09-04T12:00:00Z", "2027-09-06T12:00:00Z", "09-05T01:00-03(moved 00:15) 09-06T00:15-03"},
		{"America/Santiago", "30 23 * * *", "2027-04-03T12:00:00Z", "2027-04-05T12:00:00Z", "04-03T23:30-03(first 23:30) 04-04T23:30-04"},
		// another zone: a day is gone, or three hours come twice
		{"Pacific/Apia", "0 12 * * *", "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z", "12-29T12:00-10 12-31T12:00+14 01-01T12:00+14"},
		{"Antarctica/Casey", "30 1 * * *", "2010-03-03T12:00:00Z", "2010-03-06T12:00:00Z", "03-04T01:30+11 03-05T01:30+11(first 01:30) 03-05T01:30+08(second 01:30) 03-06T01:30+08"},
		// two hours at once, where rules for ever begin later than Go says
		{"America/Indiana/Winamac", "30 2 * * *", "2007-03-11T00:00:00Z", "2007-03-12T00:00:00Z", "03-11T04:00-04(moved 02:30)"},
		// the last day of a leap year
		{"Europe/Berlin", "0 12 * * *", "2028-12-30T00:00:00Z", "2029-01-02T00:00:00Z", "12-30T12:00+01 12-31T12:00+01 01-01T12:00+01"},
	}
	for _, test := range tests {
		spec := &Spec{Cron: mustCron(t, test.cron), Zone: mustZone(t, test.zone)}
		if got := shows(spec, test.from, test.to); got != test.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", test.zone, test.cron, got, test.want)
		}
	}
}

func TestSpec(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	days := mustCalendar(t, "days", "2027-03-27..2027-03-28", "2027-04-01")
	off := mustCalendar(t, "off", "03-28")
	cron := mustCron(t, "30 2 * * *")
	hour := mustCron(t, "0 * * * *")
	tests := []struct {
		name string
		spec Spec
		want string // from 2027-03-27T00:00Z to 04-03, the first eight
	}{
		{"interval", Spec{Every: 36 * time.Hour}, "03-27T00:00+00 03-28T12:00+00 03-30T00:00+00 03-31T12:00+00 04-02T00:00+00"},
		{"anchored", Spec{Every: 36 * time.Hour, Start: mustMoment(t, "2027-03-27T10:00"), Zone: berlin}, "03-27T10:00+01 03-28T23:00+02 03-30T11:00+02 03-31T23:00+02 04-02T11:00+02"},
		{"anchored long ago", Spec{Every: 36 * time.Hour, Start: mustMoment(t, "2027-01-01"), Zone: berlin}, "03-27T12:00+01 03-29T01:00+02 03-30T13:00+02 04-01T01:00+02 04-02T13:00+02"},
		{"interval on days", Spec{Every: 13 * time.Hour, Include: []*Calendar{days}, Zone: berlin, Start: mustMoment(t, "2027-01-01")}, "03-27T01:00+01 03-27T14:00+01 03-28T04:00+02 03-28T17:00+02 04-01T12:00+02"},
		{"once", Spec{At: mustMoment(t, "2027-03-28T02:30"), Zone: berlin}, "03-28T03:00+02(moved 02:30)"},
		{"once elsewhere", Spec{At: mustMoment(t, "2027-03-28T02:30-05:00"), Zone: berlin}, "03-28T09:30+02"},
		{"once, skipped", Spec{At: mustMoment(t, "2027-03-28 12:00"), Zone: berlin, Exclude: []*Calendar{off}}, "03-28T12:00+02[off]"},
		{"once, never", Spec{At: mustMoment(t, "2027-03-30T12:00"), Zone: berlin, Include: []*Calendar{days}}, ""},
		{"bounds of days", Spec{Cron: cron, Start: mustMoment(t, "2027-03-29"), End: mustMoment(t, "2027-03-31")}, "03-29T02:30+00 03-30T02:30+00 03-31T02:30+00"},
		{"bounds of time", Spec{Cron: cron, Start: mustMoment(t, "2027-03-29T02:30:00"), End: mustMoment(t, "2027-03-30T02:30")}, "03-29T02:30+00 03-30T02:30+00"},
		{"bounds between", Spec{Cron: cron, Start: mustMoment(t, "2027-03-29T02:30:01"), End: mustMoment(t, "2027-03-31T02:29:59Z")}, "03-30T02:30+00"},
		{"on days", Spec{Cron: cron, Include: []*Calendar{days}}, "03-27T02:30+00 03-28T02:30+00 04-01T02:30+00"},
		{"not on days", Spec{Cron: cron, Exclude: []*Calendar{off, days}, End: mustMoment(t, "2027-03-29")}, "03-27T02:30+00[days] 03-28T02:30+00[off] 03-29T02:30+00"},
		{"on days but one", Spec{Cron: cron, Include: []*Calendar{days}, Exclude: []*Calendar{off}}, "03-27T02:30+00 03-28T02:30+00[off] 04-01T02:30+00"},
		{"every hour on days", Spec{Cron: hour, Include: []*Calendar{off}, Zone: berlin, Start: mustMoment(t, "2027-03-28T21:00")}, "03-28T21:00+02 03-28T22:00+02 03-28T23:00+02"},
	}
	for _, test := range tests {
		if got := shows(&test.spec, "2027-03-27T00:00:00Z", "2027-04-03T00:00:00Z"); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

// Next passes over excluded days, and gives up in the end.
func TestNextPasses(t *testing.T) {
	from := time.Date(2027, 3, 27, 12, 0, 0, 0, time.UTC)
	off := mustCalendar(t, "off", "2027-01-01..2028-12-31")
	tests := []struct {
		name string
		spec Spec
		want string
	}{
		{"cron", Spec{Cron: mustCron(t, "* * * * * *"), Exclude: []*Calendar{off}}, "2029-01-01T00:00:00Z"},
		{"interval", Spec{Every: time.Second, Exclude: []*Calendar{off}}, "2029-01-01T00:00:00Z"},
		{"interval for ever", Spec{Every: time.Hour, Include: []*Calendar{off}, Exclude: []*Calendar{off}}, ""},
		{"excluded for ever", Spec{Cron: mustCron(t, "0 0 1 1 *"), Exclude: []*Calendar{mustCalendar(t, "x", "01-01")}}, ""},
		{"once", Spec{At: mustMoment(t, "2027-05-01T00:00"), Exclude: []*Calendar{off}}, ""},
		{"once, past", Spec{At: mustMoment(t, "2027-03-27T12:00")}, ""},
		{"ended", Spec{Every: time.Hour, End: mustMoment(t, "2027-03-27T12:00")}, ""},
		{"far", Spec{Every: time.Hour, Start: mustMoment(t, "2100-01-01")}, "2100-01-01T00:00:00Z"},
		{"far and rare", Spec{Cron: mustCron(t, "0 0 29 2 *"), Start: mustMoment(t, "2097-01-01")}, "2104-02-29T00:00:00Z"},
	}
	for _, test := range tests {
		got := ""
		if e, ok := test.spec.Next(from); ok {
			got = e.Time.Format(time.RFC3339)
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if ended := (&Spec{End: mustMoment(t, "2027-03-27")}).Ended(from); ended {
		t.Error("a day has ended at noon")
	}
	if ended := (&Spec{End: mustMoment(t, "2027-03-27")}).Ended(from.Add(12 * time.Hour)); !ended {
		t.Error("a day has not ended at midnight")
	}
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]string{
		"2026-12-01":                "2026-12-01T00:00:00+01:00 to 2026-12-02T00:00:00+01:00",
		" 2026-12-01T02:00 ":        "2026-12-01T02:00:00+01:00 to 2026-12-01T02:00:01+01:00",
		"2026-12-01 02:00:30":       "2026-12-01T02:00:30+01:00 to 2026-12-01T02:00:31+01:00",
		"2026-12-01T02:00Z":         "2026-12-01T03:00:00+01:00 to 2026-12-01T03:00:01+01:00",
		"2026-12-01T02:00:00-05:00": "2026-12-01T08:00:00+01:00 to 2026-12-01T08:00:01+01:00",
		"2027-03-28":                "2027-03-28T00:00:00+01:00 to 2027-03-29T00:00:00+02:00",
		"2027-03-28T02:30":          "2027-03-28T03:00:00+02:00 to 2027-03-28T03:00:01+02:00",
		"2027-10-31T02:30":          "2027-10-31T02:30:00+02:00 to 2027-10-31T02:30:01+02:00",
	} {
		m := mustMoment(t, text)
		zone := mustZone(t, "Europe/Berlin")
		begin, _ := m.In(zone)
		if got := begin.Format(time.RFC3339) + " to " + m.EndIn(zone).Format(time.RFC3339); got != want || m.String() != strings.TrimSpace(text) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "x", "2026-02-29", "2026-12-01T24:00", "2026-12-01T02:00:00.5", "12-01", "2026-12-01T02:00 +1", "02:00", "2026-1-1"} {
		var syntax *SyntaxError
		if _, err := ParseMoment(text); !errors.As(err, &syntax) || syntax.Hint == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	day, noon := mustMoment(t, "2026-12-01"), mustMoment(t, "2026-12-01T12:00")
	if !day.After(noon) || !day.After(day) || noon.After(noon) || !noon.After(day) {
		t.Error("After")
	}
}

func TestCalendar(t *testing.T) {
	c := mustCalendar(t, "c", "2026-12-24..2026-12-26", " 2026-12-26..2026-12-28 ", "02-29", "2027-01-01", "2026-12-25",
		"2026-08-01..2026-08-31", "2026-08-05", "2026-08-10", "2026-08-12", "2026-08-14")
	for text, want := range map[string]bool{
		"2026-12-23": false, "2026-12-24": true, "2026-12-25": true, "2026-12-28": true, "2026-12-29": false,
		"2026-08-28": true, "2026-08-31": true, "2026-09-01": false,
		"2027-01-01": true, "2026-01-01": false, "2028-02-29": true, "2027-02-28": false, "2027-03-01": false,
	} {
		day, _ := time.ParseInLocation(time.DateOnly, text, mustZone(t, "Pacific/Kiritimati"))
		if c.Has(day) != want || c.Has(day.Add(86399*time.Second)) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	for text, want := range map[string]string{
		"2026-02-30":             `0: "2026-02-30" is no day that there is`,
		"2026-12-01..2026-13-01": `12: "2026-13-01" is no day that there is`,
		"2026-12-02..2026-12-01": `0: "2026-12-02..2026-12-01" ends before it begins`,
		"13-01":                  `0: "13-01" is no day that there is`,
		"Christmas":              `0: "Christmas" is no day that there is`,
		"":                       `0: "" is no day that there is`,
	} {
		_, bad, err := NewCalendar("c", []string{"12-31", text})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || bad != 1 {
			t.Errorf("%q: %d %v", text, bad, err)
			continue
		}
		if got := fmt.Sprintf("%d: %s", syntax.Offset, syntax.Msg); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestBackfill(t *testing.T) {
	off := mustCalendar(t, "off", "2026-11-03")
	spec := &Spec{Cron: mustCron(t, "0 2 * * *"), Exclude: []*Calendar{off}}
	day := func(n int) time.Time { return time.Date(2026, 11, n, 2, 0, 0, 0, time.UTC) }
	got, err := Backfill(spec, day(1), day(5), 3)
	if err != nil || len(got) != 3 || !got[0].Time.Equal(day(1)) || !got[1].Time.Equal(day(2)) || !got[2].Time.Equal(day(4)) {
		t.Error(got, err)
	}
	if _, err := Backfill(spec, day(1), day(5), 2); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
	if _, err := Backfill(spec, day(5), day(5), 0); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
	if _, err := Backfill(&Spec{Every: time.Second}, day(1), day(2), 1<<40); fault.CodeOf(err) != fault.Usage {
		t.Error(err)
	}
}

func TestPreview(t *testing.T) {
	off := mustCalendar(t, "off", "2026-11-03..2026-11-05", "2026-11-07")
	also := mustCalendar(t, "also", "2026-11-08")
	spec := &Spec{Cron: mustCron(t, "0 2 * * *"), Exclude: []*Calendar{off, also}}
	from := time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC)
	say := func(rows []Row) string {
		var all []string
		for _, r := range rows {
			all = append(all, fmt.Sprintf("%s*%d-%s", show(r.Expected), r.Count, r.Until.Format("02")))
		}
		return strings.Join(all, " ")
	}
	for _, test := range []struct {
		to   time.Time
		n    int
		want string
	}{
		{time.Time{}, 2, "11-02T02:00+00*1-02 11-03T02:00+00[off]*3-05 11-06T02:00+00*1-06"},
		{from.AddDate(0, 0, 7), 100, "11-02T02:00+00*1-02 11-03T02:00+00[off]*3-05 11-06T02:00+00*1-06 11-07T02:00+00[off]*1-07 11-08T02:00+00[also]*1-08"},
		{from, 100, ""},
	} {
		if got := say(Preview(spec, from, test.to, test.n)); got != test.want {
			t.Errorf("to %v, %d:\n got %s\nwant %s", test.to, test.n, got, test.want)
		}
	}
	never := &Spec{Every: time.Second, Exclude: []*Calendar{mustCalendar(t, "all", "1970-01-01..2199-12-31")}}
	if rows := Preview(never, from, time.Time{}, 5); len(rows) != 1 || rows[0].Count != MaxPreview {
		t.Error(say(rows))
	}
	if rows := Preview(&Spec{Every: time.Second}, from, time.Time{}, 1<<40); len(rows) != MaxPreview {
		t.Error(len(rows))
	}
}

func TestJitter(t *testing.T) {
	at := time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC)
	if Jitter("a", at, 0) != 0 || Jitter("a", at, time.Microsecond) != 0 {
		t.Error("there is a jitter without any")
	}
	if got := Jitter("application/nightly", at, 5*time.Minute); got != Jitter("application/nightly", at.In(mustZone(t, "Asia/Tokyo")), 5*time.Minute) {
		t.Error("another zone, another jitter")
	}
	var slots [10]int
	for i := range 10_000 {
		j := Jitter(fmt.Sprint("schedule", i), at, 10*time.Second)
		slots[j/time.Second]++
	}
	for i, n := range slots {
		if n < 850 || n > 1150 { // five standard deviations
			t.Errorf("%d of 10,000 in second %d", n, i)
		}
	}
}

func TestVariables(t *testing.T) {
	want := []string{"EXECUTIONER_SCHEDULE=nightly", "EXECUTIONER_SCHEDULED_TIME=2027-03-28T03:00:00+02:00", "EXECUTIONER_SCHEDULED_DATE=2027-03-28"}
	at := time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC).In(mustZone(t, "Europe/Berlin"))
	if diff := cmp.Diff(want, Variables("nightly", at)); diff != "" {
		t.Error(diff)
	}
}

func TestNextChange(t *testing.T) {
	for zone, want := range map[string]string{
		"Europe/Berlin": "2029-03-25T01:00:00Z", "UTC": "none", "Asia/Tokyo": "none", "Africa/Casablanca": "2029-01-14T02:00:00Z",
	} {
		got := "none"
		if at, ok := NextChange(mustZone(t, zone), time.Date(2028, 12, 31, 12, 0, 0, 0, time.UTC)); ok {
			got = at.UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", zone, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	start := time.Date(2026, 11, 2, 2, 0, 0, 0, time.UTC)
	year := 366 * 24 * time.Hour
	tests := []struct {
		name string
		see  [][2]time.Duration // the wall clock and the steady one, since the start
		want string             // whether it is believed: y or n
	}{
		{"goes on", [][2]time.Duration{{0, 0}, {time.Hour, time.Hour}, {25 * time.Hour, 25 * time.Hour}}, "yyy"},
		{"a bit fast", [][2]time.Duration{{0, 0}, {6 * time.Minute, time.Minute}, {11 * time.Minute, 2 * time.Minute}}, "yyy"},
		{"a year ahead, then right", [][2]time.Duration{{0, 0}, {year, time.Second}, {year + time.Minute, time.Minute}, {2 * time.Minute, 2 * time.Minute}, {time.Hour, time.Hour}}, "ynnyy"},
		{"an hour ahead, for good", [][2]time.Duration{{0, 0}, {time.Hour, time.Second}, {time.Hour + 4*time.Minute, 4 * time.Minute}, {time.Hour + 6*time.Minute, 6 * time.Minute}, {time.Hour + 7*time.Minute, 7 * time.Minute}}, "ynnyy"},
		{"a year back", [][2]time.Duration{{0, 0}, {-year, time.Second}, {-year + time.Hour, time.Hour}}, "yyy"},
		{"back and forth", [][2]time.Duration{{0, 0}, {-time.Hour, time.Minute}, {2 * time.Minute, 2 * time.Minute}, {8 * time.Minute, 8 * time.Minute}}, "yyny"},
	}
	for _, test := range tests {
		var c Clock
		got := ""
		for _, s := range test.see {
			var ok bool
			if c, ok = c.See(start.Add(s[0]), s[1]); ok {
				got += "y"
			} else {
				got += "n"
			}
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
