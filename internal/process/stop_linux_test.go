package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"golang.org/x/sys/unix"
)

// bare clears the outcome of what differs from run to run.
func bare(o run.Outcome) run.Outcome {
	o.CPU, o.MaxRSS, o.Output = 0, 0, 0
	return o
}

// forever is a helper that ignores SIGTERM and writes its pid to the file.
func forever(t *testing.T, file string) string { return helper(t, "forever", file) }

// TestStopReachesEveryone: however a descendant detached itself, it dies with its job.
func TestStopReachesEveryone(t *testing.T) {
	detach := `(setsid bash -c '(%s) </dev/null >/dev/null 2>&1 & disown' &) ; `
	for _, c := range []struct{ name, script string }{
		{"ignores TERM", forever(t, "pid")},
		{"child ignores TERM", "(" + forever(t, "pid") + ") & wait"},
		{"own session, double fork", fmt.Sprintf(detach, forever(t, "pid")) + "sleep 1000"},
		{"the same with a cleared environment", fmt.Sprintf(detach, "exec env -i bash -c \""+forever(t, "pid")+"\"") + "sleep 1000"},
		{"stopped itself", "echo $$ > pid; kill -STOP $$; sleep 1000"},
		{"stopped child that ignores TERM", "(trap '' TERM; echo $BASHPID > pid; kill -STOP $BASHPID; sleep 1000) & wait"},
		{"holds the pipe", "(" + forever(t, "pid") + ") & exec sleep 1000"},
		{"writes at full speed", "trap '' TERM; yes & echo $! > pid; wait"},
		{"program ends before its child", "(" + forever(t, "pid") + ") & trap 'exit 0' TERM; wait"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := script(t, c.script)
			spec.Grace = 100 * time.Millisecond
			host := newHost(t)
			p := start(t, host, spec)
			pid := pidFrom(t, spec.Dir, "pid")
			p.Stop(run.Cancelled, run.RunCancelled, "asked")
			o := p.Wait()
			if o.State != run.Cancelled || o.Reason != run.RunCancelled || o.Detail != "asked" || o.Survivors != 0 {
				t.Errorf("%+v", o)
			}
			if isRunning(pid) {
				t.Errorf("%d still runs", pid)
			}
			if left := zombies(t); len(left) > 0 {
				t.Errorf("zombies %v", left)
			}
		})
	}
}

// TestStoppedJobSeesTheRequest: SIGTERM alone would wait for a SIGCONT that never comes.
func TestStoppedJobSeesTheRequest(t *testing.T) {
	spec := script(t, "trap 'exit 5' TERM; echo $$ > pid; kill -STOP $$; while :; do sleep 0.01; done")
	spec.Grace = time.Hour
	p := start(t, newHost(t), spec)
	pid := pidFrom(t, spec.Dir, "pid")
	eventually(t, "it stops itself", func() bool { e, _ := readStat(pid); return e.state == 'T' })
	p.Stop(run.Cancelled, run.RunCancelled, "")
	if o := p.Wait(); o.ExitCode != 5 {
		t.Errorf("%+v", o)
	}
}

// TestDetachedBeforeAnyLook: an orphan without environment, session or open pipe of its
// job is found by its mark alone, also among other jobs, and those are not touched.
func TestDetachedBeforeAnyLook(t *testing.T) {
	host := newHost(t)
	text := `(setsid env -i bash -c '(` + forever(t, "pid") + `) </dev/null >/dev/null 2>&1 & disown' &); sleep 1000`
	var all []*Process
	var detached []int
	for range 3 {
		spec := script(t, text)
		spec.Grace = time.Millisecond
		all = append(all, start(t, host, spec))
		detached = append(detached, pidFrom(t, spec.Dir, "pid"))
	}
	for i, p := range all {
		for j, pid := range detached {
			if isRunning(pid) != (j >= i) {
				t.Errorf("with %d jobs stopped, the orphan of job %d runs: %v", i, j, isRunning(pid))
			}
		}
		p.Stop(run.Cancelled, run.JobCancelled, "")
		p.Wait()
	}
}

