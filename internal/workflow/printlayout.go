package workflow

import (
	"strings"
	"unicode/utf8"
)

// layout is a value as it stands in a YAML file: what the tree has, and what it leaves
// out because no workflow depends on it (comments, blank lines, quotes, anchors).
type layout struct {
	kind   layoutKind
	prefix string        // an anchor, a tag, or both
	text   string        // of a scalar: its first line; of a block scalar its header
	lines  []string      // the other lines of a scalar, without indentation
	says   string        // of a string: its value
	keep   bool          // blank lines at the end of a block scalar count
	flow   bool          // written in brackets on one line, where it fits
	items  []*layoutItem // of a mapping or list
	foot   []string      // comments behind the last item
}

type layoutKind uint8

const (
	scalarLayout layoutKind = iota
	blockLayout             // a scalar that begins with | or >
	mapLayout
	listLayout
)

// layoutItem is a member of a mapping or an entry of a list.
type layoutItem struct {
	before []string // comments on lines of their own; "" is a blank line
	key    string   // as written; "" in a list
	name   string   // what the key says
	value  *layout
	after  string // a comment at the end of its first line
}

// maxLine is the width in characters up to which a list or mapping in brackets stays on one line.
const maxLine = 120

func (l *layout) container() bool { return l.kind == mapLayout || l.kind == listLayout }

// member returns the item of that name, or nil.
func (l *layout) member(name string) *layoutItem {
	if l == nil || l.kind != mapLayout {
		return nil
	}
	for _, it := range l.items {
		if it.name == name {
			return it
		}
	}
	return nil
}

// oneLine returns the value on one line, in brackets if it has items. It can't be done
// when there are comments within, or text of several lines.
func (l *layout) oneLine() (string, bool) {
	if l.kind == blockLayout || len(l.lines) > 0 || len(l.foot) > 0 {
		return "", false
	}
	if !l.container() {
		return joinWords(l.prefix, l.text), true
	}
	parts := make([]string, len(l.items))
	for i, it := range l.items {
		text, ok := it.value.oneLine()
		if !ok || it.after != "" || len(comments(it.before)) > 0 {
			return "", false
		}
		if text == "" {
			text = "null"
		}
		if l.kind == mapLayout {
			text = it.key + ": " + text
		}
		parts[i] = text
	}
	text := strings.Join(parts, ", ")
	if l.kind == mapLayout {
		return joinWords(l.prefix, "{"+text+"}"), true
	}
	return joinWords(l.prefix, "["+text+"]"), true
}

func joinWords(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// comments returns the lines without blank ones.
func comments(lines []string) []string {
	var all []string
	for _, line := range lines {
		if line != "" {
			all = append(all, line)
		}
	}
	return all
}

// layoutPrinter writes a layout as YAML, indented by two.
type layoutPrinter struct {
	out  strings.Builder
	kept bool // the last line belongs to a block scalar whose blank lines count
}

// printLayout returns a file. The head is comments that come before everything.
func printLayout(head []string, root *layout) []byte {
	p := &layoutPrinter{}
	p.above(head, 0, true)
	if text, ok := root.oneLine(); ok && (!root.container() || len(root.items) == 0) {
		p.line(text)
		return []byte(p.out.String())
	}
	if len(head) > 0 && len(root.items) > 0 && (len(root.items[0].before) == 0 || root.items[0].before[0] != "") {
		p.out.WriteByte('\n')
	}
	if root.prefix != "" {
		p.line("--- " + root.prefix)
	}
	if root.container() {
		p.items(root, 0, false)
	} else {
		p.out.WriteString(root.text + "\n")
		p.rest(root, 0)
	}
	return []byte(p.out.String())
}

func (p *layoutPrinter) line(text string) {
	p.out.WriteString(strings.TrimRight(text, " "))
	p.out.WriteByte('\n')
	p.kept = false
}

func (p *layoutPrinter) indent(n int) { p.out.WriteString(strings.Repeat(" ", n)) }

// above writes comments and blank lines, no two of these in a row. There is none before
// the first item of anything.
func (p *layoutPrinter) above(lines []string, indent int, first bool) {
	blank := first
	for _, line := range lines {
		if line == "" {
			if !blank && !p.kept {
				p.line("")
			}
			blank = true
			continue
		}
		blank = false
		p.indent(indent)
		p.line(line)
	}
}

// items writes the items of a mapping or list at a column. The first may go on on a line
// that has begun.
func (p *layoutPrinter) items(l *layout, column int, begun bool) {
	for i, it := range l.items {
		if !begun || i > 0 {
			p.above(p.lead(it), column, i == 0)
			p.indent(column)
		}
		if l.kind == listLayout {
			p.out.WriteString("-")
		} else {
			p.out.WriteString(it.key + ":")
		}
		p.item(it, column, l.kind == listLayout)
	}
	p.above(l.foot, column, len(l.items) == 0)
}

// lead returns what stands above an item: its own comments, and those that have no
// place beside it.
func (p *layoutPrinter) lead(it *layoutItem) []string {
	lines := it.before
	if it.after != "" && !p.beside(it) {
		lines = append(lines[:len(lines):len(lines)], it.after)
	}
	if first := p.inner(it); first != nil {
		if more := comments(p.lead(first)); len(more) > 0 {
			lines = append(lines[:len(lines):len(lines)], more...)
		}
	}
	return lines
}

// inner returns the first item of a list's entry that begins on the entry's own line.
func (p *layoutPrinter) inner(it *layoutItem) *layoutItem {
	v := it.value
	if it.key != "" || !v.container() || len(v.items) == 0 || v.prefix != "" || p.fits(it) {
		return nil
	}
	return v.items[0]
}

// beside reports whether a comment can stand behind the first line of an item.
func (p *layoutPrinter) beside(it *layoutItem) bool {
	return len(it.value.lines) == 0 && p.inner(it) == nil || it.value.kind == blockLayout
}

// fits reports whether a value is written on the line of its name.
func (p *layoutPrinter) fits(it *layoutItem) bool {
	v := it.value
	_, ok := v.oneLine()
	return ok && (v.flow || len(v.items) == 0)
}

// settle decides which values are written in brackets: those that are now, have no
// comments within, and fit on a line.
func (l *layout) settle(column int) {
	for _, it := range l.items {
		if v := it.value; v.container() {
			text, ok := v.oneLine()
			width := column + utf8.RuneCountInString(it.key) + 2 + utf8.RuneCountInString(text)
			if v.flow = v.flow && ok && width <= maxLine; !v.flow {
				v.settle(column + 2)
			}
		}
	}
}

// item writes what follows a name and its colon, or the - of a list.
func (p *layoutPrinter) item(it *layoutItem, column int, entry bool) {
	v := it.value
	if p.fits(it) {
		text, _ := v.oneLine()
		p.line(joinWords(" "+text, it.after))
		return
	}
	if entry && p.inner(it) != nil {
		p.out.WriteByte(' ')
		p.items(v, column+2, true)
		return
	}
	after := it.after
	if !p.beside(it) {
		after = ""
	}
	head := joinWords(v.prefix, v.text)
	if v.container() {
		head = v.prefix
	}
	if head != "" {
		head = " " + head
	}
	if after != "" {
		after = " " + after
	}
	p.line(head + after)
	if v.container() {
		p.items(v, column+2, false)
		return
	}
	p.rest(v, column+2)
}

// rest writes the further lines of a scalar.
func (p *layoutPrinter) rest(v *layout, column int) {
	for _, line := range v.lines {
		if line != "" {
			p.indent(column)
		}
		p.out.WriteString(line + "\n")
	}
	p.kept = v.keep
}
