package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"
)

// maxMessage is how long one message of an event stream may be, in bytes.
const maxMessage = 16 << 20

var errTooLong = errors.New("the message is too long")

// message is one message of an event stream (text/event-stream).
type message struct {
	id   string
	kind string // "message" when the stream says none
	data []byte
}

// messages reads an event stream. Not safe for concurrent use.
type messages struct {
	in *bufio.Reader
	id string
}

func newMessages(r io.Reader) *messages { return &messages{in: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next message with data. alive is called for each line, of comments too.
func (s *messages) next(alive func()) (message, error) {
	m := message{kind: "message"}
	some := false
	for {
		line, err := s.line(maxMessage - len(m.data))
		if err != nil {
			return message{}, err // what was not ended does not count
		}
		alive()
		if len(line) == 0 {
			if some {
				m.id = s.id
				return m, nil
			}
			m = message{kind: "message"}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			m.kind = string(value)
		case "data":
			if some {
				m.data = append(m.data, '\n')
			}
			m.data, some = append(m.data, value...), true
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				s.id = string(value)
			}
		}
	}
}

// line returns the next line without its end.
func (s *messages) line(most int) ([]byte, error) {
	var line []byte
	for {
		part, err := s.in.ReadSlice('\n')
		if len(line)+len(part) > most {
			return nil, errTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(line, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// watch calls stop when it is not reset in time.
func watch(d time.Duration, stop func()) *time.Timer { return time.AfterFunc(d, stop) }
