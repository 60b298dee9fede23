package cgroup

import (
	"reflect"
	"testing"
)

func TestOwnGroup(t *testing.T) {
	for _, c := range []struct {
		groups, want string
		ok           bool
	}{
		{"0::/\n", "/", true},
		{"9:name=systemd:/x\n4:memory:/a\n0::/system.slice/a b.service\n", "/system.slice/a b.service", true},
		{"0::/gone (deleted)\n", "/gone", true},
		{"4:memory:/a\n10::/x\n", "", false},
		{"", "", false},
	} {
		if got, ok := ownGroup([]byte(c.groups)); got != c.want || ok != c.ok {
			t.Errorf("%q: got %q %v", c.groups, got, ok)
		}
	}
}

const mountinfo = `22 1 0:21 / /proc rw,nosuid - proc proc rw
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:1 master:2 - cgroup2 cgroup2 rw
42 31 0:38 /docker/abc /mnt/with\040space rw - cgroup2 cgroup2 rw
broken
`

func TestMounts(t *testing.T) {
	want := []mount{{"/", "/sys/fs/cgroup/unified"}, {"/docker/abc", "/mnt/with space"}}
	if got := mounts([]byte(mountinfo)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestLocate(t *testing.T) {
	part := []mount{{"/docker/abc", "/sys/fs/cgroup"}}
	for _, c := range []struct {
		group  string
		mounts []mount
		want   string
		ok     bool
	}{
		{"/", []mount{{"/", "/cg"}}, "/cg", true},
		{"/a/b", []mount{{"/", "/cg"}}, "/cg/a/b", true},
		{"/docker/abc", part, "/sys/fs/cgroup", true},
		{"/docker/abc/x", part, "/sys/fs/cgroup/x", true},
		{"/docker/abcd", part, "", false},
		{"/elsewhere", part, "", false},
		{"/a", []mount{{"/../..", "/cg"}}, "", false},
		{"/a", nil, "", false},
	} {
		if got, ok := locate(c.group, c.mounts); got != c.want || ok != c.ok {
			t.Errorf("%s in %v: got %q %v", c.group, c.mounts, got, ok)
		}
	}
}
