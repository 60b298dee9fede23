package scheduler

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/signature"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/trigger"
	"github.com/executionerhq/executioner/internal/workflow"
)

// triggered keeps a workflow with triggers, as "name: fields".
func (s *site) triggered(name string, triggers ...string) {
	s.Helper()
	text := "working_dir: /tmp\napplication: " + name + "\nparams: {branch: {pattern: '[a-z]+'}, file: {}, count: {type: int}}\njobs: [{id: a, command: \"true\"}]\ntriggers:\n"
	for _, one := range triggers {
		text += "  - {" + one + "}\n"
	}
	_, err := s.load(s.Context(), Text{Source: workflow.Source{Name: name + ".yaml", Data: []byte(text)}})
	s.must(err)
	_, err = s.st.Register(s.Context(), store.Registered{
		Name: name, Application: name, Source: []byte(text), File: name + ".yaml", Hash: text, Enabled: true, At: noon,
	})
	s.must(err)
}

// hears is a service that knows the secret of all webhooks.
func (s *site) hears(w *wire) *program {
	p := s.serve(w)
	p.cfg.Secret = func(*workflow.Secret) (string, error) { return "hush", nil }
	return p
}

// signed is a request that whoever knows the secret has signed.
func (s *site) signed(body, id string) trigger.Request {
	stamp := strconv.FormatInt(s.now().Unix(), 10)
	h := http.Header{}
	h.Set(signature.Timestamp, stamp)
	h.Set(signature.Header, signature.Sign([]byte("hush"), stamp, []byte(body)))
	if id != "" {
		h.Set(signature.ID, id)
	}
	return trigger.Request{Header: h, Body: []byte(body)}
}

// arrivals is what became of what arrived by a trigger, the earliest first.
func (s *site) arrivals(id string) (all []string) {
	s.Helper()
	fs, err := s.st.Firings(s.Context(), store.FiringFilter{Schedule: id})
	s.must(err)
	for _, f := range slices.Backward(fs) {
		line := f.What + " " + Told(&f) + " " + string(f.State)
		if f.Run != 0 {
			line += fmt.Sprint(" run ", f.Run)
		}
		all = append(all, strings.TrimSpace(line+" "+f.Given+" "+f.Detail))
	}
	return all
}

func (s *site) arrived(id string, want ...string) {
	s.Helper()
	if diff := cmp.Diff(want, s.arrivals(id)); diff != "" {
		s.Fatalf("%s: -want +got\n%s", id, diff)
	}
}

const hook = `name: pushed, overlap: allow, webhook: {secret: {env: HOOK}, fields: {branch: ref.name, count: n}}, params: {file: none}`

