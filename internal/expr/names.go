package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/executionerhq/executioner/internal/nearest"
)

// Type is what a condition sees of a parameter.
type Type uint8

// The types of parameters.
const (
	Text   Type = iota
	Whole       // a whole number
	Number      // any number
	Truth       // true or false
	Texts       // a list of texts
)

func (t Type) cel() *cel.Type {
	switch t {
	case Whole:
		return cel.IntType
	case Number:
		return cel.DoubleType
	case Truth:
		return cel.BoolType
	case Texts:
		return listOf(cel.StringType)
	case Text:
	}
	return cel.StringType
}

// Names are what the conditions of one workflow can speak of.
type Names struct {
	Params  map[string]Type // those that conditions see
	Secret  map[string]bool // parameters that they don't see
	Jobs    map[string]bool // by id
	States  []string        // that a job can be in
	Reasons []string        // why it can be there
}

// Checker finds what is wrong with the conditions of one workflow before it runs: names
// that it does not have, values that are compared with another type or with what they
// can't be. Each distinct text is looked at once. It is not safe for concurrent use.
type Checker struct {
	compiler *Compiler
	names    Names
	typed    *language // knows the types of the parameters; nil before it is needed
	found    map[string]error
}

// Checker returns a Checker. It is cheap until the first condition is looked at.
func (c *Compiler) Checker(n Names) *Checker {
	return &Checker{compiler: c, names: n, found: make(map[string]error)}
}

// Condition says what is wrong with a condition, an *Error, or nil. What Compiler.Condition
// finds is found as well, but for regular expressions and the like that can't be made.
func (k *Checker) Condition(text string) error {
	err, known := k.found[text]
	if !known {
		err = k.look(text)
		k.found[text] = err
	}
	return err
}

func (k *Checker) look(text string) error {
	if len(text) > MaxText {
		_, err := k.compiler.Condition(text)
		return err
	}
	l, err := k.language()
	if err != nil {
		return err
	}
	tree, issues := l.env.Parse(text)
	if issues.Err() != nil {
		return l.explain(text, issues.Errors())
	}
	parsed := tree.NativeRep()
	selectMembers(parsed)
	for _, find := range []func(*ast.AST) *Error{k.unknownParam, k.unknownJob} {
		if e := find(parsed); e != nil {
			return e
		}
	}
	return k.check(l, tree, text)
}

// check finds parameters that are used as what they are not, and what no job can be.
func (k *Checker) check(l *language, tree *cel.Ast, text string) error {
	checked, issues := l.env.Check(tree)
	if issues.Err() == nil {
		if kind := checked.OutputType().Kind(); kind != types.BoolKind && kind != types.DynKind {
			return notBool(checked)
		}
		return orNil(k.impossible(checked.NativeRep()))
	}
	// Numbers of both types can be equal, which CEL knows only when it evaluates.
	wrong := slices.DeleteFunc(slices.Clone(issues.Errors()), func(e *cel.Error) bool {
		return match(`'_[=!]=_' applied to '\((int|double), (int|double)\)'$`, e.Message) != nil
	})
	if len(wrong) > 0 {
		return l.explain(text, wrong)
	}
	p, err := k.compiler.Condition(text)
	if err != nil {
		return err
	}
	return orNil(k.impossible(p.ast.NativeRep()))
}

// orNil keeps an error that is nil from becoming one that is not.
func orNil(e *Error) error {
	if e == nil {
		return nil
	}
	return e
}

// place gives an error the place of a part of the expression.
func place(tree *ast.AST, node ast.Expr, e *Error) *Error {
	if l := tree.SourceInfo().GetStartLocation(node.ID()); l.Line() > 0 {
		e.Line, e.Col = l.Line(), l.Column()+1
	}
	return e
}

// absent returns the first name that is read of a variable and that known does not have.
// A name whose being there is asked for, as by has(), is nobody's mistake.
func absent(root ast.NavigableExpr, variable string, known func(string) bool) (at ast.NavigableExpr, name string) {
	asked := map[string]bool{}
	nodes := ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind))
	for _, node := range nodes {
		if name, ok := member(node); ok && node.AsIdent() == variable && asks(node) {
			asked[name] = true
		}
	}
	for _, node := range nodes {
		if node.AsIdent() != variable {
			continue
		}
		if name, ok := member(node); ok && !asked[name] && !known(name) {
			return node, name
		}
	}
	return nil, ""
}

// asks reports whether a variable is used to ask whether a member is there.
func asks(node ast.NavigableExpr) bool {
	parent, _ := node.Parent()
	switch parent.Kind() {
	case ast.SelectKind:
		return parent.AsSelect().IsTestOnly()
	case ast.CallKind:
		return parent.AsCall().FunctionName() == "@in"
	}
	return false
}

