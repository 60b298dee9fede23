package oratest

import (
	"bytes"
	"encoding/binary"
)

// message builds a message of the two-task common protocol (TTC), the layer in which
// Oracle's clients and servers talk.
type message struct{ bytes.Buffer }

func (m *message) raw(b ...byte) { m.Write(b) }

// uint writes a number as its length and as many bytes.
func (m *message) uint(v int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(v))
	short := bytes.TrimLeft(b[:], "\x00")
	m.raw(byte(len(short)))
	m.raw(short...)
}

const (
	shortChunk = 0xfc  // a value up to here is one chunk with its length in a byte
	chunkLen   = 32767 // of a longer one
	longValue  = 0xfe  // marks that there are several
)

// value writes bytes with their length, in chunks when there are many. No bytes are NULL.
func (m *message) value(b []byte) {
	if len(b) <= shortChunk {
		m.raw(byte(len(b)))
		m.raw(b...)
		return
	}
	m.raw(longValue)
	for len(b) > 0 {
		n := min(len(b), chunkLen)
		m.uint(n)
		m.raw(b[:n]...)
		b = b[n:]
	}
	m.raw(0)
}

// sized writes bytes whose length comes once more before them.
func (m *message) sized(b string) {
	m.uint(len(b))
	if len(b) > 0 {
		m.value([]byte(b))
	}
}

func (m *message) pair(key, value string, flag int) {
	m.sized(key)
	m.sized(value)
	m.uint(flag)
}

// uint reads what message.uint writes. The top bit of the length means negative.
func (s *conversation) uint() int {
	n := s.byte()
	v := 0
	for _, b := range s.bytes(int(n & 0x7f)) {
		v = v<<8 | int(b)
	}
	if n&0x80 != 0 {
		return -v
	}
	return v
}

// value reads what message.value writes; nil is NULL.
func (s *conversation) value() []byte {
	switch n := s.byte(); n {
	case 0, 0xff, 0xfd:
		return nil
	case longValue:
		var all []byte
		for n := s.uint(); n > 0; n = s.uint() {
			all = append(all, s.bytes(n)...)
		}
		return all
	default:
		return bytes.Clone(s.bytes(int(n)))
	}
}

func (s *conversation) pair() (key, value string) {
	if s.uint() > 0 {
		key = string(s.value())
	}
	if s.uint() > 0 {
		value = string(s.value())
	}
	s.uint() // flag
	return key, value
}
