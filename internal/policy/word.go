package policy

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// What stands in a word's text for something that only the shell knows. No command
// can contain these characters.
const (
	home    = "\x00~" // ~ or $HOME
	unknown = "\x00?" // any other expansion
)

// word is an argument as the program would get it, as far as that can be known.
type word struct {
	text string
}

// known reports whether nothing in the word depends on the time of execution.
func (w word) known() bool { return !strings.Contains(w.text, "\x00") }

// shown returns the word for a message.
func (w word) shown() string { return shown(w.text) }

func shown(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, home, "~"), unknown, "$…")
	if utf8.RuneCountInString(text) > 60 {
		text = string([]rune(text)[:60]) + "…"
	}
	return text
}

// maxBraces bounds what is looked at of that which braces become.
const maxBraces = 64

// words returns arguments after brace expansion and removal of quotes.
func words(args []*syntax.Word) []word {
	all := make([]word, 0, len(args))
	for _, arg := range args {
		split := *arg // SplitBraces changes its word to one that can't be walked
		if !syntax.SplitBraces(&split) {
			all = append(all, word{unquote(arg.Parts, false)})
			continue
		}
		n := 0
		for w, err := range expand.BracesSeq(nil, &split) {
			if n++; err != nil || n > maxBraces {
				break
			}
			all = append(all, word{unquote(w.Parts, false)})
		}
	}
	return all
}

// unquote returns the text of parts as the program would get it.
func unquote(parts []syntax.WordPart, quoted bool) string {
	if len(parts) == 1 { // nearly all words
		if lit, ok := parts[0].(*syntax.Lit); ok && !strings.ContainsAny(lit.Value, "\\~") {
			return lit.Value
		}
	}
	var b strings.Builder
	for i, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(literal(part.Value, quoted, i == 0))
		case *syntax.SglQuoted:
			if part.Dollar {
				b.WriteString(ansiC(part.Value))
			} else {
				b.WriteString(part.Value)
			}
		case *syntax.DblQuoted:
			b.WriteString(unquote(part.Parts, true))
		case *syntax.ParamExp:
			if part.Param != nil && part.Param.Value == "HOME" {
				b.WriteString(home)
			} else {
				b.WriteString(unknown)
			}
		default:
			b.WriteString(unknown)
		}
	}
	return b.String()
}

// literal removes backslashes from text outside or inside double quotes.
func literal(text string, quoted, first bool) string {
	var b strings.Builder
	if first && !quoted && (text == "~" || strings.HasPrefix(text, "~/")) {
		b.WriteString(home)
		text = text[1:]
	}
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (!quoted || strings.IndexByte("$`\"\\\n", text[i+1]) >= 0) {
			if i++; text[i] == '\n' {
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// ansiC decodes the text of $'…' as far as a name may be hidden in it: octal,
// hexadecimal and Unicode escapes, and the letters.
func ansiC(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		base, digits := 0, 0
		switch c := text[i]; {
		case c >= '0' && c <= '7':
			base, digits, i = 8, 3, i-1
		case c == 'x':
			base, digits = 16, 2
		case c == 'u':
			base, digits = 16, 4
		case c == 'U':
			base, digits = 16, 8
		case strings.IndexByte("abefnrtv", c) >= 0:
			b.WriteByte(' ')
			continue
		default:
			b.WriteByte(c)
			continue
		}
		n := numberLen(text[i+1:], base, digits)
		if v, err := strconv.ParseUint(text[i+1:i+1+n], base, 32); err == nil {
			b.WriteRune(rune(v))
		}
		i += n
	}
	return strings.ReplaceAll(b.String(), "\x00", "")
}

func numberLen(text string, base, most int) int {
	n := 0
	for n < len(text) && n < most {
		if _, err := strconv.ParseUint(text[n:n+1], base, 8); err != nil {
			break
		}
		n++
	}
	return n
}
