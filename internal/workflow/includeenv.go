package workflow

import (
	"bytes"
	"strings"
)

// variableReader reads an environment file: lines of NAME=VALUE, with comments, quotes
// and the word export, as shells and other tools have them.
type variableReader struct {
	data []byte
	rep  *reporter
	tree *tree
	i    int
	seen map[string]int // where a name stands
}

// readVariables returns a tree of one object, or nil after reporting why it can't be read.
func readVariables(data []byte, rep *reporter) *tree {
	if !cleanText(data, rep) {
		return nil
	}
	r := &variableReader{data: data, rep: rep, tree: &tree{data: data, yaml: true}, seen: map[string]int{}}
	self := r.tree.add(node{kind: objectNode})
	for ok := true; ok && r.i < len(data); {
		ok = r.line()
	}
	r.tree.close(self)
	return r.tree
}

// line reads one line, or several when a value in quotes has them.
func (r *variableReader) line() bool {
	r.space(" \t\r\n")
	if r.i == len(r.data) {
		return true
	}
	if r.data[r.i] == '#' {
		r.skipLine()
		return true
	}
	if rest := r.data[r.i:]; bytes.HasPrefix(rest, []byte("export ")) || bytes.HasPrefix(rest, []byte("export\t")) {
		r.i += len("export ")
		r.space(" \t")
	}
	start := r.i
	for r.i < len(r.data) && inName(r.data[r.i], r.i == start) {
		r.i++
	}
	name := string(r.data[start:r.i])
	r.space(" \t")
	if name == "" || r.i == len(r.data) || r.data[r.i] != '=' {
		r.rep.errorHint(start, "a line is NAME=VALUE, or a comment that begins with #", "this is not a variable")
		r.skipLine()
		return true
	}
	r.i++
	r.space(" \t")
	at := r.i
	value, ok := r.value()
	if first, twice := r.seen[name]; twice {
		r.rep.errorAt(start, first, "", "variable %s appears twice: first", quote(name))
	}
	r.seen[name] = start
	r.scalar(start, name)
	r.scalar(at, value)
	return ok
}

func inName(c byte, first bool) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || !first && c >= '0' && c <= '9'
}

func (r *variableReader) scalar(pos int, text string) {
	r.tree.add(node{pos: uint32(pos), end: uint32(len(r.tree.texts)), kind: stringNode, form: apart})
	r.tree.texts = append(r.tree.texts, text)
}

func (r *variableReader) space(chars string) {
	for r.i < len(r.data) && strings.IndexByte(chars, r.data[r.i]) >= 0 {
		r.i++
	}
}

func (r *variableReader) skipLine() {
	for r.i < len(r.data) && r.data[r.i] != '\n' {
		r.i++
	}
}

// value reads what stands behind the equals sign.
func (r *variableReader) value() (string, bool) {
	if r.i < len(r.data) && (r.data[r.i] == '"' || r.data[r.i] == '\'') {
		return r.quoted(r.data[r.i])
	}
	start := r.i
	r.skipLine()
	text := string(r.data[start:r.i])
	if strings.HasPrefix(text, "#") {
		return "", true
	}
	for _, comment := range [...]string{" #", "\t#"} {
		text, _, _ = strings.Cut(text, comment)
	}
	return strings.TrimSpace(text), true
}

// quoted reads a value in quotes. Between double ones \n, \r, \t, \", \\ and \$ stand for
// what they do elsewhere; between single ones all stands for itself.
func (r *variableReader) quoted(quote byte) (string, bool) {
	start := r.i
	var text []byte
	for r.i++; r.i < len(r.data); r.i++ {
		c := r.data[r.i]
		if c == quote {
			r.i++
			r.rest()
			return strings.ReplaceAll(string(text), "\r\n", "\n"), true
		}
		if c == '\\' && quote == '"' && r.i+1 < len(r.data) {
			if stands := strings.IndexByte(`nrt"\$`, r.data[r.i+1]); stands >= 0 {
				text = append(text, "\n\r\t\"\\$"[stands])
				r.i++
				continue
			}
		}
		text = append(text, c)
	}
	r.rep.errorHint(start, "", "the value that begins here has no closing quote")
	return "", false
}

// rest checks that nothing but a comment follows a value in quotes.
func (r *variableReader) rest() {
	at := r.i
	r.space(" \t\r")
	if r.i < len(r.data) && r.data[r.i] != '\n' && (r.data[r.i] != '#' || at == r.i) {
		r.rep.error(r.i, "there is more behind the closing quote")
	}
	r.skipLine()
}
