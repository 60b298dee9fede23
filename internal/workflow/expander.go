package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// expander replaces the references within a set of variables. It first expands what
// refers to nothing unexpanded, then what that makes ready, and so on; what is left
// refers to itself in a circle, or to such. Nothing recurses: a file may have a chain
// of a million variables.
type expander struct {
	top      []definition // that win, by name
	nodes    []*variable  // that have references, in the order found
	index    map[*definition]*variable
	size     int // bytes of all expanded values
	warnings []string
}

// variable is a definition that has references.
type variable struct {
	def     *definition
	value   string
	refs    []*variable // unexpanded ones that it refers to, with repeats
	users   []*variable // that refer to it, with repeats
	waiting int         // refs not yet expanded
	left    int         // users not yet known to be outside all circles
	state   varState
}

type varState uint8

const (
	unexpanded varState = iota
	expanded
	behind  // not in a circle, but refers to one
	circled // in a circle
)

// maxExpanded is how many bytes all expanded values of an environment may have.
const maxExpanded = 32 << 20

func (x *expander) run() {
	for i := range x.top {
		x.collect(&x.top[i])
	}
	if len(x.nodes) == 0 {
		return
	}
	for i := 0; i < len(x.nodes); i++ { // grows by what is overridden but referred to
		x.connect(x.nodes[i])
	}
	x.expandReady(x.nodes)
	x.breakCircles()
}

// final reports whether a definition's value is data, in which nothing is replaced.
func (d *definition) final() bool {
	switch d.origin {
	case OriginInherited, OriginParam, OriginSecret, OriginItem, originOutput:
		return true
	}
	return false
}

// collect makes a variable of a definition that has references, unless it is final.
func (x *expander) collect(d *definition) *variable {
	if d.final() || !strings.Contains(d.Value, "${") {
		return nil
	}
	if v, known := x.index[d]; known {
		return v
	}
	if x.index == nil {
		x.index = map[*definition]*variable{}
	}
	v := &variable{def: d, value: d.Value}
	x.index[d] = v
	x.nodes = append(x.nodes, v)
	return v
}

// target returns the definition that a name within d stands for: for its own name what it overrides.
func (x *expander) target(d *definition, name string) *definition {
	if name == d.Name && d.lower != nil {
		return d.lower
	}
	i, ok := slices.BinarySearchFunc(x.top, name, func(d definition, name string) int { return cmp.Compare(d.Name, name) })
	if !ok {
		return nil
	}
	return &x.top[i]
}

func (x *expander) connect(v *variable) {
	for text := v.def.Value; ; {
		_, name, after, found := reference(text)
		if !found {
			return
		}
		text = after
		target := x.target(v.def, name)
		if target == nil {
			continue
		}
		if ref := x.collect(target); ref != nil {
			v.refs = append(v.refs, ref)
			ref.users = append(ref.users, v)
			v.waiting++
			ref.left++
		}
	}
}

// expandReady expands the candidates that wait for nothing, and what that makes ready.
func (x *expander) expandReady(candidates []*variable) {
	var ready []*variable
	for _, v := range candidates {
		if v.waiting == 0 {
			ready = append(ready, v)
		}
	}
	for len(ready) > 0 {
		v := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		x.expand(v)
		for _, user := range v.users {
			if user.waiting--; user.waiting == 0 && user.state != circled {
				ready = append(ready, user)
			}
		}
	}
}

func (x *expander) expand(v *variable) {
	v.state = expanded
	value, ok := expand(v.def.Value, func(name string) (string, bool) {
		target := x.target(v.def, name)
		if target == nil {
			return "", false
		}
		return x.value(target), true
	})
	if x.size += len(value); !ok || x.size > maxExpanded {
		x.size -= len(value)
		x.warnings = append(x.warnings, fmt.Sprintf("variable %s would become too long and keeps its text", quote(v.def.Name)))
		return
	}
	v.value = value
}

// breakCircles gives the variables in circles their own text, and expands what refers to them.
func (x *expander) breakCircles() {
	var rest []*variable
	for _, v := range x.nodes {
		if v.state == unexpanded {
			rest = append(rest, v)
		}
	}
	if len(rest) == 0 {
		return
	}
	x.setAside(rest)
	var names []string
	var after []*variable
	for _, v := range rest {
		if v.state == behind {
			after = append(after, v)
			continue
		}
		v.state = circled
		names = append(names, v.def.Name)
		for _, user := range v.users {
			user.waiting--
		}
	}
	slices.Sort(names)
	x.warnings = append(x.warnings, circleWarning(slices.Compact(names)))
	x.expandReady(after)
}

// setAside marks those of rest that nothing in a circle refers to.
func (x *expander) setAside(rest []*variable) {
	var free []*variable
	for _, v := range rest {
		if v.left == 0 {
			free = append(free, v)
		}
	}
	for len(free) > 0 {
		v := free[len(free)-1]
		free = free[:len(free)-1]
		v.state = behind
		for _, ref := range v.refs {
			if ref.left--; ref.left == 0 && ref.state == unexpanded {
				free = append(free, ref)
			}
		}
	}
}

// value returns a definition's value as far as it is known.
func (x *expander) value(d *definition) string {
	if v, known := x.index[d]; known {
		return v.value
	}
	return d.Value
}
