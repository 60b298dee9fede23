package scheduler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// A new version is seen by one service a little before a time, and by the other after it:
// whichever wakes first, the time has one row and a run.
func TestTwoVersionsAtOneTime(t *testing.T) {
	for _, first := range []int{0, 1} {
		s := newSite(t)
		s.register("load", `name: often, every: 1m, overlap: allow`)
		old, young := s.serve(ok()), s.serve(ok())
		old.round()
		young.round()
		s.pass(54 * time.Second)
		old.round() // which looks again at 12:00:59 at the earliest
		s.register("load", `name: often, cron: "0,2,30 * * * * *", overlap: allow`)
		s.pass(4 * time.Second)
		young.refreshAt = 0
		young.round()
		s.pass(2 * time.Second)
		old.refreshAt = 1000 * time.Hour
		both := []*program{old, young}
		both[first].round()
		both[1-first].round()
		s.is("load/often", "22 12:01:00 run running run 1")
		s.pass(3 * time.Second)
		old.refreshAt = 0
		old.round()
		for range 3 {
			s.pass(10 * time.Second)
			both[first].round()
			both[1-first].round()
		}
		s.is("load/often", "22 12:01:00 run running run 1", "22 12:01:02 run running run 2", "22 12:01:30 run running run 3")
		s.sound("load/often")
	}
}

// A service that sees a new version at the very moment of a time decides about that time by
// the old one.
func TestNewVersionAtATime(t *testing.T) {
	s := newSite(t)
	s.register("load", `name: often, every: 1m, overlap: allow`, `name: gone, every: 1m, overlap: allow`)
	w := ok()
	p := s.serve(w)
	p.round()
	s.register("other", `name: off, every: 1m, overlap: allow`)
	s.pass(59 * time.Second)
	p.round()
	err := s.st.EnableRegistered(t.Context(), "other", 1, false)
	s.must(err)
	s.register("load", `name: often, cron: "* * * * *", overlap: allow`)
	s.pass(1100 * time.Millisecond)
	p.refreshAt = 0
	w.left = 0 // the database takes nothing just now
	p.round()
	w.left = -1
	s.pass(5 * time.Second)
	p.round()
	s.pass(5 * time.Second)
	p.round()
	s.pass(time.Minute)
	p.round()
	if got := s.history("load/often"); len(got) != 2 || !strings.HasPrefix(got[0], "22 12:01:00 run running") || !strings.HasPrefix(got[1], "22 12:02:00 run running") {
		t.Errorf("%q", got)
	}
	for _, id := range []string{"load/gone", "other/off"} {
		if got := s.history(id); len(got) != 1 {
			t.Errorf("%s: %q", id, got)
		}
	}
	s.sound("load/often")
	s.sound("load/gone")
}

// Two hosts whose directories have different files of one name: each time of both has one
// row, for as long as that goes on.
func TestFilesThatDiffer(t *testing.T) {
	s := newSite(t)
	write := func(dir, every string) {
		text := "working_dir: /tmp\napplication: load\njobs: [{id: a, command: \"true\"}]\nschedules: [{name: x, overlap: allow, every: " + every + "}]\n"
		s.must(os.WriteFile(filepath.Join(dir, "load.yaml"), []byte(text), 0o600))
	}
	var hosts []*program
	for _, every := range []string{"2m", "3m"} {
		s.dir = t.TempDir()
		write(s.dir, every)
		p := s.serve(ok())
		p.round()
		hosts = append(hosts, p)
	}
	for i := range 72 {
		s.pass(10 * time.Second)
		hosts[i%2].round()
		hosts[1-i%2].round()
	}
	if got := s.history("file:load.yaml/x"); len(got) != 8 { // 2, 3, 4, 6, 8, 9, 10 and 12 minutes past
		t.Errorf("%q", got)
	}
	if n := s.sound("file:load.yaml/x"); n != 8 {
		t.Errorf("%d runs", n)
	}
	// The file of the one host is removed, and the other one goes on.
	s.must(os.Remove(filepath.Join(s.dir, "load.yaml")))
	for range 36 {
		s.pass(10 * time.Second)
		hosts[0].round()
		hosts[1].round()
	}
	if got := s.history("file:load.yaml/x"); len(got) != 11 {
		t.Errorf("%q", got)
	}
	known, _, err := s.st.Schedule(t.Context(), "file:load.yaml/x")
	if err != nil || known.Gone || fault.CodeOf(err) != "" {
		t.Errorf("%+v %v", known, err)
	}
}
