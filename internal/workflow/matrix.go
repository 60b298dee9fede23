package workflow

import (
	"slices"
	"strconv"
	"strings"
)

// Limits of what one job of a file may become.
const (
	maxItems = 100_000
	maxJobs  = 1_000_000 // all jobs of a workflow that has such
	maxEdges = 20_000_000
)

// fan is what makes several jobs of one.
type fan struct {
	matrix, foreach, workflow, with, dir field
}

// any reports whether the job is not simply itself.
func (f *fan) any() bool { return f.matrix.value|f.foreach.value|f.workflow.value != 0 }

// item is one of what a job becomes: the values that tell it from the others.
type item struct {
	label string // what its id has in brackets; empty: there is only this one, with the job's own id
	vars  []Var
}

// items returns what a job becomes. Nil: that can't be told, and was reported.
func (r *jobReader) fanItems(f *fan) []item {
	switch {
	case f.matrix.value != 0 && f.foreach.value != 0:
		r.rep.errorHint(r.pos(f.foreach.key), "put the list into the matrix", "%sforeach does not go with matrix", r.who())
		return nil
	case f.matrix.value != 0:
		return r.matrixItems(f.matrix)
	case f.foreach.value != 0:
		return r.foreachItems(f.foreach)
	}
	return []item{{}}
}

// axis is one name of a matrix with its values.
type axis struct {
	name   string
	values []string
}

// matrixItems returns the combinations of a matrix, the last name changing fastest.
func (r *jobReader) matrixItems(f field) []item {
	if !r.is(f, objectNode) {
		return nil
	}
	var axes []axis
	var exclude field
	count, good := 1, true
	r.pairs(f.value, func(key, value uint32) {
		name := r.text(key)
		one := field{"matrix: " + name, key, value}
		switch {
		case strings.HasPrefix(name, "_"):
			return
		case name == "exclude":
			exclude = one
			return
		case !r.itemName(key, name):
			good = false
			return
		}
		a := axis{name: name}
		if a.values, _ = r.listOf(one); len(a.values) == 0 {
			good = false
			return
		}
		if count *= len(a.values); count > maxItems {
			r.rep.error(r.pos(f.value), "%smatrix has more than %d combinations", r.who(), maxItems)
			good, count = false, 1
		}
		axes = append(axes, a)
	})
	if good && len(axes) == 0 {
		r.wrong(f, `write {os: [linux, mac], db: [x, y]}`, "must have names with lists of values")
		good = false
	}
	if !good {
		return nil
	}
	all := combinations(axes, count)
	if exclude.value == 0 {
		return all
	}
	left, ok := r.without(all, axes, exclude)
	if ok && len(left) == 0 {
		r.wrong(exclude, "", "leaves no combination")
	}
	return left
}

// combinations returns all items of a matrix.
func combinations(axes []axis, count int) []item {
	all := make([]item, count)
	for n := range all {
		vars := make([]Var, len(axes))
		labels := make([]string, len(axes))
		rest := n
		for i := len(axes) - 1; i >= 0; i-- {
			a := &axes[i]
			vars[i] = Var{a.name, a.values[rest%len(a.values)]}
			labels[i] = safeLabel(vars[i].Value)
			rest /= len(a.values)
		}
		all[n] = item{label: strings.Join(labels, ","), vars: vars}
	}
	return all
}

// without leaves out the combinations that exclude names.
func (r *jobReader) without(all []item, axes []axis, f field) ([]item, bool) {
	var patterns [][]Var
	good := true
	r.items(f, func(entry field) {
		if !r.is(entry, objectNode) {
			good = false
			return
		}
		var pattern []Var
		r.pairs(entry.value, func(key, value uint32) {
			name := r.text(key)
			text, ok := r.scalar(field{f.name + ": " + name, key, value}, "must be a text or a number, not %s")
			i := slices.IndexFunc(axes, func(a axis) bool { return a.name == name })
			switch {
			case i < 0:
				r.rep.errorHint(r.pos(key), r.meant(name, axisNames(axes)), "%s%s: the matrix has no %s", r.who(), f.name, quote(name))
				good = false
			case ok && !slices.Contains(axes[i].values, text):
				r.rep.errorHint(r.pos(value), r.meant(text, slices.Values(axes[i].values)), "%s%s: %s has no value %s", r.who(), f.name, name, quote(text))
				good = false
			}
			pattern = append(pattern, Var{name, text})
		})
		if len(pattern) > 0 {
			patterns = append(patterns, pattern)
		}
	})
	if !good {
		return nil, false
	}
	return slices.DeleteFunc(all, func(it item) bool {
		return slices.ContainsFunc(patterns, func(p []Var) bool {
			return !slices.ContainsFunc(p, func(v Var) bool { return !slices.Contains(it.vars, v) })
		})
	}), true
}

