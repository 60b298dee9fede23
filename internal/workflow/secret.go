package workflow

import (
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// Secret is a value that jobs see as a variable and that is in no file of the program's:
// it says where the value comes from. Exactly one of Env, File and Command is set.
type Secret struct {
	Name    string
	Scope   run.JobID // the job of the sub-workflow that declares it; empty: the workflow itself
	Env     string    // a variable of the caller's environment
	File    string    // absolute path of a file with the value
	Command string    // a command whose output is the value, run by /bin/sh in the working directory
	Value   string    // known only where an attempt runs; never kept by Encode
}

// Source says where the value comes from, for a message.
func (s *Secret) Source() string {
	switch {
	case s.Env != "":
		return "the variable " + s.Env
	case s.File != "":
		return "the file " + s.File
	}
	return "the command " + quote(s.Command)
}

// WithSecrets returns the workflow with these values of its Secrets, in their order. The
// values reach jobs, and nothing else: Encode does not keep them.
func (w *Workflow) WithSecrets(values []string) *Workflow {
	known := *w
	known.Secrets = slices.Clone(w.Secrets)
	for i := range known.Secrets {
		known.Secrets[i].Value = values[i]
	}
	return &known
}

// secretVars are the secrets of one scope as variables.
func secretVars(secrets []Secret, scope run.JobID) []Var {
	var vars []Var
	for i := range secrets {
		if s := &secrets[i]; s.Scope == scope {
			vars = append(vars, Var{s.Name, s.Value})
		}
	}
	return vars
}

// secretDraft is a secret in the making.
type secretDraft struct {
	Secret
	file    field
	sources int
}

// secretFields are the names that a secret may have.
var secretFields = fields[secretDraft]{
	"env": func(d *decoder, s *secretDraft, f field) {
		s.sources++
		if d.string(f, &s.Env); d.kind(f.value) == stringNode && (s.Env == "" || strings.Contains(s.Env, "=")) {
			d.wrong(f, "", "must be the name of a variable, not %s", quote(s.Env))
		}
	},
	"file": func(_ *decoder, s *secretDraft, f field) { s.file, s.sources = f, s.sources+1 },
	"command": func(d *decoder, s *secretDraft, f field) {
		s.sources++
		if d.string(f, &s.Command); d.kind(f.value) == stringNode && strings.TrimSpace(s.Command) == "" {
			d.wrong(f, "", "must not be empty")
		}
	},
}

// declareSecrets reads where secrets come from.
func (d *decoder) declareSecrets(w *draft) {
	if w.secrets.value == 0 || !d.is(w.secrets, objectNode) {
		return
	}
	d.pairs(w.secrets.value, func(key, value uint32) {
		name := d.text(key)
		if strings.HasPrefix(name, "_") || !d.declarable(w, "secret", key, name) {
			return
		}
		d.check = "secrets: " + name + ": "
		defer func() { d.check = "" }()
		s := &secretDraft{Secret: Secret{Name: name}}
		if d.kind(value) != objectNode {
			d.rep.errorBare(d.pos(value), "write {env: NAME}, {file: PATH} or {command: TEXT}: the value itself does not belong in the file",
				"%smust say where it comes from", d.who())
			return
		}
		readFields(d, value, secretFields, s)
		if s.sources != 1 {
			d.rep.errorHint(d.pos(value), "write {env: NAME}, {file: PATH} or {command: TEXT}", "%smust have one of env, file and command", d.who())
		}
		if s.file.value != 0 {
			d.path(s.file, w.WorkingDir, &s.File)
		}
		w.Secrets = append(w.Secrets, s.Secret)
	})
}
