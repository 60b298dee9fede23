package keeper

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/keeper/journal"
	"github.com/executionerhq/executioner/internal/run"
)

// helper starts this binary as something else.
func (w *world) helper(name string, args ...string) *exec.Cmd {
	w.Helper()
	self, err := os.Executable()
	w.must(err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), helperVariable+"="+name)
	return cmd
}

// TestKeeper is a conversation from its beginning to its clean end.
func TestKeeper(t *testing.T) {
	w := newWorld(t)
	before := openFiles(w)
	c := w.open(1)
	a := begin(c, w.script("a", "echo out; exit 3"))
	b := w.script("b", "")
	b.Path = "/nowhere"
	failed := begin(c, b)
	r := w.ends(a, exited(3, 4))
	same(t, "reason", w.end(failed).Outcome.Reason, run.StartFailed)
	same(t, "log", w.log("a"), "out\nT ERROR - FAILED, exit code 3 after N s\n")
	same(t, "output", w.read("a.log")[r.From:r.To], "out\n")
	c.Forget("a")
	c.Forget("b")
	w.must(c.Close(true))
	w.must(c.Close(true))
	w.gone()
	w.once("a")
	w.eventually("no file is left open", func() bool { return openFiles(w) == before })
}

// TestKeeperIsPrivate: other users can neither look into its directory nor talk to
// it, its environment has nothing of ours, and it is in nobody's way.
func TestKeeperIsPrivate(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	w.end(begin(c, w.script("a", "")))
	for name, mode := range map[string]os.FileMode{
		"": 0o700 | os.ModeDir, "../": 0o700 | os.ModeDir, socketName: 0o600 | os.ModeSocket, lockName: 0o600, errorName: 0o600,
	} {
		info, err := os.Stat(w.keep + "/" + name)
		w.must(err)
		same(t, name, info.Mode(), mode)
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", keeperOf(c)))
	w.must(err)
	same(t, "environment", string(env), "HOME=/\x00")
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", keeperOf(c)))
	w.must(err)
	same(t, "working directory", dir, "/")
	w.must(c.Close(true))
	w.gone()
}

// TestJobsInheritNothing of the keeper's files.
func TestJobsInheritNothing(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	for _, id := range []string{"a", "b", "c"} {
		begin(c, w.script(id, untilGo))
	}
	w.end(begin(c, w.script("files", "exec ls /proc/self/fd"))) // which opens that directory as 3
	out, _, _ := strings.Cut(w.log("files"), "T INFO")
	same(t, "files", out, "0\n1\n2\n3\n")
	w.write("go", "")
	w.must(c.Close(true))
	w.gone()
}

// TestOddBytesReachTheJob through the conversation.
func TestOddBytesReachTheJob(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	s := w.script("a", `printf %s "$ODD$SHARED$0" | od -An -tx1`)
	s.Env = append(s.Env, "ODD=\xff")
	s.Args = append(s.Args, "\xfe")
	s.Setting = &Setting{Env: []string{"SHARED=\xfd"}}
	w.end(begin(c, s))
	same(t, "log", w.log("a"), " ff fd fe\nT INFO - SUCCESS, exit code 0 after N s\n")
	w.must(c.Close(true))
}

// TestEngineDies: the next one gets what runs, what ended and what never began, with
// true exit codes and the whole output, and nothing is started twice.
func TestEngineDies(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	keeper := keeperOf(c)
	running := w.script("running", "echo before\n"+untilGo+"echo after; exit 3")
	begin(c, running)
	w.ends(begin(c, w.script("told", "echo out; exit 4")), exited(4, 4))
	begin(c, w.script("untold", "exit 5"))
	w.await("starts")
	w.eventually("all were started", func() bool { return len(w.starts()) == 3 })
	pid := keeperOf(c)
	c.vanish()

	same(t, "left", Look(w.keep, []string{"running"}), true)
	c = w.open(2)
	same(t, "running", c.Fate("running"), Running)
	same(t, "told", c.Fate("told"), Ended)
	same(t, "never", c.Fate("never"), Unstarted)
	if c.child != nil || !isRunning(pid) {
		t.Error("it has another keeper")
	}
	going := begin(c, running)
	same(t, "asked again", c.Fate("running"), Running)
	w.ends(begin(c, w.script("told", "exit 99")), exited(4, 4))
	w.ends(begin(c, w.script("untold", "exit 99")), exited(5, 0))
	w.ends(begin(c, w.script("never", "exit 6")), exited(6, 0))
	w.write("go", "")
	w.ends(going, exited(3, 13))
	same(t, "log", w.log("running"), "before\nafter\nT ERROR - FAILED, exit code 3 after N s\n")
	for _, id := range []string{"running", "told", "untold", "never"} {
		c.Forget(id)
	}
	w.must(c.Close(true))
	w.eventually("the keeper ends", func() bool { return !isRunning(keeper) })
	w.gone()
	w.once("running", "told", "untold", "never")
}

// TestKeeperGoesHomeUnowned: the results of one that nobody follows for a long time
// are in the journal when it has gone home.
func TestKeeperGoesHomeUnowned(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	pid := keeperOf(c)
	begin(c, w.script("a", untilGo+"exit 3"))
	w.await("starts")
	c.vanish()
	if !isRunning(pid) {
		t.Error("it left a running job")
	}
	w.write("go", "")
	w.eventually("the keeper goes home", func() bool { return !isRunning(pid) })
	same(t, "its socket is removed", exists(filepath.Join(w.keep, socketName)), false)
	same(t, "something is known", Look(w.keep, []string{"a"}), true)

	c = w.open(2)
	same(t, "fate", c.Fate("a"), Ended)
	w.ends(begin(c, w.script("a", "exit 99")), exited(3, 0))
	c.Forget("a")
	w.must(c.Close(true))
	w.gone()
	w.once("a")
}

// TestKeeperDies: the engine goes on as the custodian. Its jobs notice nothing.
func TestKeeperDies(t *testing.T) {
	w := newWorld(t)
	cfg := w.config(1)
	told := make(chan string, 2)
	cfg.Notice = func(s string) { told <- s }
	c, err := Open(cfg)
	w.must(err)
	ended := begin(c, w.script("ended", "exit 5"))
	w.ends(ended, exited(5, 0))
	running := begin(c, w.script("running", "echo before\n"+untilGo+"echo after; exit 3"))
	w.eventually("its output is logged", func() bool { return exists(w.path("running.log")) && w.read("running.log") != "" })
	hit(w, keeperOf(c), unix.SIGKILL)
	same(t, "notice", <-told, "the keeper is gone; its jobs go on under this program")

	later := begin(c, w.script("later", "exit 4")) // begins under the engine
	w.ends(later, exited(4, 0))
	w.write("go", "")
	r := w.end(running)
	same(t, "state", r.Outcome.State, run.Failed)
	same(t, "exit code", r.Outcome.ExitCode, 3)
	same(t, "log", w.log("running"), "before\nT WARNING - the program that looked after this job is gone; its successor goes on\nafter\nT ERROR - FAILED, exit code 3 after N s\n")
	same(t, "output", w.read("running.log")[:r.To][r.From:r.From+7], "before\n")
	for _, id := range []string{"running", "ended", "later"} {
		c.Forget(id)
	}
	w.must(c.Close(true))
	w.must(c.Close(true))
	w.gone()
	w.once("running", "ended", "later")
}

// TestKeeperDiesWhileMuchHappens: at random moments, with many jobs that begin and end.
func TestKeeperDiesWhileMuchHappens(t *testing.T) {
	const jobs = 50
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			d := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			c := w.open(1)
			time.AfterFunc(time.Duration(d.IntN(400))*time.Millisecond, func() { hit(w, keeperOf(c), unix.SIGKILL) })
			var ids []string
			var all []<-chan Result
			for i := range jobs {
				id := fmt.Sprint("j", i)
				ids = append(ids, id)
				all = append(all, begin(c, w.script(id, fmt.Sprintf("sleep 0.%d; exit %d", d.IntN(5), i%7))))
				if i%10 == 9 {
					time.Sleep(time.Duration(d.IntN(60)) * time.Millisecond)
				}
			}
			for i, ended := range all {
				o := w.end(ended).Outcome
				if o.Reason != run.Exited || o.ExitCode != i%7 {
					t.Errorf("%s: %+v", ids[i], o)
				}
				c.Forget(ids[i])
			}
			w.once(ids...)
			w.must(c.Close(true))
			w.gone()
		})
	}
}

