// Package e2e tests the program as its users have it: one binary, run as a process of
// its own, with real jobs, signals, disks and mail servers.
package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	// The program is built by another go command. These make a cached result of the tests
	// go stale when the program changes.
	_ "github.com/executionerhq/executioner/internal/app"
	_ "github.com/executionerhq/executioner/internal/cli"
)

// patience is how long a test waits for a process before it gives up. It is long since
// these tests share their processors with others.
const patience = 60 * time.Second

// program and newer are the paths of the binary, in two versions, which TestMain builds.
// Nobody changes them after that.
var program, newer string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "executioner-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program, newer = filepath.Join(dir, "executioner"), filepath.Join(dir, "newer")
	for _, path := range []string{program, newer} {
		c := exec.Command("go", "build", "-ldflags", "-X main.version="+filepath.Base(path), "-o", path, "github.com/executionerhq/executioner/cmd/executioner")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

// place is a directory of a test's own: home, working directory and history.
type place struct {
	t   *testing.T
	dir string
	env []string
	db  string // the address of the history where that is no file
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, dir: dir, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "USER=tester", "TZ=UTC", "EXECUTIONER_DATABASE=" + filepath.Join(dir, "history.db"),
	}}
	t.Cleanup(func() { // before the directory is removed
		for _, pid := range p.processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(name, text string) string {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return name
}

func (p *place) read(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

func (p *place) exists(name string) bool {
	_, err := os.Stat(p.path(name))
	return err == nil
}

// job is a job of a workflow file.
type job map[string]any

// flow writes a workflow file named after the application and returns its name.
func (p *place) flow(app string, fields map[string]any, jobs ...job) string {
	p.t.Helper()
	all := map[string]any{"application_name": app, "working_dir": p.dir, "jobs": jobs}
	for k, v := range fields {
		all[k] = v
	}
	b, err := json.Marshal(all)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.write(app+".json", string(b))
}

// result is how the program ended, and what it said.
type result struct {
	code     int
	out, err string
}

// run runs the program to its end.
func (p *place) run(args ...string) result {
	p.t.Helper()
	return p.start(args...).wait()
}

// script runs a bash script, in which "$X" is the program.
func (p *place) script(text string) result {
	p.t.Helper()
	return p.launch(exec.Command("bash", "-c", text)).wait()
}

// running is the program while it goes on.
type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err *output
	ended    chan struct{} // closed when the program has ended and was waited for
}

func (p *place) start(args ...string) *running {
	p.t.Helper()
	return p.launch(exec.Command(program, args...))
}

func (p *place) launch(c *exec.Cmd) *running {
	p.t.Helper()
	r := &running{t: p.t, cmd: c, out: &output{}, err: &output{}, ended: make(chan struct{})}
	c.Dir, c.Env = p.dir, append([]string{"X=" + program}, p.env...)
	if c.Stdout == nil {
		c.Stdout = r.out
	}
	c.Stderr = r.err
	c.WaitDelay = time.Second // orphans of a program that was killed hold none of these, but let us not hang
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = c.Wait()
	}()
	p.t.Cleanup(func() {
		_ = c.Process.Kill()
		<-r.ended
	})
	return r
}

func (r *running) pid() int { return r.cmd.Process.Pid }

func (r *running) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// wait waits for the end. The code of a program that a signal ended is 128 and the signal.
func (r *running) wait() result {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatalf("it goes on and on\nstdout: %.2000s\nstderr: %.2000s", r.out, r.err)
	}
	code := r.cmd.ProcessState.ExitCode()
	if s, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		code = 128 + int(s.Signal())
	}
	return result{code, r.out.String(), r.err.String()}
}

// awaitErr polls for a text on the standard error and returns all that is there.
func (r *running) awaitErr(text string) string { return r.awaitText(r.err, text) }

// awaitOut polls for a text on the standard output and returns all that is there.
func (r *running) awaitOut(text string) string { return r.awaitText(r.out, text) }

func (r *running) awaitText(o *output, text string) string {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(o.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%q never came\nstdout: %.2000s\nstderr: %.2000s", text, r.out, r.err)
		}
	}
	return o.String()
}

