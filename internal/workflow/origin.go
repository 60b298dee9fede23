package workflow

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// Origin is what Load learned of a file besides the workflow: what is demanded of it,
// and where its parts stand. Encode, Compare and Decode know nothing of it. It keeps
// the content of the files, so whoever starts a run lets go of it first. It is never
// changed and may be shared. Its methods take a nil Origin, which knows no place.
type Origin struct {
	Rules      []Rule      // of the file, in its order
	Validators []Validator // in the order of the file
	Ignores    []Ignore    // in the order of the file
	Unknown    []Unknown   // fields that nobody reads, in the order of the file
	Schedules  []Pos       // of the workflow's schedules, in their order: where their times stand

	Now   time.Time // of the Host
	Zones Zones     // of the Host

	// Subs are the sub-workflows that have rules or validators of their own, each as if it
	// stood alone, with its own Origin: one for each job that calls it, and for each item of that.
	Subs []*Workflow

	tree *tree
	rep  *reporter
	jobs map[run.JobID]uint32 // nodes of the jobs' objects
}

// Pos is a place in the files of a workflow; the zero value is none.
type Pos struct {
	at int // as reporters count, plus 1
}

// Valid reports whether it is a place.
func (p Pos) Valid() bool { return p.at > 0 }

// Compare orders places: file by file, and within one from its beginning.
func (p Pos) Compare(other Pos) int { return cmp.Compare(p.at, other.at) }

// At returns the place of a field's value in a job, or in the workflow itself where job
// is empty. Where there is no such field it is the job's id, or the beginning of the file.
func (o *Origin) At(job run.JobID, field string) Pos {
	node, ok := o.node(job)
	if !ok {
		return Pos{}
	}
	for _, name := range []string{field, "id"} {
		if value := o.tree.member(node, name); value != 0 {
			return Pos{o.tree.pos(value) + 1}
		}
	}
	return Pos{o.tree.pos(node) + 1}
}

// Has reports whether the file has a field in a job, or in the workflow itself where job
// is empty. A field whose value is null counts as not there.
func (o *Origin) Has(job run.JobID, field string) bool {
	node, ok := o.node(job)
	if !ok {
		return false
	}
	value := o.tree.member(node, field)
	return value != 0 && o.tree.kind(value) != nullNode
}

// Member returns the place of a name's value within an object that is a field, such as
// a variable in env_variables.
func (o *Origin) Member(job run.JobID, field, name string) Pos {
	node, ok := o.node(job)
	if !ok {
		return Pos{}
	}
	if object := o.tree.member(node, field); object != 0 && o.tree.kind(object) == objectNode {
		if value := o.tree.member(object, name); value != 0 {
			return Pos{o.tree.pos(value) + 1}
		}
	}
	return o.At(job, field)
}

// Named returns the id under which the file has a job: that of the job with a matrix for
// those that are made of it, that of the sub-workflow for the jobs in it. It is empty
// for one that is not known.
func (o *Origin) Named(job run.JobID) run.JobID {
	if o == nil {
		return ""
	}
	for id := string(job); id != ""; id = id[:max(0, strings.LastIndexAny(id, "[/"))] {
		if _, ok := o.jobs[run.JobID(id)]; ok {
			return run.JobID(id)
		}
	}
	return ""
}

// node finds a job's object; that of the workflow for an empty id.
func (o *Origin) node(job run.JobID) (uint32, bool) {
	if o == nil || o.tree == nil || len(o.tree.nodes) == 0 {
		return 0, false
	}
	if job == "" {
		return 0, true
	}
	node, ok := o.jobs[o.Named(job)]
	return node, ok
}