// TestEngineProcessDies, by kill -9, alone or right before or after its keeper: the
// next one has the true ends, or does not know, and starts nothing again.
func TestEngineProcessDies(t *testing.T) {
	for name, kills := range map[string][]string{
		"engine": {"engine"}, "engine, keeper": {"engine", "keeper"}, "keeper, engine": {"keeper", "engine"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var specs []Spec
			for i := range 20 {
				specs = append(specs, w.script(fmt.Sprint("j", i), untilGo+fmt.Sprintf("echo out; exit %d", i%7)))
			}
			b, err := json.Marshal(specs)
			w.must(err)
			w.write("specs", string(b))
			cmd := w.helper("engine", w.keep, "1", w.path("specs"))
			cmd.Stderr = os.Stderr
			w.must(cmd.Start())
			w.await("starts")
			w.eventually("all run", func() bool { return len(w.starts()) == len(specs) })
			keeper := childOf(w, cmd.Process.Pid)
			for _, who := range kills {
				hit(w, map[string]int{"engine": cmd.Process.Pid, "keeper": keeper}[who], unix.SIGKILL)
			}
			_ = cmd.Wait()
			c := w.open(2)
			own := 0
			if c.child != nil {
				own = keeperOf(c)
			}
			w.reapLikeInit(own)
			var all []<-chan Result
			for _, s := range specs {
				same(t, s.ID, c.Fate(s.ID), Running)
				all = append(all, begin(c, s))
			}
			w.eventually("all pipes are read again", func() bool { return shares(c) == len(specs) })
			w.write("go", "")
			for i, ended := range all {
				o := w.end(ended).Outcome
				if o.Reason != run.Exited || o.ExitCode != i%7 {
					t.Errorf("%s: %+v", specs[i].ID, o)
				}
				if log := w.log(specs[i].ID); !strings.Contains(log, "out\n") {
					t.Errorf("%s: %q", specs[i].ID, log)
				}
				c.Forget(specs[i].ID)
			}
			w.must(c.Close(true))
			w.gone()
			for id, n := range w.starts() {
				same(t, "starts of "+id, n, 1)
			}
		})
	}
}

