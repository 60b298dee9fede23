package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/run"
	"golang.org/x/sys/unix"
)

// leaf returns a control group; nil where this host gives none, which is said.
func leaf(t *testing.T) *cgroup.Leaf {
	t.Helper()
	tree, support := cgroup.Open(cgroup.Config{})
	if tree == nil {
		t.Log("tested without a control group: " + support.NoLeaves)
		return nil
	}
	t.Cleanup(tree.Close)
	l, err := tree.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Release)
	return l
}

// escape is a script that leaves nothing by which the daemon that it starts could be
// recognised: no environment, session, parent or mark. The daemon writes its pid.
func escape(t *testing.T, file string) string {
	t.Helper()
	return "(setsid env -i bash -c 'ulimit -x unlimited; (" + forever(t, file) + ") </dev/null >/dev/null 2>&1 & disown' &); while [ ! -e " + file + " ]; do sleep 0.01; done; "
}

// end of a daemon that nothing but the control group knows.
func endAnyway(t *testing.T, dir string) {
	t.Helper()
	_ = unix.Kill(pidFrom(t, dir, "pid"), unix.SIGKILL)
}

// TestLeafHoldsEverything: what has cut all other ties is still found, stopped and counted.
func TestLeafHoldsEverything(t *testing.T) {
	for _, c := range []struct {
		name, rest string
		stop, kill bool
		want       run.Outcome
	}{
		{"stop", "touch ready; sleep 1000", true, false, run.Outcome{State: run.Cancelled, Reason: run.RunCancelled, ExitCode: -1, Signal: 15}},
		{"left alone", "exit 3", false, false, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3, Survivors: 1}},
		{"killed", "exit 3", false, true, run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}},
	} {
		h := newHostWithoutMarks(t)
		spec := script(t, escape(t, "pid")+c.rest)
		spec.Leaf, spec.Grace, spec.KillLeftover = leaf(t), 50*time.Millisecond, c.kill
		if spec.Leaf == nil {
			return
		}
		p := start(t, h, spec)
		daemon := pidFrom(t, spec.Dir, "pid")
		if c.stop {
			eventually(t, "ready", func() bool { _, err := os.Stat(spec.Dir + "/ready"); return err == nil })
			p.Stop(run.Cancelled, run.RunCancelled, "")
		}
		o := bare(p.Wait())
		o.Detail = ""
		if o != c.want || isRunning(daemon) != (c.want.Survivors == 1) {
			t.Errorf("%s: %+v, running %v", c.name, o, isRunning(daemon))
		}
		endAnyway(t, spec.Dir)
		eventually(t, "no zombie", func() bool { h.reapOrphans(); return len(zombies(t)) == 0 })
		eventually(t, "the group is empty", func() bool { some, err := spec.Leaf.Populated(); return !some && err == nil })
	}
}

// TestLeafForkStorm: with the kernel's help a storm ends at once, however it detaches itself.
func TestLeafForkStorm(t *testing.T) {
	spec := script(t, `trap '' TERM; while :; do for i in 1 2 3 4 5; do (setsid env -i sleep 1000 &) ; done; sleep 0.01; done`)
	spec.Leaf, spec.Grace = leaf(t), -1
	h := newHost(t)
	p := start(t, h, spec)
	eventually(t, "a storm", func() bool { return len(p.members()) > 20 })
	p.Stop(run.Cancelled, run.RunCancelled, "")
	if o := p.Wait(); o.Survivors != 0 || o.State != run.Cancelled {
		t.Errorf("%+v", o)
	}
	if left := p.members(); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	eventually(t, "no zombie", func() bool { h.reapOrphans(); return len(zombies(t)) == 0 })
}

