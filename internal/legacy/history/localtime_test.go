package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMoment(t *testing.T) {
	tests := []struct {
		zone, text, after, want string // want "" is an error
	}{
		{"Europe/Vienna", "2024-01-15 12:00:00", "", "2024-01-15T11:00:00Z"},
		{"Europe/Vienna", "2024-07-15T12:00:00.123456", "", "2024-07-15T10:00:00.123456Z"},
		{"Europe/Vienna", "2024-07-15 12:00:00.5", "", "2024-07-15T10:00:00.5Z"},
		{"Europe/Vienna", "2024-07-15T12:00:00+05:30", "", "2024-07-15T06:30:00Z"},
		{"Europe/Vienna", "2024-07-15 12:00:00Z", "", "2024-07-15T12:00:00Z"},
		{"America/New_York", "2024-07-15 12:00:00", "", "2024-07-15T16:00:00Z"},
		{"UTC", "2024-07-15 12:00:00", "", "2024-07-15T12:00:00Z"},

		// The clock is set forward from 02:00 to 03:00.
		{"Europe/Vienna", "2024-03-31 01:59:59", "", "2024-03-31T00:59:59Z"},
		{"Europe/Vienna", "2024-03-31 02:30:00", "", "2024-03-31T01:30:00Z"},
		{"Europe/Vienna", "2024-03-31 03:00:00", "", "2024-03-31T01:00:00Z"},
		{"America/New_York", "2024-03-10 02:30:00", "", "2024-03-10T07:30:00Z"},
		{"Pacific/Apia", "2011-12-30 12:00:00", "", "2011-12-30T22:00:00Z"}, // a whole day is missing

		// The clock is set back from 03:00 to 02:00.
		{"Europe/Vienna", "2024-10-27 01:59:59", "", "2024-10-26T23:59:59Z"},
		{"Europe/Vienna", "2024-10-27 02:00:00", "", "2024-10-27T00:00:00Z"},
		{"Europe/Vienna", "2024-10-27 02:59:59", "", "2024-10-27T00:59:59Z"},
		{"Europe/Vienna", "2024-10-27 02:10:00", "2024-10-27T00:50:00Z", "2024-10-27T01:10:00Z"}, // it follows 02:50
		{"Europe/Vienna", "2024-10-27 02:10:00", "2024-10-27T00:10:01Z", "2024-10-27T00:10:00Z"}, // cut to seconds
		{"Europe/Vienna", "2024-10-27 02:10:00", "2024-10-27T05:00:00Z", "2024-10-27T00:10:00Z"}, // neither fits
		{"Europe/Vienna", "2024-10-27 03:00:00", "", "2024-10-27T02:00:00Z"},
		{"America/New_York", "2024-11-03 01:30:00", "", "2024-11-03T05:30:00Z"},
		{"America/New_York", "2024-11-03 01:30:00", "2024-11-03T05:45:00Z", "2024-11-03T06:30:00Z"},
		{"Australia/Lord_Howe", "2024-04-07 01:45:00", "", "2024-04-06T14:45:00Z"}, // half an hour

		{"UTC", "", "", ""},
		{"UTC", "soon", "", ""},
		{"UTC", "2024-02-30 12:00:00", "", ""},
		{"UTC", "2024-02-03", "", ""},
		{"UTC", "0000-00-00 00:00:00", "", ""},
		{"UTC", "0001-01-01 00:00:00", "", ""},
		{"UTC", "1999-12-31 23:59:59", "", ""},
		{"UTC", "2000-01-01 00:00:00", "", "2000-01-01T00:00:00Z"},
		{"UTC", "2025-01-02 00:00:00", "", "2025-01-02T00:00:00Z"},
		{"UTC", "2025-01-02 00:00:01", "", ""},
		{"UTC", "9999-12-31 23:59:59", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.zone+" "+tt.text+" "+tt.after, func(t *testing.T) {
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			var after time.Time
			if tt.after != "" {
				if after, err = time.Parse(time.RFC3339, tt.after); err != nil {
					t.Fatal(err)
				}
			}
			c := clock{zone: zone, latest: rules.Now.Add(24 * time.Hour)}
			m, err := c.moment(tt.text, after)
			got := ""
			if err == nil {
				got = m.Format(time.RFC3339Nano)
			}
			if got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

// A run that goes on while the clock is set back has the times that it had.
func TestRunThroughTheHourThatComesTwice(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	old := Run{
		ID: 1, Summaries: summaryOf("2024-10-27 02:10:00", "2024-10-27 02:40:00", "SUCCESS"),
		Jobs: []Job{job("a", "SUCCESS", "2024-10-27 02:10:00", 60*60), job("b", "SUCCESS", "2024-10-27 02:40:00", 35*60)},
	}
	a, problems, ok := Translate(old, Rules{Zone: vienna, Now: rules.Now})
	if !ok || len(problems) > 0 {
		t.Fatal(problems)
	}
	if took := a.Run.Attempt.EndedAt.Sub(a.Run.Attempt.StartedAt); took != 90*time.Minute {
		t.Errorf("it took %s", took)
	}
	want := []string{
		"1 00:10:00 run PENDING QUEUED submitted",
		"1 00:10:00 run QUEUED RUNNING started",
		"1 00:10:00 a/0 PENDING QUEUED not_recorded",
		"1 00:10:00 a/1 QUEUED RUNNING started",
		"1 01:05:00 b/0 PENDING QUEUED not_recorded",
		"1 01:05:00 b/1 QUEUED RUNNING started",
		"1 01:10:00 a/1 RUNNING SUCCESS exit_code exit 0",
		"1 01:40:00 b/1 RUNNING SUCCESS exit_code exit 0",
		"1 01:40:00 run RUNNING SUCCESS all_succeeded",
	}
	if diff := cmp.Diff(want, told(a.Transitions)); diff != "" {
		t.Error(diff)
	}
	for i := range a.Transitions {
		if i > 0 && a.Transitions[i].At.Before(a.Transitions[i-1].At) {
			t.Errorf("%q", told(a.Transitions))
		}
	}
}

// Every local time that a moment has is read as that moment, or as the first of two.
func TestLocalTimesOfAYear(t *testing.T) {
	for _, name := range []string{"Europe/Vienna", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		c := clock{zone: zone, latest: rules.Now}
		for m := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); m.Year() == 2024; m = m.Add(15 * time.Minute) {
			text := m.In(zone).Format(time.DateTime)
			got, err := c.moment(text, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Equal(m) {
				continue
			}
			if again, err := c.moment(text, m); err != nil || !again.Equal(m) || got.In(zone).Format(time.DateTime) != text || got.After(m) {
				t.Fatalf("%s: %s is read as %s, after it as %s", name, m, got, again)
			}
		}
	}
}