// shares says in how many pipes an engine has a share.
func shares(c *Client) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pipes)
}

// reapLikeInit waits for orphans of engines that were killed, as init does, until the
// end of the test.
func (w *world) reapLikeInit(except int) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.Tick(time.Millisecond); ; <-tick {
			for _, child := range children(w) {
				pid, err := strconv.Atoi(child)
				if err == nil && pid != except && !isRunning(pid) {
					_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	w.Cleanup(func() {
		close(stop)
		<-stopped
	})
}

// childOf returns the only child of a process.
func childOf(w *world, pid int) (child int) {
	w.Helper()
	w.eventually("a child", func() bool {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, f := range tasks {
			if b, _ := os.ReadFile(f); len(b) > 0 {
				_, err := fmt.Sscan(string(b), &child)
				return err == nil
			}
		}
		return false
	})
	return child
}

// TestStaleEngineIsRefused: a newer one was here.
func TestStaleEngineIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.open(7)
	going := begin(c, w.script("a", untilGo))
	w.await("starts")
	_, err := Open(w.config(6))
	same(t, "code", fault.CodeOf(err), fault.Locked)
	same(t, "error", err.Error(), "the keeper in "+w.keep+" works for another program: a newer program (epoch 7, not 6) owns the jobs")
	w.write("go", "")
	w.ends(going, exited(0, 0)) // nothing happened to the owner
	w.must(c.Close(false))

	_, err = Open(w.config(6)) // and the next keeper knows
	same(t, "code", fault.CodeOf(err), fault.Unavailable)
	c = w.open(7)
	c.Forget("a")
	w.must(c.Close(true))
	w.gone()
}

// TestOldEngineIsFenced when a newer one comes: its tasks end there, and it can't stop
// what they have become.
func TestOldEngineIsFenced(t *testing.T) {
	w := newWorld(t)
	old := w.open(1)
	there := begin(old, w.script("a", untilGo+"exit 3"))
	w.await("starts")
	c := w.open(2)
	here := begin(c, w.script("a", "exit 99"))
	w.ends(there, run.Outcome{State: run.Failed, Reason: run.EngineLost, ExitCode: run.NoExitCode, Detail: "another program took over"})
	old.Stop("a", order())
	old.Kill("a")
	old.Forget("a")
	w.ends(begin(old, w.script("b", "")), run.Outcome{State: run.Failed, Reason: run.EngineLost, ExitCode: run.NoExitCode, Detail: "another program took over"})
	w.must(old.Close(false))
	w.write("go", "")
	w.ends(here, exited(3, 0))
	c.Forget("a")
	w.must(c.Close(true))
	w.gone()
	w.once("a")
}

// TestOldEngineWakesUp when its successor and the keeper have long gone: with the lock
// free and its tasks acknowledged it must not start them again.
func TestOldEngineWakesUp(t *testing.T) {
	for _, tidy := range []bool{false, true} {
		t.Run(fmt.Sprint("tidy ", tidy), func(t *testing.T) {
			w := newWorld(t)
			old := w.open(1)
			there := begin(old, w.script("a", untilGo+"exit 3"))
			w.await("starts")
			sleeping := make(chan struct{})
			old.mu.Lock() // it does not hear what it is told
			go func() {
				defer close(sleeping)
				c := w.open(2)
				a, b := begin(c, w.script("a", "")), begin(c, w.script("b", ""))
				w.write("go", "")
				w.ends(a, exited(3, 0))
				w.end(b)
				c.Forget("a")
				if tidy {
					c.Forget("b")
				}
				w.must(c.Close(tidy))
				w.eventually("the keeper goes home", func() bool { return !isLocked(w.keep) })
			}()
			<-sleeping
			old.mu.Unlock()
			same(t, "reason", w.end(there).Outcome.Reason, run.EngineLost)
			w.must(old.Close(false))
			w.once("a", "b")
		})
	}
}

// TestTakeOverIsFenced: an engine that hears of nothing but the end of the conversation.
func TestTakeOverIsFenced(t *testing.T) {
	for name, tt := range map[string]struct {
		happened func(w *world)
		want     run.Reason
		next     run.Reason // of what is started then
	}{
		"a newer engine was here": {func(w *world) {
			book, _, _, err := openJournal(w.keep, false)
			w.must(err)
			w.must(book.Epoch(2))
			w.must(book.Close())
		}, run.EngineLost, run.EngineLost},
		"everything was tidied up": {func(w *world) { removeDir(w.keep) }, run.Lost, run.Lost},
		"the journal is gone": {func(w *world) {
			all, err := filepath.Glob(filepath.Join(w.keep, "journal.*"))
			w.must(err)
			for _, f := range all {
				w.must(os.Remove(f))
			}
		}, run.Lost, run.Exited},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.open(1)
			a := w.script("a", "")
			a.Path = "/bin/sleep"
			a.Args = []string{"sleep", "100"}
			ended := begin(c, a)
			w.eventually("it is started", func() bool {
				found, err := journal.Read(w.keep)
				return err == nil && len(found.Tasks) == 1 && found.Tasks[0].Handle != nil
			})
			c.mu.Lock() // it hears of the end later
			hit(w, keeperOf(c), unix.SIGKILL)
			w.eventually("the keeper ends", func() bool { return !isLocked(w.keep) })
			tt.happened(w)
			c.mu.Unlock()
			same(t, "reason", w.end(ended).Outcome.Reason, tt.want)
			same(t, "what comes now", w.end(begin(c, w.script("b", ""))).Outcome.Reason, tt.next)
			w.must(c.Close(false))
			same(t, "it is started", exists(w.path("starts")), tt.next == run.Exited)
			for _, pid := range strings.Fields(strings.Join(children(w), " ")) {
				var n int
				_, _ = fmt.Sscan(pid, &n)
				_ = unix.Kill(n, unix.SIGKILL)
			}
			c.cfg.Host.Settle()
			w.childless()
		})
	}
}

