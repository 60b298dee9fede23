// Package local executes tasks on this host: pre-checks, the command as a process,
// post-checks, and the job's log file.
package local

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/keeper"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

var _ engine.Runner = (*Runner)(nil)

// Config is what a Runner works with. Workflow, Run and Keeper are required.
type Config struct {
	Workflow *workflow.Workflow
	Run      run.ID
	// Submitted is when the run was: an older log of its name is another history's.
	Submitted time.Time
	Keeper    keeper.Keeper // of this runner alone, which closes it
	// Environ is the environment that jobs may inherit from, NAME=value.
	Environ []string
	// Overrides win over every other variable.
	Overrides []workflow.Var
	// Secrets returns what is secret in the whole workflow: what one job keeps secret another's
	// log may have. It is asked for the first task. Nil: each job hides what is its own alone.
	Secrets func() []string
	// Scope is put before the task id in EXECUTIONER_TASK, so that runs of different
	// databases are told apart.
	Scope string
	// Past knows how jobs that say what they read or make succeeded before. Nil: they always run.
	Past Past
	// Force has all of these run although nothing changed, ForceJobs those that it names.
	Force     bool
	ForceJobs []run.JobID
	// Grace is the time between SIGTERM and SIGKILL. 0: process.DefaultGrace.
	Grace time.Duration
}

// Runner executes the tasks of one attempt. It is safe for concurrent use.
type Runner struct {
	cfg    Config
	env    func() *workflow.Resolver // made for the first task: many runs wait for long until they have one
	secret func() []string           // of the whole workflow; made with env
	shared environment               // of jobs without variables of their own
	once   sync.Once                 // makes shared, for the first of them
	tasks  sync.WaitGroup

	mu     sync.Mutex // guards active: tasks begin and end on goroutines of their own
	active map[run.TaskID]*task
	output map[run.TaskID]string // the file in which a task leaves what it hands on, until that is recorded
}

// New returns a runner. Close it after the last task.
func New(cfg Config) *Runner {
	return &Runner{
		cfg: cfg,
		env: sync.OnceValue(func() *workflow.Resolver {
			return workflow.NewResolver(cfg.Workflow, cfg.Environ, cfg.Overrides)
		}),
		secret: sync.OnceValue(func() []string { return shared(cfg.Secrets) }),
		active: make(map[run.TaskID]*task),
		output: make(map[run.TaskID]string),
	}
}

// mostShared is how many secrets of the whole workflow are hidden in each job's log: to look
// for many takes time and memory for each of the jobs.
const mostShared = 1000

// shared returns the secrets that all jobs hide: none when they are too many.
func shared(known func() []string) []string {
	if known == nil {
		return nil
	}
	if all := known(); len(all) <= mostShared {
		return all
	}
	return nil
}

// secrets are the values of an environment's secret variables.
func secrets(env workflow.Environment) []string {
	secrets := slices.Clone(env.Secrets())
	for _, v := range env.Vars {
		if mask.SecretName(v.Name) || env.IsSecret(v.Name) {
			secrets = append(secrets, v.Value)
		}
	}
	return secrets
}

// Start implements engine.Runner.
func (r *Runner) Start(t engine.Task, done func(run.Outcome)) {
	ctx, cancel := context.WithCancel(context.Background())
	a := &task{runner: r, Task: t, job: r.job(&t), ctx: ctx, cancel: cancel}
	r.mu.Lock()
	r.active[t.ID] = a
	r.output[t.ID] = r.outputPath(t)
	r.tasks.Add(1)
	r.mu.Unlock()
	go func() {
		defer r.tasks.Done()
		defer cancel()
		o := a.execute()
		r.mu.Lock()
		delete(r.active, t.ID)
		r.mu.Unlock()
		done(o)
	}()
}

// job returns the job of a task. What its sub-workflow has in common is the runner's,
// which knows what is secret.
func (r *Runner) job(t *engine.Task) *workflow.Job {
	like := &r.cfg.Workflow.Jobs[t.Job]
	if t.Made == nil {
		return like
	}
	made := *t.Made
	made.Scope = like.Scope
	return &made
}

// Stop implements engine.Runner.
func (r *Runner) Stop(s engine.Stop) {
	r.mu.Lock()
	a := r.active[s.ID]
	r.mu.Unlock()
	if a != nil {
		a.stop(s)
	}
}

// Kill implements engine.Runner.
func (r *Runner) Kill() {
	for _, a := range r.running() {
		a.kill()
	}
}

