package process

import (
	"bytes"
	"context"
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

	"github.com/executionerhq/executioner/internal/run"
	"golang.org/x/sys/unix"
)

// job returns what a middle starts for a script.
func job(t *testing.T, text string) task {
	t.Helper()
	spec := script(t, text)
	return task{Spec: spec, Out: spec.Dir + "/out"}
}

// released lets a script go on that waits for the file "go".
func (k task) released(t *testing.T) {
	t.Helper()
	write(t, k.Spec.Dir+"/go", "", 0o600)
}

const untilGo = "while [ ! -e go ]; do sleep 0.01; done; "

// adopter is a host for taking over that can't learn the exit status of others from the
// kernel: what it knows of its children it must have waited for.
func adopter(t *testing.T) *Host {
	t.Helper()
	h := newHost(t)
	h.exitInfo = untold
	return h
}

// isZombie reports whether a process has ended and can be waited for.
func isZombie(pid int) bool {
	e, ok := readStat(pid)
	return ok && e.state == 'Z'
}

func untold(int) (syscall.WaitStatus, bool) { return 0, false }

// TestAdopt: what a program that was killed had started ends as if nothing had been.
func TestAdopt(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         run.Outcome
	}{
		{"success", "exit 0", run.Outcome{State: run.Success, Reason: run.Exited}},
		{"exit code", "exit 3", run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}},
		{"signal", "kill -SEGV $$", run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 11, Detail: "ended by SIGSEGV"}},
		{"without output", "exec >&- 2>&-; exit 4", run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 4}},
	} {
		for _, when := range []string{"running", "zombie", "zombie without files"} {
			t.Run(c.name+", "+when, func(t *testing.T) {
				h := adopter(t)
				m := newMiddle(t, h)
				k := job(t, untilGo+c.script)
				got := m.start(t, k)
				m.kill(t)
				if when != "running" {
					k.released(t)
					eventually(t, "its end", func() bool { return isZombie(got.Handle.PID) })
					h.reapOrphans()
				}
				if when == "zombie without files" {
					got.close()
					got.pipe, got.pidfd = nil, nil
				}
				p := got.adopt(t, h, k.Spec)
				h.Settle()
				k.released(t)
				o := p.Wait()
				if o.CPU <= 0 {
					t.Errorf("CPU %v", o.CPU)
				}
				if o = bare(o); dropCore(o) != c.want {
					t.Errorf("got %+v\nwant %+v", o, c.want)
				}
				if left := zombies(t); len(left) > 0 {
					t.Errorf("zombies %v", left)
				}
			})
		}
	}
}

// dropCore makes outcomes alike on hosts that write core dumps and others.
func dropCore(o run.Outcome) run.Outcome {
	o.Detail = strings.TrimSuffix(o.Detail, " (core dumped)")
	return o
}

// TestAdoptedOutput: of a stream that goes on all the time no byte is lost or doubled.
// The first program reads until its log has so much, and is killed with the pipe full.
func TestAdoptedOutput(t *testing.T) {
	h := adopter(t)
	m := newMiddle(t, h)
	k := job(t, `i=0; while [ ! -e go ]; do i=$((i+1)); echo $i; done; echo end`)
	k.Until = 100_000
	got := m.start(t, k)
	eventually(t, "output", func() bool { return size(k.Out) >= k.Until })
	m.kill(t)
	before := size(k.Out)
	got.Handle.Written = before
	log := appending(k.Out)
	defer log.Close()
	k.Spec.Output = log
	p := got.adopt(t, h, k.Spec)
	h.Settle()
	eventually(t, "more output", func() bool { return size(k.Out) > 2*before })
	k.released(t)
	o := p.Wait()
	content, err := os.ReadFile(k.Out)
	if err != nil || o.State != run.Success || o.Output != int64(len(content)) {
		t.Errorf("%+v, %d bytes, %v", o, len(content), err)
	}
	all := lines(string(content))
	for i, line := range all[:len(all)-1] {
		if line != strconv.Itoa(i+1) {
			t.Fatalf("line %d is %q", i+1, line)
		}
	}
	if all[len(all)-1] != "end" {
		t.Errorf("the last line is %q", all[len(all)-1])
	}
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// TestAdoptedStop: stopping reaches whoever detached himself before the adoption, also
// those that have nothing but the mark, and only those.
func TestAdoptedStop(t *testing.T) {
	for _, hidden := range []string{"", "exec env -i "} {
		h := adopter(t)
		m := newMiddle(t, h)
		text := `(setsid ` + strings.TrimPrefix(hidden, "exec ") + `bash -c '(` + forever(t, "pid") + `) </dev/null >/dev/null 2>&1 & disown' &) ; sleep 1000`
		var tries []task
		var all []*Process
		var detached []int
		for range 2 {
			k := job(t, text)
			k.Spec.Grace = 50 * time.Millisecond
			tries = append(tries, k)
		}
		var given []passed
		for _, k := range tries {
			given = append(given, m.start(t, k))
			detached = append(detached, pidFrom(t, k.Spec.Dir, "pid"))
		}
		m.kill(t)
		for i, k := range tries {
			all = append(all, given[i].adopt(t, h, k.Spec))
		}
		h.Settle()
		for i, p := range all {
			p.Stop(run.Cancelled, run.RunCancelled, "asked")
			want := run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, Detail: "asked", ExitCode: -1, Signal: 15}
			if o := bare(p.Wait()); o != want {
				t.Errorf("%+v", o)
			}
			for j, pid := range detached {
				if isRunning(pid) != (j > i) {
					t.Errorf("with %d stopped, the orphan of job %d runs: %v", i+1, j, isRunning(pid))
				}
			}
		}
		if left := zombies(t); len(left) > 0 {
			t.Errorf("zombies %v", left)
		}
	}
}

