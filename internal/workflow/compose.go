package workflow

import (
	"fmt"
	"slices"

	"github.com/executionerhq/executioner/internal/run"
)

// Limits of what files may bring together, besides those of each file.
const (
	maxIncluded = 1000     // files besides the first
	maxBytes    = 64 << 20 // bytes of these
	maxNested   = 50       // includes within each other, or templates
)

// composes reports whether a tree has fields that are settled before it is decoded.
func (t *tree) composes() bool {
	if t.kind(0) != objectNode {
		return false
	}
	for key := uint32(1); key < t.next(0); key = t.next(key + 1) {
		switch name := t.name(key); string(name) {
		case "include", "extends", "templates", "defaults", "env_files":
			return true
		case "jobs", "on_failure", "on_success":
			if t.kind(key+1) == listNode && t.jobsCompose(key+1) {
				return true
			}
		default:
			if plus(name) {
				return true
			}
		}
	}
	return false
}

func (t *tree) jobsCompose(list uint32) bool {
	for job := list + 1; job < t.next(list); job = t.next(job) {
		if t.kind(job) == objectNode && t.jobComposes(job) {
			return true
		}
	}
	return false
}

// jobComposes looks at every name of a job, so it is careful to allocate nothing.
func (t *tree) jobComposes(job uint32) bool {
	for key := job + 1; key < t.next(job); key = t.next(key + 1) {
		var composing bool
		if n := &t.nodes[key]; n.form == apart {
			name := t.texts[n.end]
			composing = name == "extends" || name == "env_files" || len(name) > 1 && name[0] == '+'
		} else {
			name := t.name(key)
			composing = string(name) == "extends" || string(name) == "env_files" || plus(name)
		}
		if composing {
			return true
		}
	}
	return false
}

// plus reports whether a name asks for its list to be added to another.
func plus(name []byte) bool { return len(name) > 1 && name[0] == '+' }

// composer makes one tree of a file and what it includes, with templates and defaults
// put in place. It works on trees only: what fields mean is for the decoder, which
// reads its result as if a person had written it.
type composer struct {
	*decoder // over the values of all files, one file behind the other

	in     *includer
	layers []uint32         // the files' objects: later ones win over earlier ones
	out    []node           // what is made; its texts are those of the decoder's tree
	labels map[uint32]label // where values of out come from; nil when nobody asks

	templates map[string]*template
	order     []*template         // in the order of the files
	defaults  []part              // what every job gets
	fixed     map[uint32][]member // fields of templates' and defaults' objects

	about  string   // whom messages are about, when that is no job
	draft  jobDraft // whom they are about otherwise
	rec    record   // the object that is being put together
	parts  []part   // of it
	pieces []piece  // of its field that is being written

	left     int  // values that templates and defaults may still add
	textLeft int  // bytes of text that parameters may still make
	over     bool // one of these is used up, or templates are nested too deep
}

// who says what a message is about.
func (c *composer) who() string {
	if c.about != "" {
		return c.about
	}
	return c.decoder.who()
}

// settled is how the decoder reads a field that compose has settled: it is not there any more.
func settled[T any](*decoder, *T, field) {}

// label says where a field of a composed tree comes from.
type label struct {
	pos  int    // of its name, or of an entry of a list
	text string // what it came through, such as: template "x"; empty for a file
}

// composed is what compose makes.
type composed struct {
	tree   *tree
	files  []string // that were read besides the first
	labels map[uint32]label
}

// compose returns what t says with all it includes, or nil after reporting why it can't be
// put together. With labels it notes where each field comes from.
func compose(t *tree, name string, host Host, rep *reporter, labels bool) *composed {
	rep.seen = map[sighting]bool{}
	c := &composer{
		decoder:   &decoder{tree: t, rep: rep, host: host, budget: maxLookups},
		templates: map[string]*template{},
		fixed:     map[uint32][]member{},
		draft:     jobDraft{Job: &Job{}},
	}
	c.in = newIncluder(c.decoder, name)
	if labels {
		c.labels = map[uint32]label{}
	}
	c.in.include(0)
	c.layers = c.in.layers
	if rep.failed() {
		return nil
	}
	c.limit()
	c.readTemplates()
	c.readDefaults()
	c.workflow()
	if rep.failed() {
		return nil
	}
	made := *c.tree
	made.nodes = c.out
	return &composed{&made, c.in.names, c.labels}
}

