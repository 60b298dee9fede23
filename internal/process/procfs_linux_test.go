package process

import (
	"reflect"
	"testing"
)

func TestParseStat(t *testing.T) {
	line := "42 (a) b (c)) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 1234567 1 2 3"
	got, ok := parseStat(42, []byte(line))
	want := entry{ident: ident{42, 1234567}, state: 'S', ppid: 7, group: 8, session: 9, flags: 4194560, threads: 3}
	if !ok || got != want {
		t.Errorf("got %+v %v, want %+v", got, ok, want)
	}
	for _, bad := range []string{"", "42 (a", "42 (a) S 1 2", "42 (a) S 7 8 9 0 -1 x 1 2 3 4 5 6 7 8 20 0 3 0 y 1"} {
		if _, ok := parseStat(42, []byte(bad)); ok {
			t.Errorf("parsed %q", bad)
		}
	}
}

func TestAlive(t *testing.T) {
	for _, c := range []struct {
		e    entry
		want bool
	}{
		{entry{state: 'S', threads: 1}, true},
		{entry{state: 'T', threads: 1}, true},
		{entry{state: 'Z', threads: 1}, false},
		{entry{state: 'X', threads: 0}, false},
		{entry{state: 'R', threads: 1, flags: exiting}, false},
		{entry{state: 'Z', threads: 2, flags: exiting}, true}, // only its main thread has ended
	} {
		if got := c.e.alive(); got != c.want {
			t.Errorf("%+v: alive %v", c.e, got)
		}
	}
}

func TestCookieIn(t *testing.T) {
	for _, c := range []struct {
		environ, want string
		ok            bool
	}{
		{"A=1\x00EXECUTIONER_TASK=1/1/j/1\x00B=2\x00", "1/1/j/1", true},
		{"EXECUTIONER_TASK=x", "x", true},
		{"EXECUTIONER_TASK=\x00", "", true},
		{"XEXECUTIONER_TASK=x\x00EXECUTIONER_TASKS=y\x00", "", false},
		{"", "", false},
	} {
		if got, ok := cookieIn([]byte(c.environ)); got != c.want || ok != c.ok {
			t.Errorf("%q: got %q %v", c.environ, got, ok)
		}
	}
}

func TestField(t *testing.T) {
	content := []byte("VmHWM:\t    2356 kB\nSigIgn:\t000000000000000f\noom_kill 3\nempty:\n")
	for _, c := range []struct {
		name string
		base int
		want uint64
		ok   bool
	}{
		{"VmHWM:", 10, 2356, true},
		{"SigIgn:", 16, 15, true},
		{"oom_kill ", 10, 3, true},
		{"empty:", 10, 0, false},
		{"none", 10, 0, false},
	} {
		if got, ok := field(content, c.name, c.base); got != c.want || ok != c.ok {
			t.Errorf("%s: got %d %v", c.name, got, ok)
		}
	}
}

func TestOOMFiles(t *testing.T) {
	groups := "9:name=systemd:/x\n5:cpu,memory:/a/b\n4:memory:/\n0::/user.slice\n"
	want := []string{"/sys/fs/cgroup/memory/a/b/memory.oom_control", "/sys/fs/cgroup/user.slice/memory.events", "/proc/vmstat"}
	if got := oomFiles([]byte(groups)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := oomFiles(nil); !reflect.DeepEqual(got, []string{"/proc/vmstat"}) {
		t.Errorf("got %q", got)
	}
}

// TestAttribution draws trees of processes and says whose each one is.
func TestAttribution(t *testing.T) {
	a, b := &Process{pid: 10}, &Process{pid: 20}
	at := func(pid, ppid, session int, start uint64) entry {
		return entry{ident: ident{pid, start}, ppid: ppid, session: session}
	}
	all := []entry{
		at(1, 0, 1, 1), at(5, 1, 5, 100), // init, and this program
		at(10, 5, 10, 110), at(20, 5, 20, 110), // the programs
		at(11, 10, 10, 120), at(12, 11, 12, 120), // a child of a, and its child in a session of its own
		at(13, 5, 12, 130),  // an orphan of that session
		at(9, 13, 9, 140),   // a child of that orphan, with a smaller pid
		at(30, 5, 30, 150),  // an orphan, recognised by what it inherited
		at(31, 5, 31, 150),  // one that was seen as a's before
		at(32, 5, 5, 150),   // a child of another part of this program
		at(33, 1, 10, 150),  // a stranger whose session has a's number
		at(40, 10, 40, 90),  // older than this program: the pid of its parent is a coincidence
		at(41, 32, 41, 150), // below that other part
		at(42, 99, 10, 150), // its parent went while we looked: another walk will tell
	}
	asked := map[int]bool{}
	got := attribution{
		self: ident{5, 100}, session: 5,
		entries: map[int]entry{}, owners: map[int]*Process{},
		sessions: map[int]*Process{10: a, 20: b},
		known:    map[ident]*Process{{31, 150}: a, {41, 149}: b},
		traits: func(pid int) *Process {
			asked[pid] = true
			return map[int]*Process{30: b}[pid]
		},
	}
	want := map[int]*Process{10: a, 11: a, 12: a, 13: a, 9: a, 20: b, 30: b, 31: a}
	if owners := got.run(all); !reflect.DeepEqual(owners, want) {
		t.Errorf("got %v\nwant %v", owners, want)
	}
	for _, pid := range []int{33, 40, 41, 42, 1} {
		if asked[pid] {
			t.Errorf("looked into the stranger %d", pid)
		}
	}
}