// TestAdoptedLeftovers: what outlives an adopted program is counted, or killed if asked for.
func TestAdoptedLeftovers(t *testing.T) {
	for _, kill := range []bool{false, true} {
		h := adopter(t)
		m := newMiddle(t, h)
		k := job(t, "(setsid env -i bash -c '("+forever(t, "pid")+") </dev/null >/dev/null 2>&1 & disown' &); "+untilGo+"exit 6")
		got := m.start(t, k)
		pid := pidFrom(t, k.Spec.Dir, "pid")
		m.kill(t)
		k.Spec.KillLeftover, k.Spec.Grace = kill, time.Millisecond
		p := got.adopt(t, h, k.Spec)
		h.Settle()
		k.released(t)
		o := p.Wait()
		if (o.Survivors == 0) != kill || isRunning(pid) == kill || o.ExitCode != 6 {
			t.Errorf("kill %v: %+v, running %v", kill, o, isRunning(pid))
		}
		end(t, pid)
	}
}

// TestAdoptedZombieWithAPipe: what holds the pipe of a program that has ended before it
// was adopted does not hold up the outcome.
func TestAdoptedZombieWithAPipe(t *testing.T) {
	h := adopter(t)
	m := newMiddle(t, h)
	k := job(t, "sleep 1000 & echo $! > pid; "+untilGo+"echo last; exit 5")
	got := m.start(t, k)
	pid := pidFrom(t, k.Spec.Dir, "pid")
	m.kill(t)
	k.released(t)
	eventually(t, "its end", func() bool { return isZombie(got.Handle.PID) })
	p := got.adopt(t, h, k.Spec)
	h.Settle()
	if o := p.Wait(); o.ExitCode != 5 || o.Survivors != 1 || o.Output != 5 {
		t.Errorf("%+v", o)
	}
	end(t, pid)
}

