package keeper

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
)

// hasLeaves reports whether this host gives control groups to this program.
func (w *world) hasLeaves() bool {
	w.Helper()
	s := cgroup.Detect()
	if !s.Leaves {
		w.Log("tested without control groups: " + s.NoLeaves)
	}
	return s.Leaves
}

// leaves lists the groups that a maker of leaves has.
func leaves(w *world, pid int) (dirs []string) {
	w.Helper()
	dirs, err := filepath.Glob(filepath.Join(cgroup.Detect().Dir, "executioner."+strconv.Itoa(pid)+".*"))
	w.must(err)
	return dirs
}

// endDaemon ends the daemon of a flight when a test has failed.
func (w *world) endDaemon() {
	w.Cleanup(func() {
		b, _ := os.ReadFile(w.path("daemon"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && w.Failed() && isRunning(pid) {
			hit(w, pid, unix.SIGKILL)
		}
	})
}

// flight is a script from which a daemon gets away that nothing but a control group holds:
// it has no environment, session, parent or mark of it.
const flight = `(setsid env -i bash -c 'ulimit -x unlimited; (echo $BASHPID > daemon; exec sleep 1000) </dev/null >/dev/null 2>&1 & disown' &)
while [ ! -s daemon ]; do sleep 0.01; done
`

// TestLeaf: each try has a control group, from which nothing gets away, and which is gone
// in the end.
func TestLeaf(t *testing.T) {
	w := newWorld(t)
	if !w.hasLeaves() {
		return
	}
	w.endDaemon()
	c := w.open(1)
	pid := keeperOf(c)
	s := w.script("a", "cat /proc/self/cgroup\n"+flight)
	s.KillLeftover = true
	o := w.end(begin(c, s)).Outcome
	same(t, "state", o.State, run.Success)
	same(t, "the daemon runs", isRunning(w.pid("daemon")), false)
	if log := w.log("a"); !strings.Contains(log, "/executioner."+strconv.Itoa(pid)+".") {
		t.Error(log)
	}
	same(t, "groups", len(leaves(w, pid)) > 0, true)
	w.must(c.Close(true))
	w.gone()
	same(t, "groups that are left", len(leaves(w, pid)), 0)
}

// TestLeafIsTakenOver by the engine, by the next keeper, and by an upgraded one.
func TestLeafIsTakenOver(t *testing.T) {
	for _, way := range []string{"engine", "next", "upgrade"} {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t)
			if !w.hasLeaves() {
				return
			}
			w.endDaemon()
			c := w.open(1)
			pid := keeperOf(c)
			s := w.script("a", flight+"touch ready; exec sleep 1000")
			ended := begin(c, s)
			w.await("ready")
			switch way {
			case "engine":
				hit(w, pid, unix.SIGKILL)
				<-c.gone
			case "next":
				w.die(c)
				c = w.open(2)
				ended = begin(c, s)
			case "upgrade":
				c.vanish()
				cfg, _ := w.newer(2, "")
				var err error
				c, err = Open(cfg)
				w.must(err)
				ended = begin(c, s)
			}
			c.Stop("a", order())
			o := w.end(ended).Outcome
			same(t, "state", o.State, run.Cancelled)
			same(t, "survivors", o.Survivors, 0)
			daemon := w.pid("daemon")
			w.eventually("the daemon is gone", func() bool { return !isRunning(daemon) })
			w.must(c.Close(true))
			w.reapLikeInit(0)
			w.gone()
			same(t, "groups that are left", len(leaves(w, pid)), 0)
		})
	}
}

