package workflow

import (
	"maps"
	"slices"
	"strings"
)

// template is a set of fields for jobs, as all files together have it.
type template struct {
	name    string
	objects []uint32 // lowest first
	params  []parameter
	bases   []use
	state   uint8 // of checking for circles
	depth   int   // templates that it extends within each other, itself included; once checked
}

// parameter is what a template lets jobs choose.
type parameter struct {
	name    string
	key     uint32
	deflt   uint32 // node of its default
	require bool   // it has none
}

// use is one template that a job or another template extends.
type use struct {
	*template
	at   uint32     // node that names it
	args []argument // of with
}

type argument struct {
	name       string
	key, value uint32
}

// part is an object whose fields go into others: what wins comes later.
type part struct {
	object uint32
	from   string // what it is called in show --origin; empty for a file's own
	shared bool   // it comes to many objects, so that what it adds is counted
	deflt  bool   // it is, or comes through, defaults
	scope  *scope // of a template with its arguments
}

// scope is a template's parameters with the values that one use of it gives them.
type scope struct {
	template *template
	values   map[string]uint32 // node of each value
	vars     uint32            // object with them, 0 for none
}

// variables returns the object with the values of a template's parameters, for its first object only.
func (p *part) variables() uint32 {
	if p.scope == nil || p.object != p.scope.template.objects[0] {
		return 0
	}
	return p.scope.vars
}

// readTemplates reads all templates and checks what they extend.
func (c *composer) readTemplates() {
	for _, root := range c.layers {
		value := c.member(root, "templates")
		if value == 0 || c.kind(value) == nullNode || !c.is(field{"templates", value - 1, value}, objectNode) {
			continue
		}
		c.pairs(value, func(key, value uint32) {
			if name := c.text(key); !strings.HasPrefix(name, "_") && c.kind(value) != nullNode {
				c.readTemplate(name, value)
			}
		})
	}
	for _, t := range c.order {
		c.params(t)
		c.about = c.describe(t) + ": "
		t.bases = c.uses(t.objects)
	}
	c.about = ""
	for _, t := range c.order {
		if !c.over {
			c.circles(t, nil)
		}
	}
}

func (c *composer) readTemplate(name string, object uint32) {
	if c.kind(object) != objectNode {
		c.rep.error(c.pos(object), "template %s must be an object with fields of a job, not %s", quote(name), c.kind(object))
		return
	}
	t := c.templates[name]
	if t == nil {
		t = &template{name: name}
		c.templates[name] = t
		c.order = append(c.order, t)
	}
	t.objects = append(t.objects, object)
	c.fix(object, c.describe(t), "id")
}

// params reads the parameters of a template. Of equal names in several files the last counts.
func (c *composer) params(t *template) {
	for _, object := range t.objects {
		value := c.member(object, "params")
		if value == 0 || c.kind(value) == nullNode {
			continue
		}
		if c.kind(value) != objectNode {
			c.rep.errorHint(c.pos(value), `write {name: default}, or {name: null} for one that must be given`,
				"%s: params must be an object, not %s", c.describe(t), c.kind(value))
			continue
		}
		c.pairs(value, func(key, value uint32) { c.param(t, key, value) })
	}
}

func (c *composer) param(t *template, key, value uint32) {
	p := parameter{name: c.text(key), key: key, deflt: value, require: c.kind(value) == nullNode}
	switch {
	case !variableName(p.name):
		c.rep.errorHint(c.pos(key), "letters, digits and _ are fine", "%s: parameter %s can't be the name of a variable, which it becomes", c.describe(t), quote(p.name))
		return
	case c.kind(value) == listNode || c.kind(value) == objectNode:
		c.rep.error(c.pos(value), "%s: parameter %s must be a text, a number, or true or false, not %s", c.describe(t), p.name, c.kind(value))
		return
	}
	if i := slices.IndexFunc(t.params, func(o parameter) bool { return o.name == p.name }); i >= 0 {
		t.params[i] = p
		return
	}
	t.params = append(t.params, p)
}

// uses reads what a job, a template or the defaults extend: the last object that says so
// counts, and those behind it that add to it.
func (c *composer) uses(objects []uint32) []use {
	var all []use
	for _, object := range objects {
		for key := object + 1; key < c.next(object); key = c.next(key + 1) {
			switch name := c.name(key); string(name) {
			case "extends":
				if c.kind(key+1) != nullNode {
					all = c.use(nil, field{"extends", key, key + 1})
				}
			case "+extends":
				all = c.use(all, field{"+extends", key, key + 1})
			}
		}
	}
	return all
}

// use appends the templates of one field.
func (c *composer) use(all []use, f field) []use {
	switch c.kind(f.value) {
	case stringNode:
		return c.named(all, f.value, nil)
	case objectNode:
		return c.withArgs(all, f)
	case listNode:
		for item := f.value + 1; item < c.next(f.value); item = c.next(item) {
			switch c.kind(item) {
			case stringNode:
				all = c.named(all, item, nil)
			case objectNode:
				all = c.withArgs(all, field{f.name, f.key, item})
			default:
				c.badUse(field{f.name, f.key, item})
			}
		}
		return all
	}
	c.badUse(f)
	return all
}

func (c *composer) badUse(f field) {
	c.wrong(f, "", "must be the name of a template, {template: NAME, with: {…}}, or a list of these, not %s", c.kind(f.value))
}

// useDraft is a template with its arguments, as it stands in a file.
type useDraft struct{ template, with field }

