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

// TestLimitsOfOne: what can be limited is, though the other can't; no leaf has no limits.
func TestLimitsOfOne(t *testing.T) {
	l := &Leaf{dir: fake(t, map[string]string{"pids.max": ""})}
	if err := l.Limit(Limits{Memory: 1 << 20, PIDs: 7}); !errors.Is(err, ErrUnsupported) || read(t, l.dir, "pids.max") != "7" {
		t.Error(err)
	}
	var none *Leaf
	if err := none.Limit(Limits{PIDs: 1}); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	if err := none.Limit(Limits{}); err != nil {
		t.Error(err)
	}
}

// TestExceeded: that the host had too little memory is not the limit's doing.
func TestExceeded(t *testing.T) {
	for _, c := range []struct {
		limit, events string
		want          int64
	}{
		{"67108864\n", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n", 67108864},
		{"67108864\n", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n", 0},
		{"max\n", "oom 1\noom_kill 1\n", 0}, // of a group below, which the job made
		{"67108864\n", "", 0},
	} {
		l := &Leaf{dir: fake(t, map[string]string{"memory.max": c.limit, "memory.events": c.events})}
		if got := l.Exceeded(); got != c.want {
			t.Errorf("%q, %q: %d, want %d", c.limit, c.events, got, c.want)
		}
	}
	if got := (&Leaf{dir: fake(t, map[string]string{"memory.events": "oom 1\n"})}).Exceeded(); got != 0 {
		t.Errorf("without a limit: %d", got)
	}
}

// TestForesee says what enable would, and changes nothing.
func TestForesee(t *testing.T) {
	for _, c := range []struct{ has, enabled, procs, want string }{
		{"memory pids", "", "", ""},
		{"memory pids", "", strconv.Itoa(os.Getpid()), ""},
		{"memory pids", "memory pids", "1 2", ""},
		{"memory pids", "memory", "1 2", "the controller pids can't be enabled in DIR: it holds other processes, too"},
		{"pids", "pids", "", "DIR does not have the controller memory"},
	} {
		dir := fake(t, map[string]string{"cgroup.events": "", "cgroup.controllers": c.has, "cgroup.subtree_control": c.enabled, "cgroup.procs": c.procs})
		s := Support{Dir: dir}
		got := controllers(dir, func([]string) error { _, err := mayTurnOn(dir, true); return err })
		if want := strings.ReplaceAll(c.want, "DIR", dir); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
		s.foresee()
		if os.Geteuid() != 0 && s.Memory != (c.want == "") || s.Memory != (s.NoLimits == "") || s.PIDs != s.Memory {
			t.Errorf("%+v: %+v", c, s)
		}
		if _, err := os.Stat(filepath.Join(dir, engineLeaf)); err == nil || read(t, dir, "cgroup.subtree_control") != c.enabled || read(t, dir, "cgroup.procs") != c.procs {
			t.Errorf("%+v: something was changed", c)
		}
	}
}

func TestOOMKills(t *testing.T) {
	l := &Leaf{dir: fake(t, map[string]string{"memory.events": "low 0\nhigh 0\noom 7\noom_kill 5\noom_group_kill 1\n"})}
	if n, counted := l.OOMKills(); n != 5 || !counted {
		t.Errorf("%d %v", n, counted)
	}
	l = &Leaf{dir: t.TempDir()}
	if n, counted := l.OOMKills(); n != 0 || counted {
		t.Errorf("without the controller: %d %v", n, counted)
	}
}

// TestClean: a leaf in which the kernel killed is not used again, as its count would be
// the next try's, nor one that is not empty or whose limits stay.
func TestClean(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   map[string]string
		memory  bool
		limited bool
		groups  bool
		want    bool
	}{
		{"unused", map[string]string{"cgroup.events": "populated 0\n", "memory.events": "oom_kill 0\n"}, true, false, false, true},
		{"killed in", map[string]string{"cgroup.events": "populated 0\n", "memory.events": "oom_kill 1\n"}, true, false, false, false},
		{"nothing counted", map[string]string{"cgroup.events": "populated 0\n"}, false, false, false, true},
		{"populated", map[string]string{"cgroup.events": "populated 1\n"}, false, false, false, false},
		{"groups in it", map[string]string{"cgroup.events": "populated 0\n"}, false, false, true, false},
		{"limits", map[string]string{"cgroup.events": "populated 0\n", "pids.max": "9"}, false, true, false, true},
	} {
		l := &Leaf{tree: &Tree{support: Support{Memory: c.memory}}, dir: fake(t, c.files), limited: c.limited}
		if c.groups {
			if err := os.Mkdir(filepath.Join(l.dir, "below"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if got := l.isClean(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestNowhere: who has no groups asks for them all the same.
func TestNowhere(t *testing.T) {
	var tree *Tree
	l, err := tree.Take()
	if l != nil || !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v %v", l, err)
	}
	if l, err := tree.Adopt("/x/executioner.1.2.3"); l != nil || !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v %v", l, err)
	}
	l.Release()
	if l.Path() != "" {
		t.Error(l.Path())
	}
	tree.Tidy()
	tree.Close()
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
	space := pidSpace()
	for maker, want := range map[string]bool{
		"executioner.1.0-" + space + ".": false, "executioner.4194304.5-" + space + ".": false, "executioner.1.-" + space + ".": false, "x": false,
		"executioner.4194304.5-1.": true, "executioner.4194304.5.": true, // of another PID namespace, perhaps
	} {
		if got := lives(maker); got != want {
			t.Errorf("%q lives: %v", maker, got)
		}
	}
	if n, err := strconv.Atoi(space); err != nil || n == 0 {
		t.Errorf("PID namespace %q", space)
	}
}
