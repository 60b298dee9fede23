package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/workflow"
)

// TestFields: what the program reads is in the Go types, and the other way round.
func TestFields(t *testing.T) {
	objects := map[string]reflect.Type{
		"workflow": reflect.TypeFor[Workflow](), "job": reflect.TypeFor[Job](), "check": reflect.TypeFor[Check](),
		"dependency": reflect.TypeFor[Dependency](), "use": reflect.TypeFor[Use](), "param": reflect.TypeFor[Param](),
		"secret": reflect.TypeFor[Secret](), "rule": reflect.TypeFor[Rule](), "program": reflect.TypeFor[Program](),
		"foreach": reflect.TypeFor[Foreach](), "plugin": reflect.TypeFor[Plugin](),
		"schedule": reflect.TypeFor[Schedule](), "days": reflect.TypeFor[Days](),
		"trigger": reflect.TypeFor[Trigger](), "webhook": reflect.TypeFor[Webhook](), "files": reflect.TypeFor[Files](), "key": reflect.TypeFor[Key](),
	}
	known := workflow.FieldNames()
	if len(known) != len(objects) {
		t.Errorf("%d kinds of objects, %d known here", len(known), len(objects))
	}
	for name, want := range known {
		for _, tag := range [...]string{"json", "yaml"} {
			if d := cmp.Diff(want, tags(objects[name], tag)); d != "" {
				t.Errorf("%s, %s: %s", name, tag, d)
			}
		}
	}
}

func tags(of reflect.Type, tag string) []string {
	var all []string
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get(tag), ",")
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// full has every field.
func full() Workflow {
	return Workflow{
		ApplicationName: "full", Name: "n", WorkingDir: "/srv", LogDir: "logs", Include: []string{"?base.yaml"}, Extends: []string{"?b.yaml"},
		Templates: map[string]Template{"slow": {Job: Job{Timeout: "2h"}, Params: map[string]any{"n": 1, "must": nil}}},
		Defaults:  &Job{Owner: "ann"}, EnvFiles: []string{"?vars"},
		DefaultTimeout: "90", DefaultOutputLimit: "64MiB", DefaultMaxRetries: new(1), DefaultRetryDelay: "0", DefaultRetryBackoff: new(2.0),
		DefaultRetryJitter: new(0.0), DefaultMaxRetryTime: DurationOf(90 * time.Minute), DefaultRetryOnExitCodes: []int{},
		Parallel: new(true), MaxWorkers: new(4), Timeout: "1d", ContinueOnError: new(false), AllowShell: new(true),
		InheritShellEnv: InheritOnly("PATH"), Params: map[string]Param{"day": {Type: "date", Default: "today"}, "all": {Type: "list", Default: []string{"a"}}},
		Secrets: map[string]Secret{"TOKEN": {Env: "CI_TOKEN"}}, EnvVariables: Env{"A": "${B} <&>", "B": "true"},
		EmailAddress: []string{"a@example.com"}, EmailOnSuccess: new(true), EmailOnFailure: new(false), SMTPServer: "mail", SMTPPort: new(25),
		SMTPUser: "u", SMTPPassword: "${PASS}", SecurityPolicy: "warn", SecurityLevel: "low", CommandWhitelist: []string{"rsync"},
		CommandAllowlistPatterns: []string{"^a"}, WorkspacePaths: []string{"bin"},
		Rules:      []Rule{{Name: "r", For: "job", When: "true", Require: "job.id != ''", Message: "m", Level: "warn"}},
		Checks:     map[string]Program{"rows": {Command: Exec("./rows"), Timeout: "30", Description: "d"}},
		Validators: []Program{{Command: Shell("./ask")}}, LintIgnore: map[string]string{"missing-timeout": "no"},
		Schedules: []Schedule{{
			Name: "nightly", Description: "d", Cron: "30 2 * * MON-FRI", TimeZone: "Europe/Berlin", Start: "2026-01-01", End: "2026-12-31T12:00",
			Calendars: &Days{Include: []string{"some"}, Exclude: []string{"file"}}, Jitter: "5m", Overlap: "queue", MaxQueued: new(3),
			CatchUp: "all", CatchUpMax: new(5), CatchUpWithin: "6h", Params: map[string]any{"day": "today"}, Paused: new(true),
		}, {Name: "often", Every: "15m"}, {Name: "once", At: "2026-12-01T02:00"}},
		Triggers: []Trigger{{
			Name: "pushed", Description: "d", Webhook: &Webhook{Secret: &Key{Env: "HOOK"}, Signature: "executioner", Within: "5m", Fields: map[string]string{"day": "head.day"}},
			Overlap: "queue", MaxQueued: new(3), Params: map[string]any{"all": []string{"x"}}, Paused: new(true),
		}, {Name: "hub", Webhook: &Webhook{Secret: &Key{File: "key"}, Signature: "github"}}, {
			Name: "arrived", Files: &Files{Pattern: "inbox/*.csv", Settle: "10s", Every: "5s", Param: "all"},
		}, {Name: "marked", Files: &Files{Pattern: "inbox/*", Done: ".done"}}},
		Calendars:         map[string]Calendar{"some": DaysOf("2026-12-25", "12-31", "2026-08-01..2026-08-31"), "file": DaysIn(os.DevNull)},
		DependencyPlugins: []Plugin{{Name: "p", Path: "p.py"}},
		Jobs: []Job{
			{
				ID: "a", Extends: []Use{{Template: "slow", With: map[string]any{"must": 2}}}, Command: Shell("true\necho \"$X\""), Description: "d", Owner: "o",
				Tags: []string{"t"}, Pools: []string{"db"}, When: "true", Always: new(false), ContinueOnError: new(true), WorkingDir: "sub",
				Matrix:       Matrix{Axes: []Axis{{Name: "os", Values: []string{"z", "a"}}, {Name: "what", Param: "all"}}, Exclude: []Env{{"os": "a"}}},
				EnvVariables: Env{"X": "1"}, EnvFiles: []string{"?more"}, Inputs: []string{"data/**/*.csv"}, Outputs: []string{"out/a"}, InputEnv: []string{"X"}, PreChecks: []Check{{Name: "check_file_exists", Params: map[string]any{"path": "x"}}},
				PostChecks: []Check{{Name: "rows"}},
				Timeout:    "1h30m", LogDir: "l", Priority: new(-1), OutputLimit: SizeOf(2048), MemoryLimit: "1GiB", MaxProcesses: new(9), Leftover: "kill", Idempotent: new(true),
				MaxRetries: new(0), RetryDelay: "1.5", RetryBackoff: new(1.0), RetryJitter: new(1.0), MaxRetryTime: "1m", RetryOnStatus: []string{},
				RetryOnExitCodes: []int{1, 75}, LintIgnore: map[string]string{"x": "y"},
			},
			{ID: "b", Command: Exec("echo", "a b"), Dependencies: append(Needs("a"), Dependency{Job: "c", On: "failure"}), Foreach: &Foreach{List: []string{"1"}, As: "N"}},
			{ID: "c", Command: Shell("")},
		},
		OnFailure: []Job{{ID: "f", Command: Shell("true")}}, OnSuccess: []Job{{ID: "s", Command: Shell("true")}},
	}
}

