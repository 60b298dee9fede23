package scheduler

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// sound fails the test unless each run is that of exactly one time, and each time that was
// decided to have one has it or waits for it. It returns how many have one.
func (s *site) sound(id string) (n int) {
	s.Helper()
	fs, err := s.st.Firings(s.Context(), store.FiringFilter{Schedule: id})
	s.must(err)
	all, err := s.st.Runs(s.Context(), store.Filter{})
	s.must(err)
	of := map[run.ID]bool{}
	for _, r := range all {
		if r.By == (&entry{id: id}).submitter() {
			of[r.ID] = true
		}
	}
	times := map[time.Time]bool{}
	for _, f := range fs {
		if times[f.Time] {
			s.Errorf("%s has two rows", f.Time)
		}
		times[f.Time] = true
		if f.Run == 0 {
			continue
		}
		if n++; !of[f.Run] {
			s.Errorf("%s has the run %d, which is not there or is that of another time", f.Time, f.Run)
		}
		delete(of, f.Run)
	}
	if len(of) > 0 {
		s.Errorf("nobody knows of the runs %v", of)
	}
	return n
}

// A program that ends at any step, before or after what it was about to record, leaves
// nothing out and nothing twice.
func TestEndsAtEachStep(t *testing.T) {
	for left := 1; left <= 12; left++ {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(left, late), func(t *testing.T) {
				s := newSite(t)
				s.register("load", `name: often, every: 1m, overlap: allow, catch_up: all`)
				s.serve(ok()).round() // so that it is known from noon on
				a := s.serve(&wire{left: left, late: late})
				for range 3 {
					s.pass(time.Minute)
					a.round()
				}
				a.Close()
				b := s.serve(ok())
				for range 3 {
					s.pass(3 * time.Second)
					b.round()
				}
				if n := s.sound("load/often"); n != 3 {
					t.Errorf("%d of 3 times have a run: %q", n, s.history("load/often"))
				}
			})
		}
	}
}

// Two services, of which now this one and now that one is quicker, ends, or comes back.
func TestTwoServices(t *testing.T) { twoServices(t, newSite(t)) }

func twoServices(t *testing.T, s *site) {
	r := rand.New(rand.NewPCG(1, 2))
	s.register("load", `name: often, every: 1m, overlap: allow, catch_up: all`, `name: queued, every: 1m, overlap: queue, catch_up: all`,
		`name: replaced, every: 2m, overlap: cancel`, `name: skipped, every: 1m`)
	s.serve(ok()).round()
	services := []*program{s.serve(ok()), s.serve(ok())}
	for i := range 30 {
		s.pass(time.Duration(r.IntN(90)) * time.Second)
		done := make(chan struct{}, 2)
		for _, p := range services {
			go func() {
				p.round()
				done <- struct{}{}
			}()
		}
		<-done
		<-done
		if i%4 == 3 {
			n := r.IntN(2)
			services[n].Close()
			services[n] = s.serve(&wire{left: []int{-1, 1 + r.IntN(6)}[r.IntN(2)], late: r.IntN(2) == 0})
		}
		all, err := s.st.Runs(t.Context(), store.Filter{})
		s.must(err)
		for _, one := range all {
			if !one.Attempt.State.Ended() && r.IntN(2) == 0 {
				s.ended(one.ID)
			}
		}
	}
	p := s.serve(ok())
	for range 5 {
		s.pass(3 * time.Second)
		p.round()
	}
	minutes := int(s.now().Sub(noon) / time.Minute)
	for _, name := range []string{"often", "queued", "replaced", "skipped"} {
		s.sound("load/" + name)
		rows := s.history("load/" + name)
		want := minutes
		if name == "replaced" {
			want /= 2
		}
		if len(rows) != want {
			t.Errorf("%s: %d times, want %d", name, len(rows), want)
		}
	}
	for _, line := range s.history("load/often") {
		if strings.Contains(line, " due") {
			t.Errorf("left over: %s", line)
		}
	}
}

// However the clock is set, no time is decided twice and none is run twice.
func TestClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		for _, stays := range []bool{false, true} {
			t.Run(fmt.Sprint(by, stays), func(t *testing.T) {
				s := newSite(t)
				s.register("load", `name: often, cron: "*/10 * * * *", overlap: allow, catch_up: all`)
				p := s.serve(ok())
				go_on := func(minutes int) {
					for range minutes {
						s.pass(time.Minute)
						p.round()
					}
				}
				p.round()
				go_on(25)
				if n := s.sound("load/often"); n != 2 {
					t.Fatalf("%d runs", n)
				}
				s.set(s.now().Add(by))
				go_on(4)
				if n := s.sound("load/often"); n != 2 { // not believed, or passed already
					t.Fatalf("%d runs soon after the clock was set: %q", n, s.history("load/often"))
				}
				if !stays {
					s.set(s.now().Add(-by))
				}
				go_on(26)
				n := s.sound("load/often")
				switch {
				case !stays && n != 5, stays && by < 0 && n != 2, stays && by > 0 && n < 5:
					t.Errorf("%d runs: %q", n, s.history("load/often"))
				}
			})
		}
	}
}

// What can't be submitted for now is tried again; what never can is given up, and says why.
func TestRefused(t *testing.T) {
	s := newSite(t)
	s.register("load", `name: often, every: 1m, overlap: allow`)
	w := ok()
	p := s.serve(w)
	p.round()
	w.refuse = fault.New(fault.RateLimited, "too many runs wait already")
	s.pass(time.Minute)
	p.round()
	s.is("load/often", "22 12:01:00 run due")
	w.refuse = nil
	s.pass(2 * time.Second)
	p.round() // not yet
	s.is("load/often", "22 12:01:00 run due")
	s.pass(4 * time.Second)
	p.round()
	s.is("load/often", "22 12:01:00 run running run 1")
	w.refuse = fault.New(fault.InvalidWorkflow, "the policy says no")
	s.pass(time.Minute)
	p.round()
	s.is("load/often", "22 12:01:00 run running run 1", "22 12:02:00 refused over")
	fs, err := s.st.Firings(t.Context(), store.FiringFilter{Schedule: "load/often", Limit: 1})
	s.must(err)
	if fs[0].Detail != "invalid_workflow: the policy says no" {
		t.Errorf("%q", fs[0].Detail)
	}
}

// A time whose run could not be submitted yet stands in the way of later ones, and is not
// taken for one that waits.
func TestDueStandsInTheWay(t *testing.T) {
	s := newSite(t)
	s.register("load", `name: often, every: 1m, overlap: cancel`)
	w := ok()
	p := s.serve(w)
	p.round()
	w.refuse = fault.New(fault.RateLimited, "too many runs wait already")
	for range 2 {
		s.pass(time.Minute)
		p.round()
	}
	s.is("load/often", "22 12:01:00 run due", "22 12:02:00 cancel waiting")
}

// Other times of a schedule, while the clock is behind what was decided, decide nothing again.
func TestOtherTimesAfterSetBack(t *testing.T) {
	s := newSite(t)
	s.register("load", `name: often, every: 1m, overlap: allow`)
	p := s.serve(ok())
	p.round()
	for range 2 {
		s.pass(time.Minute)
		p.round()
	}
	s.set(noon.Add(30 * time.Second))
	s.register("load", `name: often, every: 30s, overlap: allow`)
	for range 13 {
		s.pass(10 * time.Second)
		p.round()
	}
	s.is("load/often", "22 12:01:00 run running run 1", "22 12:02:00 run running run 2", "22 12:02:30 run running run 3")
}
