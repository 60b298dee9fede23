package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
)

func write(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStartErrors(t *testing.T) {
	host, dir := newHost(t), t.TempDir()
	plain := write(t, filepath.Join(dir, "plain"), "x", 0o644)
	noexec := write(t, filepath.Join(dir, "noexec"), "echo x\n", 0o755)
	orphan := write(t, filepath.Join(dir, "orphan"), "#!/no/such/interpreter\n", 0o755)
	busy, err := os.OpenFile(write(t, filepath.Join(dir, "busy"), "#!/bin/sh\n", 0o755), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, c := range []struct {
		spec      Spec
		want      string
		errno     error
		temporary bool
	}{
		{Spec{Path: ""}, `cannot start "": no such file`, syscall.ENOENT, false},
		{Spec{Path: "/no/such"}, "cannot start /no/such: no such file", syscall.ENOENT, false},
		{Spec{Path: "./no-such", Dir: dir}, "cannot start ./no-such: no such file", syscall.ENOENT, false},
		{Spec{Path: "nosuch", Env: []string{"PATH=/a:/b"}}, "cannot start nosuch: not found in PATH (/a:/b)", errNotInPath, false},
		{Spec{Path: "plain", Env: []string{"PATH=" + dir}}, "cannot start plain: permission denied: not executable, or in a directory that is closed or mounted noexec", syscall.EACCES, false},
		{Spec{Path: plain}, "cannot start " + plain + ": permission denied: not executable, or in a directory that is closed or mounted noexec", syscall.EACCES, false},
		{Spec{Path: noexec}, "cannot start " + noexec + ": not a program: a script needs a first line such as #!/bin/sh", syscall.ENOEXEC, false},
		{Spec{Path: orphan}, "cannot start " + orphan + ": its interpreter (the #! line, or the loader of a binary) does not exist", syscall.ENOENT, false},
		{Spec{Path: "/bin/true", Dir: "/no/dir"}, "cannot start /bin/true: working directory /no/dir: no such file or directory", syscall.ENOENT, false},
		{Spec{Path: "/bin/true", Dir: plain}, "cannot start /bin/true: working directory " + plain + ": not a directory", syscall.ENOTDIR, false},
		{Spec{Path: "/bin/echo", Args: []string{"echo", strings.Repeat("x", 1<<20)}}, "cannot start /bin/echo: arguments and environment are too long for the operating system", syscall.E2BIG, false},
		{Spec{Path: "/bin/echo", Args: []string{"echo", "a\x00b"}}, "cannot start /bin/echo: the command or its environment contains a NUL byte", syscall.EINVAL, false},
		{Spec{Path: busy.Name()}, "cannot start " + busy.Name() + ": the program file is being written now", syscall.ETXTBSY, true},
	} {
		p, err := Start(c.spec, host)
		var got *StartError
		if !errors.As(err, &got) {
			t.Errorf("%s: started %v, %v", c.want, p, err)
			continue
		}
		if got.Error() != c.want || !errors.Is(err, c.errno) || got.Temporary != c.temporary {
			t.Errorf("got  %q (%v, temporary %v)\nwant %q (%v, %v)", got.Error(), got.Err, got.Temporary, c.want, c.errno, c.temporary)
		}
	}
	if left := zombies(t); len(left) > 0 {
		t.Errorf("zombies %v", left)
	}
}

func TestTemporaryShortage(t *testing.T) {
	for _, c := range []struct{ mode, want string }{
		{"files", "true cannot start /bin/sleep: this program has too many files open now (ulimit -n)\nSUCCESS\n"},
		{"tasks", "true cannot start /bin/sleep: no more processes are allowed now (ulimit -u or the container's pids limit)\nSUCCESS\n"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			if c.mode == "tasks" && os.Getuid() != 0 {
				t.Skip("needs root to become a user with few processes")
			}
			out, err := exec.Command("/bin/bash", "-c", helper(t, c.mode)).Output()
			if err != nil || string(out) != c.want {
				t.Errorf("%v, got %q, want %q", err, out, c.want)
			}
		})
	}
}

func TestClosedHost(t *testing.T) {
	h, err := NewHost()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = Start(Spec{Path: "/bin/true"}, h)
	var got *StartError
	if !errors.As(err, &got) || !errors.Is(err, errHostClosed) {
		t.Errorf("got %v", err)
	}
	if h.addDrain(nil) {
		t.Error("a closed host took a pipe")
	}
}

func TestLookup(t *testing.T) {
	host, dir := newHost(t), t.TempDir()
	for _, name := range []string{"a", "b", "sub"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "tool"), 0o755); err != nil && name != "b" {
			t.Fatal(err)
		}
	}
	_ = os.Remove(filepath.Join(dir, "b", "tool"))
	_ = os.Remove(filepath.Join(dir, "sub", "tool"))
	write(t, filepath.Join(dir, "b", "tool"), "#!/bin/sh\necho b $*\n", 0o755)
	write(t, filepath.Join(dir, "sub", "tool"), "#!/bin/sh\necho sub\n", 0o755)
	for _, c := range []struct {
		path, search, want string
	}{
		{"tool", "PATH=" + dir + "/a:" + dir + "/b", "b 1\n"}, // a directory of that name is passed over
		{"tool", "PATH=sub", "sub\n"},                         // relative to the job's directory
		{"sub/tool", "PATH=", "sub\n"},
		{"echo", "NONE=", "1\n"}, // no PATH at all
	} {
		var out bytes.Buffer
		env := []string{"PATH=/nowhere", c.search}
		if c.search == "NONE=" {
			env = env[1:]
		}
		p, err := Start(Spec{Path: c.path, Args: []string{c.path, "1"}, Dir: dir, Env: env, Output: &out}, host)
		if err != nil {
			t.Errorf("%s: %v", c.search, err)
			continue
		}
		if o := p.Wait(); o.State != run.Success || out.String() != c.want {
			t.Errorf("%s: %+v %q, want %q", c.search, o, out.String(), c.want)
		}
	}
}

