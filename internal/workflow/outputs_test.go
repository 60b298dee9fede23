package workflow

import (
	"reflect"
	"slices"
	"testing"
)

func TestOutputRefs(t *testing.T) {
	w := &Workflow{Jobs: []Job{
		{ID: "load"},
		{ID: "load.all", Needs: []int{0}},
		{ID: "other"},
		{
			ID: "use", Needs: []int{1},
			Env:  []Var{{"A", "${jobs.load.rows} ${HOME} ${jobs.load.rows}"}, {"B", "${jobs.load.all.n}"}},
			Args: []string{"x", "${jobs.other.n}"},
			PreChecks: []Check{{Name: "c", Params: map[string]any{
				"l": []any{1.5, "${jobs.use.n}", []any{"${jobs.load.in}"}},
			}}},
			PostChecks: []Check{{Name: "c", Params: map[string]any{"p": "${jobs.short}"}}},
			Command:    "${jobs.load.shell}", // the shell's business
		},
		{ID: "sub/first", Scope: &Scope{Job: "sub"}, Needs: []int{0}},
		{ID: "sub/load", Scope: &Scope{Job: "sub"}, Needs: []int{4}, Env: []Var{{"A", "${jobs.first.n} ${jobs.load.n}"}}},
		{ID: "told", Hook: HookFailure, Env: []Var{{"A", "${jobs.other.n} ${jobs.hook.n}"}}},
		{ID: "hook", Hook: HookFailure},
	}}
	tests := []struct {
		job  int
		want []OutputRef
	}{
		{0, nil},
		{3, []OutputRef{
			{"jobs.load.all.n", "load.all", "n"},
			{"jobs.load.in", "load", "in"},
			{"jobs.load.rows", "load", "rows"},
			{"jobs.other.n", "other", "n"},
			{"jobs.short", "short", ""},
			{"jobs.use.n", "use", "n"},
		}},
		{5, []OutputRef{{"jobs.first.n", "sub/first", "n"}, {"jobs.load.n", "sub/load", "n"}}},
		{6, []OutputRef{{"jobs.hook.n", "hook", "n"}, {"jobs.other.n", "other", "n"}}},
	}
	for _, tt := range tests {
		if got := w.OutputRefs(tt.job); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("job %d: %+v\nwant %+v", tt.job, got, tt.want)
		}
	}
}

// TestFilled: values are final, known to Expand, and no variables.
func TestFilled(t *testing.T) {
	w := &Workflow{
		Params:  []Param{{Name: "p", Type: StringParam, Value: "${jobs.a.n}"}},
		Secrets: []Secret{{Name: "S", Value: "geheim"}},
		Jobs:    []Job{{ID: "b", Env: []Var{{"X", "<${jobs.a.n}>"}, {"Y", "${X}${p}${jobs.a.none}"}}}},
	}
	r := NewResolver(w, nil, []Var{{"Z", "${jobs.a.n}!"}, {"Q", "wrong"}})
	env := r.Filled(0, []Var{{"jobs.a.n", "${Q} 1"}})
	want := []string{"Q=wrong", "S=geheim", "X=<${Q} 1>", "Y=<${Q} 1>${jobs.a.n}${jobs.a.none}", "Z=${Q} 1!", "p=${jobs.a.n}"}
	if got := env.List(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := env.Expand("${jobs.a.n} ${X} ${jobs.a.none}"); got != "${Q} 1 <${Q} 1> ${jobs.a.none}" {
		t.Errorf("expanded: %s", got)
	}
	if _, ok := env.Lookup("jobs.a.n"); ok {
		t.Error("it is a variable")
	}
	if got := env.Secrets(); !slices.Equal(got, []string{"geheim"}) {
		t.Errorf("secrets: %q", got)
	}
	if got, want := r.Filled(0, nil), r.Resolve(0); !reflect.DeepEqual(got, want) {
		t.Errorf("without values: %+v", got)
	}
}
