package runs

import (
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Secrets returns the values of all that is secret in a workflow: what it declares so, as
// far as its values are known, and the variables of all jobs that are named like a secret.
// What one job keeps secret another's text may have, so they are hidden wherever they turn
// up. environ is what jobs inherit, overrides what the attempt was given.
func Secrets(wf *workflow.Workflow, environ []string, overrides []workflow.Var) []string {
	f := &secretFinder{resolver: workflow.NewResolver(wf, environ, overrides), refers: refers(wf.Env) || refers(overrides)}
	f.add(wf.Mail.Password)
	f.vars(overrides, wf.Env) // also when each job overrides them
	f.params(wf.Params)
	for i := range wf.Secrets {
		s := &wf.Secrets[i]
		f.add(s.Value)
		for _, v := range environ {
			if value, ok := strings.CutPrefix(v, s.Env+"="); ok && s.Env != "" {
				f.add(value)
			}
		}
	}
	for i := range wf.Jobs {
		f.job(i, &wf.Jobs[i])
	}
	slices.Sort(f.found)
	return slices.Compact(f.found)
}

// secretFinder collects the secrets of a workflow's jobs. Of a million jobs that matrix made
// few need to be resolved: those whose secrets are made of other variables.
type secretFinder struct {
	resolver *workflow.Resolver
	refers   bool // secrets of the whole workflow are made of variables, which a job may override
	any      bool // some job was resolved, and with it what all have in common
	shared   bool // one without variables of its own was
	scope    *workflow.Scope
	found    []string
}

func (f *secretFinder) add(values ...string) {
	for _, v := range values {
		if v != "" && !slices.Contains(f.found[max(0, len(f.found)-8):], v) { // neighbours are alike
			f.found = append(f.found, v)
		}
	}
}

func (f *secretFinder) vars(lists ...[]workflow.Var) {
	for _, vars := range lists {
		for _, v := range vars {
			if mask.SecretName(v.Name) {
				f.add(v.Value)
			}
		}
	}
}

func (f *secretFinder) params(params []workflow.Param) {
	for i := range params {
		if p := &params[i]; p.Secret || mask.SecretName(p.Name) {
			f.add(p.Value, p.Default)
			f.add(p.Values...)
		}
	}
}

func (f *secretFinder) job(i int, j *workflow.Job) {
	f.vars(j.Item, j.Env)
	known := f.shared
	if !f.resolver.Shared(i) {
		known = f.any && !f.refers && !refers(j.Env) && j.Scope == f.scope
	}
	if known {
		return
	}
	for at := j.Scope; at != nil; at = at.Parent {
		f.vars(at.Item, at.Call, at.Env)
		f.params(at.Params)
	}
	f.any, f.shared, f.scope = true, f.shared || f.resolver.Shared(i), j.Scope
	env := f.resolver.Resolve(i)
	f.add(env.Secrets()...)
	for _, v := range env.Vars {
		if mask.SecretName(v.Name) || env.IsSecret(v.Name) {
			f.add(v.Value)
		}
	}
}

// refers reports whether a secret among variables is made of others.
func refers(vars []workflow.Var) bool {
	return slices.ContainsFunc(vars, func(v workflow.Var) bool { return mask.SecretName(v.Name) && strings.Contains(v.Value, "$") })
}
