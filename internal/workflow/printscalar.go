package workflow

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// quoteYAML writes text in double quotes. What YAML escapes is what JSON does, and more.
func quoteYAML(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// simpleWord is text that is a plain YAML string wherever it stands, unless it is a word
// with a meaning of its own.
var simpleWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:[ ./-][A-Za-z0-9_]+)*$`)

// stringLayout writes a string as people would: plain where that is safe, as a block
// when it has several lines, else in quotes.
func stringLayout(text string, flow bool) *layout {
	if strings.Contains(text, "\n") && !flow {
		if l := literalLayout(text); l != nil && reads(l, text, false) {
			return l
		}
	}
	return &layout{text: plainOrQuoted(text, flow)}
}

// plainOrQuoted writes a string on one line.
func plainOrQuoted(text string, flow bool) string {
	if token.IsNeedQuoted(text) || legacyWord(text) {
		return quoteYAML(text)
	}
	if simpleWord.MatchString(text) {
		return text
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || !unicode.IsPrint(r) }) {
		return quoteYAML(text)
	}
	if flow && strings.ContainsAny(text, ",[]{}:") || !reads(&layout{text: text}, text, flow) {
		return quoteYAML(text)
	}
	return text
}

// keyYAML writes a name.
func keyYAML(name string) string {
	if name == "on" { // a field of dependencies; nobody quotes it
		return name
	}
	if simpleWord.MatchString(name) {
		return plainOrQuoted(name, true)
	}
	return quoteYAML(name)
}

// legacyWord reports whether other readers of YAML take a word for true or false.
func legacyWord(text string) bool {
	switch strings.ToLower(text) {
	case "yes", "no", "off", "true", "false", "null", "~":
		return true
	}
	return false
}

// literalLayout writes text of several lines as a block, or returns nil where that can't be.
func literalLayout(text string) *layout {
	body := strings.TrimRight(text, "\n")
	if strings.TrimSpace(body) == "" || strings.ContainsFunc(body, func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff')
	}) {
		return nil
	}
	l := &layout{kind: blockLayout, text: "|", lines: strings.Split(body, "\n")}
	if body[0] == ' ' || body[0] == '\t' || body[0] == '\n' {
		l.text += "2" // what begins with white space does not show its indentation
	}
	switch ends := len(text) - len(body); ends {
	case 0:
		l.text += "-"
	case 1:
	default:
		l.text, l.keep = l.text+"+", true
		l.lines = append(l.lines, make([]string, ends-1)...)
	}
	return l
}

// reads reports whether a scalar, written like that, is read as a string with that value.
func reads(l *layout, want string, flow bool) bool {
	var text string
	if flow {
		text = "k: [" + l.text + "]\n"
	} else {
		root := &layout{kind: mapLayout, items: []*layoutItem{{key: "k", name: "k", value: l}, {key: "z", name: "z", value: &layout{text: "z"}}}}
		text = string(printLayout(nil, root))
	}
	doc := parseYAML(text)
	if doc == nil {
		return false
	}
	for _, v := range mappingValues(doc) {
		switch n := v.Value.(type) {
		case *ast.StringNode:
			return n.Value == want
		case *ast.LiteralNode:
			return n.Value.Value == want
		case *ast.SequenceNode:
			if len(n.Values) == 1 {
				s, ok := n.Values[0].(*ast.StringNode)
				return ok && s.Value == want
			}
		}
		return false
	}
	return false
}

func mappingValues(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// parseYAML returns the one document of a text, or nil.
func parseYAML(text string) (doc ast.Node) {
	defer func() {
		if recover() != nil { // see yamlReader.parse
			doc = nil
		}
	}()
	file, err := parser.Parse(lexer.Tokenize(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil
	}
	for _, d := range file.Docs {
		if _, directive := d.Body.(*ast.DirectiveNode); d.Body != nil && !directive {
			return d.Body
		}
	}
	return nil
}