// Recorded implements engine.Runner.
func (r *Runner) Recorded(id run.TaskID) {
	r.mu.Lock()
	path, ok := r.output[id]
	delete(r.output, id)
	r.mu.Unlock()
	if ok {
		_ = os.Remove(path) // it is nearly never there, and in nobody's way
	}
	r.cfg.Keeper.Forget(id.String())
}

// Lost reports whether nobody can know how a task of an earlier program went on.
func (r *Runner) Lost(id run.TaskID) bool { return r.cfg.Keeper.Fate(id.String()) == keeper.Lost }

// Close waits for tasks that are still going on and closes the keeper. done says that
// everything has been recorded. It is idempotent.
func (r *Runner) Close(done bool) error {
	r.tasks.Wait()
	return r.cfg.Keeper.Close(done)
}

func (r *Runner) running() []*task {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*task, 0, len(r.active))
	for _, a := range r.active {
		all = append(all, a)
	}
	return all
}

// shell is what commands are given to, as the Python program did.
const shell = "/bin/sh"

// spec returns the process of a command in a job's environment. With args it is these,
// which no shell sees.
func (t *task) spec(command string, args []string, env environment) (keeper.Spec, error) {
	r := t.runner
	s := keeper.Spec{
		ID: t.ID.String(), Path: shell, Args: []string{"sh", "-c", command},
		Dir: t.dir(), Cookie: r.cookie(t.ID), Grace: r.cfg.Grace,
		Env: r.own(t.ID), Setting: env.setting,
	}
	if env.setting == nil {
		s.Env, s.Secrets = slices.Concat(env.list, s.Env), env.unseen
	}
	switch {
	case len(args) > 0:
		s.Args = make([]string, len(args))
		for i, arg := range args {
			s.Args[i] = env.Expand(arg)
		}
		s.Path = s.Args[0]
	case !r.cfg.Workflow.AllowShell:
		words, err := workflow.SplitCommand(command)
		if err != nil {
			return s, err
		}
		s.Path, s.Args = words[0], words
	}
	return s, nil
}

// cookie is the value of EXECUTIONER_TASK: unique among all tries of all databases.
func (r *Runner) cookie(id run.TaskID) string { return Cookie(r.cfg.Scope, id) }

// Cookie returns the value of EXECUTIONER_TASK by which the processes of a task are found.
func Cookie(scope string, id run.TaskID) string { return scope + "/" + id.String() }

// own are the variables that tell a job who it is.
func (r *Runner) own(id run.TaskID) []string {
	return []string{
		process.CookieVariable + "=" + r.cookie(id),
		"EXECUTIONER_RUN=" + id.Run.String(),
		"EXECUTIONER_ATTEMPT=" + strconv.Itoa(id.Attempt),
		"EXECUTIONER_JOB=" + string(id.Job),
		"EXECUTIONER_TRY=" + strconv.Itoa(id.Try),
	}
}

// environment is a job's environment in the forms in which it is needed.
type environment struct {
	workflow.Environment
	list    []string        // NAME=value; not to be changed
	secrets []string        // of its own,
	masker  *mask.Masker    // which hides these, also in what the job hands on
	unseen  []string        // secrets, and those of the whole workflow,
	veil    *mask.Masker    // which hides these in what people read
	setting *keeper.Setting // list and unseen, when many tasks share them
}

// resolve returns the environment of a task.
func (r *Runner) resolve(t engine.Task) environment {
	j := r.job(&t)
	if !r.env().SharedBy(j) {
		return r.newEnvironment(r.env().ResolveJob(j))
	}
	r.once.Do(func() {
		r.shared = r.newEnvironment(r.env().ResolveJob(j))
		r.shared.setting = &keeper.Setting{Env: r.shared.list, Secrets: r.shared.unseen}
	})
	return r.shared
}

func (r *Runner) newEnvironment(env workflow.Environment) environment {
	e := environment{Environment: env, list: env.List(), secrets: secrets(env)}
	e.masker = mask.New(e.secrets)
	e.unseen, e.veil = e.secrets, e.masker
	if known := r.secret(); len(known) > 0 {
		e.unseen = slices.Concat(known, e.secrets)
		slices.Sort(e.unseen)
		e.unseen = slices.Compact(e.unseen)
		e.veil = mask.New(e.unseen)
	}
	return e
}

// Inherited returns an environment without the variables that tell a job who it is: a
// job that starts this program again must not pass its own identity on.
func Inherited(environ []string) []string {
	kept := make([]string, 0, len(environ))
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains(ownNames, name) {
			kept = append(kept, v)
		}
	}
	return kept
}

var ownNames = []string{process.CookieVariable, "EXECUTIONER_RUN", "EXECUTIONER_ATTEMPT", "EXECUTIONER_JOB", "EXECUTIONER_TRY", outputVariable}
