package convert

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// assignments counts how often each variable is set, anywhere in a script.
func assignments(file *syntax.File) map[string]int {
	count := map[string]int{}
	for node := range syntax.Preorder(file) {
		for _, name := range namesSetBy(node) {
			count[name]++
		}
	}
	return count
}

// namesSetBy returns the variables that a node itself sets.
func namesSetBy(node syntax.Node) []string {
	switch n := node.(type) {
	case *syntax.Assign:
		if n.Name != nil && !n.Naked {
			return []string{n.Name.Value}
		}
	case *syntax.WordIter:
		return []string{n.Name.Value}
	case *syntax.ParamExp:
		if n.Exp != nil && (n.Exp.Op == syntax.AssignUnset || n.Exp.Op == syntax.AssignUnsetOrNull) && n.Param != nil {
			return []string{n.Param.Value}
		}
	case *syntax.CallExpr:
		if len(n.Args) > 0 && slices.Contains([]string{"read", "mapfile", "readarray", "getopts", "unset"}, n.Args[0].Lit()) {
			var names []string
			for _, w := range n.Args[1:] {
				if word := w.Lit(); syntax.ValidName(word) {
					names = append(names, word)
				}
			}
			return names
		}
	}
	return nil
}

// setNames returns the variables that a statement sets in the script's own shell, each once.
func setNames(stmt *syntax.Stmt) []string {
	var all []string
	syntax.Walk(stmt, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst, *syntax.FuncDecl:
			return false
		case *syntax.CallExpr:
			if len(n.Args) > 0 { // assignments before a command are for it only
				all = append(all, namesSetBy(n)...)
				return false
			}
		case *syntax.BinaryCmd:
			if n.Op == syntax.Pipe || n.Op == syntax.PipeAll {
				return false
			}
		case *syntax.WordIter:
			return false // of use within the loop
		}
		if node != nil {
			all = append(all, namesSetBy(node)...)
		}
		return true
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// defaulted returns the variables that the words of a command set, as in : "${A:=1}".
func defaulted(call *syntax.CallExpr) []string {
	var all []string
	for node := range syntax.Preorder(call) {
		if p, is := node.(*syntax.ParamExp); is {
			all = append(all, namesSetBy(p)...)
		}
	}
	return all
}

// onlySets reports whether a statement does nothing but set variables.
func onlySets(stmt *syntax.Stmt) bool {
	if stmt.Background || len(setNames(stmt)) == 0 {
		return false
	}
	quiet := true
	syntax.Walk(stmt, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.CmdSubst:
			return false // what works out a value
		case *syntax.CallExpr:
			if len(n.Args) > 0 && !slices.Contains([]string{"[", "test", ":", "true", "false", "exit", "echo", "printf"}, n.Args[0].Lit()) {
				quiet = false
			}
		case *syntax.Redirect:
			quiet = quiet && n.N != nil || n.Op == syntax.DplOut
		}
		return quiet
	})
	return quiet
}

// references returns the variables and functions that a node may use.
func references(n syntax.Node) []string {
	var all []string
	for node := range syntax.Preorder(n) {
		switch n := node.(type) {
		case *syntax.ParamExp:
			if n.Param != nil {
				all = append(all, n.Param.Value)
			}
		case *syntax.Assign:
			if n.Naked && n.Name != nil {
				all = append(all, n.Name.Value)
			}
		case *syntax.CallExpr:
			if len(n.Args) > 0 {
				all = append(all, n.Args[0].Lit())
			}
		case *syntax.ArithmExp, *syntax.ArithmCmd, *syntax.LetClause:
			for in := range syntax.Preorder(node) {
				if w, is := in.(*syntax.Word); is {
					all = append(all, w.Lit())
				}
			}
		}
	}
	return slices.DeleteFunc(all, func(name string) bool { return !syntax.ValidName(name) && !plainFunction(name) })
}

// plainFunction reports whether a word can be a function's name, as bash has it.
func plainFunction(name string) bool { return name != "" && !strings.ContainsAny(name, "/$*?[") }

