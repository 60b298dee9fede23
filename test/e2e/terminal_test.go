package e2e

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestReaderGoes has whoever reads the output go away in the middle of a run, which
// goes on to its end.
func TestReaderGoes(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"", "--json", "--verbose"} {
		p := newPlace(t)
		jobs := []job{{"id": "first", "command": "while ! test -e gone; do sleep 0.01; done"}}
		for _, id := range []string{"a", "b", "c"} {
			jobs = append(jobs, job{"id": id, "command": ledger})
		}
		r := p.script(`"$X" run ` + p.flow("pipe", nil, jobs...) + ` ` + flags + ` | { head -1 >/dev/null; exec <&-; touch gone; }; exit ${PIPESTATUS[0]}`)
		r.ends(t, 0)
		p.started("a 1.1", "b 1.1", "c 1.1")
		equal(t, "state", p.show("1").State, "SUCCESS")
	}
}

// TestNoTerminal runs in a session without a terminal, and with nothing open.
func TestNoTerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("quiet", nil, job{"id": "a", "command": ledger})
	c := exec.Command(program, "run", file)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	r := p.launch(c).wait().ends(t, 0)
	lacks(t, "stdout", r.out, "\x1b")
	p.script(`"$X" run `+file+` <&- >&- 2>&-`).ends(t, 0)
	p.started("a 1.1", "a 1.1")
	for _, name := range []string{"logs/executioner.quiet.run-2.log", "logs/executioner.quiet.job-a.run-2.log"} {
		lacks(t, name, p.read(name), "\x1b")
	}
}

// TestFullOutput has an output that takes nothing.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	c := exec.Command(program, "run", p.flow("full", nil, job{"id": "a", "command": ledger}))
	c.Stdout = full
	p.launch(c).wait().ends(t, 0)
	p.started("a 1.1")
}

// TestNoHome says what is missing, and runs nothing.
func TestNoHome(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	file := p.flow("home", nil, job{"id": "a", "command": ledger})
	var env []string
	for _, v := range p.env {
		if !strings.HasPrefix(v, "HOME=") && !strings.HasPrefix(v, "EXECUTIONER_DATABASE=") {
			env = append(env, v)
		}
	}
	p.env = env
	r := p.run("run", file).ends(t, 2)
	contains(t, "stderr", r.err, "there is no place for the history: neither HOME nor XDG_STATE_HOME is set", "→ give one with --database FILE")
	if p.exists("ledger") {
		t.Error("it was run")
	}
	p.run("run", file, "--database", "mine.db", "-q").ends(t, 0)
	p.started("a 1.1")
}

// TestNohup outlives the terminal that it was started from.
func TestNohup(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := p.launch(exec.Command("nohup", program, "run", p.flow("nohup", nil, job{"id": "a", "command": "touch started; while ! test -e go; do sleep 0.01; done"})))
	p.await("started")
	r.signal(syscall.SIGHUP)
	p.write("go", "")
	r.wait().ends(t, 0)
	equal(t, "state", p.show("1").State, "SUCCESS")
}
