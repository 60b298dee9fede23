package workflow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// Merged is one file made of several.
type Merged struct {
	Text  []byte
	Notes []string // which file won where two say something different, one thing each
	Lost  int      // comments that JSON has no place for
}

// Merge makes one file of several, with the rules of includes: a later file wins over an
// earlier one; jobs merge by id, objects such as env_variables by name; lists replace,
// unless the name has a + in front. Two jobs with the same id that differ are a fault
// Conflict, unless override is set: then the fields of the later one win. Comments are
// kept, except those of a YAML file with aliases, which are written out.
//
// A file that can't be read is a fault InvalidWorkflow whose cause is Problems.
func Merge(files []Source, override bool, to Format) (Merged, error) {
	m := &fileMerger{override: override}
	lost := 0
	for _, src := range files {
		if err := m.addFile(src); err != nil {
			return Merged{}, err
		}
		if to == JSON && FormatOf(src) == YAML {
			lost += len(commentsOf(src.Data))
		}
	}
	if len(m.conflicts) > 0 {
		return Merged{}, fault.New(fault.Conflict, "%s", strings.Join(m.conflicts, "; ")).
			WithHint("give one of them another id, or let the later one win with --override")
	}
	m.root.arrange()
	text, err := inFormat(printLayout(m.head, m.root), to)
	return Merged{Text: text, Notes: m.notes, Lost: lost}, err
}

// fileMerger puts files together, one after the other.
type fileMerger struct {
	override  bool
	head      []string
	root      *layout
	from      map[*layoutItem]string // which file an item came from
	last      string                 // the file before
	notes     []string
	conflicts []string
	err       error // what can't be put together
}

func (m *fileMerger) addFile(src Source) error {
	t, err := readTree(src)
	if err != nil {
		return err
	}
	if t.kind(0) != objectNode {
		return fault.New(fault.InvalidWorkflow, "%s is not a workflow file: it must be an object", src.Name)
	}
	head, root := m.layout(src, t)
	for _, line := range head {
		if line == "" || !slices.Contains(m.head, line) {
			m.head = append(m.head, line)
		}
	}
	if m.root == nil {
		m.root, m.from = &layout{kind: mapLayout}, map[*layoutItem]string{}
	}
	m.fields(m.root, root, whence{file: src.Name, before: m.last})
	m.last = src.Name
	return m.err
}

// layout returns the layout of a file. Aliases are written out: an anchor of another
// file could have the same name.
func (m *fileMerger) layout(src Source, t *tree) ([]string, *layout) {
	if t.yaml {
		root, head, lay := layoutYAML(trimBOM(src.Data))
		if root != nil && !lay.alias {
			if len(head) > 0 && len(m.head) > 0 {
				head = append([]string{""}, head...)
			}
			return head, root
		}
	}
	return nil, layoutTree(t)
}

// whence says whose fields are merged, for the notes.
type whence struct {
	of     string // what comes before the name of a field; "-": nothing is noted
	file   string // that adds fields
	before string // that had some, where it is not known of each
	vars   bool   // it had env_variables
}

// fields lets the fields of a workflow, a job, a template or the defaults win over those of
// another, as includes do: objects merge by name, lists are replaced, those of a name with
// a + are added, and null says nothing.
func (m *fileMerger) fields(have, add *layout, at whence) {
	vars := have.member("env_variables")
	at.vars = vars != nil && !vars.value.isNull()
	have.flow = have.flow && add.flow // what stands in lines may not be able to stand in brackets
	for _, it := range add.items {
		m.field(have, it, at)
	}
	have.foot = append(have.foot, add.foot...)
}

// field adds a field of a file.
func (m *fileMerger) field(object *layout, it *layoutItem, at whence) {
	name := strings.TrimPrefix(it.name, "+")
	have := object.latest(name)
	top := object == m.root
	switch {
	case strings.HasPrefix(it.name, "_"), have == nil && it.value.isNull():
		object.items = append(object.items, it)
	case it.value.isNull():
		have.before = append(have.before, comments(it.before)...)
	case name != it.name && mergedAnyway(name, top):
		m.refuse(fault.New(fault.InvalidWorkflow, "%s: %s: only lists take a +, and %s is put together anyway", at.file, it.name, name).WithHint("write %s", name))
	case top && (name == "include" || name == "extends"):
		m.include(it, at)
	case name == "env_files":
		m.envFiles(object, have, it, at)
	case name != it.name:
		m.join(object, have, it, at)
	case have == nil:
		m.from[it] = at.file
		object.items = append(object.items, it)
	case have.value.isNull():
		m.replace(object, have, it, at)
	case top && (name == "jobs" || name == "on_failure" || name == "on_success"):
		m.jobs(have, it, at.file)
	case have.value.kind == mapLayout && it.value.kind == mapLayout:
		m.objects(have, it, at, top)
	case !sameValue(have.value, it.value):
		m.note(name, have, at)
		m.replace(object, have, it, at)
	case have.name != it.name: // it says the same, but does not add it
		m.replace(object, have, it, at)
	}
}

