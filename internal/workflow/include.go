package workflow

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// includer reads the files that a file names, directly or not, into its tree.
type includer struct {
	*decoder
	names  []string          // absolute paths of what was read, in that order
	bytes  int               // of these
	layers []uint32          // objects of files, what wins last
	path   []target          // the files that are being read, each included by the one before
	done   map[string]bool   // files that are in layers already
	vars   map[string]uint32 // objects of environment files, by path
	full   bool              // a limit was reached
}

// target is a file to be read.
type target struct {
	name string // as it is shown: relative like the name of the file that names it
	path string // absolute, where Host.Dir is
}

func newIncluder(d *decoder, name string) *includer {
	in := &includer{decoder: d, done: map[string]bool{}, vars: map[string]uint32{}}
	in.path = []target{{name, in.absolute(name)}}
	return in
}

// absolute returns the path of a file as the host knows it.
func (d *decoder) absolute(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(d.host.Dir, name)
}

// include appends what the file with that object includes, then the object itself. A file
// that is included twice counts where it is included first.
func (in *includer) include(root uint32) {
	for _, name := range [...]string{"extends", "include"} {
		value := in.member(root, name)
		if value == 0 || in.kind(value) == nullNode {
			continue
		}
		in.paths(field{name, value - 1, value}, func(f field) {
			for _, t := range in.targets(f) {
				in.file(f, t)
			}
		})
	}
	in.layers = append(in.layers, root)
}

// paths calls visit for a path, or for each of a list of them.
func (d *decoder) paths(f field, visit func(f field)) {
	switch d.kind(f.value) {
	case stringNode:
		visit(f)
	case listNode:
		var all []string
		d.strings(f, &all) // reports what is no string
		d.each(f, stringNode, visit)
	default:
		d.wrong(f, "", "must be a path or a list of paths, not %s", d.kind(f.value))
	}
}

// file includes one file.
func (in *includer) file(f field, t target) {
	if at := slices.IndexFunc(in.path, func(open target) bool { return open.path == t.path }); at >= 0 {
		in.rep.error(in.pos(f.value), "files include each other in a circle: %s", circleOf(in.path[at:], t))
		return
	}
	if in.done[t.path] || in.full {
		return
	}
	if len(in.path) > maxNested {
		in.full = true
		in.rep.error(in.pos(f.value), "files include each other more than %d deep", maxNested)
		return
	}
	in.done[t.path] = true
	data, ok := in.content(f, t)
	if !ok {
		return
	}
	root, ok := in.adopt(t.name, data, func() *tree { return readText(t.name, trimBOM(data), in.rep) })
	if !ok {
		return
	}
	if got := in.kind(root); got != objectNode {
		in.rep.error(in.pos(root), "an included file must be an object with fields of a workflow, not %s", got)
		return
	}
	in.path = append(in.path, t)
	in.include(root)
	in.path = in.path[:len(in.path)-1]
}

// circleOf names the files of a circle.
func circleOf(open []target, again target) string {
	var names []string
	for _, t := range append(slices.Clone(open), again) {
		names = append(names, t.name)
	}
	return inCircle(names)
}

// inCircle writes names that lead from one to the next; of many only those at the ends.
func inCircle(all []string) string {
	names := make([]string, len(all))
	for i, name := range all {
		names[i] = printable(name)
	}
	const ends = 8
	if len(names) > 2*ends {
		names = slices.Concat(names[:ends], []string{"…"}, names[len(names)-ends:])
	}
	return strings.Join(names, " → ")
}

// adopt makes a file the next of the tree and appends what read makes of its content.
func (in *includer) adopt(name string, data []byte, read func() *tree) (root uint32, ok bool) {
	s := source{name: name, data: trimBOM(data)}
	in.more = append(in.more, s)
	in.rep.more = in.more
	number := len(in.more)
	in.rep.base = number << filePlace
	t := read()
	in.rep.base = 0
	if t == nil {
		return 0, false
	}
	in.more[number-1].yaml = t.yaml
	return in.graft(t, uint16(number)), true
}

// graft appends the nodes of a file's own tree and returns the index of the first.
func (t *tree) graft(other *tree, file uint16) uint32 {
	base, texts := uint32(len(t.nodes)), uint32(len(t.texts))
	t.nodes = append(t.nodes, other.nodes...)
	t.texts = append(t.texts, other.texts...)
	for i := range t.nodes[base:] {
		n := &t.nodes[int(base)+i]
		n.next += base
		n.file = file
		if n.form == apart {
			n.end += texts
		}
	}
	return base
}

