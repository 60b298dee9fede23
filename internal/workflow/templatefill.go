package workflow

import (
	"bytes"
	"strings"
)

// parameterMark begins a parameter in a template's text: ${{ name }}.
const parameterMark = "${{"

// parametric reports whether a value has text with parameters in it.
func (c *composer) parametric(i uint32) bool {
	for n := i; n < c.next(i); n++ {
		if c.kind(n) == stringNode && bytes.Contains(c.name(n), []byte(parameterMark)) {
			return true
		}
	}
	return false
}

// executed reports whether a field's text is executed: nothing is ever pasted into it,
// because what a value contains would be executed too.
func executed(name string) bool { return name == "command" || name == "when" }

// instead says how a field that is executed gets a parameter's value.
func instead(field string, k kind, name string) string {
	switch {
	case field == "when":
		return "it is a variable of the job: write env." + name
	case k == listNode:
		return `it is a variable of the job: write "${` + name + `}"`
	}
	return `it is a variable of the job: write "$` + name + `"`
}

// fill writes the value of a field and all it contains, with parameters replaced.
func (c *composer) fill(i uint32, p *part, field string, in kind) {
	if !c.spend(1, c.pos(i)) {
		return
	}
	switch c.kind(i) {
	case listNode:
		self := c.open(listNode, i)
		for item := i + 1; item < c.next(i); item = c.next(item) {
			c.fill(item, p, field, listNode)
		}
		c.close(self)
	case objectNode:
		self := c.open(objectNode, i)
		for key := i + 1; key < c.next(i); key = c.next(key + 1) {
			name := field // what is within something that is executed may be executed, too
			if !executed(field) {
				name = string(c.name(key))
			}
			c.copy(key, p)
			c.fill(key+1, p, name, objectNode)
		}
		c.close(self)
	case stringNode:
		if executed(field) {
			c.forbid(i, field, in)
			c.copy(i, p)
			return
		}
		c.copy(c.filled(i, p), nil)
	default:
		c.copy(i, p)
	}
}

// forbid reports a parameter in text that is executed.
func (c *composer) forbid(i uint32, field string, in kind) {
	if _, name, _, found := nextParameter(c.text(i)); found {
		c.rep.errorHint(c.pos(i), instead(field, in, name),
			"%s%s must not be pasted into what is executed", c.who(), quote(parameterMark+" "+name+" }}"))
	}
}

// nextParameter finds the first ${{ name }} of a text.
func nextParameter(text string) (before, name, after string, found bool) {
	before, rest, found := strings.Cut(text, parameterMark)
	if !found {
		return text, "", "", false
	}
	name, after, found = strings.Cut(rest, "}}")
	if !found {
		return text, "", "", false
	}
	return before, strings.TrimSpace(name), after, true
}

// filled returns a scalar's node with parameters replaced. A text that is one parameter
// and nothing else becomes its value, whatever kind that has.
func (c *composer) filled(i uint32, p *part) uint32 {
	if p.scope == nil || c.kind(i) != stringNode || !bytes.Contains(c.name(i), []byte(parameterMark)) {
		return i
	}
	rest := c.text(i)
	var out strings.Builder
	for {
		before, name, after, found := nextParameter(rest)
		if !found {
			out.WriteString(rest)
			break
		}
		value, known := p.scope.values[name]
		switch {
		case !known:
			c.unknownParameter(i, name, p)
			return i
		case out.Len() == 0 && before == "" && after == "":
			return value
		}
		out.WriteString(before)
		text, _ := c.varValue(name, value)
		out.WriteString(text)
		rest = after
		if !c.spendText(len(before)+len(text), out.Len(), c.pos(i)) {
			return i
		}
	}
	n := c.nodes[i]
	n.form, n.end = apart, c.addText(out.String())
	return c.tree.add(n)
}

func (c *composer) spendText(n, length, pos int) bool {
	c.textLeft -= n
	switch {
	case c.over:
		return false
	case length > maxValue:
		c.rep.error(pos, "parameters make this text longer than %d bytes", maxValue)
	case c.textLeft < 0:
		c.rep.error(pos, "parameters make more text than is made of a file of this size")
	default:
		return true
	}
	c.over = true
	return false
}

func (c *composer) unknownParameter(i uint32, name string, p *part) {
	t := p.scope.template
	for _, q := range t.params {
		if q.name == name {
			return // it is missing, and that has been told
		}
	}
	c.rep.errorGuess(c.pos(i), func() string {
		if len(t.params) == 0 {
			return "declare it: params: {" + name + ": …}"
		}
		return c.meant(name, t.known())
	}, "%s has no parameter %s", c.describe(t), quote(name))
}
