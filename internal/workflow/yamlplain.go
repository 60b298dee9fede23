package workflow

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// plainReader reads the YAML that nearly all large files are made of: mappings and lists
// by indentation, values of one line that are plain, in quotes or in brackets, texts
// behind |, comments. It reads a file whole or not at all: whatever else there is in YAML,
// and whatever is wrong with a file, is for the YAML module, which takes far longer
// over it. What it reads it reads as the module does, into the same tree; a fuzz test
// compares the two.
type plainReader struct {
	tree   *tree
	data   []byte
	i      int  // the next byte
	line   int  // where the line of i begins
	indent int  // of the line that next found
	end    bool // next found no more lines
}

// maxPlainDepth is so low that nothing near maxDepth is read here.
const maxPlainDepth = 100

// readPlainYAML returns the tree of a file without NUL that is UTF-8, or nil when it has
// anything that is not plain.
func readPlainYAML(data []byte) *tree {
	r := &plainReader{data: data, tree: &tree{data: data, yaml: true, nodes: make([]node, 0, len(data)/16+16)}}
	ok := r.next()
	if ok && bytes.HasPrefix(data[r.i:], []byte("---\n")) && r.indent == 0 {
		r.i += len("---")
		ok = r.next()
	}
	if !ok || r.end || r.indent != 0 || !r.block(1) || !r.end {
		return nil
	}
	return r.tree
}

// next goes on to the next line with something on it. What is left of the current one
// must be blank or a comment.
func (r *plainReader) next() bool {
	for r.i < len(r.data) {
		start := r.i
		r.blanks()
		switch {
		case r.i == len(r.data):
		case r.data[r.i] == '\n':
			r.i++
			r.line = r.i
		case r.data[r.i] == '#' && (r.i == r.line || r.data[r.i-1] == ' '):
			r.i = r.eol()
		case start == r.line:
			r.indent = r.i - r.line
			return true
		default:
			return false
		}
	}
	r.end, r.indent = true, -1
	return true
}

func (r *plainReader) blanks() {
	for r.i < len(r.data) && r.data[r.i] == ' ' {
		r.i++
	}
}

// eol returns the end of the current line.
func (r *plainReader) eol() int {
	if n := bytes.IndexByte(r.data[r.i:], '\n'); n >= 0 {
		return r.i + n
	}
	return len(r.data)
}

// at returns a byte of the file, or a line break behind its end.
func (r *plainReader) at(i int) byte {
	if i < len(r.data) {
		return r.data[i]
	}
	return '\n'
}

// ends reports whether a byte ends what is before it: an indicator or a word.
func ends(c byte) bool { return c == ' ' || c == '\n' }

func (r *plainReader) entry() bool { return r.at(r.i) == '-' && ends(r.at(r.i+1)) }

// block reads the mapping or list that begins here, first on its line.
func (r *plainReader) block(depth int) bool {
	if r.entry() {
		return r.list(r.indent, depth)
	}
	return r.object(r.indent, depth)
}

// object reads a mapping whose names are in one column.
func (r *plainReader) object(col, depth int) bool {
	if depth > maxPlainDepth {
		return false
	}
	self := r.tree.add(node{pos: uint32(r.i), kind: objectNode})
	for {
		if !r.name() || !r.value(col, true, depth) || r.indent > col {
			return false
		}
		if r.indent < col {
			r.tree.close(self)
			return true
		}
	}
}

// name reads a name with its colon.
func (r *plainReader) name() bool {
	end := r.nameEnd()
	if end < 0 {
		return false
	}
	if c := r.data[r.i]; c == '"' || c == '\'' {
		if !r.quoted(c) || r.i != end {
			return false
		}
	} else {
		r.tree.add(node{pos: uint32(r.i), end: uint32(end), kind: stringNode, form: bare})
	}
	r.i = end + 1
	return true
}

// nameEnd returns where the colon behind the name is that begins here, or -1.
func (r *plainReader) nameEnd() int {
	end := r.i
	switch c := r.at(r.i); {
	case c == '"', c == '\'':
		n := bytes.IndexByte(r.data[r.i+1:], c)
		if n < 0 {
			return -1
		}
		end += n + 2
	case !letter(c) && c != '+':
		return -1
	default:
		for end < len(r.data) && ofName(r.data[end]) {
			end++
		}
	}
	if r.at(end) != ':' || !ends(r.at(end+1)) {
		return -1
	}
	return end
}

func letter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func ofName(c byte) bool {
	return letter(c) || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '/' || c == '+' || c == '@'
}

// list reads a list whose dashes are in one column.
func (r *plainReader) list(col, depth int) bool {
	if depth > maxPlainDepth {
		return false
	}
	self := r.tree.add(node{pos: uint32(r.i), kind: listNode})
	for {
		r.i++
		if !r.value(col, false, depth) || r.indent > col {
			return false
		}
		if r.indent < col || !r.entry() {
			r.tree.close(self)
			return true
		}
	}
}

// value reads what is behind a colon or a dash in a column, and goes to the line after it.
func (r *plainReader) value(col int, named bool, depth int) bool {
	r.blanks()
	switch c := r.at(r.i); {
	case c == '\n', c == '#':
		return r.next() && (r.indent > col || named && r.indent == col && r.entry()) && r.block(depth+1)
	case c == '|':
		return r.literal(col)
	case c == '[', c == '{':
		return r.flow(depth+1) && r.next()
	case !named && r.nameEnd() >= 0:
		return r.object(r.i-r.line, depth+1)
	case c == '"', c == '\'':
		return r.quoted(c) && r.next()
	case r.begins():
		return r.text() && r.next()
	}
	return false
}

