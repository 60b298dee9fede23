package config

import (
	"errors"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/executionerhq/executioner/internal/fault"
)

// Located returns a fault of settings with the place in their file of the setting that its
// message begins with, as in "notify.rules[1]: of is …", or of what of it there is. Any other
// error is returned as it is, and so is one that has a place already.
func Located(path string, err error) error {
	var f *fault.Error
	if path == "" || !errors.As(err, &f) || f.Code != fault.InvalidConfig || f.At != "" {
		return err
	}
	data, e := read(path)
	if e != nil {
		return err
	}
	name, rest, _ := strings.Cut(f.Error(), ": ")
	name, _, _ = strings.Cut(name, " ")
	field, _, _ := strings.Cut(strings.TrimRight(rest, ":,"), " ")
	at := *f
	at.At = path
	if found := find(data, name, strings.TrimRight(field, ":,")); found != "" {
		at.At += ":" + found
	}
	return &at
}

// find returns the place of a setting, and within it of a field if it is there.
func find(data []byte, name, field string) string {
	file, err := parser.ParseBytes(data, 0)
	if err != nil || len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return ""
	}
	at, n, whole := descend(file.Docs[0].Body, name)
	if whole && field != "" {
		if deeper, _, there := descend(n, field); there {
			at = deeper
		}
	}
	return at
}

// descend follows a name as far as it leads. Names of notifiers may have dots in them.
func descend(n ast.Node, name string) (at string, last ast.Node, whole bool) {
	last = n
	for name != "" {
		next, key, rest := step(last, name)
		if next == nil {
			return at, last, false
		}
		at, last, name = place(key.GetToken()), next, rest
	}
	return at, last, true
}

// step returns the member of n that a name begins with, where it is, and what is left of the name.
func step(n ast.Node, name string) (next, key ast.Node, rest string) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		number, rest, ok := strings.Cut(strings.TrimPrefix(name, "["), "]")
		if i, err := strconv.Atoi(number); ok && err == nil && i >= 0 && i < len(n.Values) {
			return n.Values[i], n.Values[i], strings.TrimPrefix(rest, ".")
		}
	case ast.MapNode:
		for pairs := n.MapRange(); pairs.Next(); {
			rest, begins := strings.CutPrefix(name, pairs.Key().GetToken().Value)
			if begins && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				return pairs.Value(), pairs.Key(), strings.TrimPrefix(rest, ".")
			}
		}
	}
	return nil, nil, ""
}
