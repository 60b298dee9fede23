package process

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// middle is a program between the test and its jobs, as a keeper is: a child of the test,
// subreaper and parent of the jobs, whose handles and files it passes on.
type middle struct {
	host *Host // the test's
	cmd  *exec.Cmd
	conn *net.UnixConn
}

// task is what a middle is asked to start. Its output goes to the file Out.
type task struct {
	Spec Spec
	Out  string
	// Until is the size of Out from which on the middle takes no more output.
	Until int64
}

// asked is a task on its way to the middle.
type asked struct {
	Path        string
	Args, Env   []string
	Dir, Cookie string
	Timeout     time.Duration
	Out         string
	Until       int64
}

// passed is a try as the middle hands it over.
type passed struct {
	Handle      Handle
	pipe, pidfd *os.File
}

func newMiddle(t *testing.T, h *Host) *middle {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "theirs")
	defer theirs.Close()
	m := &middle{host: h, cmd: &exec.Cmd{Path: self(t), Args: []string{helperName, "middle"}, Stderr: os.Stderr}}
	m.cmd.ExtraFiles = []*os.File{theirs}
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	m.conn = connection(fds[0])
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		_ = m.conn.Close()
	})
	if err := h.Guard(m.cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return m
}

func connection(fd int) *net.UnixConn {
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	check(err)
	return conn.(*net.UnixConn)
}

// start makes the middle start a job.
func (m *middle) start(t *testing.T, task task) passed {
	t.Helper()
	b, err := json.Marshal(asked{
		task.Spec.Path, task.Spec.Args, task.Spec.Env, task.Spec.Dir, task.Spec.Cookie, task.Spec.Timeout, task.Out, task.Until,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.conn.Write(b); err != nil {
		t.Fatal(err)
	}
	msg, oob := make([]byte, 1<<16), make([]byte, 1<<10)
	n, oobn, _, _, err := m.conn.ReadMsgUnix(msg, oob)
	if err != nil {
		t.Fatal(err)
	}
	var got passed
	if err := json.Unmarshal(msg[:n], &got.Handle); err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		t.Fatal(messages, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 2 {
		t.Fatal(fds, err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	return passed{got.Handle, os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pidfd")}
}

// kill ends the middle as nothing can be expected to.
func (m *middle) kill(t *testing.T) {
	t.Helper()
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = m.cmd.Wait()
}

// adopt takes the try over.
func (g passed) adopt(t *testing.T, h *Host, spec Spec) *Process {
	t.Helper()
	p, err := Adopt(spec, g.Handle, g.pipe, g.pidfd, h)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// close gives up what is not adopted.
func (g passed) close() {
	_ = g.pipe.Close()
	_ = g.pidfd.Close()
}

func appending(path string) *os.File {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	check(err)
	return f
}

// valve is a file that takes no more once it is large enough.
type valve struct {
	file  *os.File
	until int64
	n     int64
}

func (v *valve) Write(b []byte) (int, error) {
	n, err := v.file.Write(b)
	if v.n += int64(n); v.until > 0 && v.n >= v.until {
		select {}
	}
	return n, err
}

// helperMiddle starts what it is asked to until it is killed.
func helperMiddle([]string) {
	conn := connection(3)
	host, err := NewHost()
	check(err)
	// The valves block for ever; without this the runtime would call that a deadlock.
	time.AfterFunc(time.Hour, func() {})
	buf := make([]byte, 1<<16)
	for {
		n, err := conn.Read(buf)
		if err != nil || n == 0 {
			return
		}
		var a asked
		check(json.Unmarshal(buf[:n], &a))
		p, err := Start(Spec{
			Path: a.Path, Args: a.Args, Env: a.Env, Dir: a.Dir, Cookie: a.Cookie, Timeout: a.Timeout,
			Output: &valve{file: appending(a.Out), until: a.Until},
		}, host)
		check(err)
		pass(conn, p)
	}
}

func pass(conn *net.UnixConn, p *Process) {
	pipe, pidfd, err := p.Files()
	check(err)
	b, err := json.Marshal(p.Handle())
	check(err)
	_, _, err = conn.WriteMsgUnix(b, unix.UnixRights(int(pipe.Fd()), int(pidfd.Fd())), nil)
	check(err)
	check(pipe.Close())
	check(pidfd.Close())
}

// helperPhoenix starts a job, becomes another program in the same process, and takes the
// job over as its own child. Its arguments are a script and, the second time, the handle
// and two file descriptors.
func helperPhoenix(args []string) {
	spec := Spec{
		Path: "/bin/bash", Args: []string{"bash", "-c", args[0]}, Cookie: "phoenix", Output: os.Stdout,
		Env: []string{"PATH=" + os.Getenv("PATH"), CookieVariable + "=phoenix"},
	}
	if len(args) > 1 {
		risen(spec, args)
		return
	}
	host, err := NewHost()
	check(err)
	p, err := Start(spec, host)
	check(err)
	for _, err := os.Stat("exec"); err != nil; _, err = os.Stat("exec") {
		time.Sleep(time.Millisecond)
	}
	pipe, pidfd, err := p.Files()
	check(err)
	p.Release()
	p.Wait()
	handle, err := json.Marshal(p.Handle())
	check(err)
	var fds [2]int
	for i, f := range []*os.File{pipe, pidfd} {
		fds[i], err = unix.Dup(int(f.Fd()))
		check(err)
	}
	check(syscall.Exec("/proc/self/exe", []string{
		helperName, "phoenix", args[0], string(handle), strconv.Itoa(fds[0]), strconv.Itoa(fds[1]),
	}, os.Environ()))
}

func risen(spec Spec, args []string) {
	host, err := NewHeir()
	check(err)
	host.exitInfo = untold // the status is that of a child, or lost
	var h Handle
	check(json.Unmarshal([]byte(args[1]), &h))
	var fds [2]int
	for i := range fds {
		fds[i], err = strconv.Atoi(args[2+i])
		check(err)
	}
	for !isZombieOrGo(h.PID) {
		time.Sleep(time.Millisecond)
	}
	host.reapOrphans()
	p, err := Adopt(spec, h, os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pidfd"), host)
	check(err)
	host.Settle()
	check(os.WriteFile("risen", nil, 0o600))
	o := p.Wait()
	_, _ = os.Stdout.WriteString("outcome " + o.State.String() + " " + strconv.Itoa(o.ExitCode) + " " + strconv.FormatInt(o.Output, 10) + "\n")
	check(host.Close())
}

// isZombieOrGo lets a test have the job end between the exec and the adoption.
func isZombieOrGo(pid int) bool {
	if _, err := os.Stat("zombie"); err != nil {
		return true
	}
	return !isRunning(pid)
}