// TestAdoptedTimeout: the rest of the time counts, and the text names the whole.
func TestAdoptedTimeout(t *testing.T) {
	for _, c := range []struct {
		name   string
		rest   time.Duration
		zombie bool
		want   run.Outcome
	}{
		{"some is left", time.Millisecond, false, run.Outcome{State: run.Timeout, Reason: run.TimedOut, ExitCode: -1, Signal: 15, Detail: "timed out after 1h0m0s"}},
		{"over", -1, false, run.Outcome{State: run.Timeout, Reason: run.TimedOut, ExitCode: -1, Signal: 15, Detail: "timed out after 1h0m0s"}},
		{"ended before anybody looked", -1, true, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 9}},
	} {
		h := adopter(t)
		m := newMiddle(t, h)
		k := job(t, untilGo+"exit 9")
		k.Spec.Timeout = time.Hour
		got := m.start(t, k)
		m.kill(t)
		if c.zombie {
			k.released(t)
			eventually(t, "its end", func() bool { return isZombie(got.Handle.PID) })
		}
		k.Spec.Timeout = c.rest
		if o := bare(got.adopt(t, h, k.Spec).Wait()); o != c.want {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}

// TestAdoptMany: two hundred at once, which end while their program is killed and while
// this one reaps orphans all the time: no status is lost.
func TestAdoptMany(t *testing.T) {
	const jobs = 200
	gate := filepath.Join(t.TempDir(), "gate") // has a line for each job; nobody has to poll for it
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	opener, err := os.OpenFile(gate, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer opener.Close()
	files := openFiles(t)
	h := adopter(t)
	m := newMiddle(t, h)
	var tries []task
	var given []passed
	for i := range jobs {
		k := job(t, fmt.Sprintf("(setsid true &); read line < %s; echo %d; exit %d", gate, i, i%100))
		tries = append(tries, k)
		given = append(given, m.start(t, k))
	}
	over := make(chan struct{})
	var reaping sync.WaitGroup
	reaping.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				h.reapOrphans()
			}
		}
	})
	// Stopped, the middle reaps none of those that end before it is killed.
	if err := m.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the middle is stopped", func() bool { e, _ := readStat(m.cmd.Process.Pid); return e.state == 'T' })
	if _, err := opener.WriteString(strings.Repeat("\n", jobs)); err != nil {
		t.Fatal(err)
	}
	m.kill(t)
	var wg sync.WaitGroup
	for i, k := range tries {
		wg.Go(func() {
			p, err := Adopt(k.Spec, given[i].Handle, given[i].pipe, given[i].pidfd, h)
			if err != nil {
				t.Error(i, err)
				return
			}
			if o := p.Wait(); o.ExitCode != i%100 || o.Reason != run.Exited || o.Survivors != 0 {
				t.Errorf("%d: %+v", i, o)
			}
		})
	}
	wg.Wait()
	h.Settle()
	eventually(t, "no zombie", func() bool { return len(zombies(t)) == 0 })
	close(over)
	reaping.Wait()
	_ = m.conn.Close()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "no file left", func() bool { return openFiles(t) <= files })
}

// TestGuard: children of unknown origin are not reaped as long as they may be adopted.
func TestGuard(t *testing.T) {
	h := adopter(t)
	m := newMiddle(t, h)
	k := job(t, untilGo+"exit 3")
	got := m.start(t, k)
	defer got.close()
	// As if it had been started while this host forked something.
	if err := unix.Prlimit(m.cmd.Process.Pid, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: h.marker.first + 1, Max: h.marker.own.Max}, nil); err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	k.released(t)
	zombie := func(pid int) bool {
		e, ok := readStat(pid)
		return ok && e.state == 'Z' && e.ppid == os.Getpid()
	}
	eventually(t, "both are our zombies", func() bool { return zombie(got.Handle.PID) && zombie(m.cmd.Process.Pid) })
	h.reapOrphans()
	_, _ = h.orphansOf(&Process{host: h, pid: 1 << 22})
	if !zombie(got.Handle.PID) || !zombie(m.cmd.Process.Pid) {
		t.Error("reaped while a take-over was pending")
	}
	h.Settle()
	eventually(t, "reaped as a stray", func() bool { h.reapOrphans(); return !zombie(got.Handle.PID) })
	if err := m.cmd.Wait(); m.cmd.ProcessState == nil {
		t.Errorf("the guard itself was reaped: %v", err)
	}
	h.reapOrphans()
	if len(h.guards) > 0 {
		t.Errorf("still known: %v", h.guards)
	}
	if err := h.Guard(1 << 22); err != ErrGone {
		t.Errorf("a guard that is not there: %v", err)
	}
}

// TestGuardThatLives does not keep strays from being reaped.
func TestGuardThatLives(t *testing.T) {
	h := adopter(t)
	newMiddle(t, h)
	h.Settle() // has no effect on guards that live
	p := start(t, h, script(t, "(setsid setsid true &); sleep 1000"))
	eventually(t, "orphans are reaped", func() bool { h.reapOrphans(); return len(zombies(t)) == 0 })
	p.Stop(run.Cancelled, run.RunCancelled, "")
	p.Wait()
	if h.pending() || len(h.guards) != 1 {
		t.Errorf("pending %v, %d guards", h.pending(), len(h.guards))
	}
}