// limit sets how much templates may add: enough for every job to use large ones, but a
// small file can't take all memory.
func (c *composer) limit() {
	size := len(c.data)
	for _, f := range c.more {
		size += len(f.data)
	}
	c.left = 200_000 + 20*len(c.nodes)
	c.room(len(c.nodes))
	c.textLeft = 8<<20 + 8*size
}

// spend takes n values from what templates may add, and reports when there are no more.
func (c *composer) spend(n int, pos int) bool {
	if c.left -= n; c.left >= 0 || c.over {
		return !c.over
	}
	c.over = true
	c.rep.error(pos, "templates and defaults come to more values than are made of a file of this size")
	return false
}

// workflow writes the object of the whole file.
func (c *composer) workflow() {
	self := c.open(objectNode, 0)
	c.rec.reset()
	lists := map[string][]part{}
	for _, root := range c.layers {
		p := part{object: root}
		c.environment(&p)
		c.members(root, func(m member) {
			switch m.name {
			case "include", "extends", "templates", "defaults", "env_files":
				if m.plus {
					c.needless(m)
				}
			case "jobs", "on_failure", "on_success":
				lists[m.name] = append(lists[m.name], part{object: m.key})
				if m.plus {
					c.needless(m)
				}
			default:
				c.rec.add(m, &p)
			}
		})
	}
	c.record()
	for _, name := range [...]string{"jobs", "on_failure", "on_success"} {
		if len(lists[name]) > 0 {
			c.jobs(lists[name])
		}
	}
	c.close(self)
}

// needless reports a + where things are put together without it.
func (c *composer) needless(m member) {
	c.rep.errorHint(c.pos(m.key), "write "+m.name, "%s+%s: only lists take a +, and %s is put together by name anyway", c.who(), m.name, m.name)
}

// entry is a job as the files have it: one object for each file that says something about it.
type entry struct {
	objects []uint32
	id      string
	layer   int // of the last object
}

// jobs writes one of the lists of jobs. Its parts are the names under which files have it.
func (c *composer) jobs(lists []part) {
	last := lists[len(lists)-1].object
	for _, l := range lists {
		if c.kind(l.object+1) != listNode { // the decoder says what is wrong
			c.copy(l.object, nil)
			c.copy(l.object+1, nil)
			return
		}
	}
	entries := c.entries(lists)
	c.key(last, "")
	self := c.open(listNode, last+1)
	for i := range entries {
		if c.over {
			break
		}
		c.job(&entries[i], i+1)
	}
	c.close(self)
}

// entries brings the jobs of all files together by their ids, in the order in which they
// first appear. Twins within one file stay apart: the decoder reports them.
func (c *composer) entries(lists []part) []entry {
	var all []entry
	byID := map[string]int{}
	for layer, l := range lists {
		list := l.object + 1
		for job := list + 1; job < c.next(list); job = c.next(job) {
			id := c.idOf(job)
			if at, known := byID[id]; known && id != "" && all[at].layer != layer {
				all[at].objects, all[at].layer = append(all[at].objects, job), layer
				continue
			}
			if _, known := byID[id]; !known && len(lists) > 1 {
				byID[id] = len(all)
			}
			all = append(all, entry{objects: []uint32{job}, id: id, layer: layer})
		}
	}
	return all
}

// idOf returns the id of a job's object, or nothing.
func (t *tree) idOf(job uint32) string {
	if t.kind(job) != objectNode {
		return ""
	}
	if id := t.member(job, "id"); id != 0 && t.kind(id) == stringNode {
		return t.text(id)
	}
	return ""
}

