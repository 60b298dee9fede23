package local_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestShortOfFiles has a program that has too many files open to open a log, and then
// to start the command. The job waits, and then runs.
func TestShortOfFiles(t *testing.T) {
	c := exec.Command("/proc/self/exe", "-test.run=^$")
	c.Env = append(os.Environ(), helperVariable+"="+t.TempDir())
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	same(t, "what happened", string(out), `no log: nothing ends
no pipe: TIME - INFO - job a, try 1 of 1
no pipe: TIME - WARNING - not started yet, trying again: cannot start /bin/sh: this program has too many files open now (ulimit -n)
stopped: CANCELLED run_cancelled
again: SUCCESS exit_code
ran
`)
}

// shortOfFiles is the program of TestShortOfFiles.
func shortOfFiles(dir string) int {
	wf := &workflow.Workflow{Application: "app", WorkingDir: dir, AllowShell: true, Jobs: []workflow.Job{job("a", "echo ran")}}
	wf.Jobs[0].LogDir = dir
	host, err := process.NewHost()
	must(err)
	k, err := keeper.Alone(keeper.Config{Dir: filepath.Join(dir, "keeper"), Host: host})
	must(err)
	r := local.New(local.Config{Workflow: wf, Run: 7, Keeper: k})
	log, err := os.OpenFile(joblog.JobPath(dir, "app", "a", 7), os.O_RDONLY|os.O_CREATE, 0o600)
	must(err)
	must(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}))

	taken := take()
	ended := begin(r, 1)
	select {
	case o := <-ended:
		fmt.Println("no log:", o)
	case <-time.After(100 * time.Millisecond): // nothing can be seen of a log that can't be opened
		fmt.Println("no log: nothing ends")
	}
	must(unix.Close(taken[0]))
	for _, line := range await(log, "trying again") {
		fmt.Println("no pipe:", line)
	}
	r.Stop(engine.Stop{ID: id(1), State: run.Cancelled, Reason: run.RunCancelled})
	o := <-ended
	fmt.Println("stopped:", o.State, o.Reason)

	ended = begin(r, 2)
	await(log, "try 2 of 1")
	for _, fd := range taken[1:] {
		must(unix.Close(fd))
	}
	o = <-ended
	fmt.Println("again:", o.State, o.Reason)
	for _, line := range await(log, "SUCCESS") {
		if strings.Contains(line, "passed") || line == "ran" {
			fmt.Println(line)
		}
	}
	must(r.Close(true))
	return 0
}

func begin(r *local.Runner, try int) <-chan run.Outcome {
	ended := make(chan run.Outcome, 1)
	r.Start(engine.Task{ID: id(try), Of: 1}, func(o run.Outcome) { ended <- o })
	return ended
}

// take opens files until no more can be opened.
func take() []int {
	var taken []int
	for {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return taken
		}
		taken = append(taken, fd)
	}
}

// await polls an open log for a text and returns its lines up to there.
func await(log *os.File, text string) []string {
	b := make([]byte, 1<<16)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		n, _ := log.ReadAt(b, 0)
		if before, after, ok := strings.Cut(string(b[:n]), text); ok {
			rest, _, _ := strings.Cut(after, "\n")
			return strings.Split(stamp.ReplaceAllString(before+text+rest, "TIME - "), "\n")
		}
	}
	fmt.Println("never in the log:", text, filepath.Base(log.Name()))
	os.Exit(1)
	return nil
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
