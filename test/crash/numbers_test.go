//go:build linux

package crash

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// TestReusedNumbers: strangers get the very process numbers that engine, keeper and jobs
// had. Whoever carries the run on or cancels it lets them be. In a PID namespace, its
// owner says which number comes next.
func TestReusedNumbers(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
		if os.Getuid() != 0 {
			attr.Cloneflags |= syscall.CLONE_NEWUSER
			attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		if err := inside(t, namespace, attr); err != nil {
			t.Logf("this host lets us have no PID namespace (%v): TestReusedPID and TestStrangers of internal/process have to do", err)
		}
		return
	}
	rounds := 1
	if *long {
		rounds = 50
	}
	began, strangers := time.Now(), 0
	for range rounds {
		for _, c := range reuses {
			n, err := c.play(t)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			strangers += n
		}
	}
	t.Logf("%d strangers with %d histories in %v", strangers, rounds*len(reuses), time.Since(began).Round(time.Second))
}

// A reuse is how numbers become free, and what is done then.
type reuse struct {
	name string
	live bool // the keeper goes on, and the last job does
	args []string
	ends []int // exit codes that the program may end with
}

var reuses = []reuse{
	{"all died, resume", false, []string{"resume", "1", "-q"}, []int{0}},
	{"all died, cancel", false, []string{"cancel", "1"}, []int{5}},
	{"the engine and two jobs died, resume", true, []string{"resume", "1", "-q"}, []int{1}},
	{"the engine and two jobs died, cancel", true, []string{"cancel", "1"}, []int{0}},
}

// reusedFlow is three jobs that go on until there is a file.
func reusedFlow() flow {
	f := flow{Workers: 3, Goes: true}
	for _, id := range []run.JobID{"a", "b", "c"} {
		f.Jobs = append(f.Jobs, job{ID: id, Codes: []int{0}, Waits: true})
	}
	return f
}

// play plays one history and returns how many strangers saw it.
func (c reuse) play(t *testing.T) (int, error) {
	p, err := newPlace()
	if err != nil {
		return 0, err
	}
	defer p.remove()
	f := reusedFlow()
	if err := os.WriteFile(p.path("flow.json"), f.file(p.dir), 0o600); err != nil {
		return 0, err
	}
	e := p.command(t, "run", "flow.json", "-q")
	if !settle(patience, func() bool { return p.ledgerLines() == len(f.Jobs) || e.over() }) || e.over() {
		t.Fatalf("the jobs do not run: %s", e.said())
	}
	var all []*exec.Cmd
	for _, pid := range c.free(t, p, e) {
		all = append(all, stranger(t, pid))
	}
	defer dismiss(all)
	if err := os.WriteFile(p.path("go"), nil, 0o600); err != nil {
		return 0, err
	}
	e = p.command(t, c.args...)
	if err := e.end(p); err != nil {
		return 0, err
	}
	if !slices.Contains(c.ends, e.code()) {
		t.Errorf("%s: it ended with %d: %s", c.name, e.code(), e.said())
	}
	for _, s := range all {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(s.Process.Pid, &status, syscall.WNOHANG|syscall.WUNTRACED|syscall.WCONTINUED, nil)
		if pid != 0 || err != nil {
			t.Errorf("%s: somebody signalled process %d, which is none of ours: %#x %v", c.name, s.Process.Pid, status, err)
		}
	}
	return len(all), nil
}

// free kills and returns the numbers that nobody has any more.
func (c reuse) free(t *testing.T, p *place, e *engine) (pids []int) {
	t.Helper()
	evidence, err := p.evidence(reusedFlow())
	if err != nil {
		t.Fatal(err)
	}
	pids = append(pids, e.cmd.Process.Pid)
	if keeper, ok := p.keeper(); ok && !c.live {
		pids = append(pids, keeper)
	}
	for i, en := range evidence.ledger {
		if i < 2 || !c.live {
			pids = append(pids, en.pid)
		}
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, pid := range pids {
		if !settle(patience, func() bool { _, err := os.Stat(proc(pid, "")); return err != nil }) {
			t.Fatalf("%d does not go", pid)
		}
	}
	return pids
}

// stranger starts a process with that number, which leads a session and a group. It takes
// until nobody is left in the session of the one that had the number.
func stranger(t *testing.T, pid int) *exec.Cmd {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("sleep", "1000")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if c.Process.Pid == pid {
			return c
		}
		dismiss([]*exec.Cmd{c})
	}
	t.Fatalf("nobody gets the number %d", pid)
	return nil
}

func dismiss(all []*exec.Cmd) {
	for _, c := range all {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}
