package expr

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/executionerhq/executioner/internal/nearest"
)

// Error is what is wrong with an expression.
type Error struct {
	Line int    // from 1; 0 when it is about no place
	Col  int    // from 1, in characters
	Msg  string // in words
	Hint string // what to do about it, or empty
}

// Error returns the place, the message and the hint in one line.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Line > 1:
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Col)
	case e.Line == 1:
		fmt.Fprintf(&b, "column %d: ", e.Col)
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// explain turns the first issue of a compilation into an Error.
func (l *language) explain(text string, issues []*cel.Error) error {
	if len(issues) == 0 {
		return &Error{Msg: "it can't be compiled"}
	}
	first := issues[0]
	e := &Error{Msg: plain(first.Message)}
	if first.Location != nil && first.Location.Line() > 0 {
		e.Line, e.Col = first.Location.Line(), first.Location.Column()+1
	}
	l.reword(e, text)
	return e
}

// reword says in plain words what people get wrong most.
func (l *language) reword(e *Error, text string) {
	if m := match(`^undeclared reference to '([^']*)'`, e.Msg); m != nil {
		l.unknownName(e, m[1])
		return
	}
	if m := match(`^undefined field '([^']*)'`, e.Msg); m != nil {
		e.Msg = fmt.Sprintf("there is no field %q", m[1])
		e.Hint = meant(m[1], l.fieldNames())
		return
	}
	if m := match(`^found no matching overload for '([^']*)' applied to '(.*)'$`, e.Msg); m != nil {
		mismatch(e, m[1], m[2])
		return
	}
	if m := match(`^expected type '([^']*)' but found '([^']*)'`, e.Msg); m != nil {
		e.Msg = fmt.Sprintf("this is %s, not %s", article(short(m[2])), article(short(m[1])))
		if m[1] == "bool" {
			e.Msg, e.Hint = fmt.Sprintf("this is %s, not true or false", article(short(m[2]))), comparison
		}
		return
	}
	if m := match(`^reference to undefined type: (.*)`, e.Msg); m != nil {
		e.Msg = fmt.Sprintf("%s is no value", m[1])
		return
	}
	if strings.HasPrefix(e.Msg, "Syntax error: ") {
		syntax(e, text)
	}
}

const comparison = `compare it, such as … == "yes"`

func (l *language) unknownName(e *Error, name string) {
	e.Msg = fmt.Sprintf("there is no variable or function %q", strings.TrimPrefix(name, "."))
	known := slices.Sorted(maps.Keys(l.vars))
	if e.Hint = meant(name, slices.Concat([]string{"true", "false", "null"}, known, l.functions())); e.Hint == "" {
		e.Hint = "there are " + strings.Join(known, ", ") + `; texts are in quotes`
	}
}

func (l *language) functions() []string {
	var all []string
	for name := range l.env.Functions() {
		if !strings.ContainsAny(name, "_@!-") {
			all = append(all, name)
		}
	}
	all = append(all, "has", "all", "exists", "exists_one", "filter", "map")
	slices.Sort(all)
	return all
}

