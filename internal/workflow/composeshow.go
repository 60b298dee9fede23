package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// Composition is a workflow file with its includes, templates, defaults and environment
// files put in place, and the workflow that this is. It never changes, so it is safe for
// concurrent use.
type Composition struct {
	Workflow *Workflow

	made *composed
	rep  *reporter
}

// Compose reads a file as Load does, with the same error, and keeps where each field
// comes from.
func Compose(src Source, host Host) (*Composition, error) {
	data := trimBOM(src.Data)
	rep := &reporter{name: src.Name, data: data}
	c := &Composition{rep: rep}
	if doc := readText(src.Name, data, rep); doc != nil {
		if doc.kind(0) == objectNode {
			c.made = compose(doc, src.Name, host, rep, true)
		} else {
			c.made = &composed{tree: doc}
		}
	}
	if c.made != nil {
		c.Workflow = decodeWorkflow(c.made.tree, src.Name, host, rep)
	}
	problems := rep.problems()
	if rep.failed() {
		return nil, &fault.Error{Code: fault.InvalidWorkflow, Msg: "the workflow is not valid", Err: problems}
	}
	c.Workflow.Files, c.Workflow.Warnings = bothFiles(c.made.files, c.Workflow.Files), problems
	return c, nil
}

// Provenance says where a field of a composed workflow comes from.
type Provenance struct {
	Path    []string `json:"path"`              // names of fields, ids of jobs, and indexes of lists from 0, from the top on
	File    string   `json:"file,omitempty"`    // as it is shown in problems; empty for a default
	Line    int      `json:"line,omitempty"`    // from 1
	Through string   `json:"through,omitempty"` // template "NAME", defaults, or the name of a default_ field
	Default bool     `json:"default,omitempty"` // nobody says anything: it is the format's default
}

// String returns the origin as it stands in the comment behind a field.
func (o *Provenance) String() string {
	if o.Default {
		return "default"
	}
	place := printable(o.File) + ":" + strconv.Itoa(o.Line)
	if o.Through != "" {
		place += " (" + printable(o.Through) + ")"
	}
	return place
}

// Show says how a composition is written.
type Show struct {
	To      Format // "" means YAML
	Origins bool   // with the defaults, and in YAML a comment behind each field that says where it comes from
	// Hide returns the text to show instead of a field's text, such as *** for a secret.
	// A nil func shows all.
	Hide func(field, text string) string
}

// Print writes the composed workflow with the fields of the file format, and returns where
// they come from, in the order in which they were put together, when Origins is set.
func (c *Composition) Print(how Show) ([]byte, []Provenance) {
	s := &shower{tree: c.made.tree, show: how, c: c, out: &tree{yaml: true}, notes: map[uint32]int{}, jobs: c.jobs()}
	s.value(0, "", nil)
	s.locate()
	note := func(value uint32) string {
		if at, ok := s.notes[value]; ok {
			return "# " + s.origins[at].String()
		}
		return ""
	}
	switch {
	case how.To == JSON:
		return printJSON(s.out), s.origins
	case !how.Origins:
		note = nil
	}
	return printTree(s.out, note), s.origins
}

// jobs returns the workflow's jobs by the ids that files have. Of jobs that were made of
// one with a matrix, or of a sub-workflow, it is the first.
func (c *Composition) jobs() map[string]*Job {
	t := c.made.tree
	known := map[string]*Job{}
	for _, name := range [...]string{"jobs", "on_failure", "on_success"} {
		if list := t.member(0, name); list != 0 {
			for job := list + 1; job < t.next(list); job = t.next(job) {
				known[t.idOf(job)] = nil
			}
		}
	}
	for i := range c.Workflow.Jobs {
		j := &c.Workflow.Jobs[i]
		for id := string(j.ID); id != ""; id = id[:max(0, strings.LastIndexAny(id, "[/"))] {
			if first, ok := known[id]; ok {
				if first == nil {
					known[id] = j
				}
				break
			}
		}
	}
	return known
}

// shower copies a composed tree into one that any printer can write: all text apart,
// nothing secret, and with the defaults if these are wanted.
type shower struct {
	*tree
	show    Show
	c       *Composition
	out     *tree
	jobs    map[string]*Job // by the id that a file has
	origins []Provenance
	places  []int          // of origins, -1 for a default
	notes   map[uint32]int // index of origins, by value
}

