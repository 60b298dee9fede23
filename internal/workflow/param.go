package workflow

import (
	"slices"
	"strings"
)

// ParamType says what the values of a parameter are.
type ParamType string

// The types of parameters. The text that jobs see is, of each type:
const (
	StringParam   ParamType = "string"   // as given
	IntParam      ParamType = "int"      // a whole number in decimal digits
	NumberParam   ParamType = "number"   // as written, such as 0.5 or 1e3
	BoolParam     ParamType = "bool"     // true or false
	EnumParam     ParamType = "enum"     // one of Values
	DateParam     ParamType = "date"     // YYYY-MM-DD
	DurationParam ParamType = "duration" // as written: seconds, or such as 1h30m
	ListParam     ParamType = "list"     // the items, one on each line
)

// paramTypes are all types, in the order in which they are told.
var paramTypes = [...]string{
	string(StringParam), string(IntParam), string(NumberParam), string(BoolParam), string(EnumParam),
	string(DateParam), string(DurationParam), string(ListParam),
}

// Param is a parameter of a workflow: what it may be, and the value that it has.
type Param struct {
	Name        string
	Type        ParamType
	Value       string   // as jobs see it; empty when there is none. Of a secret it is never kept by Encode
	Default     string   // as the file says it, such as today; of a list one item on each line
	Required    bool     // it has no default and must be given
	Given       bool     // Value was given, and is not the default
	Secret      bool     // the value is hidden wherever it would be shown
	Pattern     string   // a regular expression (RE2) that the whole value must match; of a list each item
	Values      []string // the only ones that it may have; of a list each item
	Min, Max    string   // of numbers, as written; empty: no bound
	Description string
}

// Items returns the items of a list's value; of another type the value itself.
func (p *Param) Items() []string {
	switch {
	case p.Type != ListParam:
		return []string{p.Value}
	case p.Value == "":
		return nil
	}
	return strings.Split(p.Value, "\n")
}

// Given is a value for a parameter that comes from outside the file.
type Given struct {
	Name  string
	Value string // of a list: its items with commas or line breaks between them, or a JSON list
	// From is how it was given, up to the value, such as "-p day=". Messages begin with it.
	From string
	// Ambient marks what may be meant for another workflow, such as a variable of the
	// environment: that there is no such parameter is no mistake.
	Ambient bool
}

// Param returns the workflow's own parameter of that name, or nil.
func (w *Workflow) Param(name string) *Param {
	i := slices.IndexFunc(w.Params, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &w.Params[i]
}

// paramVars are parameters as variables.
func paramVars(params []Param) []Var {
	vars := make([]Var, len(params))
	for i := range params {
		vars[i] = Var{params[i].Name, params[i].Value}
	}
	return vars
}

// reservedPrefix begins the names of variables that are the program's own.
const reservedPrefix = "EXECUTIONER_"

// ParamVariable begins the names of the environment's variables that give parameters.
const ParamVariable = reservedPrefix + "PARAM_"

// variableName reports whether a shell could set a variable of that name.
func variableName(s string) bool {
	for i := range len(s) {
		if !inName(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}
