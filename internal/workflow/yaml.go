package workflow

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// yamlReader turns a YAML document into the same tree that JSON becomes.
type yamlReader struct {
	tree    *tree
	rep     *reporter
	lines   []int // offset of the first byte of each line
	last    lineCol
	anchors map[string]ast.Node
	open    map[string]bool // anchors that are being expanded
	alias   int             // offset of the outermost alias being expanded, or -1
	added   int             // nodes that aliases added
}

// lineCol is a place that was found last: places on one line are found going on from it.
type lineCol struct{ line, col, pos int }

// readYAML returns the tree of a YAML file, or nil after reporting why it can't be read.
func readYAML(data []byte, rep *reporter) *tree {
	if !cleanText(data, rep) {
		return nil
	}
	if t := readPlainYAML(data); t != nil {
		return t
	}
	return readAnyYAML(data, rep)
}

// readAnyYAML is readYAML with the YAML module, for text that is clean.
func readAnyYAML(data []byte, rep *reporter) *tree {
	if len(data) > MaxYAML {
		rep.errorHint(0, "write it as JSON, which has no such limit, or without aliases, tags and values of several lines except behind |",
			"the file has %d bytes, more than the %d that are read as YAML", len(data), MaxYAML)
		return nil
	}
	r := &yamlReader{
		tree:    &tree{data: data, yaml: true},
		rep:     rep,
		lines:   lineStarts(data),
		anchors: map[string]ast.Node{},
		open:    map[string]bool{},
		alias:   -1,
	}
	doc := r.parse()
	if doc == nil || !r.value(doc, 0) {
		return nil
	}
	return r.tree
}

