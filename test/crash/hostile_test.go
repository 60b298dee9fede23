//go:build linux

package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/run"
)

// A rogue is a job that does not want to end. It makes a file with its name when it is
// at it.
type rogue struct {
	id      run.JobID
	command string
	ends    bool   // by itself, with success; what it leaves running is to be killed
	says    string // all that its log has of it
}

// bomb is a command that forks until there are a hundred processes, and tries to go on. A
// limit does not bind root: there it is another user who has it. Should the test die before
// the bomb does, that ends after a while, or when there is no file armed any more.
func bomb() string {
	most, user := ownProcesses()+100, ""
	if os.Getuid() == 0 {
		most, user = 100, "setpriv --reuid=54321 --clear-groups"
	}
	return fmt.Sprintf(`timeout -s KILL 60 prlimit --nproc=%d %s bash -c 'b() { test -e armed && b | b & }; while test -e armed; do b; sleep 0.1; done' 2>/dev/null & `, most, user)
}

// ownProcesses counts the processes of this user, threads included, as the limit does.
func ownProcesses() (n int) {
	for _, pid := range allProcesses() {
		if info, err := os.Stat(proc(pid, "")); err == nil && int(info.Sys().(*syscall.Stat_t).Uid) == os.Getuid() {
			threads, _ := os.ReadDir(proc(pid, "task"))
			n += len(threads)
		}
	}
	return n
}

func rogues() []rogue {
	return []rogue{
		{id: "ignores", command: `trap '' TERM INT HUP; touch ignores; while :; do sleep 0.1; done`},
		{id: "hides", command: `(setsid env -i sh -c 'trap "" TERM; touch hides; while :; do sleep 0.1; done' </dev/null >/dev/null 2>&1 &); exec sleep 1000`},
		{id: "stops", command: `touch stops; kill -STOP $$; sleep 1000`},
		{id: "forks", command: `touch armed; ` + bomb() + `touch forks; exec sleep 1000`},
		{id: "holds", command: `(trap '' TERM; while :; do sleep 0.1; done) & touch holds; exec sleep 1000`},
		{id: "leaves", command: `(trap '' TERM; touch leaves; while :; do sleep 0.1; done) & while ! test -e leaves; do sleep 0.01; done`, ends: true},
		{id: "floods", command: `trap '' TERM; touch floods; exec yes`},
		{id: "floods2", command: `trap '' TERM; touch floods2; exec cat /dev/zero`},
		{
			id: "truncates", command: `echo one; echo two >/dev/stderr; : >/dev/stdout; echo three; touch truncates; exec sleep 1000`,
			says: "one\ntwo\nthree\n",
		},
	}
}

// roguesFile is the workflow of all rogues, at once.
func roguesFile(dir string, timeout int) []byte {
	type object map[string]any
	var jobs []object
	for _, r := range rogues() {
		jobs = append(jobs, object{"id": r.id, "command": r.command, "leftover": "kill", "output_limit": 1 << 20, "timeout": timeout})
	}
	b, err := json.Marshal(object{
		"application_name": "crash", "working_dir": dir, "parallel": true, "max_workers": len(jobs),
		"continue_on_error": true, "jobs": jobs,
	})
	if err != nil {
		panic(err) // it is made of texts and numbers
	}
	return b
}

// TestHostileJobs: jobs that fork, hide, flood and do not listen are gone when their run
// is, however it comes to its end, and cost neither memory nor anything of their logs.
func TestHostileJobs(t *testing.T) {
	for _, c := range []struct {
		name    string
		timeout int // of the jobs, seconds
		long    bool
		ends    func(*testing.T, *place, *engine) *engine // has the run end and returns the program that sees it
		state   run.State
	}{
		{"interrupted", 1000, false, interruptTwice, run.Cancelled},
		{"interrupted after the keeper was killed", 1000, false, func(t *testing.T, p *place, e *engine) *engine {
			killKeeper(t, p)
			return interruptTwice(t, p, e)
		}, run.Cancelled},
		{"cancelled after the engine was killed", 1000, true, func(t *testing.T, p *place, e *engine) *engine {
			_ = e.cmd.Process.Kill()
			<-e.ended
			return p.command(t, "cancel", "1")
		}, run.Cancelled},
		{"at their timeout", 4, true, func(_ *testing.T, _ *place, e *engine) *engine { return e }, run.Timeout},
	} {
		if c.long && !*long {
			continue
		}
		t.Run(c.name, func(t *testing.T) { hostile(t, c.timeout, c.ends, c.state) })
	}
}

