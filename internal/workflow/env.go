package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Where a variable of a job's environment comes from, lowest precedence first.
const (
	OriginInherited   = "inherited"    // the environment of whoever started the run
	OriginParam       = "param"        // a parameter of the workflow, or of the job's sub-workflow
	OriginSecret      = "secret"       // a secret of the workflow, or of the job's sub-workflow
	OriginApplication = "application"  // the workflow's env_variables
	OriginSub         = "sub-workflow" // env_variables of the sub-workflow that the job is of
	OriginItem        = "item"         // what matrix or foreach says of the job
	OriginJob         = "job"          // the job's env_variables
	OriginOverride    = "--env"        // given when the run was started
	originOutput      = "output"       // what another job handed on; these are kept apart
)

// ResolvedVar is a variable as a job sees it, and why it has this value.
type ResolvedVar struct {
	Name       string   `json:"name"`
	Value      string   `json:"value"`
	Origin     string   `json:"origin"`
	Overridden []string `json:"overridden,omitempty"` // origins that also set it, lowest precedence first
}

// Environment is what one job's command sees. It is shared between jobs and
// goroutines, so it must not be changed.
type Environment struct {
	Vars     []ResolvedVar `json:"variables"` // by name
	Warnings []string      `json:"warnings,omitempty"`

	list   []string
	filled []ResolvedVar // what Expand knows besides: values of other jobs, by name
	hidden hidden
}

// Secrets returns the values that were declared as secret. They must not be shown,
// wherever they turn up. The slice must not be changed.
func (e Environment) Secrets() []string { return e.hidden.values }

// IsSecret reports whether a variable was declared as secret, or gives one its value.
func (e Environment) IsSecret(name string) bool { return e.hidden.names[name] }

// List returns the variables as NAME=VALUE, by name, for a process to start with.
// The slice may be appended to, which copies it.
func (e Environment) List() []string {
	if e.list == nil {
		e.list = assignments(e.Vars)
	}
	return e.list
}

func assignments(vars []ResolvedVar) []string {
	all := make([]string, len(vars))
	for i, v := range vars {
		all[i] = v.Name + "=" + v.Value
	}
	return all
}

// Lookup returns the value of a variable and whether there is one.
func (e Environment) Lookup(name string) (string, bool) { return lookUp(e.Vars, name) }

func lookUp(vars []ResolvedVar, name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(vars, name, func(v ResolvedVar, name string) int { return cmp.Compare(v.Name, name) })
	if !ok {
		return "", false
	}
	return vars[i].Value, true
}

// Expand replaces each ${NAME} of text by the variable's value. A name that is not
// there stays as text. Values are not expanded again. A result of more than 1 MiB is
// given up: text comes back as it is.
func (e Environment) Expand(text string) string {
	return e.expandWith(text, func(value string) string { return value })
}

// expandWith replaces each ${NAME} of text by what becomes of the variable's value.
func (e Environment) expandWith(text string, become func(value string) string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	known := func(name string) (string, bool) {
		value, ok := lookUp(e.filled, name)
		if !ok {
			value, ok = e.Lookup(name)
		}
		return become(value), ok
	}
	if out, ok := expand(text, known); ok {
		return out
	}
	return text
}

// maxValue is how long a value may become by expansion, in bytes. Linux passes at
// most 128 KiB; variables that double each other would take all memory.
const maxValue = 1 << 20

// expand replaces ${NAME} by what lookup returns; ok is false when the result is too long.
func expand(text string, lookup func(name string) (string, bool)) (out string, ok bool) {
	var b strings.Builder
	for len(text) > 0 && b.Len() <= maxValue {
		before, name, after, found := reference(text)
		b.WriteString(before)
		if !found {
			return b.String(), b.Len() <= maxValue || !strings.Contains(text, "${")
		}
		if value, known := lookup(name); known {
			b.WriteString(value)
		} else {
			b.WriteString("${" + name + "}")
		}
		text = after
	}
	return b.String(), b.Len() <= maxValue
}