// latest returns what an object says last about a field, with a + or without.
func (l *layout) latest(name string) *layoutItem {
	for i := len(l.items) - 1; i >= 0; i-- {
		if strings.TrimPrefix(l.items[i].name, "+") == name {
			return l.items[i]
		}
	}
	return nil
}

// replace puts an item in the place of another, and of what that adds to.
func (m *fileMerger) replace(object *layout, have, it *layoutItem, at whence) {
	if !strings.HasPrefix(it.name, "+") {
		object.items = slices.DeleteFunc(object.items, func(o *layoutItem) bool {
			return o != have && strings.TrimPrefix(o.name, "+") == it.name
		})
	}
	m.put(have, it, at)
}

func (m *fileMerger) put(have, it *layoutItem, at whence) {
	have.key, have.name, have.value, have.after, m.from[have] = it.key, it.name, it.value, it.after, at.file
	have.before = append(have.before, comments(it.before)...)
}

// refuse keeps the first error.
func (m *fileMerger) refuse(err error) {
	if m.err == nil {
		m.err = err
	}
}

func (m *fileMerger) note(field string, have *layoutItem, at whence) {
	if at.of == "-" {
		return
	}
	m.notes = append(m.notes, fmt.Sprintf("%s is that of %s, not of %s", printable(at.of+field), printable(at.file), printable(firstOf(m.from[have], at.before))))
}

// mergedAnyway reports whether a field can't have a + in front.
func mergedAnyway(name string, top bool) bool {
	switch name {
	case "jobs", "on_failure", "on_success", "templates", "defaults", "include":
		return top
	case "extends":
		return top // of a job it adds templates
	}
	return name == "env_files"
}

// include adds what a file includes: it comes before all that the files say themselves, so
// only the first file can.
func (m *fileMerger) include(it *layoutItem, at whence) {
	if at.before == "" {
		m.from[it] = at.file
		m.root.items = append(m.root.items, it)
		return
	}
	known := map[string]bool{}
	for _, name := range [...]string{"include", "extends"} {
		if have := m.root.member(name); have != nil {
			for _, entry := range asList(have.value).items {
				known[entry.value.says] = true
			}
		}
	}
	for _, entry := range asList(it.value).items {
		if !known[entry.value.says] {
			m.refuse(fault.New(fault.Unsupported, "%s includes %s, which would come to stand before what %s says", at.file, printable(entry.value.says), at.before).
				WithHint("name %s first, or merge what `executioner show` makes of it", at.file))
			return
		}
	}
}

// envFiles adds environment files. Variables of an earlier file would come to win over them.
func (m *fileMerger) envFiles(object *layout, have, it *layoutItem, at whence) {
	if at.vars && at.before != "" {
		m.refuse(fault.New(fault.Unsupported, "%s has env_files, over which the env_variables of %s would come to win", at.file, at.before).
			WithHint("write their variables into env_variables"))
		return
	}
	m.join(object, have, it, at)
}

// join adds the entries of a list to another. A text may stand for a list of one.
func (m *fileMerger) join(object *layout, have, it *layoutItem, at whence) {
	name := strings.TrimPrefix(it.name, "+")
	texts := name == "email_address" || name == "extends" || name == "env_files"
	switch {
	case it.value.kind != listLayout && !texts, have != nil && !have.value.isNull() && have.value.kind != listLayout && !texts:
		m.refuse(fault.New(fault.InvalidWorkflow, "%s: %s can't be added: only lists can, to lists", at.file, it.name).WithHint("write %s", name))
	case have == nil:
		if object == m.root { // elsewhere it may add to a template, or to the defaults
			it.key, it.name = keyYAML(name), name
		}
		m.from[it] = at.file
		object.items = append(object.items, it)
	case have.value.isNull():
		if object == m.root {
			it.key, it.name = keyYAML(name), name
		}
		m.replace(object, have, it, at)
	default:
		have.value = asList(have.value)
		add := asList(it.value)
		have.value.flow = have.value.flow && add.flow
		have.value.items = append(have.value.items, add.items...)
		have.value.foot = append(have.value.foot, add.foot...)
		have.before = append(have.before, comments(it.before)...)
	}
}

