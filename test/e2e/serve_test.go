package e2e

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/executionerhq/executioner/internal/app"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
	"github.com/executionerhq/executioner/internal/workflow"
)

// serve starts a service on the history, and returns when it is ready.
func (p *place) serve(args ...string) *running {
	p.t.Helper()
	r := p.start(append([]string{"serve", "--listen", "none"}, args...)...)
	r.awaitErr("INFO ready")
	return r
}

// kill ends the program without a chance to say anything.
func (r *running) kill() {
	r.t.Helper()
	r.signal(syscall.SIGKILL)
	r.wait().ends(r.t, 128+9)
}

// submit records a run that waits for a service, as a service does which has no room.
func (p *place) submit(file string, times int) (ids []run.ID) {
	p.t.Helper()
	a := p.open()
	defer func() { _ = a.Close() }()
	wf, err := workflow.Load(workflow.Source{Name: p.path(file), Data: []byte(p.read(file))}, workflow.Host{Home: p.dir, Dir: p.dir})
	if err != nil {
		p.t.Fatal(err)
	}
	for range times {
		id, err := a.Runs.Enter(p.t.Context(), runs.Submission{Workflow: wf, By: "tester"})
		if err != nil {
			p.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func (p *place) open() *app.App {
	p.t.Helper()
	a, err := app.Open(p.t.Context(), app.Settings{Database: cmp.Or(p.db, p.path("history.db")), StateDir: p.path(".local/state")})
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// ended waits until runs have ended, and fails unless that is how.
func (p *place) ended(state run.State, ids ...run.ID) {
	p.t.Helper()
	a := p.open()
	defer func() { _ = a.Close() }()
	for _, id := range ids {
		p.eventually("run "+id.String()+" ends", func() bool {
			r, err := a.Store().Run(p.t.Context(), id)
			return err == nil && r.Attempt.State.Ended()
		})
		r, err := a.Store().Run(p.t.Context(), id)
		if err != nil || r.Attempt.State != state || r.Attempt.Number != 1 {
			p.t.Errorf("run %d: attempt %d is %s, %v", id, r.Attempt.Number, r.Attempt.State, err)
		}
	}
}

// hasEnded reports whether a run has ended.
func (p *place) hasEnded(id run.ID) bool {
	p.t.Helper()
	a := p.open()
	defer func() { _ = a.Close() }()
	r, err := a.Store().Run(p.t.Context(), id)
	return err == nil && r.Attempt.State.Ended()
}

// get asks the service over its socket.
func (p *place) get(path string) (status int, body string) {
	p.t.Helper()
	c := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", p.path("history.db.sock"))
		},
	}}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://executioner"+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestServe executes what was submitted before it began and after, and ends when asked.
func TestServe(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("one", nil, job{"id": "a", "command": ledger}, job{"id": "b", "command": "true", "dependencies": []string{"a"}})
	before := p.submit(file, 3)
	p.run("runs", "list").ends(t, 0) // whoever looks does not end them
	s := p.serve()
	status, body := p.get("/healthz/ready")
	equal(t, "ready", status, http.StatusOK)
	contains(t, "ready", body, `{"status":"ready"}`)
	p.ended(run.Success, append(before, p.submit(file, 2)...)...)
	equal(t, "started", strings.Join(p.starts(), ","), strings.Join([]string{"a 1.1", "a 1.1", "a 1.1", "a 1.1", "a 1.1"}, ","))
	s.signal(syscall.SIGTERM)
	s.wait().ends(t, 0)
	if p.exists("history.db.sock") || len(p.keepers()) > 0 {
		t.Error("it left its socket or its keeper")
	}
	p.nobody()
}

// TestKilledServe: the next service takes all up that was accepted.
func TestKilledServe(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("slow", nil, job{"id": "first", "command": ledger}, job{"id": "slow", "command": slow, "dependencies": []string{"first"}},
		job{"id": "then", "command": ledger, "dependencies": []string{"slow"}})
	ids := p.submit(file, 3)
	s := p.serve()
	p.eventually("all run", func() bool { return p.exists("ledger") && strings.Count(p.read("ledger"), "slow") == 3 })
	s.kill()
	late := p.submit(file, 1)
	p.run("runs", "list").ends(t, 0)
	s = p.serve()
	p.write("go", "")
	p.ended(run.Success, append(ids, late...)...)
	for _, job := range []string{"first", "slow", "then"} {
		equal(t, "starts of "+job, strings.Count(p.read("ledger"), job+" 1.1"), 4)
	}
	equal(t, "starts", len(p.starts()), 12)
	s.signal(syscall.SIGTERM)
	s.wait().ends(t, 0)
	p.nobody()
}

// TestServeLosesItsKeeper has the process killed that all jobs belong to: they go on, and new
// ones start.
func TestServeLosesItsKeeper(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("slow", nil, job{"id": "slow", "command": slow}, job{"id": "then", "command": ledger, "dependencies": []string{"slow"}})
	ids := p.submit(file, 3)
	s := p.serve("--slots", "8")
	p.eventually("all run", func() bool { return p.exists("ledger") && strings.Count(p.read("ledger"), "slow") == 3 })
	p.killKeeper()
	late := p.submit(file, 2)
	p.eventually("new ones run", func() bool { return strings.Count(p.read("ledger"), "slow") == 5 })
	p.write("go", "")
	p.ended(run.Success, append(ids, late...)...)
	for _, job := range []string{"slow", "then"} {
		equal(t, "starts of "+job, strings.Count(p.read("ledger"), job+" 1.1"), 5)
	}
	s.signal(syscall.SIGTERM)
	s.wait().ends(t, 0)
	p.nobody()
}

// TestServeIsDrained leaves running jobs to their keeper and the next service.
func TestServeIsDrained(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ids := p.submit(p.flow("slow", nil, job{"id": "slow", "command": slow + "; exit 7"}), 2)
	s := p.serve()
	p.eventually("both run", func() bool { return p.exists("ledger") && len(p.starts()) == 2 })
	s.signal(syscall.SIGTERM)
	s.wait().ends(t, 0)
	if len(p.processes()) < 2 {
		t.Error("the jobs did not outlive the service")
	}
	p.write("go", "")
	p.eventually("the jobs end", func() bool { return len(p.processes()) == 0 })
	p.serve()
	p.ended(run.Failed, ids...)
	equal(t, "exit code", *p.show("1").Jobs[0].ExitCode, 7)
	equal(t, "starts", len(p.starts()), 2)
}

// TestServeWaits ends with the active runs when it is told to.
func TestServeWaits(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ids := p.submit(p.flow("slow", nil, job{"id": "slow", "command": slow}, job{"id": "then", "command": ledger}), 1)
	s := p.serve("--drain", "wait")
	p.await("started")
	s.signal(syscall.SIGTERM)
	s.awaitErr("stopping")
	p.write("go", "")
	s.wait().ends(t, 0)
	p.ended(run.Success, ids...)
}

// TestServeAndResume: what one began, the other takes up.
func TestServeAndResume(t *testing.T) {
	t.Parallel()
	t.Run("a command goes on with what a service left", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.submit(p.flow("slow", nil, job{"id": "slow", "command": slow}, job{"id": "then", "command": ledger}), 2)
		s := p.serve()
		p.eventually("both run", func() bool { return p.exists("ledger") && len(p.starts()) == 2 })
		s.kill()
		p.write("go", "")
		p.run("resume", "1").ends(t, 0)
		equal(t, "the other", p.show("2").State, "RUNNING")
		p.run("resume", "2").ends(t, 0)
		equal(t, "starts", len(p.starts()), 4)
	})
	t.Run("a service goes on with what a command left", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		r := p.start("run", p.flow("slow", nil, job{"id": "slow", "command": slow}, job{"id": "then", "command": ledger}))
		p.await("started")
		r.kill()
		p.serve()
		p.write("go", "")
		p.ended(run.Success, 1)
		p.started("slow 1.1", "then 1.1")
	})
	t.Run("a run that waits is cancelled", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		p.submit(p.flow("one", nil, job{"id": "a", "command": ledger}), 1)
		p.run("cancel", "1").ends(t, 0)
		equal(t, "state", p.show("1").State, "CANCELLED")
	})
}