// reference finds the first ${NAME} of text. NAME is anything without $, { and }.
func reference(text string) (before, name, after string, found bool) {
	for from := 0; ; {
		at := strings.Index(text[from:], "${")
		if at < 0 {
			return text, "", "", false
		}
		at += from
		rest := text[at+2:]
		end := strings.IndexAny(rest, "${}")
		if end < 0 {
			return text, "", "", false
		}
		if rest[end] == '}' {
			return text[:at], rest[:end], rest[end+1:], true
		}
		from = at + 2 + end
	}
}

// Resolver makes the environments of a workflow's jobs. Jobs without variables of
// their own share one that is made in advance. It is safe for concurrent use.
type Resolver struct {
	w      *Workflow
	below  []definition // inherited, declared and application variables: one per name, by name
	above  []Var        // overrides
	hidden hidden
	common Environment
}

// NewResolver prepares the environments of w's jobs. inherited is the environment of
// whoever started the run, as NAME=VALUE; of it jobs see what w.Inherit lets through.
// overrides are the variables given for this run; of equal names the last counts.
func NewResolver(w *Workflow, inherited []string, overrides []Var) *Resolver {
	r := &Resolver{w: w, above: overrides, hidden: newHidden(w)}
	r.below = layer(r.below, inheritedVars(w.Inherit, inherited), OriginInherited)
	r.below = layer(r.below, paramVars(w.Params), OriginParam)
	r.below = layer(r.below, secretVars(w.Secrets, ""), OriginSecret)
	r.below = layer(r.below, w.Env, OriginApplication)
	r.common = r.resolve(slices.Clone(r.below))
	r.common.list = slices.Clip(assignments(r.common.Vars))
	return r
}

// Resolve returns the environment of the job with that index. It panics for an
// index that is not one of w.Jobs.
func (r *Resolver) Resolve(job int) Environment { return r.ResolveJob(&r.w.Jobs[job]) }

// ResolveJob is Resolve for a job that need not be one of w.Jobs, see Grow.
func (r *Resolver) ResolveJob(j *Job) Environment {
	if j.shares() {
		return r.common
	}
	return r.resolve(r.definitions(j))
}

// definitions are what there is of a job's environment below the overrides.
func (r *Resolver) definitions(j *Job) []definition {
	defs := r.within(slices.Clone(r.below), j.Scope)
	defs = layer(defs, j.Item, OriginItem)
	return layer(defs, j.Env, OriginJob)
}

// Shared reports whether a job's environment is the one that jobs without variables of
// their own share.
func (r *Resolver) Shared(job int) bool { return r.w.Jobs[job].shares() }

// SharedBy is Shared for a job that need not be one of w.Jobs.
func (r *Resolver) SharedBy(j *Job) bool { return j.shares() }

func (j *Job) shares() bool { return len(j.Env)+len(j.Item) == 0 && j.Scope == nil }

// within puts what a sub-workflow and those around it set over definitions.
func (r *Resolver) within(defs []definition, s *Scope) []definition {
	if s == nil {
		return defs
	}
	defs = r.within(defs, s.Parent)
	defs = layer(defs, s.Item, OriginItem)
	defs = layer(defs, s.Call, OriginJob)
	defs = layer(defs, paramVars(s.Params), OriginParam)
	defs = layer(defs, secretVars(r.w.Secrets, s.Job), OriginSecret)
	return layer(defs, s.Env, OriginSub)
}

// resolve puts the overrides over definitions, and expands what wins.
func (r *Resolver) resolve(defs []definition) Environment {
	env := resolve(layer(defs, r.above, OriginOverride))
	env.hidden = r.hidden
	return env
}

// hidden is what a workflow declares as secret.
type hidden struct {
	names  map[string]bool
	values []string
}

