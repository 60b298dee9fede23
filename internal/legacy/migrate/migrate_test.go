package migrate

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/legacy"
	"github.com/executionerhq/executioner/internal/workflow"
)

var update = flag.Bool("update", false, "rewrite the wanted files of testdata")

var host = workflow.Host{Home: "/home/me", Dir: "/here", ReadFile: func(string) ([]byte, error) { return nil, os.ErrNotExist }}

// TestGolden migrates the first file of each archive; the second is what must come out.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	for _, path := range archives {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := File(workflow.Source{Name: a.Files[0].Name, Data: a.Files[0].Data}, "new.yaml", host)
		if err != nil {
			t.Fatal(path, err)
		}
		if *update {
			a.Files[1].Data = got.Text
			if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(string(a.Files[1].Data), string(got.Text)); d != "" {
			t.Errorf("%s: %s", path, d)
		}
		settled(t, got.Text)
	}
}

// settled checks that fmt would leave a text as it is.
func settled(t interface{ Errorf(string, ...any) }, text []byte) {
	p, err := workflow.Print(workflow.Source{Name: "a.yaml", Data: text}, workflow.YAML)
	if err != nil || string(p.Text) != string(text) {
		t.Errorf("fmt would change it: %v %s", err, cmp.Diff(string(text), string(p.Text)))
	}
}