// cleanText reports bytes that are not UTF-8, and NUL.
func cleanText(data []byte, rep *reporter) bool {
	if at := bytes.IndexByte(data, 0); at >= 0 {
		rep.error(at, "the file contains a NUL byte")
		return false
	}
	if utf8.Valid(data) {
		return true
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	rep.errorHint(at, "save the file as UTF-8", "the byte 0x%02X is not UTF-8", data[at])
	return false
}

func lineStarts(data []byte) []int {
	starts := []int{0}
	for i := range data {
		if endsLine(data, i) {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// parse returns the file's one document.
func (r *yamlReader) parse() (doc ast.Node) {
	defer func() {
		// The YAML module reads whatever people write; a panic in it is not ours to die of.
		if p := recover(); p != nil {
			r.rep.error(0, "the YAML can't be read: %v", p)
			doc = nil
		}
	}()
	// Line breaks are made alike first: columns do not change by it.
	text := strings.ReplaceAll(strings.ReplaceAll(string(r.tree.data), "\r\n", "\n"), "\r", "\n")
	tokens := lexer.Tokenize(text)
	if !newYAMLGuard(r).allows(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	return r.only(file)
}

// only returns the one document of a file. Directives come as documents of their own.
func (r *yamlReader) only(file *ast.File) (only ast.Node) {
	for _, doc := range file.Docs {
		switch _, directive := doc.Body.(*ast.DirectiveNode); {
		case doc.Body == nil || directive:
		case only == nil:
			only = doc.Body
		default: // after a line with three dots
			r.rep.error(r.pos(first(doc.Body)), secondDocument)
			return nil
		}
	}
	if only == nil {
		r.rep.errorHint(0, "write one, or let `executioner init` write a first one", "the file is empty")
	}
	return only
}

// first returns the token with which a node begins: a block mapping has no bracket, it
// begins with its first name.
func first(n ast.Node) *token.Token {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return n.GetToken()
}

const secondDocument = "a workflow file must have one YAML document, and a second begins here"

// syntax reports an error of the YAML module at its place.
func (r *yamlReader) syntax(err error) {
	var located interface {
		error
		GetMessage() string
		GetToken() *token.Token
	}
	if !errors.As(err, &located) {
		r.rep.error(0, "the YAML can't be read: %s", printable(err.Error()))
		return
	}
	pos := r.pos(located.GetToken())
	r.rep.errorHint(pos, r.syntaxHint(located.GetMessage(), pos), "the YAML can't be read: %s", printable(strings.ReplaceAll(located.GetMessage(), "'\t'", "TAB")))
}

// pos returns the offset of a token, or of the alias that brought it here.
func (r *yamlReader) pos(t *token.Token) int {
	if r.alias >= 0 {
		return r.alias
	}
	if t == nil || t.Position == nil {
		return 0
	}
	line, col := max(1, min(t.Position.Line, len(r.lines))), max(1, t.Position.Column)
	if r.last.line != line || r.last.col > col {
		r.last = lineCol{line, 1, r.lines[line-1]}
	}
	data := r.tree.data
	for r.last.col < col && r.last.pos < len(data) && data[r.last.pos] != '\n' && data[r.last.pos] != '\r' {
		_, size := utf8.DecodeRune(data[r.last.pos:])
		r.last.pos += size
		r.last.col++
	}
	return r.last.pos
}

// add appends a node and counts what aliases add.
func (r *yamlReader) add(k kind, at *token.Token) (i uint32, ok bool) {
	if r.alias >= 0 {
		if r.added++; r.added > maxAlias {
			r.rep.error(r.alias, "aliases expand to more than %d values", maxAlias)
			return 0, false
		}
	}
	return r.tree.add(node{pos: uint32(r.pos(at)), kind: k}), true
}

func (r *yamlReader) scalar(k kind, at *token.Token, text string) bool {
	if strings.IndexByte(text, 0) >= 0 {
		r.rep.error(r.pos(at), "a string must not contain a NUL byte")
		return false
	}
	i, ok := r.add(k, at)
	if ok {
		r.tree.nodes[i].form, r.tree.nodes[i].end = apart, uint32(len(r.tree.texts))
		r.tree.texts = append(r.tree.texts, text)
	}
	return ok
}

// value appends a node and all it contains.
func (r *yamlReader) value(n ast.Node, depth int) bool {
	if depth > maxDepth {
		r.rep.error(r.pos(n.GetToken()), "objects and lists are nested more than %d deep", maxDepth)
		return false
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return r.scalar(nullNode, n.GetToken(), "null")
	case *ast.BoolNode:
		return r.scalar(boolNode, n.GetToken(), n.GetToken().Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return r.scalar(numberNode, n.GetToken(), n.GetToken().Value)
	case *ast.StringNode:
		return r.scalar(stringNode, n.GetToken(), stringValue(n))
	case *ast.LiteralNode:
		return r.scalar(stringNode, n.GetToken(), n.Value.Value)
	case *ast.SequenceNode:
		return r.list(n, depth)
	case *ast.MappingNode:
		return r.object(first(n), n.Values, depth)
	case *ast.MappingValueNode:
		return r.object(n.Key.GetToken(), []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		r.anchors[n.Name.GetToken().Value] = n.Value
		return r.value(n.Value, depth+1)
	case *ast.AliasNode:
		return r.expand(n, depth, func(target ast.Node) bool { return r.value(target, depth+1) })
	case *ast.TagNode:
		return r.tagged(n, depth)
	}
	r.rep.error(r.pos(n.GetToken()), "this kind of YAML value (%s) is not supported", n.Type())
	return false
}

// stringValue returns the text of a string that is no block. The YAML module loses the
// tabs within a plain one, and with them words of a command.
func stringValue(n *ast.StringNode) string {
	t := n.GetToken()
	if text := strings.TrimSpace(t.Origin); t.Type == token.StringType && strings.Contains(text, "\t") && !strings.Contains(text, "\n") {
		return text
	}
	return n.Value
}

func (r *yamlReader) list(n *ast.SequenceNode, depth int) bool {
	self, ok := r.add(listNode, n.GetToken())
	if !ok {
		return false
	}
	for _, item := range n.Values {
		if !r.value(item, depth+1) {
			return false
		}
	}
	r.tree.close(self)
	return true
}

// expand calls use with what an alias stands for. All that it adds has the alias's place.
func (r *yamlReader) expand(n *ast.AliasNode, depth int, use func(ast.Node) bool) bool {
	name := n.Value.GetToken().Value
	target, known := r.anchors[name]
	pos := r.pos(n.GetToken())
	switch {
	case !known:
		r.rep.errorHint(pos, "a text that begins with * goes in quotes", "there is no anchor &%s before this alias", printable(name))
		return false
	case r.open[name] || depth > maxDepth:
		r.rep.error(pos, "the alias *%s contains itself", printable(name))
		return false
	}
	outer := r.alias
	r.open[name], r.alias = true, pos
	ok := use(target)
	delete(r.open, name)
	r.alias = outer
	return ok
}

// tagged reads a value with a tag: the standard ones only.
func (r *yamlReader) tagged(n *ast.TagNode, depth int) bool {
	switch tag := n.GetToken().Value; tag {
	case "!!str":
		switch v := n.Value.(type) {
		case nil, *ast.NullNode:
			return r.scalar(stringNode, n.GetToken(), "")
		case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
			return r.scalar(stringNode, v.GetToken(), v.GetToken().Value)
		}
	case "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
	default:
		r.rep.errorHint(r.pos(n.GetToken()), "a text that begins with ! goes in quotes", "the YAML tag %s is not supported", quote(tag))
		return false
	}
	if n.Value == nil {
		return r.scalar(nullNode, n.GetToken(), "null")
	}
	return r.value(n.Value, depth+1)
}

// object reads a mapping; names of its own go before those that << merges into it.
func (r *yamlReader) object(at *token.Token, values []*ast.MappingValueNode, depth int) bool {
	self, ok := r.add(objectNode, at)
	if !ok {
		return false
	}
	var merges []ast.Node
	for _, v := range values {
		if v.Key.IsMergeKey() {
			merges = append(merges, v.Value)
		} else if !r.member(v, depth) {
			return false
		}
	}
	r.tree.close(self)
	if len(merges) == 0 {
		return true
	}
	m := &merger{yamlReader: r, depth: depth, have: r.names(self)}
	for _, source := range merges {
		if !m.add(source, depth) {
			return false
		}
	}
	r.tree.close(self)
	return true
}

func (r *yamlReader) names(object uint32) map[string]bool {
	have := map[string]bool{}
	for key := object + 1; key < r.tree.next(object); key = r.tree.next(key + 1) {
		have[r.tree.text(key)] = true
	}
	return have
}

func (r *yamlReader) member(v *ast.MappingValueNode, depth int) bool {
	name, ok := r.keyText(v.Key)
	return ok && r.scalar(stringNode, v.Key.GetToken(), name) && r.value(v.Value, depth+1)
}

// keyText returns a name; numbers and words such as yes are names as they are written.
func (r *yamlReader) keyText(key ast.Node) (string, bool) {
	switch k := key.(type) {
	case *ast.MappingKeyNode:
		return r.keyText(k.Value)
	case *ast.StringNode:
		return k.Value, true
	case *ast.AnchorNode:
		r.anchors[k.Name.GetToken().Value] = k.Value
		return r.keyText(k.Value)
	case *ast.NullNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken().Value, true
	}
	r.rep.error(r.pos(key.GetToken()), "a name must be a plain text")
	return "", false
}

// merger adds the members of other mappings to one, except for names it has.
type merger struct {
	*yamlReader
	depth int
	have  map[string]bool
}

func (m *merger) add(source ast.Node, depth int) bool {
	switch n := source.(type) {
	case *ast.AliasNode:
		return m.expand(n, depth, func(target ast.Node) bool { return m.add(target, depth+1) })
	case *ast.AnchorNode:
		m.anchors[n.Name.GetToken().Value] = n.Value
		return m.add(n.Value, depth)
	case *ast.SequenceNode:
		for _, item := range n.Values {
			if !m.add(item, depth+1) {
				return false
			}
		}
		return true
	case *ast.MappingNode:
		return m.members(n.Values, depth)
	case *ast.MappingValueNode:
		return m.members([]*ast.MappingValueNode{n}, depth)
	}
	m.rep.error(m.pos(source.GetToken()), "<< takes a mapping or a list of mappings")
	return false
}

// members adds a mapping's own members, then those that are merged into it.
func (m *merger) members(values []*ast.MappingValueNode, depth int) bool {
	for _, v := range values {
		if v.Key.IsMergeKey() {
			continue
		}
		name, ok := m.keyText(v.Key)
		if !ok {
			return false
		}
		if m.added++; m.added > maxAlias { // skipped names cost time too
			m.rep.error(m.pos(v.Key.GetToken()), "aliases expand to more than %d values", maxAlias)
			return false
		}
		if m.have[name] {
			continue
		}
		m.have[name] = true
		if !m.member(v, m.depth) {
			return false
		}
	}
	for _, v := range values {
		if v.Key.IsMergeKey() && !m.add(v.Value, depth+1) {
			return false
		}
	}
	return true
}
