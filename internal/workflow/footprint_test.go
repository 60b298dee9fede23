package workflow

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// footprintOf loads a file whose one job has these fields.
func footprintOf(t *testing.T, fields string) *Workflow {
	t.Helper()
	return mustLoad(t, "f.yaml", "working_dir: /w\njobs:\n  - {id: a, command: x, "+fields+"}\n")
}

func TestFootprint(t *testing.T) {
	tests := []struct {
		fields string
		want   *Footprint
	}{
		{`owner: o`, nil},
		{`inputs: ["data/**/*.csv", /abs], outputs: ["out/${os}"], input_env: [STAGE, PATH]`, &Footprint{
			Inputs: []string{"data/**/*.csv", "/abs"}, Outputs: []string{"out/${os}"}, Env: []string{"STAGE", "PATH"}, EnvGiven: true,
		}},
		{`inputs: [a], input_env: []`, &Footprint{Inputs: []string{"a"}, EnvGiven: true}},
		{`outputs: [a], input_env: null`, &Footprint{Outputs: []string{"a"}}},
		{`inputs: [], outputs: [], input_env: [A]`, nil}, // nothing to compare
	}
	for _, tt := range tests {
		w := footprintOf(t, tt.fields)
		if diff := cmp.Diff(tt.want, w.Jobs[0].Footprint); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.fields, diff)
		}
		snapshot, _, err := Encode(w)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(snapshot)
		if err != nil || !reflect.DeepEqual(again.Jobs, w.Jobs) {
			t.Errorf("%s: %v after a round trip: -want +got\n%s", tt.fields, err, cmp.Diff(w.Jobs, again.Jobs))
		}
	}
}

func TestFootprintProblems(t *testing.T) {
	const file = `working_dir: /w
jobs:
  - {id: a, command: x, inputs: ["", "[a"], outputs: ["~/x", 5]}
  - {id: b, command: x, inputs: x, input_env: ["A=B", ""]}
  - {id: c, command: x, input_env: A}
  - {id: d, command: x, inputs: ["${jobs.none.x}"]}
`
	want := []string{
		`f.yaml:3:34: job "a": inputs must not have an empty pattern`,
		`f.yaml:3:38: job "a": inputs has a pattern that can't be read: "[a"`,
		`f.yaml:3:55: job "a": outputs can't begin with ~: "~/x"`,
		`f.yaml:3:62: job "a": outputs must be a list of strings, not of a number`,
		`f.yaml:4:33: job "b": inputs must be a list, not a string`,
		`f.yaml:4:48: job "b": input_env has "A=B", which can't be the name of a variable`,
		`f.yaml:4:55: job "b": input_env has "", which can't be the name of a variable`,
		`f.yaml:5:36: job "c": input_env must be a list, not a string`,
		`f.yaml:6:10: job "d": ${jobs.none.x}: there is no job "none"`,
	}
	_, err := Load(Source{Name: "f.yaml", Data: []byte(file)}, testHost)
	var got []string
	for _, p := range problemsOf(t, err) {
		got = append(got, p.place()+p.Msg)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestCompareFootprints(t *testing.T) {
	old := footprintOf(t, `inputs: [a, b], outputs: [o], input_env: [A]`)
	none := footprintOf(t, `inputs: [a], input_env: []`)
	tests := []struct {
		new  *Workflow
		want []string
	}{
		{old, nil},
		{none, []string{
			`job "a": inputs changed from "a, b" to "a"`, `job "a": outputs removed, was "o"`, `job "a": input_env changed from "A" to "none"`,
		}},
		{footprintOf(t, `owner: ""`), []string{
			`job "a": inputs removed, was "a, b"`, `job "a": outputs removed, was "o"`, `job "a": input_env removed, was "A"`,
		}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Compare(old, tt.new).Lines()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestCounted(t *testing.T) {
	w := &Workflow{
		Inherit: Inherit{All: true},
		Params:  []Param{{Name: "day", Type: StringParam, Value: "1"}, {Name: "pin", Type: StringParam, Value: "99", Secret: true}},
		Secrets: []Secret{{Name: "TOKEN", Env: "CI_TOKEN", Value: "geheim"}},
		Env:     []Var{{"STAGE", "test"}},
		Jobs: []Job{{
			ID: "a", Item: []Var{{"os", "linux"}}, Env: []Var{{"PATH", "/x:${PATH}"}, {"ROWS", "${jobs.b.n}"}},
			Args: []string{"run", "-${HOME}-${TOKEN}", "${none} ${jobs.b.n}"},
		}},
	}
	inherited := []string{"HOME=/h", "PATH=/bin", "LANG=C", "CI_TOKEN=geheim"}
	tests := []struct {
		name string
		f    Footprint
		want []Var
	}{
		{"what the workflow sets", Footprint{}, []Var{
			{"EXTRA", "1"}, {"HOME", "/h"}, {"PATH", "/x:/bin"}, {"ROWS", "7"}, {"STAGE", "test"}, {"day", "1"}, {"jobs.b.n", "7"}, {"os", "linux"},
		}},
		{"what is named", Footprint{EnvGiven: true, Env: []string{"LANG", "STAGE", "TOKEN", "pin", "CI_TOKEN", "ABSENT"}}, []Var{
			{"HOME", "/h"}, {"LANG", "C"}, {"STAGE", "test"}, {"jobs.b.n", "7"},
		}},
		{"nothing but what the command names", Footprint{EnvGiven: true}, []Var{{"HOME", "/h"}, {"jobs.b.n", "7"}}},
	}
	for _, tt := range tests {
		w.Jobs[0].Footprint = &tt.f
		env := NewResolver(w, inherited, []Var{{"EXTRA", "1"}}).Filled(0, []Var{{"jobs.b.n", "7"}})
		if diff := cmp.Diff(tt.want, env.Counted(&w.Jobs[0])); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

func TestExpandPattern(t *testing.T) {
	w := &Workflow{Env: []Var{{"A", `a*?[b]\`}, {"B", "b"}}, Jobs: []Job{{ID: "j"}}}
	env := ResolveEnv(w, 0, nil, nil)
	for text, want := range map[string]string{
		`*/${B}/[x]`: `*/b/[x]`, `${A}`: `a\*\?\[b]\\`, `${C}*`: `${C}*`,
	} {
		if got := env.ExpandPattern(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := env.Expand("${A}"); got != `a*?[b]\` {
		t.Error(got)
	}
}

// TestFootprintRefs: patterns may name what other jobs handed on.
func TestFootprintRefs(t *testing.T) {
	w := &Workflow{Jobs: []Job{{ID: "b"}, {ID: "a", Footprint: &Footprint{Inputs: []string{"${jobs.b.x}"}, Outputs: []string{"o-${jobs.b.y}"}}}}}
	want := []OutputRef{{"jobs.b.x", "b", "x"}, {"jobs.b.y", "b", "y"}}
	if got := w.OutputRefs(1); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
