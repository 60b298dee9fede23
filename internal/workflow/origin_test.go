package workflow

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

const originFile = `working_dir: /w
default_timeout: 1h
log_dir: null
lint_ignore: {x: why}
validators:
  - ./one
  - {command: [two, three], timeout: 5s}
rules:
  - {name: r, when: a, require: b, message: m, level: warn}
  - {name: s, for: workflow, require: c}
checks: {rows: {command: ./rows, description: d, timeout: 1m}, argv: [x, y z]}
jobs:
  - id: load
    env_variables: {A: 1, B: 2}
    command: |
      set -e
      echo "same"
      echo "same" again
    lint_ignore: {y: because, z: }
  - {command: "a\nb", id: "odd[1]"}
on_failure:
  - {id: alarm, command: x, lint_ignore: {w: so}}
`

func loadOrigin(t *testing.T) *Workflow {
	t.Helper()
	host := testHost
	host.Origin = true
	w, err := Load(Source{Name: "f.yaml", Data: []byte(originFile)}, host)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// lineOf returns line:column of a place, - for none.
func lineOf(o *Origin, p Pos) string {
	if !p.Valid() {
		return "-"
	}
	found := o.Problems([]Note{{Pos: p}})[0]
	return fmt.Sprintf("%d:%d", found.Line, found.Col)
}

func TestOriginPlaces(t *testing.T) {
	w := loadOrigin(t)
	o := w.Origin
	command := w.Jobs[0].Command
	tests := []struct {
		name string
		pos  Pos
		want string
	}{
		{"a field", o.At("load", "command"), "15:14"},
		{"no such field", o.At("load", "timeout"), "13:9"},
		{"no such job", o.At("other", "id"), "-"},
		{"the workflow", o.At("", "default_timeout"), "2:18"},
		{"no such field of the workflow", o.At("", "id"), "1:1"},
		{"one of a matrix", o.At("load[a,b]", "command"), "15:14"},
		{"in a sub-workflow", o.At("load/inner[1]/x", "command"), "15:14"},
		{"an id that looks like one of a matrix", o.At("odd[1]", "id"), "20:27"},
		{"a hook", o.At("alarm", "id"), "22:10"},
		{"a member", o.Member("load", "env_variables", "B"), "14:30"},
		{"no such member", o.Member("load", "env_variables", "C"), "14:20"},
		{"no object", o.Member("load", "command", "C"), "15:14"},
		{"a member of no job", o.Member("other", "env_variables", "B"), "-"},
		{"a line of the command", o.Within("load", command, strings.Index(command, "echo")), "17:7"},
		{"in a line like another", o.Within("load", command, strings.Index(command, "again")), "18:19"},
		{"beyond the command", o.Within("load", command, len(command)+1), "15:14"},
		{"spelled on one line", o.Within("odd[1]", "a\nb", 2), "20:19"},
		{"of a rule", o.Rules[1].At, "10:5"},
		{"of a validator", o.Validators[1].At, "7:5"},
		{"of an ignore", o.Ignores[0].At, "4:15"},
	}
	for _, tt := range tests {
		if got := lineOf(o, tt.pos); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestOriginHas(t *testing.T) {
	o := loadOrigin(t).Origin
	for _, tt := range []struct {
		job   run.JobID
		field string
		want  bool
	}{
		{"load", "command", true},
		{"load", "timeout", false},
		{"load[x]", "command", true},
		{"nobody", "command", false},
		{"", "default_timeout", true},
		{"", "log_dir", false}, // null
		{"", "nothing", false},
	} {
		if got := o.Has(tt.job, tt.field); got != tt.want {
			t.Errorf("%q has %s: %v", tt.job, tt.field, got)
		}
	}
}

func TestOriginContent(t *testing.T) {
	w := loadOrigin(t)
	noPlaces := cmpopts.IgnoreTypes(Pos{})
	if diff := cmp.Diff([]Rule{
		{Name: "r", For: EachJob, When: "a", Require: "b", Message: "m", Warn: true},
		{Name: "s", For: WholeWorkflow, Require: "c", Message: "it must hold that c"},
	}, w.Origin.Rules, noPlaces); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Validator{
		{Command: "./one", Timeout: DefaultCheckTimeout},
		{Command: "two three", Args: []string{"two", "three"}, Timeout: 5 * time.Second},
	}, w.Origin.Validators, noPlaces); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Ignore{
		{Rule: "x", Reason: "why"}, {Job: "load", Rule: "y", Reason: "because"}, {Job: "load", Rule: "z"}, {Job: "alarm", Rule: "w", Reason: "so"},
	}, w.Origin.Ignores, noPlaces, cmpopts.IgnoreUnexported(Ignore{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]CustomCheck{
		{Name: "rows", Description: "d", Command: "./rows", Timeout: time.Minute},
		{Name: "argv", Command: "x 'y z'", Args: []string{"x", "y z"}, Timeout: DefaultCheckTimeout},
	}, w.Checks); diff != "" {
		t.Error(diff)
	}
	if w.Custom("argv") != &w.Checks[1] || w.Custom("other") != nil {
		t.Error("Custom finds the wrong check")
	}
}

// Where nothing is known, nothing breaks.
func TestNoOrigin(t *testing.T) {
	var o *Origin
	if o.At("a", "b").Valid() || o.Has("", "b") || o.Member("a", "b", "c").Valid() || o.Within("a", "b", 0).Valid() || o.Named("a") != "" || len(o.Mentions("params", []string{"x"})) != 0 {
		t.Error("a nil Origin knows a place")
	}
	want := Problems{{Msg: "m", Hint: "h", Warning: true}}
	if got := o.Problems([]Note{{Msg: "m", Hint: "h", Warning: true, Pos: Pos{5}}}); got.String() != want.String() {
		t.Error(got)
	}
	if got := o.Problems(nil); got != nil {
		t.Error(got)
	}
	w := mustLoad(t, "f.yaml", originFile)
	if w.Origin != nil {
		t.Error("it is there without being asked for")
	}
}

func TestPrivateNotes(t *testing.T) {
	o := loadOrigin(t).Origin
	got := o.Problems([]Note{{Pos: o.At("load", "id"), Msg: "m", Private: true}, {Pos: o.At("", "default_timeout"), Msg: "n"}}).String()
	if want := "f.yaml:13:9: m\nf.yaml:2:18: n\n    default_timeout: 1h\n                     ^\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMentions(t *testing.T) {
	host := testHost
	host.Origin = true
	w, err := Load(Source{Name: "f.yaml", Data: []byte("working_dir: /w\nenv_variables: {day: 1, x: '${month}', y: '$years', z: yearly}\njobs: [{id: a, command: x}]\n")}, host)
	if err != nil {
		t.Fatal(err)
	}
	got := w.Origin.Mentions("env_variables", []string{"day", "month", "year", ""})
	if diff := cmp.Diff(map[string]bool{"day": false, "month": true, "year": false, "": false}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCustomChecksAreKept(t *testing.T) {
	w := mustLoad(t, "f.yaml", originFile)
	snapshot, hash, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.Checks, got.Checks); diff != "" {
		t.Error(diff)
	}
	changed := *w
	changed.Checks = append([]CustomCheck{{Name: "new", Command: "n", Timeout: time.Second}}, w.Checks[1:]...)
	changed.Checks[1].Timeout = time.Hour
	if _, other, _ := Encode(&changed); other == hash {
		t.Error("checks are not part of the hash")
	}
	want := []string{
		`checks.argv: "x 'y z' (1m0s)" → "x 'y z' (1h0m0s)"`,
		`checks.new: "" → "n (1s)"`,
		`checks.rows: "./rows (1m0s): d" → ""`,
	}
	d := Compare(got, &changed)
	var lines []string
	for _, f := range d.Fields {
		lines = append(lines, fmt.Sprintf("%s: %q → %q", f.Field, f.Old, f.New))
	}
	for _, line := range want {
		if !strings.Contains(strings.Join(lines, "\n"), line) {
			t.Errorf("no %s in\n%s", line, strings.Join(lines, "\n"))
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%q", lines)
	}
}

func TestLoadRules(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"r.yaml", "rules: [{name: a, require: ok}]", "1 rules, warnings: "},
		{"r.json", `{"rules": [{"name": "a", "require": "ok"}], "ruls": 1}`, "1 rules, warnings: r.json:1:45: warning: unknown field \"ruls\" is ignored\n    {\"rules\": [{\"name\": \"a\", \"require\": \"ok\"}], \"ruls\": 1}\n                                                ^\n    hint: did you mean \"rules\"?\n"},
		{"r.yaml", "  \n", "0 rules, warnings: "},
		{"r.yaml", "[]", "r.yaml:1:1: a file of rules must be an object with the field rules, not a list"},
		{"r.yaml", "rules: [{name: a, require: bad}]", "r.yaml:1:28: require is no condition: bad it is"},
		{"r.yaml", "rules: [{name: a, require: ''}]", "r.yaml:1:28: require is no condition: empty it is"},
		{"r.json", "{", "r.json:1:2: "},
	}
	host := testHost
	host.CheckRule = func(text string) error {
		switch text {
		case "bad":
			return errors.New("bad it is")
		case "":
			return errors.New("empty it is")
		}
		return nil
	}
	for _, tt := range tests {
		o, warnings, err := LoadRules(Source{Name: tt.name, Data: []byte(tt.data)}, host)
		var problems Problems
		got := ""
		switch {
		case err == nil:
			got = fmt.Sprintf("%d rules, warnings: %s", len(o.Rules), warnings.String())
		case errors.As(err, &problems) && fault.CodeOf(err) == fault.InvalidConfig:
			got = problems.Error()
		default:
			t.Errorf("%s: %v", tt.data, err)
		}
		if got != tt.want && (err == nil || !strings.HasPrefix(got, tt.want) || tt.name == "r.yaml") {
			t.Errorf("%s:\n got %s\nwant %s", tt.data, got, tt.want)
		}
	}
}

// There may be too many of all.
func TestManyRules(t *testing.T) {
	var b strings.Builder
	b.WriteString("working_dir: /w\njobs: [{id: a, command: x}]\nrules:\n")
	for i := range maxRules + 2 {
		fmt.Fprintf(&b, "  - {name: r%d, require: x}\n", i)
	}
	b.WriteString("validators:\n" + strings.Repeat("  - x\n", maxAsked+2) + "checks:\n")
	for i := range maxAsked + 2 {
		fmt.Fprintf(&b, "  c%d: x\n", i)
	}
	_, err := Load(Source{Name: "f.yaml", Data: []byte(b.String())}, testHost)
	text := problemsOf(t, err).String()
	for _, want := range []string{"rules must have at most 1000 members", "validators must have at most 1000 members", "checks must have at most 1000 members"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%.2000s", want, text)
		}
	}
}
