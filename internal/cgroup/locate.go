package cgroup

import (
	"bytes"
	"path"
	"strings"
)

// ownGroup returns the path of a program in the version 2 hierarchy, given the content
// of its /proc/PID/cgroup.
func ownGroup(groups []byte) (string, bool) {
	for line := range bytes.Lines(groups) {
		if rest, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte("0::")); ok {
			return strings.TrimSuffix(string(rest), " (deleted)"), true
		}
	}
	return "", false
}

// mount is a mounted version 2 hierarchy.
type mount struct {
	root string // the group that is seen there
	dir  string // where
}

// mounts returns all of them, given the content of /proc/PID/mountinfo.
func mounts(info []byte) []mount {
	var all []mount
	for line := range bytes.Lines(info) {
		before, after, ok := strings.Cut(string(line), " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(kind) == 0 || kind[0] != "cgroup2" {
			continue
		}
		all = append(all, mount{root: unescape(f[3]), dir: unescape(f[4])})
	}
	return all
}

// locate returns the directory of a group. A mount may show a part of the hierarchy only.
func locate(group string, all []mount) (string, bool) {
	for _, m := range all {
		if m.root == "/" {
			return path.Join(m.dir, group), true
		}
		if rest, ok := strings.CutPrefix(group, m.root); ok && (rest == "" || rest[0] == '/') {
			return path.Join(m.dir, rest), true
		}
	}
	return "", false
}

var escapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func unescape(s string) string { return escapes.Replace(s) }
