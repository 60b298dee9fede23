//go:build linux

package crash

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Some tests have to be played in surroundings of their own. They start this binary anew,
// with the name of the surroundings in a variable and the programs that were built.
const (
	insideVariable  = "CRASH_INSIDE"
	programVariable = "CRASH_PROGRAM"
	newerVariable   = "CRASH_NEWER"
)

// The surroundings.
const (
	namespace = "namespace" // the first process of a PID namespace, which reaps
	numbers   = "numbers"   // a process in there
	orphanage = "orphanage" // a process to which orphans come, and which does not reap
)

// prepare makes the surroundings and returns true where this process is not to play itself.
func prepare() (code int, over bool) {
	program, newer = os.Getenv(programVariable), os.Getenv(newerVariable)
	keeperThere = true
	switch os.Getenv(insideVariable) {
	case namespace:
		return beFirst(), true
	case orphanage:
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1, true
		}
	}
	return 0, false
}

// beFirst is what the first process of a PID namespace has to do: it starts the one that
// plays and waits for whoever ends, until that one has.
func beFirst() int {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", 0, "")
	}
	if err == nil {
		err = os.Setenv(insideVariable, numbers) // adding it to what is there would leave the first
	}
	var player int
	if err == nil {
		player, err = syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{
			Env: os.Environ(), Files: []uintptr{0, 1, 2},
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1
		case pid == player:
			return status.ExitStatus()
		}
	}
}

// inside plays the running test anew in the surroundings and fails it if that does.
func inside(t *testing.T, where string, attr *syscall.SysProcAttr) error {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprintf("-crash.long=%t", *long), fmt.Sprintf("-crash.seed=%d", *seed))
	c.Env = append(os.Environ(), insideVariable+"="+where, programVariable+"="+program, newerVariable+"="+newer)
	c.SysProcAttr = attr
	out := tmpOutput(t)
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		return err
	}
	err := c.Wait()
	said, _ := os.ReadFile(out.Name())
	if err != nil {
		t.Errorf("in the %s: %v\n%s", where, err, said)
	} else {
		t.Logf("in the %s:\n%s", where, said)
	}
	return nil
}

// tmpOutput is a file, because a pipe would be held by whoever outlives the program.
func tmpOutput(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "said")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestNobodyReaps: where the first process does not wait for orphans, as in many
// containers, everybody who dies stays there as a zombie. None is taken for another.
func TestNobodyReaps(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		if err := inside(t, orphanage, nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	var wait sync.WaitGroup
	for _, rule := range []string{
		"keeper:journal.start.after=kill-both", "keeper:keeper.start.after=kill-both", "keeper:keeper.pid.before=kill-both",
		"keeper:keeper.ending.after=kill-both", "keeper:keeper.exit.after=kill-both",
	} {
		wait.Go(func() {
			p, err := perform(sweepScenario(acts[0], rule))
			if err != nil {
				t.Error(err)
				return
			}
			if len(p.wrongs) > 0 {
				t.Errorf("%s: %s", rule, p.report("'TestNobodyReaps$'"))
			}
		})
	}
	wait.Wait()
}
