package client

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/workflow"
)

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("workflow.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("workflow.json")
})

// judge says what the schema has against a file.
func judge(name string, text []byte) error {
	schema, err := compiled()
	if err != nil {
		return err
	}
	p, err := workflow.Print(workflow.Source{Name: name, Data: text}, workflow.JSON)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(p.Text))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}

func accepts(t interface{ Errorf(string, ...any) }, name string, text []byte) {
	if err := judge(name, text); err != nil {
		t.Errorf("the schema refuses %s: %v\n%s", name, err, text)
	}
}

func TestSchemaAcceptsExamples(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../examples/*.*", "../examples/*/*.yaml", "../examples/*/*/*.yaml", "../internal/cli/init.yaml", "../internal/legacy/*.json"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	files = slices.DeleteFunc(files, func(f string) bool { return strings.Contains(f, ".test.") })
	if len(files) < 10 {
		t.Fatal(files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		accepts(t, file, bytes.ReplaceAll(text, []byte("@"), nil)) // of init
	}
}

// agree checks that what the program accepts without naming something unknown, the schema does.
func agree(t interface{ Errorf(string, ...any) }, name string, text []byte, host workflow.Host) (loaded bool) {
	w, err := workflow.Load(workflow.Source{Name: name, Data: text}, host)
	if err != nil {
		return false
	}
	for _, p := range w.Warnings {
		if strings.Contains(p.Msg, "unknown field") || strings.Contains(p.Msg, "there is no status") {
			return false
		}
	}
	accepts(t, name, text)
	return true
}

// TestSchemaAcceptsTestedFiles goes through the files of the workflow package's tests.
func TestSchemaAcceptsTestedFiles(t *testing.T) {
	loaded := 0
	for _, pattern := range []string{"../internal/workflow/testdata/*.txtar", "../internal/workflow/testdata/*/*.txtar", "../internal/cli/testdata/script/*.txtar"} {
		archives, err := filepath.Glob(pattern)
		if err != nil || len(archives) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range archives {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			host := plainHost
			host.ReadFile = func(path string) ([]byte, error) {
				for _, f := range a.Files {
					if filepath.Join(host.Dir, f.Name) == path {
						return f.Data, nil
					}
				}
				return nil, os.ErrNotExist
			}
			for _, f := range a.Files {
				if agree(t, f.Name, f.Data, host) {
					loaded++
				}
			}
		}
	}
	if loaded < 50 {
		t.Errorf("only %d files were of use", loaded)
	}
}

func TestSchemaRefuses(t *testing.T) {
	for _, text := range []string{
		`[]`, `{"jobs": {}}`, `{"jobs": []}`, `{"jobs": [7]}`, `{"jobs": [{"command": "x"}]}`, `{"jobs": [{"id": "a"}]}`, `{"jobs": [{"id": "", "command": "x"}]}`,
		`{"paralel": true}`, `{"parallel": "yes"}`, `{"parallel": 1}`, `{"max_workers": 0}`, `{"max_workers": 1.5}`, `{"default_timeout": 0}`, `{"default_timeout": "soon"}`,
		`{"default_timeout": "10"}`, `{"default_retry_delay": -1}`, `{"default_output_limit": 1023}`, `{"default_output_limit": "big"}`, `{"default_retry_jitter": 2}`,
		`{"inherit_shell_env": "all"}`, `{"env_variables": {"A": []}}`, `{"email_address": 1}`, `{"smtp_port": 65536}`, `{"security_policy": "loose"}`, `{"security_level": "none"}`,
		`{"rules": [{"name": "a"}]}`, `{"rules": [{"name": "a", "require": "x", "level": "fatal"}]}`, `{"checks": {"a": {}}}`, `{"checks": {"a": 1}}`, `{"validators": [{}]}`,
		`{"secrets": {"A": "tiger"}}`, `{"secrets": {"A": {}}}`, `{"secrets": {"A": {"env": "B", "file": "c"}}}`, `{"params": {"a": {"type": "text"}}}`, `{"params": {"a": {"typ": "int"}}}`,
		`{"schedules": {}}`, `{"schedules": [{"cron": "@daily"}]}`, `{"schedules": [{"name": "a", "overlap": "never"}]}`, `{"schedules": [{"name": "a", "every": 0}]}`,
		`{"schedules": [{"name": "a", "corn": "x"}]}`, `{"schedules": [{"name": "a", "calendars": ["x"]}]}`, `{"calendars": {"x": [1]}}`, `{"calendars": []}`,
		`{"defaults": {"id": "a"}}`, `{"defaults": {"dependencies": []}}`, `{"templates": {"t": {"id": "a"}}}`, `{"templates": {"t": {"timeout": "x"}}}`, `{"templates": {"t": 1}}`,
		job(`"comand": "x"`), job(`"command": 1`), job(`"command": []`), job(`"timeout": "1x"`), job(`"timeout": -1`), job(`"dependencies": "a"`), job(`"dependencies": [{"on": "failure"}]`),
		job(`"dependencies": [{"job": "b", "on": "fail"}]`), job(`"leftover": "stay"`), job(`"priority": 0.5`), job(`"max_retries": -1`), job(`"retry_on_status": ["LOST"]`),
		job(`"retry_on_exit_codes": ["1"]`), job(`"matrix": {"a": []}`), job(`"matrix": ["a"]`), job(`"foreach": "x"`), job(`"foreach": {"items": []}`), job(`"pre_checks": [{}]`),
		job(`"extends": {"with": {}}`), job(`"+command": []`), job(`"tags": "a"`), job(`"tags": [1]`), job(`"when": true`),
	} {
		if judge("a.json", []byte(text)) == nil {
			t.Errorf("the schema accepts %s", text)
		}
	}
}

func job(fields string) string {
	return `{"jobs": [{"id": "a", "command": "x"}, {"id": "b", "command": "x", ` + fields + `}]}`
}

// TestSchemaAndLoadAgree: whatever field has whatever value, what the program loads the schema accepts.
func TestSchemaAndLoadAgree(t *testing.T) {
	names := workflow.FieldNames()
	values := rapid.SampledFrom([]string{
		`null`, `true`, `false`, `0`, `1`, `-1`, `0.5`, `2`, `75`, `2048`, `1e3`, `1e12`, `"x"`, `""`, `"90"`, `"1h30m"`, `"2d"`, `".5s"`, `"5ms"`, `"1d12h"`, `"3m"`, `"64MiB"`, `"1,024 KB"`, `"2k"`,
		`"default"`, `"warn"`, `"strict"`, `"block"`, `"low"`, `"kill"`, `"leave"`, `"~/x"`, `"${{ p }}"`, `[]`, `["x"]`, `["x", "y"]`, `[1, 2]`, `[true]`, `[null]`, `["ERROR"]`, `{}`, `{"x": 1}`,
		`{"x": "y"}`, `{"x": null}`, `{"x": ["a", "b"]}`, `{"x": ["a", 1], "y": [true], "exclude": [{"x": "a"}]}`, `{"_x": 1}`, `[{"name": "x", "require": "y"}]`, `[{"name": "check_file_exists", "params": {"path": "p"}}]`,
		`[{"name": "x", "_y": 1, "params": null}]`, `[{"job": "first"}]`, `[{"job": "first", "on": "done"}]`, `["first"]`, `{"param": "l"}`, `{"list": ["a", 2]}`, `{"glob": "*", "as": "F"}`, `{"x": {"param": "l"}}`,
		`{"template": "t"}`, `{"template": "t", "with": {"p": 3}}`, `["t", {"template": "t", "with": null}]`, `"t"`, `{"x": {"env": "A"}}`, `{"x": {"file": "a", "_b": 1}}`, `{"x": {"command": "a"}}`,
		`{"x": {"type": "int", "min": 1, "default": 2}}`, `{"x": {"values": ["a", 1], "default": "a"}}`, `{"x": {"type": "list", "default": [1]}}`, `{"x": [1, "a"]}`, `{"x": {"type": "bool", "required": true}}`,
		`{"x": {"command": ["a"], "timeout": "5s"}}`, `["a", ["b", "c"], {"command": "d"}]`, `[{"path": "a"}, "b"]`,
		`[{"name": "x", "cron": "@daily", "calendars": {"include": null}, "_y": 1}]`, `[{"name": "x", "every": 60, "params": null, "paused": true, "jitter": 0}]`,
		`[{"name": "x", "at": "2026-12-01T02:00Z", "overlap": "allow", "start": null}]`, `{"x": ["2026-12-25"], "y": null}`,
	})
	object := func(t *rapid.T, kind string, also ...string) string {
		fields := slices.Clone(also)
		chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(names[kind]), 0, 4, rapid.ID[string]).Draw(t, kind)
		for _, name := range chosen {
			if name == "id" || name == "dependencies" && also[0] == `"command": "y"` { // what templates and defaults must not have
				continue
			}
			if !slices.ContainsFunc(also, func(f string) bool { return strings.HasPrefix(f, `"`+name+`"`) }) {
				fields = append(fields, fmt.Sprintf(`"%s": %s`, name, values.Draw(t, name)))
			}
		}
		return "{" + strings.Join(fields, ", ") + "}"
	}
	loaded := 0
	// What wins over a template's or default's value is looked at, and not that value: so
	// there is always a job that has no more than its command.
	rapid.Check(t, func(t *rapid.T) {
		jobs := `{"id": "first", "command": "x"}, ` + object(t, "job", `"id": "b"`, rapid.SampledFrom([]string{`"command": "x"`, `"command": ["x"]`, `"extends": "t"`}).Draw(t, "what"))
		more := rapid.IntRange(0, 3).Draw(t, "more")
		if more == 0 { // a template is looked at where it is used
			jobs += `, {"id": "c", "command": "x", "extends": "t"}`
		}
		also := []string{`"working_dir": "/w"`, `"jobs": [` + jobs + `]`}
		switch more {
		case 0:
			also = append(also, `"templates": {"t": `+object(t, "job", `"params": {"p": 1}`, `"command": "y"`)+`}`)
		case 1:
			also = append(also, `"defaults": `+object(t, "job", `"command": "y"`))
		case 2:
			also = append(also, `"params": {"l": [1], "p": `+object(t, "param", `"_": 1`)+`}`)
		}
		if agree(t, "a.json", []byte(object(t, "workflow", also...)), plainHost) {
			loaded++
		}
	})
	if loaded == 0 {
		t.Error("nothing that was generated could be loaded")
	}
}
