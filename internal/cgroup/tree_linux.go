package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// prefix begins the names of all leaves; pid and start time of their maker follow.
const prefix = "executioner."

// engineLeaf is where this program goes when its own group must hold no processes.
const engineLeaf = "executioner-engine"

// Tree makes leaves. Safe for concurrent use.
type Tree struct {
	dir     string
	support Support
	room    int // how large the pool may be
	own     string

	mu     sync.Mutex // guards the four below, which concurrent tries use
	made   int        // the last number
	empty  []*Leaf    // the pool
	busy   []string   // directories of leaves that were given back while something lived there
	closed bool
}

// Open finds out what this host offers and prepares for it. The Tree is nil when there are
// no leaves; then Support says why. Close it when all leaves were given back.
func Open(cfg Config) (*Tree, Support) {
	dir, err := base(cfg.Dir)
	if err != nil {
		return nil, Support{NoLeaves: err.Error()}
	}
	t := &Tree{dir: dir, room: cfg.Pool, own: owner()}
	switch {
	case t.room == 0:
		t.room = DefaultPool
	case t.room < 0:
		t.room = 0
	}
	t.support = Support{Dir: dir}
	if cfg.Limits {
		t.support.NoLimits = enable(dir, cfg.Root)
	}
	if err := t.try(); err != nil {
		return nil, Support{Dir: dir, NoLeaves: err.Error()}
	}
	return t, t.support
}

// Detect reports what Open would offer, with limits, and changes nothing.
func Detect() Support {
	t, support := Open(Config{})
	t.Close()
	if t != nil && support.NoLimits != "" {
		support.foresee()
	}
	return support
}

// foresee replaces what is said of limits by what would be after enable.
func (s *Support) foresee() {
	s.NoLimits = controllers(s.Dir, func([]string) error {
		_, err := mayTurnOn(s.Dir, false)
		return err
	})
	if s.NoLimits == "" {
		s.Memory, s.PIDs = true, true
	}
}

// Support returns what Open did.
func (t *Tree) Support() Support { return t.support }

// try makes a leaf to see what is in it.
func (t *Tree) try() error {
	if !clonesIntoGroups() {
		return errors.New("this kernel, or a seccomp filter, does not start processes in a control group (clone3)")
	}
	// To start in a group below is to move there, which takes this.
	if path := filepath.Join(t.dir, "cgroup.procs"); unix.Access(path, unix.W_OK) != nil {
		return fmt.Errorf("%s may not be written", path)
	}
	l, err := t.Take()
	if err != nil {
		return err
	}
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(l.dir, name))
		return err == nil
	}
	if !has("cgroup.procs") || !has("cgroup.events") {
		_ = l.remove()
		return fmt.Errorf("what can be made in %s is no control group", t.dir)
	}
	t.support.Leaves, t.support.Kill = true, has("cgroup.kill")
	t.support.Memory, t.support.PIDs = has("memory.max"), has("pids.max")
	if t.support.Memory && t.support.PIDs {
		t.support.NoLimits = ""
	} else if t.support.NoLimits == "" {
		t.support.NoLimits = "the controllers memory and pids are not enabled below " + t.dir
	}
	l.kill = t.support.Kill
	l.Release()
	return nil
}

// clonesIntoGroups reports whether clone3(CLONE_INTO_CGROUP) is there, by a call that
// can't succeed: no program has that descriptor.
func clonesIntoGroups() bool {
	args := struct {
		flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize, cgroup uint64
	}{flags: unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: 1<<31 - 1}
	return errors.Is(clone3(&args.flags, 88), unix.EBADF)
}

// Take returns an empty leaf, which is the caller's until it calls Release. A nil Tree has
// none: ErrUnsupported.
func (t *Tree) Take() (*Leaf, error) {
	if t == nil {
		return nil, ErrUnsupported
	}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, fs.ErrClosed
	}
	if n := len(t.empty); n > 0 {
		l := t.empty[n-1]
		t.empty = t.empty[:n-1]
		t.mu.Unlock()
		return l, nil
	}
	t.mu.Unlock()
	return t.grow()
}

