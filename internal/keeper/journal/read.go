package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// prefix begins the names of segments; the number follows.
const prefix = "journal."

// maxRereads is how often a reader starts again because a Writer replaced the segment.
const maxRereads = 20

func segmentPath(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf(prefix+"%06d", n))
}

// found is what is in a directory.
type found struct {
	state    State
	ledger   *ledger
	segments []int // in order; none without a journal
	begun    bool  // a Writer was there
	end      int64 // of the newest segment: where its last record ends
	size     int64 // and its file
}

// newest returns the number of the newest segment, 0 if there is none.
func (f *found) newest() int {
	if len(f.segments) == 0 {
		return 0
	}
	return f.segments[len(f.segments)-1]
}

// load reads the journal in dir: the newest segment, which states everything, and
// where it is damaged also those before it, if there are any.
func load(d disk, dir, boot string) (f found, err error) {
	for range maxRereads {
		if f, err = loadOnce(d, dir, boot); !isNotExist(err) || !f.begun {
			break
		}
	}
	return f, err
}

func loadOnce(d disk, dir, boot string) (found, error) {
	f := found{ledger: newLedger()}
	names, err := d.list(dir)
	if err != nil {
		return f, fmt.Errorf("read the journal: %w", err)
	}
	f.segments, f.begun = numbers(names), slices.Contains(names, lockName)
	if f.newest() == 0 {
		return f, fmt.Errorf("read the journal: %w", &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist})
	}
	var parts []*segment // the newest first
	for i := len(f.segments) - 1; i >= 0; i-- {
		s, err := readSegment(d, segmentPath(dir, f.segments[i]))
		if err != nil {
			return f, fmt.Errorf("read the journal: %w", err)
		}
		if parts = append(parts, s); len(s.damage) == 0 {
			break
		}
	}
	var damage []Damage
	for _, s := range slices.Backward(parts) {
		for _, r := range s.records {
			f.ledger.apply(r.kind, &r.record, r.raw)
		}
		damage = append(damage, s.damage...)
	}
	f.state = f.ledger.state(boot)
	f.state.SameBoot = boot != "" && parts[0].boot == boot
	f.state.Damage = damage
	f.state.Whole = f.state.SameBoot && parts[0].whole &&
		!slices.ContainsFunc(damage, func(d Damage) bool { return !d.Tail })
	f.end, f.size = parts[0].end, parts[0].size
	return f, nil
}

// numbers returns those of the segments among names, in order.
func numbers(names []string) []int {
	var all []int
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, prefix)
		if n, err := strconv.Atoi(digits); ok && err == nil && n > 0 && len(digits) >= 6 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// segment is what is in one file.
type segment struct {
	boot    string
	whole   bool
	records []read
	damage  []Damage
	end     int64
	size    int64
}

// read is a record that was read.
type read struct {
	record
	kind kind
	raw  []byte
}

func readSegment(d disk, path string) (*segment, error) {
	b, err := d.read(path)
	if err != nil {
		return nil, err
	}
	s := &segment{size: int64(len(b))}
	ok, err := s.readHeader(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !ok {
		s.damage = append(s.damage, Damage{Segment: path, Bytes: int64(min(len(b), headerLen))})
	}
	s.scan(path, b)
	return s, nil
}

// scan reads the records of a segment. Where there is none it looks for the next.
func (s *segment) scan(path string, b []byte) {
	end := min(headerLen, len(b)) // of what was read
	for at := end; at < len(b); {
		n := frameAt(b[at:])
		if n == 0 {
			at++
			continue
		}
		if at > end {
			s.damage = append(s.damage, Damage{Segment: path, Offset: int64(end), Bytes: int64(at - end)})
		}
		if !s.take(b[at : at+n]) {
			s.damage = append(s.damage, Damage{Segment: path, Offset: int64(at), Bytes: int64(n)})
		}
		at += n
		end = at
	}
	s.end = int64(max(end, headerLen))
	// Zeros at the end are room that was never used.
	if tail := bytes.TrimRight(b[end:], "\x00"); len(tail) > 0 {
		s.damage = append(s.damage, Damage{
			Segment: path, Offset: int64(end), Bytes: int64(len(tail)), Tail: isCut(b[end:]),
		})
	}
}

// isCut reports whether b is a frame of which the end is missing.
func isCut(b []byte) bool {
	return len(b) < frameLen || frameLen+int64(binary.LittleEndian.Uint32(b)) > int64(len(b))
}

// take keeps what a frame says; false when it is whole and yet makes no sense.
func (s *segment) take(frame []byte) bool {
	r := read{kind: kind(frame[8])}
	if r.kind > kindEnding { // a newer version's
		return true
	}
	err := json.Unmarshal(frame[frameLen:], &r.record)
	if err != nil || r.ID == "" && r.kind != kindEpoch || r.Outcome == nil && (r.kind == kindExit || r.kind == kindEnding) {
		return false
	}
	if r.kind != kindEpoch && r.kind != kindAck {
		r.raw = bytes.Clone(frame) // not to keep the whole segment in memory
	}
	s.records = append(s.records, r)
	return true
}
