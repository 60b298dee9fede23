package workflow

import (
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// declared writes parameters, secrets and what sub-workflows have.
func (e *encoder) declared(w *Workflow) {
	list(e, "params", w.Params, e.param)
	list(e, "secrets", w.Secrets, func(s *Secret) {
		e.string("name", s.Name)
		e.string("scope", string(s.Scope))
		e.string("env", s.Env)
		e.string("file", s.File)
		e.string("command", s.Command)
	})
	var scopes []*Scope
	scopes, e.scopes = collectScopes(w.Jobs)
	list(e, "scopes", scopes, func(s **Scope) { e.scope(*s) })
}

// param writes a parameter; the value of a secret one is kept nowhere.
func (e *encoder) param(p *Param) {
	e.string("name", p.Name)
	e.string("type", string(p.Type))
	if !p.Secret {
		e.string("value", p.Value)
	}
	e.string("default", p.Default)
	e.bool("required", p.Required)
	e.bool("given", p.Given)
	e.bool("secret", p.Secret)
	e.string("pattern", p.Pattern)
	e.strings("values", p.Values)
	e.string("min", p.Min)
	e.string("max", p.Max)
	e.string("description", p.Description)
}

func (e *encoder) scope(s *Scope) {
	e.string("job", string(s.Job))
	e.string("group", string(s.Group))
	e.string("file", validUTF8(s.File))
	e.int("parent", int64(e.scopes[s.Parent]))
	e.varList("item", s.Item)
	e.varList("call", s.Call)
	list(e, "params", s.Params, e.param)
	e.vars(s.Env)
	e.string("when", s.When)
}

// made writes of what a job was made.
func (e *encoder) made(j *Job) {
	e.string("group", string(j.Group))
	e.varList("item", j.Item)
	e.int("scope", int64(e.scopes[j.Scope]))
	e.string("working_dir", j.WorkingDir)
}

var snapshotParamFields = fields[Param]{
	"name": func(d *decoder, p *Param, f field) { d.string(f, &p.Name) },
	"type": func(d *decoder, p *Param, f field) {
		if d.is(f, stringNode) {
			p.Type = ParamType(d.text(f.value))
		}
	},
	"value":       func(d *decoder, p *Param, f field) { d.string(f, &p.Value) },
	"default":     func(d *decoder, p *Param, f field) { d.string(f, &p.Default) },
	"required":    func(d *decoder, p *Param, f field) { d.bool(f, &p.Required) },
	"given":       func(d *decoder, p *Param, f field) { d.bool(f, &p.Given) },
	"secret":      func(d *decoder, p *Param, f field) { d.bool(f, &p.Secret) },
	"pattern":     func(d *decoder, p *Param, f field) { d.string(f, &p.Pattern) },
	"values":      func(d *decoder, p *Param, f field) { d.strings(f, &p.Values) },
	"min":         func(d *decoder, p *Param, f field) { d.string(f, &p.Min) },
	"max":         func(d *decoder, p *Param, f field) { d.string(f, &p.Max) },
	"description": func(d *decoder, p *Param, f field) { d.string(f, &p.Description) },
}

var snapshotSecretFields = fields[Secret]{
	"name":    func(d *decoder, s *Secret, f field) { d.string(f, &s.Name) },
	"scope":   func(d *decoder, s *Secret, f field) { snapshotID(d, f, &s.Scope) },
	"env":     func(d *decoder, s *Secret, f field) { d.string(f, &s.Env) },
	"file":    func(d *decoder, s *Secret, f field) { d.string(f, &s.File) },
	"command": func(d *decoder, s *Secret, f field) { d.string(f, &s.Command) },
}

// snapshotScope is a scope whose parent is still a number.
type snapshotScope struct {
	Scope
	parent int // from 1; 0: none
}

var snapshotScopeFields = fields[snapshotScope]{
	"job":    func(d *decoder, s *snapshotScope, f field) { snapshotID(d, f, &s.Job) },
	"group":  func(d *decoder, s *snapshotScope, f field) { snapshotID(d, f, &s.Group) },
	"file":   func(d *decoder, s *snapshotScope, f field) { d.string(f, &s.File) },
	"parent": func(d *decoder, s *snapshotScope, f field) { d.exactInt(f, &s.parent) },
	"item":   func(d *decoder, s *snapshotScope, f field) { snapshotVars(d, f, &s.Item) },
	"call":   func(d *decoder, s *snapshotScope, f field) { snapshotVars(d, f, &s.Call) },
	"params": func(d *decoder, s *snapshotScope, f field) { objects(d, f, snapshotParamFields, &s.Params) },
	"env":    func(d *decoder, s *snapshotScope, f field) { snapshotVars(d, f, &s.Env) },
	"when":   func(d *decoder, s *snapshotScope, f field) { d.string(f, &s.When) },
}

func snapshotID(d *decoder, f field, into *run.JobID) {
	if d.is(f, stringNode) {
		*into = run.JobID(d.text(f.value))
	}
}

// readScopes reads what sub-workflows have; parents come first.
func (s *snapshotReader) readScopes(f field) {
	var all []snapshotScope
	objects(s.decoder, f, snapshotScopeFields, &all)
	for i := range all {
		one := &all[i].Scope
		if p := all[i].parent; p < 0 || p > i {
			s.wrong(f, "", "have a parent that is not there")
		} else if p > 0 {
			one.Parent = s.scopes[p-1]
		}
		s.scopes = append(s.scopes, one)
	}
}

// scope returns the scope with that number.
func (s *snapshotReader) scope(item field, n int) *Scope {
	switch {
	case n < 0 || n > len(s.scopes):
		s.wrong(item, "", "have a scope that is not there")
		return nil
	case n == 0:
		return nil
	}
	return s.scopes[n-1]
}

// declared compares parameters, secrets and what sub-workflows have.
func (c *changes) declared(old, new *Workflow) {
	c.params("params.", old.Params, new.Params)
	c.secrets(old.Secrets, new.Secrets)
	before, _ := collectScopes(old.Jobs)
	after, _ := collectScopes(new.Jobs)
	for _, s := range after {
		was := scopeOf(before, s.Job)
		if was == nil {
			continue // its jobs are told as new
		}
		about := "sub-workflow " + string(s.Job) + ": "
		c.add(about+"file", was.File, s.File)
		c.params(about+"params.", was.Params, s.Params)
		c.varsOf(about+"env_variables.", was.Env, s.Env)
		c.varsOf(string(s.Job)+": env_variables.", was.Call, s.Call)
	}
}

func scopeOf(all []*Scope, job run.JobID) *Scope {
	i := slices.IndexFunc(all, func(s *Scope) bool { return s.Job == job })
	if i < 0 {
		return nil
	}
	return all[i]
}

// params compares values; a secret one is never known, so only that it is there.
func (c *changes) params(prefix string, old, new []Param) {
	c.varsOf(prefix, paramTexts(old), paramTexts(new))
}

func paramTexts(params []Param) []Var {
	vars := make([]Var, len(params))
	for i := range params {
		p := &params[i]
		vars[i] = Var{p.Name, p.Value}
		if p.Secret {
			vars[i].Value = masked
		}
	}
	return vars
}

// secrets compares where secrets come from.
func (c *changes) secrets(old, new []Secret) {
	texts := func(all []Secret) []string {
		list := make([]string, len(all))
		for i := range all {
			s := &all[i]
			list[i] = strings.TrimPrefix(string(s.Scope)+"/"+s.Name, "/") + " from " + s.Source()
		}
		return list
	}
	was, is := texts(old), texts(new)
	for _, text := range is {
		if !slices.Contains(was, text) {
			*c = append(*c, FieldChange{Field: "secrets", New: text})
		}
	}
	for _, text := range was {
		if !slices.Contains(is, text) {
			*c = append(*c, FieldChange{Field: "secrets", Old: text})
		}
	}
}

// made compares of what jobs were made.
func (c *changes) made(old, new *Job) {
	c.add("working_dir", old.WorkingDir, new.WorkingDir)
	c.varsOf("", old.Item, new.Item)
}