// value copies a value that is the value of a field. path leads to it.
func (s *shower) value(i uint32, field string, path []string) {
	switch k := s.kind(i); k {
	case objectNode:
		self := s.out.add(node{kind: k})
		for key := i + 1; key < s.next(i); key = s.next(key + 1) {
			s.member(key, field, path)
		}
		if i == 0 {
			s.defaults(workflowDefaults(s.c.Workflow), 0, path)
		}
		s.out.close(self)
	case listNode:
		self := s.out.add(node{kind: k})
		n := 0
		for item := i + 1; item < s.next(i); item = s.next(item) {
			s.item(i, item, field, append(path, strconv.Itoa(n)))
			n++
		}
		s.out.close(self)
	case stringNode:
		s.scalar(k, s.hidden(field, s.text(i)))
	case numberNode:
		s.scalar(k, s.numberText(i))
	default:
		s.scalar(k, s.text(i))
	}
}

func (s *shower) item(list, item uint32, field string, path []string) {
	s.origin(item, path)
	if len(path) != 2 || s.kind(item) != objectNode || field != "jobs" && field != "on_failure" && field != "on_success" {
		s.value(item, field, path)
		return
	}
	id := s.idOf(item)
	path[1] = id
	self := s.out.add(node{kind: objectNode})
	for key := item + 1; key < s.next(item); key = s.next(key + 1) {
		s.member(key, "", path)
	}
	if j := s.jobs[id]; j != nil {
		s.defaults(jobDefaults(j), item, path)
	}
	s.out.close(self)
}

func (s *shower) member(key uint32, in string, path []string) {
	name := s.text(key)
	s.scalar(stringNode, name)
	path = append(path, name)
	s.origin(key+1, path)
	if in == "env_variables" && s.kind(key+1) < listNode {
		s.scalar(stringNode, s.hidden(name, s.envText(key+1)))
		return
	}
	s.value(key+1, name, path)
}

func (s *shower) hidden(field, text string) string {
	if s.show.Hide == nil {
		return text
	}
	return s.show.Hide(field, text)
}

func (s *shower) numberText(i uint32) string {
	text := s.text(i)
	if s.isYAML(i) || yamlNumber(text) {
		return text
	}
	if v, err := s.number(i); err == nil {
		return short(v)
	}
	return text
}

func (s *shower) scalar(k kind, text string) {
	s.out.add(node{kind: k, form: apart, end: uint32(len(s.out.texts))})
	s.out.texts = append(s.out.texts, text)
}

// origin notes where the value that is written next comes from.
func (s *shower) origin(i uint32, path []string) {
	if l, ok := s.c.made.labels[i]; ok && s.show.Origins {
		s.note(path, l.pos, Provenance{Through: l.text})
	}
}

func (s *shower) note(path []string, pos int, o Provenance) {
	o.Path = slices.Clone(path)
	s.notes[uint32(len(s.out.nodes))] = len(s.origins)
	s.origins = append(s.origins, o)
	s.places = append(s.places, pos)
}

// locate fills in the files and lines of all origins.
func (s *shower) locate() {
	sorted := slices.Compact(slices.Sorted(slices.Values(s.places)))
	if len(sorted) > 0 && sorted[0] < 0 {
		sorted = sorted[1:]
	}
	where := s.c.rep.places(sorted)
	for i := range s.origins {
		o := &s.origins[i]
		if s.places[i] < 0 {
			o.Default = true
			continue
		}
		number, _ := inFile(s.places[i])
		o.File, o.Line = cmp.Or(s.c.rep.file(number).name, "workflow"), where[s.places[i]].line
	}
}

// defaults adds the fields that the object does not have.
func (s *shower) defaults(all []defaultField, object uint32, path []string) {
	if !s.show.Origins {
		return
	}
	for _, d := range all {
		if s.tree.member(object, d.name) != 0 {
			continue
		}
		s.scalar(stringNode, d.name)
		pos, o := -1, Provenance{}
		from := "default_" + d.name
		if d.name == "log_dir" {
			from = d.name // the workflow's is what its jobs have
		}
		if twin := s.tree.member(0, from); twin != 0 && object != 0 {
			if l, ok := s.c.made.labels[twin]; ok {
				pos, o.Through = l.pos, from
			}
		}
		s.note(append(path, d.name), pos, o)
		s.plain(d.value)
	}
}

// plain writes a default.
func (s *shower) plain(v any) {
	switch v := v.(type) {
	case string:
		s.scalar(stringNode, v)
	case bool:
		s.scalar(boolNode, strconv.FormatBool(v))
	case []string:
		self := s.out.add(node{kind: listNode})
		for _, text := range v {
			s.scalar(stringNode, text)
		}
		s.out.close(self)
	case []int:
		self := s.out.add(node{kind: listNode})
		for _, n := range v {
			s.scalar(numberNode, strconv.Itoa(n))
		}
		s.out.close(self)
	default:
		s.scalar(numberNode, fmt.Sprint(v))
	}
}
