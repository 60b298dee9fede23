package workflow

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// blankBehind is where a value has more blanks behind it than one: the YAML module puts
// such a value too far to the right.
var blankBehind = regexp.MustCompile(`(?m) $|  #`)

// nodesOf writes every node of a tree with its place and text.
func nodesOf(t *tree) string {
	var b strings.Builder
	places := !blankBehind.Match(t.data)
	for i, n := range t.nodes {
		if places {
			fmt.Fprintf(&b, "%d ", n.pos)
		}
		fmt.Fprintf(&b, "%s until %d", n.kind, n.next)
		if n.kind < listNode {
			fmt.Fprintf(&b, " %q %q", t.text(uint32(i)), t.name(uint32(i)))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// comparePlain compares what is read without the YAML module with what the module reads,
// and reports whether a file is plain.
func comparePlain(t *testing.T, data string) bool {
	t.Helper()
	if !cleanText([]byte(data), &reporter{data: []byte(data)}) {
		return false
	}
	got := readPlainYAML([]byte(data))
	if got == nil {
		return false
	}
	rep := &reporter{data: []byte(data)}
	want := readAnyYAML([]byte(data), rep)
	if want == nil {
		t.Errorf("%q\nis read as\n%sthe module says %v", data, nodesOf(got), rep.problems())
	} else if a, b := nodesOf(got), nodesOf(want); a != b {
		t.Errorf("%q\nis read as\n%sthe module reads\n%s", data, a, b)
	}
	return true
}

// plainFiles are read without the YAML module.
var plainFiles = []string{
	"a: b\n",
	"a: b",
	"---\na: b\n",
	"# one\n\na: b # two\n  # three\n\n# four\nc: d#e\n# five",
	"a: 1\nb: -1.5\nc: 0x1F\nd: 010\ne: 1_000\nf: 99999999999999999999\ng: 1e3\nh: +7\ni: .5\nj: ./x\nk: -x\nl: 1.2.3\n",
	"a: null\nb: ~x\nc: true\nd: False\ne: yes\nf: nullx\n",
	"null: a\ntrue: b\n",
	"a: \"x y\"\nb: 'x y'\n\"c\": d\n'e': f\ng: \"tab\\t, \\\"quote\\\" and \\\\\"\nh: '\\n'\ni: \"\"\nj: ''\n",
	"a: [b, 1, \"c\", 'd', [], {}, {e: f, g: [h]}] # i\nb: {c: d}\nc: [ a b , c ]\nd: [a,b]\n",
	"jobs:\n  - id: a\n    command: echo 'a' && b > c\n    env_variables:\n      A: b\n  - id: b\n    dependencies: [a]\n",
	"jobs:\n- id: a\n  tags:\n  - x\n  - y\n- id: b\nworking_dir: /w\n",
	"jobs:\n  -\n    id: a\n  - id: b\n\n  - [a]\n  - c\n  - \"d\"\n",
	"- a\n- b: c\n",
	"a: |\n  x\n  y\nb: |-\n  x\n\n   y: z # no comment\n\n\nc: |\n    x\n    y\n# end\nd:\n  - |\n    x\n  - e: |\n      y\n",
	"a:\n  # about b\n  b: c\n# about d\nd: e\n",
	"a: é — ü\nb: \"é\"\nc: |\n  é\tx\n",
	"a: $HOME/x\nb: (a; b)\nc: a:b\nd: http://x/y?z\ne: a [b] {c}, d\nf: a\t'b' \"c\" & * ! | > % @ `\n",
	"+env_files: [a]\nx.y/z: b\n",
}

func TestPlainYAML(t *testing.T) {
	for _, data := range plainFiles {
		if !comparePlain(t, data) {
			t.Errorf("%q is not plain", data)
		}
	}
}

// notPlain are left to the YAML module.
var notPlain = []string{
	"", "a:\n", "a: &b c\n", "a: *b\n", "<<: {a: b}\n", "a: !!str b\n", "a: >\n  b\n", "a: |+\n  b\n", "a: |2\n  b\n", "a: b\n  c\n", "a: b: c\n", "a: b:\n",
	"a: \"b\n  c\"\n", "a: 'it''s'\n", "a: \"\\u00e9\"\n", "a: [b,\n  c]\n", "a: [b, ]\n", "a: {b}\n", "a: [b: c]\n", "a:\tb\n", "a: b\t# c\n", "a: b:\tc\n", "a: b\r\n",
	"? a\n: b\n", "- - a\n", "a: - b\n", "a: b\n---\nc: d\n", "...\n", "%YAML 1.2\n---\na: b\n", "a: @b\n", "a: `b`\n", "a: .inf\n", "a: ~\n", "a: NULL\n", " a: b\n", "a\n", "[a]\n",
	"a: |\n\n  b\n", "a: |\nb: c\n", "a: |\n  b", "a: |\n   b\n  c\n", "a:\n  b: c\n d: e\n", "a: b\nc\n", "a: \"b\" c\n", "a: [b] c\n", "a: \"b", "1: a\n", "a : b\n",
	strings.Repeat("- a:\n", 3), "a: {b:c}\n", "a: \u00a0b\n", "a: |\n  b \n",
}

func TestNotPlainYAML(t *testing.T) {
	for _, data := range notPlain {
		if comparePlain(t, data) {
			t.Errorf("%q is read as plain", data)
		}
	}
}

// TestTabInPlainValue is a tab that the YAML module drops: the command was another one.
func TestTabInPlainValue(t *testing.T) {
	for _, anchor := range []string{"", "_a: &x y\n"} {
		text := anchor + "working_dir: /w\n\njobs:\n  - id: a\n    command: printf 'b\tc'\n"
		w, err := Load(Source{Name: "f.yaml", Data: []byte(text)}, testHost)
		if err != nil || w.Jobs[0].Command != "printf 'b\tc'" {
			t.Errorf("%q: command %q, %v", text, w.Jobs[0].Command, err)
		}
		p, err := Print(Source{Name: "f.yaml", Data: []byte(text)}, YAML)
		if again, err2 := Load(Source{Name: "f.yaml", Data: p.Text}, testHost); err != nil || err2 != nil || again.Jobs[0].Command != w.Jobs[0].Command {
			t.Errorf("printed %q, %v, %v", p.Text, err, err2)
		}
	}
}

// TestPlainExamples is that the files people begin with are read the fast way.
func TestPlainExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !comparePlain(t, string(data)) {
			t.Errorf("%s is not plain", file)
		}
	}
}

// FuzzPlainYAML is that every file means the same with and without the YAML module.
func FuzzPlainYAML(f *testing.F) {
	addSeeds(f, ".yaml")
	for _, data := range plainFiles {
		f.Add(data)
	}
	for _, data := range notPlain {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) { comparePlain(t, data) })
}
