//go:build linux

package crash

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An engine is a program that runs or resumes the run of a place.
type engine struct {
	cmd     *exec.Cmd
	words   string // the command line, to name it
	errs    string // file of its standard error
	began   time.Time
	started int           // lines of the ledger when it was started
	ended   chan struct{} // closed when it has ended and was waited for
}

// begin starts the program in the place. Its output goes to files, because a pipe would
// be held by whoever outlives it.
func (p *place) begin(environ []string, command ...string) (*engine, error) {
	e := &engine{words: fmt.Sprint(command[1:]), started: p.ledgerLines(), ended: make(chan struct{})}
	errs, err := os.CreateTemp(p.out, "said-")
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	e.errs = errs.Name()
	out, err := os.Create(e.errs + ".out")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	e.cmd = exec.Command(command[0], command[1:]...)
	e.cmd.Dir, e.cmd.Env, e.cmd.Stdout, e.cmd.Stderr = p.dir, p.environ(environ...), out, errs
	e.began = time.Now()
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(e.ended)
		_ = e.cmd.Wait()
	}()
	return e, nil
}

// over says whether the program has ended.
func (e *engine) over() bool {
	select {
	case <-e.ended:
		return true
	default:
		return false
	}
}

// end waits for the end of the program. One that hangs has to say where.
func (e *engine) end(p *place) error {
	defer func() { p.most = max(p.most, time.Since(e.began)) }()
	if e.ends(p) {
		return nil
	}
	for _, pid := range p.processes() {
		if isProgram(pid) {
			_ = syscall.Kill(pid, syscall.SIGQUIT)
		}
	}
	select {
	case <-e.ended:
	case <-time.After(patience):
		_ = e.cmd.Process.Kill()
		<-e.ended
	}
	return fmt.Errorf("%s hangs:\n%s", e.words, e.said())
}

// ends waits until the program has ended, or nothing in the place has done anything for too long.
func (e *engine) ends(p *place) bool {
	const little = 2 // ticks of 10 ms: keeping a lease alive takes less
	used, since := 0, e.began
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-e.ended:
			return true
		case <-tick.C:
		}
		if now := p.used(); now < used || now >= used+little {
			used, since = now, time.Now()
		}
		if time.Since(since) > p.idle || time.Since(e.began) > patience {
			return false
		}
	}
}

// used is the processor time that the living processes of the place have used, in ticks.
func (p *place) used() (ticks int) {
	const user, last = 14 - 3, 17 - 3 // fields of proc(5) after the name: of itself and of its children
	for _, pid := range p.processes() {
		stat, _ := os.ReadFile(proc(pid, "stat"))
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for i := user; i <= last && i < len(f); i++ {
			n, _ := strconv.Atoi(f[i])
			ticks += n
		}
	}
	return ticks
}

// code is the exit code; that of a program which a signal ended is 128 and the signal.
func (e *engine) code() int {
	if s, ok := e.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return e.cmd.ProcessState.ExitCode()
}

// said returns the beginning of its standard error.
func (e *engine) said() string {
	b, _ := os.ReadFile(e.errs)
	return fmt.Sprintf("%.8000s", b)
}

// output returns its standard output.
func (e *engine) output() []byte {
	b, _ := os.ReadFile(e.errs + ".out")
	return b
}
