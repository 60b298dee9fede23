package process

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"golang.org/x/sys/unix"
)

// TestLeftover: after a normal end what is left is counted, and killed only when asked for.
func TestLeftover(t *testing.T) {
	for _, c := range []struct{ name, script string }{
		{"child", "sleep 1000 >/dev/null 2>&1 & echo $! > pid"},
		{"daemon", "setsid bash -c 'sleep 1000 & echo $! > pid' >/dev/null 2>&1 </dev/null"},
		{"daemon with a cleared environment", "env -i setsid bash -c 'sleep 1000 & echo $! > pid' >/dev/null 2>&1 </dev/null"},
		{"session leader with a cleared environment", "(setsid env -i bash -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 </dev/null &); while [ ! -s pid ]; do sleep 0.01; done"},
	} {
		for _, kill := range []bool{false, true} {
			spec := script(t, c.script)
			spec.KillLeftover = kill
			o := start(t, newHost(t), spec).Wait()
			pid := pidFrom(t, spec.Dir, "pid")
			want := 1
			if kill {
				want = 0
			}
			if o.State != run.Success || o.Survivors != want || isRunning(pid) == kill {
				t.Errorf("%s, kill %v: %+v, running %v", c.name, kill, o, isRunning(pid))
			}
			end(t, pid)
		}
	}
}

// end kills a leftover and waits until the host has reaped it.
func end(t *testing.T, pid int) {
	t.Helper()
	_ = unix.Kill(pid, unix.SIGKILL)
	eventually(t, "the leftover is reaped", func() bool { _, there := readStat(pid); return !there })
}

// TestNoFalseLeftovers: jobs beside a daemon of an earlier job have none.
func TestNoFalseLeftovers(t *testing.T) {
	h := newHost(t)
	spec := script(t, "sleep 1000 >/dev/null 2>&1 & echo $! > pid")
	start(t, h, spec).Wait()
	defer end(t, pidFrom(t, spec.Dir, "pid"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				p, err := Start(script(t, "true | true"), h)
				if err != nil {
					t.Error(err)
					return
				}
				if o := p.Wait(); o.Survivors != 0 {
					t.Errorf("%+v", o)
				}
			}
		})
	}
	wg.Wait()
}

// TestOrphansAreReaped: they don't stay as zombies while their job, or nothing, goes on.
func TestOrphansAreReaped(t *testing.T) {
	h := newHost(t)
	running := script(t, "for i in 1 2 3 4 5; do (setsid true &); done; touch ready; sleep 1000")
	p := start(t, h, running)
	leaving := script(t, "sleep 1000 >/dev/null 2>&1 & echo $! > pid")
	if o := start(t, h, leaving).Wait(); o.Survivors != 1 {
		t.Errorf("%+v", o)
	}
	end(t, pidFrom(t, leaving.Dir, "pid"))
	eventually(t, "orphans of a running job are reaped", func() bool { return len(zombies(t)) == 0 })
	p.Stop(run.Cancelled, run.RunCancelled, "")
	p.Wait()
	// And with nothing running at all.
	_ = os.Remove(leaving.Dir + "/pid")
	start(t, h, leaving).Wait()
	end(t, pidFrom(t, leaving.Dir, "pid"))
}

// TestForeignChildren: processes that other parts of the program start are theirs.
func TestForeignChildren(t *testing.T) {
	h := newHost(t)
	p := start(t, h, script(t, "sleep 1000"))
	for _, own := range []bool{false, true} {
		cmd := exec.Command("/bin/sh", "-c", "exit 3")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: own}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its end", func() bool { return !isRunning(cmd.Process.Pid) })
		h.reapOrphans()
		_, _ = h.orphansOf(p)
		if _ = cmd.Wait(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("own session %v: %v", own, cmd.ProcessState)
		}
	}
	p.Stop(run.Cancelled, run.RunCancelled, "")
	p.Wait()
}

// TestWithoutMarks covers hosts where the limit was lowered: session and cookie must do.
func TestWithoutMarks(t *testing.T) {
	h := newHostWithoutMarks(t)
	for _, text := range []string{
		"sleep 1000 >/dev/null 2>&1 & echo $! > pid",
		"setsid bash -c 'sleep 1000 & echo $! > pid' >/dev/null 2>&1 </dev/null",
		"(setsid bash -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 </dev/null &); while [ ! -s pid ]; do sleep 0.01; done",
	} {
		spec := script(t, text)
		spec.KillLeftover = true
		o := start(t, h, spec).Wait()
		if pid := pidFrom(t, spec.Dir, "pid"); o.Survivors != 0 || isRunning(pid) {
			t.Errorf("%s: %+v", text, o)
		}
		spec.KillLeftover = false
		_ = os.Remove(spec.Dir + "/pid")
		if o := start(t, h, spec).Wait(); o.Survivors != 1 {
			t.Errorf("%s: %+v", text, o)
		}
		end(t, pidFrom(t, spec.Dir, "pid")) // reaped although nothing says any more whose it was
	}
}