// setOptions returns the letters of a set command; p stands for pipefail.
func setOptions(call *syntax.CallExpr) (letters string, ok bool) {
	for i := 1; i < len(call.Args); i++ {
		word := call.Args[i].Lit()
		switch {
		case word == "pipefail", word == "errexit", word == "nounset":
			letters += map[string]string{"pipefail": "p", "errexit": "e", "nounset": "u"}[word]
		case len(word) > 1 && word[0] == '-':
			letters += strings.ReplaceAll(word[1:], "o", "")
		default:
			return "", false
		}
	}
	return letters, letters != ""
}

// needsBash reports whether /bin/sh may not understand a command.
func needsBash(text string) bool {
	if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), ""); err != nil {
		return true
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return false
	}
	for node := range syntax.Preorder(file) {
		if beyondPOSIX(node) {
			return true
		}
	}
	return false
}

func beyondPOSIX(node syntax.Node) bool {
	switch n := node.(type) {
	case *syntax.TestClause, *syntax.ArrayExpr, *syntax.ArithmCmd, *syntax.LetClause, *syntax.ProcSubst, *syntax.CoprocClause, *syntax.ExtGlob, *syntax.CStyleLoop:
		return true
	case *syntax.FuncDecl:
		return n.RsrvWord
	case *syntax.DeclClause:
		for _, a := range n.Args {
			if a.Name == nil && a.Value != nil && a.Value.Lit() != "-p" {
				return true // export -f and the like
			}
		}
		return n.Variant.Value != "export" && n.Variant.Value != "readonly" && n.Variant.Value != "local"
	case *syntax.Redirect:
		return n.Op == syntax.WordHdoc || n.Op == syntax.RdrAll || n.Op == syntax.AppAll
	case *syntax.SglQuoted:
		return n.Dollar
	case *syntax.DblQuoted:
		return n.Dollar
	case *syntax.BinaryCmd:
		return n.Op == syntax.PipeAll
	case *syntax.ForClause:
		return n.Select
	case *syntax.Assign:
		return n.Append || n.Index != nil
	case *syntax.ParamExp:
		return n.Excl || n.Index != nil || n.Slice != nil || n.Repl != nil || n.Names != 0 || n.Param != nil && slices.Contains([]string{"RANDOM", "SECONDS", "BASH_SOURCE", "FUNCNAME", "EPOCHSECONDS", "PIPESTATUS", "HOSTNAME", "UID", "EUID"}, n.Param.Value) ||
			n.Exp != nil && n.Exp.Op >= syntax.UpperFirst && n.Exp.Op <= syntax.LowerAll || n.Exp != nil && n.Exp.Op == syntax.OtherParamOps
	case *syntax.Word:
		return braces(n)
	case *syntax.CallExpr:
		return bashCall(n)
	}
	return false
}

// braces reports whether bash would make several words of one.
func braces(w *syntax.Word) bool {
	for _, part := range w.Parts {
		if l, is := part.(*syntax.Lit); is {
			if open := strings.IndexByte(l.Value, '{'); open >= 0 {
				inside := l.Value[open:]
				return strings.Contains(inside, ",") || strings.Contains(inside, "..")
			}
		}
	}
	return false
}

// bashCall reports whether a command is one that only bash has.
func bashCall(call *syntax.CallExpr) bool {
	if len(call.Args) == 0 {
		return false
	}
	name := call.Args[0].Lit()
	switch name {
	case "source", "pushd", "popd", "shopt", "mapfile", "readarray", "declare", "typeset", "let", "disown":
		return true
	}
	for _, w := range call.Args[1:] {
		word := w.Lit()
		switch {
		case name == "set" && word == "pipefail", name == "echo" && strings.HasPrefix(word, "-e"), name == "printf" && word == "-v",
			name == "read" && len(word) > 1 && word[0] == '-' && word != "-r", (name == "[" || name == "test") && word == "==",
			name == "trap" && (word == "ERR" || word == "DEBUG" || word == "RETURN"):
			return true
		}
	}
	return false
}
