package workflow

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder turns a tree into a Workflow and reports what is wrong on the way.
type decoder struct {
	*tree
	rep    *reporter
	host   Host
	budget int // comparisons left for guessing what was meant

	job   *jobDraft // that messages are about; nil for the workflow itself
	check string    // that messages are about, such as `pre_checks: `

	learned *Origin       // what is found beside the workflow
	whens   []condition   // of its jobs
	customs []CustomCheck // the checks that the file defines
}

// who says what a message is about.
func (d *decoder) who() string {
	switch {
	case d.job == nil:
		return d.check
	case d.job.ID == "":
		return fmt.Sprintf("job %d: %s", d.job.number, d.check)
	}
	return fmt.Sprintf("job %s: %s", quote(string(d.job.ID)), d.check)
}

// field is a name of an object and its value.
type field struct {
	name  string // as the format knows it
	key   uint32
	value uint32
}

// fields maps the names that an object may have to what reads them into T.
type fields[T any] map[string]func(d *decoder, into *T, f field)

// maxLookups bounds the work of guessing names in a file full of mistakes.
const maxLookups = 2_000_000

// Limits of values.
const (
	maxSeconds = 10 * 365 * 24 * 3600
	maxTries   = 1_000_000
	maxName    = 255 // bytes of a job's id or an application's name: they become parts of file names
)

// readFields reads an object. Names that begin with _ are ignored: people comment
// fields out that way. A value of null means that the field is not there. Unknown
// names are warnings, because the program that this one replaces ignored them.
func readFields[T any](d *decoder, object uint32, known fields[T], into *T) {
	d.pairs(object, func(key, value uint32) {
		name := d.name(key)
		if len(name) > 0 && name[0] == '_' || d.job == nil && string(name) == "$schema" {
			return // $schema is for editors
		}
		read, ok := known[string(name)]
		if !ok {
			d.unknown(key, sortedKeys(known))
			return
		}
		if d.kind(value) != nullNode {
			read(d, into, field{string(name), key, value})
		}
	})
}

func (d *decoder) unknown(key uint32, known iter.Seq[string]) {
	name := d.text(key)
	hint := func() string { return d.meantField(name, known) }
	d.rep.warnGuess(d.pos(key), hint, "%sunknown field %s is ignored", d.who(), quote(name))
	d.noteUnknown(key, name, hint)
}

// pairs calls visit for each name and value of an object, after reporting names
// that appear twice; the first wins then. Names that begin with _ may repeat.
func (d *decoder) pairs(object uint32, visit func(key, value uint32)) {
	seen := names{decoder: d}
	for key := object + 1; key < d.next(object); {
		value := key + 1
		if first, twice := seen.add(key); twice {
			d.rep.errorAt(d.pos(key), d.pos(first), "", "%s%s appears twice: first", d.who(), quote(d.text(key)))
		} else {
			visit(key, value)
		}
		key = d.next(value)
	}
}

// names finds a name that an object has already had. Few are compared one by one,
// many through a map.
type names struct {
	*decoder
	few  [16]uint32
	n    int
	many map[string]uint32
}