// TestForkStorm: processes that are born while others are killed die too.
func TestForkStorm(t *testing.T) {
	for _, kind := range []string{"", "setsid "} {
		spec := script(t, `trap '' TERM; while :; do for i in 1 2 3 4 5; do `+kind+`sleep 5 & done; sleep 0.01; done`)
		spec.Grace = 50 * time.Millisecond
		p := start(t, newHost(t), spec)
		eventually(t, "a storm", func() bool { return len(cookies(t, spec.Cookie)) > 20 })
		p.Stop(run.Cancelled, run.RunCancelled, "")
		if o := p.Wait(); o.Survivors != 0 || o.Signal != int(unix.SIGKILL) {
			t.Errorf("%+v", o)
		}
		if left := cookies(t, spec.Cookie); len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	}
}

// cookies returns the processes whose cookies begin like that.
func cookies(t *testing.T, prefix string) (found []Survivor) {
	t.Helper()
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if cookie, ok := readCookie(e.pid); ok && e.alive() && e.pid != os.Getpid() && strings.HasPrefix(cookie, prefix) {
			found = append(found, survivor(e, cookie))
		}
	}
	return found
}

func TestTimeout(t *testing.T) {
	spec := script(t, "sleep 1000")
	spec.Timeout, spec.Grace = 20*time.Millisecond, time.Hour
	want := run.Outcome{State: run.Timeout, Reason: run.TimedOut, Detail: "timed out after 20ms", ExitCode: -1, Signal: 15}
	if got := bare(start(t, newHost(t), spec).Wait()); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestTimeoutWithinTheGrace: the time is over when the script is ready for it, however
// slow the host.
func TestTimeoutWithinTheGrace(t *testing.T) {
	for _, c := range []struct {
		name, script string
		grace        time.Duration
		want         run.Outcome
	}{
		{"ends well", "trap 'exit 0' TERM; ", time.Hour, run.Outcome{}},
		{"ends badly", "trap 'exit 7' TERM; ", time.Hour, run.Outcome{ExitCode: 7}},
		{"ignores it", "trap '' TERM; ", 100 * time.Millisecond, run.Outcome{ExitCode: -1, Signal: 9}},
	} {
		spec := script(t, c.script+"touch ready; while :; do sleep 0.01; done")
		spec.Grace = c.grace
		p := start(t, newHost(t), spec)
		eventually(t, "ready", func() bool { _, err := os.Stat(spec.Dir + "/ready"); return err == nil })
		p.timeout = time.Second
		p.stopAfter(time.Nanosecond)
		c.want.State, c.want.Reason, c.want.Detail = run.Timeout, run.TimedOut, "timed out after 1s"
		if got := bare(p.Wait()); got != c.want {
			t.Errorf("%s: got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// TestScriptDoesNotGoOn: a shell whose child is terminated must not run its next line.
func TestScriptDoesNotGoOn(t *testing.T) {
	var out bytes.Buffer
	spec := script(t, "echo start; sleep 1000; echo next")
	spec.Output = &out
	p := start(t, newHost(t), spec)
	eventually(t, "sleep runs", func() bool { return len(cookies(t, spec.Cookie)) == 2 })
	p.Stop(run.Cancelled, run.RunCancelled, "")
	p.Wait()
	if out.String() != "start\n" {
		t.Errorf("output %q", out.String())
	}
}

func TestStopTwiceAndKill(t *testing.T) {
	spec := script(t, "trap '' TERM; touch ready; while :; do sleep 0.01; done")
	spec.Grace = time.Hour
	p := start(t, newHost(t), spec)
	eventually(t, "trap", func() bool { _, err := os.Stat(spec.Dir + "/ready"); return err == nil })
	p.Stop(run.Timeout, run.TimedOut, "first")
	p.Stop(run.Cancelled, run.RunCancelled, "second")
	p.Kill()
	p.Kill()
	want := run.Outcome{State: run.Timeout, Reason: run.TimedOut, Detail: "first", ExitCode: -1, Signal: 9}
	if got := bare(p.Wait()); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p.Stop(run.Cancelled, run.RunCancelled, "after the end")
	if got := bare(p.Wait()); got != want {
		t.Errorf("afterwards %+v", got)
	}
}

// TestKillWhileChildrenLinger: Kill also ends the grace when only descendants are left.
func TestKillWhileChildrenLinger(t *testing.T) {
	spec := script(t, "trap 'exit 0' TERM; ("+forever(t, "pid")+") & wait")
	spec.Grace = time.Hour
	p := start(t, newHost(t), spec)
	pid := pidFrom(t, spec.Dir, "pid")
	p.Stop(run.Cancelled, run.RunCancelled, "")
	<-p.exited
	p.Kill()
	if o := p.Wait(); o.Survivors != 0 || o.ExitCode != 0 || isRunning(pid) {
		t.Errorf("%+v", o)
	}
}

// TestReusedPID: a signal meant for a process that is gone must reach nobody.
func TestReusedPID(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e, ok := readStat(cmd.Process.Pid)
	if !ok {
		t.Fatal("no stat")
	}
	before := ident{pid: e.pid, start: e.start - 1}
	if err := send(before, unix.SIGKILL); err != unix.ESRCH {
		t.Errorf("signalled a stranger: %v", err)
	}
	if !isRunning(e.pid) {
		t.Error("killed a stranger")
	}
	if err := send(e.ident, unix.SIGKILL); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if err := send(e.ident, unix.SIGKILL); err != unix.ESRCH {
		t.Errorf("of a dead one: %v", err)
	}
}

// TestUnkillable: what refuses to die is named, and Wait returns.
func TestUnkillable(t *testing.T) {
	spec := script(t, "sleep 1000 & echo $! > pid; wait")
	h := newHost(t)
	p := start(t, h, spec)
	pid := pidFrom(t, spec.Dir, "pid")
	// With the program's exit withheld, nothing can be seen to go within no patience at all.
	left := p.destroy(-1)
	for _, got := range left {
		if got != pid && got != p.pid {
			t.Errorf("left %v", left)
		}
	}
	p.Stop(run.Cancelled, run.RunCancelled, "")
	p.Wait()
}

// TestStopManyAtOnce: five hundred stops share their walks through /proc.
func TestStopManyAtOnce(t *testing.T) {
	const jobs = 100
	h := newHost(t)
	var all []*Process
	for range jobs {
		all = append(all, start(t, h, script(t, "(setsid sleep 1000 &); exec sleep 1000")))
	}
	eventually(t, "all run", func() bool { return len(cookies(t, t.Name())) == 2*jobs })
	for _, p := range all {
		p.Stop(run.Cancelled, run.RunCancelled, "")
	}
	for _, p := range all {
		if o := p.Wait(); o.State != run.Cancelled || o.Survivors != 0 {
			t.Errorf("%+v", o)
		}
	}
	if left := cookies(t, t.Name()); len(left) > 0 {
		t.Errorf("left: %d", len(left))
	}
}

// TestWithoutPidfd runs the fallback for kernels that have none.
func TestWithoutPidfd(t *testing.T) {
	h := newHost(t)
	spec := script(t, "sleep 1000")
	p := &Process{
		host: h, pidfd: -1, cookie: spec.Cookie, grace: time.Second,
		exited: make(chan struct{}), hurry: make(chan struct{}), done: make(chan struct{}),
	}
	if err := p.launch(spec, spec.Path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(p.pidfd); err != nil {
		t.Fatal(err)
	}
	p.pidfd = -1
	go p.drive()
	p.Stop(run.Cancelled, run.RunCancelled, "")
	if o := p.Wait(); o.Signal != int(syscall.SIGTERM) || o.State != run.Cancelled {
		t.Errorf("%+v", o)
	}
}

// TestLost: a status that somebody else took is said to be lost, and Wait returns.
func TestLost(t *testing.T) {
	h := newHost(t)
	spec := script(t, "sleep 1000")
	p := &Process{
		host: h, pidfd: -1, cookie: spec.Cookie, grace: time.Second,
		exited: make(chan struct{}), hurry: make(chan struct{}), done: make(chan struct{}),
	}
	if err := p.launch(spec, spec.Path); err != nil {
		t.Fatal(err)
	}
	_ = unix.Kill(p.pid, unix.SIGKILL)
	if _, err := unix.Wait4(p.pid, nil, 0, nil); err != nil {
		t.Fatal(err)
	}
	go p.drive()
	if o := p.Wait(); o.Reason != run.Lost || !strings.Contains(o.Detail, "taken") {
		t.Errorf("%+v", o)
	}
}
