package joblog

import (
	"io"
	"time"
)

const (
	bufferSize = 8 << 10
	// slow is the age of the last write from which on output is written as it comes,
	// so that whoever follows the log of a slow job sees its lines.
	slow = 100 * time.Millisecond
)

// sink is the buffer before the file. The first error ends writing for good: what
// comes after it is counted and dropped, since a log with silent gaps misleads.
type sink struct {
	w     io.Writer
	buf   []byte // grows to bufferSize: most jobs write little
	last  time.Time
	err   error
	taken int64 // bytes in all
	lost  int64 // of these, bytes that were not written because of err
}

func (s *sink) add(p []byte) {
	s.taken += int64(len(p))
	if len(s.buf)+len(p) > bufferSize {
		s.flush()
	}
	if len(p) >= bufferSize {
		s.write(p)
		return
	}
	s.buf = append(s.buf, p...)
	if time.Since(s.last) > slow {
		s.flush()
	}
}

func (s *sink) flush() {
	if len(s.buf) > 0 {
		s.write(s.buf)
		s.buf = s.buf[:0]
	}
}

func (s *sink) write(p []byte) {
	if s.err != nil {
		s.lost += int64(len(p))
		return
	}
	n, err := s.w.Write(p)
	s.lost += int64(len(p) - n)
	s.err = err
	s.last = time.Now()
}
