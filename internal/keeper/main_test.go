package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
)

// helperVariable makes the test binary another program than the keeper, which it is
// when its first argument says so.
const helperVariable = "KEEPER_TEST_HELPER"

func TestMain(m *testing.M) {
	switch helper := os.Getenv(helperVariable); {
	case len(os.Args) > 1 && os.Args[1] == Command:
		os.Exit(Main(os.Args[2:], "test"))
	case helper != "":
		helpers[helper](os.Args[1:])
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var helpers = map[string]func(args []string){
	"engine": helperEngine,
	"caller": helperCaller,
}

// patience is how long a test waits for real processes before it gives up.
const patience = 30 * time.Second

// world is a directory for jobs and one for their keeper, and a host.
type world struct {
	*testing.T
	work string
	keep string // the keeper's
	host *process.Host
}

func newWorld(t *testing.T) *world {
	t.Helper()
	host, err := process.NewHost()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, work: t.TempDir(), keep: filepath.Join(t.TempDir(), "keepers", "run-1"), host: host}
	t.Cleanup(func() { w.must(host.Close()) })
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// config is how an engine reaches the keeper, which is this binary.
func (w *world) config(epoch int64) Config {
	w.Helper()
	self, err := os.Executable()
	w.must(err)
	return Config{Dir: w.keep, Epoch: epoch, Program: self, Name: "executioner", Host: w.host, Environ: []string{"HOME=/"}}
}

// open is an engine that comes.
func (w *world) open(epoch int64) *Client {
	w.Helper()
	c, err := Open(w.config(epoch))
	w.must(err)
	w.Cleanup(func() { // when the test has failed
		if c.child != nil {
			_ = c.child.Process.Kill()
			<-c.gone
		}
	})
	return c
}

// vanish ends an engine as kill -9 does, as far as its keeper can tell.
func (c *Client) vanish() {
	c.mu.Lock()
	c.closed = true // it does not take over
	c.mu.Unlock()
	c.w.close()
	<-c.over
	c.dropPipes()
}

// die ends an engine and the keeper that it started. What they leave is ours to reap,
// who take the place of init.
func (w *world) die(c *Client) {
	w.Helper()
	c.vanish()
	hit(w, keeperOf(c), unix.SIGKILL)
	<-c.gone
	w.host.Settle()
}

// alone is an engine that has no keeper.
func (w *world) alone(epoch int64) Keeper {
	w.Helper()
	k, err := Alone(w.config(epoch))
	w.must(err)
	return k
}

// keeperOf returns the pid of the keeper of an engine that started it.
func keeperOf(c *Client) int { return c.child.Process.Pid }

// script is a task that tells in a file of that name when it begins, and that it did.
func (w *world) script(id, text string) Spec {
	cookie := fmt.Sprintf("%s-%d/%s", w.Name(), os.Getpid(), id)
	return Spec{
		ID: id, Path: "/bin/sh", Args: []string{"sh", "-c", "echo " + id + " >> starts\n" + text}, Dir: w.work, Cookie: cookie,
		Env: []string{"PATH=" + os.Getenv("PATH"), process.CookieVariable + "=" + cookie},
		Log: &Log{Path: filepath.Join(w.work, id+".log"), End: true},
	}
}

// untilGo keeps a script until the test says so.
const untilGo = "while [ ! -e go ]; do sleep 0.01; done\n"

func (w *world) path(name string) string { return filepath.Join(w.work, name) }

func (w *world) write(name, text string) {
	w.Helper()
	w.must(os.WriteFile(w.path(name), []byte(text), 0o600))
}

func (w *world) read(name string) string {
	w.Helper()
	b, err := os.ReadFile(w.path(name))
	w.must(err)
	return string(b)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// await polls for a file that a job makes.
func (w *world) await(name string) {
	w.Helper()
	w.eventually("file "+name, func() bool { return exists(w.path(name)) })
}

func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("never happened: %s", what)
		}
	}
}

// pid returns the process id that a job writes into a file.
func (w *world) pid(name string) (pid int) {
	w.Helper()
	w.eventually("a pid in "+name, func() bool {
		b, err := os.ReadFile(w.path(name))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil && strings.HasSuffix(string(b), "\n")
	})
	return pid
}