func (k *Checker) unknownParam(tree *ast.AST) *Error {
	node, name := absent(ast.NavigateAST(tree), "params", func(name string) bool { _, ok := k.names.Params[name]; return ok })
	if node == nil {
		return nil
	}
	if k.names.Secret[name] {
		return place(tree, node, &Error{Msg: fmt.Sprintf("the parameter %q is secret, and conditions don't see it", name)})
	}
	e := &Error{Msg: fmt.Sprintf("there is no parameter %q", name), Hint: guess(name, slices.Sorted(maps.Keys(k.names.Params)))}
	if len(k.names.Params) == 0 {
		e.Hint = "the workflow has none: params declares them"
	}
	return place(tree, node, e)
}

func (k *Checker) unknownJob(tree *ast.AST) *Error {
	node, name := absent(ast.NavigateAST(tree), "jobs", func(id string) bool { return k.names.Jobs[id] })
	if node == nil {
		return nil
	}
	ids := slices.Sorted(maps.Keys(k.names.Jobs))
	e := &Error{Msg: fmt.Sprintf("there is no job %q", name)}
	if i := slices.IndexFunc(ids, func(id string) bool {
		return strings.HasPrefix(id, name+"[") || strings.HasPrefix(id, name+"/")
	}); i >= 0 {
		e.Hint = fmt.Sprintf("several jobs are made of it, such as jobs[%q]", ids[i])
	} else {
		e.Hint = guess(name, ids)
	}
	return place(tree, node, e)
}

// few is how many names are listed at most.
const few = 8

// guess says which of the names was meant, or which there are.
func guess(name string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	if best := nearest.Of(name, names); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	if len(names) > few {
		return "such as " + strings.Join(names[:few], ", ")
	}
	return "there are " + strings.Join(names, ", ")
}

// impossible finds a state or reason that is compared with a text that none has.
func (k *Checker) impossible(tree *ast.AST) *Error {
	for _, node := range ast.MatchDescendants(ast.NavigateAST(tree), ast.KindMatcher(ast.SelectKind)) {
		s := node.AsSelect()
		if s.IsTestOnly() || tree.GetType(s.Operand().ID()).TypeName() != "Result" {
			continue
		}
		var words []string
		switch s.FieldName() {
		case "state":
			words = k.names.States
		case "reason":
			words = append([]string{""}, k.names.Reasons...)
		default:
			continue
		}
		for _, other := range comparedWith(node) {
			text, ok := literal(other)
			if !ok || slices.Contains(words, text) {
				continue
			}
			e := &Error{Msg: fmt.Sprintf("%q is no %s of a job", text, s.FieldName()), Hint: guess(text, words)}
			if s.FieldName() == "reason" && nearest.Of(text, words) == "" {
				e.Hint = "docs/state-machine.md lists them"
			}
			return place(tree, other, e)
		}
	}
	return nil
}

// comparedWith returns what a value is compared with.
func comparedWith(node ast.NavigableExpr) []ast.Expr {
	parent, ok := node.Parent()
	if !ok || parent.Kind() != ast.CallKind {
		return nil
	}
	args := parent.AsCall().Args()
	switch parent.AsCall().FunctionName() {
	case "_==_", "_!=_":
		return args // the value itself is no literal
	case "@in":
		if args[0].ID() == node.ID() && args[1].Kind() == ast.ListKind {
			return args[1].AsList().Elements()
		}
	}
	return nil
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().(types.String)
	return string(text), ok
}

// language returns that of conditions in which each parameter is a variable of its own,
// such as params.day, besides params: CEL takes the longest name that it knows.
func (k *Checker) language() (*language, error) {
	if k.typed != nil {
		return k.typed, nil
	}
	base, err := k.compiler.condition()
	if err != nil {
		return nil, err
	}
	var options []cel.EnvOption
	for _, name := range slices.Sorted(maps.Keys(k.names.Params)) {
		options = append(options, cel.Variable("params."+name, k.names.Params[name].cel()))
	}
	env, err := base.env.Extend(options...)
	if err != nil {
		return nil, err
	}
	k.typed = &language{env: env, types: base.types, vars: base.vars}
	return k.typed, nil
}

// selectMembers writes params["x"] as params.x throughout.
func selectMembers(tree *ast.AST) {
	factory := ast.NewExprFactory()
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "_[_]" {
			return
		}
		args := e.AsCall().Args()
		name, ok := literal(args[1])
		if ok && args[0].Kind() == ast.IdentKind && args[0].AsIdent() == "params" {
			e.SetKindCase(factory.NewSelect(e.ID(), args[0], name))
		}
	}))
}