// output collects what a program writes. It may be read meanwhile.
type output struct {
	mu sync.Mutex // guards b, which the goroutine of os/exec writes
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// ends fails the test when the program ended otherwise.
func (r result) ends(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout: %.3000s\nstderr: %.3000s", r.code, code, r.out, r.err)
	}
	return r
}

func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%.3000s", what, part, text)
		}
	}
}

func lacks(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("%s has %q:\n%.3000s", what, part, text)
		}
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// eventually polls for something that other processes do.
func (p *place) eventually(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("never happened: %s", what)
		}
	}
}

// await polls for a file that a job makes.
func (p *place) await(name string) {
	p.t.Helper()
	p.eventually(name, func() bool { return p.exists(name) })
}

// processes returns the ids of the processes that work in the place: all jobs do, also
// those that detach themselves and clear their environment. Zombies don't count.
func (p *place) processes() []int {
	var found []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		if err == nil && (cwd == p.dir || strings.HasPrefix(cwd, p.dir+"/")) {
			found = append(found, pid)
		}
	}
	return found
}

// killKeeper kills the keeper of the place, and returns when it is gone.
func (p *place) killKeeper() {
	p.t.Helper()
	pids := p.keepers()
	if len(pids) != 1 {
		p.t.Fatalf("keepers: %v", pids)
	}
	_ = syscall.Kill(pids[0], syscall.SIGKILL)
	p.eventually("the keeper is gone", func() bool { return len(p.keepers()) == 0 })
}

func (p *place) keepers() []int {
	var found []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if pid, aerr := strconv.Atoi(e.Name()); err == nil && aerr == nil && bytes.Contains(line, []byte("\x00keeper\x00-dir\x00"+p.dir)) {
			found = append(found, pid)
		}
	}
	return found
}

// nobody fails the test when a process is left.
func (p *place) nobody() {
	p.t.Helper()
	for _, pid := range p.processes() {
		cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if !errors.Is(err, os.ErrNotExist) {
			p.t.Errorf("process %d is left: %q", pid, cmdline)
		}
	}
}

// ledger is a command that notes the start of a job in a file, whole lines only.
const ledger = `echo "$EXECUTIONER_JOB $EXECUTIONER_ATTEMPT.$EXECUTIONER_TRY" >>ledger`

// starts returns the lines of the ledger.
func (p *place) starts() []string {
	p.t.Helper()
	return strings.Split(strings.TrimSpace(p.read("ledger")), "\n")
}

func (p *place) started(want ...string) {
	p.t.Helper()
	equal(p.t, "starts", strings.Join(p.starts(), ", "), strings.Join(want, ", "))
}

// view is what the tests look at of runs show --json.
type view struct {
	Run     int
	Attempt int
	State   string
	Reason  string
	Counts  struct{ Total, Succeeded, Failed, Skipped, Cancelled int }
	Jobs    []jobView
}

type jobView struct {
	ID           string
	State        string
	Reason       string
	Detail       string
	Attempt      int
	Tries        int
	ExitCode     *int  `json:"exit_code"`
	OutputBytes  int64 `json:"output_bytes"`
	DroppedBytes int64 `json:"output_dropped_bytes"`
	Survivors    int
}

func (p *place) show(run string) view {
	p.t.Helper()
	var v view
	p.decode(p.run("runs", "show", run, "--json").ends(p.t, 0).out, &v)
	return v
}

func (p *place) decode(text string, v any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		p.t.Fatalf("%v in %.1000s", err, text)
	}
}

// change is one line of run --json.
type change struct {
	Event, Job, From, To, Reason string
	Try                          int
}

// changes reads the output of run --json, without the run at its end.
func (p *place) changes(out string) []change {
	p.t.Helper()
	var all []change
	for line := range strings.Lines(out) {
		var c change
		p.decode(line, &c)
		if c.Event == "transition" {
			all = append(all, c)
		}
	}
	return all
}

// log names the log file of a job of run 1.
func (p *place) log(app, id string) string {
	return "logs/executioner." + app + ".job-" + id + ".run-1.log"
}
