package oralint

import (
	"regexp"
	"strings"
)

// token is a word, number, string or symbol of a statement.
type token struct {
	text string // as it is written
	kind byte   // see kindOf
}

// The kinds of tokens. A keyword is a word in capitals: that is how our texts tell
// them from names, which are in small letters.
const (
	keyword = 'K'
	name    = 'n'
	str     = 's'
	num     = '0'
	bind    = ':'
	symbol  = '+'
)

// pattern finds the tokens. Strings come first, so that nothing within them counts.
var pattern = regexp.MustCompile(`'(?:[^']|'')*'|"[^"]*"|:[A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_$#]*|[0-9]+(?:\.[0-9]+)?|/\*|--|->>?|::|<>|!=|<=|>=|\|\||==|\S`)

func tokens(text string) []token {
	var all []token
	for _, s := range pattern.FindAllString(text, -1) {
		all = append(all, token{s, kindOf(s)})
	}
	return all
}

func kindOf(s string) byte {
	c := s[0]
	switch {
	case c == '\'':
		return str
	case c == ':' && len(s) > 1 && s != "::":
		return bind
	case c >= '0' && c <= '9':
		return num
	case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		if s == strings.ToUpper(s) && c != '_' {
			return keyword
		}
		return name
	}
	return symbol
}

// shape returns the statement in one line, each token between spaces, for patterns:
// names, numbers and strings are as they are written, binds are a colon.
func shape(all []token) string {
	var b strings.Builder
	b.WriteByte(' ')
	for _, t := range all {
		if t.kind == bind {
			b.WriteByte(':')
		} else {
			b.WriteString(t.text)
		}
		b.WriteByte(' ')
	}
	return b.String()
}
