package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Waits between attempts to start a process while the host is short of something.
const (
	startWaitFirst = 50 * time.Millisecond
	startWaitMax   = 2 * time.Second
)

// task is one try that is going on.
type task struct {
	engine.Task
	runner *Runner
	job    *workflow.Job
	ctx    context.Context // done when the task is asked to stop
	cancel context.CancelFunc
	log    atomic.Pointer[joblog.Writer]

	mu      sync.Mutex // guards the three below: a stop may come at any moment of the execution
	ordered *engine.Stop
	proc    *process.Process
	hurried bool
}

// stop asks for the end of the task, whatever it is doing.
func (t *task) stop(s engine.Stop) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ordered != nil {
		return
	}
	t.ordered = &s
	t.cancel()
	if t.proc != nil {
		t.proc.Stop(s.State, s.Reason, s.Detail)
	}
}

// kill ends the grace of a task that was asked to stop.
func (t *task) kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ordered == nil {
		return
	}
	t.hurried = true
	if t.proc != nil {
		t.proc.Kill()
	}
}

// watch makes p the process that a stop reaches. One that came before reaches it now.
func (t *task) watch(p *process.Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.proc = p
	if p == nil || t.ordered == nil {
		return
	}
	p.Stop(t.ordered.State, t.ordered.Reason, t.ordered.Detail)
	if t.hurried {
		p.Kill()
	}
}

// stopped returns the outcome of a task that was asked to stop before its command ran.
func (t *task) stopped() (run.Outcome, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ordered == nil {
		return run.Outcome{}, false
	}
	return run.Outcome{State: t.ordered.State, Reason: t.ordered.Reason, Detail: t.ordered.Detail, ExitCode: run.NoExitCode}, true
}

// execute runs the task to its end.
func (t *task) execute() run.Outcome {
	if t.job.Command == "" {
		return run.Outcome{State: run.Success, Reason: run.EmptyCommand}
	}
	env := t.runner.resolve(t)
	log, err := t.openLog(env.masker)
	if err != nil {
		return failed(run.StartFailed, env.masker.String("its log can't be written: "+err.Error()))
	}
	if log == nil {
		o, _ := t.stopped()
		return o
	}
	t.log.Store(log)
	log.Note(joblog.Info, fmt.Sprintf("job %s, try %d of %d", t.ID.Job, t.ID.Try, t.Of))
	for _, w := range env.Warnings {
		log.Note(joblog.Warning, w)
	}
	began := time.Now()
	o := t.checked(env, log)
	o.Detail = env.masker.String(o.Detail)
	return t.endLog(log, o, time.Since(began), env.masker)
}

// openLog opens the task's log. A program that has too many files open for the moment
// is no failure of the job, as in start; the log is nil when the task is asked to stop.
func (t *task) openLog(masker *mask.Masker) (*joblog.Writer, error) {
	path := joblog.JobPath(t.job.LogDir, t.runner.cfg.Workflow.Application, t.job.ID, t.ID.Run)
	for wait := startWaitFirst; t.ctx.Err() == nil; wait = t.pause(wait) {
		log, err := joblog.Open(path, t.job.OutputLimit, masker)
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return log, err
		}
	}
	return nil, nil
}

// endLog closes the log and adds to an outcome what became of its output.
func (t *task) endLog(log *joblog.Writer, o run.Outcome, took time.Duration, masker *mask.Masker) run.Outcome {
	t.log.Store(nil)
	stats, err := log.End(level(o), fmt.Sprintf("%s after %.3f s", ending(&o), took.Seconds()))
	o.Output, o.Dropped = stats.Bytes, stats.Dropped
	if err != nil {
		o.Detail = join(o.Detail, masker.String("its log is incomplete: "+err.Error()))
	}
	return o
}

// checked runs the command between its checks.
func (t *task) checked(env environment, log *joblog.Writer) run.Outcome {
	environ := slices.Concat(env.list, t.runner.own(t.ID))
	if detail := t.check(t.job.PreChecks, env.Environment, environ, log); detail != "" {
		if o, ok := t.stopped(); ok {
			return o
		}
		return failed(run.PrecheckFailed, detail)
	}
	o := t.command(environ, log)
	if o.State != run.Success || len(t.job.PostChecks) == 0 {
		return o
	}
	log.EndOutput() // so that checks read all of it
	if detail := t.check(t.job.PostChecks, env.Environment, environ, log); detail != "" {
		stopped, ok := t.stopped()
		if !ok {
			stopped = failed(run.PostcheckFailed, detail)
		}
		o.State, o.Reason, o.Detail = stopped.State, stopped.Reason, stopped.Detail
	}
	return o
}

// command runs the job's command.
func (t *task) command(environ []string, log *joblog.Writer) run.Outcome {
	spec, err := t.runner.spec(t, t.job.Command, environ)
	if err != nil {
		return failed(run.StartFailed, err.Error())
	}
	spec.Output = log
	spec.Timeout = t.job.Timeout
	spec.KillLeftover = t.job.Leftover == workflow.KillLeftover
	p, err := t.start(spec, log)
	if err != nil {
		return failed(run.StartFailed, err.Error())
	}
	if p == nil {
		o, _ := t.stopped()
		return o
	}
	t.watch(p)
	o := p.Wait()
	t.watch(nil)
	return o
}

// start begins a process. A host that is short of processes, memory or descriptors
// for the moment is no failure of the job: it is tried again until the task is asked
// to stop, and then the process is nil.
func (t *task) start(spec process.Spec, log *joblog.Writer) (*process.Process, error) {
	for wait := startWaitFirst; t.ctx.Err() == nil; wait = t.pause(wait) {
		p, err := process.Start(spec, t.runner.cfg.Host)
		var start *process.StartError
		if err == nil || !errors.As(err, &start) || !start.Temporary {
			return p, err
		}
		log.Note(joblog.Warning, "not started yet, trying again: "+err.Error())
	}
	return nil, nil
}

// pause waits between attempts to start, or until the task is asked to stop. It
// returns how long to wait the next time.
func (t *task) pause(wait time.Duration) time.Duration {
	select {
	case <-t.ctx.Done():
	case <-time.After(wait):
	}
	return min(2*wait, startWaitMax)
}

func failed(reason run.Reason, detail string) run.Outcome {
	return run.Outcome{State: run.Failed, Reason: reason, Detail: detail, ExitCode: run.NoExitCode}
}

func level(o run.Outcome) string {
	if o.State == run.Success {
		return joblog.Info
	}
	return joblog.Error
}

// ending is how an outcome is told in the job's log.
func ending(o *run.Outcome) string {
	s := o.State.String()
	switch o.Reason {
	case run.Exited:
		s += fmt.Sprintf(", exit code %d", o.ExitCode)
	case run.Signal:
		s += fmt.Sprintf(", signal %d", o.Signal)
	default:
		s += ", " + string(o.Reason)
	}
	return join(s, o.Detail)
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	default:
		return a + "; " + b
	}
}