// isRunning reports whether there is a process that is no zombie.
func isRunning(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// starts says how often each script was started.
func (w *world) starts() map[string]int {
	w.Helper()
	all := make(map[string]int)
	for id := range strings.FieldsSeq(w.read("starts")) {
		all[id]++
	}
	return all
}

// once checks that every task was started exactly once.
func (w *world) once(ids ...string) {
	w.Helper()
	all := w.starts()
	for _, id := range ids {
		if all[id] != 1 {
			w.Errorf("%s was started %d times", id, all[id])
		}
		delete(all, id)
	}
	if len(all) > 0 {
		w.Errorf("and more were started: %v", all)
	}
}

// begin starts a task and returns where its result will be, with room for one too many.
func begin(k Keeper, s Spec) <-chan Result {
	ended := make(chan Result, 2)
	k.Start(s, func(r Result) { ended <- r })
	return ended
}

// end waits for a result. What differs from time to time is left out of it.
func (w *world) end(ended <-chan Result) Result {
	w.Helper()
	select {
	case r := <-ended:
		r.Outcome.CPU, r.Outcome.MaxRSS = 0, 0
		return r
	case <-time.After(patience):
		w.Fatal("the task did not end")
		return Result{}
	}
}

// ends checks how a task ended.
func (w *world) ends(ended <-chan Result, want run.Outcome) Result {
	w.Helper()
	r := w.end(ended)
	if r.Outcome != want {
		w.Errorf("outcome:\ngot  %+v\nwant %+v", r.Outcome, want)
	}
	return r
}

// exited is the outcome of a script of which nothing was left.
func exited(code int, output int64) run.Outcome {
	o := run.Outcome{State: run.Success, Reason: run.Exited, ExitCode: code, Output: output}
	if code != 0 {
		o.State = run.Failed
	}
	return o
}

var (
	stamp  = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - `)
	length = regexp.MustCompile(`after \d+\.\d{3} s\n`)
)

// log returns a task's log with what differs from time to time replaced.
func (w *world) log(id string) string {
	w.Helper()
	return length.ReplaceAllString(stamp.ReplaceAllString(w.read(id+".log"), "T "), "after N s\n")
}

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

// gone waits until a keeper's directory is removed, and nothing of the world is left.
func (w *world) gone() {
	w.Helper()
	w.eventually("the directory is removed", func() bool { return !exists(w.keep) })
	w.childless()
	if exists(filepath.Dir(w.keep)) {
		w.Error("the directory above is left")
	}
}

// childless waits until no process is left below this one, dead or alive.
func (w *world) childless() {
	w.Helper()
	for deadline := time.Now().Add(patience); len(children(w)) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().Before(deadline) {
			continue
		}
		for _, pid := range children(w) {
			stat, _ := os.ReadFile("/proc/" + pid + "/stat")
			w.Errorf("left: %s", stat)
		}
		w.FailNow()
	}
}

// children lists the processes below this one, dead or alive.
func children(w *world) (pids []string) {
	w.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	w.must(err)
	for _, f := range tasks {
		b, _ := os.ReadFile(f)
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}

func openFiles(w *world) int {
	w.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	w.must(err)
	return len(names)
}

func hit(w *world, pid int, sig syscall.Signal) {
	w.Helper()
	w.must(unix.Kill(pid, sig))
}

// helperEngine is an engine in a process of its own: its arguments are the keeper's
// directory, the epoch and a file with the specs. It prints the results.
func helperEngine(args []string) {
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
	}
	host, err := process.NewHost()
	check(err)
	epoch, err := strconv.ParseInt(args[1], 10, 64)
	check(err)
	self, err := os.Executable()
	check(err)
	c, err := Open(Config{Dir: args[0], Epoch: epoch, Program: self, Name: "executioner", Host: host, Environ: []string{"HOME=/"}})
	check(err)
	b, err := os.ReadFile(args[2])
	check(err)
	var specs []Spec
	check(json.Unmarshal(b, &specs))
	ended := make(chan string)
	for _, s := range specs {
		c.Start(s, func(r Result) {
			ended <- fmt.Sprintf("%s %s %s %d", s.ID, r.Outcome.State, r.Outcome.Reason, r.Outcome.ExitCode)
		})
	}
	for range specs {
		fmt.Println(<-ended)
	}
	check(c.Close(true))
	check(host.Close())
}

// helperCaller calls the keeper of a directory and prints what it answers.
func helperCaller(args []string) {
	conn, err := call(args[0])
	if err != nil {
		fmt.Println("not reached:", err)
		return
	}
	w := newWire(conn)
	_ = conn.SetDeadline(time.Now().Add(patience))
	_ = w.send(&message{Verb: hello, Version: version, Epoch: 1 << 40})
	if m, err := w.receive(); err != nil {
		fmt.Println("no answer:", err)
	} else {
		fmt.Println("answer:", m.Verb)
	}
}
