// Package expr compiles and evaluates the conditions and rules of workflow files.
// They are written in CEL, the Common Expression Language, which always ends and
// changes nothing: see https://cel.dev.
package expr

import (
	"sync"

	"cel.dev/cel-go/cel"
)

// Limits of an expression. Real ones have a hundred bytes and cost less than 100.
const (
	MaxText   = 16 << 10  // bytes of its text
	MaxCost   = 1_000_000 // of one evaluation, as CEL counts: about one for each operation
	maxDepth  = 100       // parentheses and calls within each other
	maxRegexp = 1000      // instructions of a regular expression
	maxString = 1 << 20   // bytes of a text that replace and join make
)

// Compiler compiles expressions. Making one is cheap: what an expression needs is built
// when the first of its sort is compiled. It is safe for concurrent use.
type Compiler struct {
	condition func() (*language, error)
	rule      func() (*language, error)
	event     func() (*language, error)
}

// NewCompiler returns a Compiler.
func NewCompiler() *Compiler {
	return &Compiler{
		condition: sync.OnceValues(func() (*language, error) { return newLanguage(conditionTypes(), conditionVars()) }),
		rule:      sync.OnceValues(func() (*language, error) { return newLanguage(ruleTypes(), ruleVars()) }),
		event:     sync.OnceValues(func() (*language, error) { return newLanguage(shapes{}, eventVars()) }),
	}
}

// Condition compiles a job's `when`. It may use
//
//	params  the parameters of the run, by name
//	env     the job's environment variables, by name
//	jobs    what became of the jobs that it depends on, by id: state, reason, exit_code, outputs
//	now     when it is evaluated
//	run     id, attempt
//
// and the functions of CEL, those for texts of its extension, and date("2026-01-31").
// An expression that is wrong, or not of type bool, is an *Error.
func (c *Compiler) Condition(text string) (*Program, error) { return compile(c.condition, text) }

// Rule compiles an expression of a rule. It may use
//
//	workflow  the fields of the file
//	job       the fields of the job that is looked at
//
// An expression that is wrong, or not of type bool, is an *Error.
func (c *Compiler) Rule(text string) (*Program, error) { return compile(c.rule, text) }

// language is one sort of expressions: which variables and types there are.
type language struct {
	env   *cel.Env
	types shapes
	vars  map[string]*cel.Type
}

func newLanguage(types shapes, vars map[string]*cel.Type) (*language, error) {
	registry, err := newProvider(types)
	if err != nil {
		return nil, err
	}
	options := []cel.EnvOption{
		cel.StdLib(), dateFunction(), cel.CustomTypeProvider(registry), cel.CustomTypeAdapter(registry),
		cel.ParserExpressionSizeLimit(MaxText), cel.ParserRecursionLimit(maxDepth), cel.ParserErrorRecoveryLimit(1),
		cel.ExpressionNestingDepthLimit(maxDepth), cel.RegexProgramSizeLimit(maxRegexp),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
	}
	texts, err := textFunctions()
	if err != nil {
		return nil, err
	}
	options = append(options, texts...)
	for name, t := range vars {
		options = append(options, cel.Variable(name, t))
	}
	env, err := cel.NewCustomEnv(options...)
	if err != nil {
		return nil, err
	}
	return &language{env: env, types: types, vars: vars}, nil
}
