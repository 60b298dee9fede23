package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/run"
)

// kind is a record's type. The numbers are the format's, and only ever added to.
type kind uint8

const (
	kindEpoch      kind = 1
	kindStart      kind = 2
	kindPID        kind = 3
	kindNotStarted kind = 4
	kindExit       kind = 5
	kindAck        kind = 6
	kindEnding     kind = 7
)

// record is the payload of all kinds: each uses some of it.
type record struct {
	ID      string          `json:"id,omitempty"`
	N       int64           `json:"n,omitempty"`
	At      time.Time       `json:"at,omitzero"`
	Boot    string          `json:"boot,omitempty"` // of a start: a segment may be a later one's
	Spec    json.RawMessage `json:"spec,omitempty"`
	Handle  json.RawMessage `json:"handle,omitempty"`
	Detail  string          `json:"detail,omitempty"`
	Outcome *run.Outcome    `json:"outcome,omitempty"`
	Head    []byte          `json:"head,omitempty"`
	More    json.RawMessage `json:"more,omitempty"`
}

// A record is framed as: length of the payload (4 bytes, little endian), checksum
// (4), kind (1), payload. The payload is a JSON object without control characters
// and less than 16 MiB long, so that no frame can begin within it: the length's last
// byte is zero.
const (
	frameLen   = 9
	maxPayload = 1<<24 - 1
)

// A segment begins with: magic (8 bytes), version (4), 1 if State.Whole (1), zeros (11),
// boot id (36), checksum (4).
const (
	headerLen = 64
	magic     = "EXJRNL\r\n"
	version   = 1
	wholeAt   = 12
	bootAt    = 24
	bootLen   = 36
)

// What the records of a task need at most, with the id left out: see Writer.room.
const (
	maxFixed  = 512           // of an exit: field names, numbers, states
	maxReason = 64            // bytes of a reason
	maxEsc    = 6             // bytes in JSON of one byte: \u0001
	maxAck    = frameLen + 16 // {"id":}
	maxPID    = maxAck + MaxHandle + 16
	maxEnding = frameLen + maxFixed + maxEsc*(maxReason+MaxDetail)
	maxExit   = frameLen + maxFixed + maxEsc*(maxReason+MaxDetail) + (MaxHead+2)/3*4 + MaxMore
)

// castagnoli returns the checksum of a and b, one after the other.
func castagnoli(a, b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	return crc32.Update(crc32.Update(0, table, a), table, b)
}

// header returns the beginning of a segment.
func header(boot string, whole bool) []byte {
	b := make([]byte, headerLen)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], version)
	if whole {
		b[wholeAt] = 1
	}
	copy(b[bootAt:bootAt+bootLen], boot)
	sealHeader(b)
	return b
}

func sealHeader(b []byte) { binary.LittleEndian.PutUint32(b[60:], castagnoli(b[:60], nil)) }

// readHeader takes in how a segment begins; false when that is damaged.
func (s *segment) readHeader(b []byte) (bool, error) {
	if len(b) < headerLen || string(b[:8]) != magic || binary.LittleEndian.Uint32(b[60:]) != castagnoli(b[:60], nil) {
		return false, nil
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v > version {
		return false, fmt.Errorf("%w: its format is %d, this program knows those up to %d", ErrVersion, v, version)
	}
	s.whole = b[wholeAt] == 1
	s.boot = string(bytes.TrimRight(b[bootAt:bootAt+bootLen], "\x00"))
	return true, nil
}

// encode returns r as it is written. It shares no memory with r.
func encode(k kind, r *record) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(frameLen + 100 + 2*len(r.ID) + len(r.Detail) + len(r.Spec) + len(r.Handle) + len(r.Head)*3/2 + len(r.More))
	b.Write([]byte{8: byte(k)})
	if err := r.write(&b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if n := b.Len() - frameLen; n > maxPayload {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrInvalid, n)
	}
	seal(b.Bytes())
	return b.Bytes(), nil
}