func TestWebhook(t *testing.T) {
	s := newSite(t)
	s.triggered("load", hook)
	p := s.hears(ok())
	_, _, err := p.Deliver(t.Context(), "load/pushed", s.signed(`{}`, "1"))
	if fault.CodeOf(err) != fault.Unavailable {
		t.Fatalf("before it knows its workflows: %v", err)
	}
	p.round()
	deliver := func(r trigger.Request, want string) {
		t.Helper()
		f, existing, err := p.Deliver(t.Context(), "load/pushed", r)
		p.going.Wait()
		got := string(fault.CodeOf(err))
		if err == nil {
			got = fmt.Sprint(f.Decision, " ", existing)
		}
		if got != want {
			t.Errorf("got %s, want %s: %v", got, want, err)
		}
	}
	first := s.signed(`{"ref": {"name": "main"}, "n": 12345678901234567890123}`, "1")
	deliver(s.signed(`{"ref": {"name": "main"}, "n": 7}`, "1"), "run false")
	deliver(s.signed(`{"ref": {"name": "main"}, "n": 7}`, "1"), "run true") // sent again
	deliver(first, "run true")                                              // the same id, whatever it says
	replayed := s.signed(`{"ref": {"name": "main"}, "n": 7}`, "another id")
	deliver(replayed, "run true") // the same signature
	s.pass(time.Second)
	deliver(s.signed(`{"ref": {"name": "dev"}}`, ""), "run false")
	deliver(s.signed(`{"ref": {"name": "rm -rf; $(x)"}}`, "3"), "usage")
	deliver(s.signed(`{"ref": {"name": "ok"}, "n": "many"}`, "4"), "usage")
	deliver(s.signed(`{"ref": {"name": {"x": 1}}}`, "5"), "usage")
	deliver(s.signed(`no JSON`, "6"), "usage")
	s.arrived("load/pushed",
		`1 run running run 1 {"branch":"main","count":"7"}`, `run running run 2 {"branch":"dev"}`,
		`3 refused over  parameter branch: must match [a-z]+, not "rm -rf; $(x)"`,
		`4 refused over  parameter count: must be a whole number, not "many"`, `5 refused over  the field ref.name can't be the value of branch: it is an object`,
		`6 refused over  the body is not JSON`)
	r, err := s.st.Run(t.Context(), 1)
	s.must(err)
	if r.By != "trigger:load/pushed" || r.WorkingDir != "EXECUTIONER_TRIGGER=pushed\nload@1" {
		t.Errorf("%q %q", r.By, r.WorkingDir)
	}

	// Whatever is wrong with a signature, and whoever is not there, get the same answer.
	old := s.signed(`{}`, "7")
	s.pass(6 * time.Minute)
	unsigned, forged := s.signed(`{}`, "8"), s.signed(`{}`, "9")
	unsigned.Header.Del(signature.Header)
	forged.Body = []byte(`{"a":1}`)
	told := map[string]bool{}
	for _, c := range []struct {
		id string
		r  trigger.Request
	}{{"load/pushed", old}, {"load/pushed", unsigned}, {"load/pushed", forged}, {"load/none", s.signed(`{}`, "10")}, {"none/pushed", s.signed(`{}`, "11")}} {
		_, _, err := p.Deliver(t.Context(), c.id, c.r)
		if fault.CodeOf(err) != fault.Unauthorized {
			t.Errorf("%s: %v", c.id, err)
		}
		told[fmt.Sprint(err, fault.HintOf(err))] = true
	}
	if len(told) != 1 || len(s.arrivals("load/pushed")) != 6 {
		t.Errorf("%v, %q", told, s.arrivals("load/pushed"))
	}
	p.cfg.Secret = func(*workflow.Secret) (string, error) { return "", nil } // which signs nothing
	r2 := s.signed(`{}`, "12")
	r2.Header.Set(signature.Header, signature.Sign(nil, r2.Header.Get(signature.Timestamp), r2.Body))
	if _, _, err := p.Deliver(t.Context(), "load/pushed", r2); fault.CodeOf(err) != fault.Unauthorized {
		t.Errorf("an empty secret: %v", err)
	}
}

// GitHub's deliveries have an id and no time.
func TestGitHub(t *testing.T) {
	s := newSite(t)
	s.triggered("load", `name: pushed, overlap: allow, webhook: {secret: {env: HOOK}, signature: github}`)
	p := s.hears(ok())
	p.round()
	body := []byte(`{"ref":"refs/heads/main"}`)
	for i, id := range []string{"a", "b", "a"} {
		h := http.Header{}
		h.Set(signature.GitHub, signature.SignGitHub([]byte("hush"), body))
		h.Set(signature.GitHubID, id)
		_, existing, err := p.Deliver(t.Context(), "load/pushed", trigger.Request{Header: h, Body: body})
		if err != nil || existing != (i == 2) {
			t.Errorf("%s: %v %v", id, existing, err)
		}
		p.going.Wait()
	}
	h := http.Header{}
	h.Set(signature.GitHub, signature.SignGitHub([]byte("hush2"), body))
	if _, _, err := p.Deliver(t.Context(), "load/pushed", trigger.Request{Header: h, Body: body}); fault.CodeOf(err) != fault.Unauthorized {
		t.Error(err)
	}
	s.arrived("load/pushed", "a run running run 1", "b run running run 2")
}

// What is delivered while another run goes on waits for it; beyond what may wait it is
// refused, and can be sent again. A pause skips.
func TestWebhookOverlap(t *testing.T) {
	s := newSite(t)
	s.triggered("load", `name: x, max_queued: 1, webhook: {secret: {env: HOOK}}`)
	p := s.hears(ok())
	p.round()
	deliver := func(id string, code fault.Code) {
		t.Helper()
		s.pass(time.Second)
		_, _, err := p.Deliver(t.Context(), "load/x", s.signed(`{}`, id))
		p.going.Wait()
		if fault.CodeOf(err) != code {
			t.Errorf("%s: %v", id, err)
		}
	}
	deliver("1", "")
	deliver("2", "")
	deliver("3", fault.RateLimited)
	s.arrived("load/x", "1 run running run 1", "2 queue waiting", "3 skipped: queue_full over")
	s.ended(1)
	s.pass(2 * time.Second)
	p.round()
	deliver("3", "")
	_, err := Pause(t.Context(), s.st, "load/x", "ann", "works", s.now())
	s.must(err)
	deliver("4", "")
	s.arrived("load/x", "1 run over run 1", "2 queue running run 2", "3 skipped: queue_full over", "3 queue waiting", "4 skipped: paused over")
	if _, err := RunNow(t.Context(), s.st, "load/x", "ann", s.now()); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a trigger has no times: %v", err)
	}
	if _, err := p.Spec("load/x"); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
}