// TestKeeperIsStopped for a while: nothing is lost, and an engine that ends does not wait
// for ever.
func TestKeeperIsStopped(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	pid := keeperOf(c)
	hit(w, pid, unix.SIGSTOP)
	ended := begin(c, w.script("a", "exit 3"))
	c.Stop("nobody", order())
	hit(w, pid, unix.SIGCONT)
	w.ends(ended, exited(3, 0))

	hit(w, pid, unix.SIGSTOP)
	closed := make(chan error)
	go func() { closed <- c.Close(true) }()
	select {
	case err := <-closed:
		w.must(err)
	case <-time.After(patience):
		t.Error("an engine waits for its stopped keeper")
	}
	hit(w, pid, unix.SIGCONT)
	w.gone()
}

// TestEngineIsStopped, with more that it should hear than fits into its socket: jobs
// go on, and the next engine is not kept waiting.
func TestEngineIsStopped(t *testing.T) {
	w := newWorld(t)
	const jobs = 600
	var specs []Spec
	for i := range jobs {
		s := w.script(fmt.Sprint("j", i), "")
		s.Path, s.Args, s.Log = "/bin/true", nil, nil
		specs = append(specs, s)
	}
	b, err := json.Marshal(specs)
	w.must(err)
	w.write("specs", string(b))
	cmd := w.helper("engine", w.keep, "1", w.path("specs"))
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	first := bufio.NewReader(out)
	_, err = first.ReadString('\n')
	w.must(err)
	w.must(cmd.Process.Signal(unix.SIGSTOP))

	c := w.open(2)
	for _, s := range specs {
		w.end(begin(c, s))
		c.Forget(s.ID)
	}
	w.must(c.Close(true))
	w.must(cmd.Process.Signal(unix.SIGCONT))
	rest := new(bytes.Buffer)
	_, _ = rest.ReadFrom(first)
	_ = cmd.Wait()
	w.reapLikeInit(0)
	w.gone()
}

