package scheduler

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

func TestOverlap(t *testing.T) {
	s := newSite(t)
	s.register("a", `name: skip, every: 1m`, `name: queue, every: 1m, overlap: queue, max_queued: 1`, `name: cancel, every: 1m, overlap: cancel`)
	p := s.serve(ok())
	p.round()
	for range 3 {
		s.pass(time.Minute)
		p.round()
	}
	known := map[string]run.ID{}
	for _, name := range []string{"skip", "queue", "cancel"} {
		fs, err := s.st.Firings(t.Context(), store.FiringFilter{Schedule: "a/" + name})
		s.must(err)
		known[name] = fs[2].Run
	}
	first := func(name string) string { return " run " + known[name].String() }
	s.is("a/skip", "22 12:01:00 run running"+first("skip"), "22 12:02:00 skipped: overlap over", "22 12:03:00 skipped: overlap over")
	s.is("a/queue", "22 12:01:00 run running"+first("queue"), "22 12:02:00 queue waiting", "22 12:03:00 skipped: queue_full over")
	s.is("a/cancel", "22 12:01:00 run running"+first("cancel"), "22 12:02:00 skipped: overlap over", "22 12:03:00 cancel waiting")
	l, err := s.st.Acquire(t.Context(), known["cancel"], store.Owner{PID: 2}, time.Hour, func(store.Owner) bool { return true })
	s.must(err)
	asked, err := s.st.Renew(t.Context(), l, time.Hour)
	s.must(err)
	if len(asked) != 1 || asked[0].Kind != store.CancelRun || asked[0].By != "schedule:a/cancel" {
		t.Errorf("it was asked for the end %v", asked)
	}

	for _, id := range known {
		s.ended(id)
	}
	s.pass(2 * time.Second)
	p.round()
	if got := s.history("a/queue"); got[1][:27] != "22 12:02:00 queue running r" {
		t.Errorf("%q", got)
	}
	if got := s.history("a/cancel"); got[2][:28] != "22 12:03:00 cancel running r" {
		t.Errorf("%q", got)
	}
	s.pass(58 * time.Second)
	p.round()
	if got := s.history("a/skip"); got[3][:20] != "22 12:04:00 run runn" {
		t.Errorf("%q", got)
	}
}

func TestPause(t *testing.T) {
	s := newSite(t)
	s.register("a", `name: x, every: 1m, overlap: allow`)
	p := s.serve(ok())
	p.round()
	_, err := Pause(t.Context(), s.st, "a/none", "ann", "", s.now())
	if fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	known, err := Pause(t.Context(), s.st, "a/x", "ann", "works", s.now())
	s.must(err)
	if !known.Paused || known.PausedBy != "ann" || known.PausedWhy != "works" || !known.PausedAt.Equal(noon) {
		t.Errorf("%+v", known)
	}
	s.pass(time.Minute)
	p.round()
	s.is("a/x", "22 12:01:00 skipped: paused over")
	made, err := RunNow(t.Context(), s.st, "a/x", "ann", s.now()) // which a pause does not keep from anything
	s.must(err)
	if made.Time.Nanosecond() != 1000 || made.By != "ann" {
		t.Errorf("%+v", made)
	}
	s.pass(time.Second)
	p.round()
	s.is("a/x", "22 12:01:00 skipped: paused over", "22 12:01:00 now running run 1")
	known, err = Resume(t.Context(), s.st, "a/x")
	s.must(err)
	if known.Paused || known.PausedBy != "" {
		t.Errorf("%+v", known)
	}
	s.pass(time.Minute)
	p.round()
	s.is("a/x", "22 12:01:00 skipped: paused over", "22 12:01:00 now running run 1", "22 12:02:00 run running run 2")
}

func TestBackfill(t *testing.T) {
	s := newSite(t)
	s.register("a", `name: x, every: 1m, catch_up: none, overlap: allow`)
	p := s.serve(ok())
	p.round()
	s.pass(3*time.Minute + 30*time.Second) // 12:01 and 12:02 are missed
	p.round()
	s.is("a/x", "22 12:01:00 missed: down over", "22 12:02:00 missed: down over", "22 12:03:00 run running run 1")
	spec, err := p.Spec("a/x")
	s.must(err)
	r, err := Bounds(spec, "2026-11-22T11:59:30Z", "2026-11-22T12:03Z", s.now())
	s.must(err)
	r.Concurrency = 2
	plan, err := PlanBackfill(t.Context(), s.st, "a/x", spec, r)
	s.must(err)
	made, err := Backfill(t.Context(), s.st, "a/x", spec, r, "ann", s.now())
	s.must(err)
	if len(plan) != 4 || len(made) != 4 || !made[3].Taken || made[1].Was != "missed: down" || made[0].Taken {
		t.Errorf("%+v", made)
	}
	twice, err := Backfill(t.Context(), s.st, "a/x", spec, r, "ann", s.now())
	if s.must(err); !twice[0].Taken || !twice[1].Taken { // they wait already
		t.Errorf("%+v", twice)
	}
	_, err = Pause(t.Context(), s.st, "a/x", "ann", "", s.now())
	s.must(err)
	s.pass(time.Second)
	p.round()
	s.is("a/x", "22 12:00:00 backfill waiting", "22 12:01:00 backfill: missed: down waiting", "22 12:02:00 backfill: missed: down waiting", "22 12:03:00 run running run 1")
	_, err = Resume(t.Context(), s.st, "a/x")
	s.must(err)
	s.pass(time.Second)
	p.round()
	if n := s.sound("a/x"); n != 3 { // two at once
		t.Errorf("%d runs: %q", n, s.history("a/x"))
	}
	s.ended(2)
	s.pass(time.Second)
	p.round()
	if n := s.sound("a/x"); n != 4 {
		t.Errorf("%d runs: %q", n, s.history("a/x"))
	}
	again, err := Backfill(t.Context(), s.st, "a/x", spec, r, "ann", s.now())
	s.must(err)
	for _, m := range again {
		if !m.Taken {
			t.Errorf("asked for twice: %v", m.Time)
		}
	}
	for _, wrong := range []Range{{From: noon, To: noon}, {From: noon, To: noon.Add(time.Hour), Concurrency: -1}, {From: noon.Add(-time.Hour), To: noon, Limit: 3}} {
		if _, err := Backfill(t.Context(), s.st, "a/x", spec, wrong, "ann", s.now()); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	for _, text := range [][2]string{{"", ""}, {"yesterday", ""}, {"2026-11-22", "tomorrow"}} {
		if _, err := Bounds(spec, text[0], text[1], noon); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", text, err)
		}
	}
	later, err := PlanBackfill(t.Context(), s.st, "a/x", spec, Range{From: s.now().Add(time.Hour), To: s.now().Add(2 * time.Hour)})
	if s.must(err); later != nil {
		t.Errorf("%+v", later)
	}
}

