// Package process runs one operating system process per try of a job and sees to it
// that nothing of it is left behind unnoticed: output is read in constant memory, the
// end is decided by the program itself and not by who holds its pipe, and stopping
// reaches every descendant, however it detached itself.
//
// It knows nothing of workflows or stores. Linux is the full implementation; other
// systems get a reduced one that can only signal the process group.
package process

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/run"
)

// CookieVariable is the environment variable by which descendants of a try are
// recognised, also by an engine that did not start them.
const CookieVariable = "EXECUTIONER_TASK"

// DefaultGrace is the time between SIGTERM and SIGKILL when Spec.Grace is 0.
const DefaultGrace = 10 * time.Second

// drainPatience is how long output is still taken after the program ended, for
// descendants that are just finishing, as in `exec > >(tee log)`.
const drainPatience = 500 * time.Millisecond

// Spec is what to run.
type Spec struct {
	Path   string        // program: with a slash as it is (relative to Dir), else looked up in the PATH of Env
	Args   []string      // argv, including argv[0]; empty means just Path
	Env    []string      // the exact environment, NAME=value; should hold CookieVariable=Cookie
	Dir    string        // working directory; empty means the engine's
	Cookie string        // unique per try; empty means that the environment identifies nobody
	Output io.Writer     // gets stdout and stderr, see below; nil discards
	Grace  time.Duration // between SIGTERM and SIGKILL; 0 means DefaultGrace, negative none
	// Timeout is the time after which the process is stopped as TIMEOUT; 0 means none.
	Timeout time.Duration
	// KillLeftover kills what is still running when the program has ended by itself.
	// Otherwise it is left alone and counted.
	KillLeftover bool
	// Leaf is a control group to start in, nil for none. Everything in it is the try's, and
	// is stopped, killed and counted. The caller gives it back after Wait.
	Leaf *cgroup.Leaf
	// Before is called right before the fork with the read end of the output's pipe, which
	// is good for the time of the call, and the mark by which FindMarked will know the
	// program (0: none). Its error keeps the program from being started.
	Before func(pipe int, mark uint64) error
	// Reaping is called when the program, a child of ours, has ended and before the system
	// forgets how: with what is known before the rest of its output and its leftovers are
	// looked at. It must be quick and call no method of the Process.
	Reaping func(run.Outcome)

	// Output is called from one goroutine at a time, never after Wait returned, and
	// must not keep the slice. Its first error is reported in the outcome's detail; the
	// job goes on and its output is still read. A Write that does not return holds up Wait.
}

// Process is one started try. Its methods are safe for concurrent use.
type Process struct {
	host    *Host
	pid     int
	pidfd   int // of the program, -1 where there is none
	marks   marks
	cookie  string
	grace   time.Duration
	kill    bool // Spec.KillLeftover
	leaf    *cgroup.Leaf
	reaping func(run.Outcome) // Spec.Reaping until it was called; guarded by mu
	oom     uint64            // the out-of-memory counter as of the start
	output  *output
	peak    peak

	started time.Time
	timeout time.Duration // as of the start, 0 for none
	adopted bool          // another program started it

	// mu guards those below: a stop, a release and the end of the program race, and who comes
	// first decides the outcome. It also keeps the pid from being freed while it is signalled.
	mu       sync.Mutex
	ordered  *order
	limit    *time.Timer // nil without a timeout
	watched  bool        // a goroutine waits for the end of the program, see watch
	parked   *os.File    // the pidfd as watch has it, nil without
	reaped   bool
	released bool      // by Release: whatever becomes of it is not ours to see
	exit     exit      // set when reaped
	foreign  bool      // adopted and not known to be our child: its pid may be freed any time
	began    uint64    // start time of the program in clock ticks since boot, 0 before anybody asked
	inode    uint64    // of the pidfd, 0 where there is none or nobody asked
	dead     time.Time // when somebody else's zombie was first seen

	exited  chan struct{} // closed when the program has ended and was reaped
	freed   chan struct{} // closed by Release
	hurry   chan struct{} // closed by Kill
	hurried sync.Once
	done    chan struct{} // closed when outcome is set
	outcome run.Outcome
}

// order is a decision to end the process, and what has come of it.
type order struct {
	state  run.State
	reason run.Reason
	detail string
	swept  chan struct{} // closed when everything is gone or was given up
	left   []int         // pids that could not be ended; read after swept is closed
}

