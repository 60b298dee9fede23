package expr

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
)

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	text     string
	language *language
	ast      *cel.Ast
	program  cel.Program
}

func compile(get func() (*language, error), text string) (*Program, error) {
	if len(text) > MaxText {
		return nil, &Error{Msg: fmt.Sprintf("it has %d bytes, more than the %d that are read", len(text), MaxText)}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &Error{Msg: "it is empty"}
	}
	l, err := get()
	if err != nil {
		return nil, err
	}
	ast, issues := l.env.Compile(text)
	if issues.Err() != nil {
		return nil, l.explain(text, issues.Errors())
	}
	if t := ast.OutputType(); t.Kind() != types.BoolKind && t.Kind() != types.DynKind {
		return nil, notBool(ast)
	}
	program, err := l.env.Program(ast, cel.CostLimit(MaxCost), cel.CostTracking(textCost{}))
	if err != nil {
		return nil, &Error{Msg: plain(err.Error())}
	}
	return &Program{text: text, language: l, ast: ast, program: program}, nil
}

// Text returns what was compiled.
func (p *Program) Text() string { return p.text }

// Bool evaluates the expression. vars has a value for each variable; jobs is a map
// from ids to maps or Fields. What can't be evaluated, such as a name that is not
// there, or what costs more than MaxCost, is an *Error.
func (p *Program) Bool(vars map[string]any) (bool, error) {
	holds, _, err := p.Measure(vars)
	return holds, err
}

// Measure is Bool and says what it cost, which is known also of one that failed.
func (p *Program) Measure(vars map[string]any) (holds bool, cost uint64, err error) {
	value, details, err := p.program.Eval(vars)
	if c := details.ActualCost(); c != nil {
		cost = *c
	}
	if err != nil {
		return false, cost, p.failed(err, vars)
	}
	truth, ok := value.(types.Bool)
	if !ok {
		return false, cost, &Error{Msg: fmt.Sprintf("it is %s, not true or false", article(short(value.Type().TypeName()))), Hint: comparison}
	}
	return bool(truth), cost, nil
}

// Constant returns the value of an expression that is the same whatever the variables
// are, and whether it is such a one.
func (p *Program) Constant() (value, constant bool) {
	program, err := p.language.env.Program(p.ast, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(MaxCost), cel.CostTracking(textCost{}))
	if err != nil {
		return false, false
	}
	var unknown []*interpreter.AttributePattern
	for name := range p.language.vars {
		unknown = append(unknown, cel.AttributePattern(name))
	}
	vars, err := cel.PartialVars(map[string]any{}, unknown...)
	if err != nil {
		return false, false
	}
	result, _, err := program.Eval(vars)
	truth, ok := result.(types.Bool)
	return bool(truth), err == nil && ok
}
