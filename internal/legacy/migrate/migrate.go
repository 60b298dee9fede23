// Package migrate writes the JSON files of the Python program as the YAML files of this
// one. It is pure, and what it writes means the same: that is compared.
package migrate

import (
	"bytes"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Result is a file that was migrated.
type Result struct {
	Text  []byte   // YAML
	Notes []string // what a person should know
}

// File returns a JSON file as YAML. Fields that were commented out with a _ become
// comments, default_ fields become defaults, and dependency_plugins a comment. The new file
// is to have the name to, and the host is what Load needs of it.
//
// An invalid file is a fault InvalidWorkflow whose cause is Problems. One that is YAML
// already, or whose YAML would not mean the same, is a fault Unsupported.
func File(src workflow.Source, to string, host workflow.Host) (Result, error) {
	if workflow.FormatOf(src) == workflow.YAML {
		return Result{}, fault.New(fault.Unsupported, "%s is YAML already", src.Name).WithHint("executioner fmt formats it")
	}
	old, err := workflow.Load(src, host)
	if err != nil {
		return Result{}, err
	}
	root, err := parse(src.Data)
	if err != nil {
		return Result{}, fault.Wrap(err, fault.Unsupported, "%s can't be migrated", src.Name)
	}
	m := &migration{names: workflow.FieldNames()}
	m.rename(root, old.Application)
	m.defaults(root)
	m.plugins(root)
	m.object(root, nil, "workflow")
	text, err := m.print(root)
	if err != nil {
		return Result{}, err
	}
	return Result{text, m.notes}, same(src, old, workflow.Source{Name: to, Data: text}, host)
}

// same compares what the new file means with the old workflow.
func same(src workflow.Source, old *workflow.Workflow, made workflow.Source, host workflow.Host) error {
	was := *old
	was.Plugins = nil // never executed, so that nothing is lost
	now, err := workflow.Load(made, host)
	if err != nil {
		return different(src, err)
	}
	if d := workflow.Compare(&was, now); !d.Empty() {
		return different(src, fault.New(fault.Unsupported, "%s", d.Lines()[0]))
	}
	_, a, err := workflow.Encode(&was)
	if err != nil {
		return different(src, err)
	}
	_, b, err := workflow.Encode(now)
	if err != nil || a != b {
		return different(src, err)
	}
	return nil
}

func different(src workflow.Source, err error) error {
	return &fault.Error{
		Code: fault.Unsupported, Msg: src.Name + " can't be migrated without changing what it means", Err: err,
		Hint: "it was left alone, and goes on working as it is",
	}
}

// migration is the work on one file.
type migration struct {
	names    map[string][]string
	comments []comment
	notes    []string
}

// comment is text that goes above a member or an entry of a list.
type comment struct {
	above *node // nil: above everything
	lines []string
}

// rename gives the workflow the name that it has now from its file's name.
func (m *migration) rename(root *node, application string) {
	for _, name := range [...]string{"application_name", "name", "include", "extends"} {
		if root.member(name) != nil {
			return
		}
	}
	first := slices.IndexFunc(root.members, func(f *member) bool { return !strings.HasPrefix(f.name, "_") })
	root.members = slices.Insert(root.members, first, &member{"application_name", text(application)})
}

// defaults moves default_ fields into defaults. Where other files are included they stay:
// what these say would win over them, and not over defaults.
func (m *migration) defaults(root *node) {
	if root.member("include") != nil || root.member("extends") != nil {
		return
	}
	into := root.member("defaults")
	if into != nil && into.kind != objectNode {
		return
	}
	var moved []*member
	at := -1
	for i, f := range root.members {
		name, is := strings.CutPrefix(f.name, "default_")
		if !is || !slices.Contains(m.names["workflow"], f.name) || f.value.kind == nullNode || into != nil && into.member(name) != nil {
			continue
		}
		moved = append(moved, &member{name, f.value})
		f.name = "" // to be removed
		if at < 0 {
			at = i
		}
	}
	if at < 0 {
		return
	}
	if into != nil {
		into.members = append(moved, into.members...)
	} else {
		root.members[at] = &member{"defaults", &node{kind: objectNode, members: moved}}
	}
	root.members = slices.DeleteFunc(root.members, func(f *member) bool { return f.name == "" })
}

// plugins makes a comment of dependency_plugins.
func (m *migration) plugins(root *node) {
	i := slices.IndexFunc(root.members, func(f *member) bool { return f.name == "dependency_plugins" })
	if i < 0 || root.members[i].value.kind != listNode {
		return
	}
	lines := []string{
		"dependency_plugins are Python modules, which were never called and are not executed.",
		"What one was meant to do can be a pre-check of the jobs that need it:",
		"  pre_checks: [{name: command, params: {command: ./is-it-there.sh}}]",
	}
	for _, item := range root.members[i].value.items {
		lines = append(lines, m.snippet(&node{kind: listNode, items: []*node{item}})...)
	}
	m.comments = append(m.comments, comment{root.kept(i), lines})
	root.members = slices.Delete(root.members, i, i+1)
	m.notes = append(m.notes, "dependency_plugins are a comment now: see docs/migration.md")
}

// object makes comments of the members that are commented out, in the object and all it has.
func (m *migration) object(n, above *node, kind string) {
	for i := 0; i < len(n.members); i++ {
		f := n.members[i]
		if strings.HasPrefix(f.name, "_") {
			at := n.kept(i)
			if at == nil {
				at = above
			}
			m.comments = append(m.comments, comment{at, m.text(f, kind)})
			n.members = slices.Delete(n.members, i, i+1)
			i--
			continue
		}
		m.value(f.value, f.name)
	}
}

// value goes through what a field has. Names of variables are names whatever they begin with.
func (m *migration) value(n *node, field string) {
	if field == "env_variables" {
		return
	}
	if n.kind == objectNode {
		m.object(n, n, "")
		return
	}
	kinds := map[string]string{
		"jobs": "job", "on_failure": "job", "on_success": "job", "pre_checks": "check", "post_checks": "check",
		"rules": "rule", "dependencies": "dependency", "dependency_plugins": "plugin",
	}
	for _, item := range n.items {
		if item.kind == objectNode {
			m.object(item, item, kinds[field])
		}
	}
}

// remarks are names under which people write texts for each other.
var remarks = [...]string{"comment", "note", "doc", "remark", "info", "todo", "readme"}

// text returns a member that is commented out as a comment.
func (m *migration) text(f *member, kind string) []string {
	name := strings.TrimLeft(f.name, "_")
	said, ok := f.value.remark()
	switch {
	case !ok, slices.Contains(m.names[kind], name):
		if name == "" {
			name = "_"
		}
		return m.snippet(&node{kind: objectNode, members: []*member{{name, f.value}}})
	case name == "", isRemark(name):
		return strings.Split(said, "\n")
	}
	return strings.Split(name+": "+said, "\n")
}

func isRemark(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(remarks[:], func(word string) bool { return strings.HasPrefix(name, word) })
}

// snippet returns the lines of YAML that say what a node does.
func (m *migration) snippet(n *node) []string {
	wrapped := n.kind == listNode
	if wrapped {
		n = &node{kind: objectNode, members: []*member{{"k", n}}}
	}
	p, err := workflow.Print(workflow.Source{Name: "snippet.json", Data: n.json()}, workflow.YAML)
	if err != nil {
		return []string{string(bytes.TrimSpace(n.json()))}
	}
	lines := strings.Split(strings.TrimRight(string(p.Text), "\n"), "\n")
	if wrapped {
		if len(lines) == 1 {
			return []string{"  - " + strings.Trim(strings.TrimPrefix(lines[0], "k: "), "[]")}
		}
		return lines[1:]
	}
	return lines
}