// write makes a file that was changed at a time.
func (s *site) write(path, text string, at time.Time) {
	s.Helper()
	s.must(os.WriteFile(path, []byte(text), 0o600))
	s.must(os.Chtimes(path, at, at))
}

// look has a service look after its files.
func (p *program) look() {
	p.s.pass(5 * time.Second)
	p.round()
}

// looked returns when no directory is being looked at.
func (p *program) looked() {
	for {
		p.mu.Lock()
		busy := false
		for _, e := range p.entries {
			busy = busy || e.looking
		}
		p.mu.Unlock()
		if !busy {
			return
		}
		p.s.must(p.s.Context().Err())
		<-time.After(time.Millisecond)
	}
}

func TestFiles(t *testing.T) {
	s, dir := newSite(t), t.TempDir()
	s.triggered("load", `name: in, overlap: allow, files: {pattern: "`+dir+`/*.csv", param: file}`)
	p := s.serve(ok())
	path := func(name string) string { return filepath.Join(dir, name) }
	s.write(path("a.csv"), "1", noon)
	s.write(path(".hidden.csv"), "1", noon)
	s.write(path("b.txt"), "1", noon)
	s.must(os.Mkdir(path("d.csv"), 0o700))
	p.look() // it is seen
	p.look()
	s.arrived("load/in")
	s.write(path("a.csv"), "12", noon) // it grows
	p.look()
	p.look()
	s.arrived("load/in")
	p.look()
	s.arrived("load/in", path("a.csv")+` run running run 1 {"file":"`+path("a.csv")+`"}`)
	p.look()
	p.look()
	if n := len(s.arrivals("load/in")); n != 1 {
		t.Fatalf("%q", s.arrivals("load/in"))
	}

	// Another service, and one that begins anew, run it no second time.
	p.Close()
	p = s.serve(ok())
	for range 4 {
		p.look()
	}
	if n := len(s.arrivals("load/in")); n != 1 {
		t.Fatalf("%q", s.arrivals("load/in"))
	}
	// Another version of the file is another arrival, also of the same size.
	s.write(path("a.csv"), "34", noon.Add(time.Hour))
	s.write(path("odd\n.csv"), "1", noon.Add(2*time.Hour))
	for range 4 {
		p.look()
	}
	if got := s.arrivals("load/in"); len(got) != 3 || !strings.Contains(got[1], "a.csv run running run 2") || !strings.Contains(got[2], "refused over  its name is no text in one line") {
		t.Fatalf("%q", got)
	}
	// What became of a file that stays is remembered for as long as it stays.
	s.pass(50 * time.Hour)
	p.look()
	_, err := s.st.PruneFirings(t.Context(), s.now().Add(-time.Hour), 100)
	s.must(err)
	for range 4 {
		p.look()
	}
	if got := s.arrivals("load/in"); len(got) != 2 {
		t.Fatalf("%q", got)
	}
	all, err := s.st.Runs(t.Context(), store.Filter{})
	s.must(err)
	if len(all) != 2 {
		t.Errorf("%d runs", len(all))
	}
}

// With a marker, a file counts when that is there; while all may wait do, files stay where
// they are.
func TestFilesWithMarker(t *testing.T) {
	s, dir := newSite(t), t.TempDir()
	s.triggered("load", `name: in, max_queued: 1, files: {pattern: "`+dir+`/*", done: .done}`)
	p := s.serve(ok())
	for i, name := range []string{"c", "b", "a", "d"} {
		s.write(filepath.Join(dir, name), "1", noon.Add(time.Duration(i)*time.Minute))
	}
	for range 4 {
		p.look()
	}
	s.arrived("load/in")
	for _, name := range []string{"a", "b", "c"} {
		s.write(filepath.Join(dir, name+".done"), "", noon)
	}
	p.look()
	path := func(name string) string { return filepath.Join(dir, name) }
	s.arrived("load/in", path("c")+" run running run 1", path("b")+" queue waiting")
	s.ended(1)
	p.look()
	p.look()
	s.arrived("load/in", path("c")+" run over run 1", path("b")+" queue running run 2", path("a")+" queue waiting")
}