// TestLeafIsNoCondition: a try whose control group can't be made, or be started in, or is
// removed by somebody, runs all the same.
func TestLeafIsNoCondition(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	w.ends(begin(c, w.script("removed before", "")), exited(0, 0))
	for _, dir := range leaves(w, os.Getpid()) { // in the pool
		w.must(os.Remove(dir))
	}
	w.ends(begin(c, w.script("removed", "")), exited(0, 0))
	c.leaves.Close()
	w.ends(begin(c, w.script("not made", "")), exited(0, 0))

	dir := filepath.Join(w.work, "executioner.1.2.3")
	w.must(os.Mkdir(dir, 0o700))
	leaf, err := (&cgroup.Tree{}).Adopt(dir)
	w.must(err)
	s := w.script("no group", "")
	tk := newTask(c, s, c.masker(&s))
	out := tk.output(nil)
	spec := tk.process(out)
	spec.Leaf = leaf
	p, err := tk.start(spec, nil)
	w.must(err)
	same(t, "state", p.Wait().State, run.Success)
	same(t, "starts", strings.ReplaceAll(w.read("starts"), "\n", ", "), "removed before, removed, not made, no group, ")
}

// TestUnstartableWithALeaf: the program's own fault is told, not the group's.
func TestUnstartableWithALeaf(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	s := w.script("a", "")
	s.Path = "/nowhere"
	s.Env = []string{process.CookieVariable + "=" + s.Cookie}
	same(t, "detail", w.end(begin(c, s)).Outcome.Detail, "cannot start /nowhere: no such file")
}

// TestLimits: what can be limited is, for this try only, and its log tells the rest.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	s := w.script("a", "echo out")
	s.MemoryLimit, s.MaxProcesses = 64<<20, 100
	w.ends(begin(c, s), exited(0, 4))
	var want string
	support := c.leaves.Support()
	if !support.Memory {
		want += "T WARNING - memory_limit can't be enforced: see executioner doctor\n"
	}
	if !support.PIDs {
		want += "T WARNING - max_processes can't be enforced: see executioner doctor\n"
	}
	same(t, "log", w.log("a"), want+"out\nT INFO - SUCCESS, exit code 0 after N s\n")
	w.ends(begin(c, w.script("b", "cat /sys/fs/cgroup/$(sed -n s/^0:://p /proc/self/cgroup)/pids.max 2>/dev/null | grep -v max; true")), exited(0, 0))
}

// TestMemoryLimitKills, where this host can.
func TestMemoryLimitKills(t *testing.T) {
	w := newWorld(t)
	c := newTestCustodian(w)
	if !c.leaves.Support().Memory {
		t.Log("tested only that it is told: this host has no controller memory for us")
		return
	}
	s := w.script("a", "exec tail -c 200M /dev/zero")
	s.MemoryLimit = 32 << 20
	o := w.end(begin(c, s)).Outcome
	same(t, "reason", o.Reason, run.OOMKilled)
	same(t, "detail", o.Detail, "the kernel killed it because its memory_limit of 33554432 bytes did not suffice")
}

// TestLimitOfAFakeLeaf writes to the files of the group before anything is started.
func TestLimitOfAFakeLeaf(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.work, "executioner.1.2.3")
	w.must(os.Mkdir(dir, 0o700))
	for _, name := range []string{"memory.max", "pids.max"} {
		w.must(os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	leaf, err := (&cgroup.Tree{}).Adopt(dir)
	w.must(err)
	s := w.script("a", "")
	s.MemoryLimit, s.MaxProcesses = 64<<20, 7
	tk := newTask(newTestCustodian(w), s, nil)
	log, r := tk.openLog()
	if r != nil {
		t.Fatal(r)
	}
	tk.limit(leaf, log)
	same(t, "memory.max", w.read("executioner.1.2.3/memory.max"), "67108864")
	same(t, "pids.max", w.read("executioner.1.2.3/pids.max"), "7")
	w.must(os.Remove(filepath.Join(dir, "pids.max")))
	w.must(os.Mkdir(filepath.Join(dir, "pids.max"), 0o700))
	tk.limit(leaf, log)
	tk.limit(nil, nil)
	_, err = log.Close()
	w.must(err)
	same(t, "log", w.log("a"), "T WARNING - max_processes can't be enforced: open "+dir+"/pids.max: is a directory\n")
}