// TestTwoServices on one database execute each run once, and each takes over what the
// other left.
func TestTwoServices(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	quick := p.flow("quick", nil, job{"id": "a", "command": ledger})
	one := p.serve("--slots", "20")
	two := p.serve("--socket", "two.sock", "--slots", "20")
	p.ended(run.Success, p.submit(quick, 30)...)
	equal(t, "starts", len(p.starts()), 30)
	long := p.submit(p.flow("slow", nil, job{"id": "slow", "command": slow}), 6)
	p.eventually("all run", func() bool { return len(p.starts()) == 36 })
	one.kill()
	p.write("go", "")
	p.ended(run.Success, long...)
	two.signal(syscall.SIGTERM)
	two.wait().ends(t, 0)
	equal(t, "starts", len(p.starts()), 36)
}

// TestServeHasPools: jobs that name a pool never run beside each other, in whichever run.
func TestServeHasPools(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	alone := `if mkdir alone; then sleep 0.05; rmdir alone; else touch beside; fi; ` + ledger
	file := p.flow("pool", map[string]any{"parallel": true, "max_workers": 4},
		job{"id": "a", "command": alone, "pools": []string{"db"}}, job{"id": "b", "command": alone, "pools": []string{"db", "net"}})
	p.run("run", file).ends(t, 0)
	p.serve("--slots", "8")
	p.ended(run.Success, p.submit(file, 4)...)
	equal(t, "starts", len(p.starts()), 10)
	if p.exists("beside") {
		t.Error("two of them ran at once")
	}
}

