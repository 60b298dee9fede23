package workflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/internal/fault"
)

// maxCommand is how long a command without a shell may be, in bytes: what Linux
// passes as one argument. It also bounds how deep the shell's reader can recurse.
const maxCommand = 128 << 10

// SplitCommand splits a command into words as a POSIX shell would, for direct
// execution. What only a shell can do is a *fault.Error with code InvalidWorkflow
// that names it and its place. A command of white space only has no words.
// It is pure and safe for concurrent use.
func SplitCommand(command string) ([]string, error) {
	words, need := splitCommand(newShellParser(), command)
	if need == nil {
		return words, nil
	}
	return nil, fault.New(fault.InvalidWorkflow, "%s at byte %d of the command", need.what, need.offset+1).WithHint("%s", need.hint)
}

// shellNeed is what in a command needs a shell, or can't be read.
type shellNeed struct {
	offset int // in bytes
	what   string
	hint   string
}

const (
	hintQuote = "put it in single quotes to mean it literally, or set allow_shell to true"
	hintShell = "set allow_shell to true, or call a script"
)

func needs(pos syntax.Pos, hint, format string, args ...any) *shellNeed {
	return &shellNeed{offset: int(pos.Offset()), what: fmt.Sprintf(format, args...), hint: hint}
}

func newShellParser() *syntax.Parser {
	return syntax.NewParser(syntax.Variant(syntax.LangPOSIX), syntax.KeepComments(true))
}

func splitCommand(parser *syntax.Parser, command string) ([]string, *shellNeed) {
	if len(command) > maxCommand {
		return nil, &shellNeed{what: fmt.Sprintf("it has %d bytes, more than the %d that can be passed", len(command), maxCommand), hint: "call a script"}
	}
	if at := strings.IndexByte(command, 0); at >= 0 {
		return nil, &shellNeed{offset: at, what: "it contains a NUL byte"}
	}
	file, err := parser.Parse(strings.NewReader(command), "")
	if err != nil {
		return nil, unreadable(err)
	}
	if len(file.Stmts) == 0 {
		if len(file.Last) > 0 {
			return nil, needs(file.Last[0].Pos(), hintQuote, "a comment (#) needs a shell")
		}
		return nil, nil
	}
	call, need := onlyCall(file)
	if need != nil {
		return nil, need
	}
	return callWords(call)
}

func unreadable(err error) *shellNeed {
	var parse syntax.ParseError
	if errors.As(err, &parse) {
		return needs(parse.Pos, "", "it can't be read: %s", parse.Text)
	}
	return &shellNeed{what: "it can't be read: " + err.Error()}
}

// onlyCall returns the one simple command of a file, or what it has besides.
func onlyCall(file *syntax.File) (*syntax.CallExpr, *shellNeed) {
	stmt := file.Stmts[0]
	if len(stmt.Redirs) > 0 {
		return nil, needs(stmt.Redirs[0].OpPos, hintShell, "a redirection (%s) needs a shell", stmt.Redirs[0].Op)
	}
	if stmt.Negated {
		return nil, needs(stmt.Pos(), hintShell, "a negation (!) needs a shell")
	}
	call, need := simple(stmt)
	switch {
	case need != nil:
		return nil, need
	case stmt.Background:
		return nil, needs(stmt.Semicolon, hintShell, "running in the background (&) needs a shell")
	case stmt.Semicolon.IsValid():
		return nil, needs(stmt.Semicolon, hintShell, "a semicolon (;) needs a shell")
	case len(stmt.Comments) > 0:
		return nil, needs(stmt.Comments[0].Pos(), hintQuote, "a comment (#) needs a shell")
	case len(file.Stmts) > 1:
		return nil, needs(file.Stmts[1].Pos(), hintShell, "a second line needs a shell")
	case len(file.Last) > 0:
		return nil, needs(file.Last[0].Pos(), hintQuote, "a comment (#) needs a shell")
	}
	return call, nil
}

