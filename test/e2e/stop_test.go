package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// grace is the time between SIGTERM and SIGKILL.
const grace = 10 * time.Second

// hostile has a grandchild that left its session and its parent, cleared its
// environment, and ignores SIGTERM as the job itself does.
const hostile = `trap '' TERM
(setsid env -i PATH="$PATH" sh -c 'trap "" TERM; touch daemon; while :; do sleep 0.05; done' >/dev/null 2>&1 &)
while ! test -e daemon; do sleep 0.01; done
touch started; while :; do sleep 0.05; done`

// TestTimeoutLeavesNobody: the Python program's job left its detached children.
func TestTimeoutLeavesNobody(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.run("run", p.flow("late", nil, job{"id": "a", "command": hostile, "timeout": 2}), "-q").ends(t, 1)
	p.nobody()
	v := p.show("1")
	equal(t, "state", v.Jobs[0].State+" "+v.Jobs[0].Reason, "TIMEOUT timed_out")
	equal(t, "survivors", v.Jobs[0].Survivors, 0)
	if !p.exists("daemon") {
		t.Error("there was nobody to leave")
	}
}

// slow waits for a file, and cleans up when it is asked to stop.
const slow = ledger + `; trap 'touch cleaned; exit 1' TERM; touch started; while ! test -e go; do sleep 0.02; done`

// TestInterrupt stops the jobs with grace. The run can be resumed, and what had
// succeeded is not run again.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		p := newPlace(t)
		file := p.flow("slow", nil, job{"id": "first", "command": ledger}, job{"id": "slow", "command": slow}, job{"id": "then", "command": ledger})
		r := p.start("run", file)
		p.await("started")
		r.signal(sig)
		end := r.wait().ends(t, 130)
		contains(t, "stderr", end.err, ": stopping the running jobs; once more kills them")
		contains(t, "stdout", end.out, "resume:        executioner resume 1")
		p.nobody()
		if !p.exists("cleaned") {
			t.Errorf("%s: the job had no time to clean up", sig)
		}
		v := p.show("1")
		equal(t, "run", v.State+" "+v.Reason, "CANCELLED interrupted")
		equal(t, "jobs", v.Jobs[0].State+" "+v.Jobs[1].State+" "+v.Jobs[2].State, "SUCCESS CANCELLED CANCELLED")
		p.write("go", "")
		p.run("resume").ends(t, 0)
		p.started("first 1.1", "slow 1.1", "slow 2.1", "then 2.1")
	}
}

// TestInterruptTwice kills what does not want to end.
func TestInterruptTwice(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := newPlace(t)
		r := p.start("run", p.flow("hostile", nil, job{"id": "a", "command": hostile}))
		p.await("started")
		r.signal(sig)
		p.eventually("the first is heard", func() bool { return strings.Contains(r.err.String(), "stopping the running jobs") })
		second := time.Now()
		r.signal(sig)
		end := r.wait().ends(t, 130)
		contains(t, "stderr", end.err, ": killing the running jobs")
		if took := time.Since(second); took >= grace {
			t.Errorf("it took %s, as long as the grace", took)
		}
		p.nobody()
		equal(t, "state", p.show("1").State, "CANCELLED")
	}
}

// TestInterruptOfTheOldCommandLine ends with 1: it knew no other.
func TestInterruptOfTheOldCommandLine(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start("-c", p.flow("slow", nil, job{"id": "slow", "command": slow}))
	p.await("started")
	r.signal(syscall.SIGINT)
	r.wait().ends(t, 1)
	equal(t, "state", p.show("1").State, "CANCELLED")
}

// TestCancel stops a run from another terminal.
func TestCancel(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.start("run", p.flow("slow", nil, job{"id": "slow", "command": slow}))
	p.await("started")
	contains(t, "cancel", p.run("cancel", "1").ends(t, 0).out, "run 1 ended: CANCELLED")
	r.wait().ends(t, 130)
	p.nobody()
}