// job writes one job: what all jobs get, what it extends, then what the files say of it.
func (c *composer) job(e *entry, number int) {
	if c.kind(e.objects[0]) != objectNode {
		c.copy(e.objects[0], nil)
		return
	}
	if c.labels == nil && len(c.defaults) == 0 && len(e.objects) == 1 && !c.jobComposes(e.objects[0]) {
		c.copy(e.objects[0], nil)
		return
	}
	c.draft.Job.ID, c.draft.number = run.JobID(e.id), number
	c.decoder.job = &c.draft
	defer func() { c.decoder.job = nil }()
	parts := append(c.parts[:0], c.defaults...)
	for _, u := range c.uses(e.objects) {
		parts = c.apply(u, nil, parts)
	}
	for _, object := range e.objects {
		parts = append(parts, part{object: object})
	}
	c.parts = parts
	self := c.open(objectNode, e.objects[len(e.objects)-1])
	c.rec.reset()
	c.fields(parts)
	c.rec.call()
	c.record()
	c.close(self)
}

// fields collects what the parts of a job say.
func (c *composer) fields(parts []part) {
	for i := range parts {
		if vars := parts[i].variables(); vars != 0 {
			c.rec.variables(vars, &parts[i])
		}
	}
	for i := range parts {
		p := &parts[i]
		c.environment(p)
		c.members(p.object, func(m member) {
			switch {
			case m.name == "extends":
			case m.name == "params" && p.shared:
			case m.name == "env_files":
				if m.plus {
					c.needless(m)
				}
			default:
				c.rec.add(m, p)
			}
		})
	}
}

// environment adds the variables of the files that an object names, below its own.
func (c *composer) environment(p *part) {
	files := c.member(p.object, "env_files")
	if files == 0 || c.kind(files) == nullNode {
		return
	}
	from := part{object: p.object, shared: true} // many jobs may name one large file
	c.paths(field{"env_files", files - 1, files}, func(f field) {
		if value := c.filled(f.value, p); c.kind(value) == stringNode {
			f.value = value
			if vars := c.in.variables(f); vars != 0 {
				c.rec.variables(vars, &from)
			}
		}
	})
}

// member is a field of an object.
type member struct {
	name  string // without the +
	key   uint32
	value uint32
	plus  bool
	fill  bool // it may have parameters in it
}

// members calls visit for the fields of an object, without those that count as not there.
func (c *composer) members(object uint32, visit func(m member)) {
	if all, ok := c.fixed[object]; ok {
		for _, m := range all {
			visit(m)
		}
		return
	}
	c.pairs(object, func(key, value uint32) {
		name := c.name(key)
		if len(name) > 0 && name[0] == '_' || c.kind(value) == nullNode {
			return
		}
		m := member{key: key, value: value}
		if m.plus = plus(name); m.plus {
			name = name[1:]
		}
		m.name = string(name)
		visit(m)
	})
}

// fix remembers the fields of an object that comes to many jobs. Those that no job may
// have are reported here, once, and left out, and so are those that it must not have.
func (c *composer) fix(object uint32, what string, never ...string) {
	all := []member{}
	c.members(object, func(m member) {
		switch _, known := jobFields[m.name]; {
		case slices.Contains(never, m.name):
			c.rep.error(c.pos(m.key), "%s must not have the field %s", what, m.name)
		case m.name == "params" && what != "defaults":
		case !known:
			c.rep.warnGuess(c.pos(m.key), func() string { return c.meant(m.name, sortedKeys(jobFields)) },
				"%s: unknown field %s is ignored", what, quote(m.name))
		default:
			m.fill = what != "defaults" && c.parametric(m.value)
			all = append(all, m)
		}
	})
	c.fixed[object] = all
}

// readDefaults reads what every job gets.
func (c *composer) readDefaults() {
	var objects []uint32
	for _, root := range c.layers {
		value := c.member(root, "defaults")
		if value == 0 || c.kind(value) == nullNode || !c.is(field{"defaults", value - 1, value}, objectNode) {
			continue
		}
		c.fix(value, "defaults", "id", "dependencies")
		objects = append(objects, value)
	}
	for _, u := range c.uses(objects) {
		c.defaults = c.apply(u, nil, c.defaults)
	}
	for _, object := range objects {
		c.defaults = append(c.defaults, part{object: object, from: "defaults", shared: true})
	}
	for i := range c.defaults {
		c.defaults[i].deflt = true
	}
}

// describe names a template in messages and in show --origin.
func (c *composer) describe(t *template) string { return fmt.Sprintf("template %s", quote(t.name)) }
