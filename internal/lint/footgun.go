package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/internal/workflow"
)

// footguns finds shell commands that do harm, or hide failures.
func footguns(l *linter) {
	l.each(func(i int, j *workflow.Job) {
		s := l.script(i)
		if s.file == nil {
			return
		}
		g := &gunner{linter: l, job: j, script: s, options: optionsOf(s.file)}
		g.lines(s.file.Stmts)
		g.background()
		syntax.Walk(s.file, func(node syntax.Node) bool {
			switch node := node.(type) {
			case *syntax.CallExpr:
				g.removal(node)
			case *syntax.BinaryCmd:
				g.pipe(node)
			case *syntax.Block:
				g.changeDir(node.Stmts)
			case *syntax.Subshell:
				g.changeDir(node.Stmts)
			}
			return true
		})
		g.changeDir(s.file.Stmts)
	})
}

// gunner looks at one command.
type gunner struct {
	*linter
	script
	options

	job   *workflow.Job
	piped bool // a pipe was told
}

func (g *gunner) say(level Level, pos syntax.Pos, hint, format string, args ...any) {
	g.add(level, g.job.ID, g.Origin.Within(g.job.ID, g.job.Command, int(pos.Offset())), hint, format, args...)
}

// removal finds `rm -rf "$x/"`, which is `rm -rf /` when x is empty.
func (g *gunner) removal(call *syntax.CallExpr) {
	if programOf(call) != "rm" {
		return
	}
	recursive := false
	for _, arg := range call.Args[1:] {
		text, known := plainWord(arg)
		if known && (text == "--recursive" || strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "--") && strings.ContainsAny(text, "rR")) {
			recursive = true
			continue
		}
		name, rooted := rootedInVariable(arg)
		if !recursive || !rooted || g.known[name] != "" || name == "HOME" || name == "PWD" {
			continue
		}
		g.say(Error, arg.Pos(), "write ${"+name+":?}, which fails when it is empty", "rm -r removes from / on when %s is empty", name)
	}
}

// rootedInVariable reports whether a path is below / when the variable that it begins
// with is empty.
func rootedInVariable(w *syntax.Word) (string, bool) {
	parts := flat(w.Parts)
	if len(parts) < 2 {
		return "", false
	}
	v, ok := parts[0].(*syntax.ParamExp)
	if !ok || v.Param == nil || v.Exp != nil {
		return "", false
	}
	next, ok := parts[1].(*syntax.Lit)
	return v.Param.Value, ok && strings.HasPrefix(next.Value, "/") && strings.Trim(next.Value, "/*.") == ""
}

// flat returns parts without the double quotes round them.
func flat(parts []syntax.WordPart) []syntax.WordPart {
	var all []syntax.WordPart
	for _, part := range parts {
		if quoted, ok := part.(*syntax.DblQuoted); ok {
			all = append(all, flat(quoted.Parts)...)
			continue
		}
		all = append(all, part)
	}
	return all
}

// lines finds a command of several lines of which a failure of all but the last is lost.
func (g *gunner) lines(stmts []*syntax.Stmt) {
	for n, s := range stmts {
		if n == len(stmts)-1 || s.End().Line() == stmts[n+1].Pos().Line() || !canFail(s) || g.set(g.errexit, s) {
			continue
		}
		g.say(Warn, s.Pos(), "begin the command with set -e", "of its lines the exit code of the last counts: a failure before it is not noticed")
		return
	}
}

// set reports whether a setting is in force at a statement.
func (g *gunner) set(since uint, s *syntax.Stmt) bool { return since > 0 && since <= s.Pos().Offset() }

// canFail reports whether a statement may fail without that being dealt with.
func canFail(s *syntax.Stmt) bool {
	if s.Background || s.Negated {
		return false
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		switch programOf(cmd) {
		case "", "set", "echo", "printf", "trap", ":", "true", "exit", "umask", "shift", "wait", "unset", "sleep":
			return false
		}
		return true
	case *syntax.BinaryCmd:
		return cmd.Op != syntax.OrStmt
	case *syntax.Subshell, *syntax.Block, *syntax.ForClause, *syntax.WhileClause:
		return true
	}
	return false
}

// changeDir finds commands that run elsewhere when a cd before them failed.
func (g *gunner) changeDir(stmts []*syntax.Stmt) {
	for n, s := range stmts {
		call := callOf(s)
		if call == nil || programOf(call) != "cd" || n == len(stmts)-1 || g.set(g.errexit, s) || len(call.Args) < 2 {
			continue
		}
		if next := callOf(stmts[n+1]); next != nil && programOf(next) == "" {
			continue
		}
		g.say(Warn, s.Pos(), "write cd … && …, or begin with set -e", "what follows cd runs in the wrong directory when cd fails")
		return
	}
}

// pipe finds pipes that hide the failure of all but their last part.
func (g *gunner) pipe(b *syntax.BinaryCmd) {
	if b.Op != syntax.Pipe && b.Op != syntax.PipeAll || g.piped || g.set(g.pipefail, b.X) {
		return
	}
	call := callOf(b.X)
	if call != nil {
		switch programOf(call) {
		case "", "echo", "printf", "yes", "cat", "ps", "ls", "date", "seq", "env", "set", "true", ":", "head", "tail", "grep", "sort", "sed", "awk":
			return
		}
	}
	if _, piped := b.X.Cmd.(*syntax.BinaryCmd); piped {
		return // its own parts are looked at
	}
	g.piped = true
	g.say(Warn, b.X.Pos(), "write to a file first, or use a shell with set -o pipefail", "a failure before | is not noticed")
}

// background finds commands in the background that nobody waits for.
func (g *gunner) background() {
	var at *syntax.Stmt
	waits := false
	syntax.Walk(g.file, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.Stmt:
			if node.Background && at == nil {
				at = node
			}
		case *syntax.CallExpr:
			waits = waits || programOf(node) == "wait"
		}
		return true
	})
	if at != nil && !waits {
		g.say(Warn, at.Pos(), "end the command with wait, or make it a job of its own", "nobody waits for the command in the background (&), or learns that it failed")
	}
}
