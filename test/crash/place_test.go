//go:build linux

package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
)

// marker is in the environment of all processes of a place, with its directory.
const marker = "CRASH_PLACE="

// A place is the directory of one case, where all of its files must be.
type place struct {
	dir  string // of the jobs
	out  string // what the programs say, outside of what is looked at for leftovers
	home string

	idle time.Duration // how long its programs may do nothing: idleness, unless it is changed
	most time.Duration // what the longest of them took
}

func newPlace() (*place, error) {
	dir, err := os.MkdirTemp("", "crash-")
	if err != nil {
		return nil, err
	}
	p := &place{idle: idleness, dir: filepath.Join(dir, "work"), out: filepath.Join(dir, "out"), home: filepath.Join(dir, "home")}
	return p, errors.Join(os.Mkdir(p.dir, 0o755), os.Mkdir(p.out, 0o755), os.Mkdir(p.home, 0o755))
}

// remove ends what is left in the place and removes it.
func (p *place) remove() {
	for _, pid := range p.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = os.RemoveAll(filepath.Dir(p.dir))
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// environ is that of the program. All places where it could leave something are ours.
func (p *place) environ(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "USER=tester", "TZ=UTC", marker + p.dir,
		"HOME=" + p.home, "TMPDIR=" + p.home, "XDG_RUNTIME_DIR=" + p.home, "XDG_STATE_HOME=" + p.home, "XDG_CACHE_HOME=" + p.home,
		"EXECUTIONER_DATABASE=" + p.path("history.db"),
	}, more...)
}

// ledgerLines counts what the jobs have written so far.
func (p *place) ledgerLines() int {
	b, err := os.ReadFile(p.path("ledger"))
	if err != nil {
		return 0
	}
	return bytes.Count(b, []byte{'\n'})
}

// the run of a place: it has no other.
const theRun = run.ID(1)

// history reads the run. There is none before it was recorded.
func (p *place) history() (ts []run.Transition, there bool, err error) {
	if info, err := os.Stat(p.path("history.db")); err != nil || info.Size() == 0 {
		return nil, false, nil //nolint:nilerr // not made yet
	}
	ctx := context.Background()
	s, err := sqlstore.OpenSQLite(ctx, p.path("history.db"), sqlstore.Config{BusyTimeout: patience})
	if err != nil {
		return nil, false, err
	}
	all, err := s.Runs(ctx, store.Filter{})
	if err != nil || len(all) == 0 {
		return nil, false, errors.Join(err, s.Close())
	}
	ts, err = s.Transitions(ctx, theRun, 0, 0)
	return ts, true, errors.Join(err, s.Close())
}

// evidence collects what is known of the run.
func (p *place) evidence(f flow) (*evidence, error) {
	b, err := os.ReadFile(p.path("ledger"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	e := &evidence{flow: f, run: theRun, logs: make(map[run.JobID]string)}
	e.ledger, e.torn = parseLedger(string(b))
	for _, j := range f.Jobs {
		log, err := os.ReadFile(joblog.JobPath(p.path("logs"), "crash", j.ID, theRun))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		e.logs[j.ID] = string(log)
	}
	e.transitions, _, err = p.history()
	return e, err
}

// kept matches the files that a run may leave.
var kept = regexp.MustCompile(`^(work/(flow\.json|ledger|history\.db(-wal|-shm)?|logs/executioner\.crash\.[^/]*log))$`)

// leftFiles returns the files that should not be there when the run has ended.
func (p *place) leftFiles() (left []string) {
	top := filepath.Dir(p.dir)
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(top, path)
		switch {
		case err != nil:
			return nil //nolint:nilerr // removed meanwhile, as it should
		case d.IsDir() && name == "out":
			return fs.SkipDir
		case !d.IsDir() && !kept.MatchString(name):
			left = append(left, fmt.Sprintf("file %s (%s)", name, d.Type()))
		}
		return nil
	})
	return left
}

// processes returns the ids of the living processes that were started in the place.
func (p *place) processes() (pids []int) {
	for _, pid := range allProcesses() {
		if pid != os.Getpid() && p.has(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// jobProcesses returns those that are neither the engine nor the keeper.
func (p *place) jobProcesses() (pids []int) {
	for _, pid := range p.processes() {
		if exe, err := os.Readlink(proc(pid, "exe")); err == nil && exe != program && exe != newer {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isProgram says whether a process is an engine or a keeper, of either version.
func isProgram(pid int) bool {
	exe, err := os.Readlink(proc(pid, "exe"))
	return err == nil && (exe == program || exe == newer)
}

// keeper returns the id of the place's keeper.
func (p *place) keeper() (int, bool) {
	for _, pid := range allProcesses() {
		if args := arguments(pid); len(args) > 1 && args[1] == "keeper" && p.has(pid) {
			return pid, true
		}
	}
	return 0, false
}

// has says whether a process belongs to the place: by its environment, or, as a keeper
// has little of that, by its command line.
func (p *place) has(pid int) bool {
	env, _ := os.ReadFile(proc(pid, "environ"))
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if string(v) == marker+p.dir {
			return true
		}
	}
	return slices.ContainsFunc(arguments(pid), func(a string) bool { return strings.HasPrefix(a, p.dir+"/") })
}

// leftovers waits until nothing of the place is there that should not be, for as long as
// it takes others to clean up, and returns what stays.
func (p *place) leftovers(e *evidence) []string {
	var left []string
	settle(tidiness, func() bool {
		left = p.leftFiles()
		for _, pid := range p.processes() {
			left = append(left, fmt.Sprintf("process %d: %q", pid, arguments(pid)))
		}
		for _, en := range e.ledger {
			if os.Getenv(insideVariable) == orphanage {
				break // where nobody reaps, zombies stay
			}
			if stat, err := os.ReadFile(proc(en.pid, "stat")); err == nil && bytes.Contains(stat, []byte(") Z ")) {
				left = append(left, fmt.Sprintf("zombie %d", en.pid))
			}
		}
		return len(left) == 0
	})
	return left
}

// settle polls until ok, or until the time is over.
func settle(within time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(within); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func proc(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

func allProcesses() (pids []int) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// arguments returns a process's command line.
func arguments(pid int) []string {
	b, _ := os.ReadFile(proc(pid, "cmdline"))
	return strings.Split(string(bytes.TrimRight(b, "\x00")), "\x00")
}
