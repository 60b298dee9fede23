package process

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// system is the Linux part of a Host.
type system struct {
	self     ident  // this program
	boot     string // see SelfIdentity
	group    string // the name of our own control group
	session  int
	children int // /proc/self/task/PID/children of the main thread, who gets all orphans; -1: not offered
	masked   bool
	ignored  chan os.Signal
	reaper   bool // we made ourselves the subreaper
	marker   marker
	memory   oomCounter
	ownPeak  ownPeak
	watcher  watcher

	reaps reapCount

	// reaping makes one step of looking at our children and collecting dead ones, so
	// that no pid that was seen there is reused in between.
	reaping sync.Mutex
	left    map[int]struct{} // leftovers of ended tries, left alone on purpose; guarded by reaping
	list    []byte           // what was read from children, kept for its memory; guarded by reaping

	// walking makes concurrent walks through /proc share one; it guards the two below.
	walking sync.Mutex
	last    *snapshot
	known   map[ident]*Process // who belonged to whom when last seen

	// The Host's mu guards the three below, see heir_linux.go.
	heir    bool
	guards  map[int]guard
	bearers map[uint64]*Process // the processes without an outcome, by their own marks

	exitInfo func(pidfd int) (syscall.WaitStatus, bool) // how a process ended that is not our child
}

func (h *Host) open(marks, heir bool) error {
	self, ok := readStat(os.Getpid())
	if !ok {
		return fmt.Errorf("read /proc/self/stat: is /proc mounted?")
	}
	h.self, h.session = self.ident, self.session
	h.boot, h.group = boot(), groupName(h.self.pid)
	h.left = make(map[int]struct{})
	h.heir, h.guards, h.bearers = heir, make(map[int]guard), make(map[uint64]*Process)
	h.exitInfo = exitInfo
	h.children = openChildren(h.self.pid)
	if err := h.reapOthers(); err != nil {
		h.closeChildren()
		return err
	}
	if err := h.marker.init(marks); err != nil {
		h.closeChildren()
		return err
	}
	closeOnExec()
	h.plainSignals()
	h.memory.init()
	h.watcher.start(h)
	return nil
}

func (h *Host) shut() {
	h.watcher.stop()
	if h.ignored != nil {
		signal.Stop(h.ignored)
	}
	if h.reaper {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
	h.closeChildren()
}

// reapOthers makes this program the one that gets orphaned descendants.
func (h *Host) reapOthers() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", err)
	}
	h.reaper = true
	return nil
}

func openChildren(pid int) int {
	fd, err := unix.Open(procPath(pid, "task/"+strconv.Itoa(pid)+"/children"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

func (h *Host) closeChildren() {
	h.reaping.Lock()
	defer h.reaping.Unlock()
	if h.children >= 0 {
		_ = unix.Close(h.children)
		h.children = -1
	}
}

// closeOnExec keeps files that this program was started with from its jobs.
func closeOnExec() {
	if unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	names, err := os.ReadDir("/proc/self/fd") // Linux before 5.11
	if err != nil {
		return
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// plainSignals sees to it that jobs start with default dispositions and an empty mask,
// also when this program was started by nohup or in the background of a script. What was
// ignored is caught and thrown away instead, since Go resets what it catches in a child.
func (h *Host) plainSignals() {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return
	}
	blocked, _ := field(status, "SigBlk:", 16)
	h.masked = blocked != 0
	ignored, _ := field(status, "SigIgn:", 16)
	for n := range 64 {
		if ignored&(1<<n) == 0 {
			continue
		}
		if h.ignored == nil {
			h.ignored = make(chan os.Signal, 1) // never read: what does not fit is dropped
		}
		signal.Notify(h.ignored, syscall.Signal(n+1))
	}
}