var useFields = fields[useDraft]{
	"template": func(_ *decoder, u *useDraft, f field) { u.template = f },
	"with":     func(_ *decoder, u *useDraft, f field) { u.with = f },
}

func (c *composer) withArgs(all []use, f field) []use {
	var u useDraft
	readFields(c.decoder, f.value, useFields, &u)
	if u.template.value == 0 {
		c.rep.errorHint(c.pos(f.value), "write {template: NAME, with: {…}}", "%sextends: template is missing", c.who())
		return all
	}
	if !c.is(u.template, stringNode) || u.with.value != 0 && !c.is(u.with, objectNode) {
		return all
	}
	var args []argument
	if u.with.value != 0 {
		c.pairs(u.with.value, func(key, value uint32) {
			if c.kind(value) == listNode || c.kind(value) == objectNode {
				c.rep.error(c.pos(value), "%sparameter %s must be a text, a number, or true or false, not %s", c.who(), quote(c.text(key)), c.kind(value))
			}
			args = append(args, argument{c.text(key), key, value})
		})
	}
	return c.named(all, u.template.value, args)
}

// named appends a template by its name, with its arguments, which must fit.
func (c *composer) named(all []use, at uint32, args []argument) []use {
	name := c.text(at)
	t := c.templates[name]
	if t == nil {
		hint := func() string { return c.meant(name, maps.Keys(c.templates)) }
		if len(c.templates) == 0 {
			hint = func() string { return `templates are declared at the top: templates: {NAME: {…}}` }
		}
		c.rep.errorGuess(c.pos(at), hint, "%sthere is no template %s", c.who(), quote(name))
		return all
	}
	return append(all, use{t, at, args})
}

const (
	unchecked = iota
	checking
	checked
)

// circles reports templates that extend each other in a circle, or too deep.
func (c *composer) circles(t *template, path []*template) {
	if t.state == checked || c.over {
		return
	}
	if t.state == checking {
		c.over = true
		c.rep.error(c.pos(t.objects[0]), "templates extend each other in a circle: %s", circleOfTemplates(path[slices.Index(path, t):], t))
		return
	}
	t.state, t.depth = checking, 1
	if path = append(path, t); len(path) <= maxNested+1 { // further down it is too deep in any case
		for _, u := range t.bases {
			c.circles(u.template, path)
			t.depth = max(t.depth, u.depth+1)
		}
	}
	t.state = checked
	if (t.depth > maxNested+1 || len(path) > maxNested+1) && !c.over {
		c.over = true
		c.rep.error(c.pos(t.objects[0]), "templates extend each other more than %d deep", maxNested)
	}
}

func circleOfTemplates(circle []*template, again *template) string {
	var names []string
	for _, t := range append(slices.Clone(circle), again) {
		names = append(names, t.name)
	}
	return inCircle(names)
}

// apply appends the parts of a template: what it extends, then its own. outer is the
// scope in which its arguments stand, nil outside of templates.
func (c *composer) apply(u use, outer *scope, parts []part) []part {
	const cost = 4 // of one more part, in values
	if !c.spend(cost*(1+len(u.params)+len(u.args))+len(c.fixed[u.objects[0]]), c.pos(u.at)) {
		return parts
	}
	s := c.enter(u, outer)
	for _, base := range u.bases {
		parts = c.apply(base, s, parts)
	}
	for _, object := range u.objects {
		parts = append(parts, part{object: object, from: c.describe(u.template), shared: true, scope: s})
	}
	return parts
}

// enter makes the scope of one use of a template.
func (c *composer) enter(u use, outer *scope) *scope {
	s := &scope{template: u.template}
	if len(u.params)+len(u.args) == 0 {
		return s
	}
	s.values = make(map[string]uint32, len(u.params))
	given := make(map[string]argument, len(u.args))
	for _, a := range u.args {
		if !slices.ContainsFunc(u.params, func(p parameter) bool { return p.name == a.name }) {
			c.rep.errorGuess(c.pos(a.key), func() string { return c.meant(a.name, u.known()) },
				"%s%s has no parameter %s", c.who(), c.describe(u.template), quote(a.name))
			continue
		}
		given[a.name] = a
	}
	for _, p := range u.params {
		a, has := given[p.name]
		switch {
		case has && c.kind(a.value) >= listNode: // told already
		case has && c.kind(a.value) != nullNode:
			s.values[p.name] = c.filled(a.value, &part{scope: outer})
		case p.require:
			c.rep.errorHint(c.pos(u.at), "write {template: "+u.name+", with: {"+p.name+": …}}", "%s%s needs the parameter %s", c.who(), c.describe(u.template), quote(p.name))
		default:
			s.values[p.name] = p.deflt
		}
	}
	c.declare(s)
	return s
}

func (t *template) known() func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, p := range t.params {
			if !yield(p.name) {
				return
			}
		}
	}
}

// declare makes the object with the variables that parameters become.
func (c *composer) declare(s *scope) {
	if len(s.values) == 0 {
		return
	}
	n := c.nodes[s.template.objects[0]]
	n.kind, n.form = objectNode, plain
	s.vars = c.tree.add(n)
	for _, p := range s.template.params {
		value, ok := s.values[p.name]
		if !ok {
			continue
		}
		for _, i := range [...]uint32{p.key, value} {
			c.tree.add(c.nodes[i])
		}
	}
	c.tree.close(s.vars)
}
