package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// helperName is argv[0] of the test binary when it is to be something else than tests:
// unlike a variable it works with a cleared environment.
const helperName = "process-helper"

func TestMain(m *testing.M) {
	if os.Args[0] == helperName {
		helpers[os.Args[1]](os.Args[2:])
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var helpers = map[string]func(args []string){
	"engine":  helperEngine,
	"masked":  helperMasked,
	"files":   helperFiles,
	"tasks":   helperTasks,
	"forever": helperForever,
	"middle":  helperMiddle,
	"phoenix": helperPhoenix,
}

// helperEngine runs a shell script as a job and prints its output: an engine in a process of its own.
func helperEngine(args []string) {
	host, err := NewHost()
	check(err)
	p, err := Start(Spec{
		Path: "/bin/sh", Args: []string{"sh", "-c", args[0]}, Output: os.Stdout, Cookie: args[1],
		Env: []string{"PATH=" + os.Getenv("PATH"), CookieVariable + "=" + args[1]},
	}, host)
	check(err)
	p.Wait()
	check(host.Close())
}

// helperMasked becomes an engine whose signals are blocked.
func helperMasked(args []string) {
	var set unix.Sigset_t
	set.Val[0] = 1<<(unix.SIGUSR1-1) | 1<<(unix.SIGTERM-1)
	check(unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil))
	check(syscall.Exec("/proc/self/exe", append([]string{helperName, "engine"}, args...), os.Environ()))
}

// helperFiles starts processes until there is no file descriptor left.
func helperFiles([]string) {
	host, err := NewHost()
	check(err)
	check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 24, Max: 24}))
	tryUntilRefused(host)
}

// helperTasks starts processes until the user may have no more.
func helperTasks([]string) {
	host, err := NewHost()
	check(err)
	check(syscall.Setuid(65534))
	check(unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: 30, Max: 30}))
	tryUntilRefused(host)
}

func tryUntilRefused(host *Host) {
	var all []*Process
	for {
		p, err := Start(Spec{Path: "/bin/sleep", Args: []string{"sleep", "100"}}, host)
		var refused *StartError
		if errors.As(err, &refused) {
			fmt.Println(refused.Temporary, refused)
			break
		}
		all = append(all, p)
	}
	for _, p := range all {
		check(unix.Kill(p.PID(), unix.SIGKILL))
		p.Wait()
	}
	p, err := Start(Spec{Path: "/bin/true"}, host)
	check(err)
	fmt.Println(p.Wait().State)
}

// helperForever ignores SIGTERM and tells its pid in a file.
func helperForever(args []string) {
	signal.Ignore(unix.SIGTERM, unix.SIGHUP)
	check(os.WriteFile(args[0]+".tmp", []byte(strconv.Itoa(os.Getpid())), 0o600))
	check(os.Rename(args[0]+".tmp", args[0]))
	time.Sleep(time.Hour)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
}

// self is the test binary as a command word for a shell script.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// helper is a shell command that becomes a helper, with the environment as it is.
func helper(t *testing.T, args ...string) string {
	t.Helper()
	return "exec -a " + helperName + " " + self(t) + " " + strings.Join(args, " ")
}

func newHost(t *testing.T) *Host {
	t.Helper()
	h, err := NewHost()
	return closed(t, h, err)
}

// newHostWithoutMarks is a host where the limit behind the marks was lowered.
func newHostWithoutMarks(t *testing.T) *Host {
	t.Helper()
	h, err := makeHost(false, false)
	return closed(t, h, err)
}

func closed(t *testing.T, h *Host, err error) *Host {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// script returns a Spec for a bash script with a cookie of the test's own.
func script(t *testing.T, text string) Spec {
	t.Helper()
	cookie := t.Name() + "/" + strconv.FormatInt(time.Now().UnixNano(), 36)
	return Spec{
		Path: "/bin/bash", Args: []string{"bash", "-c", text}, Cookie: cookie, Dir: t.TempDir(),
		Env: []string{"PATH=" + os.Getenv("PATH"), CookieVariable + "=" + cookie},
	}
}

func start(t *testing.T, h *Host, spec Spec) *Process {
	t.Helper()
	p, err := Start(spec, h)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eventually polls a condition about real processes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// pidFrom waits for a file that holds a pid.
func pidFrom(t *testing.T, path ...string) int {
	t.Helper()
	pid := 0
	eventually(t, "a pid in "+filepath.Join(path...), func() bool {
		b, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil
	})
	return pid
}

// isRunning reports whether a process exists and is no zombie.
func isRunning(pid int) bool {
	e, ok := readStat(pid)
	return ok && e.alive()
}

// zombies lists the dead children of this program.
func zombies(t *testing.T) []int {
	t.Helper()
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	var dead []int
	for _, e := range all {
		if e.ppid == os.Getpid() && !e.alive() {
			dead = append(dead, e.pid)
		}
	}
	return dead
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func lines(s string) []string {
	var all []string
	for sc := bufio.NewScanner(strings.NewReader(s)); sc.Scan(); {
		all = append(all, sc.Text())
	}
	return all
}
