package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostTree returns a tree of this host, in a group of the test's own. Where the host gives
// none, the test is that this is true and that the reason is told; hostTree returns nil then.
func hostTree(t *testing.T, cfg Config) *Tree {
	t.Helper()
	parent, err := base("")
	if err == nil {
		cfg.Dir = filepath.Join(parent, "executioner-test-"+strconv.Itoa(os.Getpid())+strings.ReplaceAll(t.Name(), "/", "-"))
		err = os.Mkdir(cfg.Dir, 0o755)
	}
	if err != nil {
		cfg.Dir = ""
	} else {
		t.Cleanup(func() {
			if err := removeTree(cfg.Dir); err != nil {
				t.Error(err)
			}
		})
	}
	tree, support := Open(cfg)
	if tree == nil {
		if support.NoLeaves == "" || support.Leaves {
			t.Fatalf("refused without a reason: %+v", support)
		}
		if err == nil && clonesIntoGroups() {
			t.Fatalf("refused although a group could be made: %+v", support)
		}
		t.Logf("tested only that leaves are refused here: %s (%v)", support.NoLeaves, err)
		return nil
	}
	t.Cleanup(tree.Close)
	return tree
}

func take(t *testing.T, tree *Tree) *Leaf {
	t.Helper()
	l, err := tree.Take()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run starts a shell script in a leaf.
func run(t *testing.T, l *Leaf, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/bash", "-c", script)
	dir, err := l.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func empty(t *testing.T, l *Leaf) bool {
	t.Helper()
	some, err := l.Populated()
	if err != nil {
		t.Fatal(err)
	}
	return !some
}

func TestLeaf(t *testing.T) {
	tree := hostTree(t, Config{})
	if tree == nil {
		return
	}
	s := tree.Support()
	if !s.Leaves || s.NoLeaves != "" || s.Dir != tree.dir || (s.Memory && s.PIDs) != (s.NoLimits == "") {
		t.Errorf("%+v", s)
	}
	l := take(t, tree)
	if !empty(t, l) {
		t.Error("a new leaf is not empty")
	}
	cmd := run(t, l, "sleep 1000")
	pids, err := l.PIDs()
	if err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) || empty(t, l) {
		t.Errorf("%v %v", pids, err)
	}
	if !s.Kill {
		_ = cmd.Process.Kill()
	} else if err := l.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	eventually(t, "empty", func() bool { return empty(t, l) })
	path := l.Path()
	l.Release()
	if again := take(t, tree); again != l {
		t.Error("an empty leaf is not used again")
	} else {
		again.Release()
	}
	tree.Close()
	tree.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	if _, err := tree.Take(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a closed tree: %v", err)
	}
}

// TestKillForkStorm: processes that fork as fast as they can, in sessions of their own,
// are gone after one kill.
func TestKillForkStorm(t *testing.T) {
	tree := hostTree(t, Config{})
	if tree == nil || !tree.Support().Kill {
		return
	}
	l := take(t, tree)
	cmd := run(t, l, `trap '' TERM; f() { while :; do (setsid sleep 1000 &) ; sleep 0.01; done; }; for i in 1 2 3; do setsid bash -c "$(declare -f f); f" & done; wait`)
	eventually(t, "a storm", func() bool { pids, err := l.PIDs(); return err == nil && len(pids) > 30 })
	if err := l.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "empty", func() bool { return empty(t, l) })
	if pids, err := l.PIDs(); err != nil || len(pids) > 0 {
		t.Errorf("%v %v", pids, err)
	}
	l.Release()
}

