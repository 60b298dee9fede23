package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// Uses says which members of a variable the expression names, as in params.x,
// params["x"], "x" in params or has(params.x), sorted; and whether it also uses the
// variable in other ways, so that any member may matter.
func (p *Program) Uses(variable string) (names []string, whole bool) {
	root := ast.NavigateAST(p.ast.NativeRep())
	for _, node := range ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind)) {
		if node.AsIdent() != variable {
			continue
		}
		name, ok := member(node)
		if !ok {
			whole = true
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), whole
}

// member returns the constant name that is looked up in a variable.
func member(node ast.NavigableExpr) (string, bool) {
	parent, ok := node.Parent()
	if !ok {
		return "", false
	}
	switch parent.Kind() {
	case ast.SelectKind:
		return parent.AsSelect().FieldName(), true
	case ast.CallKind:
		return called(node, parent)
	}
	return "", false
}

func called(node, parent ast.NavigableExpr) (string, bool) {
	args := parent.AsCall().Args()
	if len(args) != 2 {
		return "", false
	}
	key := -1
	switch {
	case parent.AsCall().FunctionName() == "_[_]" && args[0].ID() == node.ID():
		key = 1
	case parent.AsCall().FunctionName() == "@in" && args[1].ID() == node.ID():
		key = 0
	}
	if key < 0 || args[key].Kind() != ast.LiteralKind {
		return "", false
	}
	name, ok := args[key].AsLiteral().(types.String)
	return string(name), ok
}