// TestForeignUserIsRefused, should the directory be open for some reason.
func TestForeignUserIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be another user")
	}
	w := newWorld(t)
	base, err := os.MkdirTemp("/tmp", "keeper")
	w.must(err)
	w.must(os.Chmod(base, 0o755))
	t.Cleanup(func() { os.RemoveAll(base) })
	w.keep = filepath.Join(base, "all", "run")
	c := w.open(1)
	w.end(begin(c, w.script("a", "")))
	caller := func(uid uint32) string {
		cmd := w.helper("caller", w.keep)
		bin := filepath.Join(base, "caller")
		b, err := os.ReadFile(cmd.Path)
		w.must(err)
		w.must(os.WriteFile(bin, b, 0o755))
		cmd.Path = bin
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		w.must(err)
		return string(out)
	}
	if got := caller(65534); !strings.HasPrefix(got, "not reached: open "+w.keep) {
		t.Error(got)
	}
	for _, dir := range []string{filepath.Dir(w.keep), w.keep} {
		w.must(os.Chmod(dir, 0o755))
	}
	w.must(os.Chmod(filepath.Join(w.keep, socketName), 0o666))
	if got := caller(65534); got != "no answer: EOF\n" && !strings.HasPrefix(got, "no answer: ") {
		t.Error(got)
	}
	w.end(begin(c, w.script("b", ""))) // it is still the owner
	if got := caller(0); !strings.HasPrefix(got, "answer: welcome\n") {
		t.Errorf("root: %s", got)
	}
	c.vanish()
	w.eventually("the keeper goes home", func() bool { return !isLocked(w.keep) })
}

