package run

import (
	"testing"
	"time"
)

func TestEndedAt(t *testing.T) {
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	recorded := began.Add(time.Hour)
	for _, c := range []struct {
		name    string
		outcome *Outcome
		want    time.Time
	}{
		{"nothing ended", nil, recorded},
		{"while it was watched", &Outcome{}, recorded},
		{"before", &Outcome{Ended: began.Add(time.Second)}, began.Add(time.Second)},
		{"at once", &Outcome{Ended: began}, began},
		{"before it began", &Outcome{Ended: began.Add(-1)}, recorded},
		{"after that was recorded", &Outcome{Ended: recorded.Add(1)}, recorded},
	} {
		tr := Transition{At: recorded, Outcome: c.outcome}
		if got := tr.EndedAt(began); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