// TestFull: all fields are written, valid, and the same in all ways of writing.
func TestFull(t *testing.T) {
	flow := full()
	if err := flow.Validate(); err != nil {
		t.Fatal(err)
	}
	asJSON, err := flow.JSON()
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := flow.YAML()
	if err != nil {
		t.Fatal(err)
	}
	tagged, err := yaml.Marshal(flow)
	if err != nil {
		t.Fatal(err)
	}
	var first *workflow.Workflow
	for name, text := range map[string][]byte{"a.json": asJSON, "a.yaml": asYAML, "tags.yaml": tagged} {
		got, err := workflow.Load(workflow.Source{Name: name, Data: text}, plainHost)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		accepts(t, name, text)
		if len(got.Warnings) > 1 { // plugins
			t.Error(got.Warnings)
		}
		if first == nil {
			first = got
		}
		if d := workflow.Compare(first, got); !d.Empty() {
			t.Errorf("%s: %v\n%s", name, d.Lines(), text)
		}
	}
	if got := first.Jobs[0].ID; got != "a[z,a]" {
		t.Errorf("the axes are in another order: %s", got)
	}
	zero := reflect.ValueOf(full())
	for i := range zero.NumField() {
		if zero.Field(i).IsZero() {
			t.Errorf("full does not set %s", zero.Type().Field(i).Name)
		}
	}
}

var plainHost = workflow.Host{Home: "/home/me", Dir: "/here", ParamsLater: true, ReadFile: os.ReadFile, Now: time.Unix(1e9, 0)}

