package scheduler

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// The history said "running" of a run that had ended, until the schedule's next time.
func TestHistoryOfARunThatHasEnded(t *testing.T) {
	s := newSite(t)
	s.register("load", `name: nightly, every: 24h, overlap: allow`)
	p := s.serve(ok())
	p.round()
	states := func() (all []store.FiringState) {
		fs, err := History(t.Context(), s.st, store.FiringFilter{Schedule: "load/nightly"})
		s.must(err)
		for _, f := range fs {
			all = append(all, f.State)
		}
		return all
	}
	s.pass(12 * time.Hour)
	p.round()
	if got := states(); len(got) != 1 || got[0] != store.FiringRunning {
		t.Errorf("%q", got)
	}
	s.ended(run.ID(1))
	if got := states(); len(got) != 1 || got[0] != store.FiringOver {
		t.Errorf("%q", got)
	}
	s.is("load/nightly", "23 00:00:00 run running run 1") // which is not recorded before it is needed
}

// A time that one command shows was refused by another, or without its difference to UTC
// taken to be another one.
func TestShownTimesAreBounds(t *testing.T) {
	s := newSite(t)
	s.register("load", `name: n, every: 1h, time_zone: Europe/Berlin`)
	p := s.serve(ok())
	p.round()
	spec, err := p.Spec("load/n")
	s.must(err)
	want := time.Date(2026, 11, 21, 1, 30, 0, 0, time.UTC)
	for _, text := range []string{"2026-11-21 02:30:00 +01:00", "2026-11-20 20:30 -05:00", "Sat 2026-11-21 02:30 +01:00", "Sat 2026-11-21 02:30:00 +01:00", "2026-11-21T01:30:00Z", "2026-11-21 02:30", "2026-11-21 01:30Z"} {
		r, err := Bounds(spec, text, text, noon)
		if err != nil || !r.From.Equal(want) || !r.To.Equal(want.Add(time.Second)) {
			t.Errorf("%s: %v to %v, %v", text, r.From, r.To, err)
		}
	}
	for _, text := range []string{"Sat 2026-11-21 02:30", "2026-11-21 02:30:00 +01", "2026-11-21 02:30:00.5 +01:00", "02:30 +01:00"} {
		if _, err := Bounds(spec, text, "", noon); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
