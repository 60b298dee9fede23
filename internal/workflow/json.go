package workflow

import (
	"bytes"
	"unicode/utf8"
)

// scanner reads JSON into a tree. It is strict, but goes on after slips that leave
// no doubt (a comma too many or too few, a comment, a bad character), so that they
// are all reported at once.
type scanner struct {
	data []byte
	i    int
	tree *tree
	rep  *reporter

	sawComment bool // only the first is reported
	sawEncoded bool // only the first byte that is not UTF-8 is reported
}

// readJSON returns the tree of a JSON file, or nil after reporting why it can't be read.
func readJSON(data []byte, rep *reporter) *tree {
	s := &scanner{data: data, tree: &tree{data: data, nodes: make([]node, 0, len(data)/16+16)}, rep: rep}
	if !s.value(0) {
		return nil
	}
	s.space()
	if s.i < len(data) {
		rep.errorHint(s.i, "a file is one object, from { to }", "there is more after the end of the JSON value")
	}
	return s.tree
}

// fail reports what stops the scanner and returns false.
func (s *scanner) fail(pos int, hint, format string, args ...any) bool {
	if pos >= len(s.data) { // the end of what is written says more than the end of the file
		pos = len(bytes.TrimRight(s.data, " \t\r\n"))
	}
	s.rep.errorHint(pos, hint, format, args...)
	return false
}

// peek returns the next byte, 0 at the end. A zero byte in the file is an error everywhere.
func (s *scanner) peek() byte {
	if s.i < len(s.data) {
		return s.data[s.i]
	}
	return 0
}

// space skips white space, and comments after reporting the first.
func (s *scanner) space() {
	for s.i < len(s.data) {
		switch s.data[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		case '/', '#':
			if !s.comment() {
				return
			}
		default:
			return
		}
	}
}

func (s *scanner) comment() bool {
	rest, end, size := s.data[s.i:], "\n", 0
	switch {
	case bytes.HasPrefix(rest, []byte("/*")):
		end, size = "*/", 2
	case rest[0] != '#' && !bytes.HasPrefix(rest, []byte("//")):
		return false
	}
	if !s.sawComment {
		s.sawComment = true
		s.rep.errorHint(s.i, "fields whose name begins with _ are ignored, and YAML has comments", "JSON has no comments")
	}
	if at := bytes.Index(rest, []byte(end)); at >= 0 {
		s.i += at + size
	} else {
		s.i = len(s.data)
	}
	return true
}

func (s *scanner) value(depth int) bool {
	s.space()
	if len(s.tree.nodes) >= maxNodes {
		return s.fail(s.i, "", "the file has more than %d values", maxNodes)
	}
	switch c := s.peek(); {
	case c == '"':
		return s.str()
	case c == '{', c == '[':
		if depth >= maxDepth {
			return s.fail(s.i, "", "objects and lists are nested more than %d deep", maxDepth)
		}
		if c == '{' {
			return s.object(depth + 1)
		}
		return s.list(depth + 1)
	case c == '-', c >= '0' && c <= '9':
		return s.number()
	}
	return s.word()
}

func (s *scanner) object(depth int) bool {
	self := s.tree.add(node{pos: uint32(s.i), kind: objectNode})
	start := s.i
	for s.i++; ; {
		s.space()
		if s.peek() == '}' {
			s.i++
			s.tree.close(self)
			return true
		}
		if !s.member(start, depth) {
			return false
		}
		if !s.comma('}', start) {
			return false
		}
	}
}

// member reads a name, a colon and a value.
func (s *scanner) member(start, depth int) bool {
	if !s.memberName(start) {
		return false
	}
	s.space()
	if s.peek() != ':' {
		return s.fail(s.i, "", "a colon is missing after the name")
	}
	s.i++
	return s.value(depth)
}

func (s *scanner) memberName(start int) bool {
	switch c := s.peek(); {
	case c == '"':
		return s.str()
	case s.i >= len(s.data):
		return s.unclosed(start, "object", '}')
	case c == '\'':
		return s.fail(s.i, `write "name"`, "JSON takes double quotes, not single ones")
	case c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z':
		return s.fail(s.i, `write "name"`, "a name must be in double quotes")
	case c == ',':
		return s.fail(s.i, "", "there is a comma too many")
	case c == ']':
		return s.fail(s.i, "", "an object ends with }, not with ]")
	}
	return s.fail(s.i, "", "a name in double quotes should be here")
}

func (s *scanner) list(depth int) bool {
	self := s.tree.add(node{pos: uint32(s.i), kind: listNode})
	start := s.i
	for s.i++; ; {
		s.space()
		switch {
		case s.peek() == ']':
			s.i++
			s.tree.close(self)
			return true
		case s.i >= len(s.data):
			return s.unclosed(start, "list", ']')
		case s.peek() == ',':
			return s.fail(s.i, "", "there is a comma too many")
		case s.peek() == '}':
			return s.fail(s.i, "", "a list ends with ], not with }")
		}
		if !s.value(depth) || !s.comma(']', start) {
			return false
		}
	}
}

// comma reads what stands between two members, or before the closing bracket.
func (s *scanner) comma(closing byte, start int) bool {
	end := s.i
	s.space()
	c := s.peek()
	switch {
	case c == ',':
		at := s.i
		s.i++
		s.space()
		if s.peek() == closing {
			s.rep.errorHint(at, "remove the comma", "JSON allows no comma before %c", closing)
		}
		return true
	case c == closing:
		return true
	case s.i >= len(s.data):
		what := "object"
		if closing == ']' {
			what = "list"
		}
		return s.unclosed(start, what, closing)
	case c == '"', c == '{', c == '[' && closing == ']':
		s.rep.error(end, "a comma is missing")
		return true
	}
	return s.fail(s.i, "", "a comma or %c should be here", closing)
}

