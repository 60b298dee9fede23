package workflow

import (
	"slices"
	"strings"
)

// defaultInherit is what inherit_shell_env: "default" lets through.
var defaultInherit = [...]string{
	"PATH", "LD_LIBRARY_PATH", "HOME", "USER", "SHELL", "HOSTNAME", "TERM", "DISPLAY", "LANG", "LC_ALL", "LC_CTYPE",
	"TZ", "TMPDIR", "TEMP", "TMP", "JAVA_HOME", "PYTHON_HOME", "NODE_PATH",
}

const inheritChoices = `must be true, false, "default" or a list of names, not %s`

// inherit reads true, false, "default" or a list of names.
func (d *decoder) inherit(f field, into *Inherit) {
	switch d.kind(f.value) {
	case boolNode:
		*into = Inherit{All: d.isTrue(f.value)}
	case listNode:
		var names []string
		d.strings(f, &names)
		*into = Inherit{Names: names}
	case stringNode:
		if word := d.text(f.value); word != "default" {
			d.wrong(f, d.meant(word, slices.Values([]string{"default", "true", "false"})), inheritChoices, quote(word))
			return
		}
		*into = Inherit{Names: slices.Clone(defaultInherit[:])}
	default:
		d.wrong(f, "", inheritChoices, d.kind(f.value))
	}
}

// vars reads an object of variables. Names that begin with _ are variables like any other.
func (d *decoder) vars(f field, into *[]Var) {
	if !d.is(f, objectNode) {
		return
	}
	*into = nil
	seen := make(map[string]uint32)
	for key := f.value + 1; key < d.next(f.value); key = d.next(key + 1) {
		name := d.text(key)
		if first, twice := seen[name]; twice {
			d.rep.errorAt(d.pos(key), d.pos(first), "", "%svariable %s appears twice: first", d.who(), quote(name))
			continue
		}
		seen[name] = key
		if name == "" || strings.Contains(name, "=") {
			d.rep.error(d.pos(key), "%s%s can't be the name of a variable", d.who(), quote(name))
			continue
		}
		if value, ok := d.varValue(name, key+1); ok {
			*into = append(*into, Var{name, value})
		}
	}
}

// varValue returns a variable's value as text. Numbers stay as they are written.
// The Python program made every value a text with str(), so that JSON's true,
// false and null became True, False and None; commands in use compare with these,
// so JSON files keep them. YAML is new: true and false stay, null is empty.
func (d *decoder) varValue(name string, value uint32) (string, bool) {
	switch k := d.kind(value); k {
	case stringNode, numberNode:
		return d.text(value), true
	case boolNode:
		text := strings.ToLower(d.text(value))
		if !d.isYAML(value) {
			text = strings.ToUpper(text[:1]) + text[1:]
		}
		return text, true
	case nullNode:
		if d.isYAML(value) {
			return "", true
		}
		return "None", true
	default:
		d.rep.errorHint(d.pos(value), "write it as a string", "%svariable %s must be a text or a number, not %s", d.who(), quote(name), k)
		return "", false
	}
}
