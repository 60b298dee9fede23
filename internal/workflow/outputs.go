package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// OutputVariable begins the name under which a job is filled in with what another handed
// on: ${jobs.ID.NAME}.
const OutputVariable = "jobs."

// OutputRef is what a job is filled in with of what another one handed on.
type OutputRef struct {
	Variable string    // jobs.ID.NAME, as it stands between ${ and }
	Job      run.JobID // the id that the job has in the workflow
	Name     string    // of the value; empty where the variable has none
}

// OutputRefs returns what a job's env_variables, the arguments of its command, its inputs and
// outputs and the parameters of its checks are filled in with, each once. Load saw to it that the job
// depends on all of them, directly or not; a hook may name all that are no hooks.
func (w *Workflow) OutputRefs(job int) []OutputRef { return w.Jobs[job].OutputRefs() }

// OutputRefs is Workflow.OutputRefs of one job.
func (j *Job) OutputRefs() []OutputRef {
	var refs []OutputRef
	outputTexts(j, func(text string) {
		for {
			_, name, after, found := reference(text)
			if !found {
				return
			}
			text = after
			if strings.HasPrefix(name, OutputVariable) && !slices.ContainsFunc(refs, func(r OutputRef) bool { return r.Variable == name }) {
				refs = append(refs, newOutputRef(name, j.Scope))
			}
		}
	})
	slices.SortFunc(refs, func(a, b OutputRef) int { return cmp.Compare(a.Variable, b.Variable) }) // those of checks come in any order
	return refs
}

// Known returns what a job is filled in with, for Filled, out of what others handed on, by
// variable. The text says what it can't start without and is not among it.
func (j *Job) Known(handed map[string]string) (known []Var, missing string) {
	for _, ref := range j.OutputRefs() {
		if value, ok := handed[ref.Variable]; ok {
			known = append(known, Var{ref.Variable, value})
		} else if missing == "" {
			missing = fmt.Sprintf("${%s} is not known: job %s handed on no %s", ref.Variable, ref.Job, ref.Name)
		}
	}
	return known, missing
}

// newOutputRef takes a variable apart. The name comes last: an id may have dots. Within a
// sub-workflow jobs have the names that its file gives them.
func newOutputRef(variable string, s *Scope) OutputRef {
	r := OutputRef{Variable: variable}
	id := strings.TrimPrefix(variable, OutputVariable)
	if dot := strings.LastIndexByte(id, '.'); dot >= 0 {
		id, r.Name = id[:dot], id[dot+1:]
	}
	r.Job = run.JobID(id)
	if s != nil {
		r.Job = s.Job + "/" + r.Job
	}
	return r
}

// outputTexts yields the texts of a job that may name what others handed on.
func outputTexts(j *Job, yield func(string)) {
	for i := range j.Env {
		yield(j.Env[i].Value)
	}
	for _, arg := range j.Args {
		yield(arg)
	}
	if f := j.Footprint; f != nil {
		for _, pattern := range f.Inputs {
			yield(pattern)
		}
		for _, pattern := range f.Outputs {
			yield(pattern)
		}
	}
	for _, checks := range [][]Check{j.PreChecks, j.PostChecks} {
		for i := range checks {
			for _, v := range checks[i].Params {
				textsIn(v, yield)
			}
		}
	}
}

// textsIn yields the texts of a check's parameter.
func textsIn(v any, yield func(string)) {
	switch v := v.(type) {
	case string:
		yield(v)
	case []any:
		for _, item := range v {
			textsIn(item, yield)
		}
	}
}

// Filled returns the environment of a job that is filled in with values of other jobs.
// Their names begin with OutputVariable; they are no variables of the environment, and
// Expand knows them.
func (r *Resolver) Filled(job int, values []Var) Environment {
	return r.FilledJob(&r.w.Jobs[job], values)
}

// FilledJob is Filled for a job that need not be one of the workflow's, see Grow.
func (r *Resolver) FilledJob(j *Job, values []Var) Environment {
	if len(values) == 0 {
		return r.ResolveJob(j)
	}
	defs := layer(r.definitions(j), r.above, OriginOverride)
	env := resolve(layer(defs, values, originOutput))
	env.hidden = r.hidden
	own := func(v ResolvedVar) bool { return v.Origin == originOutput }
	for _, v := range env.Vars { // by name, as Vars is
		if own(v) {
			env.filled = append(env.filled, v)
		}
	}
	env.Vars = slices.DeleteFunc(env.Vars, own)
	return env
}
