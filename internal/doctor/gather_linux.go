package doctor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/process"
)

// gatherSystem finds out what the kernel offers and limits.
func gatherSystem(processes **ProcessFacts, limits **LimitFacts) {
	mounts := parseMounts(slurp("/proc/self/mountinfo"))
	*processes = &ProcessFacts{
		Kernel: strings.TrimSpace(string(slurp("/proc/sys/kernel/osrelease"))),
		Proc:   len(slurp("/proc/self/stat")) > 0, Hidden: hides(mounts) && os.Geteuid() != 0,
		Reaper: reaper(), MarkLimit: hardLimit(unix.RLIMIT_LOCKS),
		PIDFD: opensPIDFD(), ExitStatus: process.ExitStatusOffered(), Children: listsChildren(),
		Groups: cgroup.Detect(), Contained: contained(),
	}
	*limits = gatherLimits(mounts)
}

// slurp returns the content of a file of the system, nil when there is none.
func slurp(path string) []byte {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return content
}

// hides reports whether /proc is mounted so that it hides processes of others.
func hides(mounts []mount) bool {
	m, found := mountOf("/proc", mounts)
	if !found || m.kind != "proc" {
		return false
	}
	for _, o := range m.options {
		if value, is := strings.CutPrefix(o, "hidepid="); is {
			return value != "0" && value != "off"
		}
	}
	return false
}

// reaper returns why this program can't become a subreaper, "" when it can.
func reaper() string {
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
	if err != nil {
		return reason(err)
	}
	return ""
}

func hardLimit(resource int) uint64 {
	var limit unix.Rlimit
	if err := unix.Prlimit(0, resource, nil, &limit); err != nil {
		return 0
	}
	return limit.Max
}

func opensPIDFD() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err == nil
}

func listsChildren() bool {
	pid := strconv.Itoa(os.Getpid())
	_, err := os.Stat("/proc/self/task/" + pid + "/children")
	return err == nil
}

// hostSpace is the inode of the host's own PID namespace (PROC_PID_INIT_INO).
const hostSpace = "pid:[4026531836]"

func contained() bool {
	space, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && space != hostSpace
}

// gatherLimits finds out how much there is of what runs out.
func gatherLimits(mounts []mount) *LimitFacts {
	f := &LimitFacts{
		Files: hardLimit(unix.RLIMIT_NOFILE), Tasks: hardLimit(unix.RLIMIT_NPROC), Root: os.Geteuid() == 0,
		FilesInUse: countFiles(), PIDs: number(slurp("/proc/sys/kernel/pid_max")),
	}
	if f.Files == unix.RLIM_INFINITY {
		f.Files = 0
	}
	if f.Tasks == unix.RLIM_INFINITY {
		f.Tasks = 0
	}
	f.TasksInUse, f.PIDsInUse = countTasks("/proc", os.Getuid())
	groups := slurp("/proc/self/cgroup")
	f.GroupTasks, f.GroupTasksInUse = tightest(chain(groups, mounts, "pids"), [][2]string{{"pids.max", "pids.current"}})
	f.Memory, f.MemoryInUse = tightest(chain(groups, mounts, "memory"),
		[][2]string{{"memory.max", "memory.current"}, {"memory.limit_in_bytes", "memory.usage_in_bytes"}})
	return f
}

func countFiles() uint64 {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return uint64(len(names)) - 1 // one is for this look
}

// countTasks returns how many threads there are of a user, and of all that can be seen.
func countTasks(proc string, uid int) (of, all uint64) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return 0, 0
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		status := slurp(filepath.Join(proc, e.Name(), "status"))
		threads := number(field(status, "Threads:"))
		all += threads
		if owner := bytes.Fields(field(status, "Uid:")); len(owner) > 0 && string(owner[0]) == strconv.Itoa(uid) {
			of += threads
		}
	}
	return of, all
}

// field returns the rest of the line that begins with name.
func field(status []byte, name string) []byte {
	for line := range bytes.Lines(status) {
		if rest, is := bytes.CutPrefix(line, []byte(name)); is {
			return bytes.TrimSpace(rest)
		}
	}
	return nil
}

// number reads one, 0 when it is none, such as "max".
func number(text []byte) uint64 {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// mounted finds out about the file system of a place.
func (d *Disk) mounted() {
	if m, found := mountOf(d.Path, parseMounts(slurp("/proc/self/mountinfo"))); found {
		d.Type, d.Options = m.kind, m.options
	}
	var s unix.Statfs_t
	err := unix.Statfs(d.Path, &s)
	for err == unix.EINTR { //nolint:errorlint // system calls return it bare
		err = unix.Statfs(d.Path, &s)
	}
	if err != nil {
		return
	}
	size := uint64(s.Frsize)
	d.Free, d.Size, d.FreeNodes, d.MaxNode = s.Bavail*size, s.Blocks*size, s.Ffree, s.Files
}

// allocates reports whether space can be kept in advance, as the journal does it.
func allocates(f *os.File) bool {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 1<<16)
	return err == nil || err == unix.ENOSPC || err == unix.EDQUOT //nolint:errorlint // system calls return it bare
}

// Bytes of an SQLite database, and of its shared memory, on which locks are held.
const (
	sharedFirst = 0x40000002
	sharedSize  = 510
	writeLock   = 120
)

// writePatience is how long somebody may write before others count as kept from it.
const writePatience = 300 * time.Millisecond

// writer returns the pid of a program that keeps others from writing, 0 when there is none.
func writer(path string) int {
	tick := time.NewTicker(writePatience / 30)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		pid := locker(path+"-shm", unix.Flock_t{Type: unix.F_WRLCK, Start: writeLock, Len: 1})
		if pid == 0 {
			pid = locker(path, unix.Flock_t{Type: unix.F_RDLCK, Start: sharedFirst, Len: sharedSize})
		}
		if pid == 0 || time.Since(began) > writePatience {
			return pid
		}
	}
}

// locker returns who has a lock that conflicts with one, 0 when nobody has.
func locker(path string, lock unix.Flock_t) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil || lock.Type == unix.F_UNLCK {
		return 0
	}
	return int(lock.Pid)
}

// clock tells whether the time of day was set meanwhile.
type clock struct{ ahead time.Duration }

func startClock() *clock { return &clock{ahead: ahead()} }

// ahead is the time of day beyond the time since the boot, which nobody sets.
func ahead() time.Duration {
	var wall, since unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &since) != nil {
		return 0
	}
	return time.Duration(wall.Nano() - since.Nano())
}

func (c *clock) stop(zone string) *ClockFacts {
	f := &ClockFacts{Now: time.Now(), Jump: ahead() - c.ahead}
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err == nil {
		f.Known, f.Synced = true, t.Status&unix.STA_UNSYNC == 0
	}
	f.Zone, f.ZoneError = zoneOf(zone)
	return f
}
