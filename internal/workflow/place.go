package workflow

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// place is an offset as people count.
type place struct {
	line  int // from 1
	col   int // from 1, in characters
	start int // offset of the line's first byte
}

// places finds the line and column of offsets, which are sorted, in one pass.
// A line ends with \n, \r\n or a lone \r.
func places(data []byte, sorted []int) map[int]place {
	found := make(map[int]place, len(sorted))
	at, pos := place{line: 1, col: 1}, 0
	for _, target := range sorted {
		counted := pos // columns up to here are in at.col
		for ; pos < target && pos < len(data); pos++ {
			if endsLine(data, pos) {
				at, counted = place{line: at.line + 1, col: 1, start: pos + 1}, pos+1
			}
		}
		at.col += utf8.RuneCount(data[counted:pos])
		found[target] = at
	}
	return found
}

// endsLine reports whether the byte at pos is the last of a line.
func endsLine(data []byte, pos int) bool {
	switch data[pos] {
	case '\n':
		return true
	case '\r':
		return pos+1 == len(data) || data[pos+1] != '\n'
	}
	return false
}

const (
	textWidth  = 120  // characters of a line that are shown
	textBefore = 70   // of these, before the column, when the line is cut
	textReach  = 4096 // bytes of a line that are looked at on each side of the column
)

// excerpt returns the line that begins at start, cut round pos when it is long,
// and how many of its characters come before pos.
func excerpt(data []byte, start, pos int) (text string, caret int) {
	pos = min(pos, len(data))
	from := max(start, pos-textReach)
	end := pos
	for end < len(data) && end < pos+textReach && data[end] != '\n' && data[end] != '\r' {
		end++
	}
	before := []rune(string(data[from:pos])) // a byte that is not UTF-8 counts as one character
	line := []rune(printable(hideSecrets(string(before) + string([]rune(string(data[pos:end]))))))
	return cut(line, len(before), from > start)
}

// cut keeps textWidth characters round the caret. begun says that the line began earlier.
func cut(line []rune, caret int, begun bool) (string, int) {
	if len(line) <= textWidth && !begun {
		return string(line), caret
	}
	first := min(max(0, caret-textBefore), max(0, len(line)-textWidth))
	last := min(len(line), first+textWidth)
	text, caret := string(line[first:last]), caret-first
	if first > 0 || begun {
		text, caret = "…"+text, caret+1
	}
	if last < len(line) {
		text += "…"
	}
	return text, caret
}

// mayName reports whether a line may have a name that looks secret: most have none, and to
// look for names takes longer than all else that is done with a line.
func mayName(line string) bool {
	line = strings.ToLower(strings.ReplaceAll(line, "\u017f", "s")) // the long s, which is no capital letter's small one
	for _, name := range []string{"password", "secret", "token", "key"} {
		if strings.Contains(line, name) {
			return true
		}
	}
	return false
}

// hideSecrets replaces the values of names that look secret by as many stars, so
// that a problem can be shown in a log.
func hideSecrets(line string) string {
	if !mayName(line) {
		return line
	}
	secret := regexp.MustCompile(`(?i)([\w.-]*(?:password|secret|token|key)[\w.-]*["']?\s*[:=]\s*)` +
		`("(?:[^"\\]|\\.)*|'[^']*|[^\s"'{\[][^,}]*)`)
	return secret.ReplaceAllStringFunc(line, func(found string) string {
		m := secret.FindStringSubmatch(found)
		value := strings.TrimLeft(m[2], `"'`)
		return strings.TrimSuffix(found, value) + strings.Repeat("*", utf8.RuneCountInString(value))
	})
}