func newHidden(w *Workflow) hidden {
	h := hidden{names: map[string]bool{}}
	for i := range w.Secrets {
		s := &w.Secrets[i]
		h.add(s.Name, s.Value)
		h.add(s.Env, s.Value) // the variable of the caller that it comes from
	}
	h.params(w.Params)
	scopes, _ := collectScopes(w.Jobs)
	for _, s := range scopes {
		h.params(s.Params)
	}
	return h
}

func (h *hidden) params(params []Param) {
	for i := range params {
		if p := &params[i]; p.Secret {
			h.add(p.Name, p.Value)
			h.add(ParamVariable+p.Name, p.Value)
		}
	}
}

func (h *hidden) add(name, value string) {
	if name != "" {
		h.names[name] = true
	}
	if value != "" && !slices.Contains(h.values, value) {
		h.values = append(h.values, value)
	}
}

// ResolveEnv returns the environment of one job. Later ones win: inherited variables
// (filtered by w.Inherit), parameters and secrets, the application's, those of the
// sub-workflow, of the item, the job's, overrides. Then ${NAME} is replaced in what
// env_variables and the overrides say; all other values are final. A variable that refers to its own name gets the value that it overrides,
// so PATH can be extended. Unknown names stay as text; variables that refer to each
// other in a circle keep their text, with a warning.
func ResolveEnv(w *Workflow, job int, inherited []string, overrides []Var) Environment {
	return NewResolver(w, inherited, overrides).Resolve(job)
}

// inheritedVars returns what jobs see of the caller's environment.
func inheritedVars(filter Inherit, environ []string) []Var {
	allowed := make(map[string]bool, len(filter.Names))
	for _, name := range filter.Names {
		allowed[name] = true
	}
	var vars []Var
	for _, assignment := range environ {
		name, value, ok := strings.Cut(assignment, "=")
		if ok && name != "" && (filter.All || allowed[name]) {
			vars = append(vars, Var{name, value})
		}
	}
	return vars
}

// definition is a variable as one origin sets it, and through lower what it overrides.
type definition struct {
	Var
	origin string
	lower  *definition
}

// layer puts the variables of one origin over definitions, which are sorted by name
// and stay so. Of equal names within vars the last counts.
func layer(defs []definition, vars []Var, origin string) []definition {
	if len(vars) == 0 {
		return defs
	}
	added := make([]definition, len(vars))
	for i, v := range vars {
		added[i] = definition{Var: v, origin: origin}
	}
	slices.SortStableFunc(added, func(a, b definition) int { return cmp.Compare(a.Name, b.Name) })
	merged := make([]definition, 0, len(defs)+len(added))
	for i := range added {
		a := &added[i]
		if i+1 < len(added) && added[i+1].Name == a.Name {
			continue
		}
		for len(defs) > 0 && defs[0].Name < a.Name {
			merged, defs = append(merged, defs[0]), defs[1:]
		}
		if len(defs) > 0 && defs[0].Name == a.Name {
			lower := defs[0]
			a.lower, defs = &lower, defs[1:]
		}
		merged = append(merged, *a)
	}
	return append(merged, defs...)
}

// resolve expands the definitions that win.
func resolve(defs []definition) Environment {
	x := &expander{top: defs}
	x.run()
	env := Environment{Vars: make([]ResolvedVar, len(defs)), Warnings: x.warnings}
	for i := range defs {
		d := &defs[i]
		env.Vars[i] = ResolvedVar{Name: d.Name, Value: x.value(d), Origin: d.origin}
		for l := d.lower; l != nil; l = l.lower {
			env.Vars[i].Overridden = append(env.Vars[i].Overridden, l.origin)
		}
		slices.Reverse(env.Vars[i].Overridden)
	}
	return env
}

func circleWarning(names []string) string {
	const most = 10
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return fmt.Sprintf("variables refer to each other in a circle and keep their text: %s%s", strings.Join(names, ", "), more)
}
