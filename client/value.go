package client

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
)

// Duration is a time as the file spells it: seconds ("90", "0.5"), or with the units d,
// h, m, s and ms ("1h30m", "2d"). The empty one is not set.
type Duration string

// DurationOf returns a Go duration as a file spells it, exact to the nanosecond.
func DurationOf(d time.Duration) Duration {
	if d%time.Second == 0 && d >= time.Minute {
		text := d.String() // 1h0m0s
		for _, zero := range [...]string{"m0s", "h0m"} {
			if len(text) > len(zero) && text[len(text)-len(zero):] == zero {
				text = text[:len(text)-len(zero)+1]
			}
		}
		return Duration(text)
	}
	return Duration(strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
}

// MarshalJSON writes a number of seconds as a number, and others as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(numberOrText(string(d))) }

// MarshalYAML is MarshalJSON for YAML.
func (d Duration) MarshalYAML() (any, error) { return plain(string(d)), nil }

// Size is a number of bytes as the file spells it: "1048576", or with a unit ("512KiB",
// "64MiB", "1GB"). The empty one is not set.
type Size string

// SizeOf returns a number of bytes as a file spells it.
func SizeOf(bytes int64) Size { return Size(strconv.FormatInt(bytes, 10)) }

// MarshalJSON writes a number of bytes as a number, and others as text.
func (s Size) MarshalJSON() ([]byte, error) { return json.Marshal(numberOrText(string(s))) }

// MarshalYAML is MarshalJSON for YAML.
func (s Size) MarshalYAML() (any, error) { return plain(string(s)), nil }

// numberOrText returns a text that is a number in JSON as that number.
func numberOrText(text string) any {
	var n json.Number
	if json.Unmarshal([]byte(text), &n) == nil && n != "" && text[0] != '"' {
		return n
	}
	return text
}

// plain is numberOrText with a number that YAML writers take for one.
func plain(text string) any {
	n, ok := numberOrText(text).(json.Number)
	if !ok {
		return text
	}
	if whole, err := n.Int64(); err == nil {
		return whole
	}
	v, _ := n.Float64()
	return v
}

// Command is what is run: see Shell and Exec. The zero value is not set.
type Command struct {
	text string
	args []string
	set  bool
}

// Shell returns a command that is given to /bin/sh, or is split into words when the
// workflow's allow_shell is false. It may have many lines.
func Shell(text string) Command { return Command{text: text, set: true} }

// Exec returns a command that is started without a shell: a program and its arguments.
// ${NAME} in them is replaced from the job's environment.
func Exec(program string, args ...string) Command {
	return Command{args: append([]string{program}, args...), set: true}
}

// IsZero reports whether the command is not set.
func (c Command) IsZero() bool { return !c.set }

func (c Command) value() any {
	switch {
	case !c.set:
		return nil
	case c.args != nil:
		return c.args
	}
	return c.text
}

// MarshalJSON writes a text or a list.
func (c Command) MarshalJSON() ([]byte, error) { return json.Marshal(c.value()) }

// MarshalYAML is MarshalJSON for YAML.
func (c Command) MarshalYAML() (any, error) { return c.value(), nil }

// Inherit says what jobs see of the caller's environment. The zero value is not set.
type Inherit struct{ value any }

// InheritAll returns that jobs see all variables of the caller.
func InheritAll() Inherit { return Inherit{true} }

// InheritNone returns that jobs see no variable of the caller.
func InheritNone() Inherit { return Inherit{false} }

// InheritDefault returns that jobs see a usual set of the caller's variables: PATH, HOME,
// USER, LANG and some more.
func InheritDefault() Inherit { return Inherit{"default"} }

// InheritOnly returns that jobs see these variables of the caller.
func InheritOnly(names ...string) Inherit { return Inherit{append([]string{}, names...)} }

// IsZero reports whether it is not set.
func (i Inherit) IsZero() bool { return i.value == nil }

// MarshalJSON writes true, false, "default" or a list of names.
func (i Inherit) MarshalJSON() ([]byte, error) { return json.Marshal(i.value) }

// MarshalYAML is MarshalJSON for YAML.
func (i Inherit) MarshalYAML() (any, error) { return i.value, nil }

// MarshalJSON writes an id, or an object when it says more.
func (d Dependency) MarshalJSON() ([]byte, error) { return json.Marshal(d.value()) }

// MarshalYAML is MarshalJSON for YAML.
func (d Dependency) MarshalYAML() (any, error) { return d.value(), nil }

func (d Dependency) value() any {
	if d.On == "" && !d.Each {
		return d.Job
	}
	type object Dependency
	return object(d)
}

// MarshalJSON writes a name, or an object when there are values of parameters.
func (u Use) MarshalJSON() ([]byte, error) { return json.Marshal(u.value()) }

// MarshalYAML is MarshalJSON for YAML.
func (u Use) MarshalYAML() (any, error) { return u.value(), nil }

func (u Use) value() any {
	if len(u.With) == 0 {
		return u.Template
	}
	type object Use
	return object(u)
}

// Matrix says of which values a job becomes one job for each combination, the last axis
// changing fastest. Its fields are the names of the variables, and exclude.
type Matrix struct {
	Axes    []Axis
	Exclude []Env // combinations with all values of one of these are left out
}

// Axis is a variable of a matrix and its values. Either Values or Param is set.
type Axis struct {
	Name   string
	Values []string
	Param  string // the name of a parameter of type list, whose items are the values
}

// IsZero reports whether it is not set.
func (m Matrix) IsZero() bool { return len(m.Axes) == 0 && len(m.Exclude) == 0 }

// MarshalYAML is MarshalJSON for YAML.
func (m Matrix) MarshalYAML() (any, error) {
	var all yaml.MapSlice
	for _, a := range m.Axes {
		all = append(all, yaml.MapItem{Key: a.Name, Value: a.value()})
	}
	if len(m.Exclude) > 0 {
		all = append(all, yaml.MapItem{Key: "exclude", Value: m.Exclude})
	}
	return all, nil
}

func (a *Axis) value() any {
	if a.Param != "" {
		return map[string]string{"param": a.Param}
	}
	return a.Values
}

// MarshalJSON writes an object with the axes in their order.
func (m Matrix) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	field := func(name string, value any) error {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		text, err := json.Marshal(value)
		b.Write(append(append(key, ':'), text...))
		return err
	}
	b.WriteByte('{')
	for _, a := range m.Axes {
		if err := field(a.Name, a.value()); err != nil {
			return nil, err
		}
	}
	if len(m.Exclude) > 0 {
		if err := field("exclude", m.Exclude); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