// grow makes a leaf. Another program may have one of that name: this one before an execve.
func (t *Tree) grow() (*Leaf, error) {
	for {
		t.mu.Lock()
		t.made++
		dir := filepath.Join(t.dir, t.own+strconv.Itoa(t.made))
		t.mu.Unlock()
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &Leaf{tree: t, dir: dir, kill: t.support.Kill}, nil
	}
}

// Adopt returns a leaf that another program made for a try which this one takes over.
// The error wraps fs.ErrNotExist when it is gone, and with it everything that was in it.
// A nil Tree adopts none: ErrUnsupported.
func (t *Tree) Adopt(path string) (*Leaf, error) {
	if t == nil {
		return nil, ErrUnsupported
	}
	if !strings.HasPrefix(filepath.Base(path), prefix) {
		return nil, fmt.Errorf("%s is no leaf of ours", path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return &Leaf{tree: t, dir: path, kill: t.support.Kill, limited: true}, nil // limited perhaps
}

// put takes a leaf back.
func (t *Tree) put(l *Leaf) {
	reusable := filepath.Dir(l.dir) == t.dir && l.isClean()
	t.mu.Lock()
	if reusable && !t.closed && len(t.empty) < t.room {
		t.empty = append(t.empty, l)
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	if l.remove() == nil {
		return
	}
	t.mu.Lock()
	busy := append(t.busy, l.dir)
	t.busy = nil
	t.mu.Unlock()
	t.retry(busy)
}

// retry removes what could not be removed before.
func (t *Tree) retry(busy []string) {
	var left []string
	for _, dir := range busy {
		if removeTree(dir) != nil {
			left = append(left, dir)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = append(t.busy, left...)
}

// hasGroups reports whether somebody made groups in the leaf.
func (l *Leaf) hasGroups() bool {
	var st unix.Stat_t
	return unix.Stat(l.dir, &st) != nil || st.Nlink > 2
}

// Tidy removes empty leaves of programs that have ended, and of this one before an
// execve. Call it when all tries that are to be taken over have been. Nothing happens for
// a nil Tree.
func (t *Tree) Tidy() {
	if t == nil {
		return
	}
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return
	}
	t.mu.Lock()
	mine := make(map[string]bool)
	for _, l := range t.empty {
		mine[l.dir] = true
	}
	made := t.made
	t.mu.Unlock()
	for _, e := range entries {
		dir := filepath.Join(t.dir, e.Name())
		maker, number, ok := parseName(e.Name())
		switch {
		case !ok || mine[dir] || maker != t.own && lives(maker):
		case maker == t.own && number <= made: // it may be in use here
		default:
			_ = removeTree(dir)
		}
	}
}

// Close removes what is empty. Leaves that are still in use are removed by their Release.
// It is idempotent, and nothing happens for a nil Tree.
func (t *Tree) Close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	empty, busy := t.empty, t.busy
	t.empty, t.busy, t.closed = nil, nil, true
	t.mu.Unlock()
	for _, l := range empty {
		_ = l.remove()
	}
	t.retry(busy)
}

// base returns the directory in which leaves are made.
func base(dir string) (string, error) {
	if dir == "" {
		groups, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			return "", err
		}
		info, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return "", err
		}
		if dir, err = find(groups, info); err != nil {
			return "", err
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return "", fmt.Errorf("%s is no control group of version 2", dir)
	}
	return dir, nil
}

// find returns the directory of the program with these files, or the one above when the
// program has moved itself into a leaf.
func find(groups, mountinfo []byte) (string, error) {
	group, ok := ownGroup(groups)
	if !ok {
		return "", errors.New("this kernel has control groups of version 1 only")
	}
	all := mounts(mountinfo)
	if len(all) == 0 {
		return "", errors.New("control groups of version 2 are not mounted here")
	}
	dir, ok := locate(group, all)
	if !ok {
		return "", fmt.Errorf("the control group of this program, %s, is not visible here", group)
	}
	if filepath.Base(dir) == engineLeaf {
		dir = filepath.Dir(dir)
	}
	return dir, nil
}