// TestReleasePopulated: a leaf in which something lives is not used again, and goes when
// that has ended; so do groups that were made in it.
func TestReleasePopulated(t *testing.T) {
	tree := hostTree(t, Config{})
	if tree == nil {
		return
	}
	l := take(t, tree)
	cmd := run(t, l, "sleep 1000")
	if err := os.MkdirAll(filepath.Join(l.dir, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(filepath.Join(l.dir, "a", "b", "cgroup.procs"), strconv.Itoa(cmd.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	if pids, err := l.PIDs(); err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
		t.Errorf("below: %v %v", pids, err)
	}
	l.Release()
	if other := take(t, tree); other.dir == l.dir {
		t.Error("a busy leaf was given out")
	} else {
		other.Release()
	}
	if _, err := os.Stat(l.dir); err != nil {
		t.Error(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	tree.Close()
	if _, err := os.Stat(l.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// TestNotPooled: a leaf with empty groups in it is not used again but removed; without a
// pool, neither is a plain one.
func TestNotPooled(t *testing.T) {
	for name, pool := range map[string]int{"groups below": 1, "no pool": -1} {
		t.Run(name, func(t *testing.T) {
			tree := hostTree(t, Config{Pool: pool})
			if tree == nil {
				return
			}
			l := take(t, tree)
			if pool > 0 {
				if err := os.Mkdir(filepath.Join(l.dir, "below"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			l.Release()
			if _, err := os.Stat(l.dir); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
	}
}

// TestAdoptAndTidy: a leaf of another program is found again, and empty ones of programs
// that have ended go.
func TestAdoptAndTidy(t *testing.T) {
	tree := hostTree(t, Config{})
	if tree == nil {
		return
	}
	dead := filepath.Join(tree.dir, "executioner.1.1-"+pidSpace()+".")
	alive := filepath.Join(tree.dir, prefix+"1."+startOf("1")+"-"+pidSpace()+".1")
	foreign := filepath.Join(tree.dir, prefix+"1.1-1.1") // of another PID namespace
	unknown := filepath.Join(tree.dir, "something")
	earlier := filepath.Join(tree.dir, tree.own+"900") // of this program before an execve
	used := take(t, tree)
	for _, dir := range []string{dead + "1", dead + "2", dead + "3", alive, foreign, unknown, earlier} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l, err := tree.Adopt(dead + "1")
	if err != nil {
		t.Fatal(err)
	}
	cmd := run(t, l, "sleep 1000")
	tree.Tidy()
	for dir, want := range map[string]bool{
		dead + "1": true, dead + "2": false, dead + "3": false, alive: true, foreign: true, unknown: true, earlier: false, used.dir: true,
	} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v", dir, err == nil)
		}
	}
	if l.kill != tree.support.Kill {
		t.Error("an adopted leaf can do less")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	l.Release()
	used.Release()
	for _, dir := range []string{alive, foreign, unknown} {
		_ = syscall.Rmdir(dir)
	}
	if _, err := tree.Adopt(dead + "9"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := tree.Adopt(tree.dir); err == nil {
		t.Error("adopted what is no leaf")
	}
}

// TestNameTaken: after an execve names of before are passed over.
func TestNameTaken(t *testing.T) {
	tree := hostTree(t, Config{})
	if tree == nil {
		return
	}
	taken := filepath.Join(tree.dir, tree.own+strconv.Itoa(tree.made+1))
	if err := os.Mkdir(taken, 0o755); err != nil {
		t.Fatal(err)
	}
	first, second := take(t, tree), take(t, tree) // the first is from the pool
	if first.dir == taken || second.dir == taken {
		t.Error("took a leaf that was there")
	}
	first.Release()
	second.Release()
}

// TestRefused: what is no control group of version 2 is refused with a reason.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ dir, want string }{
		{dir, dir + " is no control group of version 2"},
		{dir + "/none", "statfs " + dir + "/none: no such file or directory"},
	} {
		tree, support := Open(Config{Dir: c.dir})
		if tree != nil || support != (Support{NoLeaves: c.want}) {
			t.Errorf("got %+v, want %q", support, c.want)
		}
	}
	tree := &Tree{dir: dir, own: owner()}
	if err := tree.try(); err == nil {
		t.Error("found leaves in a plain directory")
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestLimitsAsOffered: what Support says of limits is true of this host.
func TestLimitsAsOffered(t *testing.T) {
	tree := hostTree(t, Config{Limits: true})
	if tree == nil {
		return
	}
	s := tree.Support()
	l := take(t, tree)
	if err := l.Limit(Limits{PIDs: 1}); (err == nil) != s.PIDs {
		t.Errorf("%+v: %v", s, err)
	}
	if s.PIDs {
		out, err := exec.Command("/bin/bash", "-c", "echo $$ > "+l.dir+"/cgroup.procs; (true)").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "fork") {
			t.Errorf("%v %s", err, out)
		}
	} else {
		t.Logf("tested only that limits are refused here: %s", s.NoLimits)
	}
	l.Release()
	if again := take(t, tree); s.PIDs && read(t, again.dir, "pids.max") != "max\n" {
		t.Error("a limit stayed")
	} else {
		again.Release()
	}
}

func TestDetect(t *testing.T) {
	s := Detect()
	if s.Leaves == (s.NoLeaves != "") {
		t.Errorf("%+v", s)
	}
	t.Logf("%+v", s)
	if !s.Leaves {
		return
	}
	names, err := filepath.Glob(filepath.Join(s.Dir, owner()+"*"))
	if err != nil || len(names) > 0 {
		t.Errorf("left behind: %v %v", names, err)
	}
}