func (s *scanner) unclosed(start int, what string, closing byte) bool {
	pos := len(bytes.TrimRight(s.data, " \t\r\n"))
	s.rep.errorAt(pos, start, "", "the file ends but %c is missing: the %s begins", closing, what)
	return false
}

// str reads a string. Its bytes are checked here, so that the tree's text needs no checks.
func (s *scanner) str() bool {
	start, form := s.i, plain
	for s.i++; s.i < len(s.data); {
		switch c := s.data[s.i]; {
		case c == '"':
			s.i++
			s.tree.add(node{pos: uint32(start), end: uint32(s.i), kind: stringNode, form: form})
			return true
		case c == '\\':
			form = escaped
			if !s.escape() {
				return false
			}
		case c < ' ':
			if !s.control(start, c) {
				return false
			}
		case c < utf8.RuneSelf:
			s.i++
		default:
			s.rune()
		}
	}
	return s.fail(start, "", "the string that begins here has no closing quote")
}

// control reports a control character in a string. A line break most likely means
// that the closing quote is missing, and reading on would only confuse.
func (s *scanner) control(start int, c byte) bool {
	switch c {
	case '\n', '\r':
		return s.fail(start, `write \n for a line break within a string`, "the string that begins here has no closing quote on its line")
	case '\t':
		s.rep.errorHint(s.i, `write \t`, "a string must not contain a tab")
	case 0:
		s.rep.error(s.i, "a string must not contain a NUL byte")
	default:
		s.rep.errorHint(s.i, "", "a string must not contain the control character 0x%02X", c)
	}
	s.i++
	return true
}

func (s *scanner) rune() {
	r, size := utf8.DecodeRune(s.data[s.i:])
	if r == utf8.RuneError && size == 1 && !s.sawEncoded {
		s.sawEncoded = true
		s.rep.errorHint(s.i, "save the file as UTF-8", "the byte 0x%02X is not UTF-8", s.data[s.i])
	}
	s.i += size
}

// escape checks a backslash and what follows.
func (s *scanner) escape() bool {
	at := s.i
	if at+1 >= len(s.data) {
		s.i = len(s.data)
		return true // the missing quote is reported
	}
	c := s.data[at+1]
	s.i += 2
	if c != 'u' {
		if escapes[c] == 0 {
			return s.fail(at, `write \\ for a backslash`, "a backslash must be followed by one of \" \\ / b f n r t u")
		}
		return true
	}
	r := hex4(s.data[s.i:])
	if r < 0 {
		return s.fail(at, "", `\u must be followed by four hexadecimal digits`)
	}
	s.i += 4
	switch {
	case r == 0:
		s.rep.error(at, "a string must not contain a NUL byte")
	case r >= 0xD800 && r < 0xE000:
		return s.surrogate(at, r)
	}
	return true
}

// surrogate checks the second half of a character that needs two \u.
func (s *scanner) surrogate(at, high int) bool {
	if rest := s.data[s.i:]; high < 0xDC00 && bytes.HasPrefix(rest, []byte(`\u`)) {
		if low := hex4(rest[2:]); low >= 0xDC00 && low < 0xE000 {
			s.i += 6
			return true
		}
	}
	return s.fail(at, "", `\u%04X is half a character`, high)
}

func (s *scanner) number() bool {
	start := s.i
	if s.peek() == '-' {
		s.i++
	}
	if s.peek() == '0' {
		s.i++
		if c := s.peek(); c >= '0' && c <= '9' {
			return s.fail(start, "", "a number must not begin with 0")
		}
	} else if !s.digits() {
		return s.fail(start, "", "a number should be here")
	}
	if s.peek() == '.' {
		s.i++
		if !s.digits() {
			return s.fail(start, "", "a number must have a digit after the point")
		}
	}
	if s.peek()|0x20 == 'e' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		if !s.digits() {
			return s.fail(start, "", "a number must have a digit in its exponent")
		}
	}
	s.tree.add(node{pos: uint32(start), end: uint32(s.i), kind: numberNode})
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.data) && s.data[s.i] >= '0' && s.data[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

// word reads true, false or null, and explains what else people write.
func (s *scanner) word() bool {
	start := s.i
	if start >= len(s.data) {
		return s.fail(start, "", "the file ends where a value should be")
	}
	end := start
	for end < len(s.data) && end-start < 20 && (s.data[end]|0x20 >= 'a' && s.data[end]|0x20 <= 'z') {
		end++
	}
	s.i = end
	n := node{pos: uint32(start), end: uint32(end)}
	switch word := string(s.data[start:end]); word {
	case "true", "false":
		n.kind = boolNode
	case "null":
		n.kind = nullNode
	case "True", "False", "TRUE", "FALSE", "yes", "no", "on", "off":
		return s.fail(start, "write true or false", "%s is not JSON", word)
	case "None":
		return s.fail(start, "write null", "None is not JSON")
	case "NaN", "Infinity":
		return s.fail(start, "", "%s is not a number that can be used", word)
	case "":
		return s.badStart(start)
	default:
		return s.fail(start, `write it in double quotes`, "a text must be in double quotes")
	}
	s.tree.add(n)
	return true
}

func (s *scanner) badStart(start int) bool {
	switch c := s.data[start]; c {
	case '\'':
		return s.fail(start, "", "JSON takes double quotes, not single ones")
	case '}', ']', ',', ':':
		return s.fail(start, "", "a value is missing before %c", c)
	default:
		return s.fail(start, "", "a value should be here")
	}
}