// TestGoingHomeAndComing: engines that come and go all the time, while the keeper of the
// one before is going home and removing the directory. Each finds a keeper and what the
// journal knows.
func TestGoingHomeAndComing(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for i := range 40 {
		c := w.open(int64(1 + i))
		id := fmt.Sprint("j", i)
		ids = append(ids, id)
		w.ends(begin(c, w.script(id, fmt.Sprintf("exit %d", i%3))), exited(i%3, 0))
		if i%2 == 0 {
			c.Forget(id)
			c.w.finish(&message{Verb: bye, Done: true}, patience) // and it does not wait
		}
		c.vanish()
		if i%2 == 1 {
			c = w.open(int64(1 + i))
			w.ends(begin(c, w.script(id, "exit 99")), exited(i%3, 0))
			c.Forget(id)
			w.must(c.Close(true))
		}
	}
	w.once(ids...)
	w.eventually("the last keeper has gone", func() bool { return !exists(w.keep) })
	w.gone()
}

// TestLongPath: an address of a socket has 108 bytes.
func TestLongPath(t *testing.T) {
	w := newWorld(t)
	w.keep = filepath.Join(filepath.Dir(w.keep), strings.Repeat("long", 50))
	c := w.open(1)
	begin(c, w.script("a", untilGo+"exit 3"))
	w.await("starts")
	c.vanish()
	c = w.open(2)
	w.write("go", "")
	w.ends(begin(c, w.script("a", "")), exited(3, 0))
	w.must(c.Close(true))
	w.gone()
}

// TestLeftover: what a job left running on purpose goes on when the keeper goes home.
func TestLeftover(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	o := w.end(begin(c, w.script("a", "sleep 1000 >/dev/null 2>&1 & echo $! > pid"))).Outcome
	same(t, "survivors", o.Survivors, 1)
	pid := w.pid("pid")
	kept := w.script("b", "sleep 1000 & echo $! > pid2")
	kept.KillLeftover = true
	o = w.end(begin(c, kept)).Outcome
	same(t, "survivors", o.Survivors, 0)
	same(t, "killed", isRunning(w.pid("pid2")), false)
	keeper := keeperOf(c)
	w.must(c.Close(true))
	w.eventually("the keeper goes home", func() bool { return !isRunning(keeper) })
	same(t, "it goes on", isRunning(pid), true)
	hit(w, pid, unix.SIGKILL)
	w.reapLikeInit(0)
	w.gone()
}

// TestLeftoverOfATakeOver: the job's main process has ended when its keeper dies.
func TestLeftoverOfATakeOver(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	ended := begin(c, w.script("a", "sleep 1000 >/dev/null 2>&1 & echo $! > pid\n"+untilGo+"exit 3"))
	pid := w.pid("pid")
	hit(w, keeperOf(c), unix.SIGKILL)
	<-c.gone
	w.write("go", "")
	o := w.end(ended).Outcome
	same(t, "exit code", o.ExitCode, 3)
	same(t, "survivors", o.Survivors, 1)
	same(t, "it goes on", isRunning(pid), true)
	hit(w, pid, unix.SIGKILL)
	w.must(c.Close(true))
	w.gone()
}

