package lint

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/internal/workflow"
)

// script is a command as a shell reads it.
type script struct {
	file  *syntax.File      // nil when no shell reads it, or none could
	known map[string]string // variables whose value the file or the command itself says
}

// script returns the command of a job, parsed once.
func (l *linter) script(i int) script {
	if !l.parsed {
		l.parsed = true
		l.scripts = make([]script, len(l.Jobs))
		parser := syntax.NewParser(syntax.Variant(syntax.LangBash))
		l.each(func(i int, j *workflow.Job) {
			if j.Args != nil || !l.AllowShell || j.Command == "" {
				return
			}
			if file, err := parser.Parse(strings.NewReader(j.Command), ""); err == nil {
				l.scripts[i] = script{file, l.knownValues(j, file)}
			}
		})
	}
	return l.scripts[i]
}

// knownValues are the variables with a value in the file, or that the command sets.
func (l *linter) knownValues(j *workflow.Job, file *syntax.File) map[string]string {
	known := map[string]string{}
	for _, vars := range [][]workflow.Var{l.Env, j.Env} {
		for _, v := range vars {
			if delete(known, v.Name); literal(v.Value) {
				known[v.Name] = v.Value
			}
		}
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		if a, ok := node.(*syntax.Assign); ok && a.Name != nil && a.Value != nil {
			delete(known, a.Name.Value)
			if value, ok := plainWord(a.Value); ok && value != "" {
				known[a.Name.Value] = value
			}
		}
		return true
	})
	return known
}

// plainWord returns a word without quotes, and whether nothing in it is for the shell to replace.
func plainWord(w *syntax.Word) (string, bool) {
	return plainParts(w.Parts)
}

func plainParts(parts []syntax.WordPart) (string, bool) {
	var b strings.Builder
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(part.Value)
		case *syntax.SglQuoted:
			b.WriteString(part.Value)
		case *syntax.DblQuoted:
			text, known := plainParts(part.Parts)
			if !known {
				return "", false
			}
			b.WriteString(text)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// options are the settings of the shell that a script makes, and where.
type options struct {
	errexit, pipefail, nounset uint // offset behind which it is set; 0: never
}

func optionsOf(file *syntax.File) options {
	var o options
	syntax.Walk(file, func(node syntax.Node) bool {
		call, ok := node.(*syntax.CallExpr)
		if !ok || programOf(call) != "set" {
			return true
		}
		at := call.End().Offset()
		for _, arg := range call.Args[1:] {
			text, _ := plainWord(arg)
			short := strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "--")
			if short && strings.Contains(text, "e") || text == "errexit" {
				o.errexit = first(o.errexit, at)
			}
			if short && strings.Contains(text, "u") || text == "nounset" {
				o.nounset = first(o.nounset, at)
			}
			if text == "pipefail" {
				o.pipefail = first(o.pipefail, at)
			}
		}
		return true
	})
	return o
}

func first(was, at uint) uint {
	if was != 0 {
		return was
	}
	return at
}

// programOf returns the name of what a call runs, without its directory.
func programOf(call *syntax.CallExpr) string {
	if len(call.Args) == 0 {
		return ""
	}
	text, _ := plainWord(call.Args[0])
	return text[strings.LastIndexByte(text, '/')+1:]
}

// callOf returns the simple command that a statement is.
func callOf(s *syntax.Stmt) *syntax.CallExpr {
	call, _ := s.Cmd.(*syntax.CallExpr)
	return call
}

// unquoted finds variables that the shell splits into words and takes as patterns.
func unquoted(l *linter) {
	l.each(func(i int, j *workflow.Job) {
		s := l.script(i)
		if s.file == nil {
			return
		}
		var said []string
		syntax.Walk(s.file, func(node syntax.Node) bool {
			call, ok := node.(*syntax.CallExpr)
			if !ok || len(call.Args) == 0 || programOf(call) == "echo" {
				return true
			}
			for _, arg := range call.Args[1:] {
				for _, part := range arg.Parts {
					v, ok := part.(*syntax.ParamExp)
					if !ok || !s.splits(v) || slices.Contains(said, v.Param.Value) {
						continue
					}
					said = append(said, v.Param.Value)
					l.add(l.rule.Level, j.ID, l.Origin.Within(j.ID, j.Command, int(v.Pos().Offset())),
						"write it in double quotes", "$%s is not in quotes: blanks and * in its value change the command", v.Param.Value)
				}
			}
			return true
		})
	})
}

// splits reports whether the value of an expansion may be more or less than one word,
// and is not meant to be.
func (s script) splits(v *syntax.ParamExp) bool {
	if v.Param == nil || v.Length || v.Param.Value == "" || strings.ContainsAny(v.Param.Value[:1], "?#$!@*-0123456789") {
		return false
	}
	name := v.Param.Value
	if value, known := s.known[name]; known {
		return v.Exp == nil && strings.ContainsAny(value, " \t\n*?[")
	}
	switch name {
	case "EXECUTIONER_RUN", "EXECUTIONER_ATTEMPT", "EXECUTIONER_TRY", "PWD", "UID", "PPID", "RANDOM", "LINENO", "SECONDS":
		return false
	}
	for _, end := range []string{"OPTS", "OPTIONS", "ARGS", "FLAGS"} {
		if strings.HasSuffix(strings.ToUpper(name), end) {
			return false
		}
	}
	return true
}
