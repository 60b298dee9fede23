package workflow

import (
	"cmp"
	"fmt"
	"slices"
)

// finding is a problem before its place is known as a line and column.
type finding struct {
	pos   int // byte offset
	other int // offset of a second place whose line is appended to the message, or -1
	msg   string
	hint  string
	warn  bool
}

// reporter collects what is wrong with one file. Places are offsets until the end,
// so that reading a good file never counts lines.
type reporter struct {
	name  string
	data  []byte
	errs  pile
	warns pile
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

func (r *reporter) failed() bool { return r.errs.total > 0 }

func (r *reporter) error(pos int, format string, args ...any) {
	r.errorHint(pos, "", format, args...)
}

func (r *reporter) errorHint(pos int, hint, format string, args ...any) {
	r.errorAt(pos, -1, hint, format, args...)
}

// errorAt reports an error that concerns two places.
func (r *reporter) errorAt(pos, other int, hint, format string, args ...any) {
	if r.errs.wants(pos) {
		r.errs.add(finding{pos: pos, other: other, msg: fmt.Sprintf(format, args...), hint: hint})
	}
}

// errorGuess reports an error whose hint takes time to find.
func (r *reporter) errorGuess(pos int, guess func() string, format string, args ...any) {
	if r.errs.wants(pos) {
		r.errs.add(finding{pos: pos, other: -1, msg: fmt.Sprintf(format, args...), hint: guess()})
	}
}

func (r *reporter) warn(pos int, hint, format string, args ...any) {
	r.warnGuess(pos, func() string { return hint }, format, args...)
}

// warnGuess reports a warning whose hint takes time to find.
func (r *reporter) warnGuess(pos int, guess func() string, format string, args ...any) {
	if r.warns.wants(pos) {
		r.warns.add(finding{pos: pos, other: -1, msg: fmt.Sprintf(format, args...), hint: guess(), warn: true})
	}
}

// problems returns what was found, sorted by place, at most maxProblems and a
// last line that counts the rest. Errors go before warnings where not all fit.
func (r *reporter) problems() Problems {
	found := slices.Clone(r.errs.kept)
	room := maxProblems - len(found)
	found = append(found, r.warns.kept[:min(room, len(r.warns.kept))]...)
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(a.pos, b.pos) })
	where := places(r.data, offsets(found))
	all := make(Problems, 0, len(found)+1)
	for _, f := range found {
		all = append(all, r.problem(f, where))
	}
	if more := r.errs.total + r.warns.total - len(found); more > 0 {
		all = append(all, Problem{File: r.name, Msg: fmt.Sprintf("and %d more", more), Warning: !r.failed()})
	}
	return all
}

func (r *reporter) problem(f finding, where map[int]place) Problem {
	at := where[f.pos]
	msg := f.msg
	if f.other >= 0 {
		msg += fmt.Sprintf(" on line %d", where[f.other].line)
	}
	text, caret := excerpt(r.data, at.start, f.pos)
	return Problem{
		File: r.name, Line: at.line, Col: at.col, Msg: msg, Hint: f.hint,
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
