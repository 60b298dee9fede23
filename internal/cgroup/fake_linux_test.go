package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fake makes a directory that looks like a control group.
func fake(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestLimits: a file is written over from its beginning, as the kernel's are.
func TestLimits(t *testing.T) {
	dir := fake(t, map[string]string{"memory.max": "", "memory.oom.group": "", "memory.swap.max": "", "pids.max": ""})
	l := &Leaf{dir: dir}
	if err := l.Limit(Limits{Memory: 64 << 20, PIDs: 100}); err != nil || !l.limited {
		t.Error(err)
	}
	for name, want := range map[string]string{"memory.max": "67108864", "memory.oom.group": "1", "memory.swap.max": "0", "pids.max": "100"} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	dir = fake(t, map[string]string{"memory.max": "", "memory.oom.group": "", "pids.max": ""})
	l = &Leaf{dir: dir, limited: true}
	if err := l.unlimit(); err != nil || l.limited {
		t.Error(err)
	}
	for name, want := range map[string]string{"memory.max": "max", "memory.oom.group": "0", "pids.max": "max"} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := l.Limit(Limits{}); err != nil || l.limited || read(t, dir, "pids.max") != "max" {
		t.Errorf("no limits: %v", err)
	}
}

// TestLimitsRefused: what can't be limited is said to be.
func TestLimitsRefused(t *testing.T) {
	l := &Leaf{dir: fake(t, nil)}
	for _, limits := range []Limits{{Memory: 1}, {PIDs: 1}} {
		if err := l.Limit(limits); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", limits, err)
		}
	}
	dir := fake(t, map[string]string{"memory.max": "", "pids.max": ""})
	for _, name := range []string{"memory.oom.group", "memory.swap.max"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil { // can't be written
			t.Fatal(err)
		}
		l = &Leaf{dir: dir, limited: true}
		if err := l.Limit(Limits{Memory: 1}); err == nil || errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.unlimit(); err == nil {
			t.Errorf("%s: could be taken back", name)
		}
		_ = os.Remove(filepath.Join(dir, name))
	}
}

func TestOOMKills(t *testing.T) {
	l := &Leaf{dir: fake(t, map[string]string{"memory.events": "low 0\nhigh 0\noom 7\noom_kill 5\noom_group_kill 1\n"})}
	l.begin()
	if n, counted := l.OOMKills(); n != 0 || !counted {
		t.Errorf("%d %v", n, counted)
	}
	if err := os.WriteFile(filepath.Join(l.dir, "memory.events"), []byte("oom_kill 8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, counted := l.OOMKills(); n != 3 || !counted {
		t.Errorf("%d %v", n, counted)
	}
	l = &Leaf{dir: t.TempDir()}
	if n, counted := l.OOMKills(); n != 0 || counted {
		t.Errorf("without the controller: %d %v", n, counted)
	}
}

func TestKillRefused(t *testing.T) {
	if err := (&Leaf{}).Kill(); err != ErrUnsupported {
		t.Error(err)
	}
}

func TestKeyed(t *testing.T) {
	dir := fake(t, map[string]string{"f": "populated 1\nfrozen 0\nbad x\n"})
	for _, c := range []struct {
		name string
		want uint64
		ok   bool
	}{{"populated", 1, true}, {"frozen", 0, true}, {"bad", 0, false}, {"froze", 0, false}} {
		if got, err := keyed(filepath.Join(dir, "f"), c.name); got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %d %v", c.name, got, err)
		}
	}
	if some, err := (&Leaf{dir: dir + "/none"}).Populated(); some || err != nil {
		t.Errorf("a removed leaf: %v %v", some, err)
	}
}

