package workflow

import (
	"iter"
	"strings"
	"time"
)

// CustomCheck is a check that a file defines: a program that is asked.
type CustomCheck struct {
	Name        string
	Description string
	Command     string        // trimmed, never empty; with Args it is these, to be shown
	Args        []string      // a program and its arguments, started without a shell
	Timeout     time.Duration // above 0
}

// DefaultCheckTimeout is how long a custom check or a validator may take.
const DefaultCheckTimeout = 60 * time.Second

// Validator is a program that is asked whether a workflow may be run.
type Validator struct {
	Command string        // trimmed, never empty; with Args it is these, to be shown
	Args    []string      // a program and its arguments, started without a shell
	Timeout time.Duration // above 0
	At      Pos
}

// maxAsked bounds how many checks and validators a file may define.
const maxAsked = 1000

// Custom returns the check of that name that the file defines, or nil.
func (w *Workflow) Custom(name string) *CustomCheck {
	for i := range w.Checks {
		if w.Checks[i].Name == name {
			return &w.Checks[i]
		}
	}
	return nil
}

// customFields are the names that a custom check may have; a validator has the same.
var customFields = fields[CustomCheck]{
	"command":     func(d *decoder, c *CustomCheck, f field) { d.program(f, c) },
	"timeout":     func(d *decoder, c *CustomCheck, f field) { d.limit(f, &c.Timeout) },
	"description": func(d *decoder, c *CustomCheck, f field) { d.string(f, &c.Description) },
}

// program reads a command for a shell, or a program with its arguments.
func (d *decoder) program(f field, c *CustomCheck) {
	j := jobDraft{Job: &Job{}}
	d.command(f, &j)
	c.Command, c.Args = j.Command, j.Args
	if d.kind(f.value) == stringNode && c.Command == "" {
		d.wrong(f, "", "must not be empty")
	}
}

func (e *encoder) custom(c *CustomCheck) {
	e.string("name", c.Name)
	e.string("description", c.Description)
	e.string("command", c.Command)
	e.strings("args", c.Args)
	e.int("timeout", int64(c.Timeout))
}

var snapshotCustomFields = fields[CustomCheck]{
	"name":        func(d *decoder, c *CustomCheck, f field) { d.string(f, &c.Name) },
	"description": func(d *decoder, c *CustomCheck, f field) { d.string(f, &c.Description) },
	"command":     func(d *decoder, c *CustomCheck, f field) { d.string(f, &c.Command) },
	"args":        func(d *decoder, c *CustomCheck, f field) { d.strings(f, &c.Args) },
	"timeout":     func(d *decoder, c *CustomCheck, f field) { d.nanoseconds(f, &c.Timeout) },
}

// customs says how the checks that files define differ.
func (c *changes) customs(old, new *Workflow) {
	say := func(check *CustomCheck) string {
		if check == nil {
			return ""
		}
		text := check.Command + " (" + check.Timeout.String() + ")"
		if check.Description != "" {
			text += ": " + check.Description
		}
		return text
	}
	for i := range old.Checks {
		was := &old.Checks[i]
		c.add("checks."+was.Name, say(was), say(new.Custom(was.Name)))
	}
	for i := range new.Checks {
		if is := &new.Checks[i]; old.Custom(is.Name) == nil {
			c.add("checks."+is.Name, "", say(is))
		}
	}
}

// customChecks reads the checks that a file defines.
func (d *decoder) customChecks(f field, into *[]CustomCheck) {
	if !d.is(f, objectNode) {
		return
	}
	d.pairs(f.value, func(key, value uint32) {
		name := d.text(key)
		if strings.HasPrefix(name, "_") {
			return
		}
		switch _, builtin := knownChecks[name]; {
		case builtin:
			d.rep.error(d.pos(key), "checks: %s is a check that the program has", quote(name))
			return
		case strings.TrimSpace(name) == "":
			d.rep.error(d.pos(key), "checks: a name must not be empty")
			return
		case len(*into) >= maxAsked:
			d.rep.error(d.pos(key), "checks must have at most %d members", maxAsked)
			return
		}
		d.check = "checks: " + printable(name) + ": "
		*into = append(*into, d.custom(field{name, key, value}))
		d.check = ""
	})
}

// custom reads what is to be run: a text, a list, or an object with command and timeout.
func (d *decoder) custom(f field) CustomCheck {
	c := CustomCheck{Name: f.name, Timeout: DefaultCheckTimeout}
	switch d.kind(f.value) {
	case stringNode, listNode:
		d.program(field{"command", f.key, f.value}, &c)
	case objectNode:
		readFields(d, f.value, customFields, &c)
		if d.tree.member(f.value, "command") == 0 {
			d.rep.error(d.pos(f.value), "%scommand is missing", d.check)
		}
	default:
		d.rep.error(d.pos(f.value), "%smust be a command, or an object with command and timeout, not %s", d.check, d.kind(f.value))
	}
	return c
}

// validators reads the programs that are asked about the workflow.
func (d *decoder) validators(f field, into *[]Validator) {
	d.items(f, func(item field) {
		if len(*into) >= maxAsked {
			d.wrong(item, "", "must have at most %d members", maxAsked)
			return
		}
		d.check = "validators: "
		c := d.custom(field{"", item.key, item.value})
		d.check = ""
		*into = append(*into, Validator{Command: c.Command, Args: c.Args, Timeout: c.Timeout, At: Pos{d.pos(item.value) + 1}})
	})
}

// customNames yields the names of the checks that a job may name.
func (d *decoder) checkNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, c := range d.customs {
			if !yield(c.Name) {
				return
			}
		}
		sortedKeys(knownChecks)(yield)
	}
}

// isCustom reports whether the file defines a check of that name.
func (d *decoder) isCustom(name string) bool {
	for _, c := range d.customs {
		if c.Name == name {
			return true
		}
	}
	return false
}