func (s *names) add(key uint32) (first uint32, twice bool) {
	name := s.name(key)
	if len(name) > 0 && name[0] == '_' {
		return 0, false
	}
	for _, k := range s.few[:s.n] {
		if string(s.name(k)) == string(name) {
			return k, true
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = key
		s.n++
		return 0, false
	}
	if first, twice = s.many[string(name)]; twice {
		return first, true
	}
	if s.many == nil {
		s.many = map[string]uint32{}
	}
	s.many[string(name)] = key
	return 0, false
}

// wrong reports that a field does not have the value that it must have.
func (d *decoder) wrong(f field, hint, format string, args ...any) {
	d.rep.errorHint(d.pos(f.value), hint, "%s%s %s", d.who(), f.name, fmt.Sprintf(format, args...))
}

// is reports whether a value has the kind it must have, and reports it if not.
func (d *decoder) is(f field, want kind) bool {
	got := d.kind(f.value)
	if got == want {
		return true
	}
	d.wrong(f, d.hintFor(f, want), "must be %s, not %s", want, got)
	return false
}

// hintFor says how to write a value so that it has the wanted kind.
func (d *decoder) hintFor(f field, want kind) string {
	value := f.value
	switch got := d.kind(value); {
	case secretName(f.name):
		return "write it in quotes"
	case got == stringNode && want == numberNode:
		text := strings.TrimSpace(d.text(value))
		if _, err := strconv.ParseFloat(text, 64); err == nil && len(text) < 20 {
			return fmt.Sprintf("write %s without quotes", text)
		}
	case got == stringNode && want == boolNode:
		switch text := strings.ToLower(d.text(value)); text {
		case "true", "false":
			return fmt.Sprintf("write %s without quotes", text)
		}
		return "write true or false"
	case got == numberNode && want == boolNode:
		return "write true or false"
	case got == numberNode && want == stringNode, got == boolNode && want == stringNode:
		return fmt.Sprintf(`write "%s" in quotes`, d.text(value))
	case want == listNode && (f.name == "on_failure" || f.name == "on_success"):
		return "it is a list of jobs: write [{id: " + f.name[len("on_"):] + ", command: …}]"
	case want == listNode && f.name == "jobs" && got == objectNode:
		return "write a list: each job is an entry with its own id"
	case want == listNode && got == stringNode:
		return fmt.Sprintf("write [%s]", quote(d.text(value)))
	}
	return ""
}

func (d *decoder) string(f field, into *string) {
	if d.is(f, stringNode) {
		*into = d.text(f.value)
	}
}

func (d *decoder) bool(f field, into *bool) {
	if d.is(f, boolNode) {
		*into = d.isTrue(f.value)
	}
}

// number reads a number of at least low and at most high.
func (d *decoder) number(f field, low, high float64, into *float64) bool {
	if !d.is(f, numberNode) {
		return false
	}
	v, err := d.tree.number(f.value)
	if err != nil {
		d.wrong(f, "", "must be a number from %s to %s", short(low), short(high))
		return false
	}
	if v < low || v > high {
		d.wrong(f, "", "must be from %s to %s, not %s", short(low), short(high), d.text(f.value))
		return false
	}
	*into = v
	return true
}

func short(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// integer reads a whole number of at least low and at most high.
func (d *decoder) integer(f field, low, high int64) (int64, bool) {
	var v float64
	if !d.number(f, float64(low), float64(high), &v) {
		return 0, false
	}
	if v != math.Trunc(v) {
		d.wrong(f, "", "must be a whole number, not %s", d.text(f.value))
		return 0, false
	}
	return int64(v), true
}

func (d *decoder) int(f field, low, high int64, into *int) {
	if v, ok := d.integer(f, low, high); ok {
		*into = int(v)
	}
}

// seconds reads a time, which may be zero: seconds, or a text such as 1h30m.
func (d *decoder) seconds(f field, into *time.Duration) {
	if d.spelled(f) {
		d.duration(f, 0, into)
		return
	}
	var v float64
	if d.number(f, 0, maxSeconds, &v) {
		*into = time.Duration(math.Round(v * float64(time.Second)))
	}
}

// limit reads a time that must not be zero: seconds, or a text such as 1h30m.
func (d *decoder) limit(f field, into *time.Duration) {
	if d.spelled(f) {
		d.duration(f, 1, into)
		return
	}
	if !d.is(f, numberNode) {
		return
	}
	v, err := d.tree.number(f.value)
	if v = math.Round(v * float64(time.Second)); err != nil || v < 1 || v > maxSeconds*float64(time.Second) {
		d.wrong(f, "", "must be a number of seconds above 0 and at most %d, not %s", maxSeconds, d.text(f.value))
		return
	}
	*into = time.Duration(v)
}

// choice reads one of a few words.
func (d *decoder) choice(f field, into *string, choices ...string) {
	if !d.is(f, stringNode) {
		return
	}
	got := d.text(f.value)
	if !slices.Contains(choices, got) {
		d.wrong(f, d.meant(got, slices.Values(choices)), "must be one of %s, not %s", strings.Join(choices, ", "), quote(got))
		return
	}
	*into = got
}

// items calls visit for each member of a list.
func (d *decoder) items(f field, visit func(item field)) {
	if !d.is(f, listNode) {
		return
	}
	for c := f.value + 1; c < d.next(f.value); c = d.next(c) {
		visit(field{name: f.name, key: f.key, value: c})
	}
}

// strings reads a list of strings. An empty list is nil.
func (d *decoder) strings(f field, into *[]string) {
	var all []string
	d.items(f, func(item field) {
		if d.kind(item.value) != stringNode {
			d.wrong(item, d.hintFor(item, stringNode), "must be a list of strings, not of %s", d.kind(item.value))
			return
		}
		all = append(all, d.text(item.value))
	})
	*into = all
}
