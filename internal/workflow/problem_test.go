package workflow

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the wanted texts in testdata")

var testHost = Host{Home: "/home/me", Dir: "/here"}

// found returns what Load has to say about a file, warnings of a good one included.
func found(t *testing.T, name, data string) string {
	t.Helper()
	w, err := Load(Source{Name: name, Data: []byte(data)}, testHost)
	if err == nil {
		if w == nil {
			t.Fatal("neither workflow nor error")
		}
		return w.Warnings.String()
	}
	return problemsOf(t, err).String()
}

func problemsOf(t *testing.T, err error) Problems {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.InvalidWorkflow {
		t.Fatalf("error is %v, want a fault with code invalid_workflow", err)
	}
	var ps Problems
	if !errors.As(err, &ps) || len(ps) == 0 {
		t.Fatalf("cause of %v is no Problems", err)
	}
	return ps
}

// TestProblems compares the whole text shown for each file in testdata with the one that is wanted.
func TestProblems(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) { testScript(t, script) })
	}
}

// section is one file of a txtar script.
type section struct{ name, data string }

// sections splits a script at its "-- name --" lines; the comment before the first has no name.
func sections(script string) []section {
	all := []section{{}}
	for line := range strings.Lines(script) {
		if name, is := strings.CutPrefix(line, "-- "); is {
			if name, is = strings.CutSuffix(name, " --\n"); is {
				all = append(all, section{name: name})
				continue
			}
		}
		all[len(all)-1].data += line
	}
	return all
}