// TestServeHasSlots: no more jobs run at once, of all runs together.
func TestServeHasSlots(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("slow", nil, job{"id": "slow", "command": slow})
	ids := p.submit(file, 2)
	p.serve("--slots", "2")
	p.eventually("two run", func() bool { return p.exists("ledger") && len(p.starts()) == 2 })
	ids = append(ids, p.submit(file, 2)...)
	p.run("cancel", "4").ends(t, 0) // it waits for a slot
	p.ended(run.Cancelled, 4)
	equal(t, "starts", len(p.starts()), 2)
	p.write("go", "")
	p.ended(run.Success, ids[:3]...)
}

// TestServicesOnPostgres have two of them, in places of their own, on one database.
func TestServicesOnPostgres(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	p := newPlace(t)
	p.db = cluster.DSN(t, "executioner")
	p.env = append(p.env, "EXECUTIONER_DATABASE="+p.db)
	one := p.serve("--socket", "one.sock", "--slots", "20")
	two := p.serve("--socket", "two.sock", "--slots", "20")
	p.ended(run.Success, p.submit(p.flow("quick", nil, job{"id": "a", "command": ledger}), 20)...)
	equal(t, "starts", len(p.starts()), 20)
	long := p.submit(p.flow("slow", nil, job{"id": "slow", "command": slow}), 6)
	p.eventually("all run", func() bool { return len(p.starts()) == 26 })
	one.kill()
	one = p.serve("--socket", "one.sock", "--slots", "20")
	two.kill()
	p.write("go", "")
	p.ended(run.Success, long...)
	equal(t, "starts", len(p.starts()), 26)
	one.signal(syscall.SIGTERM)
	one.wait().ends(t, 0)
}

// TestServeRefuses to be where it must not, or where another one is.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.run("serve", "--listen", "0.0.0.0:0").ends(t, 2)
	contains(t, "stderr", r.err, "0.0.0.0:0 can be reached from other hosts", "--tls-cert")
	p.serve()
	r = p.run("serve", "--listen", "none").ends(t, 5)
	contains(t, "stderr", r.err, "another executioner serves at "+p.path("history.db.sock"))
}
