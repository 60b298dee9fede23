package workflow

import (
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// ReadParams returns the values that a file gives parameters, in its order. It is a JSON
// or YAML object when its name or beginning says so, else lines of KEY=VALUE, where blank
// lines and those that begin with # mean nothing. A list becomes a JSON list. The error
// is a *fault.Error with code Usage, whose cause is Problems where they have a place.
func ReadParams(src Source) ([]Var, error) {
	rep := &reporter{name: src.Name, data: src.Data}
	var vars []Var
	if paramObject(src) {
		vars = objectParams(src, rep)
	} else {
		vars = lineParams(src, rep)
	}
	if rep.failed() {
		return nil, &fault.Error{Code: fault.Usage, Msg: "the file of parameters can't be used", Err: rep.problems()}
	}
	return vars, nil
}

// paramObject reports whether a file of parameters is JSON or YAML.
func paramObject(src Source) bool {
	switch strings.ToLower(filepath.Ext(src.Name)) {
	case ".json", ".yaml", ".yml":
		return true
	}
	return strings.HasPrefix(strings.TrimSpace(string(src.Data)), "{")
}

func objectParams(src Source, rep *reporter) []Var {
	if len(strings.TrimSpace(string(src.Data))) == 0 {
		return nil
	}
	t := read(src.Name, src.Data, rep)
	if t == nil {
		return nil
	}
	d := &decoder{tree: t, rep: rep, budget: maxLookups}
	if t.kind(0) != objectNode {
		rep.error(t.pos(0), "parameters must be an object, not %s", t.kind(0))
		return nil
	}
	var vars []Var
	d.pairs(0, func(key, value uint32) {
		f := field{d.text(key), key, value}
		if strings.HasPrefix(f.name, "_") || d.kind(value) == nullNode {
			return
		}
		if d.kind(value) == listNode {
			var items []string
			d.scalars(f, &items)
			text, _ := json.Marshal(append([]string{}, items...)) // texts can always be written
			vars = append(vars, Var{f.name, string(text)})
			return
		}
		if text, ok := d.scalar(f, "must be a text, a number or a list, not %s"); ok {
			vars = append(vars, Var{f.name, text})
		}
	})
	return vars
}

func lineParams(src Source, rep *reporter) []Var {
	var vars []Var
	pos := 0
	for line := range strings.Lines(string(src.Data)) {
		text := strings.TrimSpace(line)
		name, value, ok := strings.Cut(strings.TrimPrefix(text, "export "), "=")
		switch name = strings.TrimSpace(name); {
		case text == "" || text[0] == '#':
		case !ok || !variableName(name):
			rep.errorHint(pos, "write KEY=VALUE on each line", "this is not KEY=VALUE")
		default:
			vars = append(vars, Var{name, withoutQuotes(strings.TrimSpace(value))})
		}
		pos += len(line)
	}
	return vars
}

// withoutQuotes returns a value without the quotes around it.
func withoutQuotes(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}
