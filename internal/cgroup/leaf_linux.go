package cgroup

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Leaf is a control group for one try. Its methods are safe for concurrent use, but
// Release comes last.
type Leaf struct {
	tree *Tree
	dir  string
	kill bool // cgroup.kill is there

	limited bool // something was limited; only who takes and releases the leaf uses it
}

// Path returns the leaf's directory, by which Tree.Adopt finds it; empty for no leaf.
func (l *Leaf) Path() string {
	if l == nil {
		return ""
	}
	return l.dir
}

// Open returns the directory, whose descriptor syscall.SysProcAttr.CgroupFD wants. The
// caller closes it: a leaf of a job that runs needs no file.
func (l *Leaf) Open() (*os.File, error) {
	return os.OpenFile(l.dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
}

// Kill sends SIGKILL to everything in the leaf at once; nothing can be born meanwhile.
// The processes need a moment to end. The error is ErrUnsupported before Linux 5.14.
func (l *Leaf) Kill() error {
	if !l.kill {
		return ErrUnsupported
	}
	return put(filepath.Join(l.dir, "cgroup.kill"), "1")
}

// Populated reports whether anything lives in the leaf. A leaf that was removed is empty.
func (l *Leaf) Populated() (bool, error) {
	n, err := keyed(filepath.Join(l.dir, "cgroup.events"), "populated")
	if gone(err) {
		return false, nil
	}
	return n != 0, err
}

// PIDs returns the processes in the leaf, also in groups that were made below it. Each
// may have ended, and its pid have been reused, by the time it is looked at.
func (l *Leaf) PIDs() ([]int, error) {
	var all []int
	err := filepath.WalkDir(l.dir, func(path string, e fs.DirEntry, err error) error {
		if gone(err) {
			return nil
		}
		if err != nil || !e.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if gone(err) || errors.Is(err, syscall.EOPNOTSUPP) { // a threaded group
			return nil
		}
		for word := range bytes.FieldsSeq(content) {
			if pid, perr := strconv.Atoi(string(word)); perr == nil && pid > 0 {
				all = append(all, pid)
			}
		}
		return err
	})
	return all, err
}

// Limit bounds the leaf. Call it before anything is started in it. The error is
// ErrUnsupported when the controller for it is not there; then what can be limited still
// is. A nil Leaf can't be limited.
func (l *Leaf) Limit(limits Limits) error {
	if limits == (Limits{}) {
		return nil
	}
	if l == nil {
		return ErrUnsupported
	}
	l.limited = true
	var memory, pids error
	if limits.Memory > 0 {
		memory = l.limitMemory(limits.Memory)
	}
	if limits.PIDs > 0 {
		pids = l.limit("pids.max", limits.PIDs)
	}
	return errors.Join(memory, pids)
}

func (l *Leaf) limitMemory(n int64) error {
	if err := l.limit("memory.max", n); err != nil {
		return err
	}
	// A job half of which was killed is of no use to anybody (Linux 4.19).
	if err := put(filepath.Join(l.dir, "memory.oom.group"), "1"); err != nil && !gone(err) {
		return err
	}
	// Swap would only put off the end (absent without swap accounting).
	if err := put(filepath.Join(l.dir, "memory.swap.max"), "0"); err != nil && !gone(err) {
		return err
	}
	return nil
}

// Exceeded returns the limit of memory, in bytes, for which the kernel has killed; 0 when
// it did not, or when it was the host that had too little.
func (l *Leaf) Exceeded() int64 {
	if n, _ := keyed(filepath.Join(l.dir, "memory.events"), "oom"); n == 0 {
		return 0
	}
	content, err := os.ReadFile(filepath.Join(l.dir, "memory.max"))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(content)), 10, 64) // not a number is "max"
	return n
}

func (l *Leaf) limit(name string, n int64) error {
	err := put(filepath.Join(l.dir, name), strconv.FormatInt(n, 10))
	if gone(err) {
		return ErrUnsupported
	}
	return err
}

// unlimit takes back what Limit did.
func (l *Leaf) unlimit() error {
	for _, c := range [...]struct{ name, value string }{
		{"memory.max", "max"}, {"memory.swap.max", "max"}, {"memory.oom.group", "0"}, {"pids.max", "max"},
	} {
		if err := put(filepath.Join(l.dir, c.name), c.value); err != nil && !gone(err) {
			return err
		}
	}
	l.limited = false
	return nil
}

// OOMKills returns how many processes of this try the kernel has killed for lack of
// memory. counted is false where the controller is not there.
func (l *Leaf) OOMKills() (n uint64, counted bool) {
	n, err := keyed(filepath.Join(l.dir, "memory.events"), "oom_kill")
	return n, err == nil
}

// Release gives the leaf back: to the pool if it is empty, else it is left to what still
// lives in it and removed when that has ended. Nothing happens for a nil Leaf.
func (l *Leaf) Release() {
	if l != nil {
		l.tree.put(l)
	}
}

// isClean reports whether another try may have the leaf after this one.
func (l *Leaf) isClean() bool {
	if populated, err := l.Populated(); populated || err != nil || l.hasGroups() {
		return false
	}
	if l.limited || l.tree.support.Memory {
		if n, _ := l.OOMKills(); n > 0 { // the count can't be taken back
			return false
		}
	}
	return !l.limited || l.unlimit() == nil
}

// remove removes the leaf and empty groups that were made in it.
func (l *Leaf) remove() error { return removeTree(l.dir) }

// removeTree removes a group with all groups below it, if nothing lives there.
func removeTree(dir string) error {
	err := syscall.Rmdir(dir)
	if err == nil || gone(err) {
		return nil
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			_ = removeTree(filepath.Join(dir, e.Name()))
		}
	}
	if err = syscall.Rmdir(dir); gone(err) {
		return nil
	}
	return err
}

// put writes to a control file, which must be there.
func put(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// keyed returns a number from a file of lines "NAME NUMBER".
func keyed(path, name string) (uint64, error) {
	// This is done for each try: the fewest system calls.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	var content [1024]byte
	n, err := unix.Read(fd, content[:])
	for err == unix.EINTR { //nolint:errorlint // bare from a system call
		n, err = unix.Read(fd, content[:])
	}
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(content[:n]) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if string(key) == name {
			return strconv.ParseUint(string(value), 10, 64)
		}
	}
	return 0, fs.ErrNotExist
}

// gone reports whether a control file, or its group, is not there (any more).
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}
