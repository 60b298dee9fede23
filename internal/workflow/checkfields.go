package workflow

import (
	"maps"
	"regexp"
	"strings"
	"time"
)

// param is what a known check's parameter must be.
type param struct {
	kind     kind
	required bool
	pattern  bool // a regular expression
	unit     unit // of a number, which may be spelled with it
}

type unit uint8

const (
	noUnit unit = iota
	inSeconds
	inBytes
)

// knownChecks are the checks that the program has. One that is not here fails its
// job when it runs, as it always did, so a file may name it.
var knownChecks = map[string]map[string]param{
	"check_file_exists":          {"path": {kind: stringNode, required: true}},
	"check_no_ora_errors":        {"log_file": {kind: stringNode, required: true}},
	"check_no_ora_or_sp2_errors": {"log_file": {kind: stringNode, required: true}},
	"command":                    {"command": {kind: stringNode, required: true}, "timeout": {kind: numberNode, unit: inSeconds}},
	"file_fresh":                 {"path": {kind: stringNode, required: true}, "max_age": {kind: numberNode, required: true, unit: inSeconds}},
	"file_size":                  {"path": {kind: stringNode, required: true}, "min": {kind: numberNode, unit: inBytes}, "max": {kind: numberNode, unit: inBytes}},
	"log_matches":                {"pattern": {kind: stringNode, required: true, pattern: true}, "log_file": {kind: stringNode}},
	"log_lacks":                  {"pattern": {kind: stringNode, required: true, pattern: true}, "log_file": {kind: stringNode}},
}

type checkDraft struct {
	Check
	name   uint32 // node
	params uint32 // node
}

var checkFields = fields[checkDraft]{
	"name": func(d *decoder, c *checkDraft, f field) {
		c.name = f.value
		d.string(f, &c.Name)
	},
	"params": func(d *decoder, c *checkDraft, f field) {
		if d.is(f, objectNode) {
			c.params = f.value
		}
	},
}

// checks reads a list of checks. An empty list is nil.
func (d *decoder) checks(f field, into *[]Check) {
	var all []Check
	d.items(f, func(item field) {
		if d.kind(item.value) != objectNode {
			d.wrong(item, "", "must be a list of objects with name and params, not of %s", d.kind(item.value))
			return
		}
		d.check = f.name + ": "
		all = append(all, d.oneCheck(item.value))
		d.check = ""
	})
	*into = all
}

func (d *decoder) oneCheck(object uint32) Check {
	var c checkDraft
	readFields(d, object, checkFields, &c)
	if c.Name == "" {
		if c.name == 0 || d.kind(c.name) == stringNode {
			d.rep.error(d.pos(object), "%sname is missing", d.who())
		}
		return c.Check
	}
	if c.params != 0 {
		c.Params = d.params(c.params)
	}
	params, known := knownChecks[c.Name]
	if d.isCustom(c.Name) {
		return c.Check
	}
	if !known {
		d.rep.warnGuess(d.pos(c.name), func() string { return d.meantCheck(c.Name) },
			"%sunknown check %s will fail its job", d.who(), quote(c.Name))
		return c.Check
	}
	d.checkParams(&c, params)
	return c.Check
}

// checkParams compares the parameters of a known check with what it takes.
func (d *decoder) checkParams(c *checkDraft, params map[string]param) {
	d.check += c.Name + ": "
	for name := range sortedKeys(params) {
		if params[name].required && c.Params[name] == nil {
			d.rep.error(d.pos(c.name), "%sparameter %s is missing", d.who(), name)
		}
	}
	if c.params == 0 {
		return
	}
	for key := c.params + 1; key < d.next(c.params); key = d.next(key + 1) {
		name := d.text(key)
		p, known := params[name]
		switch {
		case known && d.kind(key+1) != nullNode:
			d.checkParam(c, field{name, key, key + 1}, p)
		case !known && !strings.HasPrefix(name, "_"):
			d.rep.warnGuess(d.pos(key), func() string { return d.meant(name, sortedKeys(params)) },
				"%sunknown parameter %s is ignored", d.who(), quote(name))
		}
	}
}

func (d *decoder) checkParam(c *checkDraft, f field, p param) {
	if d.kind(f.value) == stringNode && strings.Contains(d.text(f.value), "${") {
		return // known only when the job starts
	}
	if p.unit != noUnit && d.spelled(f) {
		d.quantity(c, f, p.unit)
		return
	}
	if !d.is(f, p.kind) {
		return
	}
	if p.kind == numberNode {
		var v float64
		d.number(f, 0, 1e15, &v)
	}
	if p.pattern {
		if _, err := regexp.Compile(d.text(f.value)); err != nil {
			d.wrong(f, "", "is not a regular expression: %s", printable(err.Error()))
		}
	}
}

// quantity replaces a parameter that is spelled with its unit by the number that it is.
func (d *decoder) quantity(c *checkDraft, f field, u unit) {
	switch u {
	case inSeconds:
		var v time.Duration
		d.duration(f, 0, &v)
		c.Params[f.name] = v.Seconds()
	case inBytes:
		v, _ := d.bytes(f, 0, 1e15)
		c.Params[f.name] = float64(v)
	case noUnit:
	}
}

// params returns a check's parameters without those whose name begins with _, nil for none.
func (d *decoder) params(object uint32) map[string]any {
	all, _ := d.any(object).(map[string]any)
	maps.DeleteFunc(all, func(name string, _ any) bool { return strings.HasPrefix(name, "_") })
	if len(all) == 0 {
		return nil
	}
	return all
}

// any returns a value in Go's terms, with problems reported.
func (d *decoder) any(i uint32) any {
	switch d.kind(i) {
	case stringNode:
		return d.text(i)
	case boolNode:
		return d.isTrue(i)
	case numberNode:
		v, err := d.tree.number(i)
		if err != nil {
			d.rep.error(d.pos(i), "%s%v", d.who(), err)
		}
		return v
	case listNode:
		all := make([]any, 0, d.tree.items(i))
		for c := i + 1; c < d.next(i); c = d.next(c) {
			all = append(all, d.any(c))
		}
		return all
	case objectNode:
		all := map[string]any{}
		d.pairs(i, func(key, value uint32) {
			all[d.text(key)] = d.any(value)
		})
		return all
	}
	return nil
}

// each calls visit for the members of a list that have the wanted kind.
func (d *decoder) each(f field, want kind, visit func(item field)) {
	if d.kind(f.value) != listNode {
		return
	}
	for c := f.value + 1; c < d.next(f.value); c = d.next(c) {
		if d.kind(c) == want {
			visit(field{name: f.name, key: f.key, value: c})
		}
	}
}
