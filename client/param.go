package client

// Param is a value that a run is given.
type Param struct {
	// What it is: string, int, number, bool, enum, date, duration or list. Default: string, or what values and default show.
	Type string `json:"type,omitempty" yaml:"type,omitempty" jsonschema:"enum=string,enum=int,enum=number,enum=bool,enum=enum,enum=date,enum=duration,enum=list"`
	// The value when none is given: a text, a number, true, false, or a list of these. Default: an empty text.
	Default any `json:"default,omitempty" yaml:"default,omitempty"`
	// It must be given; it has no default then. Default: false.
	Required bool `json:"required,omitempty" yaml:"required,omitempty"`
	// The value is hidden and never stored; it has no default then. Default: false.
	Secret bool `json:"secret,omitempty" yaml:"secret,omitempty"`
	// The only values that it may have; of a list the only items.
	Values []string `json:"values,omitzero" yaml:"values,omitzero"`
	// The least value of an int or number. Default: none.
	Min *float64 `json:"min,omitempty" yaml:"min,omitempty"`
	// The greatest value of an int or number. Default: none.
	Max *float64 `json:"max,omitempty" yaml:"max,omitempty"`
	// A regular expression (RE2) that the whole value must match; of a list each item.
	Pattern string `json:"pattern,omitempty" yaml:"pattern,omitempty"`
	// What it is for, for people.
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
}

// Secret says where a value that is in no file comes from. One field is set.
type Secret struct {
	// A variable of the environment of who starts the run.
	Env string `json:"env,omitempty" yaml:"env,omitempty" jsonschema:"minLength=1"`
	// A file, relative to working_dir. A line break at its end is not part of the value.
	File string `json:"file,omitempty" yaml:"file,omitempty" jsonschema:"minLength=1"`
	// A command for /bin/sh, whose output is the value.
	Command string `json:"command,omitempty" yaml:"command,omitempty" jsonschema:"minLength=1"`
}

// Env are variables by name.
type Env map[string]string
