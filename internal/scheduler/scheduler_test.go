package scheduler

import (
	"testing"
	"time"
)

func TestOnTime(t *testing.T) {
	s := newSite(t)
	s.register("load", `name: often, every: 1m, params: {region: eu}, overlap: allow, time_zone: Europe/Berlin`)
	p := s.serve(ok())
	p.round()
	s.is("load/often")
	s.pass(59 * time.Second)
	p.round()
	s.is("load/often")
	s.pass(time.Second)
	p.round()
	s.is("load/often", "22 12:01:00 run running run 1")
	r, err := s.st.Run(t.Context(), 1)
	s.must(err)
	if r.By != "schedule:load/often" || r.WorkingDir != "EXECUTIONER_SCHEDULE=often\nEXECUTIONER_SCHEDULED_TIME=2026-11-22T13:01:00+01:00\nEXECUTIONER_SCHEDULED_DATE=2026-11-22\nload@1" {
		t.Errorf("%q %q", r.By, r.WorkingDir)
	}
	s.pass(time.Minute)
	p.round()
	s.is("load/often", "22 12:01:00 run running run 1", "22 12:02:00 run running run 2")
}

// On a real clock it goes on by itself until it is closed.
func TestStart(t *testing.T) {
	s := newSite(t)
	s.register("load", `name: often, every: 1s, overlap: allow`)
	w := ok()
	w.Store = s.st
	began := make(chan string, 100)
	w.tell = func(key string) { began <- key }
	p := New(Config{Store: w, Runs: w, Load: s.load})
	p.Start()
	first, second := <-began, <-began
	p.Close()
	p.Close()
	if first == second || len(s.history("load/often")) < 2 { // the end of the second may not be recorded any more
		t.Errorf("%q, %q: %q", first, second, s.history("load/often"))
	}
}
