package workflow

import (
	"path/filepath"
	"slices"
	"strings"
)

// DefaultItem is the variable of a job made by foreach, unless the file says another.
const DefaultItem = "ITEM"

// foreachDraft is a foreach in the making.
type foreachDraft struct {
	list, param, glob, from field
	output                  string
	as                      string
	asNode                  uint32
	sources                 int
}

// foreachFields are the names that foreach may have when it is no list.
var foreachFields = fields[foreachDraft]{
	"list": func(_ *decoder, e *foreachDraft, f field) { e.list, e.sources = f, e.sources+1 },
	"param": func(d *decoder, e *foreachDraft, f field) {
		if e.sources++; d.is(f, stringNode) {
			e.param = f
		}
	},
	"glob": func(d *decoder, e *foreachDraft, f field) {
		if e.sources++; d.is(f, stringNode) {
			e.glob = f
		}
	},
	"from": func(d *decoder, e *foreachDraft, f field) {
		if e.sources++; d.is(f, stringNode) {
			e.from = f
		}
	},
	"output": func(d *decoder, e *foreachDraft, f field) { d.string(f, &e.output) },
	"as": func(d *decoder, e *foreachDraft, f field) {
		d.string(f, &e.as)
		e.asNode = f.value
	},
}

// foreachItems returns the items of a list, of a list parameter or of the files that a
// pattern finds. Without any there is one job that does nothing, so that what needs it goes on.
func (r *jobReader) foreachItems(f field) []item {
	e := foreachDraft{as: DefaultItem}
	switch r.kind(f.value) {
	case listNode:
		e.list, e.sources = f, 1
	case objectNode:
		readFields(r.decoder, f.value, foreachFields, &e)
	}
	if e.sources != 1 || e.output != "" {
		r.wrong(f, "write [a, b], {param: NAME}, {glob: PATTERN} or {from: JOB, output: NAME}", "must be a list, or have one of list, param, glob and from")
		return nil
	}
	if e.asNode != 0 && !r.itemName(e.asNode, e.as) {
		return nil
	}
	values, ok := r.foreachValues(f, &e)
	switch {
	case !ok:
		return nil
	case len(values) > maxItems:
		r.wrong(f, "", "has %d items, more than %d", len(values), maxItems)
		return nil
	case len(values) == 0:
		return []item{} // which is not nil
	}
	all := make([]item, len(values))
	for i, v := range values {
		all[i] = item{label: safeLabel(v), vars: []Var{{e.as, v}}}
	}
	return all
}

func (r *jobReader) foreachValues(f field, e *foreachDraft) ([]string, bool) {
	switch {
	case e.list.value != 0:
		e.list.name = f.name
		if r.kind(e.list.value) == listNode && r.tree.items(e.list.value) == 0 {
			r.rep.warn(r.pos(f.value), "", "%s%s has no items: nothing is run", r.who(), f.name)
			return nil, true
		}
		if !r.is(e.list, listNode) {
			return nil, false
		}
		return r.listOf(e.list)
	case e.param.value != 0:
		values, ok := r.listParam(e.param)
		if ok && len(values) == 0 && !r.host.ParamsLater {
			r.rep.warn(r.pos(e.param.value), "", "%sthe parameter %s has no items: nothing is run", r.who(), quote(r.text(e.param.value)))
		}
		return values, ok
	case e.glob.value != 0:
		return r.globItems(e.glob)
	}
	return nil, false // it was reported
}

// globItems returns the files that a pattern finds, relative to the working directory
// where they are in it.
func (r *jobReader) globItems(f field) ([]string, bool) {
	pattern, dir := r.text(f.value), firstOf(r.job.WorkingDir, r.draft.WorkingDir)
	if _, err := filepath.Match(pattern, ""); err != nil || pattern == "" {
		r.wrong(f, "", "must be a pattern such as data/*.csv, not %s", quote(pattern))
		return nil, false
	}
	absolute := pattern
	if !filepath.IsAbs(pattern) {
		absolute = filepath.Join(globQuote(dir), pattern)
	}
	if r.host.Glob == nil {
		return nil, true
	}
	found, err := r.host.Glob(absolute)
	if err != nil {
		r.wrong(f, "", "can't be used: %s", printable(err.Error()))
		return nil, false
	}
	found = slices.Clone(found)
	slices.Sort(found)
	found = slices.Compact(found)
	if !filepath.IsAbs(pattern) {
		for i, path := range found {
			if rel, ok := strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/"); ok {
				found[i] = rel
			}
		}
	}
	if len(found) == 0 {
		r.rep.warn(r.pos(f.value), "", "%s%s finds no file: nothing is run", r.who(), quote(pattern))
	}
	return found, r.distinct(f, found)
}

// globQuote returns a pattern that finds a path as it is.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
