package workflow

import (
	"cmp"
	"fmt"
	"slices"
)

// finding is a problem before its place is known as a line and column.
type finding struct {
	pos   int // byte offset, with the number of its file: see inFile
	other int // a second place whose line is appended to the message, or -1
	msg   string
	hint  string
	warn  bool
	bare  bool // the line is not shown: it has a secret
}

// reporter collects what is wrong with one file and what it includes. Places are
// offsets until the end, so that reading a good file never counts lines.
type reporter struct {
	name  string
	data  []byte
	more  []source // files besides the first, in the order of their numbers
	base  int      // place of the first byte of the file that is being read
	errs  pile
	warns pile

	nested Problems // of the files of sub-workflows, which are told behind these

	// seen, when not nil, drops what is said of a place a second time: templates come
	// to many jobs, and their mistakes with them.
	seen map[sighting]bool
}

// sighting is a kind of message about a place.
type sighting struct {
	pos    int
	format string
}

// pile keeps the findings that come first in the file, and counts all.
type pile struct {
	kept  []finding
	total int
}

// wants counts one more finding and reports whether it is worth describing.
func (p *pile) wants(pos int) bool {
	p.total++
	return len(p.kept) < maxProblems || pos < p.kept[len(p.kept)-1].pos
}

// add puts f where it belongs; the last falls off when there are too many.
func (p *pile) add(f finding) {
	at, _ := slices.BinarySearchFunc(p.kept, f.pos, func(k finding, pos int) int {
		return cmp.Or(cmp.Compare(k.pos, pos), -1) // after those of the same place
	})
	p.kept = slices.Insert(p.kept, at, f)
	if len(p.kept) > maxProblems {
		p.kept = p.kept[:maxProblems]
	}
}

// again reports whether this was said of the place before.
func (r *reporter) again(pos int, format string) bool {
	if r.seen == nil {
		return false
	}
	s := sighting{pos, format}
	if r.seen[s] {
		return true
	}
	r.seen[s] = true
	return false
}

func (r *reporter) failed() bool { return r.errs.total > 0 }

func (r *reporter) error(pos int, format string, args ...any) {
	r.errorHint(pos, "", format, args...)
}

func (r *reporter) errorHint(pos int, hint, format string, args ...any) {
	r.errorAt(pos, -1, hint, format, args...)
}

// errorBare reports an error whose line must not be shown.
func (r *reporter) errorBare(pos int, hint, format string, args ...any) {
	pos += r.base
	if !r.again(pos, format) && r.errs.wants(pos) {
		r.errs.add(finding{pos: pos, other: -1, msg: fmt.Sprintf(format, args...), hint: hint, bare: true})
	}
}

// errorAt reports an error that concerns two places.
func (r *reporter) errorAt(pos, other int, hint, format string, args ...any) {
	pos += r.base
	if other >= 0 {
		other += r.base
	}
	if !r.again(pos, format) && r.errs.wants(pos) {
		r.errs.add(finding{pos: pos, other: other, msg: fmt.Sprintf(format, args...), hint: hint})
	}
}

// errorGuess reports an error whose hint takes time to find.
func (r *reporter) errorGuess(pos int, guess func() string, format string, args ...any) {
	pos += r.base
	if !r.again(pos, format) && r.errs.wants(pos) {
		r.errs.add(finding{pos: pos, other: -1, msg: fmt.Sprintf(format, args...), hint: guess()})
	}
}

func (r *reporter) warn(pos int, hint, format string, args ...any) {
	r.warnGuess(pos, func() string { return hint }, format, args...)
}

// warnGuess reports a warning whose hint takes time to find.
func (r *reporter) warnGuess(pos int, guess func() string, format string, args ...any) {
	pos += r.base
	if !r.again(pos, format) && r.warns.wants(pos) {
		r.warns.add(finding{pos: pos, other: -1, msg: fmt.Sprintf(format, args...), hint: guess(), warn: true})
	}
}

// file returns the name and content of a file by its number.
func (r *reporter) file(number int) source {
	if number == 0 {
		return source{name: r.name, data: r.data}
	}
	return r.more[number-1]
}

// problems returns what was found, sorted by place, at most maxProblems and a
// last line that counts the rest. Errors go before warnings where not all fit.
func (r *reporter) problems() Problems {
	found := slices.Clone(r.errs.kept)
	room := maxProblems - len(found)
	found = append(found, r.warns.kept[:min(room, len(r.warns.kept))]...)
	if len(found) == 0 {
		return r.nested
	}
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(a.pos, b.pos) })
	where := r.places(offsets(found))
	all := make(Problems, 0, len(found)+1)
	for _, f := range found {
		all = append(all, r.problem(f, where))
	}
	if more := r.errs.total + r.warns.total - len(found); more > 0 {
		all = append(all, Problem{File: r.name, Msg: fmt.Sprintf("and %d more", more), Warning: !r.failed()})
	}
	return append(all, r.nested...)
}

// places finds the lines and columns of sorted places, file by file.
func (r *reporter) places(sorted []int) map[int]place {
	all := make(map[int]place, len(sorted))
	for len(sorted) > 0 {
		number, _ := inFile(sorted[0])
		n := 0
		var offsets []int
		for ; n < len(sorted); n++ {
			file, offset := inFile(sorted[n])
			if file != number {
				break
			}
			offsets = append(offsets, offset)
		}
		for offset, at := range places(r.file(number).data, offsets) {
			all[number<<filePlace|offset] = at
		}
		sorted = sorted[n:]
	}
	return all
}

func (r *reporter) problem(f finding, where map[int]place) Problem {
	at := where[f.pos]
	number, offset := inFile(f.pos)
	file := r.file(number)
	msg := f.msg
	if f.other >= 0 {
		msg += fmt.Sprintf(" on line %d", where[f.other].line)
		if other, _ := inFile(f.other); other != number {
			msg += " of " + printable(r.file(other).name)
		}
	}
	text, caret := "", 0
	if !f.bare {
		text, caret = excerpt(file.data, at.start, offset)
	}
	return Problem{
		File: file.name, Line: at.line, Col: at.col, Msg: msg, Hint: f.hint,
		Text: text, Warning: f.warn, caret: caret,
	}
}

func offsets(found []finding) []int {
	var all []int
	for _, f := range found {
		all = append(all, f.pos)
		if f.other >= 0 {
			all = append(all, f.other)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