// TestExecInPlace: a program releases its jobs, becomes another one by execve, and goes on.
func TestExecInPlace(t *testing.T) {
	for _, zombie := range []bool{false, true} {
		dir := t.TempDir()
		if zombie {
			write(t, dir+"/zombie", "", 0o600)
		}
		const text = `i=0; while [ ! -e exec ] || [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; [ -e zombie ] || while [ ! -e risen ]; do sleep 0.01; done; echo end; exit 7`
		cmd := &exec.Cmd{Path: self(t), Args: []string{helperName, "phoenix", text}, Dir: dir, Env: os.Environ(), Stderr: os.Stderr}
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		write(t, dir+"/exec", "", 0o600)
		if err := cmd.Wait(); err != nil {
			t.Fatal(err, out.String())
		}
		content, outcome, _ := strings.Cut(out.String(), "outcome ")
		if want := fmt.Sprintf("FAILED 7 %d\n", len(content)); outcome != want {
			t.Errorf("zombie %v: got %q, want %q", zombie, outcome, want)
		}
		all := lines(content)
		for i, line := range all[:len(all)-1] {
			if line != strconv.Itoa(i+1) {
				t.Fatalf("line %d is %q", i+1, line)
			}
		}
	}
}

// TestRelease: a released process is left alone, alive or dead, and can be taken back.
func TestRelease(t *testing.T) {
	for _, stopping := range []bool{false, true} {
		h := newHost(t)
		var first, second bytes.Buffer
		spec := script(t, "trap '' TERM; echo one; touch ready; "+untilGo+"echo two; exit 8")
		spec.Output, spec.Grace, spec.Timeout = &first, time.Hour, time.Hour
		p := start(t, h, spec)
		pipe, pidfd, err := p.Files()
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "ready", func() bool { _, err := os.Stat(spec.Dir + "/ready"); return err == nil })
		eventually(t, "output", func() bool { return p.Handle().Written == 4 })
		if stopping {
			p.Stop(run.Cancelled, run.RunCancelled, "")
		}
		p.Release()
		p.Release()
		want := run.Outcome{State: run.Running, ExitCode: -1, Detail: releasedDetail, Output: 4}
		if o := p.Wait(); o.State != want.State || o.Detail != want.Detail || o.Output != want.Output || !p.Released() {
			t.Errorf("%+v, released %v", o, p.Released())
		}
		p.Stop(run.Cancelled, run.RunCancelled, "nobody hears it")
		write(t, spec.Dir+"/go", "", 0o600)
		eventually(t, "its end", func() bool { return !isRunning(p.PID()) })
		h.reapOrphans()
		if again, fd, err := p.Files(); again != nil || fd != nil || err != nil {
			t.Errorf("files of a released one: %v %v %v", again, fd, err)
		}
		spec.Output = &second
		q, err := Adopt(spec, p.Handle(), pipe, pidfd, h)
		if err != nil {
			t.Fatal(err)
		}
		if o := q.Wait(); o.ExitCode != 8 || o.Output != 8 || first.String()+second.String() != "one\ntwo\n" {
			t.Errorf("%+v %q %q", o, first.String(), second.String())
		}
	}
}

// TestDrain: a leftover of a try that has ended goes on writing when its program is replaced.
func TestDrain(t *testing.T) {
	first, second := newHost(t), newHost(t)
	spec := script(t, "yes & echo $! > pid; exit 0")
	p := start(t, first, spec)
	if o := p.Wait(); o.Survivors != 1 {
		t.Errorf("%+v", o)
	}
	busy := pidFrom(t, spec.Dir, "pid")
	defer unix.Wait4(busy, nil, 0, nil)
	defer unix.Kill(busy, unix.SIGKILL)
	pipe, _, err := p.Files()
	if err != nil || pipe == nil {
		t.Fatal(pipe, err)
	}
	if err := second.Drain(pipe); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	before := writtenBy(t, busy)
	eventually(t, "it goes on writing", func() bool { return writtenBy(t, busy) > before+1<<20 })
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "SIGPIPE when nobody reads any more", func() bool { return !isRunning(busy) })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	if err := second.Drain(r); err != errHostClosed {
		t.Errorf("a closed host took a pipe: %v", err)
	}
	_ = r.Close()
	if err := second.Drain(r); err == nil {
		t.Error("drained a closed file")
	}
}

// TestReleaseAfterTheEnd has no effect.
func TestReleaseAfterTheEnd(t *testing.T) {
	p := start(t, newHost(t), script(t, "exit 2"))
	p.Wait()
	p.Release()
	if o := p.Wait(); o.ExitCode != 2 || p.Released() {
		t.Errorf("%+v", o)
	}
	if pipe, pidfd, err := p.Files(); pipe != nil || pidfd != nil || err != nil {
		t.Errorf("files %v %v %v", pipe, pidfd, err)
	}
}

