package workflow

import (
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// layouter turns a YAML document into its layout. The YAML module gives the values and,
// as tokens, the comments; which comment belongs to what is decided here, by where they
// stand, because the module's own tree loses some.
type layouter struct {
	lines  []string     // of the file
	block  map[int]bool // lines that are text of a block scalar, which may look blank
	places []*spot
	flow   int  // brackets that are open
	alias  bool // there are aliases
}

// spot is where an item, or the closing bracket behind its items, stands.
type spot struct {
	line, col int
	item      *layoutItem
	in        *layout // that the item is in
	up        *spot   // of the item that the container is the value of
	owner     *spot   // set for a bracket: the item whose value it closes
	flow      bool    // it stands within brackets
}

// layoutYAML returns the layout of a YAML file that can be read, and its comments before
// everything.
func layoutYAML(data []byte) (root *layout, head []string, lay *layouter) {
	text := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
	doc := parseYAML(text)
	if doc == nil {
		return nil, nil, nil
	}
	lay = &layouter{lines: strings.Split(text, "\n"), block: map[int]bool{}}
	root = lay.value(doc, nil)
	if root == nil {
		return nil, nil, nil
	}
	root.flow = false
	head = lay.comments(root, lexer.Tokenize(text))
	return root, head, lay
}

func (y *layouter) blank(line int) bool {
	return line >= 1 && line <= len(y.lines) && !y.block[line] && strings.TrimSpace(y.lines[line-1]) == ""
}

// value returns the layout of a node and all it contains, or nil where there is none.
func (y *layouter) value(n ast.Node, up *spot) *layout {
	switch n := n.(type) {
	case nil:
		return &layout{}
	case *ast.NullNode:
		if n.GetToken().Type == token.ImplicitNullType {
			return &layout{}
		}
		return &layout{text: n.GetToken().Value}
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return &layout{text: n.GetToken().Value}
	case *ast.StringNode:
		return saying(y.text(n), n.Value)
	case *ast.LiteralNode:
		return saying(y.literal(n), n.Value.Value)
	case *ast.AliasNode:
		y.alias = true
		return &layout{text: "*" + n.Value.GetToken().Value}
	case *ast.AnchorNode:
		return y.prefixed("&"+n.Name.GetToken().Value, n.Value, up)
	case *ast.TagNode:
		return y.prefixed(n.GetToken().Value, n.Value, up)
	case *ast.MappingNode:
		return y.mapping(n.Values, n.IsFlowStyle, n.End, up)
	case *ast.MappingValueNode:
		return y.mapping([]*ast.MappingValueNode{n}, n.IsFlowStyle, nil, up)
	case *ast.SequenceNode:
		return y.list(n, up)
	}
	return nil
}

func saying(l *layout, text string) *layout {
	l.says = text
	return l
}

func (y *layouter) prefixed(prefix string, n ast.Node, up *spot) *layout {
	l := y.value(n, up)
	if l != nil {
		l.prefix = joinWords(prefix, l.prefix)
	}
	return l
}

func (y *layouter) at(t *token.Token, item *layoutItem, in *layout, up *spot) *spot {
	p := &spot{line: t.Position.Line, col: t.Position.Column, item: item, in: in, up: up, flow: y.flow > 0}
	y.places = append(y.places, p)
	return p
}

// close notes a closing bracket: what stands behind it belongs to the item whose value it ends.
func (y *layouter) close(end *token.Token, up *spot) {
	if end != nil && up != nil && end.Position != nil {
		y.places = append(y.places, &spot{
			line: end.Position.Line, col: end.Position.Column, item: up.item, in: up.in, owner: up, flow: up.flow,
		})
	}
}

func (y *layouter) mapping(values []*ast.MappingValueNode, flow bool, end *token.Token, up *spot) *layout {
	l := &layout{kind: mapLayout, flow: flow || len(values) == 0}
	if l.flow {
		y.flow++
	}
	for _, v := range values {
		key, name := y.key(v.Key)
		it := &layoutItem{key: key, name: name}
		p := y.at(v.Key.GetToken(), it, l, up)
		if it.value = y.value(v.Value, p); it.value == nil || key == "" {
			return nil
		}
		l.items = append(l.items, it)
	}
	if l.flow {
		y.flow--
		y.close(end, up)
	}
	return l
}

func (y *layouter) list(n *ast.SequenceNode, up *spot) *layout {
	l := &layout{kind: listLayout, flow: n.IsFlowStyle || len(n.Values) == 0}
	if l.flow {
		y.flow++
	}
	for i, v := range n.Values {
		at := first(v)
		if !l.flow && i < len(n.Entries) {
			at = n.Entries[i].Start
		}
		it := &layoutItem{}
		if it.value = y.value(v, y.at(at, it, l, up)); it.value == nil {
			return nil
		}
		l.items = append(l.items, it)
	}
	if l.flow {
		y.flow--
		y.close(n.End, up)
	}
	return l
}

// key returns a name as it is written, and what it says.
func (y *layouter) key(n ast.Node) (text, name string) {
	switch k := n.(type) {
	case *ast.MappingKeyNode:
		return y.key(k.Value)
	case *ast.AnchorNode:
		text, name = y.key(k.Value)
		return "&" + k.Name.GetToken().Value + " " + text, name
	case *ast.MergeKeyNode:
		return "<<", "<<"
	case *ast.StringNode:
		if t := k.GetToken(); t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType || strings.Contains(k.Value, "\n") {
			return quoteYAML(k.Value), k.Value
		}
		return k.Value, k.Value
	case *ast.NullNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, n.GetToken().Value
	}
	return "", ""
}

// text returns the layout of a string without a block, as it is written.
func (y *layouter) text(n *ast.StringNode) *layout {
	t := n.GetToken()
	origin := strings.TrimSpace(t.Origin)
	quoted := t.Type == token.DoubleQuoteType || t.Type == token.SingleQuoteType
	if !strings.Contains(origin, "\n") {
		if !quoted {
			return &layout{text: stringValue(n)}
		}
		if l := (&layout{text: origin}); len(origin) >= 2 && reads(l, stringValue(n), y.flow > 0) {
			return l
		}
		return &layout{text: quoteYAML(stringValue(n))}
	}
	if y.flow == 0 {
		lines := strings.Split(origin, "\n")
		for i := range lines {
			lines[i] = strings.Trim(lines[i], " \t")
		}
		if l := (&layout{text: lines[0], lines: lines[1:]}); reads(l, stringValue(n), false) {
			return l
		}
	}
	if quoted {
		return &layout{text: quoteYAML(stringValue(n))}
	}
	return stringLayout(stringValue(n), y.flow > 0)
}

var foldedHeader = regexp.MustCompile(`^>-?$`)

// literal returns the layout of a block scalar.
func (y *layouter) literal(n *ast.LiteralNode) *layout {
	value := n.Value.Value
	if strings.HasPrefix(n.Start.Value, "|") {
		for i := range strings.Split(strings.TrimSuffix(value, "\n"), "\n") {
			y.block[n.Start.Position.Line+1+i] = true
		}
	}
	if foldedHeader.MatchString(n.Start.Value) {
		l := &layout{kind: blockLayout, text: n.Start.Value, lines: y.below(n.Start.Position.Line)}
		if reads(l, value, false) {
			return l
		}
	}
	return stringLayout(value, false)
}

// below returns the lines of the block that begins below a line, without their indentation.
func (y *layouter) below(line int) []string {
	var lines []string
	indent := -1
	for _, text := range y.lines[min(line, len(y.lines)):] {
		rest := strings.TrimLeft(text, " ")
		here := len(text) - len(rest)
		switch {
		case rest == "" && (indent < 0 || here <= indent):
			lines = append(lines, "")
			continue
		case indent < 0:
			indent = here
		case here < indent:
			return trimBlank(lines)
		}
		lines = append(lines, text[indent:])
	}
	return trimBlank(lines)
}

func trimBlank(lines []string) []string {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// comments gives each comment and blank line to the item that it belongs to, and returns
// the comments that come before everything.
func (y *layouter) comments(root *layout, tokens token.Tokens) (head []string) {
	slices.SortStableFunc(y.places, func(a, b *spot) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.col - b.col
	})
	var open []string // comments on lines of their own that wait for the next item
	next := 0
	line := 0 // of the item or comment before
	pass := func(until, col int) {
		for ; next < len(y.places) && before(y.places[next], until, col); next++ {
			p := y.places[next]
			if p.owner != nil {
				line = p.line
				continue
			}
			if p.line != line && !p.flow && y.blank(p.line-1) {
				open = append(open, "")
			}
			p.item.before = append(p.item.before, open...)
			open, line = nil, p.line
		}
	}
	for _, t := range tokens {
		if t.Type != token.CommentType {
			continue
		}
		at := t.Position
		pass(at.Line, at.Column)
		text := "#" + strings.TrimRight(t.Value, " \t\n")
		if y.ownLine(at) {
			if y.blank(at.Line - 1) {
				open = append(open, "")
			}
			if in := y.foot(next, at.Column); in != nil {
				in.foot = append(append(in.foot, open...), text)
				open = nil
			} else {
				open = append(open, text)
			}
			line = at.Line
			continue
		}
		if next == 0 { // behind --- or a bracket
			open = append(open, text)
			continue
		}
		it := y.places[next-1].item
		if it.after != "" {
			it.before = append(it.before, it.after)
		}
		it.after = text
	}
	pass(len(y.lines)+1, 0)
	root.foot = append(root.foot, open...)
	return y.head(root)
}

func before(p *spot, line, col int) bool {
	return p.line < line || p.line == line && p.col < col
}

// ownLine reports whether nothing stands before a comment.
func (y *layouter) ownLine(at *token.Position) bool {
	return at.Line <= len(y.lines) && strings.HasPrefix(strings.TrimLeft(y.lines[at.Line-1], " \t"), "#")
}

// foot returns what a comment on a line of its own is the last line of: it stands further
// to the right than what comes next. nil means that it belongs to what comes next.
func (y *layouter) foot(next, col int) *layout {
	if next == 0 {
		return nil
	}
	column := 0
	var in *layout
	if next < len(y.places) {
		p := y.places[next]
		if p.owner != nil || p.flow {
			return nil
		}
		column, in = p.col, p.in
	}
	if col <= column {
		return nil
	}
	p := y.places[next-1]
	if p.owner != nil {
		p = p.owner
	}
	for ; p != nil; p = p.up {
		if p.col > col || p.flow {
			continue
		}
		if p.in == in || within(y.places, next, p.item) {
			return nil
		}
		return p.in
	}
	return nil
}

// within reports whether the next place is inside an item.
func within(places []*spot, next int, item *layoutItem) bool {
	if next >= len(places) {
		return false
	}
	for p := places[next].up; p != nil; p = p.up {
		if p.item == item {
			return true
		}
	}
	return false
}

// head takes the comments from before the first item that are about the whole file: all
// up to the last blank line, and lines that programs look for at the top.
func (y *layouter) head(root *layout) []string {
	if len(root.items) == 0 {
		head := root.foot
		root.foot = nil
		return head
	}
	lines := root.items[0].before
	n := 0
	for i, line := range lines {
		if line == "" && i > 0 || strings.HasPrefix(line, "#!") || strings.Contains(line, "yaml-language-server:") {
			n = i + 1
		}
	}
	head := trimBlank(lines[:n:n])
	root.items[0].before = lines[n:]
	return head
}
