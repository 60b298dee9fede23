package cgroup

import "testing"

func TestFind(t *testing.T) {
	for _, c := range []struct{ groups, mounts, want, err string }{
		{"0::/\n", mountinfo, "/sys/fs/cgroup/unified", ""},
		{"0::/a/b\n", mountinfo, "/sys/fs/cgroup/unified/a/b", ""},
		{"0::/a/executioner-engine\n", mountinfo, "/sys/fs/cgroup/unified/a", ""},
		{"4:memory:/\n", mountinfo, "", "this kernel has control groups of version 1 only"},
		{"0::/\n", "", "", "control groups of version 2 are not mounted here"},
		{"0::/x\n", "1 2 0:3 /docker/abc /cg rw - cgroup2 c rw\n", "", "the control group of this program, /x, is not visible here"},
	} {
		got, err := find([]byte(c.groups), []byte(c.mounts))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.want || text != c.err {
			t.Errorf("%q: got %q, %q", c.groups, got, text)
		}
	}
}
