package schedule

import "time"

// DST says what a change of the clocks does to an expected time.
type DST string

// The choices for DST.
const (
	Steady DST = ""       // nothing
	Moved  DST = "moved"  // the clocks skip the time that was meant: it is the first moment behind the gap
	First  DST = "first"  // the clocks show this time twice, and it is the first of them
	Second DST = "second" // it is the second of them
)

// hit is a moment that was found.
type hit struct {
	at   int64 // Unix time
	wall int64 // the wall time that was meant
	dst  DST
}

// search finds moments by their wall time, one period of a zone after the other.
type search struct {
	zone  *time.Location
	wild  bool  // each moment counts whose wall time fits; else each wall time counts once
	small int64 // of a change of the clocks: from this on it is none of these, but another zone
	ends  int64 // Unix time where it is given up
	next  func(from, until int64) (wall int64, ok bool)
	last  period // that was looked up
}

// changeOfZone is how much clocks must be changed to be taken for those of another zone,
// as cronie has it.
const changeOfZone = 3 * 3600

// first returns the first moment that is not before from.
func (s *search) first(from int64) (hit, bool) {
	for from < s.ends {
		p := s.at(from)
		if h, ok := s.behindGap(p, from); ok {
			return h, true
		}
		wall := s.open(p, from)
		until := min(p.end, s.ends) + p.offset - 1
		if w, ok := s.next(wall, until); ok && w <= until {
			return hit{w - p.offset, w, s.twice(p, w)}, true
		}
		from = p.end
	}
	return hit{}, false
}

// at returns the period that a moment belongs to.
func (s *search) at(unix int64) *period {
	switch {
	case s.last.start <= unix && unix < s.last.end:
	case s.last.end == unix && s.last.start < unix:
		s.last = s.last.following(s.zone)
	default:
		s.last = periodAt(s.zone, unix)
	}
	return &s.last
}

// behindGap finds what was meant for a time that the clocks skip where a period begins.
func (s *search) behindGap(p *period, from int64) (hit, bool) {
	change := p.offset - p.before
	if s.wild || from != p.start || change <= 0 || change >= s.small {
		return hit{}, false
	}
	until := p.start + p.offset - 1
	w, ok := s.next(p.start+p.before, until)
	return hit{p.start, w, Moved}, ok && w <= until
}

// open returns the wall time from which on those of a period count: what the clocks show
// a second time is left out.
func (s *search) open(p *period, from int64) int64 {
	if change := p.offset - p.before; !s.wild && change < 0 && -change < s.small {
		return max(from+p.offset, p.start+p.before)
	}
	return from + p.offset
}

// twice says whether a wall time of a period is shown twice.
func (s *search) twice(p *period, wall int64) DST {
	switch {
	case p.end != never && wall >= p.end+p.after:
		return First
	case wall < p.start+p.before:
		return Second
	}
	return Steady
}