// TestEnable: when controllers are enabled, and what is said otherwise.
func TestEnable(t *testing.T) {
	self := strconv.Itoa(os.Getpid()) + "\n"
	for _, c := range []struct {
		name      string
		files     map[string]string
		ask       bool
		why       string // DIR stands for the directory
		control   string
		moved     bool
		subgroups bool // cgroup.subtree_control can be written
	}{
		{
			"already there",
			map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "memory pids\n"},
			false, "", "memory pids\n", false, true,
		},
		{
			"none",
			map[string]string{"cgroup.controllers": "\n", "cgroup.subtree_control": "\n"},
			true, "DIR does not have the controller memory and pids", "\n", false, true,
		},
		{
			"asked for, only us there",
			map[string]string{"cgroup.events": "", "cgroup.controllers": "memory pids", "cgroup.subtree_control": "", "cgroup.procs": self},
			true, "", "+memory +pids", true, true,
		},
		{
			"asked for, nobody there",
			map[string]string{"cgroup.events": "", "cgroup.controllers": "memory pids", "cgroup.subtree_control": "", "cgroup.procs": ""},
			true, "", "+memory +pids", false, true,
		},
		{
			"half of it",
			map[string]string{"cgroup.events": "", "cgroup.controllers": "pids", "cgroup.subtree_control": "", "cgroup.procs": ""},
			true, "DIR does not have the controller memory", "+pids", false, true,
		},
		{
			"others there",
			map[string]string{"cgroup.events": "", "cgroup.controllers": "memory pids", "cgroup.subtree_control": "", "cgroup.procs": self + "1\n"},
			true, "the controller memory and pids can't be enabled in DIR: it holds other processes, too", "", false, true,
		},
		{
			"root, which may hold processes",
			map[string]string{"cgroup.controllers": "memory pids", "cgroup.subtree_control": "", "cgroup.procs": "1\n2\n"},
			true, "", "+memory +pids", false, true,
		},
	} {
		dir := fake(t, c.files)
		// The kernel makes this file with the group.
		engine := filepath.Join(dir, engineLeaf)
		if c.moved {
			if err := os.Mkdir(engine, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(engine, "cgroup.procs"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := enable(dir, c.ask), strings.ReplaceAll(c.why, "DIR", dir); got != want {
			t.Errorf("%s: got %q, want %q", c.name, got, want)
		}
		if got := read(t, dir, "cgroup.subtree_control"); got != c.control {
			t.Errorf("%s: control %q", c.name, got)
		}
		if c.moved && read(t, engine, "cgroup.procs") != strings.TrimSpace(self) {
			t.Errorf("%s: not moved", c.name)
		}
	}
}

// TestEnableNotDelegated: nothing is touched in a group that nobody gave to us.
func TestEnableNotDelegated(t *testing.T) {
	dir := fake(t, map[string]string{"cgroup.controllers": "memory pids", "cgroup.subtree_control": "", "cgroup.procs": ""})
	if err := os.Chown(dir, os.Geteuid()+1, -1); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	} else if err != nil {
		dir = "/" // another user's, and no group
	}
	if delegated(dir) {
		t.Error("delegated")
	}
	if err := turnOn(dir, []string{"pids"}, false); err == nil || !strings.Contains(err.Error(), "not delegated") {
		t.Error(err)
	}
	if dir != "/" && read(t, dir, "cgroup.subtree_control") != "" {
		t.Error("something was written")
	}
}

// TestEnableFails: if the kernel refuses, this program goes back to where it was.
func TestEnableFails(t *testing.T) {
	dir := fake(t, map[string]string{"cgroup.events": "", "cgroup.procs": strconv.Itoa(os.Getpid())})
	engine := filepath.Join(dir, engineLeaf)
	if err := os.Mkdir(engine, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(engine, "cgroup.procs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := turnOn(dir, []string{"pids"}, true); !errors.Is(err, os.ErrNotExist) { // there is no cgroup.subtree_control
		t.Error(err)
	}
	if got := read(t, dir, "cgroup.procs"); got != strconv.Itoa(os.Getpid()) {
		t.Errorf("procs %q", got)
	}
}

func TestDelegatedToAUser(t *testing.T) {
	dir := t.TempDir() // ours; to the user root that alone says nothing
	if got := delegated(dir); got != (os.Geteuid() != 0) {
		t.Errorf("delegated: %v", got)
	}
}

func TestNames(t *testing.T) {
	maker, n, ok := parseName(owner() + "17")
	if maker != owner() || n != 17 || !ok || !lives(maker) {
		t.Errorf("%q %d %v, lives %v", maker, n, ok, lives(maker))
	}
	for _, name := range []string{"", "x", "executioner.1.2", "executioner.1.2.x", "executioner.1.2.3.4", "user.1.2.3", engineLeaf} {
		if _, _, ok := parseName(name); ok {
			t.Errorf("%q is a name", name)
		}
	}
	for _, maker := range []string{"executioner.1.0.", "executioner.4194304.5.", "executioner.1..", "x"} {
		if lives(maker) {
			t.Errorf("%q lives", maker)
		}
	}
}
