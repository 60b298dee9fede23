package workflow

import (
	"fmt"
	"strings"
)

const inQuotes = `put the whole value in quotes, or write it on lines of its own: | and then the text, indented`

// syntaxHint says what to do about an error of the YAML module, from what it says and
// from the lines about the place: people break the same few rules.
func (r *yamlReader) syntaxHint(said string, pos int) string {
	number := r.lineOf(pos)
	line := r.line(number)
	before := string(r.tree.data[r.lines[number]:pos])
	begins := strings.Trim(before, " -") == "" // nothing but blanks and dashes is before it
	switch {
	case strings.Contains(said, "\t"), strings.Contains(said, "tab character"):
		return "indent with spaces"
	case strings.Contains(said, "could not find end character"):
		return "the quote that begins here has no end"
	case strings.Contains(said, "end token"):
		return "close the bracket; a text that begins with [ or { goes in quotes"
	case strings.Contains(said, "reserved character"):
		return "put the value in quotes"
	case strings.Contains(said, "unexpected key name") && !strings.Contains(line, ": "):
		return "a name and its value are written NAME: VALUE, with a blank behind the colon"
	case strings.Contains(said, "mapping value is not allowed"):
		return r.mappingHint(number, line)
	case strings.Contains(said, "not allowed in this context") && !begins:
		return inQuotes
	case strings.Contains(said, "not allowed in this context"), strings.Contains(said, "non-map value"):
		return r.indentHint(number, line)
	}
	return ""
}

// mappingHint is about a second NAME: VALUE where only one may be.
func (r *yamlReader) mappingHint(number int, line string) string {
	_, value, _ := strings.Cut(line, ": ")
	if strings.Contains(value, ": ") || strings.HasSuffix(value, ":") {
		return `a text with ": " in it goes in quotes`
	}
	next := r.line(number + 1)
	if depth := fieldDepth(line); indent(next) > depth {
		return fmt.Sprintf("the next line is indented too far: %d blanks, if it is a field beside this one", depth)
	}
	return ""
}

// indentHint is about a line that begins where no line may.
func (r *yamlReader) indentHint(number int, line string) string {
	for n := number - 1; n >= 0; n-- {
		above := r.line(n)
		text := strings.TrimSpace(above)
		switch {
		case text == "" || text[0] == '#':
		case n == number-1 && (strings.HasSuffix(text, "|") || strings.HasSuffix(text, ">")):
			return "the text below | or > is indented deeper than the name before it"
		case !strings.HasPrefix(text, "- "):
		case strings.HasPrefix(strings.TrimSpace(line), "- "):
			return fmt.Sprintf("the entries of a list begin in one column: this one with %d blanks, like line %d", indent(above), n+1)
		default:
			return fmt.Sprintf("to belong to the entry that begins on line %d, indent it by %d blanks", n+1, fieldDepth(above))
		}
	}
	return ""
}

// lineOf returns the number of a place's line, from 0.
func (r *yamlReader) lineOf(pos int) int {
	n := 0
	for n+1 < len(r.lines) && r.lines[n+1] <= pos {
		n++
	}
	return n
}

// line returns a line without its end; there is nothing beyond the last.
func (r *yamlReader) line(number int) string {
	if number < 0 || number >= len(r.lines) {
		return ""
	}
	end := len(r.tree.data)
	if number+1 < len(r.lines) {
		end = r.lines[number+1]
	}
	return strings.TrimRight(string(r.tree.data[r.lines[number]:end]), "\r\n")
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// fieldDepth is the column, from 0, of the name in a line: behind the dash of an entry.
func fieldDepth(line string) int { return len(line) - len(strings.TrimLeft(line, " -")) }