// TestReleaseWithoutPidfd runs the fallback for kernels that have none.
func TestReleaseWithoutPidfd(t *testing.T) {
	h := newHost(t)
	spec := script(t, untilGo+"exit 5")
	p := newProcess(spec, h)
	if err := p.launch(spec, spec.Path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(p.pidfd); err != nil {
		t.Fatal(err)
	}
	p.pidfd = -1
	p.mu.Lock()
	p.watch()
	p.mu.Unlock()
	go p.drive()
	p.Release()
	if o := p.Wait(); o.State != run.Running {
		t.Errorf("%+v", o)
	}
	write(t, spec.Dir+"/go", "", 0o600)
	q, err := Adopt(spec, p.Handle(), nil, nil, h)
	if err != nil {
		t.Fatal(err)
	}
	if o := q.Wait(); o.ExitCode != 5 {
		t.Errorf("%+v", o)
	}
}

// TestAdoptTwice is refused, and so is a closed host; the files stay the caller's.
func TestAdoptTwice(t *testing.T) {
	h := newHost(t)
	p := start(t, h, script(t, "sleep 1000"))
	_, pidfd, err := p.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer pidfd.Close()
	if _, err := Adopt(Spec{}, p.Handle(), nil, pidfd, h); err != errHeld {
		t.Errorf("got %v", err)
	}
	closed, err := NewHost()
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Adopt(Spec{}, p.Handle(), nil, pidfd, closed); err != errHostClosed {
		t.Errorf("got %v", err)
	}
	if _, err := h.reapOthers(), pidfd.Sync(); errors.Is(err, os.ErrClosed) {
		t.Error("the file was closed")
	}
	p.Stop(run.Cancelled, run.RunCancelled, "")
	p.Wait()
}

// TestStrangers: whoever is not proven to be the one meant is neither adopted nor signalled.
func TestStrangers(t *testing.T) {
	h := newHost(t)
	stranger := exec.Command("sleep", "1000")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	e, _ := readStat(stranger.Process.Pid)
	fd, err := unix.PidfdOpen(e.pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	right := Handle{PID: e.pid, StartTime: e.start, BootID: boot(), Inode: pidfsInode(fd)}
	id, space, _ := strings.Cut(boot(), " ")
	for _, c := range []struct {
		name  string
		edit  func(*Handle)
		pidfd *os.File
		want  error
	}{
		{"reused pid", func(h *Handle) { h.StartTime-- }, nil, ErrGone},
		{"reused pid within a tick", func(h *Handle) { h.Inode++ }, nil, ErrGone},
		{"another boot", func(h *Handle) { h.BootID = "x " + space }, pidfd, ErrGone},
		{"another container", func(h *Handle) { h.BootID = id + " pid:[1]" }, pidfd, ErrElsewhere},
		{"no boot", func(h *Handle) { h.BootID = "" }, pidfd, ErrElsewhere},
		{"nobody has the pid", func(h *Handle) { h.PID = 1 << 22 }, nil, ErrGone},
		{"everybody", func(h *Handle) { h.PID = -1 }, nil, ErrGone},
		{"our group", func(h *Handle) { h.PID = 0 }, nil, ErrGone},
		{"init", func(h *Handle) { h.PID, h.StartTime, h.Inode = 1, startOf(1), 0 }, nil, ErrGone},
		{"ourselves", func(h *Handle) { h.PID, h.StartTime, h.Inode = os.Getpid(), startOf(os.Getpid()), 0 }, nil, ErrGone},
		{"no start", func(h *Handle) { h.StartTime = 0 }, nil, ErrGone},
		{"another's pidfd", func(h *Handle) { h.Inode++ }, pidfd, errWrongFile},
		{"another's pidfd, by pid", func(h *Handle) { h.Inode, h.PID = 0, os.Getppid() }, pidfd, errWrongFile},
		{"another's pidfd, by start", func(h *Handle) { h.Inode, h.StartTime = 0, 1 }, pidfd, errWrongFile},
	} {
		handle := right
		c.edit(&handle)
		if c.name == "reused pid within a tick" && right.Inode == 0 {
			continue // Linux before 6.9 can't tell
		}
		spec := Spec{Timeout: -1, Grace: -1}
		if p, err := Adopt(spec, handle, nil, c.pidfd, h); !errors.Is(err, c.want) {
			t.Errorf("%s: adopted %v, %v", c.name, p, err)
		}
		if c.pidfd == nil {
			if got, _, err := Find(handle); got != nil || !errors.Is(err, c.want) {
				t.Errorf("%s: found %v, %v", c.name, got, err)
			}
		}
	}
	if !isRunning(e.pid) {
		t.Fatal("a stranger was signalled")
	}
	found, alive, err := Find(right)
	if err != nil || !alive {
		t.Fatal(alive, err)
	}
	defer found.Close()
	if got := pidfsInode(int(found.Fd())); got != right.Inode {
		t.Errorf("inode %d, want %d", got, right.Inode)
	}
	_ = stranger.Process.Kill()
	eventually(t, "a zombie", func() bool { return !isRunning(e.pid) })
	zombie, alive, err := Find(right)
	if err != nil || alive {
		t.Fatal(alive, err)
	}
	_ = zombie.Close()
}

func startOf(pid int) uint64 {
	e, _ := readStat(pid)
	return e.start
}

// TestNobodyIsEverybody: the least pids, which to kill(2) mean groups or all, are never signalled.
func TestNobodyIsEverybody(t *testing.T) {
	for _, pid := range []int{-1, 0, 1, os.Getpid()} {
		if err := send(ident{pid, startOf(pid)}, 0); err != unix.ESRCH {
			t.Errorf("%d: %v", pid, err)
		}
	}
}

// TestAdoptGone: a process that was reaped by nobody knows whom is said to be gone, but
// what it wrote is read.
func TestAdoptGone(t *testing.T) {
	for _, known := range []bool{true, false} {
		h := newHost(t)
		if !known {
			h.exitInfo = untold
		} else if !ExitStatusOffered() {
			continue
		}
		var out bytes.Buffer
		spec := script(t, untilGo+"echo last words; exit 3")
		p := start(t, h, spec)
		pipe, pidfd, err := p.Files()
		if err != nil {
			t.Fatal(err)
		}
		handle := p.Handle()
		p.Release()
		p.Wait()
		write(t, spec.Dir+"/go", "", 0o600)
		if _, err := unix.Wait4(p.pid, nil, 0, nil); err != nil {
			t.Fatal(err)
		}
		spec.Output = &out
		if _, err := Adopt(spec, handle, nil, nil, h); err != ErrGone {
			t.Errorf("without files: %v", err)
		}
		if !known {
			if _, err := Adopt(spec, handle, nil, pidfd, h); err != ErrGone {
				t.Errorf("without a pipe: %v", err)
			}
		}
		q, err := Adopt(spec, handle, pipe, pidfd, h)
		if err != nil {
			t.Fatal(err)
		}
		want := run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3, Output: 11}
		if !known {
			want = run.Outcome{State: run.Failed, Reason: run.Lost, ExitCode: -1, Output: 11, Detail: "ended, exit code unknown"}
		}
		if o := q.Wait(); o != want || out.String() != "last words\n" {
			t.Errorf("got %+v %q\nwant %+v", o, out.String(), want)
		}
	}
}

// TestExitStatusOffered compares with what the kernel's version promises.
func TestExitStatusOffered(t *testing.T) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	_, _ = fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	want := major > 6 || major == 6 && minor >= 15
	for range 3 {
		if got := ExitStatusOffered(); got != want {
			t.Errorf("got %v on Linux %d.%d", got, major, minor)
		}
	}
	p := start(t, newHost(t), script(t, "sleep 0.5; exit 9"))
	_, pidfd, err := p.Files()
	if err != nil || pidfd == nil {
		t.Fatal("the program was quicker", err)
	}
	defer pidfd.Close()
	p.Wait()
	if status, known := exitInfo(int(pidfd.Fd())); known != want || known && status.ExitStatus() != 9 {
		t.Errorf("%v %v", status, known)
	}
}