// TestLivingIn: only who is in the group both before and after he was looked at counts.
func TestLivingIn(t *testing.T) {
	lists := [][]int{{1, 2, 3, 4, 5}, {5, 1, 3, 6, 1}}
	list := func() []int {
		first := lists[0]
		lists = lists[1:]
		return first
	}
	look := func(pid int) (entry, bool) {
		state := byte('S')
		if pid == 3 {
			state = 'Z'
		}
		return entry{ident: ident{pid, 7}, state: state, threads: 1}, pid != 4
	}
	var got []int
	for _, e := range livingIn(list, look) {
		got = append(got, e.pid)
	}
	if want := []int{5, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestAdoptedLeaf: who takes a try over finds what its group holds.
func TestAdoptedLeaf(t *testing.T) {
	tree, support := cgroup.Open(cgroup.Config{})
	if tree == nil {
		t.Log("tested nothing but the refusal: " + support.NoLeaves)
		return
	}
	t.Cleanup(tree.Close)
	l, err := tree.Take()
	if err != nil {
		t.Fatal(err)
	}
	h := newHostWithoutMarks(t)
	spec := script(t, escape(t, "pid")+"touch ready; sleep 1000")
	spec.Leaf = l
	first := start(t, h, spec)
	eventually(t, "ready", func() bool { _, err := os.Stat(spec.Dir + "/ready"); return err == nil })
	handle := first.Handle()
	first.Release()
	first.Wait()
	if spec.Leaf, err = tree.Adopt(l.Path()); err != nil {
		t.Fatal(err)
	}
	spec.Grace = time.Millisecond
	p, err := Adopt(spec, handle, nil, nil, h)
	if err != nil {
		t.Fatal(err)
	}
	daemon := pidFrom(t, spec.Dir, "pid")
	p.Stop(run.Cancelled, run.RunCancelled, "")
	if o := p.Wait(); o.Survivors != 0 || isRunning(daemon) {
		t.Errorf("%+v, running %v", o, isRunning(daemon))
	}
	eventually(t, "no zombie", func() bool { h.reapOrphans(); return len(zombies(t)) == 0 })
	spec.Leaf.Release()
}

// TestLeafRemoved: a start in a group that somebody removed fails and says so.
func TestLeafRemoved(t *testing.T) {
	l := leaf(t)
	if l == nil {
		return
	}
	if err := os.Remove(l.Path()); err != nil {
		t.Fatal(err)
	}
	spec := script(t, "true")
	spec.Leaf = l
	_, err := Start(spec, newHost(t))
	if want := fmt.Sprintf("cannot start /bin/bash: its control group was removed: %s", l.Path()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if left := zombies(t); len(left) > 0 {
		t.Errorf("zombies %v", left)
	}
}

// TestLeafOOM: the group's own count is believed, not the host's.
func TestLeafOOM(t *testing.T) {
	l := leaf(t)
	if l == nil {
		return
	}
	_, counted := l.OOMKills()
	h := newHost(t)
	h.memory.read = func() uint64 { return 7 }
	p := &Process{host: h, leaf: l, oom: 6}
	if p.ranOutOfMemory() == counted {
		t.Errorf("counted in the group: %v, and the host's count decided: %v", counted, !counted)
	}
}

// TestLeafExceeded: the detail of a job that went beyond its limit has the limit.
func TestLeafExceeded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "executioner.1.2.3")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := (&cgroup.Tree{}).Adopt(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{host: newHost(t), leaf: l}
	for events, want := range map[string]string{
		"oom 1\noom_kill 1\n": "the kernel killed it because its memory_limit of 4096 bytes did not suffice",
		"oom 0\noom_kill 1\n": "the kernel killed it because memory ran out",
	} {
		for name, content := range map[string]string{"memory.events": events, "memory.max": "4096\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got := p.verdict(exit{status: 9})
		if got.Reason != run.OOMKilled || got.Detail != want {
			t.Errorf("%q: %+v", events, got)
		}
	}
}

// TestLeafIsNotTheirs: a job's leaf does not appear to it as ours, and nothing of ours is open in it.
func TestLeafIsNotTheirs(t *testing.T) {
	var out strings.Builder
	spec := script(t, "cat /proc/self/cgroup; ls /proc/self/fd")
	spec.Output, spec.Leaf = &out, leaf(t)
	if o := start(t, newHost(t), spec).Wait(); o.State != run.Success {
		t.Errorf("%+v", o)
	}
	if spec.Leaf != nil && !strings.Contains(out.String(), filepath.Base(spec.Leaf.Path())+"\n") {
		t.Errorf("not in its group: %s", out.String())
	}
	if !strings.HasSuffix(out.String(), "\n0\n1\n2\n3\n") {
		t.Errorf("open: %s", out.String())
	}
}