// TestRemembered: who was once seen below a job belongs to it, whatever it hides.
func TestRemembered(t *testing.T) {
	h := newHostWithoutMarks(t)
	spec := script(t, `env -i setsid bash -c 'echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done; (`+forever(t, "child")+`) & while [ ! -e end ]; do sleep 0.01; done' >/dev/null 2>&1 </dev/null & sleep 1000`)
	spec.Grace = time.Millisecond
	p := start(t, h, spec)
	pidFrom(t, spec.Dir, "pid")
	write(t, spec.Dir+"/go", "", 0o600)
	child := pidFrom(t, spec.Dir, "child")
	eventually(t, "the child is seen", func() bool {
		return slices.ContainsFunc(h.members(p), func(e entry) bool { return e.pid == child })
	})
	write(t, spec.Dir+"/end", "", 0o600)
	eventually(t, "the orphan is ours", func() bool {
		e, _ := readStat(child)
		return e.ppid == h.self.pid
	})
	p.Stop(run.Cancelled, run.RunCancelled, "")
	if o := p.Wait(); o.Survivors != 0 || isRunning(child) {
		t.Errorf("%+v", o)
	}
}

// TestWithoutChildrenList covers kernels that don't offer the list.
func TestWithoutChildrenList(t *testing.T) {
	h := newHost(t)
	h.closeChildren()
	spec := script(t, "sleep 1000 >/dev/null 2>&1 & echo $! > pid")
	o := start(t, h, spec).Wait()
	pid := pidFrom(t, spec.Dir, "pid")
	if o.Survivors != 1 {
		t.Errorf("%+v", o)
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	h.reaping.Lock()
	h.children = openChildren(h.self.pid)
	h.reaping.Unlock()
	eventually(t, "reaped", func() bool { h.reapOrphans(); return len(zombies(t)) == 0 })
}

// TestManyInParallel: five hundred jobs leave no zombie, file or goroutine.
func TestManyInParallel(t *testing.T) {
	const jobs = 500
	h := newHost(t)
	files, routines := openFiles(t), runtime.NumGoroutine()
	var ok atomic.Int64
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			spec := script(t, "echo x; (setsid true &); exit 0")
			p, err := Start(spec, h)
			if err != nil {
				t.Error(err)
				return
			}
			if o := p.Wait(); o.State == run.Success && o.Output == 2 {
				ok.Add(1)
			} else {
				t.Errorf("%+v", o)
			}
		})
	}
	wg.Wait()
	if ok.Load() != jobs {
		t.Errorf("%d of %d were well", ok.Load(), jobs)
	}
	eventually(t, "no zombie", func() bool { h.reapOrphans(); return len(zombies(t)) == 0 })
	eventually(t, "no file left", func() bool { return openFiles(t) <= files })
	eventually(t, "no goroutine left", func() bool { return runtime.NumGoroutine() <= routines })
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.mains)+len(h.live)+len(h.drains) != 0 {
		t.Errorf("still known: %d mains, %d live, %d drains", len(h.mains), len(h.live), len(h.drains))
	}
}

// bornBy forks a program the way Start does, up to the moment before the host knows it.
func bornBy(t *testing.T, h *Host, p *Process) {
	t.Helper()
	pid, err := h.fork("/bin/true", []string{"true"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		t.Fatal(err)
	}
	p.pid = pid
}

// TestStartingProgramIsNotReaped: a program that ends before its start is through looks
// much like an orphan, and its status must not be taken. (Seen with 500 jobs at once.)
func TestStartingProgramIsNotReaped(t *testing.T) {
	h := newHost(t)
	for _, stamped := range []bool{false, true} {
		p := &Process{}
		h.marker.takeOff(p)
		bornBy(t, h, p)
		if stamped {
			h.marker.stamp(p)
		}
		eventually(t, "its end", func() bool { return !isRunning(p.pid) })
		h.reapOrphans()
		h.marker.land(p)
		if got, err := unix.Wait4(p.pid, nil, 0, nil); got != p.pid {
			t.Errorf("stamped %v: %v", stamped, err)
		}
	}
}

// TestTwinBirths: a birth mark that two tries share proves nothing, their own marks do.
func TestTwinBirths(t *testing.T) {
	h := newHost(t)
	single, a, b := &Process{}, &Process{}, &Process{}
	h.marker.takeOff(single)
	bornBy(t, h, single)
	h.marker.stamp(single)
	h.marker.takeOff(a)
	h.marker.takeOff(b) // before a was forked
	bornBy(t, h, a)
	bornBy(t, h, b)
	h.marker.stamp(a)
	h.marker.stamp(b)
	if a.marks.birth != b.marks.birth || a.marks.own == b.marks.own {
		t.Fatalf("births %d %d, own %d %d", a.marks.birth, b.marks.birth, a.marks.own, b.marks.own)
	}
	for _, p := range []*Process{single, a, b} {
		if p.marks.has(p.marks.birth) != (p == single) || !p.marks.has(p.marks.own) || p.marks.has(0) {
			t.Errorf("%+v", &p.marks)
		}
		h.marker.land(p)
		_, _ = unix.Wait4(p.pid, nil, 0, nil)
	}
	if len(h.marker.births)+len(h.marker.flying) != 0 {
		t.Error("something is kept for ever")
	}
	var now unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_LOCKS, nil, &now); err != nil || now != h.marker.own {
		t.Errorf("our own limit is %+v", now)
	}
}

// TestAbort: what was started while the host was being closed does not stay.
func TestAbort(t *testing.T) {
	h := newHost(t)
	p := &Process{pidfd: -1}
	pid, err := h.fork("/bin/sleep", []string{"sleep", "1000"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		t.Fatal(err)
	}
	p.pid = pid
	if err := p.abort(); err != errHostClosed {
		t.Error(err)
	}
	if _, there := readStat(pid); there {
		t.Error("still there")
	}
}
