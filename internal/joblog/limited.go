package joblog

import "fmt"

// maxTail is the most that is kept in memory of the end of an output.
const maxTail = 1 << 20

// limited lets the first bytes of an output through and keeps the last ones, for
// the end of a long output says why it failed.
type limited struct {
	sink    sink
	limit   int64 // bytes of the output that are kept; 0: all
	head    int64 // bytes that may still go straight through
	tail    ring
	cut     byte // the last byte that went straight through
	last    byte // the last byte of all; a new line where there is none
	settled bool // the tail is written; what comes now goes straight through
}

func newLimited(s sink, limit int64, last byte) *limited {
	l := &limited{sink: s, limit: max(0, limit), cut: last, last: last}
	tail := min(l.limit/2, maxTail)
	l.head, l.tail.size = l.limit-tail, int(tail)
	return l
}

// proceed counts what an earlier program let through, and what it took with it, of which
// no line speaks yet unless it had settled.
func (l *limited) proceed(through, lost int64, settled bool) {
	l.head -= min(l.head, through)
	if l.limit == 0 || settled {
		l.sink.lost += lost
	} else {
		l.tail.lost += lost
	}
}

// direct lets a line of ours through, which does not count.
func (l *limited) direct(p []byte) {
	l.sink.add(p)
	l.cut, l.last = '\n', '\n'
}

// Write implements io.Writer for the masking writer. It never fails.
func (l *limited) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	l.last = p[len(p)-1]
	rest := p
	if l.limit == 0 || l.settled {
		l.sink.add(rest)
		return len(p), nil
	}
	n := min(int64(len(rest)), l.head)
	l.head -= n
	if n > 0 {
		l.cut = rest[n-1]
		l.sink.add(rest[:n])
	}
	if rest = rest[n:]; len(rest) > 0 {
		l.keep(rest)
	}
	return len(p), nil
}

// keep adds to the tail.
func (l *limited) keep(p []byte) {
	if l.tail.size == 0 {
		l.tail.lost += int64(len(p))
		return
	}
	l.tail.add(p)
}

// settle writes the tail, after a line that says what is missing before it.
func (l *limited) settle() {
	if l.settled {
		return
	}
	l.settled = true
	if l.tail.lost > 0 {
		if l.cut != '\n' {
			l.sink.add([]byte{'\n'})
		}
		l.sink.add(fmt.Appendf(nil, "... %d bytes of output left out here (output_limit is %d bytes) ...\n",
			l.tail.lost, l.limit))
	}
	older, newer := l.tail.parts()
	for _, p := range [][]byte{older, newer} {
		if len(p) > 0 {
			l.sink.add(p)
		}
	}
	l.tail.buf = nil
}
