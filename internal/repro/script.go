package repro

import (
	"fmt"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Between these marks stands the name of a variable whose value is known only where the
// script runs. A workflow can't have them in a text that a shell would see unchanged.
const (
	takenMark  = "\x01" // the caller's, empty when it is not set
	secretMark = "\x02" // must be set
	endMark    = "\x03"
)

// Script returns a POSIX shell script that does the same on any host with the same
// programs. It has no secrets: whoever starts it gives them as variables.
func Script(src Source, environ []string) (string, error) {
	inherited := names(environ)
	for i, name := range inherited {
		inherited[i] = name + "=" + takenMark + name + endMark
	}
	src.Workflow, src.Env = withoutSecrets(src.Workflow), hidden(src.Env)
	c, err := Of(src, inherited)
	if err != nil {
		return "", err
	}
	s := &script{}
	s.line("#!/bin/sh")
	s.line("# Job %s of run %d (%s), attempt %d, try %d: what it ran, outside of any run.", comment(string(src.Task.Job)), src.Task.Run, comment(src.Workflow.Application), src.Task.Attempt, src.Task.Try)
	s.line("# Written by: executioner repro %d %s --print", src.Task.Run, comment(quote(string(src.Task.Job))))
	if len(c.Secrets) > 0 {
		s.line("# Secrets are not in here. Give them as variables: %s", comment(strings.Join(c.Secrets, " ")))
	}
	s.line("# Other variables come from whoever starts it. What they were in the run is not recorded.")
	s.line("")
	s.line("cd %s || exit 1", quote(c.Dir))
	s.limit(src.Workflow.Inherit, c)
	s.variables(c)
	s.line("# What it hands on to later jobs.")
	s.line(`export %s="$(mktemp -d)/output"`, outputVariable)
	s.line("")
	s.out.WriteString("exec")
	for _, arg := range c.Args {
		s.out.WriteString(" " + value(arg))
	}
	s.out.WriteString("\n")
	return s.out.String(), nil
}

type script struct{ out strings.Builder }

func (s *script) line(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// limit takes away the caller's variables that the job would not inherit.
func (s *script) limit(in workflow.Inherit, c *Command) {
	if in.All {
		return
	}
	keep := slices.Concat(in.Names, c.Secrets)
	keep = slices.DeleteFunc(keep, func(name string) bool { return !shellName(name) })
	s.line("")
	s.line("# Of the caller's variables the job sees these only.")
	s.line(`for name in $(awk 'BEGIN { for (name in ENVIRON) print name }'); do`)
	s.line("  case $name in")
	if len(keep) > 0 {
		s.line("  %s) ;;", strings.Join(keep, "|"))
	}
	s.line(`  *) (unset "$name") 2> /dev/null && unset "$name" ;;`)
	s.line("  esac")
	s.line("done")
}

// variables sets those that do not come from the caller.
func (s *script) variables(c *Command) {
	var odd []string
	for _, v := range c.Env {
		name, text, _ := strings.Cut(v, "=")
		switch {
		case text == takenMark+name+endMark:
		case shellName(name):
			s.line("export %s=%s", name, value(text))
		default:
			odd = append(odd, name)
		}
	}
	if len(odd) > 0 {
		s.line("# A shell can't set variables of these names: %s", comment(strings.Join(odd, " ")))
	}
}

// value writes a text for a shell, with what is known only there as expansions.
func value(text string) string {
	var b strings.Builder
	for text != "" {
		at := strings.IndexAny(text, takenMark+secretMark)
		if at < 0 {
			b.WriteString(quote(text))
			return b.String()
		}
		if at > 0 {
			b.WriteString(quote(text[:at]))
		}
		name, rest, _ := strings.Cut(text[at+1:], endMark)
		switch {
		case !shellName(name):
			b.WriteString(quote("${" + name + "}"))
		case text[at] == secretMark[0]:
			b.WriteString(`"${` + name + `:?is secret: give it as a variable}"`)
		default:
			b.WriteString(`"${` + name + `-}"`)
		}
		text = rest
	}
	if b.Len() == 0 {
		return "''"
	}
	return b.String()
}

// quote writes a text for a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%_-+=:,./", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// comment keeps a text on one line.
func comment(s string) string { return strings.Join(strings.Fields(s), " ") }

// shellName reports whether a shell could set a variable of that name.
func shellName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// withoutSecrets returns the workflow with a mark in place of each secret.
func withoutSecrets(wf *workflow.Workflow) *workflow.Workflow {
	marked := make([]string, len(wf.Secrets))
	for i := range wf.Secrets {
		marked[i] = secretMark + wf.Secrets[i].Name + endMark
	}
	safe := *wf.WithSecrets(marked)
	safe.Params, safe.Env = hiddenParams(wf.Params), hidden(wf.Env)
	safe.Jobs = slices.Clone(wf.Jobs)
	for i := range safe.Jobs {
		j := &safe.Jobs[i]
		j.Env, j.Item, j.Scope = hidden(j.Env), hidden(j.Item), hiddenScope(j.Scope)
	}
	return &safe
}

func hiddenScope(s *workflow.Scope) *workflow.Scope {
	if s == nil {
		return nil
	}
	safe := *s
	safe.Item, safe.Call, safe.Env = hidden(s.Item), hidden(s.Call), hidden(s.Env)
	safe.Params, safe.Parent = hiddenParams(s.Params), hiddenScope(s.Parent)
	return &safe
}

func hidden(vars []workflow.Var) []workflow.Var {
	safe := slices.Clone(vars)
	for i := range safe {
		if mask.SecretName(safe[i].Name) {
			safe[i].Value = secretMark + safe[i].Name + endMark
		}
	}
	return safe
}

func hiddenParams(params []workflow.Param) []workflow.Param {
	safe := slices.Clone(params)
	for i := range safe {
		if p := &safe[i]; p.Secret || mask.SecretName(p.Name) {
			p.Value = secretMark + p.Name + endMark
		}
	}
	return safe
}
