package scheduler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	goodFlow   = "application_name: app\nworking_dir: /tmp\njobs: [{id: a, command: x}]\nschedules: [{name: n, every: 1h, overlap: allow, time_zone: Europe/Berlin}]\n"
	brokenFlow = "application_name: app\nworking_dir: /tmp\njobz: [{id: a, command: x}]\nschedules: [{name: n, every: 1h, overlap: allow, time_zone: Europe/Berlin}]\n"
)

// brokenSite is one with a directory, and what people are told there.
func brokenSite(t *testing.T) (s *site, people *told, write func(name, text string), serve func() *program) {
	s, people = newSite(t), &told{}
	s.dir = t.TempDir()
	write = func(name, text string) {
		t.Helper()
		s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
	}
	serve = func() *program {
		w := ok()
		w.missed = func(what string) error { return people.missed(strings.ReplaceAll(what, s.dir, "DIR")) }
		return s.serve(w)
	}
	return s, people, write, serve
}

// known is a schedule as it is recorded, with the directory left out of texts.
func (s *site) known(id string) store.Schedule {
	s.Helper()
	known, _, err := s.st.Schedule(s.Context(), id)
	s.must(err)
	known.BrokenWhy = strings.ReplaceAll(known.BrokenWhy, s.dir, "DIR")
	return known
}

const whyBroken = `invalid_workflow: DIR/flow.yaml:1:1: jobs is missing; DIR/flow.yaml:3:1: warning: unknown field "jobz" is ignored`

// A schedule whose file was broken looked as healthy as before until its time, which was
// refused without a word to anybody.
func TestBrokenWorkflowIsShownAndTold(t *testing.T) {
	s, people, write, serve := brokenSite(t)
	write("flow.yaml", goodFlow)
	p := serve()
	p.round()
	if known := s.known("file:flow.yaml/n"); known.Zone != "Europe/Berlin" || !known.Broken.IsZero() {
		t.Errorf("%+v", known)
	}
	write("flow.yaml", brokenFlow)
	s.pass(10 * time.Second)
	p.round()
	broken := noon.Add(10 * time.Second)
	if known := s.known("file:flow.yaml/n"); known.BrokenWhy != whyBroken || !known.Broken.Equal(broken) || known.Next.IsZero() {
		t.Errorf("%+v", known)
	}
	if _, err := RunNow(t.Context(), s.st, "file:flow.yaml/n", "ann", s.now()); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("to run it: %v", err)
	}
	people.are(s) // who is just about to write it gets a minute
	s.pass(time.Minute + time.Second)
	people.deaf = true
	p.round()
	people.deaf = false
	for range 3 {
		s.pass(6 * time.Second)
		p.round()
	}
	const early = "12:00 app: the schedules of workflow file:flow.yaml can't be used: " + whyBroken
	people.are(s, early)

	// Another service finds the same, and the first one begins anew.
	p.Close()
	p = serve()
	p.round()
	people.are(s, early, early) // which is nothing new to those who are told: it is of the same moment
	if known := s.known("file:flow.yaml/n"); !known.Broken.Equal(broken) || !known.Next.IsZero() {
		t.Errorf("after a new beginning: %+v", known)
	}
	write("flow.yaml", goodFlow+"# mended\n")
	s.pass(10 * time.Second)
	p.round()
	if known := s.known("file:flow.yaml/n"); !known.Broken.IsZero() || known.BrokenWhy != "" || known.Next.IsZero() {
		t.Errorf("mended: %+v", known)
	}

	// Its time is refused and told, too.
	write("flow.yaml", brokenFlow)
	s.pass(59 * time.Minute)
	p.round()
	s.is("file:flow.yaml/n", "22 13:00:00 refused over")
	people.are(s, early, early, "13:00 app: schedule file:flow.yaml/n: its run is refused: "+whyBroken)
}

// A file that was broken from the start was listed nowhere.
func TestBrokenFromTheStart(t *testing.T) {
	s, people, write, serve := brokenSite(t)
	write("flow.yaml", brokenFlow)
	p := serve()
	p.round()
	known := s.known("file:flow.yaml/*")
	if known.BrokenWhy != whyBroken || !known.Broken.Equal(noon) || known.Application != "flow" {
		t.Errorf("%+v", known)
	}
	s.pass(time.Minute + time.Second)
	p.round()
	people.are(s, "12:00 flow: the schedules of workflow file:flow.yaml can't be used: "+whyBroken)
	if _, err := RunNow(t.Context(), s.st, known.ID, "ann", s.now()); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("to run it: %v", err)
	}
	write("flow.yaml", goodFlow)
	s.pass(6 * time.Second)
	p.round()
	if known = s.known("file:flow.yaml/*"); !known.Gone || !known.Broken.IsZero() {
		t.Errorf("mended: %+v", known)
	}
	if known = s.known("file:flow.yaml/n"); !known.Broken.IsZero() || known.Next.IsZero() {
		t.Errorf("mended: %+v", known)
	}

	// The same again, and it is mended or removed while nobody looks.
	write("other.yaml", brokenFlow)
	write("third.yaml", brokenFlow)
	s.pass(6 * time.Second)
	p.round()
	s.must(os.Remove(filepath.Join(s.dir, "third.yaml")))
	s.pass(6 * time.Second)
	p.round()
	if known = s.known("file:third.yaml/*"); !known.Gone {
		t.Errorf("removed: %+v", known)
	}
	write("third.yaml", brokenFlow)
	s.pass(6 * time.Second)
	p.round()
	if known = s.known("file:third.yaml/*"); known.Gone || known.Broken.IsZero() {
		t.Errorf("there again: %+v", known)
	}
	p.Close()
	write("other.yaml", goodFlow)
	serve().round()
	if known = s.known("file:other.yaml/*"); !known.Gone {
		t.Errorf("mended meanwhile: %+v", known)
	}
}

// A registered workflow is told with its own application.
func TestBrokenRegistered(t *testing.T) {
	s, people := newSite(t), &told{}
	_, err := s.st.Register(t.Context(), store.Registered{Name: "load", Application: "cargo", Source: []byte("jobs: 7\n"), File: "load.yaml", Hash: "h", Enabled: true, At: noon})
	s.must(err)
	w := ok()
	w.missed = people.missed
	p := s.serve(w)
	p.round()
	s.pass(2 * time.Minute)
	p.round()
	people.are(s, "12:00 cargo: the schedules of workflow load can't be used: invalid_workflow: load.yaml:1:1: working_dir is missing; load.yaml:1:7: jobs must be a list, not a number")
}