// stopped is what becomes of somebody else's job when we stop it.
var stopped = run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, ExitCode: -1}

// TestAdoptedByAStranger: the program that started the jobs lives, and they stay its
// children; their exit status is learned from the pidfd alone.
func TestAdoptedByAStranger(t *testing.T) {
	offered := ExitStatusOffered()
	for _, c := range []struct {
		name, script string
		stop, hide   bool
		want         run.Outcome
	}{
		{"exit code", untilGo + "exit 3", false, false, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}},
		{"signal", untilGo + "kill -9 $$", false, false, run.Outcome{State: run.Failed, Reason: run.Signal, ExitCode: -1, Signal: 9, Detail: "ended by SIGKILL"}},
		{"not told", untilGo + "exit 0", false, true, run.Outcome{State: run.Failed, Reason: run.Lost, ExitCode: -1, Detail: "ended, exit code unknown"}},
		{"stopped", "sleep 1000", true, false, run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, ExitCode: -1, Signal: 15}},
		{"stopped and not told", "sleep 1000", true, true, stopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t)
			switch {
			case c.hide:
				h.exitInfo = untold
			case !offered:
				t.Skip("this kernel does not tell; the case \"not told\" covers that")
			}
			m := newMiddle(t, h)
			k := job(t, c.script)
			got := m.start(t, k)
			_ = got.pipe.Close() // the middle reads it
			got.pipe = nil
			p := got.adopt(t, h, k.Spec)
			if c.stop {
				p.Stop(run.Cancelled, run.RunCancelled, "")
			}
			k.released(t)
			if o := bare(p.Wait()); o != c.want {
				t.Errorf("got %+v\nwant %+v", o, c.want)
			}
		})
	}
}