func (l *language) fieldNames() []string {
	var all []string
	for _, shape := range l.types {
		all = slices.AppendSeq(all, maps.Keys(shape))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mismatch says which values an operator or function can't take.
func mismatch(e *Error, function, types string) {
	types = short(strings.Trim(types, "()"))
	operator := strings.Trim(function, "_@")
	list := strings.Split(types, ", ")
	if len(list) == 2 && operator != function {
		e.Msg = fmt.Sprintf("%s does not go between %s and %s", operator, list[0], list[1])
	} else {
		e.Msg = fmt.Sprintf("%s can't be used with %s", operator, types)
	}
	switch {
	case strings.Contains(types, "duration") && strings.Contains(types, "int"):
		e.Hint = `write a duration as duration("1h30m")`
	case strings.Contains(types, "timestamp") && strings.Contains(types, "string"):
		e.Hint = `write a time as timestamp("2026-01-31T00:00:00Z")`
	case strings.Contains(types, "string") && strings.Contains(types, "int"):
		e.Hint = "convert with int(…) or string(…)"
	case strings.Contains(types, "bool") && strings.Contains(types, "string") && operator != function:
		e.Hint = "write true and false without quotes"
	case operator == "!":
		e.Hint = comparison
	}
}

// short returns a type's name as people say it.
func short(name string) string {
	return strings.NewReplacer("google.protobuf.Duration", "duration", "google.protobuf.Timestamp", "timestamp").Replace(name)
}

// syntax says what the parser stumbled over.
func syntax(e *Error, text string) {
	e.Msg = strings.TrimPrefix(e.Msg, "Syntax error: ")
	if strings.HasPrefix(e.Msg, "missing ") && strings.HasSuffix(e.Msg, "at '<EOF>'") {
		e.Msg = "it ends too early"
		return
	}
	found := match(`^(?:mismatched input|extraneous input|no viable alternative at input|token recognition error at:) '(.*?)'(?: expecting.*)?$`, e.Msg)
	if found == nil {
		return
	}
	word := strings.TrimSpace(found[1])
	switch {
	case word == "<EOF>":
		e.Msg = "it ends too early"
		return
	case strings.HasPrefix(word, "="):
		e.Msg, e.Hint = "= compares nothing", "write =="
		return
	case strings.HasPrefix(word, `"`), strings.HasPrefix(word, "'"):
		e.Msg = fmt.Sprintf("a text that begins with %s has no end", word[:1])
		return
	}
	e.Msg = "unexpected " + word
	switch {
	case match(`\b(and|or|not|AND|OR|NOT)\b`, text) != nil:
		e.Hint = "and is written &&, or is ||, not is !"
	case strings.Contains(text, "$"):
		e.Hint = "variables are written without $: env.NAME or params.name"
	}
}

func notBool(ast *cel.Ast) *Error {
	e := &Error{Msg: fmt.Sprintf("it is %s, not true or false", article(short(cel.FormatCELType(ast.OutputType()))))}
	switch ast.OutputType().Kind() {
	case types.StringKind:
		e.Hint = comparison
	case types.ListKind, types.MapKind:
		e.Hint = "test its size, such as size(…) > 0"
	}
	return e
}

// failed says in words why an evaluation failed.
func (p *Program) failed(err error, vars map[string]any) *Error {
	msg := plain(err.Error())
	if strings.Contains(msg, "limit exceeded") {
		return &Error{Msg: "it takes too long: it was stopped"}
	}
	if m := match(`^no such key: (.*)$`, msg); m != nil {
		hint := meant(m[1], known(vars))
		if hint == "" {
			hint = fmt.Sprintf("ask first whether it is there: %q in …, or has(….%s)", m[1], m[1])
		}
		return &Error{Msg: fmt.Sprintf("there is no %q", m[1]), Hint: hint}
	}
	if strings.HasPrefix(msg, "no such overload") {
		return &Error{Msg: "it compares or joins values of different types", Hint: "convert with int(…), double(…) or string(…)"}
	}
	return &Error{Msg: msg}
}

// known returns the names that the variables have.
func known(vars map[string]any) []string {
	var all []string
	for _, v := range vars {
		switch v := v.(type) {
		case map[string]any:
			all = slices.AppendSeq(all, maps.Keys(v))
		case map[string]string:
			all = slices.AppendSeq(all, maps.Keys(v))
		}
	}
	slices.Sort(all)
	return all
}

func meant(name string, candidates []string) string {
	if best := nearest.Of(strings.TrimPrefix(name, "."), candidates); best != "" && best != name {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return ""
}

func match(pattern, text string) []string {
	return regexp.MustCompile(pattern).FindStringSubmatch(text)
}

// plain returns the first line of a text.
func plain(text string) string {
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "ERROR: "), "\n")
	return text
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}
