package runs_test

import (
	"slices"
	"testing"

	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestSecrets(t *testing.T) {
	outer := &workflow.Scope{Job: "s", Env: []workflow.Var{{Name: "S_TOKEN", Value: "of-scope"}}, Params: []workflow.Param{{Name: "p", Secret: true, Value: "of-scope-param"}}}
	inner := &workflow.Scope{Job: "s/t", Parent: outer, Call: []workflow.Var{{Name: "C_TOKEN", Value: "of-call"}}}
	wf := &workflow.Workflow{
		Inherit: workflow.Inherit{Names: []string{"H_TOKEN"}},
		Mail:    workflow.Mail{Password: "of-mail"},
		Params:  []workflow.Param{{Name: "pin", Secret: true, Value: "of-param"}, {Name: "my_key", Default: "of-default"}, {Name: "day", Value: "plain"}},
		Secrets: []workflow.Secret{{Name: "LOGIN", Env: "LOGIN_ENV"}, {Name: "K", Value: "of-known"}},
		Env:     []workflow.Var{{Name: "DB_PASSWORD", Value: "${PART}-of-flow"}, {Name: "PART", Value: "x"}},
		Jobs: []workflow.Job{
			{ID: "a"},
			{ID: "b", Env: []workflow.Var{{Name: "PART", Value: "y"}}}, // makes another secret of the flow's
			{ID: "c", Env: []workflow.Var{{Name: "OWN_TOKEN", Value: "${X}-of-job"}, {Name: "X", Value: "z"}}},
			{ID: "d", Item: []workflow.Var{{Name: "i_key", Value: "of-item"}}},
			{ID: "e", Scope: inner},
		},
	}
	got := runs.Secrets(wf, []string{"H_TOKEN=of-host", "LOGIN_ENV=of-login", "OTHER_TOKEN=not-inherited"}, []workflow.Var{{Name: "O_TOKEN", Value: "of-override"}, {Name: "DAY", Value: "plain"}})
	want := []string{
		"${PART}-of-flow", "${X}-of-job", "of-call", "of-default", "of-host", "of-item", "of-known", "of-login", "of-mail", "of-override", "of-param",
		"of-scope", "of-scope-param", "x-of-flow", "y-of-flow", "z-of-job",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A million jobs of one matrix are not resolved one by one.
func BenchmarkSecrets(b *testing.B) {
	wf := &workflow.Workflow{Env: []workflow.Var{{Name: "DB_PASSWORD", Value: "hidden"}}, Jobs: make([]workflow.Job, 100_000)}
	for i := range wf.Jobs {
		wf.Jobs[i].Item = []workflow.Var{{Name: "n", Value: "1"}}
	}
	for b.Loop() {
		runs.Secrets(wf, nil, nil)
	}
}
