package workflow

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Footprint is what a job says that it reads and makes. A job that has one is not run
// while nothing of it has changed since it last succeeded.
type Footprint struct {
	Inputs   []string // patterns for files, relative to the job's working directory; ${NAME} not yet replaced
	Outputs  []string // the same
	Env      []string // where EnvGiven: the variables that count
	EnvGiven bool     // else all count that the workflow sets
}

// footprint returns a job's footprint to be filled in.
func (j *Job) footprint() *Footprint {
	if j.Footprint == nil {
		j.Footprint = new(Footprint)
	}
	return j.Footprint
}

// settle drops a footprint that says nothing of files.
func (j *Job) settleFootprint() {
	if f := j.Footprint; f != nil && len(f.Inputs)+len(f.Outputs) == 0 {
		j.Footprint = nil
	}
}

// filePatterns reads the patterns of inputs or outputs.
func (d *decoder) filePatterns(f field, into *[]string) {
	d.strings(f, into)
	d.each(f, stringNode, func(item field) {
		switch text := d.text(item.value); {
		case strings.TrimSpace(text) == "":
			d.wrong(item, "", "must not have an empty pattern")
		case strings.HasPrefix(text, "~"):
			d.wrong(item, "write an absolute path, or one relative to the job's working directory", "can't begin with ~: %s", quote(text))
		default:
			if _, err := path.Match(text, ""); err != nil {
				d.wrong(item, `write \[ for a bracket that is meant as such`, "has a pattern that can't be read: %s", quote(text))
			}
		}
	})
}

// countedNames reads the names of the variables that count.
func (d *decoder) countedNames(f field, j *jobDraft) {
	if !d.is(f, listNode) {
		return
	}
	p := j.footprint()
	p.EnvGiven = true
	d.strings(f, &p.Env)
	d.each(f, stringNode, func(item field) {
		if name := d.text(item.value); name == "" || strings.Contains(name, "=") {
			d.wrong(item, "", "has %s, which can't be the name of a variable", quote(name))
		}
	})
}

// Counted returns the variables whose values count for whether a job with a footprint is
// up to date, by name: those that the footprint names, or all that the workflow sets; what
// the arguments of its command name; and what other jobs handed on to it. What is declared
// as secret is not among them, but a value may be made with a secret.
func (e Environment) Counted(j *Job) []Var {
	names := make(map[string]bool)
	for _, arg := range j.Args {
		for {
			_, name, after, found := reference(arg)
			if !found {
				break
			}
			names[name] = true
			arg = after
		}
	}
	for _, name := range j.Footprint.Env {
		names[name] = true
	}
	var counted []Var
	for _, v := range e.Vars {
		set := v.Origin != OriginInherited && !j.Footprint.EnvGiven
		if (set || names[v.Name]) && !e.IsSecret(v.Name) {
			counted = append(counted, Var{v.Name, v.Value})
		}
	}
	for _, v := range e.filled {
		counted = append(counted, Var{v.Name, v.Value})
	}
	slices.SortFunc(counted, func(a, b Var) int { return cmp.Compare(a.Name, b.Name) })
	return counted
}

// ExpandPattern is Expand for a pattern: what a value has of *, ?, [ and \ stands for
// itself.
func (e Environment) ExpandPattern(pattern string) string {
	literal := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)
	return e.expandWith(pattern, literal.Replace)
}

// footprint writes what a job says that it reads and makes.
func (e *encoder) footprint(f *Footprint) {
	if f == nil {
		return
	}
	e.strings("inputs", f.Inputs)
	e.strings("outputs", f.Outputs)
	e.strings("input_env", f.Env)
	e.bool("input_env_given", f.EnvGiven)
}

// footprint compares what two versions of a job say that they read and make.
func (c *changes) footprint(old, new *Footprint) {
	var was, is Footprint
	if old != nil {
		was = *old
	}
	if new != nil {
		is = *new
	}
	c.list("inputs", was.Inputs, is.Inputs)
	c.list("outputs", was.Outputs, is.Outputs)
	c.add("input_env", countedText(was), countedText(is))
}

func countedText(f Footprint) string {
	if f.EnvGiven && len(f.Env) == 0 {
		return "none"
	}
	return strings.Join(f.Env, ", ")
}