// The files of a directory, with two services that end at any step: each file has one row
// and one run.
func TestFilesTwoServices(t *testing.T) { filesTwoServices(t, newSite(t)) }

func filesTwoServices(t *testing.T, s *site) {
	dir := t.TempDir()
	s.triggered("load", `name: in, overlap: allow, files: {pattern: "`+dir+`/*", settle: 1s, every: 1s}`)
	services := []*program{s.serve(ok()), s.serve(ok())}
	for i := range 12 {
		s.write(filepath.Join(dir, strconv.Itoa(i)), "1", noon)
		var both sync.WaitGroup
		for _, p := range services {
			both.Go(p.look)
		}
		both.Wait()
		if i%3 == 2 {
			services[i%2].Close()
			services[i%2] = s.serve(&wire{left: 1 + i%5, late: i%2 == 0})
		}
	}
	last := s.serve(ok())
	for range 6 {
		last.look()
	}
	fs, err := s.st.Firings(t.Context(), store.FiringFilter{Schedule: "load/in"})
	s.must(err)
	of, files := map[run.ID]bool{}, map[string]bool{}
	for _, f := range fs {
		if files[f.What] || of[f.Run] || f.Run == 0 {
			t.Errorf("%s has the run %d, or one more row", f.What, f.Run)
		}
		files[f.What], of[f.Run] = true, true
	}
	all, err := s.st.Runs(t.Context(), store.Filter{})
	s.must(err)
	if len(files) != 12 || len(all) != 12 {
		t.Errorf("%d files, %d runs", len(files), len(all))
	}
}

// A request that comes again and again, to two services, at the same time, which end at any
// step: it has one row and one run.
func TestDeliveredTwice(t *testing.T) { deliveredTwice(t, newSite(t)) }

func deliveredTwice(t *testing.T, s *site) {
	s.triggered("load", `name: x, overlap: allow, webhook: {secret: {env: HOOK}}`)
	services := []*program{s.hears(ok()), s.hears(ok())}
	for i := range 9 {
		for _, p := range services {
			p.round()
		}
		var all sync.WaitGroup
		for n := range 4 {
			r := s.signed(`{}`, fmt.Sprint("id-", i))
			all.Go(func() { _, _, _ = services[n%2].Deliver(t.Context(), "load/x", r) })
		}
		all.Wait()
		s.pass(time.Second)
		if i%3 == 2 {
			services[i%2].Close()
			services[i%2] = s.hears(&wire{left: 1 + i%4, late: i%2 == 0})
		}
	}
	last := s.hears(ok())
	last.round()
	for i := range 9 { // what nobody took is sent again
		if _, _, err := last.Deliver(t.Context(), "load/x", s.signed(`{}`, fmt.Sprint("id-", i))); err != nil {
			t.Error(err)
		}
		s.pass(time.Second)
	}
	for range 3 {
		s.pass(3 * time.Second)
		last.round()
	}
	fs, err := s.st.Firings(t.Context(), store.FiringFilter{Schedule: "load/x"})
	s.must(err)
	all, err := s.st.Runs(t.Context(), store.Filter{})
	s.must(err)
	of := map[run.ID]bool{}
	for _, f := range fs {
		of[f.Run] = true
	}
	if len(fs) != 9 || len(all) != 9 || len(of) != 9 || of[0] {
		t.Errorf("%d rows, %d runs, %v", len(fs), len(all), of)
	}
}

// What a service takes and what it looks after while it is closed is left to the next one.
func TestDirectoryIsGone(t *testing.T) {
	s, dir := newSite(t), filepath.Join(t.TempDir(), "later")
	s.triggered("load", `name: in, files: {pattern: "`+dir+`/*", settle: 1s, every: 1s}`)
	p := s.serve(ok())
	p.look()
	p.look()
	s.arrived("load/in")
	s.must(os.Mkdir(dir, 0o700))
	s.write(filepath.Join(dir, "a"), "", noon)
	p.look()
	p.look()
	s.arrived("load/in", filepath.Join(dir, "a")+" run running run 1")
}