func axisNames(axes []axis) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, a := range axes {
			if !yield(a.name) {
				return
			}
		}
	}
}

// itemName reports whether a variable that tells items apart may have that name.
func (r *jobReader) itemName(node uint32, name string) bool {
	switch {
	case !variableName(name):
		r.rep.errorHint(r.pos(node), "use letters, digits and _, and no digit first", "%s%s can't be the name of a variable", r.who(), quote(name))
		return false
	case strings.HasPrefix(name, reservedPrefix):
		r.rep.error(r.pos(node), "%s%s can't be the name of a variable: names that begin with %s are the program's own", r.who(), quote(name), reservedPrefix)
		return false
	}
	return true
}

// listOf reads a list of different texts, or those of a list parameter. It reports an
// empty list, but not an empty parameter, whose ok is true.
func (r *jobReader) listOf(f field) (values []string, ok bool) {
	if r.kind(f.value) == objectNode {
		return r.paramItems(f)
	}
	before := r.rep.errs.total
	if r.scalars(f, &values); r.rep.errs.total > before {
		return nil, false
	}
	if len(values) == 0 {
		r.wrong(f, "", "must not be empty")
		return nil, false
	}
	return values, r.distinct(f, values)
}

// distinct reports values that are there twice, or can't be a variable's.
func (r *jobReader) distinct(f field, values []string) bool {
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		if refused := variableText(v); refused != nil {
			r.wrong(f, "", "has an item that %s", refused.msg)
			return false
		}
		if seen[v] {
			r.wrong(f, "", "has %s twice", quote(v))
			return false
		}
		seen[v] = true
	}
	return true
}

// paramReference is {param: NAME}.
type paramReference struct{ name field }

var paramReferenceFields = fields[paramReference]{
	"param": func(d *decoder, p *paramReference, f field) {
		if d.is(f, stringNode) {
			p.name = f
		}
	},
}

// paramItems returns the items of the list parameter that {param: NAME} names.
func (r *jobReader) paramItems(f field) ([]string, bool) {
	var ref paramReference
	readFields(r.decoder, f.value, paramReferenceFields, &ref)
	if ref.name.value == 0 {
		r.wrong(f, "write [a, b] or {param: NAME}", "must be a list, or name a parameter that is one")
		return nil, false
	}
	return r.listParam(ref.name)
}

// listParam returns the items of the list parameter that f names.
func (r *jobReader) listParam(f field) ([]string, bool) {
	name := r.text(f.value)
	p := r.draft.Param(name)
	switch {
	case p == nil:
		r.rep.errorHint(r.pos(f.value), r.meant(name, r.paramNames()), "%sthe workflow has no parameter %s", r.who(), quote(name))
	case p.Type != ListParam:
		r.rep.errorHint(r.pos(f.value), "give it type: list", "%sthe parameter %s is of type %s, not list", r.who(), quote(name), p.Type)
	case p.Secret:
		r.rep.error(r.pos(f.value), "%sthe parameter %s is secret, and ids of jobs would show it", r.who(), quote(name))
	default:
		items := p.Items()
		return items, r.distinct(f, items)
	}
	return nil, false
}

func (r *jobReader) paramNames() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range r.draft.Params {
			if !yield(r.draft.Params[i].Name) {
				return
			}
		}
	}
}

// maxLabel is how many bytes of a value an id has.
const maxLabel = 100

// safeLabel returns a value as a part of an id: brackets and commas, which give ids their
// form, become _, and so does what can't be shown.
func safeLabel(value string) string {
	text := strings.Map(func(c rune) rune {
		if c == '[' || c == ']' || c == ',' || c == '·' {
			return '_'
		}
		return c
	}, strings.ReplaceAll(printable(strings.ToValidUTF8(value, "_")), "·", "_"))
	text = strings.ReplaceAll(text, "\t", "_")
	if len(text) > maxLabel { // the end tells more: of paths it is the file
		text = "…" + strings.ToValidUTF8(text[len(text)-maxLabel:], "")
	}
	if strings.TrimSpace(text) == "" {
		return "_"
	}
	return text
}

// unique gives items whose labels have become the same a number.
func unique(items []item) []item {
	taken := make(map[string]bool, len(items))
	next := make(map[string]int)
	for i := range items {
		label := items[i].label
		for taken[items[i].label] {
			next[label]++
			items[i].label = label + "#" + strconv.Itoa(next[label]+1)
		}
		taken[items[i].label] = true
	}
	return items
}
