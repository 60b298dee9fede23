package policy

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// walk looks at every call, redirection and substitution below node.
func (r *reviewer) walk(node syntax.Node) {
	syntax.Walk(node, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Stmt:
			return r.stmt(n)
		case *syntax.CmdSubst:
			r.find(commandSubstitution, "runs a command for its output, in $(…) or backquotes")
		case *syntax.BinaryCmd:
			if n.Op == syntax.Pipe || n.Op == syntax.PipeAll {
				r.pipeline(n)
			}
		}
		return true
	})
}

// stmt looks at one statement and reports whether walk shall go into it.
func (r *reviewer) stmt(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	if !ok {
		r.redirects(s, call{})
		return true
	}
	args := words(c.Args)
	if len(args) > 0 && r.whitelisted(args[0]) {
		r.within(s)
		return false
	}
	calls := r.unwrap(args)
	for _, c := range calls {
		r.call(c)
	}
	if len(calls) > 0 {
		r.redirects(s, calls[len(calls)-1])
		r.runsDownload(s, calls[len(calls)-1])
	} else {
		r.redirects(s, call{})
	}
	return true
}

// within looks only at the commands whose output is part of s.
func (r *reviewer) within(s *syntax.Stmt) {
	syntax.Walk(s, func(n syntax.Node) bool {
		var stmts []*syntax.Stmt
		switch n := n.(type) {
		case *syntax.CmdSubst:
			stmts = n.Stmts
		case *syntax.ProcSubst:
			stmts = n.Stmts
		default:
			return true
		}
		for _, stmt := range stmts {
			r.walk(stmt)
		}
		return false
	})
}

// whitelisted reports whether the program is allowed by its name as written, or by
// its bare name when it is in one of the system's directories.
func (r *reviewer) whitelisted(program word) bool {
	if len(r.whitelist) == 0 || !program.known() {
		return false
	}
	if r.whitelist[program.text] {
		return true
	}
	dir, name := splitPath(program.text)
	return isSystemDir(dir) && r.whitelist[name]
}

// redirects looks at the files of a statement. c is its last call, if it is one.
func (r *reviewer) redirects(s *syntax.Stmt, c call) {
	for _, rd := range s.Redirs {
		if rd.Word == nil {
			continue
		}
		if rd.Hdoc != nil || rd.Op == syntax.WordHdoc {
			r.heredoc(rd, c)
			continue
		}
		if rd.Op == syntax.DplIn || rd.Op == syntax.DplOut && isNumber(rd.Word.Lit()) {
			continue
		}
		target := unquote(rd.Word.Parts, false)
		r.path(target)
		if rd.Op == syntax.RdrIn {
			continue
		}
		r.writeTo(target)
		if isDownloader(c.name) && rd.Op != syntax.AppOut && !isStdout(target) {
			r.find(overwritingDownload, c.name+" overwrites "+shown(target))
		}
	}
}

// heredoc reads the text that a shell is given as its script.
func (r *reviewer) heredoc(rd *syntax.Redirect, c call) {
	w := rd.Hdoc
	if rd.Op == syntax.WordHdoc {
		w = rd.Word
	}
	if isShell(c.name) && readsScript(c) {
		r.text(source(unquote(w.Parts, false)))
	}
}

// pipeline looks for downloads, and for text, that a later part of it executes.
func (r *reviewer) pipeline(b *syntax.BinaryCmd) {
	runs := false
	for _, c := range callsIn(b.Y) {
		runs = runs || isInterpreter(c.name) && readsScript(c) && !r.whitelisted(c.program)
	}
	if !runs {
		return
	}
	for _, c := range callsIn(b.X) {
		if isDownloader(c.name) && !r.whitelisted(c.program) {
			r.find(webToShell, c.name+" is piped to a shell")
		}
		if c.name == "echo" || c.name == "printf" {
			r.text(joined(c.args))
		}
	}
}

// runsDownload looks for `sh -c "$(curl …)"`, `bash <(curl …)` and the like.
func (r *reviewer) runsDownload(s *syntax.Stmt, c call) {
	if !isInterpreter(c.name) && c.name != "eval" && c.name != "source" && c.name != "." {
		return
	}
	syntax.Walk(s, func(n syntax.Node) bool {
		switch n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst:
			for _, inner := range callsIn(n) {
				if isDownloader(inner.name) {
					r.find(webToShell, "what "+inner.name+" gets is run by "+c.name)
				}
			}
			return false
		}
		return true
	})
}

// callsIn returns all calls below a node, whitelisted or not.
func callsIn(node syntax.Node) []call {
	var all []call
	var none reviewer // without a whitelist
	syntax.Walk(node, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok {
			all = append(all, none.unwrap(words(c.Args))...)
		}
		return true
	})
	return all
}

func joined(args []word) string {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = source(a.text)
	}
	return strings.Join(texts, " ")
}

// source turns a word's text into shell text again: what is not known of it becomes
// a variable, so that the rest can be read.
func source(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, home, "$HOME"), unknown, "$_")
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789-") == ""
}
