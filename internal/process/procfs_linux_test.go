package process

import (
	"fmt"
	"math"
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

// TestSizeInStat: what an exec is in the middle of has no size that could be believed.
func TestSizeInStat(t *testing.T) {
	const stat = "42 (a) S 7 8 9 0 -1 %d 1 2 3 4 5 6 7 8 20 0 1 0 1234567 1 2 3 %d 4096 8192 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 4 5 %d %d 0"
	const unknown = math.MaxUint64
	for _, c := range []struct {
		name                   string
		flags, code, start, at int
		want                   uint64
		ok                     bool
	}{
		{"usual", 0, 4096, 1000, 1234, 234, true},
		{"none", 0, 4096, 1000, 1000, 0, true},
		{"memory is new", 0, 0, 0, 0, unknown, true},
		{"start is set", 0, 0, 1000, 0, unknown, true},
		{"being counted", 0, 0, 1000, 1000, unknown, true},
		{"counted", 0, 0, 1000, 1234, 234, true},
		{"dying", exiting, 0, 0, 0, 0, false},
		{"kernel thread", 0x200000, 0, 0, 0, 0, false},
	} {
		if got, ok := sizeInStat(42, fmt.Appendf(nil, stat, c.flags, c.code, c.start, c.at)); got != c.want || ok != c.ok {
			t.Errorf("%s: got %d %v", c.name, got, ok)
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
	entries := map[int]entry{}
	for _, e := range all {
		entries[e.pid] = e
	}
	got := attribution{
		self: ident{5, 100}, kin: map[int]bool{5: true}, oldest: 100, session: 5,
		entries: entries, owners: map[int]*Process{}, led: map[int]*Process{},
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
	for _, pid := range []int{33, 40, 42, 1} {
		if asked[pid] {
			t.Errorf("looked into the stranger %d", pid)
		}
	}
}

// TestAttributionFar: a try that is nobody's child here is looked for everywhere, and
// nobody is taken for a part of it who does not bear the proof.
func TestAttributionFar(t *testing.T) {
	a, b := &Process{pid: 10}, &Process{pid: 20}
	at := func(pid, ppid, session int, start uint64) entry {
		return entry{ident: ident{pid, start}, ppid: ppid, session: session}
	}
	all := []entry{
		at(1, 0, 0, 1), at(5, 4, 4, 100), at(4, 3, 4, 50), at(3, 1, 0, 40), // init, this program, what it runs in
		at(10, 1, 10, 60), at(11, 10, 10, 61), at(12, 11, 12, 62), // a, its child, a daemon that leads a session
		at(13, 1, 10, 63), at(14, 1, 12, 64), // orphans of both sessions
		at(15, 1, 15, 65),                    // one that bears the mark
		at(16, 1, 99, 66), at(17, 1, 99, 67), // another with the mark, and a stranger in that session, whose leader is not there
		at(18, 10, -1, 68), at(19, 1, -1, 69), // a member that is just vanishing, and somebody else's
		at(30, 1, 0, 70), at(31, 30, 31, 71), // a stranger from where this program's ancestors come, and its child
		at(15000, 15, 0, 72), at(32, 1, 0, 73), // a member in the session of all strangers, and one more of them
		at(33, 1, 20, 74),                  // a stranger whose session has b's number: b's program has ended
		at(34, 1, 34, 55),                  // older than the try
		at(40, 5, 20, 110),                 // below this program, an orphan of b
		at(41, 3, 4, 111),                  // a stranger beside this program
		at(2, 1, 2, 112), at(6, 2, 2, 113), // two more
	}
	entries := map[int]entry{}
	for _, e := range all {
		entries[e.pid] = e
	}
	got := attribution{
		self: ident{5, 100}, kin: map[int]bool{5: true, 4: true, 3: true, 1: true}, oldest: 60, far: true, session: 4,
		entries: entries, owners: map[int]*Process{},
		sessions: map[int]*Process{20: b}, led: map[int]*Process{10: a},
		traits: func(pid int) *Process { return map[int]*Process{15: a, 16: a, 34: a, 4: a, 3: a}[pid] },
	}
	want := map[int]*Process{10: a, 11: a, 12: a, 13: a, 14: a, 15: a, 16: a, 18: a, 15000: a, 40: b}
	if owners := got.run(all); !reflect.DeepEqual(owners, want) {
		t.Errorf("got %v\nwant %v", owners, want)
	}
}
