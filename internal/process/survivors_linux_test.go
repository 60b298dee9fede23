package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deadEngine starts an engine with that job, waits for the pid in a file, and kills the engine.
func deadEngine(t *testing.T, job, cookie string) (dir string, pid int) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.Command("/bin/bash", "-c", helper(t, "engine", "'"+job+"'", cookie))
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid = pidFrom(t, dir, "pid")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	t.Cleanup(func() {
		if _, left, err := KillSurvivors(context.Background(), cookie, 0); len(left) > 0 || err != nil {
			t.Errorf("left %v, %v", left, err)
		}
	})
	return dir, pid
}

func TestSurvivorsOfADeadEngine(t *testing.T) {
	cookie := "survivors/" + strconv.Itoa(os.Getpid()) + "/1"
	_, pid := deadEngine(t, "echo $$ > pid; sleep 1000; true", cookie)
	_, before := deadEngine(t, "echo $$ > pid; sleep 1000; true", "other-"+cookie)
	_, after := deadEngine(t, "echo $$ > pid; sleep 1000; true", cookie+"0") // try 10 is not try 1
	got, err := Survivors(cookie)
	if err != nil || len(got) != 2 {
		t.Fatalf("found %+v, %v", got, err)
	}
	e, _ := readStat(pid)
	want := Survivor{PID: pid, StartTime: e.start, Cookie: cookie, Command: "sh -c echo $$ > pid; sleep 1000; true"}
	if got[0] != want && got[1] != want {
		t.Errorf("found %+v, want %+v", got, want)
	}
	killed, left, err := KillSurvivors(context.Background(), cookie, time.Minute)
	if err != nil || len(killed) != 2 || len(left) != 0 {
		t.Errorf("killed %+v, left %+v, %v", killed, left, err)
	}
	if isRunning(pid) || !isRunning(before) || !isRunning(after) {
		t.Errorf("running: %v, the others: %v, %v", isRunning(pid), isRunning(before), isRunning(after))
	}
	if killed, left, err := KillSurvivors(context.Background(), cookie, 0); err != nil || len(killed)+len(left) != 0 {
		t.Errorf("again: %v %v %v", killed, left, err)
	}
}

// TestSurvivorsThatResist: one ignores TERM, one hides its environment below the other.
func TestSurvivorsThatResist(t *testing.T) {
	cookie := "resist/" + strconv.Itoa(os.Getpid())
	hidden := "(exec env -i bash -c \"" + forever(t, "hidden") + "\") & "
	dir, pid := deadEngine(t, "trap \"\" TERM; "+hidden+"echo $$ > pid; while :; do sleep 0.05; done", cookie)
	child := pidFrom(t, dir, "hidden")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if killed, left, err := KillSurvivors(ctx, cookie, time.Hour); err != context.Canceled || len(left) == 0 {
		t.Errorf("cancelled: killed %v, left %v, %v", killed, left, err)
	}
	killed, left, err := KillSurvivors(context.Background(), cookie, 50*time.Millisecond)
	if err != nil || len(left) != 0 || isRunning(pid) || isRunning(child) {
		t.Errorf("killed %v, left %v, %v", killed, left, err)
	}
	var commands []string
	for _, s := range killed {
		if s.PID == child && s.Cookie != "" {
			t.Errorf("cookie %q", s.Cookie)
		}
		commands = append(commands, s.Command)
	}
	if !strings.Contains(strings.Join(commands, "\n"), "forever hidden") {
		t.Errorf("killed %q", commands)
	}
}

// TestSurvivorsSparesKin: an engine that runs as a job itself must not kill what it runs in.
func TestSurvivorsSparesKin(t *testing.T) {
	t.Setenv(CookieVariable, "") // of the test binary's children; its own environ stays as it was
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	kin := ancestors(all)
	if !kin[os.Getpid()] || !kin[os.Getppid()] || !kin[1] && os.Getppid() != 0 {
		t.Errorf("kin %v", kin)
	}
	dir := t.TempDir()
	cmd := exec.Command("/bin/bash", "-c", "sleep 1000 & echo $! > "+filepath.Join(dir, "pid"))
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid := pidFrom(t, dir, "pid")
	defer unix.Kill(pid, unix.SIGKILL)
	if kin[pid] {
		t.Error("a child is no ancestor")
	}
}

func TestIdentity(t *testing.T) {
	host, boot, pid, began := SelfIdentity()
	if name, _ := os.Hostname(); host != name || pid != os.Getpid() || began == 0 || boot == "" {
		t.Errorf("%q %q %d %d", host, boot, pid, began)
	}
	id, space, _ := strings.Cut(boot, " ")
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	eventually(t, "a zombie", func() bool { return !isRunning(cmd.Process.Pid) })
	zombie, _ := readStat(cmd.Process.Pid)
	for _, c := range []struct {
		boot         string
		pid          int
		start        uint64
		alive, known bool
	}{
		{boot, pid, began, true, true},
		{boot, pid, began + 1, false, true},
		{boot, 1 << 22, began, false, true},
		{boot, zombie.pid, zombie.start, false, true},
		{"another-boot " + space, pid, began, false, true},
		{id + " pid:[1]", pid, began, false, false},
		{"", pid, began, false, false},
	} {
		if alive, known := Alive(c.boot, c.pid, c.start); alive != c.alive || known != c.known {
			t.Errorf("%+v: got %v %v", c, alive, known)
		}
	}
	_ = cmd.Wait()
}
