package doctor

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const mountinfo = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,nobarrier
23 22 0:5 / /proc rw,relatime shared:3 master:1 - proc proc rw,hidepid=2
24 22 0:6 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
25 22 0:7 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
26 22 0:8 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
27 22 0:9 / /mnt/with\040space rw - nfs4 host:/x rw,vers=4.2
28 22 0:9 / /mnt rw - tmpfs tmpfs
29 22 0:10 / /mnt rw - xfs /dev/vdb rw
not a mount
`

func TestMounts(t *testing.T) {
	all := parseMounts([]byte(mountinfo))
	if len(all) != 8 {
		t.Errorf("%d mounts", len(all))
	}
	want := mount{root: "/", dir: "/mnt/with space", kind: "nfs4", options: []string{"rw", "rw", "vers=4.2"}}
	if d := cmp.Diff(want, all[5], cmp.AllowUnexported(mount{})); d != "" {
		t.Error(d)
	}
	for path, kind := range map[string]string{
		"/": "ext4", "/home": "ext4", "/proc": "proc", "/process": "ext4", "/mnt": "xfs", "/mnt/a": "xfs", "/mnt/with space/a": "nfs4", "/mnt/with spaces": "xfs",
	} {
		if m, found := mountOf(path, all); !found || m.kind != kind {
			t.Errorf("%s: %+v", path, m)
		}
	}
	if _, found := mountOf("/", nil); found {
		t.Error("found without mounts")
	}
}

func TestHides(t *testing.T) {
	for options, want := range map[string]bool{"rw": false, "rw,hidepid=0": false, "rw,hidepid=off": false, "rw,hidepid=1": true, "hidepid=invisible": true} {
		if got := hides(parseMounts([]byte("1 1 0:5 / /proc rw - proc proc " + options + "\n"))); got != want {
			t.Errorf("%s: %v", options, got)
		}
	}
	if hides(parseMounts([]byte("1 1 0:5 / / rw - ext4 x hidepid=2\n"))) {
		t.Error("without /proc")
	}
}

func TestChain(t *testing.T) {
	all := parseMounts([]byte(mountinfo))
	tests := []struct {
		groups, controller string
		want               []string
	}{
		{"8:pids:/a/b\n0::/\n", "pids", []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup/pids/a/b", "/sys/fs/cgroup/pids/a", "/sys/fs/cgroup/unified"}},
		{"4:memory:/docker/1/x\n", "memory", []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/x"}},
		{"4:memory:/docker/12\n", "memory", nil},
		{"4:cpu,memory:/docker/1\n", "memory", []string{"/sys/fs/cgroup/memory"}},
		{"0::/x (deleted)\n", "memory", []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/x"}},
		{"nonsense\n", "memory", nil},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, chain([]byte(tt.groups), all, tt.controller)); d != "" {
			t.Errorf("%q: %s", tt.groups, d)
		}
	}
}

// write makes a file, and the directories above it.
func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600))
}

func TestTightest(t *testing.T) {
	dir := t.TempDir()
	names := [][2]string{{"pids.max", "pids.current"}, {"limit", "usage"}}
	for group, files := range map[string]map[string]string{
		"none":  {"pids.max": "max\n", "pids.current": "7\n"},
		"v1":    {"limit": "9223372036854771712\n", "usage": "5\n"},
		"wide":  {"pids.max": "1000\n", "pids.current": "10\n"},
		"near":  {"pids.max": "2000\n", "pids.current": "1900\n"},
		"over":  {"pids.max": "5\n", "pids.current": "9\n"},
		"other": {"limit": "300\n", "usage": "1\n"},
	} {
		for name, content := range files {
			write(t, filepath.Join(dir, group, name), content)
		}
	}
	tests := []struct {
		groups     []string
		most, used uint64
	}{
		{nil, 0, 0},
		{[]string{"none", "v1", "absent"}, 0, 0},
		{[]string{"wide", "near"}, 2000, 1900},
		{[]string{"near", "wide"}, 2000, 1900},
		{[]string{"near", "over", "wide"}, 5, 9},
		{[]string{"wide", "other"}, 300, 1},
	}
	for _, tt := range tests {
		var dirs []string
		for _, g := range tt.groups {
			dirs = append(dirs, filepath.Join(dir, g))
		}
		if most, used := tightest(dirs, names); most != tt.most || used != tt.used {
			t.Errorf("%v: %d, %d", tt.groups, most, used)
		}
	}
}

func TestCountTasks(t *testing.T) {
	proc := t.TempDir()
	for pid, status := range map[string]string{
		"1": "Name:\tinit\nUid:\t0\t0\t0\t0\nThreads:\t1\n", "20": "Uid:\t7\t7\t7\t7\nThreads:\t5\n", "21": "Uid:\t7\t0\t0\t0\nThreads:\t2\n", "22": "",
		"self": "Uid:\t7\nThreads:\t100\n",
	} {
		write(t, filepath.Join(proc, pid, "status"), status)
	}
	if of, all := countTasks(proc, 7); of != 7 || all != 8 {
		t.Errorf("%d of %d", of, all)
	}
	if of, all := countTasks(filepath.Join(proc, "nowhere"), 7); of != 0 || all != 0 {
		t.Errorf("%d of %d of nothing", of, all)
	}
}

func TestZone(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	write(t, bad, "no zone")
	tests := []struct{ tz, name, problem string }{
		{"UTC", "UTC", ""},
		{":UTC", "UTC", ""},
		{"Mars/Base", "Mars/Base", "unknown time zone Mars/Base"},
		{bad, bad, "malformed time zone information"},
		{filepath.Join(dir, "none"), filepath.Join(dir, "none"), "no such file or directory"},
	}
	for _, tt := range tests {
		if name, problem := zoneOf(tt.tz); name != tt.name || problem != tt.problem {
			t.Errorf("%s: %s, %s", tt.tz, name, problem)
		}
	}
	if name, problem := zoneOf(""); name == "" || problem != "" {
		t.Errorf("none: %s, %s", name, problem)
	}
}

func TestClock(t *testing.T) {
	c := startClock()
	c.ahead -= 3 * time.Hour
	if got := c.stop("UTC").Jump.Round(time.Hour); got != 3*time.Hour {
		t.Errorf("%v", got)
	}
}

func TestSystemFiles(t *testing.T) {
	if slurp("/nowhere") != nil || number([]byte("max\n")) != 0 || number([]byte(" 12\n")) != 12 || hardLimit(-1) != 0 {
		t.Error("what is not there is nothing")
	}
	if got := existing("/nowhere/at/all"); got != "/" {
		t.Errorf("%s", got)
	}
	if got := reaper(); got != "" {
		t.Errorf("%s", got)
	}
	if strconv.Itoa(len(field([]byte("A:\t1\n"), "B:"))) != "0" {
		t.Error("a field that is not there")
	}
}
