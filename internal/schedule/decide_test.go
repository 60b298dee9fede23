package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told writes an output: what became of each time, what goes on, until when it is decided
// and when it goes on.
func told(out Output) string {
	clock := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format("02T15:04:05")
	}
	var b strings.Builder
	for _, d := range out.Decisions {
		fmt.Fprintf(&b, "%s %s", clock(d.Time), d.Action)
		for _, word := range []string{string(d.Reason), d.By, strings.Join(d.Cancel, "+")} {
			if word != "" {
				b.WriteString(" " + word)
			}
		}
		if !d.Until.IsZero() {
			b.WriteString(" to " + clock(d.Until))
		}
		b.WriteString("; ")
	}
	for _, t := range out.Release {
		b.WriteString("release " + clock(t) + "; ")
	}
	for _, t := range out.Drop {
		b.WriteString("drop " + clock(t) + "; ")
	}
	return b.String() + "until " + clock(out.Decided) + ", wake " + clock(out.Wake)
}

func TestDecide(t *testing.T) {
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC) }
	hourly := &Spec{Cron: mustCron(t, "0 * * * *")}
	daily := &Spec{Cron: mustCron(t, "0 2 * * *"), Exclude: []*Calendar{mustCalendar(t, "off", "2026-11-03")}}
	ending := &Spec{Cron: mustCron(t, "0 2 * * *"), End: mustMoment(t, "2026-11-03")}
	runs := func(all ...string) []Active { // 02T15 r1: a run; 02T15: it waits
		var active []Active
		for _, text := range all {
			hour, id, _ := strings.Cut(text, " ")
			expected, err := time.Parse("2006-01-02T15", "2026-11-"+hour)
			if err != nil {
				t.Fatal(err)
			}
			active = append(active, Active{Time: expected, Run: id})
		}
		return active
	}
	tests := []struct {
		name    string
		spec    *Spec
		policy  Policy
		decided time.Time
		now     time.Time
		active  []Active
		want    string
	}{
		{"nothing yet", hourly, Policy{}, at(2, 10, 0), at(2, 10, 59), nil, "until 02T10:00:00, wake 02T11:00:00"},
		{"on time", hourly, Policy{}, at(2, 10, 0), at(2, 11, 1), nil, "02T11:00:00 run; until 02T11:00:00, wake 02T12:00:00"},
		{"late", hourly, Policy{}, at(2, 10, 0), at(2, 11, 1).Add(time.Second), nil, "02T11:00:00 late; until 02T11:00:00, wake 02T12:00:00"},
		{"the last", hourly, Policy{}, at(2, 10, 0), at(2, 13, 30), nil, "02T11:00:00 missed superseded 2026-11-02T13:00:00Z; 02T12:00:00 missed superseded 2026-11-02T13:00:00Z; 02T13:00:00 late; until 02T13:00:00, wake 02T14:00:00"},
		{"the last, and one on time", hourly, Policy{}, at(2, 10, 0), at(2, 12, 0), nil, "02T11:00:00 missed superseded 2026-11-02T12:00:00Z; 02T12:00:00 run; until 02T12:00:00, wake 02T13:00:00"},
		{"the last, too late", hourly, Policy{Within: 20 * time.Minute}, at(2, 10, 0), at(2, 12, 30), nil, "02T11:00:00 missed too_late; 02T12:00:00 missed too_late; until 02T12:00:00, wake 02T13:00:00"},
		{"none", hourly, Policy{CatchUp: CatchNone}, at(2, 10, 0), at(2, 13, 0), nil, "02T11:00:00 missed down; 02T12:00:00 missed down; 02T13:00:00 run; until 02T13:00:00, wake 02T14:00:00"},
		{"all", hourly, Policy{CatchUp: CatchAll, Overlap: AllowOverlap}, at(2, 10, 0), at(2, 13, 0), nil, "02T11:00:00 late; 02T12:00:00 late; 02T13:00:00 run; until 02T13:00:00, wake 02T14:00:00"},
		{"all, but two", hourly, Policy{CatchUp: CatchAll, Most: 2, Overlap: AllowOverlap}, at(2, 10, 0), at(2, 13, 30), nil, "02T11:00:00 missed limit; 02T12:00:00 late; 02T13:00:00 late; until 02T13:00:00, wake 02T14:00:00"},
		{"all, within", hourly, Policy{CatchUp: CatchAll, Within: 2 * time.Hour, Overlap: AllowOverlap}, at(2, 10, 0), at(2, 13, 30), nil, "02T11:00:00 missed too_late; 02T12:00:00 late; 02T13:00:00 late; until 02T13:00:00, wake 02T14:00:00"},
		{"all, one after the other", hourly, Policy{CatchUp: CatchAll, Overlap: QueueOverlap}, at(2, 10, 0), at(2, 13, 30), nil, "02T11:00:00 late; 02T12:00:00 queue; 02T13:00:00 queue; until 02T13:00:00, wake 02T14:00:00"},
		{"all, with overlap skipped", hourly, Policy{CatchUp: CatchAll}, at(2, 10, 0), at(2, 12, 30), nil, "02T11:00:00 late; 02T12:00:00 skipped overlap 2026-11-02T11:00:00Z; until 02T12:00:00, wake 02T13:00:00"},
		{"skip", hourly, Policy{}, at(2, 10, 0), at(2, 11, 0), runs("02T10 r7"), "02T11:00:00 skipped overlap r7; until 02T11:00:00, wake 02T12:00:00"},
		{"allow", hourly, Policy{Overlap: AllowOverlap}, at(2, 10, 0), at(2, 11, 0), runs("02T10 r7"), "02T11:00:00 run; until 02T11:00:00, wake 02T12:00:00"},
		{"queue", hourly, Policy{Overlap: QueueOverlap}, at(2, 10, 0), at(2, 11, 0), runs("02T09 r7", "02T10"), "02T11:00:00 queue; until 02T11:00:00, wake 02T12:00:00"},
		{"queue is full", hourly, Policy{Overlap: QueueOverlap, Waiting: 1}, at(2, 10, 0), at(2, 11, 0), runs("02T09 r7", "02T10"), "02T11:00:00 skipped queue_full r7; until 02T11:00:00, wake 02T12:00:00"},
		{"the next of the queue", hourly, Policy{Overlap: QueueOverlap}, at(2, 11, 0), at(2, 11, 30), runs("02T11", "02T10"), "release 02T10:00:00; until 02T11:00:00, wake 02T12:00:00"},
		{"no next while one runs", hourly, Policy{Overlap: QueueOverlap}, at(2, 11, 0), at(2, 11, 30), runs("02T11", "02T10 r7"), "until 02T11:00:00, wake 02T12:00:00"},
		{"no next in a pause", hourly, Policy{Overlap: QueueOverlap, Paused: true}, at(2, 11, 0), at(2, 11, 30), runs("02T11"), "until 02T11:00:00, wake 02T12:00:00"},
		{"the whole queue", hourly, Policy{Overlap: AllowOverlap}, at(2, 11, 0), at(2, 11, 30), runs("02T11", "02T10", "02T09 r7"), "release 02T10:00:00; release 02T11:00:00; until 02T11:00:00, wake 02T12:00:00"},
		{"cancel", hourly, Policy{Overlap: CancelOverlap}, at(2, 10, 0), at(2, 11, 0), runs("02T09 r7", "02T10 r8"), "02T11:00:00 cancel r7+r8; until 02T11:00:00, wake 02T12:00:00"},
		{"cancel what waits", hourly, Policy{Overlap: CancelOverlap}, at(2, 10, 0), at(2, 11, 0), runs("02T09 r7", "02T10"), "02T11:00:00 cancel r7; drop 02T10:00:00; until 02T11:00:00, wake 02T12:00:00"},
		{"cancelled, and gone", hourly, Policy{Overlap: CancelOverlap}, at(2, 10, 0), at(2, 10, 1), runs("02T10"), "release 02T10:00:00; until 02T10:00:00, wake 02T11:00:00"},
		{"nothing to cancel", hourly, Policy{Overlap: CancelOverlap}, at(2, 10, 0), at(2, 11, 0), runs("02T10"), "02T11:00:00 run; drop 02T10:00:00; until 02T11:00:00, wake 02T12:00:00"},
		{"cancel, all", hourly, Policy{Overlap: CancelOverlap, CatchUp: CatchAll}, at(2, 10, 0), at(2, 12, 30), nil, "02T11:00:00 skipped overlap 2026-11-02T12:00:00Z; 02T12:00:00 late; until 02T12:00:00, wake 02T13:00:00"},
		{"paused", hourly, Policy{Paused: true}, at(2, 10, 0), at(2, 12, 0), runs("02T10 r7"), "02T11:00:00 skipped paused; 02T12:00:00 skipped paused; until 02T12:00:00, wake 02T13:00:00"},
		{"calendar", daily, Policy{Paused: true}, at(2, 12, 0), at(4, 2, 0), nil, "03T02:00:00 skipped calendar off; 04T02:00:00 skipped paused; until 04T02:00:00, wake 05T02:00:00"},
		{"too late for the schedule", ending, Policy{}, at(2, 12, 0), at(4, 0, 0), nil, "03T02:00:00 skipped ended; until 03T02:00:00, wake -"},
		{"late within the schedule", ending, Policy{}, at(2, 12, 0), at(3, 23, 0), nil, "03T02:00:00 late; until 03T02:00:00, wake -"},
		{"set back", hourly, Policy{}, at(2, 10, 0), at(1, 9, 0), runs("02T10 r7"), "until 02T10:00:00, wake 02T11:00:00"},
		{"changed between", hourly, Policy{}, at(2, 10, 0).Add(time.Nanosecond), at(2, 11, 0), nil, "02T11:00:00 run; until 02T11:00:00, wake 02T12:00:00"},
		{"long away", &Spec{Every: time.Minute}, Policy{Overlap: AllowOverlap, CatchUp: CatchNone, Paused: true}, at(1, 0, 0), at(1, 16, 40), nil, "first 999"},
	}
	for _, test := range tests {
		out := Decide(test.spec, test.policy, Input{ID: "id", Now: test.now, Decided: test.decided, Active: test.active})
		got := told(out)
		if strings.HasPrefix(test.want, "first") {
			got = fmt.Sprint("first ", len(out.Decisions)-1)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
}

// TestLongAbsence: after a year, or with a clock that is a year ahead, all but the newest
// times get one decision together, at once.
func TestLongAbsence(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := begin.AddDate(1, 0, 0)
	for name, spec := range map[string]*Spec{"interval": {Every: time.Second}, "cron": {Cron: mustCron(t, "* * * * * *")}} {
		for _, paused := range []bool{false, true} {
			out := Decide(spec, Policy{CatchUp: CatchAll, Most: 50, Overlap: AllowOverlap, Paused: paused}, Input{Now: now, Decided: begin})
			counts := map[string]int{}
			for _, d := range out.Decisions {
				counts[string(d.Action)+" "+string(d.Reason)]++
			}
			want := map[string]int{"missed absent_long": 1, "missed limit": 999 - 50 - 61, "late ": 50, "run ": 61} // a minute is punctual
			if paused {
				want = map[string]int{"skipped paused": 1000}
			}
			if diff := cmp.Diff(want, counts); diff != "" {
				t.Errorf("%s (-want +got)\n%s", name, diff)
			}
			first := out.Decisions[0]
			if !first.Time.Equal(begin.Add(time.Second)) || !first.Until.Equal(now.Add(-999*time.Second)) || !out.Decided.Equal(now) {
				t.Errorf("%s: %v to %v, decided %v", name, first.Time, first.Until, out.Decided)
			}
		}
	}
}

// TestJitterPutsOff: a time is decided when its jitter is over, and not before the one
// in front of it.
func TestJitterPutsOff(t *testing.T) {
	spec := &Spec{Every: time.Minute}
	begin := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	policy := Policy{Overlap: AllowOverlap, Jitter: 10 * time.Minute}
	decided, last := begin, begin
	for now := begin; now.Before(begin.Add(3 * time.Hour)); now = now.Add(time.Second) {
		out := Decide(spec, policy, Input{ID: "a", Now: now, Decided: decided})
		for _, d := range out.Decisions {
			due := d.Time.Add(Jitter("a", d.Time, policy.Jitter))
			if due.Before(last) {
				due = last
			}
			if wait := now.Sub(due); wait < 0 || wait >= time.Second || d.Action != Start {
				t.Fatalf("%v: %s at %v, due %v", d.Time, d.Action, now, due)
			}
			if !d.Time.Equal(decided.Add(time.Minute)) {
				t.Fatalf("%v after %v", d.Time, decided)
			}
			decided, last = d.Time, due
		}
	}
	if decided.Before(begin.Add(165 * time.Minute)) {
		t.Error(decided)
	}
}
