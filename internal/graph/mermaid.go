package graph

import (
	"fmt"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// colour is how a state is shown in pictures: fill, border, text.
type colour struct{ fill, line, text string }

func colourOf(s run.State) colour {
	switch s {
	case run.Success:
		return colour{"#d7f5dd", "#2f8f46", "#14401f"}
	case run.Failed, run.Timeout:
		return colour{"#fbdcdc", "#c62f2f", "#5c1010"}
	case run.Skipped:
		return colour{"#f1f1f1", "#9a9a9a", "#555555"}
	case run.Cancelled:
		return colour{"#fdeccd", "#c98a17", "#5d3f06"}
	case run.Running:
		return colour{"#d9e8fd", "#2a6fd6", "#12356b"}
	default:
		return colour{"#ffffff", "#6b7683", "#222a33"}
	}
}

// Mermaid writes the graph as a Mermaid flow chart. Whatever stands in ids is text there.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, hook := range []workflow.Hook{workflow.NoHook, workflow.HookFailure, workflow.HookSuccess} {
		g.mermaidNodes(&b, hook)
	}
	for _, e := range g.Edges {
		if c := e.condition(); c != "" {
			fmt.Fprintf(&b, "  n%d -.->|\"%s\"| n%d\n", e.From, c, e.To)
		} else {
			fmt.Fprintf(&b, "  n%d --> n%d\n", e.From, e.To)
		}
	}
	if g.Run {
		g.mermaidStates(&b)
	}
	return b.String()
}

func (g *Graph) mermaidNodes(b *strings.Builder, hook workflow.Hook) {
	indent, open := "  ", false
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Hook != hook {
			continue
		}
		if hook != workflow.NoHook && !open {
			fmt.Fprintf(b, "  subgraph on_%s\n", hook)
			indent, open = "    ", true
		}
		fmt.Fprintf(b, "%sn%d[\"%s\"]\n", indent, i, strings.Join(g.mermaidLabel(n), "<br>"))
	}
	if open {
		b.WriteString("  end\n")
	}
}

func (g *Graph) mermaidLabel(n *Node) []string {
	lines := []string{mermaidText(string(n.ID))}
	if n.Each != "" {
		lines = append(lines, mermaidText(n.Each))
	}
	if n.When != "" {
		lines = append(lines, mermaidText("when "+n.When))
	}
	if n.Always {
		lines = append(lines, "always")
	}
	if g.Run {
		lines = append(lines, n.outcome())
	}
	return lines
}

func (g *Graph) mermaidStates(b *strings.Builder) {
	for _, s := range run.States() {
		var ids []string
		for i := range g.Nodes {
			if g.Nodes[i].State == s {
				ids = append(ids, fmt.Sprintf("n%d", i))
			}
		}
		if len(ids) > 0 {
			c := colourOf(s)
			fmt.Fprintf(b, "  classDef %s fill:%s,stroke:%s,color:%s\n", strings.ToLower(s.String()), c.fill, c.line, c.text)
			fmt.Fprintf(b, "  class %s %s\n", strings.Join(ids, ","), strings.ToLower(s.String()))
		}
	}
}

// mermaidText writes everything that could mean something to Mermaid or HTML as the
// number of its character.
func mermaidText(text string) string {
	var b strings.Builder
	for _, r := range plain(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" _-.,:/", r), r > 0x9f:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
