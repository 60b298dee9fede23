package workflow

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// treeLayouter makes a layout of a tree, which has no comments: one of JSON, one of YAML
// whose aliases are expanded, or one that was put together.
type treeLayouter struct {
	*tree
	note func(value uint32) string // a comment behind the field with that value; nil for none
}

// printTree writes a tree as YAML. note may add a comment, from # on, behind a field or
// entry of a list.
func printTree(t *tree, note func(value uint32) string) []byte {
	root := (&treeLayouter{t, note}).value(0, "", false)
	root.arrange()
	return printLayout(nil, root)
}

// layoutTree returns the layout of a whole tree.
func layoutTree(t *tree) *layout {
	root := (&treeLayouter{tree: t}).value(0, "", false)
	root.flow = false
	return root
}

// value returns the layout of a node that is the value of a field.
func (y *treeLayouter) value(i uint32, field string, flow bool) *layout {
	switch y.kind(i) {
	case stringNode:
		return saying(stringLayout(y.text(i), flow), y.text(i))
	case numberNode:
		return &layout{text: y.yamlNumber(i)}
	case boolNode:
		return &layout{text: strings.ToLower(y.text(i))}
	case listNode:
		return y.list(i, field, flow)
	case objectNode:
		return y.object(i, field, flow)
	}
	return &layout{text: "null"}
}

// scalars reports whether all that a list or object has is scalars without line breaks.
func (y *treeLayouter) scalars(i uint32) bool {
	for c := i + 1; c < y.next(i); c = y.next(c) {
		if k := y.kind(c); k == listNode || k == objectNode || k == stringNode && strings.Contains(y.text(c), "\n") {
			return false
		}
	}
	return true
}

// list writes ids, numbers and dependencies in brackets, and other lists line by line.
func (y *treeLayouter) list(i uint32, field string, flow bool) *layout {
	flow = flow || y.scalars(i) || strings.TrimPrefix(field, "+") == "dependencies"
	l := &layout{kind: listLayout, flow: flow}
	for c := i + 1; c < y.next(i); c = y.next(c) {
		l.items = append(l.items, &layoutItem{value: y.value(c, "", flow), after: y.comment(c)})
	}
	return l
}

func (y *treeLayouter) object(i uint32, field string, flow bool) *layout {
	l := &layout{kind: mapLayout, flow: flow || field == "params" && y.scalars(i)}
	for key := i + 1; key < y.next(i); key = y.next(key + 1) {
		name := y.text(key)
		it := &layoutItem{key: keyYAML(name), name: name, after: y.comment(key + 1)}
		if field == "env_variables" && y.kind(key+1) < listNode && !y.yaml && !y.plainNumber(key+1) {
			it.value = stringLayout(y.envText(key+1), l.flow)
		} else {
			it.value = y.value(key+1, name, l.flow)
		}
		l.items = append(l.items, it)
	}
	return l
}

func (y *treeLayouter) comment(value uint32) string {
	if y.note == nil {
		return ""
	}
	return y.note(value)
}

// envText is the text that a variable with this scalar value gets.
func (t *tree) envText(value uint32) string {
	text, _ := (&decoder{tree: t}).varValue("", value)
	return text
}

// yamlNumber writes a number so that YAML reads the same one.
func (t *tree) yamlNumber(i uint32) string {
	text := t.text(i)
	if t.yaml || yamlNumber(text) {
		return text
	}
	if v, err := t.number(i); err == nil {
		return short(v)
	}
	return text
}

// plainNumber reports whether YAML reads a number with the same spelling.
func (t *tree) plainNumber(i uint32) bool { return t.kind(i) == numberNode && yamlNumber(t.text(i)) }

func yamlNumber(text string) bool {
	tokens := lexer.Tokenize(text)
	return len(tokens) == 1 && (tokens[0].Type == token.IntegerType || tokens[0].Type == token.FloatType) && tokens[0].Value == text
}

var numberJSON = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$`)

// jsonNumber writes a number as JSON.
func (t *tree) jsonNumber(i uint32) string {
	text := t.text(i)
	if numberJSON.MatchString(text) {
		return text
	}
	if v, err := t.number(i); err == nil {
		return short(v)
	}
	return jsonString(text)
}
