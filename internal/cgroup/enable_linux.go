package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// wanted are the controllers that Limits needs.
var wanted = [...]string{"memory", "pids"}

// enable makes the controllers available to leaves in dir. It returns why not all of
// them are, "" if they are.
func enable(dir string, root bool) string {
	return controllers(dir, func(missing []string) error { return turnOn(dir, missing, root) })
}

// controllers finds out which controllers leaves in dir do not have, and has on make those
// available that are only not enabled. It returns why not all of them are, "" if they are.
func controllers(dir string, on func(missing []string) error) string {
	var absent, missing []string
	for _, name := range wanted {
		switch {
		case !lists(dir, "cgroup.controllers", name):
			absent = append(absent, name)
		case !lists(dir, "cgroup.subtree_control", name):
			missing = append(missing, name)
		}
	}
	var reasons []string
	if len(absent) > 0 {
		reasons = append(reasons, fmt.Sprintf("%s does not have the controller %s", dir, strings.Join(absent, " and ")))
	}
	if len(missing) > 0 {
		if err := on(missing); err != nil {
			reasons = append(reasons, fmt.Sprintf("the controller %s can't be enabled in %s: %v", strings.Join(missing, " and "), dir, err))
		}
	}
	return strings.Join(reasons, "; ")
}

// turnOn enables controllers, for which the group must hold no processes unless it is the root.
func turnOn(dir string, names []string, root bool) error {
	inside, err := mayTurnOn(dir, root)
	if err != nil {
		return err
	}
	moved := false
	if inside {
		if err := moveOut(dir); err != nil {
			return err
		}
		moved = true
	}
	err = put(filepath.Join(dir, "cgroup.subtree_control"), "+"+strings.Join(names, " +"))
	if err != nil && moved {
		_ = put(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(os.Getpid()))
		_ = removeTree(filepath.Join(dir, engineLeaf))
	}
	return err
}

// mayTurnOn returns why controllers can't be enabled in a group as it is now, and whether
// this program, alone, is inside it, and has to move out before.
func mayTurnOn(dir string, root bool) (inside bool, err error) {
	if !root && !delegated(dir) {
		return false, errors.New("it is not delegated to this program (systemd: Delegate=yes)")
	}
	if isRoot(dir) {
		return false, nil
	}
	content, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return false, err
	}
	switch pids := strings.Fields(string(content)); {
	case len(pids) == 0:
		return false, nil
	case !slices.Equal(pids, []string{strconv.Itoa(os.Getpid())}):
		return false, errors.New("it holds other processes, too")
	}
	return true, nil
}

// moveOut moves this program out of a group that it has for itself.
func moveOut(dir string) error {
	leaf := filepath.Join(dir, engineLeaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return put(filepath.Join(leaf, "cgroup.procs"), strconv.Itoa(os.Getpid()))
}

// isRoot reports whether a group is the root of the whole host: only that lacks this file,
// also as seen from a container.
func isRoot(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cgroup.events"))
	return errors.Is(err, os.ErrNotExist)
}

// delegated reports whether somebody gave the group to this program. The user root owns
// them all, so that it takes a sign of systemd, or that the group is all that this
// container sees.
func delegated(dir string) bool {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil || int(st.Uid) != os.Geteuid() {
		return false
	}
	if st.Uid != 0 {
		return true
	}
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		var value [8]byte
		if n, err := unix.Getxattr(dir, name, value[:]); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	var above unix.Statfs_t
	err := unix.Statfs(filepath.Dir(dir), &above)
	return err == nil && above.Type != unix.CGROUP2_SUPER_MAGIC && !isRoot(dir)
}

// lists reports whether a file with a line of words has that word.
func lists(dir, file, word string) bool {
	content, err := os.ReadFile(filepath.Join(dir, file))
	return err == nil && slices.ContainsFunc(bytes.Fields(content), func(f []byte) bool { return string(f) == word })
}
