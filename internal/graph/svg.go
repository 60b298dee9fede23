package graph

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

const (
	margin      = 20
	titleHeight = 34
	keyHeight   = 40
	minWidth    = 320
)

// SVG draws the graph as a picture in one file that refers to no other. The jobs of a run
// are coloured by state, with a legend. What there is to say about a job is its tooltip.
func (g *Graph) SVG() string {
	d := draw(g)
	s := &svg{drawing: d}
	width, height := max(d.right+2*margin, minWidth, s.keyWidth()+2*margin), d.height+titleHeight+keyHeight+2*margin
	s.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="13">`+"\n", width, height, width, height)
	s.printf("<title>%s</title>\n", escape(g.Title))
	s.printf(`<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#7b8794"/></marker></defs>` + "\n")
	s.printf(`<rect width="100%%" height="100%%" fill="#ffffff"/>` + "\n")
	s.printf(`<text x="%d" y="%d" font-size="16" font-weight="bold" fill="#222a33">%s</text>`+"\n", margin, margin+14, escape(cut(plain(g.Title), int(width/10))))
	s.printf(`<g transform="translate(%d %d)">`+"\n", margin, margin+titleHeight)
	for n := range d.Edges {
		s.edge(n)
	}
	for i := range d.Nodes {
		s.node(i)
	}
	s.printf("</g>\n")
	s.key(height - margin - 10)
	s.printf("</svg>\n")
	return s.out.String()
}

type svg struct {
	*drawing
	out strings.Builder
}

func (s *svg) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

// edge draws a curve through the cells of an edge.
func (s *svg) edge(n int) {
	e, path := s.Edges[n], s.routes[n]
	from := s.cells[path[0]]
	x, y := s.x[from.layer]+s.width[from.layer], from.y
	var d strings.Builder
	fmt.Fprintf(&d, "M%.1f %.1f", x, y)
	for _, i := range path[1:] {
		c := s.cells[i]
		to := s.x[c.layer]
		if x > to-layerGap { // it comes from the layer before
			x = to - layerGap
		}
		if x < to-layerGap {
			fmt.Fprintf(&d, " L%.1f %.1f", x, y)
		}
		middle := (x + to) / 2
		fmt.Fprintf(&d, " C%.1f %.1f %.1f %.1f %.1f %.1f", middle, y, middle, c.y, to, c.y)
		x, y = to, c.y
		if c.node < 0 {
			x += s.width[c.layer]
			fmt.Fprintf(&d, " L%.1f %.1f", x, y)
		}
	}
	dashes := ""
	if e.condition() != "" {
		dashes = ` stroke-dasharray="5 4"`
	}
	s.printf(`<path d="%s" fill="none" stroke="#7b8794" stroke-width="1.4"%s marker-end="url(#end)"/>`+"\n", d.String(), dashes)
	if c := e.condition(); c != "" {
		s.printf(`<text x="%.1f" y="%.1f" font-size="10" text-anchor="end" fill="#4a5560">%s</text>`+"\n", x-10, y-5, escape(c))
	}
}

// node draws the box of a job.
func (s *svg) node(i int) {
	n, c := &s.Nodes[i], s.cells[i]
	x, y, width := s.x[c.layer], c.y-boxHeight/2, s.width[c.layer]
	col := colourOf(run.Pending)
	if s.Run {
		col = colourOf(n.State)
	}
	dashes := ""
	if n.Hook != workflow.NoHook || n.When != "" || n.Always {
		dashes = ` stroke-dasharray="4 2"`
	}
	s.printf(`<g><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="6" fill="%s" stroke="%s" stroke-width="1.4"%s/>`,
		escape(strings.Join(s.tip(n), "\n")), x, y, width, boxHeight, col.fill, col.line, dashes)
	base := c.y + 4.5
	if s.Run {
		base = c.y - 2
		s.printf(`<text x="%.1f" y="%.1f" font-size="10" text-anchor="middle" fill="%s">%s</text>`, x+width/2, c.y+12, col.text, escape(n.outcome()))
	}
	s.printf(`<text x="%.1f" y="%.1f" text-anchor="middle" fill="%s">%s</text></g>`+"\n", x+width/2, base, col.text, escape(cut(plain(string(n.ID)), labelChars)))
}

// legend returns the states that there are, and whether they are needed.
func (s *svg) legend() []run.State {
	var states []run.State
	if !s.Run {
		return nil
	}
	for _, state := range run.States() {
		for i := range s.Nodes {
			if s.Nodes[i].State == state {
				states = append(states, state)
				break
			}
		}
	}
	return states
}

const keyStep = 104

func (s *svg) keyWidth() float64 { return float64(len(s.legend()) * keyStep) }

func (s *svg) key(y float64) {
	for n, state := range s.legend() {
		c := colourOf(state)
		x := margin + n*keyStep
		s.printf(`<rect x="%d" y="%.1f" width="14" height="14" rx="3" fill="%s" stroke="%s"/><text x="%d" y="%.1f" font-size="11" fill="#4a5560">%s</text>`+"\n",
			x, y-11, c.fill, c.line, x+20, y, state)
	}
	if !s.Run {
		s.printf(`<text x="%d" y="%.1f" font-size="11" fill="#4a5560">%s, %s</text>`+"\n", margin, y, count(len(s.Nodes), "job"), escape(count(len(s.Edges), "dependency")))
	}
}

// escape writes text for XML. Characters that XML can't have were replaced by plain;
// line breaks of tooltips stay.
func escape(text string) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		_ = xml.EscapeText(&b, []byte(plain(line))) // a Builder can't fail
	}
	return b.String()
}