// targets returns the files that a path or pattern stands for.
func (in *includer) targets(f field) []target {
	text := in.text(f.value)
	if !strings.ContainsAny(text, "*?[") || strings.HasPrefix(text, "?") && !strings.ContainsAny(text[1:], "*?[") {
		if t, ok := in.target(f, text); ok {
			return []target{t}
		}
		return nil
	}
	return in.matches(f, text)
}

// target returns the file that a text names in the file where it stands.
func (in *includer) target(f field, text string) (target, bool) {
	text = strings.TrimPrefix(text, "?")
	name := text
	switch {
	case strings.TrimSpace(text) == "":
		in.wrong(f, "", "must not be an empty path")
		return target{}, false
	case strings.HasPrefix(text, "~/"):
		if in.host.Home == "" {
			in.wrong(f, "write the absolute path", "begins with ~ but the home directory is not known")
			return target{}, false
		}
		name = filepath.Join(in.host.Home, text[2:])
	case !filepath.IsAbs(text):
		name = filepath.Join(in.folder(f.value), text)
	}
	return target{name, in.absolute(name)}, true
}

// folder is the directory of the file where a value stands, as it is shown.
func (in *includer) folder(value uint32) string {
	return filepath.Dir(in.rep.file(int(in.nodes[value].file)).name)
}

// matches returns the files that a pattern matches, by name. The file where it stands is
// not one of them.
func (in *includer) matches(f field, text string) []target {
	if in.host.Glob == nil {
		in.unreadable(f)
		return nil
	}
	pattern, ok := in.target(f, text)
	if !ok {
		return nil
	}
	if !filepath.IsAbs(text) && !strings.HasPrefix(text, "~/") {
		pattern.path = literal(in.absolute(in.folder(f.value))) + string(filepath.Separator) + text
	}
	paths, err := in.host.Glob(pattern.path)
	if err != nil {
		in.wrong(f, "", "is not a pattern: %s", printable(err.Error()))
		return nil
	}
	slices.Sort(paths)
	self := in.absolute(in.rep.file(int(in.nodes[f.value].file)).name)
	var all []target
	for _, path := range paths {
		t := target{path, filepath.Clean(path)}
		if !filepath.IsAbs(pattern.name) {
			if name, err := filepath.Rel(filepath.Clean(in.host.Dir), path); err == nil {
				t.name = name
			}
		}
		if t.path != self {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		in.rep.warn(in.pos(f.value), "", "%s%s: no file matches %s", in.who(), f.name, quote(text))
	}
	return all
}

// literal returns a pattern that matches that path only.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func (in *includer) unreadable(f field) {
	in.wrong(f, "", "names another file, and none can be read here")
}

// content reads a file, within the limits.
func (in *includer) content(f field, t target) (data []byte, ok bool) {
	if in.host.ReadFile == nil {
		in.unreadable(f)
		return nil, false
	}
	if len(in.names) == maxIncluded {
		in.full = true
		in.wrong(f, "", "names more than %d files, directly or not", maxIncluded)
		return nil, false
	}
	data, err := in.host.ReadFile(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !in.optional(f.value) {
			in.wrong(f, "a ? before the path lets it be absent", "names a file that is not there: %s", quote(t.name))
		}
		return nil, false
	case err != nil:
		in.wrong(f, "", "names %s, which can't be read: %s", quote(t.name), printable(reasonOf(err)))
		return nil, false
	}
	in.names = append(in.names, t.path)
	if in.bytes += len(data); in.bytes > maxBytes {
		in.full = true
		in.wrong(f, "", "names files of more than %d MiB together", maxBytes>>20)
		return nil, false
	}
	return data, true
}

// optional reports whether the file that a value names may be absent.
func (in *includer) optional(value uint32) bool { return strings.HasPrefix(in.text(value), "?") }

// reasonOf is what went wrong, without the path, which is told already.
func reasonOf(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// variables returns the object with the variables of an environment file, or 0.
func (in *includer) variables(f field) uint32 {
	t, ok := in.target(f, in.text(f.value))
	if !ok {
		return 0
	}
	if vars, known := in.vars[t.path]; known {
		return vars
	}
	in.vars[t.path] = 0
	data, ok := in.content(f, t)
	if !ok || len(bytes.TrimSpace(data)) == 0 {
		return 0
	}
	vars, ok := in.adopt(t.name, data, func() *tree { return readVariables(trimBOM(data), in.rep) })
	if ok {
		in.vars[t.path] = vars
	}
	return in.vars[t.path]
}
