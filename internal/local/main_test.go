package local_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// helperVariable makes the test binary the program of TestShortOfFiles.
const helperVariable = "LOCAL_TEST_HELPER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperVariable); dir != "" {
		os.Exit(shortOfFiles(dir))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for a real process before it gives up.
const patience = 20 * time.Second

// job returns a job with the defaults of the file format.
func job(id run.JobID, command string) workflow.Job {
	return workflow.Job{
		ID: id, Command: command, Timeout: time.Minute, Retry: &workflow.Retry{},
		OutputLimit: workflow.DefaultOutputLimit, Leftover: workflow.LeaveLeftover,
	}
}

// flow returns a workflow named app of one job "a", in a directory of its own.
func flow(t *testing.T, command string) *workflow.Workflow {
	t.Helper()
	dir := t.TempDir()
	wf := &workflow.Workflow{
		Application: "app", WorkingDir: dir, LogDir: filepath.Join(dir, "logs"), MaxWorkers: 1,
		AllowShell: true, Inherit: workflow.Inherit{All: true}, Jobs: []workflow.Job{job("a", command)},
	}
	wf.Jobs[0].LogDir = wf.LogDir
	return wf
}

// world is a runner of run 7 with a real host.
type world struct {
	*local.Runner
	t    *testing.T
	wf   *workflow.Workflow
	done func() // ends the runner and its host, once
}

func newWorld(t *testing.T, wf *workflow.Workflow, change ...func(*local.Config)) *world {
	t.Helper()
	host, err := process.NewHost()
	if err != nil {
		t.Fatal(err)
	}
	k, err := keeper.Alone(keeper.Config{Dir: t.TempDir(), Host: host})
	if err != nil {
		t.Fatal(err)
	}
	cfg := local.Config{Workflow: wf, Run: 7, Keeper: k, Environ: []string{"PATH=" + os.Getenv("PATH")}, Scope: "test" + strconv.Itoa(os.Getpid())}
	for _, f := range change {
		f(&cfg)
	}
	w := &world{Runner: local.New(cfg), t: t, wf: wf}
	w.done = sync.OnceFunc(func() {
		if err := errors.Join(w.Close(true), w.Close(true), host.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.done)
	return w
}

// id is that of a try of job "a".
func id(try int) run.TaskID { return run.TaskID{Run: 7, Attempt: 2, Job: "a", Try: try} }

// begin starts a try of job "a" and returns where its outcome will be.
func (w *world) begin(try int) <-chan run.Outcome {
	ended := make(chan run.Outcome, 2) // room for the second outcome that must not come
	w.Start(engine.Task{ID: id(try), Of: 3}, func(o run.Outcome) { ended <- o })
	return ended
}

// end waits for an outcome. What differs from time to time is left out of it.
func (w *world) end(ended <-chan run.Outcome) run.Outcome {
	w.t.Helper()
	select {
	case o := <-ended:
		o.CPU, o.MaxRSS = 0, 0
		return o
	case <-time.After(patience):
		w.t.Fatal("the task did not end")
		return run.Outcome{}
	}
}

func (w *world) execute(try int) run.Outcome {
	w.t.Helper()
	return w.end(w.begin(try))
}

// stop asks for the end of the first try as a user does who cancels the run.
// takeUp takes up a task that has ended, as a program does that comes later. It checks that
// the outcome says when the task ended, and returns it without that.
func (w *world) takeUp(began time.Time) run.Outcome {
	w.t.Helper()
	ended := make(chan run.Outcome, 1)
	now := time.Now()
	w.Start(engine.Task{ID: id(1), Of: 3, Again: true}, func(o run.Outcome) { ended <- o })
	o := w.end(ended)
	if o.Ended.Before(began) || o.Ended.After(now) || o.Ended != o.Ended.UTC().Truncate(time.Microsecond) {
		w.t.Errorf("it ended at %v, between %v and %v", o.Ended, began, now)
	}
	o.Ended = time.Time{}
	return o
}

func (w *world) stop() {
	w.Stop(engine.Stop{ID: id(1), State: run.Cancelled, Reason: run.RunCancelled, Detail: "asked by tester"})
}

var (
	stamp  = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - `)
	length = regexp.MustCompile(`(after|took) \d+\.\d{3} s\n`)
)

// log returns the log of job "a" with what differs from time to time replaced.
func (w *world) log() string {
	w.t.Helper()
	b, err := os.ReadFile(joblog.JobPath(w.wf.Jobs[0].LogDir, "app", "a", 7))
	if err != nil {
		w.t.Fatal(err)
	}
	return length.ReplaceAllString(stamp.ReplaceAllString(string(b), "TIME - "), "$1 N s\n")
}

// path names a file in the working directory.
func (w *world) path(name string) string { return filepath.Join(w.wf.WorkingDir, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exists(name string) bool {
	_, err := os.Stat(w.path(name))
	return !errors.Is(err, fs.ErrNotExist)
}

// await polls for a file that a job makes.
func (w *world) await(name string) {
	w.t.Helper()
	w.eventually(name, func() bool { return w.exists(name) })
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never happened: %s", what)
		}
	}
}

// pid returns the process id that a job wrote into a file.
func (w *world) pid(name string) int {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		w.t.Fatal(err)
	}
	return pid
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// same compares an outcome or a text with what is wanted.
func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}
