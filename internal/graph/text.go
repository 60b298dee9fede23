package graph

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/run"
)

const (
	textWidth = 80
	textJobs  = 200 // jobs up to which each gets a line of its own
	textDepth = 12  // levels of the tree that are indented
)

// Text draws the graph for a terminal, at most 80 columns wide: a tree in which each job
// stands once, below the last job that it waits for, with the others beside it. Of a
// graph of more than 200 jobs it tells what could run at the same time.
func (g *Graph) Text() string {
	t := &texter{Graph: g}
	waves := g.waves()
	t.line(fmt.Sprintf("%s: %s, %s, %s", plain(g.Title), count(len(g.Nodes), "job"), count(len(g.Edges), "dependency"), count(len(waves), "wave")))
	if g.Run {
		for _, line := range g.totals() {
			t.line(line)
		}
	}
	t.line("")
	if len(g.Nodes) > textJobs {
		t.waves(waves)
	} else {
		t.tree()
	}
	return t.out.String()
}

// totals counts the jobs by state, on as many lines as it takes.
func (g *Graph) totals() []string {
	counts := map[run.State]int{}
	for i := range g.Nodes {
		counts[g.Nodes[i].State]++
	}
	lines := []string{""}
	for _, s := range run.States() {
		if counts[s] == 0 {
			continue
		}
		part, last := fmt.Sprintf("%d %s", counts[s], s), &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = part
		case len(*last)+len(part)+3 > textWidth:
			*last += ","
			lines = append(lines, part)
		default:
			*last += ", " + part
		}
	}
	return lines
}

type texter struct {
	*Graph
	out      strings.Builder
	children [][]int // by node: the jobs that are drawn below it
	others   [][]Edge
	first    []Edge // by node: the edge along which it is drawn; From is -1 for a root
}

func (t *texter) line(text string) {
	t.out.WriteString(strings.TrimRight(cut(text, textWidth), " ") + "\n")
}

// waves tells the waves of a big graph.
func (t *texter) waves(waves [][]int) {
	for n, wave := range waves {
		names := ""
		for i, node := range wave {
			name := cut(plain(string(t.Nodes[node].ID)), 30)
			if i > 0 {
				name = ", " + name
			}
			if utf8.RuneCountInString(names)+len(name) > 48 && i > 0 {
				names += fmt.Sprintf(" and %d more", len(wave)-i)
				break
			}
			names += name
		}
		t.line(fmt.Sprintf("wave %-4d %6s  %s", n+1, fmt.Sprint(len(wave)), names))
	}
}

// tree draws each job once: below the one of its needs that is deepest.
func (t *texter) tree() {
	layer := t.Layers()
	t.children, t.others, t.first = make([][]int, len(t.Nodes)), make([][]Edge, len(t.Nodes)), make([]Edge, len(t.Nodes))
	for i := range t.first {
		t.first[i].From = -1
	}
	for _, e := range t.Edges {
		switch old := t.first[e.To]; {
		case old.From < 0:
			t.first[e.To] = e
		case layer[e.From] > layer[old.From]:
			t.others[e.To] = append(t.others[e.To], old)
			t.first[e.To] = e
		default:
			t.others[e.To] = append(t.others[e.To], e)
		}
	}
	for i := range t.Nodes {
		if from := t.first[i].From; from >= 0 {
			t.children[from] = append(t.children[from], i)
		}
	}
	for i := range t.Nodes {
		if t.first[i].From < 0 {
			t.branch(i, "", "", 0)
		}
	}
}

// branch draws a job and what is below it. stem stands before the job itself, rest before
// what is below. The depth is bounded by textJobs.
func (t *texter) branch(i int, stem, rest string, depth int) {
	t.line(stem + t.label(i))
	for n, child := range t.children[i] {
		stem, below := rest+"├─ ", rest+"│  "
		if n == len(t.children[i])-1 {
			stem, below = rest+"└─ ", rest+"   "
		}
		if depth >= textDepth { // there is no more room to the right
			below = rest
		}
		t.branch(child, stem, below, depth+1)
	}
}

// symbol shows a state without colours.
func symbol(s run.State) string {
	switch s {
	case run.Running:
		return "▶"
	case run.Success:
		return "✓"
	case run.Failed, run.Timeout:
		return "✗"
	case run.Skipped:
		return "-"
	case run.Cancelled:
		return "!"
	default:
		return "·"
	}
}

func (t *texter) label(i int) string {
	n := &t.Nodes[i]
	text := cut(plain(string(n.ID)), 40)
	if t.Run {
		text = symbol(n.State) + " " + text
	}
	if c := t.first[i].condition(); c != "" && t.first[i].From >= 0 {
		text += " (" + c + ")"
	}
	if t.Run {
		text += "  " + n.outcome()
	}
	if len(t.others[i]) > 0 {
		text += "  ← also " + t.names(t.others[i])
	}
	if notes := n.notes(); len(notes) > 0 {
		text += "  [" + plain(strings.Join(notes, ", ")) + "]"
	}
	if t.Run && n.Why != "" {
		text += "  " + plain(n.Why)
	}
	return text
}

func (t *texter) names(edges []Edge) string {
	var names []string
	for n, e := range edges {
		if n == 3 && len(edges) > 4 {
			names = append(names, fmt.Sprintf("%d more", len(edges)-n))
			break
		}
		name := cut(plain(string(t.Nodes[e.From].ID)), 30)
		if c := e.condition(); c != "" {
			name += " (" + c + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