func TestNothingIsWrittenThatIsNotSet(t *testing.T) {
	text, err := Workflow{WorkingDir: "/w", Jobs: []Job{{ID: "a", Command: Shell("true")}}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, text); err != nil {
		t.Fatal(err)
	}
	if want := `{"working_dir":"/w","jobs":[{"id":"a","command":"true"}]}`; got.String() != want {
		t.Errorf("%s, want %s", got.String(), want)
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{Duration("90"), `90`},
		{Duration("0.5"), `0.5`},
		{Duration("1h30m"), `"1h30m"`},
		{Duration("nonsense"), `"nonsense"`},
		{Duration("null"), `"null"`},
		{Duration(`"1"`), `"\"1\""`},
		{DurationOf(90 * time.Minute), `"1h30m"`},
		{DurationOf(time.Hour), `"1h"`},
		{DurationOf(10 * time.Minute), `"10m"`},
		{DurationOf(90 * time.Second), `"1m30s"`},
		{DurationOf(20 * time.Hour), `"20h"`},
		{DurationOf(1500 * time.Millisecond), `1.5`},
		{DurationOf(59 * time.Second), `59`},
		{DurationOf(0), `0`},
		{DurationOf(time.Minute + 1), `60.000000001`},
		{Size("64MiB"), `"64MiB"`},
		{SizeOf(1 << 40), `1099511627776`},
		{Shell("a"), `"a"`},
		{Exec("a"), `["a"]`},
		{Exec("a", "b c"), `["a","b c"]`},
		{Command{}, `null`},
		{InheritAll(), `true`},
		{InheritNone(), `false`},
		{InheritDefault(), `"default"`},
		{InheritOnly(), `[]`},
		{InheritOnly("A"), `["A"]`},
		{Dependency{Job: "a"}, `"a"`},
		{Dependency{Job: "a", On: "done"}, `{"job":"a","on":"done"}`},
		{Dependency{Job: "a", Each: true}, `{"job":"a","each":true}`},
		{Use{Template: "t"}, `"t"`},
		{Use{Template: "t", With: map[string]any{"a": 1}}, `{"template":"t","with":{"a":1}}`},
		{Matrix{Axes: []Axis{{Name: "b", Values: []string{"1"}}, {Name: "a", Param: "p"}}, Exclude: []Env{{"b": "1"}}}, `{"b":["1"],"a":{"param":"p"},"exclude":[{"b":"1"}]}`},
	} {
		got, err := json.Marshal(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%#v: %s %v, want %s", c.value, got, err, c.want)
		}
		asYAML, err := yaml.MarshalWithOptions(c.value, yaml.JSON())
		if err != nil {
			t.Errorf("%#v: %v", c.value, err)
		}
		var a, b any
		if yaml.Unmarshal(asYAML, &a) != nil || yaml.Unmarshal(got, &b) != nil || !cmp.Equal(a, b) {
			t.Errorf("%#v: %s in YAML, %s in JSON", c.value, asYAML, got)
		}
	}
}

// TestNamesInConditions are looked up as executioner validate does.
func TestNamesInConditions(t *testing.T) {
	flow := Workflow{WorkingDir: "/w", Jobs: []Job{
		{ID: "load", Command: Shell("true")}, {ID: "b", Command: Shell("true"), Dependencies: Needs("load"), When: `jobs.laod.state == "SUCCESS"`},
	}}
	want := `the workflow is not valid: job "b": when: column 1: there is no job "laod" (did you mean load?)`
	if err := flow.Validate(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestInvalidWorkflow(t *testing.T) {
	flow := Workflow{WorkingDir: "/w", DependencyPlugins: []Plugin{{Path: "x.py"}}, Jobs: []Job{
		{ID: "a", Command: Shell("true"), Timeout: "soon", When: "nonsense("}, {ID: "b", Command: Shell("true"), Dependencies: Needs("aa")},
	}}
	err := flow.Validate()
	var invalid *InvalidError
	if !errors.As(err, &invalid) || len(invalid.Problems) != 4 {
		t.Fatalf("%#v", err)
	}
	if !invalid.Problems[0].Warning && !strings.Contains(invalid.Problems[0].Message, "dependency_plugins") {
		t.Errorf("%+v", invalid.Problems[0])
	}
	last := invalid.Problems[3]
	if last.Message != `job "b": unknown dependency "aa"` || last.Hint == "" || !strings.Contains(last.Text, `"aa"`) || last.Warning {
		t.Errorf("%+v", last)
	}
	if !strings.HasSuffix(err.Error(), "(and 2 more)") {
		t.Error(err)
	}
	one := (&InvalidError{Problems: []Problem{{Message: "w", Warning: true}, {Message: "x"}}}).Error()
	if one != "the workflow is not valid: x" {
		t.Error(one)
	}
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := flow.WriteFile(path); !errors.As(err, &invalid) {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("an invalid workflow was written")
	}
	unwritable := Workflow{Jobs: []Job{{With: map[string]any{"x": func() {}}}}}
	if err := unwritable.WriteFile(path); err == nil || errors.As(err, &invalid) {
		t.Error(err)
	}
	if err := unwritable.Validate(); err == nil {
		t.Error("no error")
	}
	if _, err := (Workflow{Jobs: []Job{{Matrix: Matrix{Exclude: []Env{{"a": "b"}}}, Description: "x"}}}).JSON(); err != nil {
		t.Error(err)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "base.yaml"), []byte("env_variables: {A: b}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flow := Workflow{WorkingDir: "/w", Include: []string{"base.yaml"}, Jobs: []Job{{ID: "a", Command: Shell("true")}}}
	if err := flow.Validate(); err == nil {
		t.Error("the included file was looked for elsewhere")
	}
	link := filepath.Join(dir, "link.yaml")
	if err := os.Symlink("real.yaml", link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "real.yaml"), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link.yaml", "new.json"} {
		if err := flow.WriteFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "real.yaml"))
	want := "working_dir: /w\ninclude: [base.yaml]\n\njobs:\n  - id: a\n    command: \"true\"\n"
	if err != nil || string(text) != want {
		t.Errorf("%s %v", text, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone", err)
	}
	for name, mode := range map[string]os.FileMode{"real.yaml": 0o640, "new.json": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Error(name, info.Mode(), err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "new.json")); err != nil || text[0] != '{' {
		t.Error(string(text), err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) > 0 {
		t.Error(left)
	}
	flow.Include = nil
	if err := flow.WriteFile(filepath.Join(dir, "no", "a.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := flow.WriteFile(dir); err == nil {
		t.Error("a directory was replaced")
	}
}