// TestSecretsAreHiddenAfterATakeOver by the engine and by the next keeper.
func TestSecretsAreHiddenAfterATakeOver(t *testing.T) {
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprint("both ", both), func(t *testing.T) {
			w := newWorld(t)
			c := w.open(1)
			set := &Setting{Env: []string{"PATH=" + os.Getenv("PATH")}, Secrets: []string{"hush"}}
			a, b := w.script("a", "echo hush\n"+untilGo+"echo hush"), w.script("b", untilGo+"echo hush")
			a.Setting, b.Secrets = set, []string{"hush"}
			one, other := begin(c, a), begin(c, b)
			w.eventually("both run", func() bool {
				return exists(w.path("starts")) && len(w.starts()) == 2 && exists(w.path("a.log")) && w.read("a.log") != ""
			})
			if both {
				w.die(c)
				c = w.open(2)
				one, other = begin(c, a), begin(c, b)
				w.eventually("all pipes are read again", func() bool { return shares(c) == 2 })
			} else {
				hit(w, keeperOf(c), unix.SIGKILL)
				<-c.gone
			}
			w.write("go", "")
			w.end(one)
			w.end(other)
			const taken = "T WARNING - the program that looked after this job is gone; its successor goes on\n"
			same(t, "log of a", w.log("a"), "***\n"+taken+"***\nT INFO - SUCCESS, exit code 0 after N s\n")
			same(t, "log of b", w.log("b"), taken+"***\nT INFO - SUCCESS, exit code 0 after N s\n")
			w.must(c.Close(true))
			w.gone()
		})
	}
}

// TestTimeoutWithoutAnEngine ends the job all the same, and the next engine hears of it.
func TestTimeoutWithoutAnEngine(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	s := w.script("a", "exec sleep 1000")
	s.Timeout = 100 * time.Millisecond
	keeper := keeperOf(c)
	begin(c, s)
	c.vanish()
	w.eventually("the keeper goes home", func() bool { return !isRunning(keeper) })
	c = w.open(2)
	o := w.end(begin(c, s)).Outcome
	same(t, "state", o.State, run.Timeout)
	same(t, "detail", o.Detail, "timed out after 100ms")
	w.must(c.Close(true))
	w.gone()
	w.once("a")
}

// TestTimeoutWhileNobodyLooked: it is counted from the start of the process.
func TestTimeoutWhileNobodyLooked(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	s := w.script("a", "exec sleep 1000")
	begin(c, s)
	w.await("starts")
	w.die(c)
	s.Timeout = time.Nanosecond // long ago
	c = w.open(2)
	same(t, "state", w.end(begin(c, s)).Outcome.State, run.Timeout)
	w.must(c.Close(true))
	w.gone()
}

// TestStopReachesATaskThatIsTakenUp: a stop that came before its log was opened left the
// process running, and recorded that it had been stopped.
func TestStopReachesATaskThatIsTakenUp(t *testing.T) {
	for _, way := range []string{"the engine takes over", "the next keeper", "alone"} {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t)
			c := w.open(1)
			s := w.script("a", "echo $$ > pid; exec sleep 1000")
			ended := begin(c, s)
			pid := w.pid("pid")
			var k Keeper = c
			if way == "the engine takes over" {
				hit(w, keeperOf(c), unix.SIGSTOP)
				c.Stop("a", order())
				hit(w, keeperOf(c), unix.SIGKILL)
			} else {
				w.die(c)
				if way == "alone" {
					k = w.alone(2)
				} else {
					k = w.open(2)
				}
				ended = begin(k, s)
				k.Stop("a", order())
			}
			o := w.end(ended).Outcome
			same(t, "state", o.State, run.Cancelled)
			same(t, "reason", o.Reason, run.RunCancelled)
			w.eventually("it ends", func() bool { return !isRunning(pid) })
			w.must(k.Close(true))
			w.gone()
		})
	}
}

// TestTakeUpWithoutALog: a process is looked after, also when its log can't be written.
func TestTakeUpWithoutALog(t *testing.T) {
	w := newWorld(t)
	c := w.open(1)
	s := w.script("a", untilGo+"exit 3")
	begin(c, s)
	w.await("starts")
	w.die(c)
	s.Log = &Log{Path: w.work} // a directory
	c = w.open(2)
	ended := begin(c, s)
	w.write("go", "")
	o := w.end(ended).Outcome
	same(t, "exit code", o.ExitCode, 3)
	same(t, "detail", o.Detail, "it was looked after without a log")
	w.must(c.Close(true))
	w.gone()
}
