package scheduler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
)

// told collects what people were told.
type told struct {
	all  []string
	deaf bool
}

func (t *told) missed(what string) error {
	if t.deaf {
		return fault.New(fault.Unavailable, "the outbox is away")
	}
	t.all = append(t.all, what)
	return nil
}

func (t *told) are(s *site, want ...string) {
	s.Helper()
	if !slices.Equal(t.all, want) {
		s.Fatalf("told:\n%s\nwant\n%s", strings.Join(t.all, "\n"), strings.Join(want, "\n"))
	}
}

// A time whose run begins late or never is told, once, also when that fails at first or the
// program that decided ends before it.
func TestMissedIsTold(t *testing.T) {
	s, people := newSite(t), &told{}
	s.register("load", `name: last, every: 10m, overlap: allow`, `name: none, every: 10m, catch_up: none`)
	serve := func(w *wire) *program {
		w.missed = people.missed
		return s.serve(w)
	}
	serve(ok()).round()
	s.pass(35 * time.Minute) // a host that was down
	people.deaf = true
	p := serve(ok())
	p.round()
	people.are(s)
	s.is("load/none", "22 12:10:00 missed: down over", "22 12:20:00 missed: down over", "22 12:30:00 missed: down due")
	s.pass(5 * time.Minute)
	p.round() // which what people are not told yet does not stand in the way of
	if got := s.history("load/none"); len(got) != 4 || !strings.HasPrefix(got[3], "22 12:40:00 run running") {
		t.Errorf("%q", got)
	}
	p.Close()
	people.deaf = false
	p = serve(ok())
	for range 3 {
		s.pass(6 * time.Second)
		p.round()
	}
	slices.Sort(people.all)
	people.are(s, "12:30 load: schedule load/last: its run begins 5m0s late", "12:30 load: schedule load/none: missed: down")
	if got := s.history("load/none"); got[2] != "22 12:30:00 missed: down over" {
		t.Errorf("%q", got)
	}
	if got := s.history("load/last"); len(got) != 4 || got[2] != "22 12:30:00 late running run 1" {
		t.Errorf("%q", got)
	}
}

// A run that is refused is told when it is so for long, or for ever.
func TestRefusedIsTold(t *testing.T) {
	s, people := newSite(t), &told{}
	s.register("load", `name: often, every: 10m, overlap: allow`)
	w := ok()
	w.missed = people.missed
	p := s.serve(w)
	p.round()
	w.refuse = fault.New(fault.RateLimited, "too many runs wait already")
	s.pass(10 * time.Minute)
	p.round()
	people.are(s)
	for range 20 {
		s.pass(6 * time.Second)
		p.round()
	}
	people.are(s, "12:10 load: schedule load/often: its run can't be submitted for now: too many runs wait already")
	w.refuse = fault.New(fault.InvalidWorkflow, "the policy says no")
	s.pass(6 * time.Second)
	p.round()
	people.are(s, people.all[0], "12:10 load: schedule load/often: its run is refused: invalid_workflow: the policy says no")
	_, err := RunNow(t.Context(), s.st, "load/often", "ann", s.now()) // who asked for it sees what becomes of it
	s.must(err)
	w.refuse = fault.New(fault.RateLimited, "too many runs wait already")
	for range 20 {
		s.pass(6 * time.Second)
		p.round()
	}
	if len(people.all) != 2 {
		t.Errorf("%q", people.all)
	}
}

// What nobody is left to tell of is closed without a word.
func TestMissedOfWhatIsGone(t *testing.T) {
	s, people := newSite(t), &told{deaf: true}
	s.register("load", `name: none, every: 10m, catch_up: none`)
	serve := func() *program {
		w := ok()
		w.missed = people.missed
		return s.serve(w)
	}
	serve().round()
	s.pass(15 * time.Minute)
	serve().round()
	s.is("load/none", "22 12:10:00 missed: down due")
	s.register("load")
	s.pass(11 * time.Second)
	serve().round()
	fs, err := s.st.Firings(t.Context(), store.FiringFilter{Schedule: "load/none"})
	s.must(err)
	if len(fs) != 1 || fs[0].State != store.FiringOver || fs[0].Decision != string(schedule.Miss) || fs[0].Detail != "" {
		t.Errorf("%+v", fs)
	}
}