// asList returns a list as it is, and anything else as a list of one.
func asList(l *layout) *layout {
	if l.kind == listLayout {
		return l
	}
	return &layout{kind: listLayout, items: []*layoutItem{{value: l}}}
}

// adds reports whether an object has a field with a + in front.
func (l *layout) adds() bool {
	return slices.ContainsFunc(l.items, func(it *layoutItem) bool { return strings.HasPrefix(it.name, "+") })
}

// isNull reports whether a value is null, or left out.
func (l *layout) isNull() bool {
	if l.kind != scalarLayout || l.says != "" || len(l.lines) > 0 || strings.Contains(l.prefix, "!") {
		return false
	}
	switch strings.ToLower(l.text) {
	case "", "~", "null":
		return true
	}
	return false
}

// objects merges the members of a field by name. Of templates, and of defaults, these
// are fields themselves.
func (m *fileMerger) objects(have, add *layoutItem, at whence, top bool) {
	within := at
	within.of = have.name + "."
	if at.of == "-" {
		within.of = at.of
	}
	within.before = firstOf(m.from[have], at.before)
	have.before = append(have.before, comments(add.before)...)
	if top && have.name == "defaults" {
		m.fields(have.value, add.value, within)
		return
	}
	have.value.flow = have.value.flow && add.value.flow
	for _, it := range add.value.items {
		old := have.value.member(it.name)
		template := top && have.name == "templates"
		switch {
		case old == nil:
			m.from[it] = at.file
			have.value.items = append(have.value.items, it)
		case template && it.value.isNull():
		case template && old.value.kind == mapLayout && it.value.kind == mapLayout:
			of := within
			if of.of != "-" {
				of.of += it.name + "."
			}
			of.before = firstOf(m.from[old], within.before)
			old.before = append(old.before, comments(it.before)...)
			m.fields(old.value, it.value, of)
		case !sameValue(old.value, it.value):
			m.note(it.name, old, within)
			m.put(old, it, at)
		}
	}
	have.value.foot = append(have.value.foot, add.value.foot...)
}

// jobs merges lists of jobs by id.
func (m *fileMerger) jobs(have, add *layoutItem, file string) {
	if have.value.kind != listLayout || add.value.kind != listLayout {
		m.note(have.name, have, whence{file: file})
		have.value = add.value
		return
	}
	byID := map[string]*layoutItem{}
	for _, it := range have.value.items {
		if id := idOf(it); id != "" {
			byID[id] = it
		}
	}
	have.value.flow = false
	for _, it := range add.value.items {
		id := idOf(it)
		old := byID[id]
		switch {
		case id == "" || old == nil:
			m.from[it] = file
			have.value.items = append(have.value.items, it)
		case sameValue(old.value, it.value) && !it.value.adds():
		case !m.override:
			m.conflicts = append(m.conflicts, fmt.Sprintf("the job %s of %s differs from that of %s", quote(id), printable(file), printable(m.owner(old, have))))
		default:
			m.notes = append(m.notes, fmt.Sprintf("job %s is that of %s, not of %s", printable(id), printable(file), printable(m.owner(old, have))))
			old.before = append(old.before, comments(it.before)...)
			m.fields(old.value, it.value, whence{of: "-", file: file, before: m.owner(old, have)})
			m.from[old] = file
		}
	}
	have.before = append(have.before, comments(add.before)...)
	have.value.foot = append(have.value.foot, add.value.foot...)
}

func (m *fileMerger) owner(it, list *layoutItem) string {
	if file := m.from[it]; file != "" {
		return file
	}
	return m.from[list]
}

func idOf(it *layoutItem) string {
	if id := it.value.member("id"); id != nil {
		return id.value.says
	}
	return ""
}

// sameValue reports whether two values say the same, however they are written.
func sameValue(a, b *layout) bool {
	said := func(l *layout) string {
		root := &layout{kind: mapLayout, items: []*layoutItem{{key: "k", name: "k", value: l}}}
		t, err := readTree(Source{"k.yaml", printLayout(nil, root)})
		if err != nil {
			return ""
		}
		return essence(t)
	}
	text := said(a)
	return text != "" && text == said(b)
}
