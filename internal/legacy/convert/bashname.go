package convert

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// commandName returns what a command is best called: the program that it runs.
func commandName(command string) string {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command), "")
	if err != nil || len(file.Stmts) == 0 {
		return "step"
	}
	for _, s := range file.Stmts {
		if name := nodeName(s); name != "" {
			return name
		}
	}
	return "step"
}

// nodeName returns the name of the first program in a node that says something.
func nodeName(n syntax.Node) string {
	for node := range syntax.Preorder(n) {
		if call, is := node.(*syntax.CallExpr); is && len(call.Args) > 0 {
			if name := callName(call); name != "" {
				return name
			}
		}
	}
	return ""
}

// carriers run what follows them; others of these say nothing.
var (
	carriers = []string{
		"sudo", "time", "nohup", "nice", "exec", "env", "command", "bash", "sh", "ksh", "python", "python2", "python3", "perl", "ruby", "node", "php", "java", "Rscript", "timeout", "xargs", "flock",
	}
	silent = []string{"[", "test", "cd", "echo", "printf", "set", "true", "false", ":", "exit", "return", "export", "local", "read", "shift", "break", "continue", "wait", "sleep", "source", ".", "mkdir"}
)

func callName(call *syntax.CallExpr) string {
	var carrier string
	for _, w := range call.Args {
		word := w.Lit()
		base := path.Base(word)
		switch {
		case word == "" && carrier == "", slices.Contains(silent, word):
			return ""
		case word == "", strings.HasPrefix(word, "-"), strings.Contains(word, "="), carrier != "" && strings.Trim(word, "0123456789.smh") == "":
			continue
		case slices.Contains(carriers, base):
			carrier = base
			continue
		}
		if ext := path.Ext(base); ext != "" && ext != base {
			base = strings.TrimSuffix(base, ext)
		}
		return base
	}
	return carrier
}