// simple returns a statement's simple command, or the construct that it is instead.
func simple(stmt *syntax.Stmt) (*syntax.CallExpr, *shellNeed) {
	switch cmd := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		if len(cmd.Assigns) > 0 {
			return nil, needs(cmd.Assigns[0].Pos(), "use env_variables, or set allow_shell to true", "setting a variable (%s=) before the command needs a shell", cmd.Assigns[0].Name.Value)
		}
		return cmd, nil
	case *syntax.BinaryCmd:
		left, need := cmd.X, (*shellNeed)(nil)
		if len(left.Redirs) > 0 { // in the order in which people read
			return nil, needs(left.Redirs[0].OpPos, hintShell, "a redirection (%s) needs a shell", left.Redirs[0].Op)
		}
		if _, nested := left.Cmd.(*syntax.BinaryCmd); nested {
			if _, need = simple(left); need != nil {
				return nil, need
			}
		}
		if cmd.Op == syntax.Pipe {
			return nil, needs(cmd.OpPos, hintShell, "a pipe (|) needs a shell")
		}
		return nil, needs(cmd.OpPos, hintShell, "%s needs a shell", cmd.Op)
	case *syntax.Subshell:
		return nil, needs(stmt.Pos(), hintShell, "a subshell ( ) needs a shell")
	case *syntax.Block:
		return nil, needs(stmt.Pos(), hintShell, "a block { } needs a shell")
	case *syntax.FuncDecl:
		return nil, needs(stmt.Pos(), hintShell, "a function needs a shell")
	}
	return nil, needs(stmt.Pos(), hintShell, "a construct such as if, for, while or case needs a shell")
}

// shellOnly are commands that exist only within a shell, or do nothing outside one.
var shellOnly = [...]string{
	".", ":", "alias", "break", "cd", "continue", "eval", "exec", "exit", "export", "read", "readonly", "return",
	"set", "shift", "source", "trap", "ulimit", "umask", "unset", "wait",
}

func callWords(call *syntax.CallExpr) ([]string, *shellNeed) {
	words := make([]string, 0, len(call.Args))
	for _, arg := range call.Args {
		word, need := wordText(arg)
		if need != nil {
			return nil, need
		}
		words = append(words, word)
	}
	if words[0] == "" {
		return nil, needs(call.Pos(), "", "the name of the program is empty")
	}
	if slices.Contains(shellOnly[:], words[0]) {
		return nil, needs(call.Pos(), hintShell, "%s is part of the shell and needs one", words[0])
	}
	return words, nil
}

func wordText(word *syntax.Word) (string, *shellNeed) {
	var text strings.Builder
	for i, part := range word.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if need := unquoted(p, i == 0); need != nil {
				return "", need
			}
			if p.Value == "$" && i+1 < len(word.Parts) {
				return "", needs(p.Pos(), hintQuote, "a dollar sign before quotes means different things to different shells and needs one")
			}
			text.WriteString(unescapeLit(p.Value, ""))
		case *syntax.SglQuoted:
			text.WriteString(p.Value)
		case *syntax.DblQuoted:
			for _, inner := range p.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return "", expansion(inner)
				}
				text.WriteString(unescapeLit(lit.Value, "$`\"\\"))
			}
		default:
			return "", expansion(part)
		}
	}
	return text.String(), nil
}

// unquoted finds what a shell would expand in text without quotes.
func unquoted(lit *syntax.Lit, first bool) *shellNeed {
	text := lit.Value
	if first && strings.HasPrefix(text, "~") {
		return needs(lit.Pos(), "write the whole path, or set allow_shell to true", "a home directory (~) needs a shell")
	}
	for i := 0; i < len(text); i++ {
		rest := text[i+1:]
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '*', c == '?', c == '[' && strings.Contains(rest, "]"):
			return at(lit, i, "a pattern for file names (%c) needs a shell", c)
		case c == '{':
			if inner, _, ok := strings.Cut(rest, "}"); ok && (strings.Contains(inner, ",") || strings.Contains(inner, "..")) {
				return at(lit, i, "a list in braces ({%s}) needs a shell", inner)
			}
		}
	}
	return nil
}

func at(lit *syntax.Lit, i int, format string, args ...any) *shellNeed {
	n := needs(lit.Pos(), hintQuote, format, args...)
	n.offset += i
	return n
}

// expansion names a part of a word that only a shell can replace.
func expansion(part syntax.WordPart) *shellNeed {
	switch p := part.(type) {
	case *syntax.ParamExp:
		name := ""
		if p.Param != nil {
			name = p.Param.Value
		}
		return needs(p.Pos(), "the program gets its variables in its environment; set allow_shell to true to have them in the command", "a variable ($%s) needs a shell", name)
	case *syntax.CmdSubst:
		return needs(p.Pos(), hintShell, "the output of a command ($( ) or ` `) needs a shell")
	case *syntax.ArithmExp:
		return needs(p.Pos(), hintShell, "arithmetic ($(( ))) needs a shell")
	}
	return needs(part.Pos(), hintShell, "an expansion needs a shell")
}

// unescapeLit removes backslashes: before any character, or only before some.
func unescapeLit(text, only string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (only == "" || strings.IndexByte(only, text[i+1]) >= 0) {
			i++
		}
		out = append(out, text[i])
	}
	return string(out)
}
