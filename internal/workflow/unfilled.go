package workflow

import (
	"bytes"
	"slices"
	"strings"
)

// marked reports whether any of the files has ${{ at all: nearly none has, and then no job
// need be searched for it.
func (d *decoder) marked() bool {
	mark := []byte(parameterMark)
	return bytes.Contains(d.rep.data, mark) || slices.ContainsFunc(d.rep.more, func(s source) bool { return bytes.Contains(s.data, mark) })
}

// unfilled reports each ${{ name }} that is left in a job when everything is put together:
// nothing will replace it any more, and a shell can't read it.
func (d *decoder) unfilled(object uint32) {
	for key := object + 1; key < d.next(object); key = d.next(key + 1) {
		field := d.text(key)
		if strings.HasPrefix(field, "_") {
			continue
		}
		for i := key; i < d.next(key+1); i++ {
			if d.kind(i) == stringNode && bytes.Contains(d.name(i), []byte(parameterMark)) {
				d.unfilledText(i, key, field)
			}
		}
	}
}

func (d *decoder) unfilledText(i, key uint32, field string) {
	_, name, _, found := nextParameter(d.text(i))
	if !found {
		return
	}
	text := quote(parameterMark + " " + name + " }}")
	if executed(field) {
		hint := instead(field, d.kind(key+1), name)
		if d.job == nil || !slices.ContainsFunc(d.job.Env, func(v Var) bool { return v.Name == name }) {
			hint = "it is for templates; a parameter or variable of that name is " + strings.TrimPrefix(hint, "it is a variable of the job: write ")
		}
		d.rep.errorHint(d.pos(i), hint, "%s%s must not be pasted into what is executed", d.who(), text)
		return
	}
	d.rep.errorHint(d.pos(i), "it stands for a template's parameter, in the fields of that template only: move the field there, or write the value",
		"%s%s: nothing replaces %s here", d.who(), printable(field), text)
}
