package process

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Find looks for the process of a Handle. pidfd refers to exactly that process, whatever
// becomes of its pid; the caller closes it; it is nil where Linux has none (before 5.3).
// alive is false for a zombie: Adopt will still tell how it ended. The error is ErrGone,
// ErrElsewhere, or that of a system call.
func Find(h Handle) (pidfd *os.File, alive bool, err error) {
	fd, _, err := h.hold(nil)
	if err != nil {
		return nil, false, err
	}
	if fd >= 0 {
		pidfd = os.NewFile(uintptr(fd), "pidfd")
	}
	e, ok := readStat(h.PID)
	return pidfd, ok && e.start == h.StartTime && e.alive(), nil
}

// hold makes sure that the pid is still that of the process meant, and returns a pidfd of
// it, -1 where there is none. given may be one that somebody else opened; it is not
// closed. reaped means that the process has ended and no process has the pid any more,
// or a stranger: only given can tell of it then.
func (h Handle) hold(given *os.File) (fd int, reaped bool, err error) {
	if err := h.sameBoot(); err != nil {
		return -1, false, err
	}
	if h.PID <= 1 || h.PID == os.Getpid() || h.StartTime == 0 {
		return -1, false, ErrGone // nobody's try
	}
	if given == nil {
		fd, err = h.open()
		return fd, false, err
	}
	if fd, err = duplicate(given); err != nil {
		return -1, false, err
	}
	if reaped, err = h.matches(fd); err != nil {
		_ = unix.Close(fd)
		return -1, false, err
	}
	return fd, reaped, nil
}

// sameBoot returns an error unless a pid means the same now and here as in the Handle.
func (h Handle) sameBoot() error {
	here, hereSpace, _ := strings.Cut(boot(), " ")
	there, thereSpace, _ := strings.Cut(h.BootID, " ")
	switch {
	case here == "" || there == "":
		return ErrElsewhere
	case here != there:
		return ErrGone
	case hereSpace != thereSpace:
		return ErrElsewhere
	}
	return nil
}

// open opens a pidfd of the process by its pid.
func (h Handle) open() (fd int, err error) {
	fd, err = unix.PidfdOpen(h.PID, 0)
	switch err {
	case nil:
	case unix.ESRCH, unix.EINVAL: // nobody, or a mere thread
		return -1, ErrGone
	case unix.EMFILE, unix.ENFILE, unix.ENOMEM:
		return -1, os.NewSyscallError("pidfd_open", err)
	default:
		fd = -1 // not offered
	}
	// The descriptor holds whoever has the pid now. Is that who is meant?
	e, ok := readStat(h.PID)
	if ok && e.start == h.StartTime && (fd < 0 || h.Inode == 0 || pidfsInode(fd) == h.Inode) {
		return fd, nil
	}
	if fd >= 0 {
		_ = unix.Close(fd)
	}
	return -1, ErrGone
}

// matches reports whether the process of a pidfd, which must be the one meant, was reaped.
func (h Handle) matches(fd int) (reaped bool, err error) {
	if inode := pidfsInode(fd); h.Inode != 0 && inode != 0 {
		if inode != h.Inode {
			return false, errWrongFile
		}
		return isReaped(fd), nil
	}
	pid, err := pidOf(fd)
	if err != nil {
		return false, err
	}
	if pid < 0 {
		return false, ErrGone // nothing tells any more whose this descriptor is
	}
	e, ok := readStat(h.PID)
	if pid != h.PID || ok && e.start != h.StartTime {
		return false, errWrongFile
	}
	if !ok {
		return false, ErrGone
	}
	return false, nil
}

// pidfsMagic is the type of the file system of pidfds since Linux 6.9; before, all have
// the same inode.
const pidfsMagic = 0x50494446

// pidfsInode returns the inode of a pidfd, which no other process has until the next
// boot, 0 where there is none.
func pidfsInode(fd int) uint64 {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstatfs(fd, &fs) != nil || uint64(fs.Type) != pidfsMagic || unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// isReaped reports whether the process of a pidfd has been waited for.
func isReaped(fd int) bool { return unix.PidfdSendSignal(fd, 0, nil, 0) == unix.ESRCH }

// pidOf returns the pid behind a pidfd, -1 when it was reaped.
func pidOf(fd int) (int, error) {
	info, err := slurp("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(info) {
		if rest, ok := bytes.CutPrefix(line, []byte("Pid:")); ok {
			return strconv.Atoi(string(bytes.TrimSpace(rest)))
		}
	}
	return 0, errWrongFile
}