// write writes r as JSON. It is what json.Marshal would write, except that a spec comes
// back as it was, without HTML escapes, and in a third of the time.
func (r *record) write(b *bytes.Buffer) error {
	next := byte('{')
	field := func(name string, there bool) bool {
		if there {
			b.WriteByte(next)
			b.WriteByte('"')
			b.WriteString(name)
			b.WriteString(`":`)
			next = ','
		}
		return there
	}
	var err [5]error
	if field("id", r.ID != "") {
		writeString(b, r.ID)
	}
	if field("n", r.N != 0) {
		b.Write(strconv.AppendInt(b.AvailableBuffer(), r.N, 10))
	}
	if field("at", !r.At.IsZero()) {
		var text []byte
		text, err[0] = r.At.MarshalJSON()
		b.Write(text)
	}
	if field("boot", r.Boot != "") {
		writeString(b, r.Boot)
	}
	if field("spec", r.Spec != nil) {
		err[1] = json.Compact(b, r.Spec)
	}
	if field("handle", r.Handle != nil) {
		err[2] = json.Compact(b, r.Handle)
	}
	if field("detail", r.Detail != "") {
		writeString(b, r.Detail)
	}
	if field("outcome", r.Outcome != nil) {
		var text []byte
		text, err[3] = json.Marshal(r.Outcome)
		b.Write(text)
	}
	if field("head", len(r.Head) > 0) {
		b.WriteByte('"')
		b.Write(base64.StdEncoding.AppendEncode(b.AvailableBuffer(), r.Head))
		b.WriteByte('"')
	}
	if field("more", r.More != nil) {
		err[4] = json.Compact(b, r.More)
	}
	if next == '{' {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return errors.Join(err[:]...)
}

// writeString writes s as a JSON string.
func writeString(b *bytes.Buffer, s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(s) // a string can be
			b.Write(text)
			return
		}
	}
	b.WriteByte('"')
	b.WriteString(s)
	b.WriteByte('"')
}

// seal writes length and checksum into a frame.
func seal(b []byte) {
	binary.LittleEndian.PutUint32(b, uint32(len(b)-frameLen))
	binary.LittleEndian.PutUint32(b[4:], castagnoli(b[:4], b[8:]))
}

// frameAt returns the length of the frame with which b begins, 0 if there is none.
func frameAt(b []byte) int {
	if len(b) < frameLen+2 || b[3] != 0 || b[8] == 0 || b[frameLen] != '{' {
		return 0
	}
	end := frameLen + int(binary.LittleEndian.Uint32(b))
	if end < frameLen+2 || end > len(b) || b[end-1] != '}' {
		return 0
	}
	if binary.LittleEndian.Uint32(b[4:]) != castagnoli(b[:4], b[8:end]) {
		return 0
	}
	return end
}

// fit cuts what may be cut and refuses what is too long for the room that is kept.
func (r *record) fit() error {
	switch {
	case len(r.ID) > MaxID || !utf8.ValidString(r.ID):
		return fmt.Errorf("%w: its id must be UTF-8 of at most %d bytes", ErrInvalid, MaxID)
	case len(r.Head) > MaxHead:
		r.Head = r.Head[:MaxHead]
	}
	r.Detail = cut(r.Detail, MaxDetail)
	if o := r.Outcome; o != nil {
		if o.State > run.Cancelled || !o.State.Ended() {
			return fmt.Errorf("%w: a task can't end as %s", ErrInvalid, o.State)
		}
		short := *o
		short.Detail, short.Reason = cut(o.Detail, MaxDetail), run.Reason(cut(string(o.Reason), maxReason))
		r.Outcome = &short
	}
	return nil
}

// fitJSON refuses JSON that is longer than limit when written compactly.
func fitJSON(what string, raw json.RawMessage, limit int) error {
	if len(raw) <= limit {
		return nil
	}
	var buf bytes.Buffer
	if err := json.Compact(&buf, raw); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if buf.Len() > limit {
		return fmt.Errorf("%w: its %s has more than %d bytes", ErrInvalid, what, limit)
	}
	return nil
}

// cut shortens s to at most n bytes, at the beginning of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
