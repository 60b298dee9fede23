package fingerprint

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestFindOracle compares what is found in random trees with what a regular expression
// finds among the names of all files.
func TestFindOracle(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "ab", "a.c", "dd"})
	part := rapid.SampledFrom([]string{"a", "b", "*", "a*", "?", "[ab]", "**", "dd", "*.c"})
	rapid.Check(t, func(t *rapid.T) {
		fsys := fstest.MapFS{}
		for _, file := range rapid.SliceOfN(rapid.SliceOfN(name, 1, 4), 0, 12).Draw(t, "files") {
			add(fsys, strings.Join(file, "/"))
		}
		pattern := strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "pattern"), "/")
		files, missing, err := Find(t.Context(), fsys, "/", []string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		form := expression(pattern)
		for file := range fsys {
			if form.MatchString(file) {
				want = append(want, file)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, files); diff != "" || (len(missing) > 0) != (len(want) == 0) {
			t.Fatalf("%s in %v: missing %v, -want +got\n%s", pattern, slices.Sorted(maps.Keys(fsys)), missing, diff)
		}
	})
}

// add adds a file unless it would be in a file, or be a directory.
func add(fsys fstest.MapFS, name string) {
	for other := range fsys {
		if strings.HasPrefix(name+"/", other+"/") || strings.HasPrefix(other+"/", name+"/") {
			return
		}
	}
	fsys[name] = &fstest.MapFile{Data: []byte(name)}
}

// expression matches the files that a pattern stands for: those that it matches, and those
// in directories that it matches.
func expression(pattern string) *regexp.Regexp {
	var b strings.Builder
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		switch {
		case p == "**" && i == len(parts)-1:
			b.WriteString(".*")
		case p == "**":
			b.WriteString("([^/]+/)*")
		default:
			b.WriteString(strings.NewReplacer("*", "[^/]*", "?", "[^/]", ".", `\.`).Replace(p))
			if i < len(parts)-1 {
				b.WriteString("/")
			}
		}
	}
	return regexp.MustCompile("^" + b.String() + "(/.*)?$")
}

// TestWhyOracle edits random trees, and compares what is said to have changed with a plain
// comparison of the contents.
func TestWhyOracle(t *testing.T) {
	names := []string{"in/a", "in/b", "in/d/c", "out/x", "out/y", "other"}
	rapid.Check(t, func(t *rapid.T) {
		fsys := fstest.MapFS{}
		edit(t, fsys, names, 6)
		before := maps.Clone(fsys)
		was := look(t, fsys)
		edit(t, fsys, names, 3)
		var want []string
		for _, name := range names {
			a, had := before[name]
			b, has := fsys[name]
			switch in := strings.HasPrefix(name, "in/"); {
			case had == has && (!had || string(a.Data) == string(b.Data)) || name == "other":
			case in && !has:
				want = append(want, name+" is gone")
			case in && !had:
				want = append(want, name+" is new")
			case in:
				want = append(want, name+" changed")
			case !has:
				want = append(want, "missing: "+name)
			case !had:
				want = append(want, "output "+name+" is new")
			default:
				want = append(want, "output "+name+" changed")
			}
		}
		why := Why(was, look(t, fsys))
		if (why == "") != (len(want) == 0) {
			t.Fatalf("%q, want %q", why, want)
		}
		if len(want) > maxChanges { // not all are told
			return
		}
		for _, w := range want {
			if name := strings.TrimPrefix(w, "missing: "); !strings.Contains(why, name) {
				t.Fatalf("%q, want %q", why, want)
			}
		}
	})
}

// look makes the document of a tree as a job would that is given in and out.
func look(t *rapid.T, fsys fstest.MapFS) Document {
	var d Document
	for pattern, into := range map[string]*Hashes{"in/**": &d.Inputs, "out/*": &d.Outputs} {
		files, _, err := Find(t.Context(), fsys, "/", []string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		if *into, err = Contents(t.Context(), fsys, "/", files); err != nil {
			t.Fatal(err)
		}
	}
	return Decode([]byte(d.Encode()))
}

// edit writes or removes some files.
func edit(t *rapid.T, fsys fstest.MapFS, names []string, most int) {
	for range rapid.IntRange(0, most).Draw(t, "edits") {
		name := rapid.SampledFrom(names).Draw(t, "name")
		if content := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "content"); content == "" {
			delete(fsys, name)
		} else {
			fsys[name] = &fstest.MapFile{Data: []byte(content)}
		}
	}
}
