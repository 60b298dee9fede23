package cli_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

const served = `
-- flow.yaml --
application_name: flow
working_dir: "~"
jobs:
  - {id: a, command: "true"}
-- sub.yaml --
application_name: sub
working_dir: "~"
jobs:
  - {id: part, workflow: flow.yaml}
-- slow.yaml --
application_name: slow
working_dir: "~"
jobs:
  - {id: wait, command: "touch started; while ! test -e go; do sleep 0.02; done"}
-- gone.yaml --
include: [base.yaml]
working_dir: /not/there
jobs:
  - {id: a, command: "true"}
-- base.yaml --
application_name: gone
-- token --
exe_wrong
`

// TestThroughServer asks for what is another thing through a server.
func TestThroughServer(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse([]byte(served)))
	p.serve()
	const here = "executioner: this works on the database itself, and not through the server unix://$WORK/s\n → run it where the server's database is, with --database ADDRESS or without EXECUTIONER_SERVER\n"
	for _, c := range []struct {
		command string
		want    ending
	}{
		{"executioner db status", ending{"2", "", here}},
		{"executioner doctor", ending{"2", "", here}},
		{"executioner repro 1 a", ending{"2", "", here}},
		{
			"env -u EXECUTIONER_SERVER executioner db status --server unix://$PWD/s",
			ending{"2", "", "executioner: this works on the database itself, and not through the server unix://$WORK/s\n → run it where the server's database is, without --server\n"},
		},
		{"executioner runs list --database history.db", ending{"0", "", "no run has been recorded yet\n → executioner run FILE records one\n"}},
		{
			"executioner runs list --database history.db --server unix://$PWD/s",
			ending{"2", "", "executioner: --server and --database don't go together\n → a server has its own database; leave one of them out\n"},
		},
		{
			"executioner runs list --server nonsense",
			ending{"2", "", "executioner: the server \"nonsense\" does not begin with https://, http:// or unix://\n → for example: https://batch.example.org:8323, or unix:///run/executioner/serve.sock\n"},
		},
		{
			"executioner runs list --server nonsense --json",
			ending{"2", "", `{"error":{"code":"usage","message":"the server \"nonsense\" does not begin with https://, http:// or unix://","hint":"for example: https://batch.example.org:8323, or unix:///run/executioner/serve.sock"}}` + "\n"},
		},
		{
			"executioner run flow.yaml --visible",
			ending{"2", "", "executioner: --visible shows the environment of jobs, which is the server's, and is not known here\n → leave it out\n"},
		},
		{"executioner run flow.yaml --durability full", ending{"2", "", "executioner: --durability is a matter of the server\n → leave it out\n"}},
		{
			"executioner run gone.yaml",
			ending{"3", "", "working_dir \"/not/there\": the directory does not exist\n working_dir: /not/there\n ^\nexecutioner: the workflow is not valid\n"},
		},
		{"executioner run sub.yaml -q", ending{"0", "\nsub run 1 SUCCESS\n started TIME\n ended TIME after LONG\n jobs 1 of 1 completed, 0 failed, 0 skipped\n log logs/executioner.sub.run-1.log\n\ndetails: executioner runs show 1\n", ""}},
		{ // what is copied from a hint goes to the same server
			"env -u EXECUTIONER_SERVER executioner run flow.yaml -q --server unix://$PWD/s | tail -1",
			ending{"0", "details: executioner runs show 2 --server unix://$WORK/s\n", ""},
		},
		{"EXECUTIONER_TOKEN_FILE=none executioner runs list", ending{"2", "", "executioner: the file of the token can't be read: open none: no such file or directory\n"}},
		{"executioner __complete runs show '' 2>/dev/null | head -1 | cut -f1", ending{"0", "2\n", ""}},
	} {
		if diff := cmp.Diff(c.want, p.run(c.command)); diff != "" {
			t.Errorf("%s\n(-want +got)\n%s", c.command, diff)
		}
	}
}