// Within returns the place of a part of a job's command. Where the text is spelled
// with escapes it is the beginning of the command.
func (o *Origin) Within(job run.JobID, command string, offset int) Pos {
	start := o.At(job, "command")
	if !start.Valid() || offset < 0 || offset > len(command) {
		return start
	}
	first := strings.LastIndexByte(command[:offset], '\n') + 1
	line, _, _ := strings.Cut(command[first:], "\n")
	number, at := inFile(start.at - 1)
	data := o.rep.file(number).data
	if line = strings.TrimRight(line, " \t\r"); line == "" || at > len(data) {
		return start
	}
	// A block of lines may repeat one: as many are passed over as come before it.
	rest := data[at:min(len(data), at+4*len(command)+4096)]
	skip := strings.Count(command[:first], line)
	for passed := 0; ; skip-- {
		i := bytes.Index(rest[passed:], []byte(line))
		switch {
		case i < 0:
			return start
		case skip == 0:
			return Pos{start.at + passed + i + offset - first}
		}
		passed += i + len(line)
	}
}

// Note is something to be said of a place.
type Note struct {
	Pos     Pos
	Msg     string
	Hint    string
	Warning bool
	Private bool // the line is not shown: it has a secret
}

// Problems returns the notes as problems, in the same order, with line, column and text.
func (o *Origin) Problems(notes []Note) Problems {
	if len(notes) == 0 {
		return nil
	}
	var offsets []int
	for _, n := range notes {
		if o != nil && n.Pos.Valid() {
			offsets = append(offsets, n.Pos.at-1)
		}
	}
	slices.Sort(offsets)
	where := map[int]place{}
	if len(offsets) > 0 {
		where = o.rep.places(slices.Compact(offsets))
	}
	all := make(Problems, len(notes))
	for i, n := range notes {
		all[i] = Problem{Msg: n.Msg, Hint: n.Hint, Warning: n.Warning}
		if o != nil && n.Pos.Valid() {
			all[i] = o.rep.problem(finding{pos: n.Pos.at - 1, other: -1, msg: n.Msg, hint: n.Hint, warn: n.Warning}, where)
			if n.Private {
				all[i].Text, all[i].caret = "", 0
			}
		}
	}
	return all
}

// learn notes where a job stands, if that is wanted.
func (d *decoder) learn(j *jobDraft, node uint32) {
	o := d.learned
	if d.host.Origin && j.ID != "" {
		if o.jobs == nil {
			o.jobs = make(map[run.JobID]uint32)
		}
		o.jobs[j.ID] = node
	}
	for i := len(o.Ignores) - 1; i >= 0 && o.Ignores[i].number == j.number; i-- {
		o.Ignores[i].Job = j.ID
	}
	for i := len(o.Unknown) - 1; i >= 0 && o.Unknown[i].number == j.number; i-- {
		o.Unknown[i].Job = j.ID
	}
}

// origin completes what was learned on the way, if it is wanted.
func (d *decoder) origin(w *draft) {
	if !d.host.Origin {
		return
	}
	o := d.learned
	o.tree, o.rep = d.tree, &reporter{name: d.rep.name, data: d.rep.data, more: d.rep.more}
	o.Now, o.Zones = d.host.Now, d.host.Zones
	w.Origin = o
}

// Mentions says which of the words stand somewhere in a text of the file, apart from the
// names within the object that is a field of the workflow.
func (o *Origin) Mentions(field string, words []string) map[string]bool {
	found := make(map[string]bool, len(words))
	if _, ok := o.node(""); !ok {
		return found
	}
	declared := map[uint32]bool{}
	if object := o.tree.member(0, field); object != 0 && o.tree.kind(object) == objectNode {
		for key := object + 1; key < o.tree.next(object); key = o.tree.next(key + 1) {
			declared[key] = true
		}
	}
	for i := range uint32(len(o.tree.nodes)) {
		if o.tree.kind(i) != stringNode || declared[i] {
			continue
		}
		text := o.tree.text(i)
		for _, word := range words {
			found[word] = found[word] || mentions(text, word)
		}
	}
	return found
}

// mentions reports whether a word stands in a text, and not only as a part of another.
func mentions(text, word string) bool {
	for from := 0; word != ""; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(word)
		if (start == 0 || !wordByte(text[start-1])) && (end == len(text) || !wordByte(text[end])) {
			return true
		}
		from = end
	}
	return false
}

func wordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
