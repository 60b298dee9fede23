package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Where a variable of a job's environment comes from, lowest precedence first.
const (
	OriginInherited   = "inherited"   // the environment of whoever started the run
	OriginApplication = "application" // the workflow's env_variables
	OriginJob         = "job"         // the job's env_variables
	OriginOverride    = "--env"       // given when the run was started
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

	list []string
}

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
func (e Environment) Lookup(name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(e.Vars, name, func(v ResolvedVar, name string) int { return cmp.Compare(v.Name, name) })
	if !ok {
		return "", false
	}
	return e.Vars[i].Value, true
}

// Expand replaces each ${NAME} of text by the variable's value. A name that is not
// there stays as text. Values are not expanded again. A result of more than 1 MiB is
// given up: text comes back as it is.
func (e Environment) Expand(text string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	if out, ok := expand(text, e.Lookup); ok {
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
	below  []definition // inherited and application variables: one per name, by name
	above  []Var        // overrides
	common Environment
}

// NewResolver prepares the environments of w's jobs. inherited is the environment of
// whoever started the run, as NAME=VALUE; of it jobs see what w.Inherit lets through.
// overrides are the variables given for this run; of equal names the last counts.
func NewResolver(w *Workflow, inherited []string, overrides []Var) *Resolver {
	r := &Resolver{w: w, above: overrides}
	r.below = layer(r.below, inheritedVars(w.Inherit, inherited), OriginInherited)
	r.below = layer(r.below, w.Env, OriginApplication)
	r.common = resolve(layer(slices.Clone(r.below), overrides, OriginOverride))
	r.common.list = slices.Clip(assignments(r.common.Vars))
	return r
}

// Resolve returns the environment of the job with that index. It panics for an
// index that is not one of w.Jobs.
func (r *Resolver) Resolve(job int) Environment {
	own := r.w.Jobs[job].Env
	if len(own) == 0 {
		return r.common
	}
	defs := layer(slices.Clone(r.below), own, OriginJob)
	return resolve(layer(defs, r.above, OriginOverride))
}

// ResolveEnv returns the environment of one job. Later ones win: inherited variables
// (filtered by w.Inherit), the application's, the job's, overrides. Then ${NAME} is
// replaced in what the file and the overrides say, but not in inherited values, which
// are final. A variable that refers to its own name gets the value that it overrides,
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
