// Package repro runs the command of a recorded job once more, outside of any run: with
// the same directory and variables, as far as these are known.
package repro

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Source is the job that is meant.
type Source struct {
	Workflow *workflow.Workflow // as the attempt ran it; with the values of its secrets, unless only a script is written
	Env      []workflow.Var     // what the attempt was given besides
	Handed   map[string]string  // what other jobs handed on to it; by variable, see workflow.OutputRef
	Job      int                // index into Workflow.Jobs
	Task     run.TaskID         // the try whose identity the command sees
}

// Command is what is to be started.
type Command struct {
	Dir  string
	Args []string // a program, looked up in the PATH of Env, and its arguments
	Env  []string // NAME=value, all that the command sees

	Inherited []string // names of the variables that are taken from the caller as they are now
	Secrets   []string // names of those whose value is secret
	Marker    string   // the value of EXECUTIONER_TASK, which is not that of the run
}

// Environment returns the variables of the job. environ is what the caller has for it to
// inherit.
func (s Source) Environment(environ []string) workflow.Environment {
	known, _ := s.Workflow.Jobs[s.Job].Known(s.Handed)
	return workflow.NewResolver(s.Workflow, environ, s.Env).Filled(s.Job, known)
}

// Of returns the command of a job. environ is what the caller has for it to inherit.
// A job that was handed less than it names is a fault Conflict: in its run it was not
// started either.
func Of(src Source, environ []string) (*Command, error) {
	j := &src.Workflow.Jobs[src.Job]
	if j.Command == "" {
		return nil, fault.New(fault.Usage, "job %s has no command", j.ID).WithHint("it succeeds at once, so there is nothing to run again")
	}
	if _, missing := j.Known(src.Handed); missing != "" {
		return nil, fault.New(fault.Conflict, "job %s can't be run again: %s before it started", j.ID, missing)
	}
	env := src.Environment(environ)
	c := &Command{Dir: cmp.Or(j.WorkingDir, src.Workflow.WorkingDir), Marker: "repro/" + src.Task.String()}
	for _, v := range env.Vars {
		if v.Origin == workflow.OriginInherited {
			c.Inherited = append(c.Inherited, v.Name)
		}
		if secret(env, v.Name) && v.Origin != workflow.OriginInherited {
			c.Secrets = append(c.Secrets, v.Name)
		}
	}
	c.Env = slices.Concat(env.List(), c.own(src.Task))
	var err error
	c.Args, err = arguments(src.Workflow, j, env)
	return c, err
}

func secret(env workflow.Environment, name string) bool {
	return mask.SecretName(name) || env.IsSecret(name)
}

// own are the variables that tell a job who it is. What marks the processes of a run is
// another one here: neither must they be taken for the run's, nor must a command that
// makes something happen once for each value do nothing now. For the file of what it hands
// on see Start.
func (c *Command) own(id run.TaskID) []string {
	return []string{
		process.CookieVariable + "=" + c.Marker,
		"EXECUTIONER_RUN=" + id.Run.String(),
		"EXECUTIONER_ATTEMPT=" + strconv.Itoa(id.Attempt),
		"EXECUTIONER_JOB=" + string(id.Job),
		"EXECUTIONER_TRY=" + strconv.Itoa(id.Try),
	}
}

// arguments returns the program that a job is, as the runner would start it.
func arguments(wf *workflow.Workflow, j *workflow.Job, env workflow.Environment) ([]string, error) {
	switch {
	case len(j.Args) > 0:
		args := make([]string, len(j.Args))
		for i, arg := range j.Args {
			args[i] = env.Expand(arg)
		}
		return args, nil
	case wf.AllowShell:
		return []string{"/bin/sh", "-c", j.Command}, nil
	}
	return workflow.SplitCommand(j.Command)
}

// names returns the names of variables.
func names(environ []string) []string {
	all := make([]string, 0, len(environ))
	for _, v := range environ {
		if name, _, ok := strings.Cut(v, "="); ok {
			all = append(all, name)
		}
	}
	return all
}