func testScript(t *testing.T, script string) {
	data, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	all := sections(string(data))
	wanted := map[string]string{}
	for _, s := range all {
		if name, is := strings.CutSuffix(s.name, " wants"); is {
			wanted[name] = s.data
		}
	}
	out := all[0].data
	for _, in := range all[1:] {
		if strings.HasSuffix(in.name, " wants") {
			continue
		}
		got := found(t, in.name, in.data)
		out += fmt.Sprintf("-- %s --\n%s-- %s wants --\n%s", in.name, in.data, in.name, got)
		if want, ok := wanted[in.name]; !*rewrite && (!ok || got != want) {
			t.Errorf("%s: (-want +got)\n%s", in.name, cmp.Diff(want, got))
		}
	}
	if *rewrite {
		if err := os.WriteFile(script, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlaces covers what a text file can't show well: byte order marks, line ends, tabs.
func TestPlaces(t *testing.T) {
	const rest = `"jobs": [{"id": "a", "command": "true"}]`
	tests := []struct{ name, data, want string }{
		{
			"tab", "{\n\t\"working_dir\":\t7,\n" + rest + "}",
			"f.json:2:17: working_dir must be a string, not a number\n    \t\"working_dir\":\t7,\n    \t              \t^\n    hint: write \"7\" in quotes\n",
		},
		{
			"crlf", "{\r\n\"working_dir\": 7,\r\n" + rest + "}",
			"f.json:2:16: working_dir must be a string, not a number\n    \"working_dir\": 7,\n                   ^\n    hint: write \"7\" in quotes\n",
		},
		{
			"lone cr", "{\r\"working_dir\": 7,\r" + rest + "}",
			"f.json:2:16: working_dir must be a string, not a number\n    \"working_dir\": 7,\n                   ^\n    hint: write \"7\" in quotes\n",
		},
		{
			"bom", "\xef\xbb\xbf{\"working_dir\": 7, " + rest + "}",
			"f.json:1:17: working_dir must be a string, not a number\n    {\"working_dir\": 7, " + rest + "}\n                    ^\n    hint: write \"7\" in quotes\n",
		},
		{
			"wide characters", "{\"_é漢\": 1, \"working_dir\": 7, " + rest + "}",
			"f.json:1:27: working_dir must be a string, not a number\n    {\"_é漢\": 1, \"working_dir\": 7, " + rest + "}\n                               ^\n    hint: write \"7\" in quotes\n",
		},
		{
			"combining characters", "{\"_e\u0301\": 1, \"working_dir\": 7, " + rest + "}",
			"f.json:1:27: working_dir must be a string, not a number\n    {\"_e\u0301\": 1, \"working_dir\": 7, " + printable(rest) + "}\n                             ^\n    hint: write \"7\" in quotes\n",
		},
		{
			"control characters are not shown", "{\"_\x1b[31m\": 1, \"working_dir\": \"/w\", " + rest + "}",
			"f.json:1:4: a string must not contain the control character 0x1B\n    {\"_·[31m\": 1, \"working_dir\": \"/w\", " + rest + "}\n       ^\n",
		},
		{
			"raw nul", "{\"working_dir\": \"/w\x00\", " + rest + "}",
			"f.json:1:20: a string must not contain a NUL byte\n    {\"working_dir\": \"/w·\", " + rest + "}\n                       ^\n",
		},
		{
			"latin 1", "{\"working_dir\": \"/w\xe9\xe9\", " + rest + "}",
			"f.json:1:20: the byte 0xE9 is not UTF-8\n    {\"working_dir\": \"/w\ufffd\ufffd\", " + rest + "}\n                       ^\n    hint: save the file as UTF-8\n",
		},
		{
			"utf-16", "\xff\xfe{\x00}\x00",
			"f.json:1:1: the file is UTF-16, not UTF-8\n    \ufffd\ufffd{·}·\n    ^\n    hint: save it as UTF-8\n",
		},
		{
			"nothing", "",
			"f.json:1:1: the file is empty\n    hint: write one, or let `executioner init` write a first one\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, found(t, "f.json", tt.data)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPlacesYAML(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{
			"crlf and bom", "\xef\xbb\xbfworking_dir: /w\r\njobs:\r\n  - id: a\r\n    command: x\r\n    timeout: é\r\n",
			"f.yaml:5:14: job \"a\": timeout must be a duration, not \"é\"\n        timeout: é\n                 ^\n    hint: write seconds as a number, or a duration such as 90s, 1h30m or 2d\n",
		},
		{
			"raw nul", "working_dir: /w\x00\n",
			"f.yaml:1:16: the file contains a NUL byte\n    working_dir: /w·\n                   ^\n",
		},
		{
			"latin 1", "working_dir: é\xe9\n",
			"f.yaml:1:15: the byte 0xE9 is not UTF-8\n    working_dir: é\ufffd\n                  ^\n    hint: save the file as UTF-8\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, found(t, "f.yaml", tt.data)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestLongLine(t *testing.T) {
	long := strings.Repeat("x", 5<<20)
	ps := loadProblems(t, `{"_a": "`+long+`", "working_dir": 7, "_b": "`+long+`"}`)
	p := ps[1] // after: jobs is missing
	want := Problem{
		File: "f.json", Line: 1, Col: 8 + 5<<20 + 19, Msg: "working_dir must be a string, not a number", Hint: `write "7" in quotes`,
		Text:  "…" + strings.Repeat("x", 52) + `", "working_dir": 7, "_b": "` + strings.Repeat("x", 40) + "…",
		caret: 71,
	}
	if p != want {
		t.Errorf("got  %#v\nwant %#v", p, want)
	}
}

func loadProblems(t *testing.T, data string) Problems {
	t.Helper()
	_, err := Load(Source{Name: "f.json", Data: []byte(data)}, testHost)
	return problemsOf(t, err)
}

func TestManyProblems(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"working_dir": "/w", "jobs": [`)
	for i := range 5000 {
		fmt.Fprintf(&b, "{\"id\": \"%d\", \"command\": \"x\", \"timeout\": 0, \"foo\": 1},\n", i)
	}
	b.WriteString(`{"id": "last", "command": "x"}]}`)
	ps := loadProblems(t, b.String())
	if len(ps) != maxProblems+1 {
		t.Fatalf("%d problems, want %d", len(ps), maxProblems+1)
	}
	for i, p := range ps[:maxProblems] {
		if p.Line != i+1 || p.Warning {
			t.Fatalf("problem %d is %+v", i, p)
		}
	}
	want := Problem{File: "f.json", Msg: "and 9900 more"}
	if ps[maxProblems] != want {
		t.Errorf("last is %+v, want %+v", ps[maxProblems], want)
	}
	if !strings.HasSuffix(ps.String(), "^\nand 9900 more\n") {
		t.Errorf("text ends with %q", ps.String()[len(ps.String())-40:])
	}
}

func TestManyWarnings(t *testing.T) {
	job := `{"id": "%d", "command": "x", "foo": 1},`
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, job, i)
	}
	w, err := Load(Source{Name: "f.json", Data: []byte(`{"working_dir": "/w", "jobs": [` + strings.TrimSuffix(b.String(), ",") + `]}`)}, testHost)
	if err != nil {
		t.Fatal(err)
	}
	if last := w.Warnings[len(w.Warnings)-1]; len(w.Warnings) != 101 || last.Msg != "and 200 more" || !last.Warning {
		t.Errorf("%d warnings, last %+v", len(w.Warnings), last)
	}
}

func TestProblemsError(t *testing.T) {
	one := Problem{File: "f", Line: 1, Col: 2, Msg: "one"}
	warning := Problem{Msg: "two", Warning: true}
	for _, tt := range []struct {
		ps   Problems
		want string
	}{
		{nil, "no problems"},
		{Problems{one}, "f:1:2: one"},
		{Problems{warning, one}, "f:1:2: one (and 1 more)"},
		{Problems{warning}, "two"},
		{Problems{{Line: 3, Col: 4, Msg: "x"}}, "workflow:3:4: x"},
	} {
		if got := tt.ps.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestDirIsChecked(t *testing.T) {
	host := testHost
	host.CheckDir = func(path string) error { return fmt.Errorf("no such directory as %s", path) }
	_, err := Load(Source{Name: "f.json", Data: []byte(`{"working_dir": "~/w", "jobs": [{"id": "a", "command": "x"}]}`)}, host)
	want := "the workflow is not valid: f.json:1:17: working_dir \"/home/me/w\": no such directory as /home/me/w"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNoHome(t *testing.T) {
	_, err := Load(Source{Name: "f.json", Data: []byte(`{"working_dir": "~", "jobs": [{"id": "a", "command": "x"}]}`)}, Host{Dir: "/"})
	want := "the workflow is not valid: f.json:1:17: working_dir begins with ~ but the home directory is not known"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
