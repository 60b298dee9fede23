package cli_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestSameThroughServer runs the scripts of testdata/both twice, on a database and through a
// server, and compares what they print and how they end. A script's lines are commands for
// /bin/sh, each with the exit code that it must end with before it.
func TestSameThroughServer(t *testing.T) {
	scripts, err := filepath.Glob("testdata/both/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			script, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			here := newPlace(t, script)
			there := newPlace(t, script)
			there.serve()
			for line := range strings.Lines(string(script.Comment)) {
				code, command, ok := strings.Cut(strings.TrimSpace(line), " ")
				if !ok || code == "#" {
					continue
				}
				want, got := here.run(command), there.run(command)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s\n(-here +through the server)\n%s", command, diff)
				}
				if got.Code != code {
					t.Fatalf("%s\nended with %s, not %s\n%s%s", command, got.Code, code, got.Out, got.Err)
				}
			}
		})
	}
}

// place is a directory with a history of its own.
type place struct {
	t   *testing.T
	dir string
	env []string
}

// ending is what a command printed, and its exit code.
type ending struct{ Code, Out, Err string }

func newPlace(t *testing.T, script *txtar.Archive) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "exe") // the name of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, f := range script.Files {
		path := filepath.Join(dir, f.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	p := &place{t: t, dir: dir}
	p.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "USER=tester", "TZ=UTC",
		"EXECUTIONER_DATABASE=" + filepath.Join(dir, "history.db"), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR"),
	}
	return p
}

// serve starts a server, which the commands work with from then on, until stop ends it.
func (p *place) serve(args ...string) (stop func(os.Signal)) {
	p.t.Helper()
	socket := filepath.Join(p.dir, "s")
	var log bytes.Buffer
	cmd := exec.Command("executioner", append([]string{"serve", "--listen", "none", "--socket", socket}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &log, &log
	cmd.Env = slices.DeleteFunc(slices.Clone(p.env), func(v string) bool { return strings.HasPrefix(v, "EXECUTIONER_SERVER=") })
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	stop = func(sig os.Signal) {
		_ = cmd.Process.Signal(sig)
		<-ended
	}
	p.t.Cleanup(func() {
		stop(syscall.SIGTERM)
		if p.t.Failed() {
			p.t.Logf("the server said\n%s", log.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		select {
		case <-ended:
			p.t.Fatalf("the server ended\n%s", log.String())
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatal("the server does not listen")
		}
	}
	p.env = append(p.env, "EXECUTIONER_SERVER=unix://"+socket)
	return stop
}

func (p *place) run(command string) ending {
	p.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.env, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return ending{strconv.Itoa(cmd.ProcessState.ExitCode()), p.plain(out.String()), p.plain(errs.String())}
}

// What differs from one run of a command to another, and from here to a server.
var differing = []struct {
	what *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "TIME"},
	{regexp.MustCompile(`"(\w+_seconds|workers_busy|max_rss_bytes)":[0-9.e-]+`), `"$1":N`},
	{regexp.MustCompile(`"file":"\$WORK/`), `"file":"`}, // a server is told the whole path
	{regexp.MustCompile(`"(workflow_hash)":"[0-9a-f]+"`), `"$1":HASH`},
	{regexp.MustCompile(`\b\d+\.\d+ ?s\b`), "LONG"},
	{regexp.MustCompile(`\bby (tester|local(:\w+){0,2})\b`), "by SOMEBODY"},
	{regexp.MustCompile(`"by":"[^"]*"`), `"by":SOMEBODY`},
	{regexp.MustCompile(`\bexe_[0-9a-f]{16}_[\w-]{43}`), "SECRET"},
	{regexp.MustCompile(`\b[0-9a-f]{16}\b`), "ID"},
	{regexp.MustCompile(`  +`), " "}, // columns are as wide as durations
}

func (p *place) plain(text string) string {
	text = strings.ReplaceAll(text, p.dir, "$WORK")
	for _, d := range differing {
		text = d.what.ReplaceAllString(text, d.is)
	}
	return text
}
