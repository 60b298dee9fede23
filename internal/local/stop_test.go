package local_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

// stopped is the outcome of a task that world.stop ended.
func stopped(change func(*run.Outcome)) run.Outcome {
	o := run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, Detail: "asked by tester", ExitCode: run.NoExitCode}
	change(&o)
	return o
}

// commandCheck is a check that runs a command.
func commandCheck(command string) []workflow.Check {
	return []workflow.Check{{Name: "command", Params: map[string]any{"command": command}}}
}

// TestStopOfNobody is about a task that has not begun, or has ended, and another one.
func TestStopOfNobody(t *testing.T) {
	w := newWorld(t, flow(t, "true"))
	w.stop()
	want := run.Outcome{State: run.Success, Reason: run.Exited}
	same(t, "outcome", w.execute(1), want)
	w.stop()
	same(t, "next try", w.execute(2), want)
}

// TestStopAtOnce comes at any moment of a start: before it, while the process is being
// started, and right after.
func TestStopAtOnce(t *testing.T) {
	w := newWorld(t, flow(t, "exec sleep 60"))
	for n := range 60 {
		ended := w.begin(1)
		for began := time.Now(); time.Since(began) < time.Duration(n)*50*time.Microsecond; {
			runtime.Gosched() // a sleep would be too long
		}
		w.stop()
		o := w.end(ended)
		o.Signal = 0 // 15 when there was a process already
		same(t, "outcome", o, stopped(func(*run.Outcome) {}))
	}
}

func TestStopDuringThePreCheck(t *testing.T) {
	wf := flow(t, "touch ran")
	wf.Jobs[0].PreChecks = commandCheck("touch started; exec sleep 60")
	w := newWorld(t, wf)
	ended := w.begin(1)
	w.await("started")
	w.stop()
	same(t, "outcome", w.end(ended), stopped(func(*run.Outcome) {}))
	if w.exists("ran") {
		t.Error("the command was run")
	}
	same(t, "log", w.log(), "TIME - INFO - job a, try 1 of 3\nTIME - ERROR - CANCELLED, run_cancelled; asked by tester after N s\n")
}

// TestStopDuringTheCommand gives it time to clean up; a second stop changes nothing.
func TestStopDuringTheCommand(t *testing.T) {
	wf := flow(t, `trap 'touch cleaned; exit 9' TERM; touch started; while :; do sleep 0.01; done 2>/dev/null`)
	wf.Jobs[0].PostChecks = commandCheck("touch checked")
	w := newWorld(t, wf)
	ended := w.begin(1)
	w.await("started")
	w.stop()
	w.stop()
	same(t, "outcome", w.end(ended), stopped(func(o *run.Outcome) { o.ExitCode = 9 }))
	if !w.exists("cleaned") || w.exists("checked") {
		t.Errorf("cleaned up: %v, checked: %v", w.exists("cleaned"), w.exists("checked"))
	}
}

// TestStopDuringThePostCheck keeps the command's exit code.
func TestStopDuringThePostCheck(t *testing.T) {
	wf := flow(t, "echo done")
	wf.Jobs[0].PostChecks = commandCheck("touch started; exec sleep 60")
	w := newWorld(t, wf)
	ended := w.begin(1)
	w.await("started")
	w.stop()
	same(t, "outcome", w.end(ended), stopped(func(o *run.Outcome) { o.ExitCode, o.Output = 0, 5 }))
}

// stubborn ignores SIGTERM, and has a child that does, too, in a session of its own.
const stubborn = `trap '' TERM
setsid sh -c 'echo $$ >child; while :; do sleep 0.01; done' &
while ! test -s child; do sleep 0.01; done
touch started; while :; do sleep 0.01; done`

func TestStopAfterTheGrace(t *testing.T) {
	w := newWorld(t, flow(t, stubborn), func(c *local.Config) { c.Grace = 100 * time.Millisecond })
	ended := w.begin(1)
	w.await("started")
	w.stop()
	same(t, "outcome", w.end(ended), stopped(func(o *run.Outcome) { o.Signal = 9 }))
	if alive(w.pid("child")) {
		t.Error("its child goes on")
	}
}

// TestKill ends the grace of what was asked to stop, and of nothing else.
func TestKill(t *testing.T) {
	wf := flow(t, `if test $EXECUTIONER_TRY = 2; then
trap 'touch cleaned; exit 0' TERM; touch second; while :; do sleep 0.01; done 2>/dev/null; fi
`+stubborn)
	w := newWorld(t, wf, func(c *local.Config) { c.Grace, c.Scope = time.Hour, "kill" })
	first, second := w.begin(1), w.begin(2)
	w.await("started")
	w.await("second")
	w.Kill() // nobody was asked to stop
	w.stop()
	w.Kill()
	w.Kill()
	same(t, "first", w.end(first), stopped(func(o *run.Outcome) { o.Signal = 9 }))
	if left, err := process.Survivors(local.Cookie("kill", id(1))); err != nil || len(left) > 0 {
		t.Errorf("still there: %v, %v", left, err)
	}
	w.Stop(engine.Stop{ID: id(2), State: run.Cancelled, Reason: run.JobCancelled})
	same(t, "second", w.end(second), run.Outcome{State: run.Cancelled, Reason: run.JobCancelled})
	if !w.exists("cleaned") {
		t.Error("the second had no grace")
	}
}

// TestKillDuringACheck is for a check that does not want to end.
func TestKillDuringACheck(t *testing.T) {
	wf := flow(t, "true")
	wf.Jobs[0].PreChecks = commandCheck(stubborn)
	w := newWorld(t, wf, func(c *local.Config) { c.Grace = time.Hour })
	ended := w.begin(1)
	w.await("started")
	w.stop()
	w.Kill()
	same(t, "outcome", w.end(ended), stopped(func(*run.Outcome) {}))
}

// TestCloseWaits for what is going on.
func TestCloseWaits(t *testing.T) {
	w := newWorld(t, flow(t, "touch started; while ! test -e go; do sleep 0.01; done; touch ended"))
	ended := w.begin(1)
	w.await("started")
	closed := make(chan error, 1)
	go func() { closed <- w.Close(true) }()
	w.write("go", "")
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if !w.exists("ended") || len(ended) != 1 {
		t.Error("the task had not ended")
	}
}
