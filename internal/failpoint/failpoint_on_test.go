//go:build failpoints

package failpoint

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets a test re-execute this binary as the process that is steered.
func TestMain(m *testing.M) {
	switch os.Getenv("FAILPOINT_CHILD") {
	case "":
		os.Exit(m.Run())
	case "wait":
		time.Sleep(time.Hour)
	case "launch":
		launch()
	}
	child()
}

// launch starts this binary with one end of a conversation, and waits to be killed.
func launch() {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FAILPOINT_CHILD=steps", "FAILPOINT_SOCKET=3")
	cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(fds[1]), "theirs")}
	if err := cmd.Run(); err != nil {
		panic(err)
	}
	panic("it was not killed")
}

// child reaches one step of each kind and says what it got.
func child() {
	if role := os.Getenv("FAILPOINT_ROLE"); role != "" {
		Role(role)
	}
	var pid int
	_, _ = fmt.Sscan(os.Getenv("FAILPOINT_PEER"), &pid)
	Peer(pid)
	if os.Getenv("FAILPOINT_SOCKET") != "" {
		conn, err := net.FileConn(os.NewFile(3, "ours"))
		if err != nil {
			panic(err)
		}
		PeerOf(conn.(*net.UnixConn))
	}
	start := time.Now()
	At("test.at")
	held := time.Since(start) >= pause
	err := Err("test.err")
	fmt.Println(held, errors.Is(err, syscall.EIO), err, Short("test.short", 9))
	os.Exit(0)
}

func run(t *testing.T, env ...string) (out string, log string, ended *os.ProcessState) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "FAILPOINT_CHILD=steps", "EXECUTIONER_FAILPOINT_LOG="+path)...)
	b, _ := cmd.CombinedOutput()
	l, _ := os.ReadFile(path)
	return string(b), string(l), cmd.ProcessState
}

func killed(p *os.ProcessState) bool { return p.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL }

func TestSteps(t *testing.T) {
	tests := []struct{ script, out, log string }{
		{"", "false false <nil> 9\n", "engine test.at -|engine test.err -|engine test.short -|"},
		{"test.err=eio", "false true input/output error 9\n", "engine test.at -|engine test.err eio|engine test.short -|"},
		{"test.err=enospc", "false false no space left on device 9\n", "engine test.at -|engine test.err enospc|engine test.short -|"},
		{"test.err=emfile", "false false too many open files 9\n", "engine test.at -|engine test.err emfile|engine test.short -|"},
		{"test.err=eagain", "false false resource temporarily unavailable 9\n", "engine test.at -|engine test.err eagain|engine test.short -|"},
		{"test.short=short", "false false <nil> 4\n", "engine test.at -|engine test.err -|engine test.short short|"},
		{"test.at=delay", "true false <nil> 9\n", "engine test.at delay|engine test.err -|engine test.short -|"},
		{"test.at=kill-other", "false false <nil> 9\n", "engine test.at -|engine test.err -|engine test.short -|"},
		{"keeper:test.at=kill", "false false <nil> 9\n", "engine test.at -|engine test.err -|engine test.short -|"},
	}
	for _, tt := range tests {
		out, log, _ := run(t, "EXECUTIONER_FAILPOINT="+tt.script)
		if out != tt.out || strings.ReplaceAll(log, "\n", "|") != tt.log {
			t.Errorf("%s: %q and %q", tt.script, out, log)
		}
	}
}

func TestKill(t *testing.T) {
	out, log, ended := run(t, "EXECUTIONER_FAILPOINT=keeper:test.err=kill", "FAILPOINT_ROLE=keeper")
	if out != "" || log != "keeper test.at -\nkeeper test.err kill\n" || !killed(ended) {
		t.Errorf("%q, %q, %v", out, log, ended)
	}
}

func TestKillOther(t *testing.T) {
	for action, self := range map[string]bool{"kill-other": false, "kill-both": true} {
		other := exec.Command(os.Args[0])
		other.Env = append(os.Environ(), "FAILPOINT_CHILD=wait")
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		out, log, ended := run(t, "EXECUTIONER_FAILPOINT=test.short="+action, fmt.Sprint("FAILPOINT_PEER=", other.Process.Pid))
		_ = other.Wait() // hangs, and the test with it, if nobody killed it
		if !strings.HasSuffix(log, "engine test.short "+action+"\n") || killed(ended) != self || !killed(other.ProcessState) {
			t.Errorf("%s: %q, %q, %v, %v", action, out, log, ended, other.ProcessState)
		}
	}
}

// TestPeerOfAConversation: whoever began it is the other one.
func TestPeerOfAConversation(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FAILPOINT_CHILD=launch", "EXECUTIONER_FAILPOINT=test.at=kill-other")
	out, _ := cmd.CombinedOutput()
	if !killed(cmd.ProcessState) {
		t.Errorf("%v, %s", cmd.ProcessState, out)
	}
}

func TestWrongScriptIsNotIgnored(t *testing.T) {
	out, _, ended := run(t, "EXECUTIONER_FAILPOINT=nonsense")
	if !strings.Contains(out, `failpoint "nonsense": not of the form name=action`) || ended.ExitCode() != 2 {
		t.Errorf("%q, %v", out, ended)
	}
}
