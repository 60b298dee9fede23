package workflow

import (
	"slices"
	"strings"
)

// record is an object in the making: for each of its fields what the files, templates
// and so on say about it. It is used again for each object.
type record struct {
	fields []stack
	n      int
	index  map[string]int // of fields, once there are many
}

// stack is what is said about one field, what wins last.
type stack struct {
	name   string
	key    uint32 // of the last piece
	pieces []piece
}

// piece is what one object says about a field.
type piece struct {
	key   uint32
	value uint32
	plus  bool
	fill  bool
	part  part
}

const fewFields = 24

func (r *record) reset() {
	r.n = 0
	clear(r.index)
}

// at returns the stack of that name, a new one if there is none yet.
func (r *record) at(name string) *stack {
	if r.n <= fewFields {
		for i := range r.fields[:r.n] {
			if r.fields[i].name == name {
				return &r.fields[i]
			}
		}
	} else if i, known := r.index[name]; known {
		return &r.fields[i]
	}
	if r.n == len(r.fields) {
		r.fields = append(r.fields, stack{})
	}
	s := &r.fields[r.n]
	r.n++
	s.name, s.pieces = name, s.pieces[:0]
	if r.n > fewFields {
		r.indexed(name)
	}
	return s
}

// indexed makes a new name known, and all before it the first time.
func (r *record) indexed(name string) {
	if r.index == nil {
		r.index = map[string]int{}
	}
	if len(r.index) == 0 {
		for i := range r.fields[:r.n] {
			r.index[r.fields[i].name] = i
		}
	}
	r.index[name] = r.n - 1
}

func (r *record) add(m member, p *part) {
	s := r.at(m.name)
	s.key = m.key
	s.pieces = append(s.pieces, piece{m.key, m.value, m.plus, m.fill, *p})
}

// call drops what defaults say about a job that calls a sub-workflow, where such a job
// can't have it: it is meant for the others.
func (r *record) call() {
	if len(r.fields) == 0 || !slices.ContainsFunc(r.fields[:r.n], func(s stack) bool { return s.name == "workflow" }) {
		return
	}
	kept := 0
	for i := range r.fields[:r.n] {
		s := &r.fields[i]
		if notOfCalls(s.name) {
			s.pieces = slices.DeleteFunc(s.pieces, func(p piece) bool { return p.part.deflt })
		}
		if len(s.pieces) > 0 {
			r.fields[kept], r.fields[i] = r.fields[i], r.fields[kept]
			kept++
		}
	}
	r.n = kept
}

// variables adds an object of variables that has no name in the file.
func (r *record) variables(object uint32, p *part) {
	s := r.at("env_variables")
	if len(s.pieces) == 0 {
		s.key = 0
	}
	s.pieces = append(s.pieces, piece{0, object, false, false, *p})
}

// record writes the members of the object that is being made, its id first: messages
// about a job name it.
func (c *composer) record() {
	for _, ids := range [...]bool{true, false} {
		for i := range c.rec.fields[:c.rec.n] {
			if s := &c.rec.fields[i]; (s.name == "id") == ids {
				c.stack(s)
			}
		}
	}
}

// stack writes one field. Of pieces that can't be put together the last counts.
func (c *composer) stack(s *stack) {
	use := c.pieces[:0]
	for _, p := range s.pieces {
		if p.fill && c.kind(p.value) == stringNode && !executed(s.name) {
			p.value, p.fill = c.filled(p.value, &p.part), false
		}
		switch {
		case p.plus:
			if !c.addable(s.name, p, use) {
				return
			}
			use = append(use, p)
		case len(use) > 0 && c.kind(p.value) == objectNode && c.kind(use[len(use)-1].value) == objectNode:
			use = append(use, p)
		default:
			use = append(use[:0], p)
		}
	}
	c.pieces = use
	last := use[len(use)-1]
	c.key(s.key, s.name)
	switch {
	case len(use) == 1 && !last.plus && (last.key != 0 || c.labels == nil):
		c.mark(c.here(), s.key, last)
		c.value(last, s.name)
	case c.kind(last.value) == objectNode:
		c.mergeObjects(use)
	default:
		c.joinLists(s.name, use)
	}
}