func hostile(t *testing.T, timeout int, ends func(*testing.T, *place, *engine) *engine, state run.State) {
	p, err := newPlace()
	if err != nil {
		t.Fatal(err)
	}
	defer p.remove()
	defer p.scatter()
	p.idle = patience                                            // they are given their time to end
	if err := os.Chmod(filepath.Dir(p.dir), 0o755); err != nil { // another user forks there
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path("flow.json"), roguesFile(p.dir, timeout), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := p.begin(nil, program, "run", "flow.json", "-q")
	if err != nil {
		t.Fatal(err)
	}
	before := p.memory(e)
	for _, r := range rogues() {
		if !settle(patience, func() bool { _, err := os.Stat(p.path(string(r.id))); return err == nil }) {
			t.Fatalf("%s does not come to it: %s", r.id, e.said())
		}
	}
	most := 0
	settle(time.Second, func() bool { most = max(most, len(p.inside())); return false }) // while they flood
	if most < 50 {
		t.Errorf("the storm of forks had %d processes", most)
	}
	if more := p.memory(e) - before; more >= 64<<20 {
		t.Errorf("engine and keeper took %d MiB more while two jobs flooded them", more>>20)
	} else {
		t.Logf("%d MiB more in engine and keeper, up to %d processes", more>>20, most)
	}
	began := time.Now()
	e = ends(t, p, e)
	if err := e.end(p); err != nil {
		t.Fatal(err)
	}
	t.Logf("over %v later, with exit code %d", time.Since(began).Round(time.Millisecond), e.code())
	for _, pid := range p.inside() {
		stat, _ := os.ReadFile(proc(pid, "stat"))
		t.Errorf("%d is still there: %q %s", pid, arguments(pid), stat)
	}
	p.judgeRogues(t, state)
}

// judgeRogues looks at what was recorded and logged of them.
func (p *place) judgeRogues(t *testing.T, state run.State) {
	t.Helper()
	ts, _, err := p.history()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rogues() {
		var last run.Transition
		for _, tr := range ts {
			if tr.Job == r.id {
				last = tr
			}
		}
		want := state
		if r.ends {
			want = run.Success
		}
		if last.To != want || last.Outcome == nil || last.Outcome.Survivors != 0 {
			t.Errorf("%s is %s %s (%+v), not %s", r.id, last.To, last.Reason, last.Outcome, want)
		}
		log, err := os.ReadFile(joblog.JobPath(p.path("logs"), "crash", r.id, theRun))
		if err != nil {
			t.Error(err)
		}
		if len(log) > 1<<20+1<<10 { // and our notes
			t.Errorf("%s: %d bytes of log", r.id, len(log))
		}
		if !strings.Contains(string(log), r.says) {
			t.Errorf("%s: its log is %q", r.id, log)
		}
	}
}

// interruptTwice stops a run at once: the second time says that nobody wants to wait.
func interruptTwice(t *testing.T, _ *place, e *engine) *engine {
	t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if !settle(patience, func() bool { return strings.Contains(e.said(), "once more kills") || e.over() }) {
		t.Fatalf("it did not notice: %s", e.said())
	}
	_ = e.cmd.Process.Signal(syscall.SIGINT) // it may be over
	return e
}

func killKeeper(t *testing.T, p *place) {
	t.Helper()
	pid, ok := p.keeper()
	if !ok {
		t.Fatal("there is no keeper")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// command starts another program in the place.
func (p *place) command(t *testing.T, args ...string) *engine {
	t.Helper()
	e, err := p.begin(nil, append([]string{program}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// inside returns the living processes that work in the place and are not the program: also
// of those that cleared their environment.
func (p *place) inside() (pids []int) {
	for _, pid := range allProcesses() {
		if dir, err := os.Readlink(proc(pid, "cwd")); err == nil && dir == p.dir && !isProgram(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// scatter ends what is left inside.
func (p *place) scatter() {
	_ = os.Remove(p.path("armed"))
	for range 10 {
		for _, pid := range p.inside() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// memory is what an engine and its keeper had at most, in bytes.
func (p *place) memory(e *engine) (sum int) {
	pids := []int{e.cmd.Process.Pid}
	settle(patience, func() bool {
		keeper, ok := p.keeper()
		pids = append(pids, keeper)
		return ok || e.over()
	})
	for _, pid := range slices.Compact(pids) {
		b, _ := os.ReadFile(proc(pid, "status"))
		_, rest, _ := strings.Cut(string(b), "VmHWM:")
		if f := strings.Fields(rest); len(f) > 0 {
			kib, _ := strconv.Atoi(f[0])
			sum += kib << 10
		}
	}
	return sum
}
