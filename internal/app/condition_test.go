package app

import (
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

// TestConditions has a job with a condition need three others: load, which fails with
// exit code 3, sub/part of the sub-workflow sub, which succeeds, and none, which is skipped.
func TestConditions(t *testing.T) {
	tests := []struct {
		when string
		want string // QUEUED, or the reason and what the detail ends with
	}{
		{`jobs.load.exit_code == 3 && jobs.load.state == "FAILED" && jobs.load.reason == "exit_code"`, "QUEUED"},
		{`jobs["sub/part"].outputs.rows == "3" && int(jobs["sub/part"].outputs["rows"]) > 2 && !("n" in jobs["sub/part"].outputs)`, "QUEUED"},
		{`size(jobs.load.outputs) == 0`, "QUEUED"},
		{`jobs.load.outputs.rows == "3"`, "condition_failed"},
		{`jobs.none.exit_code == -1 && jobs.none.reason == "condition_false"`, "QUEUED"},
		{`jobs["sub/part"].state == "SUCCESS"`, "QUEUED"},
		{`jobs.other.state == "SUCCESS"`, "QUEUED"}, // named, though it does not need it
		{`jobs.all(id, jobs[id].state != "SUCCESS")`, "condition_false"},
		{`size(jobs) == 3`, "QUEUED"}, // those that it needs
		{`jobs.nobody.state == "SUCCESS"`, "condition_failed"},
		{`params.n + 1 == 8 && params.x > 0.4 && params.on && params.l == ["a", "b"] && params.d == "2026-01-31"`, "QUEUED"},
		{`has(params.hidden) || has(params.api_token)`, "condition_false"},
		{`env.STAGE == "live" && env.HOME == "/h" && env.OWN == "live!"`, "QUEUED"},
		{`env.exists(name, name == "OWN") && !("API_TOKEN" in env) && !env.exists(name, env[name] == "geheim")`, "QUEUED"},
		{`env.API_TOKEN == "geheim"`, "condition_failed"},
		{`run.id == 7 && run.attempt == 1 && now == timestamp("2026-01-31T12:00:00Z")`, "QUEUED"},
		{`1 +`, "condition_failed"},
	}
	for _, tt := range tests {
		if got := conditionOf(t, tt.when); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.when, got, tt.want)
		}
	}
}

// TestConditionsOfSubWorkflows: within one, jobs have the names that its file gives them,
// and parameters are its own.
func TestConditionsOfSubWorkflows(t *testing.T) {
	scope := &workflow.Scope{Job: "sub", Params: []workflow.Param{{Name: "n", Type: workflow.IntParam, Value: "9"}}}
	for when, want := range map[string]string{
		`jobs.part.state == "SUCCESS" && params.n == 9`:   "QUEUED",
		`jobs["sub/part"].state == "SUCCESS"`:             "QUEUED",
		`jobs.exists(id, id == "part") && !has(params.x)`: "QUEUED",
	} {
		if got := conditionOf(t, when, scope); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
}

// conditionOf returns what became of a job with that condition.
func conditionOf(t *testing.T, when string, scope ...*workflow.Scope) string {
	t.Helper()
	done := workflow.OnDone
	wf := &workflow.Workflow{
		MaxWorkers: 9, ContinueOnError: true, Inherit: workflow.Inherit{All: true},
		Env: []workflow.Var{{Name: "STAGE", Value: "test"}, {Name: "API_TOKEN", Value: "geheim"}},
		Params: []workflow.Param{
			{Name: "n", Type: workflow.IntParam, Value: "7"},
			{Name: "x", Type: workflow.NumberParam, Value: "0.5"},
			{Name: "on", Type: workflow.BoolParam, Value: "true"},
			{Name: "l", Type: workflow.ListParam, Value: "a\nb"},
			{Name: "d", Type: workflow.DateParam, Value: "2026-01-31"},
			{Name: "hidden", Type: workflow.StringParam, Value: "x", Secret: true},
			{Name: "api_token", Type: workflow.StringParam, Value: "x"},
		},
		Jobs: []workflow.Job{
			{ID: "load"},
			{ID: "sub/part"},
			{ID: "none", When: "false"},
			{ID: "other"},
			{
				ID: "asks", When: when, Needs: []int{0, 1, 2}, On: []workflow.Ending{done, done, done},
				Env: []workflow.Var{{Name: "OWN", Value: "${STAGE}!"}},
			},
		},
	}
	for i := range wf.Jobs {
		wf.Jobs[i].Retry = &workflow.Retry{}
	}
	for _, s := range scope {
		wf.Jobs[1].Scope, wf.Jobs[4].Scope = s, s
	}
	a := runs.Attempt{Run: 7, Number: 1, Workflow: wf, Options: runs.Options{Env: []workflow.Var{{Name: "STAGE", Value: "live"}}}}
	p := plan.New(wf, plan.Options{Run: 7, When: newConditions([]string{"HOME=/h"}, a)})
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	p.Step(now, plan.Begin{})
	for _, i := range []int{3, 1, 0} {
		o := run.Outcome{State: run.Success, Reason: run.Exited}
		if i == 1 {
			o.Values = `{"rows":"3"}`
		}
		if i == 0 {
			o = run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 3}
		}
		for _, tr := range p.Step(now, plan.Finished{Job: i, Try: 1, Outcome: o}).Transitions {
			switch {
			case tr.Job != "asks":
			case tr.To == run.Queued:
				return tr.To.String()
			default:
				return string(tr.Reason)
			}
		}
	}
	return "nothing"
}
