package check

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"unicode/utf8"
)

// lineBuffer is the length up to which a line is matched at once.
const lineBuffer = 64 << 10

// lines reads a text line by line, each of any length, in constant memory.
type lines struct {
	r      *bufio.Reader
	number int // of the present line, from 1
}

func newLines(ctx context.Context, r io.Reader) *lines {
	return &lines{r: bufio.NewReaderSize(&interruptible{ctx, r}, lineBuffer)}
}

// interruptible ends reading when its context ends.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := context.Cause(i.ctx); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// find returns the first line that contains one of the words, with its number; 0 when
// there is none. Of a long line it returns the part around the word. Words are
// shorter than maxText.
func (l *lines) find(words [][]byte) (int, string, error) {
	var before []byte // the end of what was read of the same line
	begins := true    // a line
	for {
		part, err := l.r.ReadSlice('\n')
		if begins && len(part) > 0 {
			l.number, before = l.number+1, before[:0]
		}
		border := append(before, part[:min(len(part), maxText)]...)
		for _, text := range [][]byte{border, part} {
			if i := indexAny(text, words); i >= 0 {
				return l.number, excerpt(text, i), nil
			}
		}
		before = append(before[:0], part[max(0, len(part)-maxText):]...)
		begins = !errors.Is(err, bufio.ErrBufferFull)
		if err != nil && begins {
			return 0, "", ended(err)
		}
	}
}

// ended makes the end of a text no error.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func indexAny(text []byte, words [][]byte) int {
	first := -1
	for _, w := range words {
		if i := bytes.Index(text, w); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	return first
}

// excerpt returns the line of text with what is at i in it, cut at both ends.
func excerpt(text []byte, i int) string {
	text = bytes.TrimRight(text, "\r\n")
	from := max(0, min(i-maxText/4, len(text)-maxText))
	return string(text[from:min(len(text), from+maxText)])
}

// match returns the number of the first line that the pattern matches, and the line;
// 0 when there is none.
func (l *lines) match(re *regexp.Regexp) (int, string, error) {
	for {
		part, err := l.r.ReadSlice('\n')
		if len(part) > 0 {
			l.number++
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			text := excerpt(part, 0) // reading on overwrites part
			long := &longLine{r: l.r, part: part}
			if re.MatchReader(long) && long.err == nil {
				return l.number, text, nil
			}
			if err := long.skip(); err != nil {
				return 0, "", ended(err)
			}
		case len(part) > 0 && re.Match(bytes.TrimRight(part, "\r\n")):
			return l.number, excerpt(part, 0), nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return 0, "", ended(err)
		}
	}
}

// longLine reads the characters of one line that is longer than the buffer.
type longLine struct {
	r    *bufio.Reader
	part []byte // read from r and not yet returned
	done bool   // the line's end was met
	err  error  // other than the end of the text
}

// ReadRune implements io.RuneReader.
func (l *longLine) ReadRune() (rune, int, error) {
	if !l.done && (!utf8.FullRune(l.part) || len(l.part) == 1 && l.part[0] == '\r') {
		l.fill()
	}
	if len(l.part) == 0 || l.part[0] == '\n' || l.part[0] == '\r' && len(l.part) > 1 && l.part[1] == '\n' {
		return 0, 0, io.EOF
	}
	r, n := utf8.DecodeRune(l.part)
	l.part = l.part[n:]
	return r, n, nil
}

// fill reads the next part of the line. The buffer is reused for it.
func (l *longLine) fill() {
	rest := bytes.Clone(l.part)
	part, err := l.r.ReadSlice('\n')
	l.done = !errors.Is(err, bufio.ErrBufferFull)
	if l.done && err != nil {
		l.err = ended(err)
	}
	if len(rest) > 0 {
		part = append(rest, part...)
	}
	l.part = part
}

// skip reads to the end of the line.
func (l *longLine) skip() error {
	for !l.done && l.err == nil {
		l.part = nil
		l.fill()
	}
	return l.err
}
