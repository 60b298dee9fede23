package local

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/fingerprint"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// task is one try that is going on.
type task struct {
	engine.Task
	runner *Runner
	job    *workflow.Job
	ctx    context.Context // done when the task is asked to stop
	cancel context.CancelFunc
	ended  bool   // before this program took it up
	found  *found // of a job that says what it reads or makes, once it is clear that it runs
	older  error  // why a log of another history was not set aside

	mu      sync.Mutex // guards the three below: a stop may come at any moment of the execution
	ordered *engine.Stop
	process string // the ID of the process that runs; empty for none
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
	if t.process != "" {
		t.runner.cfg.Keeper.Stop(t.process, keeper.Order{State: s.State, Reason: s.Reason, Detail: s.Detail})
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
	if t.process != "" {
		t.runner.cfg.Keeper.Kill(t.process)
	}
}

// runProcess has the keeper run a process, and returns how it ended. A stop that came before
// keeps it from being started; ok is false then.
func (t *task) runProcess(spec keeper.Spec) (r keeper.Result, ok bool) {
	ended := make(chan keeper.Result, 1)
	t.mu.Lock()
	if t.ordered != nil && !t.Again { // what may run already must be taken up to be stopped
		t.mu.Unlock()
		return r, false
	}
	t.process = spec.ID
	k := t.runner.cfg.Keeper
	k.Start(spec, func(r keeper.Result) { ended <- r })
	if s := t.ordered; s != nil {
		k.Stop(spec.ID, keeper.Order{State: s.State, Reason: s.Reason, Detail: s.Detail})
	}
	if t.hurried {
		k.Kill(spec.ID)
	}
	t.mu.Unlock()
	r = <-ended
	t.mu.Lock()
	t.process = ""
	t.mu.Unlock()
	return r, true
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

// execute runs the task to its end, from where an earlier program left it.
func (t *task) execute() run.Outcome {
	if t.job.Each != nil {
		return run.Failure(run.ItemsInvalid, t.job.Each.Unknown())
	}
	if t.job.Command == "" {
		return run.Outcome{State: run.Success, Reason: run.EmptyCommand}
	}
	fate := keeper.Unstarted
	if t.Again {
		fate = t.runner.cfg.Keeper.Fate(t.ID.String())
		t.ended = fate == keeper.Ended
	}
	if fate == keeper.Lost {
		return run.Failure(run.Lost, "nobody can know how it ended: the program that ran it is gone")
	}
	if fate == keeper.Unstarted {
		if o := t.unknownSecrets(); o != nil {
			return *o
		}
	}
	env, missing := t.fill()
	if fate == keeper.Unstarted && missing != "" {
		return t.masked(run.Failure(run.StartFailed, missing), env)
	}
	if fate == keeper.Unstarted {
		_ = os.Remove(t.runner.outputPath(t.Task)) // of a history that was put back to an earlier state
	}
	if fate == keeper.Unstarted && t.job.Footprint != nil && t.runner.cfg.Past != nil {
		if o := t.upToDate(env); o != nil {
			return t.masked(*o, env)
		}
	}
	var notes []keeper.Note
	if fate == keeper.Unstarted {
		if t.ID.Try == 1 {
			t.older = joblog.SetAside(t.logPath(), t.runner.cfg.Submitted)
		}
		notes = t.notes(env)
		if len(t.job.PreChecks) > 0 {
			if o := t.before(env, notes); o != nil {
				return t.masked(*o, env)
			}
			notes = nil // they are in the log
		}
	}
	o := t.command(env, notes)
	t.sayWhy(&o)
	return t.masked(o, env)
}

// unknownSecrets is how a task ends whose secrets nobody here has read.
func (t *task) unknownSecrets() *run.Outcome {
	var names []string
	for i := range t.runner.cfg.Workflow.Secrets {
		if s := &t.runner.cfg.Workflow.Secrets[i]; s.Value == "" {
			names = append(names, s.Name)
		}
	}
	why := "the secret " + strings.Join(names, "") + " is not known here"
	switch len(names) {
	case 0:
		return nil
	case 1:
	default:
		why = "the secrets " + strings.Join(names, ", ") + " are not known here"
	}
	o := run.Failure(run.StartFailed, why)
	return &o
}

func (t *task) masked(o run.Outcome, env environment) run.Outcome {
	o.Detail = env.veil.String(o.Detail)
	return o
}

// notes are what the log of a try begins with.
func (t *task) notes(env environment) []keeper.Note {
	notes := []keeper.Note{{Level: joblog.Info, Text: fmt.Sprintf("job %s, try %d of %d", t.ID.Job, t.ID.Try, t.Of)}}
	if t.found != nil {
		notes = append(notes, keeper.Note{Level: joblog.Info, Text: fingerprint.Ran + t.found.why})
	}
	if t.older != nil {
		notes = append(notes, keeper.Note{Level: joblog.Warning, Text: joblog.Mixed + t.older.Error()})
	}
	for _, w := range env.Warnings {
		notes = append(notes, keeper.Note{Level: joblog.Warning, Text: w})
	}
	return notes
}

// before makes the pre-checks. It returns an outcome when the command is not to run.
func (t *task) before(env environment, notes []keeper.Note) *run.Outcome {
	began := time.Now()
	log, err := t.openLog(env.veil)
	if log == nil {
		return t.unopened(err)
	}
	for _, n := range notes {
		log.Note(n.Level, n.Text)
	}
	c := checks{task: t, stage: "pre", env: env, log: log}
	c.from, c.to = log.Range()
	detail := c.run(t.job.PreChecks)
	o, stopped := t.stopped()
	switch {
	case detail == "":
		_, _ = log.Close() // should it be incomplete, the command's log will say so
		return nil
	case !stopped:
		o = run.Failure(run.PrecheckFailed, detail)
	}
	o = endLog(log, o, time.Since(began), env.veil)
	return &o
}

// unopened is the outcome of a task that has no log.
func (t *task) unopened(err error) *run.Outcome {
	o, stopped := t.stopped()
	if !stopped {
		o = run.Failure(run.StartFailed, "its log can't be written: "+err.Error())
	}
	return &o
}

// command runs the job's command, and the post-checks when it succeeded.
func (t *task) command(env environment, notes []keeper.Note) run.Outcome {
	began := time.Now()
	spec, err := t.spec(t.job.Command, t.job.Args, env)
	if err != nil {
		return run.Failure(run.StartFailed, err.Error())
	}
	if t.found != nil {
		if err := t.begin(); err != nil {
			o, _ := t.stopped()
			return o
		}
	}
	spec.Env = append(spec.Env, outputVariable+"="+t.runner.outputPath(t.Task))
	spec.Timeout = t.job.Timeout
	spec.MemoryLimit, spec.MaxProcesses = t.job.MemoryLimit, t.job.MaxProcesses
	spec.KillLeftover = t.job.Leftover == workflow.KillLeftover
	spec.Log = &keeper.Log{Path: t.logPath(), Limit: t.job.OutputLimit, Notes: notes, End: len(t.job.PostChecks) == 0 && t.job.Footprint == nil}
	r, ok := t.runProcess(spec)
	if !ok {
		o, _ := t.stopped()
		return o
	}
	if t.found != nil {
		t.found.ran = true
	}
	if t.ended && r.Outcome.Reason != run.Lost {
		r.Outcome.Ended = r.At.UTC().Truncate(time.Microsecond)
	}
	t.handOn(&r.Outcome, env)
	if spec.Log.End && r.Outcome.Reason != run.OutputInvalid {
		return r.Outcome
	}
	return t.after(env, r, began)
}

// after makes the post-checks of a command that succeeded, and ends the log of any.
func (t *task) after(env environment, r keeper.Result, began time.Time) run.Outcome {
	o := r.Outcome
	if o.Reason == run.StartFailed && r.To < 0 {
		return o // it has no log
	}
	log, err := t.openLog(env.veil)
	if log == nil {
		if o.State == run.Success && len(t.job.PostChecks) > 0 { // it did run, and nobody can say that it is good
			t.disapprove(&o, fmt.Sprintf("its log can't be written: %v", err))
		}
		return o
	}
	if o.State == run.Success {
		c := checks{task: t, stage: "post", env: env, log: log, from: r.From, to: r.To}
		if detail := c.run(t.job.PostChecks); detail != "" {
			t.disapprove(&o, detail)
		}
		t.remember(&o, env, log)
	}
	return endLog(log, o, time.Since(began), env.veil)
}

// dir is where the job works.
func (t *task) dir() string { return cmp.Or(t.job.WorkingDir, t.runner.cfg.Workflow.WorkingDir) }

// disapprove changes the outcome of a command that succeeded and did not pass its checks.
func (t *task) disapprove(o *run.Outcome, detail string) {
	why, stopped := t.stopped()
	if !stopped {
		why = run.Failure(run.PostcheckFailed, detail)
	}
	o.State, o.Reason, o.Detail, o.Values = why.State, why.Reason, why.Detail, ""
}

func (t *task) logPath() string {
	return joblog.JobPath(t.job.LogDir, t.runner.cfg.Workflow.Application, t.job.ID, t.ID.Run)
}

// openLog opens the task's log; it is nil when the task is asked to stop before.
func (t *task) openLog(masker *mask.Masker) (*joblog.Writer, error) {
	return keeper.OpenLog(t.ctx, t.logPath(), 0, masker)
}

// endLog writes how the task ended and closes the log.
func endLog(log *joblog.Writer, o run.Outcome, took time.Duration, masker *mask.Masker) run.Outcome {
	_, err := log.End(joblog.Level(o), joblog.Ended(o, took))
	if err != nil {
		o.Detail = joblog.Join(o.Detail, masker.String("its log is incomplete: "+err.Error()))
	}
	return o
}
