package process

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// exit is what the operating system says about a program that ended.
type exit struct {
	status syscall.WaitStatus
	cpu    time.Duration
	maxRSS int64 // bytes; may be the engine's own, see peak
	lost   bool  // somebody else reaped the program

	// unknown says the same of a process that was never our child.
	unknown bool
}

// shellKilled is the exit code with which a shell passes on that its child was killed.
const shellKilled = 128 + int(syscall.SIGKILL)

// conclude puts together the outcome.
func (p *Process) conclude(left []int) run.Outcome {
	e := p.exit
	out := p.verdict(e)
	out.CPU = e.cpu
	out.MaxRSS = p.host.trueMaxRSS(e.maxRSS, p.peak.value())
	out.Output = p.output.written.Load()
	out.Survivors = len(left)
	out.Detail = joinDetail(out.Detail, writeDetail(p.output.err), leftDetail(left))
	return out
}

// verdict is that of the process, and says which limit it had when memory ran out.
func (p *Process) verdict(e exit) run.Outcome {
	out := verdict(e, p.ordered, p.ranOutOfMemory)
	if out.Reason != run.OOMKilled || p.leaf == nil {
		return out
	}
	if n := p.leaf.Exceeded(); n > 0 {
		out.Detail = fmt.Sprintf("the kernel killed it because its memory_limit of %d bytes did not suffice", n)
	}
	return out
}

// verdict maps the end of a program to state and reason. oom is asked only where the
// kernel may have been the killer.
func verdict(e exit, o *order, oom func() bool) run.Outcome {
	out := run.Outcome{ExitCode: run.NoExitCode}
	switch {
	case e.lost || e.unknown:
	case e.status.Signaled():
		out.Signal = int(e.status.Signal())
	default:
		out.ExitCode = e.status.ExitStatus()
	}
	switch {
	case o != nil:
		out.State, out.Reason, out.Detail = o.state, o.reason, o.detail
	case e.lost:
		out.State, out.Reason, out.Detail = run.Failed, run.Lost, "its exit status was taken by another part of the program"
	case e.unknown:
		out.State, out.Reason, out.Detail = run.Failed, run.Lost, "ended, exit code unknown"
	case (out.Signal == int(syscall.SIGKILL) || out.ExitCode == shellKilled) && oom():
		out.State, out.Reason, out.Detail = run.Failed, run.OOMKilled, "the kernel killed it because memory ran out"
	case out.Signal != 0:
		out.State, out.Reason, out.Detail = run.Failed, run.Signal, signalDetail(e.status)
	case out.ExitCode == 0:
		out.State, out.Reason = run.Success, run.Exited
	default:
		out.State, out.Reason = run.Failed, run.Exited
	}
	return out
}

func signalDetail(status syscall.WaitStatus) string {
	detail := "ended by " + signalName(status.Signal())
	if status.CoreDump() {
		detail += " (core dumped)"
	}
	return detail
}

func writeDetail(err error) string {
	if err == nil {
		return ""
	}
	return "output was not kept: " + err.Error()
}

// leftDetail names at most a handful of the processes that are left.
func leftDetail(left []int) string {
	const named = 8
	if len(left) == 0 {
		return ""
	}
	more := ""
	if len(left) > named {
		left, more = left[:named], fmt.Sprintf(" and %d more", len(left)-named)
	}
	return "still running: pid " + strings.Trim(fmt.Sprint(left), "[]") + more
}

func joinDetail(parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part != "" {
			kept = append(kept, strings.ReplaceAll(part, "\n", " "))
		}
	}
	return strings.Join(kept, "; ")
}
