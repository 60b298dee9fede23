package joblog

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// Sanitize returns b without what a terminal could obey: control characters other
// than tab and new line, and escape sequences with all their text. It does not write
// to b.
func Sanitize(b []byte) []byte {
	var out bytes.Buffer
	s := Sanitizer{w: &out}
	_, _ = s.Write(b) // a buffer never fails
	s.out = s.out[:0]
	s.invalid(s.partial)
	_, _ = out.Write(s.out)
	return out.Bytes()
}

// Sanitizer is Sanitize for a stream, however sequences are split over writes. It is
// not safe for concurrent use.
type Sanitizer struct {
	w       io.Writer
	state   escape
	partial []byte // beginning of a character that is not complete
	out     []byte // reused
}

// NewSanitizer returns a Sanitizer in front of w.
func NewSanitizer(w io.Writer) *Sanitizer { return &Sanitizer{w: w} }

// escape is where in an escape sequence the text is.
type escape uint8

const (
	ground    escape = iota
	afterESC         // ESC, and bytes that announce more
	inCSI            // parameters of a control sequence
	inText           // text of an OSC, DCS, SOS, PM or APC, up to BEL, ST or the end of the line
	textESC          // ESC within such a text
	escapeKey = 0x1b
)

// Write passes on p without what a terminal could obey.
func (s *Sanitizer) Write(p []byte) (int, error) {
	s.out = s.out[:0]
	text := p
	if len(s.partial) > 0 {
		text = append(s.partial, p...)
		s.partial = nil
	}
	for len(text) > 0 {
		n := s.next(text)
		if n == 0 {
			s.partial = bytes.Clone(text)
			break
		}
		text = text[n:]
	}
	if len(s.out) > 0 {
		if _, err := s.w.Write(s.out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// next handles the character at the beginning of text and returns its length, 0 when
// it is not complete.
func (s *Sanitizer) next(text []byte) int {
	if text[0] < utf8.RuneSelf {
		s.ascii(text[0])
		return 1
	}
	if !utf8.FullRune(text) {
		return 0
	}
	r, n := utf8.DecodeRune(text)
	switch {
	case r == utf8.RuneError && n == 1:
		s.invalid(text[:1])
	case r < 0xa0:
		s.c1(byte(r))
	case s.state == ground:
		s.out = append(s.out, text[:n]...)
	case s.state != inText && s.state != textESC:
		s.state = ground // a sequence that is broken off
		s.out = append(s.out, text[:n]...)
	}
	return n
}

// invalid handles bytes that are no character: of another encoding most likely, in
// which those from 0x80 to 0x9f may be controls.
func (s *Sanitizer) invalid(bytes []byte) {
	for _, c := range bytes {
		switch {
		case c < 0xa0:
			s.c1(c)
		case s.state == inText || s.state == textESC:
		default:
			s.state = ground
			s.out = append(s.out, c)
		}
	}
}

// c1 handles a control from 0x80 to 0x9f. Some begin or end a sequence.
func (s *Sanitizer) c1(c byte) {
	switch c {
	case 0x9b:
		s.state = inCSI
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f:
		s.state = inText
	default: // also 0x9c, which ends a text
		s.state = ground
	}
}

func (s *Sanitizer) ascii(c byte) {
	switch {
	case c == escapeKey && s.state == inText:
		s.state = textESC
	case c == escapeKey:
		s.state = afterESC
	case c == '\n': // nothing goes on over lines, or one stray byte would hide all that follows
		s.state = ground
		s.out = append(s.out, c)
	case s.state == ground:
		s.plain(c)
	case s.state == textESC && c != '\\':
		s.state = afterESC
		s.escaped(c)
	case s.state == textESC, s.state == inText && c == 0x07:
		s.state = ground
	case s.state == afterESC:
		s.escaped(c)
	case s.state == inCSI && (c >= 0x40 && c != 0x7f || c == 0x18 || c == 0x1a):
		s.state = ground
	}
}

func (s *Sanitizer) plain(c byte) {
	if c >= 0x20 && c != 0x7f || c == '\t' {
		s.out = append(s.out, c)
	}
}

// escaped handles the byte after ESC.
func (s *Sanitizer) escaped(c byte) {
	switch {
	case c == '[':
		s.state = inCSI
	case c == ']', c == 'P', c == 'X', c == '^', c == '_':
		s.state = inText
	case c >= 0x30 && c != 0x7f, c == 0x18, c == 0x1a:
		s.state = ground
	}
}
