package graph

import (
	"fmt"
	"strings"

	"github.com/executionerhq/executioner/internal/workflow"
)

// DOT writes the graph for Graphviz.
func (g *Graph) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n", dotText(plain(g.Title)))
	b.WriteString("  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", fontname=\"sans-serif\"];\n")
	b.WriteString("  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for i := range g.Nodes {
		g.dotNode(&b, i)
	}
	for _, e := range g.Edges {
		if c := e.condition(); c != "" {
			fmt.Fprintf(&b, "  n%d -> n%d [style=dashed, label=%s];\n", e.From, e.To, dotText(c))
		} else {
			fmt.Fprintf(&b, "  n%d -> n%d;\n", e.From, e.To)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

func (g *Graph) dotNode(b *strings.Builder, i int) {
	n := &g.Nodes[i]
	label := plain(string(n.ID))
	if g.Run {
		label += "\n" + n.outcome()
	}
	fmt.Fprintf(b, "  n%d [label=%s, tooltip=%s", i, dotText(label), dotText(strings.Join(g.tip(n), "\n")))
	if g.Run {
		c := colourOf(n.State)
		fmt.Fprintf(b, ", fillcolor=%q, color=%q, fontcolor=%q", c.fill, c.line, c.text)
	}
	if n.Hook != workflow.NoHook {
		b.WriteString(", peripheries=2")
	}
	b.WriteString("];\n")
}

// dotText quotes a string. Besides the backslash and the quote, Graphviz reads entities
// of HTML in it.
func dotText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "&", "&amp;").Replace(text) + `"`
}
