package convert

import (
	"regexp"
	"strings"
)

// expansion is where a text with variables stands.
type expansion struct {
	target *target // of whose recipe; nil elsewhere
	recipe bool    // what make does not know the shell may
	stuck  string  // what could not be replaced
	depth  int
	length int
}

const (
	maxExpansion = 1 << 20 // bytes
	maxDepth     = 50      // variables within variables
)

var makeName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// expand replaces the variables of a text, as far as that is simple. Others stay, and the
// result is false.
func (m *makefile) expand(text string, x *expansion) (string, bool) {
	var b strings.Builder
	ok := true
	x.depth++
	defer func() { x.depth-- }()
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		x.length += len(before)
		if !found {
			return b.String(), ok
		}
		name, whole, after := variableAt(rest)
		value, good := m.value(name, x)
		if !good {
			value, ok = whole, false
			if x.stuck == "" {
				x.stuck = whole
			}
		}
		b.WriteString(value)
		text = after
	}
}

// variableAt returns the name of the variable that a text behind a $ begins with, what is
// written for it, and what follows.
func variableAt(rest string) (name, whole, after string) {
	if rest == "" {
		return "", "$", ""
	}
	open := strings.IndexByte("({", rest[0])
	if open < 0 {
		return rest[:1], "$" + rest[:1], rest[1:]
	}
	depth := 0
	for i := range len(rest) {
		switch rest[i] {
		case rest[0]:
			depth++
		case ")}"[open]:
			if depth--; depth == 0 {
				return rest[1:i], "$" + rest[:i+1], rest[i+1:]
			}
		}
	}
	return "", "$" + rest, ""
}

// value returns what a variable stands for.
func (m *makefile) value(name string, x *expansion) (string, bool) {
	if x.depth > maxDepth || x.length > maxExpansion {
		return "", false
	}
	if x.target != nil {
		switch name {
		case "@":
			return x.target.name, true
		case "<":
			return strings.Join(x.target.needs[:min(1, len(x.target.needs))], ""), true
		case "^", "+", "?":
			return strings.Join(x.target.needs, " "), true
		}
	}
	command, isCommand := strings.CutPrefix(name, "shell ")
	raw, known := m.vars[name]
	switch {
	case name == "$":
		return "$", true
	case known:
		return m.expand(raw, x)
	case isCommand && x.recipe:
		text, ok := m.expand(command, x)
		return "$(" + strings.TrimSpace(text) + ")", ok
	case x.recipe && makeName.MatchString(name) && len(name) > 1:
		return "${" + name + "}", true // of the environment, or empty
	}
	return "", false
}