// TestInterruptThroughServer interrupts somebody who watches a run: once has the server end
// it, twice stops watching.
func TestInterruptThroughServer(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse([]byte(served)))
	p.serve()
	const watch = "executioner run slow.yaml -q & pid=$!; while ! test -e started; do sleep 0.02; done; rm started; "
	want := ending{"130", "\nslow run 1 CANCELLED\n", "executioner: interrupt: the server stops the running jobs; once more stops watching them\n"}
	got := p.run(watch + "kill -INT $pid; wait $pid")
	got.Out = strings.SplitAfter(got.Out, "CANCELLED")[0] + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	stubborn := strings.Replace(served, "touch started;", "trap '' TERM; touch started;", 1)
	for _, f := range txtar.Parse([]byte(stubborn)).Files {
		if f.Name == "slow.yaml" {
			if err := os.WriteFile(filepath.Join(p.dir, f.Name), f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got = p.run(watch + "kill -INT $pid; while ! executioner explain 2 | grep -q 'asked to stop'; do sleep 0.02; done; kill -INT $pid; wait $pid; code=$?; touch go; exit $code")
	want = ending{"130", "", "executioner: interrupt: the server stops the running jobs; once more stops watching them\n" +
		"executioner: interrupt: not watching any more\n" +
		"executioner: run 2 is not watched any more; it goes on, or ends, with the server\n" +
		" → watch it again with: executioner logs -f 2, see how it ended with: executioner runs show 2\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestServerRestarts ends the server while somebody watches a run of it, and starts another.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse([]byte(served)))
	stop := p.serve()
	var out, errs bytes.Buffer
	watcher := exec.Command("executioner", "run", "slow.yaml", "-q")
	watcher.Dir, watcher.Env, watcher.Stdout, watcher.Stderr = p.dir, p.env, &out, &errs
	if err := watcher.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(p.dir, "started")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the run does not begin\n%s", errs.String())
		}
	}
	stop(syscall.SIGTERM)
	p.serve()
	if err := os.WriteFile(filepath.Join(p.dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := watcher.Wait(); err != nil || !strings.Contains(out.String(), "SUCCESS") {
		t.Errorf("%v\n%s%s", err, out.String(), errs.String())
	}
}

// TestNoServer asks a server that is not there, or is something else.
func TestNoServer(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse([]byte(served)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	got := p.run("executioner runs list --server http://" + address)
	want := ending{"6", "", "executioner: the server can't be reached: dial tcp " + address + ": connect: connection refused\n → check that it runs, and its address\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestThroughAddress works with a server that is asked by an address, as on another host.
func TestThroughAddress(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse([]byte(served)))
	p.serve()
	r := newRecorder(t, filepath.Join(p.dir, "s"))
	address := strings.TrimPrefix(r.URL, "http://")
	p.env = append(p.env, "EXECUTIONER_SERVER="+r.URL, "PASSWORD=correct horse battery")
	for _, c := range []struct {
		command string
		want    ending
	}{
		{"executioner run flow.yaml -q | head -2", ending{"0", "\nflow run 1 SUCCESS\n", ""}},
		{
			"executioner run sub.yaml",
			ending{"2", "", "executioner: sub.yaml calls other workflow files (job part/a), which can't be sent to a server\n → put the files onto the server's host and run them there\n"},
		},
		{"EXECUTIONER_TOKEN=exe_wrong executioner runs list --json >/dev/null 2>&1", ending{"2", "", ""}},
		{"EXECUTIONER_TOKEN_FILE=token executioner runs list >/dev/null 2>&1", ending{"2", "", ""}},
		{"echo $PASSWORD | executioner --database history.db user add ann --grant viewer >/dev/null", ending{"0", "", ""}},
		{"executioner --database history.db token create ann batch >mine 2>/dev/null", ending{"0", "", ""}},
		{"EXECUTIONER_TOKEN_FILE=mine executioner runs list | wc -l", ending{"0", "2\n", ""}},
		{"EXECUTIONER_TOKEN_FILE=mine executioner run flow.yaml >/dev/null 2>&1", ending{"2", "", ""}},
		{"EXECUTIONER_TOKEN_FILE=mine executioner cancel 1 --json 2>&1 | grep -o '\"code\":\"[a-z]*\"'", ending{"0", "\"code\":\"forbidden\"\n", ""}},
		{ // a token does not go to another host in the open
			"EXECUTIONER_TOKEN_FILE=mine executioner runs list --server http://192.0.2.1:1",
			ending{"2", "", "executioner: http://192.0.2.1:1 is not encrypted, so that anybody on the way could read what you log in with\n → use https://, or http://127.0.0.1 of the host itself\n"},
		},
		{"executioner logs -f 1 a | wc -l", ending{"0", "2\n", ""}},
		{"executioner run flow.yaml --json | grep -c " + address, ending{"1", "0\n", ""}},
	} {
		if diff := cmp.Diff(c.want, p.run(c.command)); diff != "" {
			t.Errorf("%s\n(-want +got)\n%s", c.command, diff)
		}
	}
}