// TestStrangeDescendants: those of a job that stays somebody else's child are found, too.
func TestStrangeDescendants(t *testing.T) {
	h := newHost(t)
	m := newMiddle(t, h)
	k := job(t, "(setsid env -i bash -c '("+forever(t, "pid")+") </dev/null >/dev/null 2>&1 & disown' &); trap '' TERM; "+untilGo+"sleep 1000 & sleep 1000")
	k.Spec.Grace = 50 * time.Millisecond
	got := m.start(t, k)
	pid := pidFrom(t, k.Spec.Dir, "pid")
	k.released(t)
	_ = got.pipe.Close()
	got.pipe = nil
	p := got.adopt(t, h, k.Spec)
	p.sample()
	if p.peak.value() == 0 {
		t.Error("its memory is not seen")
	}
	p.Stop(run.Cancelled, run.RunCancelled, "")
	if o := p.Wait(); o.Survivors != 0 || isRunning(pid) || o.Signal != 9 && ExitStatusOffered() {
		t.Errorf("%+v, running %v", o, isRunning(pid))
	}
	if left := cookies(t, k.Spec.Cookie); len(left) > 0 {
		t.Errorf("left %+v", left)
	}
	if !isRunning(m.cmd.Process.Pid) {
		t.Error("the middle was hit")
	}
}

// TestStrangeZombie: a parent that never waits can't hold up the outcome.
func TestStrangeZombie(t *testing.T) {
	h := adopter(t)
	m := newMiddle(t, h)
	k := job(t, untilGo+"exit 12")
	got := m.start(t, k)
	if err := m.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer m.cmd.Process.Signal(unix.SIGCONT)
	p := got.adopt(t, h, k.Spec)
	k.released(t)
	want := run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 12}
	if o := bare(p.Wait()); o != want {
		t.Errorf("got %+v", o)
	}
	if _, known := zombieStatus(ident{p.pid, p.began + 1}); known {
		t.Error("the status of a stranger")
	}
	if _, known := zombieStatus(ident{os.Getpid(), h.self.start}); known {
		t.Error("the status of somebody who lives")
	}
}

// TestAdoptedWhileItsParentDies: it becomes our child only after it was adopted.
func TestAdoptedWhileItsParentDies(t *testing.T) {
	h := adopter(t)
	m := newMiddle(t, h)
	k := job(t, untilGo+"exit 5")
	got := m.start(t, k)
	p := got.adopt(t, h, k.Spec)
	if !p.isForeign() {
		t.Error("taken for a child")
	}
	m.kill(t)
	k.released(t)
	h.Settle()
	if o := p.Wait(); o.ExitCode != 5 || o.CPU <= 0 || p.isForeign() {
		t.Errorf("%+v", o)
	}
}

// TestAdoptWithoutPidfd runs the fallback for kernels that have none, with a child and
// with somebody else's.
func TestAdoptWithoutPidfd(t *testing.T) {
	for _, c := range []struct {
		alive bool
		want  run.Outcome
	}{
		{true, run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, ExitCode: -1}},
		{false, run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, ExitCode: -1, Signal: 15}},
	} {
		h := adopter(t)
		m := newMiddle(t, h)
		k := job(t, "sleep 1000")
		got := m.start(t, k)
		defer got.close()
		if !c.alive {
			m.kill(t)
		}
		p := newProcess(k.Spec, h)
		p.inherit(got.Handle)
		if err := p.connect(k.Spec, got.Handle, nil); err != nil {
			t.Fatal(err)
		}
		if err := h.addAdopted(p); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.watch()
		p.mu.Unlock()
		go p.drive()
		p.Stop(run.Cancelled, run.RunCancelled, "")
		if o := bare(p.Wait()); o != c.want {
			t.Errorf("%+v", o)
		}
	}
}

