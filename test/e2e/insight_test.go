package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestServeIsSeenInto has a service tell how it goes: metrics over the API and in a file,
// a log with the ids of what it is about, and the mail that a workflow asks for.
func TestServeIsSeenInto(t *testing.T) {
	t.Parallel()
	p, s := newPlace(t), newMailServer(t)
	p.write("service.yaml", "log: {format: json}\nmetrics: {file: "+p.path("metrics.json")+", every: 50ms}\n")
	ids := p.submit(p.flow("good", nil, job{"id": "a", "command": "true"}), 2)
	ids = append(ids, p.submit(p.flow("bad", s.fields(nil), job{"id": "load", "command": "exit 3"}), 1)...)
	r := p.start("serve", "--listen", "none", "--config", p.path("service.yaml"))
	for _, id := range ids {
		p.eventually("run "+id.String()+" ends", func() bool { return p.hasEnded(id) })
	}

	want := []string{
		`executioner_runs_total{application="good",state="SUCCESS"} 2`, `executioner_runs_total{application="bad",state="FAILED"} 1`,
		`executioner_job_duration_seconds_count{application="good",job="a",state="SUCCESS"} 2`, "executioner_runs_active 0",
	}
	p.eventually("the metrics tell", func() bool {
		status, text := p.get("/metrics")
		return status == http.StatusOK && hasAll(text, want...)
	})
	p.eventually("the file of metrics tells", func() bool {
		data, err := os.ReadFile(p.path("metrics.json"))
		return err == nil && hasAll(string(data), "executioner_runs_total", `"good"`, `"bad"`)
	})
	r.signal(syscall.SIGTERM)
	ended := r.wait().ends(t, 0)
	contains(t, "log", ended.err, `"msg":"a run ended","run":1,"attempt":1,"application":"good","state":"SUCCESS"`,
		`"level":"WARN","msg":"a job failed","run":3,"attempt":1,"application":"bad","state":"FAILED","reason":"exit_code","job":"load","try":1`)

	mails := s.received()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	subject, _, parts := parse(t, mails[0])
	equal(t, "subject", subject, "[bad] Run #3 FAILURE")
	contains(t, "mail", parts, "load failed with exit code 3")
}

// TestServeTells has a service tell people of what goes wrong, once, also when it was
// killed in between.
func TestServeTells(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	tell := p.path("tell")
	p.write("tell", "#!/bin/sh\ncat >\"$(mktemp -d "+p.path("told")+".XXXXXX)/message\"\n")
	if err := os.Chmod(tell, 0o700); err != nil {
		t.Fatal(err)
	}
	p.write("service.yaml", `notify:
  notifiers: {ops: {kind: command, command: [`+tell+`]}}
  rules: [{name: failed, when: 'state == "FAILED"', to: [ops]}]
`)
	bad := p.submit(p.flow("bad", nil, job{"id": "load", "command": "exit 3"}), 1)[0]
	p.submit(p.flow("good", nil, job{"id": "a", "command": "true"}), 1)
	for range 2 {
		r := p.start("serve", "--listen", "none", "--config", p.path("service.yaml"))
		r.awaitErr("INFO ready")
		p.eventually("the run ends", func() bool { return p.hasEnded(bad) })
		p.eventually("the failure is told", func() bool { return len(p.told()) > 0 })
		r.kill()
	}
	if told := p.told(); len(told) != 1 || !strings.Contains(told[0], "bad") {
		t.Errorf("told %q", told)
	}
	contains(t, "incidents", p.run("incident", "list").ends(t, 0).out, "bad")
}

// told returns what the command of TestServeTells was given.
func (p *place) told() (all []string) {
	p.t.Helper()
	files, err := filepath.Glob(p.path("told.*/message"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			p.t.Fatal(err)
		}
		if len(data) > 0 {
			all = append(all, string(data))
		}
	}
	return all
}

func hasAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
