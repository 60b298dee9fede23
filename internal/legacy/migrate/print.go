package migrate

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// print writes the file as YAML, with the comments above what they belong to.
func (m *migration) print(root *node) ([]byte, error) {
	p, err := workflow.Print(workflow.Source{Name: "migrated.json", Data: root.json()}, workflow.YAML)
	if err != nil || len(m.comments) == 0 {
		return p.Text, err
	}
	doc, err := parser.ParseBytes(p.Text, 0)
	if err != nil || len(doc.Docs) != 1 {
		return nil, fault.New(fault.Unsupported, "what was written can't be read")
	}
	root.locate(doc.Docs[0].Body)
	text := m.insert(strings.Split(string(p.Text), "\n"))
	p, err = workflow.Print(workflow.Source{Name: "migrated.yaml", Data: []byte(text)}, workflow.YAML)
	return p.Text, err
}

// insert puts comments above their lines. Those of one line keep their order.
func (m *migration) insert(lines []string) string {
	slices.SortStableFunc(m.comments, func(a, b comment) int { return a.line() - b.line() })
	var out []string
	next := 0
	for i, line := range lines {
		for ; next < len(m.comments) && m.comments[next].line() <= i+1; next++ {
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			for _, text := range m.comments[next].lines {
				out = append(out, strings.TrimRight(indent+"# "+text, " \t"))
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// line is the line of the text above which a comment goes, from 1.
func (c *comment) line() int {
	if c.above == nil {
		return 1
	}
	return max(c.above.line, 1)
}

// locate notes the lines of the YAML text where the members and items of a node stand.
func (n *node) locate(at ast.Node) {
	switch at := at.(type) {
	case *ast.MappingNode:
		for _, v := range at.Values {
			n.locateMember(v)
		}
	case *ast.MappingValueNode:
		n.locateMember(at)
	case *ast.SequenceNode:
		for i, item := range at.Values {
			if i < len(n.items) {
				n.items[i].line = item.GetToken().Position.Line
				if first := firstKey(item); first != nil {
					n.items[i].line = first.GetToken().Position.Line
				}
				n.items[i].locate(item)
			}
		}
	}
}

func (n *node) locateMember(at *ast.MappingValueNode) {
	key := at.Key.GetToken()
	for _, f := range n.members {
		if f.name == key.Value {
			f.value.line = key.Position.Line
			f.value.locate(at.Value)
			return
		}
	}
}

// firstKey returns the first name of an object, or nil.
func firstKey(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return n.Values[0].Key
		}
	case *ast.MappingValueNode:
		return n.Key
	}
	return nil
}
