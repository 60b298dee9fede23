package simulate

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/executionerhq/executioner/internal/run"
)

// Sizes of the picture, in pixels.
const (
	svgMargin = 20
	svgTitle  = 34
	svgLabel  = 190
	svgBars   = 640
	svgRow    = 24
	svgBar    = 16
	svgChars  = 26 // characters of a job's id that are shown
)

// SVG draws when each job ran, as a picture in one file that refers to no other. What
// there is to say about a try is its tooltip.
func (t *Timeline) SVG() string {
	jobs := t.Started()
	row := make(map[int]int, len(jobs))
	for n, i := range jobs {
		row[i] = n
	}
	width, bottom := 2*svgMargin+svgLabel+svgBars, svgMargin+svgTitle+len(jobs)*svgRow
	height := bottom + 40
	s := &picture{t: t}
	s.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	s.printf("<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", escape(t.Workflow.Application))
	s.printf(`<text x="%d" y="%d" font-size="16" font-weight="bold" fill="#222a33">%s</text>`+"\n", svgMargin, svgMargin+14, escape(cut(plain(t.Workflow.Application), 60)+": "+Short(t.Took)+", "+t.Summary.State.String()))
	s.axis(bottom)
	for n, i := range jobs {
		s.printf(`<text x="%d" y="%d" text-anchor="end" fill="#222a33">%s</text>`+"\n", svgMargin+svgLabel-8, svgMargin+svgTitle+n*svgRow+16, escape(cut(t.id(i), svgChars)))
	}
	for n := range t.Tries {
		s.try(&t.Tries[n], row[t.Tries[n].Job])
	}
	s.printf("</svg>\n")
	return s.out.String()
}

type picture struct {
	t   *Timeline
	out strings.Builder
}

func (s *picture) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

// x returns where a moment is.
func (s *picture) x(at time.Duration) float64 {
	if s.t.Took == 0 {
		return svgMargin + svgLabel
	}
	return svgMargin + svgLabel + at.Seconds()/s.t.Took.Seconds()*svgBars
}

// axis draws lines at quarters of the time.
func (s *picture) axis(bottom int) {
	for quarter := range 5 {
		at := s.t.Took * time.Duration(quarter) / 4
		anchor := [...]string{"start", "middle", "middle", "middle", "end"}[quarter]
		x := svgMargin + svgLabel + float64(quarter)*svgBars/4
		s.printf(`<path d="M%.1f %d V%d" stroke="#dde2e7"/><text x="%.1f" y="%d" font-size="11" text-anchor="%s" fill="#4a5560">%s</text>`+"\n",
			x, svgMargin+svgTitle, bottom, x, bottom+16, anchor, Short(at))
	}
}

func (s *picture) try(try *Try, row int) {
	fill, line := "#d7f5dd", "#2f8f46"
	switch try.State {
	case run.Failed, run.Timeout:
		fill, line = "#fbdcdc", "#c62f2f"
	case run.Cancelled:
		fill, line = "#fdeccd", "#c98a17"
	}
	x := s.x(try.Start)
	tip := fmt.Sprintf("%s\ntry %d: %s (%s)\n%s to %s, %s", s.t.id(try.Job), try.Number, try.State, try.Reason, Short(try.Start), Short(try.End), Short(try.End-try.Start))
	s.printf(`<g><title>%s</title><rect x="%.1f" y="%d" width="%.1f" height="%d" rx="3" fill="%s" stroke="%s"/></g>`+"\n",
		escape(tip), x, svgMargin+svgTitle+row*svgRow+(svgRow-svgBar)/2, max(s.x(try.End)-x, 1.5), svgBar, fill, line)
}

// escape writes text for XML. Line breaks of tooltips stay.
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

// plain replaces what can't be shown.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}
