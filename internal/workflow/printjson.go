package workflow

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// jsonPrinter writes a tree as JSON, indented by two.
type jsonPrinter struct {
	*tree
	out bytes.Buffer
}

// printJSON writes a tree as JSON. Strings and numbers of a JSON file stay as they were
// written.
func printJSON(t *tree) []byte {
	p := &jsonPrinter{tree: t}
	p.value(0, "", 0, 0, workflowShape())
	p.out.WriteByte('\n')
	return p.out.Bytes()
}

// value writes a value that is the value of a field; used is what stands on its line already.
func (p *jsonPrinter) value(i uint32, field string, indent, used int, s *shape) {
	if k := p.kind(i); k != listNode && k != objectNode {
		p.out.WriteString(p.scalar(i))
		return
	}
	if text, ok := p.oneLine(i, field, s); ok && used+utf8.RuneCountInString(text) <= maxLine {
		p.out.WriteString(text)
		return
	}
	open, closed := "[", "]"
	if p.kind(i) == objectNode {
		open, closed = "{", "}"
	}
	p.out.WriteString(open)
	for n, c := range p.children(i, s) {
		if n > 0 {
			p.out.WriteByte(',')
		}
		p.out.WriteString("\n" + strings.Repeat(" ", indent+2))
		p.child(i, c, field, indent+2, s)
	}
	p.out.WriteString("\n" + strings.Repeat(" ", indent) + closed)
}

// child writes an entry of a list, or a name and its value.
func (p *jsonPrinter) child(in, c uint32, field string, indent int, s *shape) {
	if p.kind(in) == listNode {
		p.value(c, "", indent, indent, s.of(""))
		return
	}
	name := p.text(c)
	key := p.raw(c) + ": "
	p.out.WriteString(key)
	if field == "env_variables" && p.yaml && p.kind(c+1) < listNode {
		p.out.WriteString(p.variable(c + 1))
		return
	}
	p.value(c+1, name, indent, indent+utf8.RuneCountInString(key), s.of(name))
}

// children returns the entries of a list, or the names of an object in their order.
func (p *jsonPrinter) children(i uint32, s *shape) []uint32 {
	var all []uint32
	if p.kind(i) == listNode {
		for c := i + 1; c < p.next(i); c = p.next(c) {
			all = append(all, c)
		}
		return all
	}
	var names []string
	for c := i + 1; c < p.next(i); c = p.next(c + 1) {
		all = append(all, c)
		names = append(names, p.text(c))
	}
	if s == nil || s.order == nil {
		return all
	}
	ordered := make([]uint32, len(all))
	for to, from := range s.arranged(names) {
		ordered[to] = all[from]
	}
	return ordered
}

// oneLine writes a list or object on one line: not jobs, nor what stands above them.
func (p *jsonPrinter) oneLine(i uint32, field string, s *shape) (string, bool) {
	object := p.kind(i) == objectNode
	children := p.children(i, s)
	if len(children) > 0 && (field == "env_variables" || s != nil && (s.apart || s.inner != nil)) {
		return "", false
	}
	parts := make([]string, len(children))
	for n, c := range children {
		name, value := "", c
		if object {
			name, value = p.text(c), c+1
			parts[n] = p.raw(c) + ": "
		}
		if k := p.kind(value); k != listNode && k != objectNode {
			parts[n] += p.scalar(value)
			continue
		}
		text, ok := p.oneLine(value, name, s.of(name))
		if !ok {
			return "", false
		}
		parts[n] += text
	}
	switch {
	case !object:
		return "[" + strings.Join(parts, ", ") + "]", true
	case len(parts) == 0:
		return "{}", true
	}
	return "{ " + strings.Join(parts, ", ") + " }", true
}

func (p *jsonPrinter) scalar(i uint32) string {
	switch p.kind(i) {
	case stringNode:
		return p.raw(i)
	case numberNode:
		return p.jsonNumber(i)
	case boolNode:
		return strings.ToLower(p.text(i))
	}
	return "null"
}

// variable writes the value of a variable in a YAML file: what JSON reads as another
// text than YAML does becomes a string.
func (p *jsonPrinter) variable(i uint32) string {
	if p.kind(i) == numberNode && numberJSON.MatchString(p.text(i)) {
		return p.text(i)
	}
	return jsonString(p.envText(i))
}

// raw writes a string as it is in the file, if that is JSON.
func (p *jsonPrinter) raw(i uint32) string {
	if n := &p.nodes[i]; n.form != apart && !p.yaml {
		return string(p.data[n.pos:n.end])
	}
	return jsonString(p.text(i))
}

func jsonString(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can't fail
	return strings.TrimSuffix(b.String(), "\n")
}
