package convert

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

var update = flag.Bool("update", false, "rewrite the wanted files of testdata")

var host = workflow.Host{Home: "/home/me", Dir: "/here"}

// TestGolden converts the first file of each archive; the name of the archive begins with
// the kind. The second file is what must come out. Words in the comment are targets.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	for _, path := range archives {
		t.Run(filepath.Base(path), func(t *testing.T) { golden(t, path) })
	}
}

func kindOf(path string) string {
	for _, kind := range Kinds() {
		if strings.HasPrefix(filepath.Base(path), kind) {
			return kind
		}
	}
	return ""
}

func golden(t *testing.T, path string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	targets := strings.Fields(strings.TrimPrefix(string(a.Comment), "targets:"))
	r, err := From(kindOf(path), Source{Name: a.Files[0].Name, Data: a.Files[0].Data, Dir: "/srv", Targets: targets})
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		a.Files = append(a.Files[:1], txtar.File{Name: "want.yaml", Data: text})
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(string(a.Files[1].Data), string(text)); d != "" {
		t.Error(d)
	}
	loads(t, text)
}

// loads checks that what was made is valid, and that fmt would leave it alone.
func loads(t *testing.T, text []byte) {
	t.Helper()
	w, err := workflow.Load(workflow.Source{Name: "made.yaml", Data: text}, host)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(w.Warnings) > 0 {
		t.Errorf("%v\n%s", w.Warnings, text)
	}
	p, err := workflow.Print(workflow.Source{Name: "made.yaml", Data: text}, "")
	if err != nil || string(p.Text) != string(text) {
		t.Errorf("fmt would change it: %v %s", err, cmp.Diff(string(text), string(p.Text)))
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		kind, text string
		want       fault.Code
		says       string
	}{
		{"perl", "", fault.Usage, `there is no kind "perl"`},
		{"bash", "", fault.InvalidWorkflow, "a.x has nothing to run"},
		{"bash", "#!/bin/sh\nA=b\n", fault.InvalidWorkflow, "a.x has nothing to run"},
		{"bash", "echo\nif true; then\n", fault.InvalidWorkflow, "a.x:2:10: "},
		{"cron", "# nothing\nMAILTO=x\n", fault.InvalidWorkflow, "a.x has nothing to run"},
		{"cron", "1 2 3\n", fault.InvalidWorkflow, "a.x:1: this is no line of a crontab"},
		{"cron", "1 2 * * * a\n99 2 * * * x\n", fault.InvalidWorkflow, "a.x:2: this is no time: 99 2 * * *: it has the minute"},
		{"cron", "@daily\n", fault.InvalidWorkflow, "a.x:1: this is no line of a crontab"},
		{"cron", "it is (not) a crontab at all\n", fault.InvalidWorkflow, "a.x:1: this is no line of a crontab"},
		{"makefile", "", fault.InvalidWorkflow, "a.x has nothing to run"},
		{"sql-list", "# nothing\n\n", fault.InvalidWorkflow, "a.x has nothing to run"},
		{"sql-list", "@\n", fault.InvalidWorkflow, "a.x:1: there is no script after the @"},
		{"sql-list", "a\x00b\n", fault.InvalidWorkflow, "a.x is no text in UTF-8"},
		{"bash", "echo \xff\n", fault.InvalidWorkflow, "a.x is no text in UTF-8"},
		{"sql-list", "a\ab\n", fault.InvalidWorkflow, "a.x:1: a path can't have such characters"},
	} {
		_, err := From(c.kind, Source{Name: "a.x", Data: []byte(c.text), Dir: "/srv"})
		if fault.CodeOf(err) != c.want || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %q: %v", c.kind, c.text, err)
		}
	}
	_, err := From("makefile", Source{Name: "Makefile", Data: []byte("a:\n\ttrue\n"), Dir: "/srv", Targets: []string{"b"}})
	if fault.CodeOf(err) != fault.NotFound || fault.HintOf(err) != "it has a" {
		t.Error(err)
	}
}

func TestCommandName(t *testing.T) {
	for command, want := range map[string]string{
		"./load.sh -x": "load", "/usr/bin/python3 etl/run.py a": "run", "sudo -u x /opt/a/b.jar": "x", "cd /x && make all": "make", "A=b c": "c", "": "step", "if": "step",
		"python3": "python3", "timeout 30s ./x": "x", "for f in *; do gzip $f; done": "gzip", "[ -e x ] && rm x": "rm", "$CMD x": "step", ".hidden": "hidden",
	} {
		r := newResult(Source{Name: "x"})
		if got := r.id(commandName(command)); got != want {
			t.Errorf("%q is called %s, want %s", command, got, want)
		}
	}
}

func FuzzConvert(f *testing.F) {
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range archives {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(slices.Index(Kinds(), kindOf(path))), a.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		r, err := From(Kinds()[int(kind)%len(Kinds())], Source{Name: "a", Data: data, Dir: "/srv"})
		if err != nil {
			return
		}
		text, err := r.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := workflow.Load(workflow.Source{Name: "made.yaml", Data: text}, host); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}