// TestAdoptAfterBothDied: a program that is not above the jobs at all finds them again.
func TestAdoptAfterBothDied(t *testing.T) {
	dir := t.TempDir()
	// The job's parent is the test's own subreaper only if the host is made before; here
	// it is made after, so that whoever is above the test gets the orphan.
	cookie := "both/" + strconv.Itoa(os.Getpid())
	hidden := `(setsid env -i bash -c "(` + forever(t, "hidden") + `) </dev/null >/dev/null 2>&1 & disown" &); `
	cmd := exec.Command("/bin/bash", "-c", helper(t, "engine", "'"+hidden+"while [ ! -e hidden ]; do sleep 0.01; done; echo $$ > pid; sleep 1000; true'", cookie))
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := pidFrom(t, dir, "pid")
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := readStat(pid)
	mark := (&marker{}).read(pid)
	handle := Handle{PID: pid, StartTime: e.start, BootID: boot(), Inode: pidfsInode(fd), Mark: mark, Birth: mark + 1}
	daemon := pidFrom(t, dir, "hidden")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	h := newHost(t)
	p, err := Adopt(Spec{Cookie: cookie, Grace: time.Millisecond}, handle, nil, os.NewFile(uintptr(fd), "pidfd"), h)
	if err != nil {
		t.Fatal(err)
	}
	p.Stop(run.Cancelled, run.RunCancelled, "")
	want := run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, ExitCode: -1, Signal: 15}
	if !ExitStatusOffered() {
		want.Signal = 0
	}
	o := bare(p.Wait())
	if o.Signal == int(unix.SIGKILL) {
		o.Signal = want.Signal // the grace is short
	}
	if o != want && o != stopped {
		t.Errorf("%+v", o)
	}
	if isRunning(daemon) {
		t.Error("the daemon still runs")
	}
	if left, err := Survivors(cookie); err != nil || len(left) > 0 {
		t.Errorf("left %v %v", left, err)
	}
	_, _, _ = KillSurvivors(context.Background(), cookie, 0)
}

// TestOldPidfds covers kernels whose pidfds all have one inode (before 6.9): the pid that
// the descriptor is for must do.
func TestOldPidfds(t *testing.T) {
	h := newHost(t)
	p := start(t, h, script(t, "sleep 1000"))
	_, pidfd, err := p.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer pidfd.Close()
	old := p.Handle()
	old.Inode = 0
	fd, reaped, err := old.hold(pidfd)
	if err != nil || reaped {
		t.Fatal(reaped, err)
	}
	_ = unix.Close(fd)
	p.Stop(run.Cancelled, run.RunCancelled, "")
	p.Wait()
	if _, _, err := old.hold(pidfd); err != ErrGone {
		t.Errorf("nothing tells any more whose it was, but %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, _, err := old.hold(null); err != errWrongFile {
		t.Errorf("no pidfd at all: %v", err)
	}
	if _, known := exitInfo(int(null.Fd())); known {
		t.Error("the exit status of a file")
	}
}

// TestClosedFiles: files that are no good are refused, and nothing is adopted.
func TestClosedFiles(t *testing.T) {
	h := newHost(t)
	p := start(t, h, script(t, "sleep 1000"))
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	p.Release()
	p.Wait()
	if _, err := Adopt(Spec{}, p.Handle(), closed, nil, h); err == nil {
		t.Error("adopted with a closed pipe")
	}
	if _, err := Adopt(Spec{}, p.Handle(), nil, closed, h); err == nil {
		t.Error("adopted with a closed pidfd")
	}
	if _, known := exitInfo(int(closed.Fd())); known {
		t.Error("the exit status of a closed file")
	}
	q, err := Adopt(Spec{Timeout: -1}, p.Handle(), nil, nil, h)
	if err != nil {
		t.Fatal(err)
	}
	q.Wait()
}

// TestStrangerInItsPlace: somebody else reaped an adopted process, and its pid is a
// stranger's now. No signal reaches that.
func TestStrangerInItsPlace(t *testing.T) {
	stranger := exec.Command("sleep", "1000")
	stranger.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	fd := -1
	pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{PidFD: &fd}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, pidfd := range []int{fd, -1} {
		p := &Process{pid: stranger.Process.Pid, began: 1, pidfd: pidfd, foreign: true, adopted: true}
		for _, group := range []bool{false, true} {
			p.signal(unix.SIGKILL, group)
		}
		if !isRunning(p.pid) {
			t.Fatal("a stranger was killed")
		}
	}
}
