package workflow

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/run"
)

// growing returns a workflow in which b becomes one job for each item of a.items.
func growing() *Workflow {
	b := Job{
		ID: "b", Command: "x ${I}", Args: []string{"x", "${I}"}, When: "true", Env: []Var{{"E", "${I}"}}, Pools: []string{"p"},
		PreChecks: []Check{{Name: "c"}}, PostChecks: []Check{{Name: "c"}}, Footprint: &Footprint{Inputs: []string{"i"}},
		Each: &Each{Job: "a", Output: "items", As: "I"}, Needs: []int{0, 3}, On: []Ending{OnSuccess, OnDone}, Priority: 4, Owner: "o",
	}
	return &Workflow{Jobs: []Job{{ID: "a"}, b, {ID: "c", Needs: []int{1}}, {ID: "d"}}}
}

func TestGrow(t *testing.T) {
	w := growing()
	got := Grow(w, 1, "x\n\ny,z\r\n")
	if diff := cmp.Diff(growing(), w); diff != "" {
		t.Errorf("what grew was changed: %s", diff)
	}
	want := growing()
	made := func(id run.JobID, item string) Job {
		j := growing().Jobs[1]
		j.ID, j.Group, j.Item, j.Each = id, "b", []Var{{"I", item}}, nil
		return j
	}
	want.Jobs[1] = Job{ID: "b", Needs: []int{0, 3, 4, 5}, On: []Ending{OnSuccess, OnDone, OnSuccess, OnSuccess}, Priority: 4, Owner: "o"}
	want.Jobs = append(want.Jobs, made("b[x]", "x"), made("b[y_z]", "y,z"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := got.Members("b"); !reflect.DeepEqual(got, []int{4, 5}) {
		t.Errorf("b stands for %v", got)
	}
	if !w.Grows() || got.Grows() || !w.MayMake("b[q]") || w.MayMake("b") || w.MayMake("a[q]") || w.MayMake("b[q") || got.MayMake("b[q]") {
		t.Error("what may come is not told right")
	}
	if w.Maker("b[x]") != 1 || w.Maker("z[x]") != -1 {
		t.Error("the makers are wrong")
	}
}

// TestGrowWithoutNeeds: a hook need not depend on the job that it is made of.
func TestGrowWithoutNeeds(t *testing.T) {
	w := growing()
	w.Jobs[1].Needs, w.Jobs[1].On = nil, nil
	got := Grow(w, 1, "")
	if j := got.Jobs[1]; len(got.Jobs) != 4 || j.Needs != nil || j.On != nil || j.Each != nil || j.Command != "" {
		t.Errorf("without items: %+v", j)
	}
	if got = Grow(w, 1, "x"); !reflect.DeepEqual(got.Jobs[1].Needs, []int{4}) || got.Jobs[1].On != nil {
		t.Errorf("with one: %+v", got.Jobs[1])
	}
}

func TestItems(t *testing.T) {
	tests := []struct {
		value string
		ids   string // of what is made
		wrong string
	}{
		{"", "", ""},
		{" \n\t\n", "", ""},
		{"[]", "", ""},
		{"a", "b[a]", ""},
		{" a \nb", "b[ a ] b[b]", ""},
		{` ["a", 1, 2.50, true, "x\ny"] `, `b[a] b[1] b[2.50] b[true] b[x_y]`, ""},
		{"a,b\na_b\na[b", "b[a_b] b[a_b#2] b[a_b#3]", ""},
		{"a\nb\na", "", `"a" is there twice`},
		{`["a", "a"]`, "", `"a" is there twice`},
		{`[1, "1"]`, "", `"1" is there twice`},
		{"[a", "", "it begins with [ and is not a JSON list"},
		{`["a"] b`, "", "something follows the JSON list"},
		{`[["a"]]`, "", "an item is neither a text nor a number"},
		{`[null]`, "", "an item is neither a text nor a number"},
		{`[""]`, "", "an item is empty or has a NUL byte"},
		{`["\u0000"]`, "", "an item is empty or has a NUL byte"},
		{"taken", "", `there is a job "b[taken]" already`},
	}
	for _, tt := range tests {
		w := growing()
		w.Jobs[3].ID = "b[taken]"
		got := Grow(w, 1, tt.value)
		var ids []string
		for _, j := range got.Jobs[4:] {
			ids = append(ids, string(j.ID))
		}
		wrong := ""
		if e := got.Jobs[1].Each; e != nil {
			wrong = e.Unknown()
		}
		if tt.wrong != "" {
			tt.wrong = "items of job a has no items: " + tt.wrong
		}
		if made := strings.Join(ids, " "); made != tt.ids || wrong != tt.wrong {
			t.Errorf("%q: %s, %s; want %s, %s", tt.value, made, wrong, tt.ids, tt.wrong)
		}
	}
}

func TestItemLimits(t *testing.T) {
	many := make([]string, maxItems+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	w := growing()
	if got := Grow(w, 1, strings.Join(many, "\n")).Jobs[1].Each.Unknown(); got != "items of job a has no items: it has 100001 of them, more than 100000" {
		t.Error(got)
	}
	if got := len(Grow(w, 1, strings.Join(many[1:], "\n")).Jobs); got != 4+maxItems {
		t.Errorf("%d jobs", got)
	}
	w.Jobs[1].ID = run.JobID(strings.Repeat("n", maxName-2))
	if got := Grow(w, 1, "x").Jobs[1].Each.Unknown(); !strings.HasSuffix(got, fmt.Sprintf("…\" has more than %d bytes", maxName)) {
		t.Error(got)
	}
	if got := growing().Jobs[1].Each.Unknown(); got != "job a handed on no items" {
		t.Error(got)
	}
}

// TestLoadGrowing: the job depends on the one that it is made of, whether the file says so
// or not; so it is kept, and compared.
func TestLoadGrowing(t *testing.T) {
	const file = `
working_dir: /w
jobs:
  - {id: a, command: x}
  - {id: b, command: x, foreach: {from: a, output: items}}
  - {id: c, command: x, foreach: {from: a, output: items, as: I}, dependencies: [{job: a, on: done}, b]}
  - {id: s, workflow: sub.yaml}
on_failure:
  - {id: h, command: x, foreach: {from: a, output: bad}}
`
	sub := "jobs: [{id: a, command: x}, {id: b, command: x, foreach: {from: a, output: items}, dependencies: [a]}]"
	w, err := Load(Source{Name: "f.yaml", Data: []byte(file)}, Host{ReadFile: func(string) ([]byte, error) { return []byte(sub), nil }})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range w.Jobs {
		if j := &w.Jobs[i]; j.Each != nil {
			got = append(got, fmt.Sprintf("%s %s.%s as %s needs %v %v", j.ID, j.Each.Job, j.Each.Output, j.Each.As, j.Needs, j.On))
		}
	}
	want := []string{
		"b a.items as ITEM needs [0] []", "c a.items as I needs [0 1] [done success]",
		"s/b s/a.items as ITEM needs [3] []", "h a.bad as ITEM needs [] []",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	body, _, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.Jobs {
		if diff := cmp.Diff(w.Jobs[i].Each, kept.Jobs[i].Each); diff != "" || !reflect.DeepEqual(w.Jobs[i].Needs, kept.Jobs[i].Needs) {
			t.Errorf("%s is kept as %v, needs %v", w.Jobs[i].ID, kept.Jobs[i].Each, kept.Jobs[i].Needs)
		}
	}
	kept.Jobs[1].Each.Output, kept.Jobs[2].Each = "others", nil
	wantLines := []string{
		`job "b": foreach changed from "for each of a.items as ITEM" to "for each of a.others as ITEM"`,
		`job "c": foreach removed, was "for each of a.items as I"`,
	}
	if diff := cmp.Diff(wantLines, Compare(w, kept).Lines()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
