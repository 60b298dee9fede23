package workflow

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type kind uint8

const (
	nullNode kind = iota
	boolNode
	numberNode
	stringNode
	listNode
	objectNode
)

// String names the kind for a message.
func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}[k]
}

// tree holds a file's values in the order of the file, a parent before its
// children. It is an arena of small nodes so that a million jobs fit in memory;
// text is taken from the file only when it is asked for.
type tree struct {
	data  []byte
	texts []string // text of nodes that are not spelled out in data
	nodes []node
	yaml  bool
	more  []source // the files besides the first that nodes come from: see compose
}

// source is a file that nodes come from.
type source struct {
	name string // as it is shown
	data []byte
	yaml bool
}

// node is one value, or a name within an object. An object's children are its
// names and values by turns.
type node struct {
	pos  uint32 // offset of its first byte
	end  uint32 // offset behind its last byte, or an index of texts
	next uint32 // index of the node behind this one and all it contains
	kind kind
	form form
	file uint16 // that it comes from: 0 for tree.data, else an index of tree.more, from 1
}

// filePlace is how far to the left of an offset a place has the number of its file.
const filePlace = 40

// inFile splits a place into the number of its file and an offset.
func inFile(pos int) (file, offset int) {
	file = pos >> filePlace
	return file, pos - file<<filePlace
}

// form says where a scalar's text is.
type form uint8

const (
	plain   form = iota // data, as it stands; a string has quotes around it
	escaped             // data, with backslash escapes
	bare                // data, a string without quotes
	apart               // texts
)

// add appends a node and returns its index.
func (t *tree) add(n node) uint32 {
	i := uint32(len(t.nodes))
	n.next = i + 1
	t.nodes = append(t.nodes, n)
	return i
}

// close ends a list or object that add began.
func (t *tree) close(i uint32) { t.nodes[i].next = uint32(len(t.nodes)) }

func (t *tree) kind(i uint32) kind   { return t.nodes[i].kind }
func (t *tree) next(i uint32) uint32 { return t.nodes[i].next }

// pos returns the place of a node for a reporter: its file and its offset there.
func (t *tree) pos(i uint32) int {
	n := &t.nodes[i]
	return int(n.file)<<filePlace | int(n.pos)
}

// dataOf returns the content of the file that a node comes from.
func (t *tree) dataOf(n *node) []byte {
	if n.file == 0 {
		return t.data
	}
	return t.more[n.file-1].data
}

// isYAML reports whether a node comes from a YAML file.
func (t *tree) isYAML(i uint32) bool {
	if file := t.nodes[i].file; file > 0 {
		return t.more[file-1].yaml
	}
	return t.yaml
}

// items counts the members of a list.
func (t *tree) items(list uint32) (n int) {
	for c := list + 1; c < t.next(list); c = t.next(c) {
		n++
	}
	return n
}

// member returns the value of an object's first field of that name, or 0.
func (t *tree) member(object uint32, name string) uint32 {
	for key := object + 1; key < t.next(object); key = t.next(key + 1) {
		if string(t.name(key)) == name {
			return key + 1
		}
	}
	return 0
}

// text returns a scalar's text: of a string its value, of others what is written.
func (t *tree) text(i uint32) string {
	n := &t.nodes[i]
	switch {
	case n.form == apart:
		return t.texts[n.end]
	case n.form == escaped:
		return unescape(t.dataOf(n)[n.pos+1 : n.end-1])
	case n.kind == stringNode && n.form == plain:
		return string(t.dataOf(n)[n.pos+1 : n.end-1])
	}
	return string(t.dataOf(n)[n.pos:n.end])
}

// name is text without a copy where that is possible, for look-ups.
func (t *tree) name(i uint32) []byte {
	n := &t.nodes[i]
	switch {
	case n.form == plain && n.kind == stringNode:
		return t.dataOf(n)[n.pos+1 : n.end-1]
	case n.form == bare:
		return t.dataOf(n)[n.pos:n.end]
	}
	return []byte(t.text(i))
}

// isTrue returns the value of a boolNode.
func (t *tree) isTrue(i uint32) bool { return strings.EqualFold(t.text(i), "true") }

// number returns the value of a numberNode, or why it has none that can be used.
func (t *tree) number(i uint32) (float64, error) {
	text := t.text(i)
	if t.isYAML(i) {
		if n, err := strconv.ParseInt(text, 0, 64); err == nil { // 0x1F, 0o17, 1_000
			return float64(n), nil
		}
		text = strings.ReplaceAll(text, "_", "")
	}
	v, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) || math.IsNaN(v) || math.IsInf(v, 0) || err != nil {
		return 0, fmt.Errorf("%s is not a number that can be used", quote(text))
	}
	return v, nil
}

// unescape returns the value of a JSON string that the scanner has checked.
func unescape(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		if raw[i] != 'u' {
			out = append(out, escapes[raw[i]])
			continue
		}
		r := rune(hex4(raw[i+1:]))
		i += 4
		if utf16.IsSurrogate(r) && i+6 < len(raw) {
			r = utf16.DecodeRune(r, rune(hex4(raw[i+3:])))
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// escapes maps the letter after a backslash to what it stands for.
var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// hex4 returns the value of four hexadecimal digits, or -1.
func hex4(b []byte) int {
	if len(b) < 4 {
		return -1
	}
	v := 0
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		v = v<<4 | int(c)
	}
	return v
}

// exact returns the value of a numberNode that is a whole number.
func (t *tree) exact(i uint32) (int64, error) { return strconv.ParseInt(t.text(i), 10, 64) }