// withoutReserved clears signals 32 and 33 in a line of /proc/PID/status. The C library
// keeps them for itself, nobody can set what becomes of them, and some versions of make
// pass them on ignored.
func withoutReserved(t *testing.T, line string) string {
	t.Helper()
	name, hex, _ := strings.Cut(line, "\t")
	set, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return fmt.Sprintf("%s\t%016x", name, set&^(1<<31|1<<32))
}

// TestChildState runs a job under an engine that was itself started with everything that
// must not be passed on: an open file, ignored and blocked signals.
func TestChildState(t *testing.T) {
	const job = `ls /proc/self/fd; readlink /proc/self/fd/0; cat | wc -c; env | sort; ps -o sid=,pgid= -p $$ | tr -d " " ; echo $$; ` +
		`exec grep -E "Sig(Blk|Ign)" /proc/self/status`
	dir := t.TempDir()
	engine := `trap "" HUP INT QUIT TSTP USR2; exec 7</etc/passwd 8>&1; ` + helper(t, "masked", "'"+job+"'", "cookie/1")
	cmd := exec.Command("/bin/bash", "-c", engine)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SECRET=engine"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := lines(string(out))
	if len(got) != 13 {
		t.Fatalf("got %q", got)
	}
	got[12] = withoutReserved(t, got[12])
	pid := got[10]
	want := []string{
		"0", "1", "2", "3", // 3 is what ls reads
		"/dev/null", "0",
		"EXECUTIONER_TASK=cookie/1", "PATH=" + os.Getenv("PATH"), "PWD=" + dir,
		pid + pid, pid,
		"SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestExactEnvironment(t *testing.T) {
	for _, env := range [][]string{nil, {"B=2", "A=1", "B=3", "empty=", "odd"}} {
		var out bytes.Buffer
		p := start(t, newHost(t), Spec{Path: "/bin/cat", Args: []string{"cat", "/proc/self/environ"}, Env: env, Output: &out})
		p.Wait()
		want := strings.Join(env, "\x00")
		if env != nil {
			want += "\x00"
		}
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
}
