package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/internal/workflow"
)

// unusedParams finds parameters that nothing uses. Programs of one's own see them in
// their environment: where a job calls one, nobody can tell.
func unusedParams(l *linter) {
	if len(l.Params) == 0 || l.callsOwn() {
		return
	}
	names := make([]string, len(l.Params))
	for i := range l.Params {
		names[i] = l.Params[i].Name
	}
	mentioned := l.Origin.Mentions("params", names)
	for _, name := range names {
		if !mentioned[name] {
			l.add(l.rule.Level, "", l.Origin.Member("", "params", name), "take it out, or use it", "nothing uses the parameter %s", name)
		}
	}
}

// callsOwn reports whether a job runs a program that does not come with the system.
func (l *linter) callsOwn() bool {
	own := false
	l.each(func(i int, j *workflow.Job) {
		s := l.script(i)
		switch {
		case own, j.Command == "":
		case s.file == nil:
			own = j.Args == nil || ownProgram(j.Args[0], j.Args[1:])
		default:
			syntax.Walk(s.file, func(node syntax.Node) bool {
				if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
					var args []string
					for _, arg := range call.Args {
						text, known := plainWord(arg)
						if !known {
							text = "$"
						}
						args = append(args, text)
					}
					own = own || ownProgram(args[0], args[1:])
				}
				return true
			})
		}
	})
	return own
}

// ownProgram reports whether a call runs, or may run, a script of one's own.
func ownProgram(program string, args []string) bool {
	if strings.Contains(program, "$") {
		return true
	}
	if strings.Contains(program, "/") {
		for _, dir := range []string{"/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"} {
			if strings.HasPrefix(program, dir) {
				return false
			}
		}
		return true
	}
	switch program {
	case "sh", "bash", "dash", "ksh", "zsh", ".", "source", "python", "python3", "perl", "ruby", "node", "php", "java", "make", "eval", "exec", "env", "xargs", "sudo", "nohup", "nice", "timeout":
		return len(args) > 0
	}
	return false
}
