package workflow

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong with a workflow file, and where.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`   // from 1; 0 when it is about no place
	Col     int    `json:"column,omitempty"` // from 1, in characters (not bytes)
	Msg     string `json:"message"`
	Hint    string `json:"hint,omitempty"`    // what to do about it, such as: did you mean "x"?
	Text    string `json:"text,omitempty"`    // the line, cut round the column when it is long, values of secrets hidden
	Warning bool   `json:"warning,omitempty"` // it does not stop the workflow from running

	caret int // characters of Text before the column
}

// Problems are all that was found in a file, in the order of the file. As an
// error they name the first; Format shows them all.
type Problems []Problem

// maxProblems is how many of a file's problems are kept and shown.
const maxProblems = 100

// Error returns the first problem, errors before warnings, in one line, and how many more there are.
func (ps Problems) Error() string {
	if len(ps) == 0 {
		return "no problems"
	}
	first := ps[0]
	for _, p := range ps {
		if !p.Warning {
			first = p
			break
		}
	}
	if len(ps) == 1 {
		return first.place() + first.Msg
	}
	return fmt.Sprintf("%s%s (and %d more)", first.place(), first.Msg, len(ps)-1)
}

// Line returns all of them in one line, errors before warnings.
func (ps Problems) Line() string {
	var wrong, warned []string
	for i := range ps {
		if p := &ps[i]; p.Warning {
			warned = append(warned, p.place()+"warning: "+p.Msg)
		} else {
			wrong = append(wrong, p.place()+p.Msg)
		}
	}
	return strings.Join(append(wrong, warned...), "; ")
}

// String returns what Format writes.
func (ps Problems) String() string {
	var b strings.Builder
	ps.Format(&b)
	return b.String()
}

// Format writes each problem as "file:line:column: message", then the line with a
// caret under the column, then the hint. Errors of w are not reported.
func (ps Problems) Format(w io.Writer) {
	out := bufio.NewWriter(w)
	for i := range ps {
		ps[i].format(out)
	}
	_ = out.Flush()
}

func (p *Problem) format(out *bufio.Writer) {
	kind := ""
	if p.Warning {
		kind = "warning: "
	}
	fmt.Fprintf(out, "%s%s%s\n", p.place(), kind, p.Msg)
	if p.Text != "" {
		fmt.Fprintf(out, "    %s\n    %s^\n", p.Text, blank(p.Text, p.caret))
	}
	if p.Hint != "" {
		fmt.Fprintf(out, "    hint: %s\n", p.Hint)
	}
}

func (p *Problem) place() string {
	if p.Line == 0 {
		return ""
	}
	name := p.File
	if name == "" {
		name = "workflow"
	}
	return fmt.Sprintf("%s:%d:%d: ", printable(name), p.Line, p.Col)
}

// blank returns white space as wide as the first n characters of text on a terminal.
func blank(text string, n int) string {
	var b strings.Builder
	for _, r := range text {
		if n--; n < 0 {
			break
		}
		switch {
		case r == '\t':
			b.WriteByte('\t')
		case unicode.In(r, unicode.Mn, unicode.Me):
			// drawn over the character before it
		case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana):
			b.WriteString("  ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// quote returns s in quotes, safe for a terminal, and cut when it is long.
func quote(s string) string {
	const most = 80
	if len(s) > 4*most {
		s = s[:4*most]
	}
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// printable replaces what could steer a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