func TestSamplesOfTheOldProgram(t *testing.T) {
	for _, text := range []string{legacy.SimpleConfig, legacy.SampleConfig} {
		got, err := File(workflow.Source{Name: "sample.json", Data: []byte(text)}, "new.yaml", host)
		if err != nil {
			t.Fatal(err)
		}
		settled(t, got.Text)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       fault.Code
	}{
		{"a.yaml", "working_dir: /w\n", fault.Unsupported},
		{"a.json", `{"jobs": []}`, fault.InvalidWorkflow},
		{"a.json", `{"jobs": [`, fault.InvalidWorkflow},
	} {
		if _, err := File(workflow.Source{Name: c.name, Data: []byte(c.text)}, "new.yaml", host); fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// TestMeaningIsCompared hands text of another meaning to the comparison.
func TestMeaningIsCompared(t *testing.T) {
	src := workflow.Source{Name: "a.json", Data: []byte(`{"working_dir": "/w", "application_name": "a", "jobs": [{"id": "a", "command": "x"}]}`)}
	old, err := workflow.Load(src, host)
	if err != nil {
		t.Fatal(err)
	}
	good := "working_dir: /w\napplication_name: a\njobs: [{id: a, command: x}]\n"
	if err := same(src, old, workflow.Source{Name: "a.yaml", Data: []byte(good)}, host); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"[", strings.Replace(good, "x", "z", 1), strings.Replace(good, "name: a", "name: b", 1), good + "default_timeout: 5\n"} {
		err := same(src, old, workflow.Source{Name: "a.yaml", Data: []byte(text)}, host)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.Unsupported || f.Hint == "" {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestNamesThatAreThereTwice(t *testing.T) {
	got, err := File(workflow.Source{Name: "n.json", Data: []byte(`{"working_dir": "/w", "_a": "one", "_a": 2, "_": "three", "jobs": [{"id": "a", "command": "x", "_z": [1, {"b": "c"}]}]}`)}, "new.yaml", host)
	if err != nil {
		t.Fatal(err)
	}
	want := "application_name: \"n\"\nworking_dir: /w\n\n# a: one\n# a: 2\n# three\njobs:\n  # z:\n  #   - 1\n  #   - b: c\n  - id: a\n    command: x\n"
	want = strings.Replace(want, "  # z", "  - id: a\n    # z", 1)
	want = strings.Replace(want, "  #   - 1\n  #   - b: c\n  - id: a\n", "    #   - 1\n    #   - b: c\n", 1)
	if d := cmp.Diff(want, string(got.Text)); d != "" {
		t.Error(d)
	}
}

// TestMigrationKeepsTheMeaning generates old files. File compares the meaning itself, and
// must not have to refuse one.
func TestMigrationKeepsTheMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := oldFile(t)
		src := workflow.Source{Name: "old.json", Data: []byte(text)}
		if _, err := workflow.Load(src, host); err != nil {
			t.Fatalf("the generator is wrong: %v\n%s", err, text)
		}
		got, err := File(src, "new.yaml", host)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		settled(t, got.Text)
		for _, word := range []string{"default_max_retries:", "default_timeout:", "dependency_plugins:"} {
			for line := range strings.Lines(string(got.Text)) {
				if strings.HasPrefix(line, word) {
					t.Errorf("%s is left: %s", word, got.Text)
				}
			}
		}
		for i := 1; strings.Contains(text, fmt.Sprintf("mark%d.", i)); i++ { // no comment is lost
			if !strings.Contains(string(got.Text), fmt.Sprintf("mark%d.", i)) {
				t.Errorf("mark%d is gone:\n%s\n%s", i, text, got.Text)
			}
		}
	})
}

type writer struct {
	*rapid.T
	marks int
}

func oldFile(t *rapid.T) string {
	w := &writer{T: t}
	fields := []string{`"working_dir": "/w"`}
	w.some(&fields, `"application_name": "app"`, `"name": "n"`, `"default_timeout": 100`, `"default_max_retries": 2`, `"default_retry_delay": 0.5`, `"default_retry_backoff": 1e0`,
		`"default_retry_jitter": 0`, `"default_max_retry_time": 60`, `"default_retry_on_exit_codes": [1, 2]`, `"default_timeouts": 7`, `"parallel": true`, `"max_workers": 3`,
		`"email_address": "a@b.c, d@e.f"`, `"smtp_password": "${P}"`, `"inherit_shell_env": "default"`, `"security_policy": "warn"`, `"log_dir": "./l"`, `"continue_on_error": true`,
		`"dependency_plugins": ["a.py", {"name": "b", "path": "c.py", "_x": 1}]`, `"dependency_plugins_": null`, `"env_variables": {"A": true, "_B": null, "C": 1.50, "D": "x: # y", "E": "a\nb\n"}`)
	jobs := []string{}
	for i := range rapid.IntRange(1, 4).Draw(t, "jobs") {
		job := []string{fmt.Sprintf(`"id": "j%d"`, i), `"command": ` + rapid.SampledFrom([]string{`""`, `"x"`, `"a\nb\n"`, `" # no\n\n  y"`, `"a: b # c"`}).Draw(t, "command")}
		w.some(&job, `"description": "d"`, `"timeout": 5`, `"max_retries": 0`, `"retry_delay": 1`, `"retry_on_status": []`, `"retry_on_exit_codes": []`, `"env_variables": {"_X": 1, "Y": false}`,
			`"pre_checks": [{"name": "check_file_exists", "params": {"path": "x", "_n": "`+w.mark()+`"}, "_off": true}]`, `"post_checks": [{"_name": "y", "name": "check_file_exists", "params": {"path": "x"}}]`)
		if i > 0 {
			w.some(&job, `"dependencies": ["j0"]`)
		}
		jobs = append(jobs, w.object(job))
	}
	fields = append(fields, `"jobs": [`+strings.Join(jobs, ", ")+`]`)
	return w.object(fields)
}

func (w *writer) mark() string {
	w.marks++
	return fmt.Sprintf("mark%d.", w.marks)
}

func (w *writer) some(fields *[]string, more ...string) {
	*fields = append(*fields, rapid.SliceOfNDistinct(rapid.SampledFrom(more), 0, 5, func(s string) string { return strings.SplitN(s, ":", 2)[0] }).Draw(w.T, "fields")...)
}

// object writes fields in any order, with comments between them.
func (w *writer) object(fields []string) string {
	for range rapid.IntRange(0, 2).Draw(w.T, "comments") {
		said := rapid.SampledFrom([]string{`"_comment": "%s"`, `"_timeout": "%s"`, `"_jobs": [{"id": "%s"}]`, `"_": "%s # \u0007"`, `"__x": "a\r\n- b: %s\u2028"`, `"_id": {"%s": [1, 2]}`, `"_note1": "  one\n\n   two %s"`}).Draw(w.T, "comment")
		fields = append(fields, fmt.Sprintf(said, w.mark()))
	}
	return "{" + strings.Join(rapid.Permutation(fields).Draw(w.T, "order"), ", ") + "}"
}
