// Package graph draws a workflow's jobs and what they need of each other: as text for a
// terminal, as Mermaid, as DOT and as SVG. It is pure, and equal graphs give equal text.
package graph

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Graph is jobs and their dependencies. It is not changed once it was made.
type Graph struct {
	Title string
	Nodes []Node // in the order of the file
	Edges []Edge // by To, then by From
	// Run says that the nodes have states.
	Run bool
}

// Node is a job.
type Node struct {
	ID          run.JobID
	Description string
	When        string        // its condition; empty: none
	Each        string        // what it becomes one job for each of, at run time; empty: it does not
	Always      bool          // it runs also after a failure or cancel
	Hook        workflow.Hook // the list of the end of the run that it belongs to
	Result                    // of a run
}

// Result is what became of a job in a run.
type Result struct {
	State run.State
	Why   string        // a sentence; empty when the state says all
	Took  time.Duration // 0: it did not run, or that is not known
}

// Edge says that one job waits for another.
type Edge struct {
	From, To int             // indexes of Nodes: From must have ended before To starts
	On       workflow.Ending // how
}

// Of returns the graph of a workflow. results are those of its jobs, in their order, or
// nil when it is about no run.
func Of(w *workflow.Workflow, results []Result) *Graph {
	g := &Graph{Title: w.Application, Nodes: make([]Node, len(w.Jobs)), Run: results != nil}
	for i := range w.Jobs {
		j := &w.Jobs[i]
		each := ""
		if j.Each != nil {
			each = j.Each.Text()
		}
		g.Nodes[i] = Node{Each: each, ID: j.ID, Description: j.Description, When: j.When, Always: j.Always, Hook: j.Hook}
		if i < len(results) {
			g.Nodes[i].Result = results[i]
		}
		for n, need := range j.Needs {
			g.Edges = append(g.Edges, Edge{From: need, To: i, On: j.Ending(n)})
		}
	}
	return g
}

// Around returns the part of a graph that has to do with one job: the job, all that it
// needs, and all that needs it, directly or not. It is nil when there is no such job.
func (g *Graph) Around(job run.JobID) *Graph {
	start := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.ID == job })
	if start < 0 {
		return nil
	}
	needs, needed := g.neighbours()
	keep := make([]bool, len(g.Nodes))
	mark(keep, needs, start)
	keep[start] = false // for the other direction
	mark(keep, needed, start)
	return g.only(keep)
}

// mark sets all that can be reached, itself included.
func mark(keep []bool, next [][]int, from int) {
	keep[from] = true
	for queue := []int{from}; len(queue) > 0; {
		i := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, n := range next[i] {
			if !keep[n] {
				keep[n] = true
				queue = append(queue, n)
			}
		}
	}
}

func (g *Graph) only(keep []bool) *Graph {
	part := &Graph{Title: g.Title, Run: g.Run}
	at := make([]int, len(g.Nodes))
	for i := range g.Nodes {
		if keep[i] {
			at[i] = len(part.Nodes)
			part.Nodes = append(part.Nodes, g.Nodes[i])
		}
	}
	for _, e := range g.Edges {
		if keep[e.From] && keep[e.To] {
			part.Edges = append(part.Edges, Edge{From: at[e.From], To: at[e.To], On: e.On})
		}
	}
	return part
}

// neighbours returns, for each node, what it needs and what needs it.
func (g *Graph) neighbours() (needs, needed [][]int) {
	needs, needed = make([][]int, len(g.Nodes)), make([][]int, len(g.Nodes))
	for _, e := range g.Edges {
		needs[e.To] = append(needs[e.To], e.From)
		needed[e.From] = append(needed[e.From], e.To)
	}
	return needs, needed
}

// Layers returns how many jobs must have ended before each could start: the length of the
// longest path to it. Jobs of the end of the run come behind all others.
func (g *Graph) Layers() []int {
	needs, needed := g.neighbours()
	layer := make([]int, len(g.Nodes))
	missing := make([]int, len(g.Nodes))
	var ready []int
	for i := range g.Nodes {
		if missing[i] = len(needs[i]); missing[i] == 0 {
			ready = append(ready, i)
		}
	}
	for at := 0; at < len(ready); at++ {
		for _, n := range needed[ready[at]] {
			layer[n] = max(layer[n], layer[ready[at]]+1)
			if missing[n]--; missing[n] == 0 {
				ready = append(ready, n)
			}
		}
	}
	last := -1
	for i := range g.Nodes {
		if g.Nodes[i].Hook == workflow.NoHook {
			last = max(last, layer[i])
		}
	}
	for i := range g.Nodes {
		if g.Nodes[i].Hook != workflow.NoHook {
			layer[i] += last + 1
		}
	}
	return layer
}

// waves returns the nodes of each layer, in the order of the file.
func (g *Graph) waves() [][]int {
	var waves [][]int
	for i, l := range g.Layers() {
		for len(waves) <= l {
			waves = append(waves, nil)
		}
		waves[l] = append(waves[l], i)
	}
	return waves
}

// condition says how an edge waits, when that is not for success.
func (e Edge) condition() string {
	if e.On == "" || e.On == workflow.OnSuccess {
		return ""
	}
	return "on " + string(e.On)
}

// notes say what is special about a job.
func (n *Node) notes() []string {
	var all []string
	switch n.Hook {
	case workflow.HookFailure:
		all = append(all, "after a failure of the run")
	case workflow.HookSuccess:
		all = append(all, "after the success of the run")
	case workflow.NoHook:
	}
	if n.Each != "" {
		all = append(all, n.Each)
	}
	if n.When != "" {
		all = append(all, "when "+n.When)
	}
	if n.Always {
		all = append(all, "always")
	}
	return all
}

// outcome says what became of a job.
func (n *Node) outcome() string {
	text := n.State.String()
	if n.Took > 0 {
		text += " " + duration(n.Took)
	}
	return text
}

// tip is all that is known about a job, line by line.
func (g *Graph) tip(n *Node) []string {
	lines := []string{plain(string(n.ID))}
	if n.Description != "" {
		lines = append(lines, plain(n.Description))
	}
	if g.Run {
		lines = append(lines, n.outcome())
		if n.Why != "" {
			lines = append(lines, plain(n.Why))
		}
	}
	for _, note := range n.notes() {
		lines = append(lines, plain(note))
	}
	return lines
}

// plain makes one line of a text, without what steers a terminal or is not text.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r == unicode.ReplacementChar, unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r >= 0xfffe:
			if r > 0xffff {
				return r
			}
			return '·'
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "·"))
}

// cut shortens a text to so many characters.
func cut(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	return string(r[:max(0, width-1)]) + "…"
}

// duration writes how long something took, short.
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

func count(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(thing, "y"))
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