// addable checks that a list can be added to what there is.
func (c *composer) addable(name string, p piece, to []piece) bool {
	texts := name == "email_address" // one text is as good as a list
	fits := func(value uint32) bool {
		return c.kind(value) == listNode || texts && c.kind(value) == stringNode
	}
	if !fits(p.value) {
		c.rep.errorHint(c.pos(p.key), "write "+name, "%s+%s must be a list, not %s: only lists can be added to", c.who(), name, c.kind(p.value))
		return false
	}
	if len(to) > 0 && !fits(to[len(to)-1].value) {
		other := to[len(to)-1].value
		c.rep.errorAt(c.pos(p.key), c.pos(other), "", "%s+%s can't be added to %s:", c.who(), name, c.kind(other))
		return false
	}
	return true
}

// joinLists writes the entries of several lists as one.
func (c *composer) joinLists(name string, use []piece) {
	self := c.open(listNode, use[len(use)-1].value)
	for _, p := range use {
		if c.kind(p.value) != listNode {
			c.mark(c.here(), p.value, p)
			c.value(p, name)
			continue
		}
		for item := p.value + 1; item < c.next(p.value); item = c.next(item) {
			c.mark(c.here(), item, p)
			c.value(piece{p.key, item, false, p.fill, p.part}, name)
		}
	}
	c.close(self)
}

// mergeObjects writes the members of several objects as one: of equal names the last
// counts. Names that one object has twice stay so, for the decoder to report.
func (c *composer) mergeObjects(use []piece) {
	type pair struct {
		key uint32
		by  int
	}
	var pairs []pair
	index := map[string]int{}
	for by, p := range use {
		for key := p.value + 1; key < c.next(p.value); key = c.next(key + 1) {
			name := c.text(key)
			if at, known := index[name]; known && pairs[at].by != by {
				pairs[at] = pair{key, by}
				continue
			} else if !known {
				index[name] = len(pairs)
			}
			pairs = append(pairs, pair{key, by})
		}
	}
	self := c.open(objectNode, use[len(use)-1].value)
	for _, p := range pairs {
		from := use[p.by]
		name := c.text(p.key)
		c.copy(p.key, &from.part)
		at := p.key
		if from.key == 0 && from.part.scope != nil {
			at++ // of a parameter what says most is where its value is given
		}
		c.mark(c.here(), at, from)
		c.value(piece{p.key, p.key + 1, false, from.fill, from.part}, name)
	}
	c.close(self)
}

// here is the index of the next value.
func (c *composer) here() uint32 { return uint32(len(c.out)) }

// mark notes where the value at an index comes from, if somebody asks.
func (c *composer) mark(at, key uint32, p piece) {
	if c.labels == nil {
		return
	}
	if key == 0 {
		key = p.value
	}
	c.labels[at] = label{c.pos(key), p.part.from}
}

// open begins an object or list at the place of a node.
func (c *composer) open(k kind, like uint32) uint32 {
	n := c.nodes[like]
	n.kind, n.form = k, plain
	c.out = append(c.out, n)
	return c.here() - 1
}

func (c *composer) close(self uint32) { c.out[self].next = c.here() }

// key writes a name; an empty one stays as it is.
func (c *composer) key(key uint32, name string) {
	n := node{kind: stringNode}
	if key != 0 {
		n = c.nodes[key]
	}
	if name != "" && (key == 0 || strings.HasPrefix(c.text(key), "+")) {
		n.form, n.end = apart, c.addText(name)
	}
	n.next = c.here() + 1
	c.out = append(c.out, n)
}

func (c *composer) addText(text string) uint32 {
	c.texts = append(c.texts, text)
	return uint32(len(c.texts) - 1)
}

// value writes what a piece says, with parameters filled in.
func (c *composer) value(p piece, name string) {
	if p.fill {
		c.fill(p.value, &p.part, name, objectNode)
		return
	}
	c.copy(p.value, &p.part)
}

// copy writes a value and all it contains as it stands.
func (c *composer) copy(i uint32, p *part) {
	from, to := i, c.next(i)
	if p != nil && p.shared && !c.spend(int(to-from), c.pos(i)) {
		to = from + 1
	}
	start := c.here()
	c.room(int(to - from))
	c.out = append(c.out, c.nodes[from:to]...)
	delta := start - from
	for n := range c.out[start:] {
		c.out[start:][n].next += delta
	}
}

// room makes place for n more values. It doubles what there is: append grows a large
// slice in small steps, and copies it at each.
func (c *composer) room(n int) {
	if len(c.out)+n > cap(c.out) {
		c.out = slices.Grow(c.out, max(n, len(c.out)))
	}
}
