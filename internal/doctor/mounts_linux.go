package doctor

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
)

// mount is a mounted file system.
type mount struct {
	root    string // what of it is seen there
	dir     string // where
	kind    string // its type
	options []string
}

// parseMounts reads the content of /proc/PID/mountinfo.
func parseMounts(info []byte) []mount {
	var all []mount
	for line := range bytes.Lines(info) {
		before, after, found := strings.Cut(string(line), " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !found || len(f) < 6 || len(g) < 1 {
			continue
		}
		m := mount{root: unescape(f[3]), dir: unescape(f[4]), kind: g[0], options: strings.Split(f[5], ",")}
		if len(g) > 2 {
			m.options = append(m.options, strings.Split(g[2], ",")...)
		}
		all = append(all, m)
	}
	return all
}

// mountOf returns what a path is on: the last of those that are mounted nearest to it.
func mountOf(path string, all []mount) (best mount, found bool) {
	for _, m := range all {
		if below(path, m.dir) && len(m.dir) >= len(best.dir) {
			best, found = m, true
		}
	}
	return best, found
}

// below reports whether a path is dir, or in it.
func below(path, dir string) bool {
	rest, is := strings.CutPrefix(path, dir)
	return is && (rest == "" || rest[0] == '/' || strings.HasSuffix(dir, "/"))
}

// unescape undoes what the kernel does to odd characters.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// chain returns the directories of the control group that this program is in for a
// controller, and of all above it, given /proc/self/cgroup.
func chain(groups []byte, mounts []mount, controller string) []string {
	var dirs []string
	for line := range bytes.Lines(groups) {
		part := strings.SplitN(strings.TrimSpace(string(line)), ":", 3)
		if len(part) != 3 {
			continue
		}
		for _, m := range mounts {
			unified := m.kind == "cgroup2" && part[1] == ""
			own := m.kind == "cgroup" && slices.Contains(strings.Split(part[1], ","), controller) && slices.Contains(m.options, controller)
			if unified || own {
				dirs = append(dirs, upwards(m, part[2])...)
			}
		}
	}
	return dirs
}

// upwards returns the directory of a group in a mount and those above it, up to the mount.
func upwards(m mount, group string) []string {
	rest := strings.TrimSuffix(group, " (deleted)")
	if m.root != "/" {
		if !below(rest, m.root) {
			return nil
		}
		rest = strings.TrimPrefix(rest, m.root)
	}
	dirs := []string{m.dir}
	for dir := filepath.Join(m.dir, rest); dir != m.dir && below(dir, m.dir); dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	return dirs
}

// endless is what version 1 shows where there is no limit of memory, about.
const endless = 1 << 60

// tightest returns the limit that is reached first, and what is in use of it. files are
// the names of those that say so.
func tightest(dirs []string, files [][2]string) (most, used uint64) {
	for _, dir := range dirs {
		for _, name := range files {
			limit, now := number(slurp(filepath.Join(dir, name[0]))), number(slurp(filepath.Join(dir, name[1])))
			if limit == 0 || limit > endless {
				continue
			}
			if most == 0 || limit-min(now, limit) < most-min(used, most) {
				most, used = limit, now
			}
		}
	}
	return most, used
}