// Start starts spec. The error is a *StartError.
func Start(spec Spec, host *Host) (*Process, error) {
	path, err := lookup(spec.Path, spec.Dir, spec.Env)
	if err != nil {
		return nil, newStartError(spec, spec.Path, err)
	}
	p := newProcess(spec, host)
	if len(spec.Args) == 0 {
		spec.Args = []string{spec.Path}
	}
	p.oom = host.oomBefore()
	p.started, p.timeout = time.Now(), spec.Timeout
	if err := p.launch(spec, path); err != nil {
		return nil, newStartError(spec, path, err)
	}
	if spec.Timeout > 0 {
		p.stopAfter(spec.Timeout)
	}
	go p.drive()
	return p, nil
}

// newProcess returns what a started and an adopted process have in common.
func newProcess(spec Spec, host *Host) *Process {
	p := &Process{
		host: host, pidfd: -1, cookie: spec.Cookie, grace: spec.Grace, kill: spec.KillLeftover, leaf: spec.Leaf, reaping: spec.Reaping,
		exited: make(chan struct{}), freed: make(chan struct{}), hurry: make(chan struct{}), done: make(chan struct{}),
	}
	if p.grace == 0 {
		p.grace = DefaultGrace
	}
	return p
}

// launch opens the pipe and starts the program with it.
func (p *Process) launch(spec Spec, path string) error {
	out, w, err := newOutput(p.host, spec.Output)
	if err != nil {
		return err
	}
	p.output = out
	err = p.host.begin(p, spec, path, w)
	if err != nil {
		out.close()
	}
	return err
}

func (p *Process) stopAfter(limit time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	p.limit = time.AfterFunc(limit, func() { p.Stop(run.Timeout, run.TimedOut, p.timeoutDetail()) })
}

func (p *Process) timeoutDetail() string { return "timed out after " + p.timeout.String() }

// PID returns the process id of the program, which is also its group and session.
func (p *Process) PID() int { return p.pid }

// Stop ends the process and every descendant: SIGTERM, the grace, then SIGKILL until
// nothing is left. The outcome will have that state and reason. It returns at once; only
// the first call counts, and none does when the program has already ended.
func (p *Process) Stop(state run.State, reason run.Reason, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped || p.released || p.ordered != nil {
		return
	}
	p.ordered = &order{state: state, reason: reason, detail: detail, swept: make(chan struct{})}
	p.watch()
	go p.carryOut(p.ordered)
}

// Kill skips what is left of the grace. Before Stop it means that there will be none.
func (p *Process) Kill() { p.hurried.Do(func() { close(p.hurry) }) }

// Wait blocks until the process has ended and returns how. It may be called often.
func (p *Process) Wait() run.Outcome {
	<-p.done
	return p.outcome
}

func (p *Process) carryOut(o *order) {
	o.left = p.sweep()
	close(o.swept)
}

// drive owns the process from its start to its outcome. Usually the output ends with the
// program, so that one goroutine, woken twice, is all that a short job needs. Whether the
// program ends before its output is looked at by watch, for those that live longer.
func (p *Process) drive() {
	defer p.output.close()
	all := p.output.pass()
	if all {
		p.awaitExit()
	}
	select {
	case <-p.exited:
	case <-p.freed:
		p.surrender()
		return
	}
	left := p.clean()
	p.outcome = p.conclude(left)
	drain := !all && p.host.addDrain(p.output)
	p.release(left)
	close(p.done)
	if drain {
		p.output.drain()
	}
}

// clean deals with the descendants of a program that has ended; it returns who is left.
func (p *Process) clean() []int {
	// Nobody sets ordered any more: the program was reaped under mu before exited was closed.
	if p.ordered != nil {
		<-p.ordered.swept
		return p.ordered.left
	}
	left := p.leftovers()
	if len(left) > 0 && p.kill {
		left = p.sweep()
	}
	return left
}

// ended tells everybody that the program was reaped. Call it once, after that.
func (p *Process) ended() {
	p.mu.Lock()
	if p.limit != nil {
		p.limit.Stop()
	}
	p.mu.Unlock()
	p.host.forgetMain(p)
	close(p.exited)
}

// watch makes sure that the end of the program is noticed while its output goes on. Call
// it with mu held.
func (p *Process) watch() {
	if p.watched || p.reaped || p.released {
		return
	}
	p.watched = true
	p.park()
	go func() {
		p.parkUntilExit()
		if p.Released() {
			return
		}
		// After a stop, output counts until everything is gone.
		if p.ordered != nil {
			<-p.ordered.swept
		}
		p.output.limit(p.host.patience)
	}()
}