// begins reports whether a plain value may begin here.
func (r *plainReader) begins() bool {
	c := r.at(r.i)
	return c == '-' && !ends(r.at(r.i+1)) || c >= utf8.RuneSelf || ofName(c) && c != '-' && c != '@' ||
		strings.IndexByte("$(~=^;\\", c) >= 0
}

// text reads a plain value to the end of its line or to the comment behind it.
func (r *plainReader) text() bool {
	start := r.i
	all := r.data[start:r.eol()]
	if at := bytes.Index(all, []byte(" #")); at >= 0 {
		all = all[:at]
	}
	all = bytes.TrimRight(all, " \t")
	if bytes.Contains(all, []byte(": ")) || bytes.Contains(all, []byte(":\t")) || bytes.Contains(all, []byte("\t#")) || all[len(all)-1] == ':' || !readable(all) {
		return false
	}
	r.i += len(all)
	return r.plain(start)
}

// readable reports whether text has nothing but what can be seen, and tabs.
func readable(text []byte) bool {
	return !bytes.ContainsFunc(text, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) })
}

// plain adds the plain value from start to here.
func (r *plainReader) plain(start int) bool {
	n := node{pos: uint32(start), end: uint32(r.i), kind: stringNode, form: bare}
	switch text := r.data[start:r.i]; string(text) {
	case "null":
		n.kind = nullNode
	case "true", "True", "TRUE", "false", "False", "FALSE":
		n.kind = boolNode
	case "Null", "NULL", "~", ".inf", ".Inf", ".INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN":
		return false
	default:
		if c := text[0]; (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.') && token.ToNumber(string(text)) != nil {
			n.kind = numberNode
		}
	}
	r.tree.add(n)
	return true
}

// quoted reads a text in quotes on one line.
func (r *plainReader) quoted(quote byte) bool {
	start, form := r.i, plain
	for r.i++; r.i < len(r.data); r.i++ {
		switch c := r.data[r.i]; {
		case c == quote && quote == '\'' && r.at(r.i+1) == quote, c < ' ':
			return false
		case c == quote:
			r.i++
			r.tree.add(node{pos: uint32(start), end: uint32(r.i), kind: stringNode, form: form})
			return true
		case c == '\\' && quote == '"':
			r.i++
			if c := r.at(r.i); c == 'u' || escapes[c] == 0 {
				return false
			}
			form = escaped
		}
	}
	return false
}

// flow reads a list or mapping in brackets on one line.
func (r *plainReader) flow(depth int) bool {
	if depth > maxPlainDepth {
		return false
	}
	k, closing := listNode, byte(']')
	if r.data[r.i] == '{' {
		k, closing = objectNode, '}'
	}
	self := r.tree.add(node{pos: uint32(r.i), kind: k})
	r.i++
	r.blanks()
	for first := true; r.at(r.i) != closing; first = false {
		if !first {
			if r.at(r.i) != ',' {
				return false
			}
			r.i++
			r.blanks()
		}
		if k == objectNode {
			if !r.name() {
				return false
			}
			r.blanks()
		}
		if !r.flowValue(depth) {
			return false
		}
		r.blanks()
	}
	r.i++
	r.tree.close(self)
	return true
}

// flowValue reads a value within brackets.
func (r *plainReader) flowValue(depth int) bool {
	switch c := r.at(r.i); c {
	case '[', '{':
		return r.flow(depth + 1)
	case '"', '\'':
		return r.quoted(c)
	}
	start := r.i
	if !r.begins() {
		return false
	}
	for ofName(r.at(r.i)) || strings.IndexByte(" $()~=^;*&|<>", r.at(r.i)) >= 0 {
		r.i++
	}
	for r.data[r.i-1] == ' ' {
		r.i--
	}
	return r.i > start && r.plain(start)
}

// literal reads the lines behind | or |-, which are indented further than col.
func (r *plainReader) literal(col int) bool {
	start := r.i
	r.i++
	strip := r.at(r.i) == '-'
	if strip {
		r.i++
	}
	if r.at(r.i) != '\n' || r.i == len(r.data) {
		return false
	}
	var out strings.Builder
	r.i++
	r.line = r.i
	r.blanks()
	indent := r.i - r.line
	for r.i = r.line; r.i < len(r.data); r.i, r.line = r.i+1, r.i+1 {
		line := r.data[r.i:r.eol()]
		text := bytes.TrimLeft(line, " ")
		switch here := len(line) - len(text); {
		case len(line) == 0:
		case len(text) == 0, here > col && here < indent, text[0] == '\t', !readable(text):
			return false
		case here <= col:
			return r.addLiteral(start, out.String(), strip)
		default:
			out.Write(line[indent:])
		}
		out.WriteByte('\n')
		if r.i = r.eol(); r.i == len(r.data) {
			return false // its last line has no end
		}
	}
	return r.addLiteral(start, out.String(), strip)
}

// addLiteral adds the text of a literal, whose end is here, at the beginning of a line.
func (r *plainReader) addLiteral(start int, text string, strip bool) bool {
	text = strings.TrimRight(text, "\n")
	if text == "" || text[0] == '\n' || strings.TrimRight(text, " \t") != text {
		return false
	}
	if !strip {
		text += "\n"
	}
	r.tree.add(node{pos: uint32(start), end: uint32(len(r.tree.texts)), kind: stringNode, form: apart})
	r.tree.texts = append(r.tree.texts, text)
	return r.next()
}