// What changes in a workflow counts within seconds. Where times change, and where a workflow
// comes back, nothing is caught up.
func TestWorkflowsChange(t *testing.T) {
	s := newSite(t)
	s.register("a", `name: x, every: 1m, overlap: allow`)
	p := s.serve(ok())
	p.round()
	s.must(s.st.EnableRegistered(t.Context(), "a", 0, false))
	s.pass(10 * time.Second)
	p.round()
	s.pass(10 * time.Minute)
	p.round()
	s.is("a/x")
	known, _, err := s.st.Schedule(t.Context(), "a/x")
	s.must(err)
	if _, err := RunNow(t.Context(), s.st, "a/x", "ann", noon); !known.Gone || fault.CodeOf(err) != fault.Conflict {
		t.Errorf("%+v, %v", known, err)
	}
	s.must(s.st.EnableRegistered(t.Context(), "a", 0, true))
	s.pass(10 * time.Second)
	p.round()
	s.is("a/x")
	s.pass(time.Minute)
	p.round()
	s.is("a/x", "22 12:11:00 run running run 1")
	s.register("a", `name: x, every: 20s, overlap: allow`, `name: y, every: 1h`)
	s.pass(10 * time.Second)
	p.round() // 12:11:30
	s.pass(10 * time.Second)
	p.round()
	s.is("a/x", "22 12:11:00 run running run 1", "22 12:11:40 run running run 2")
	if _, err := p.Spec("a/y"); err != nil {
		t.Error(err)
	}

	// What went while no service was there is gone, too.
	p.Close()
	s.must(s.st.EnableRegistered(t.Context(), "a", 0, false))
	s.pass(time.Hour)
	s.serve(ok()).round()
	known, _, err = s.st.Schedule(t.Context(), "a/x")
	if s.must(err); !known.Gone {
		t.Error("it is still there")
	}
}

// A time that waits when its workflow goes is given up.
func TestWorkflowGoes(t *testing.T) {
	s := newSite(t)
	s.register("a", `name: x, every: 1m, overlap: queue`)
	p := s.serve(ok())
	p.round()
	for range 2 {
		s.pass(time.Minute)
		p.round()
	}
	s.must(s.st.EnableRegistered(t.Context(), "a", 0, false))
	s.pass(10 * time.Second)
	p.round()
	s.is("a/x", "22 12:01:00 run running run 1", "22 12:02:00 refused: queue over")
}

func TestDirectory(t *testing.T) {
	s := newSite(t)
	s.dir = t.TempDir()
	write := func(name, text string) {
		t.Helper()
		s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
	}
	flow := "application: app\nworking_dir: /tmp\njobs: [{id: a, command: x}]\nschedules: [{name: n, every: 1m, overlap: allow}]\n"
	write("flow.yaml", flow)
	write("notes.txt", "no workflow")
	write(".hidden.yaml", flow)
	write("broken.yml", "jobs: 7\n")
	p := s.serve(ok())
	p.round()
	s.pass(time.Minute)
	p.round()
	s.is("file:flow.yaml/n", "22 12:01:00 run running run 1")
	all, err := s.st.Schedules(t.Context())
	if s.must(err); len(all) != 2 || all[1].Application != "flow" {
		t.Errorf("%+v", all)
	}
	// One that can't be read any more keeps its schedules, and runs nothing.
	write("flow.yaml", "jobs: nothing at all\n")
	s.pass(time.Minute)
	p.round()
	s.is("file:flow.yaml/n", "22 12:01:00 run running run 1", "22 12:02:00 refused over")
	s.must(os.Remove(filepath.Join(s.dir, "flow.yaml")))
	s.pass(10 * time.Second)
	p.round()
	s.pass(time.Minute)
	p.round()
	s.is("file:flow.yaml/n", "22 12:01:00 run running run 1", "22 12:02:00 refused over")
	if _, err := p.Spec("file:flow.yaml/n"); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	// A directory that can't be read changes nothing.
	write("flow.yaml", flow)
	s.pass(10 * time.Second)
	p.round()
	s.must(os.Rename(s.dir, s.dir+".away"))
	s.pass(50 * time.Second)
	p.round()
	if _, err := p.Spec("file:flow.yaml/n"); err != nil {
		t.Error(err)
	}
	s.must(os.Rename(s.dir+".away", s.dir))
	// Another service, which has no such directory, leaves them alone.
	s.dir = ""
	s.serve(ok()).round()
	known, _, err := s.st.Schedule(t.Context(), "file:flow.yaml/n")
	if s.must(err); known.Gone {
		t.Error("another service has taken it away")
	}
}
