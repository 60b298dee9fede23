package lint

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/workflow"
)

const full = `{
  "application_name": "full", "working_dir": "/w", "log_dir": "l", "parallel": true, "max_workers": 3,
  "continue_on_error": true, "timeout": "2h", "allow_shell": true, "inherit_shell_env": ["PATH"],
  "env_variables": {"A": "1"}, "email_address": "a@b.c", "email_on_success": true, "email_on_failure": true,
  "smtp_server": "s", "smtp_port": 25, "smtp_user": "u", "smtp_password": "never shown",
  "security_policy": "warn", "security_level": "low", "command_whitelist": ["ls"], "workspace_paths": ["/x"],
  "calendars": {"bank": ["12-25"]},
  "schedules": [{"name": "n", "cron": "0 3 * * *", "jitter": "5m", "time_zone": "UTC", "calendars": {"exclude": ["bank"]}}],
  "default_retry_delay": 7,
  "jobs": [
    {"id": "a", "command": "x"},
    {"id": "b", "command": ["x", "y"], "description": "d", "owner": "o", "tags": ["t"], "dependencies": ["a"], "when": "true",
     "always": true, "continue_on_error": true, "env_variables": {"B": "2"}, "pre_checks": [{"name": "c", "params": {"p": 1}}],
     "post_checks": [{"name": "d"}], "timeout": 5, "log_dir": "m", "priority": 4, "output_limit": 2048, "leftover": "kill",
     "inputs": ["i"], "outputs": ["o"], "input_env": ["B"], "memory_limit": "64MiB", "max_processes": 9,
     "idempotent": true, "max_retries": 2, "retry_delay": 3, "retry_backoff": 2, "retry_jitter": 0.5, "max_retry_time": 60,
     "retry_on_status": ["FAILED"], "retry_on_exit_codes": [3]}
  ],
  "on_failure": [{"id": "h", "command": "x"}]
}`

func loaded(t *testing.T, data string) *workflow.Workflow {
	t.Helper()
	w, err := workflow.Load(workflow.Source{Name: "full.json", Data: []byte(data)}, workflow.Host{Home: "/h", Dir: "/d", Origin: true})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Rules see each field that a file has, with its value; no field is forgotten, and none
// is there that rules can't name.
func TestRulesSeeEverything(t *testing.T) {
	w := loaded(t, full)
	s := newSubject(w)
	c := expr.NewCompiler()
	vars := map[string]any{"workflow": s.workflow, "job": s.jobs[1]}
	for _, about := range []struct {
		name   string
		fields expr.Fields
	}{{"workflow", s.workflow}, {"job", s.jobs[1]}} {
		for _, values := range []map[string]any{about.fields.Values, about.fields.Defaults} {
			for name := range values {
				p, err := c.Rule(fmt.Sprintf("has(%s.%s) == has(%[1]s.%[2]s) && dyn(%[1]s.%[2]s) != null", about.name, name))
				if err != nil {
					t.Errorf("%s.%s: %v", about.name, name, err)
					continue
				}
				if holds, err := p.Bool(vars); !holds || err != nil {
					t.Errorf("%s.%s: %v, %v", about.name, name, holds, err)
				}
			}
		}
	}
	for name := range expr.RuleFields("Job") {
		if _, ok := s.jobs[1].Values[name]; !ok && name != "hook" {
			t.Errorf("job.%s is not there", name)
		}
	}
	for name := range expr.RuleFields("Workflow") {
		if _, ok := s.workflow.Values[name]; !ok {
			t.Errorf("workflow.%s is not there", name)
		}
	}
	for text, want := range map[string]bool{
		`has(job.retry_delay) && job.retry_delay == duration("3s") && job.retry_jitter == 0.5`:                                                                        true,
		`workflow.jobs[0].retry_delay == duration("7s") && has(workflow.jobs[0].retry_delay)`:                                                                         true, // default_retry_delay
		`has(workflow.jobs[0].max_retry_time) || workflow.jobs[0].max_retry_time != duration("30m")`:                                                                  false,
		`has(workflow.jobs[0].timeout) || workflow.jobs[0].timeout != duration("3h")`:                                                                                 false,
		`workflow.jobs[2].hook == "failure" && job.dependencies == ["a"] && job.args == ["x", "y"]`:                                                                   true,
		`workflow.schedules.all(s, s.cron == "0 3 * * *" && s.jitter == duration("5m") && s.overlap == "skip" && !has(s.overlap) && s.calendars.exclude == ["bank"])`: true,
		`workflow.calendars["bank"] == ["12-25"] && workflow.schedules[0].catch_up == "last" && workflow.schedules[0].every == duration("0s")`:                        true,
		`workflow.inherit_shell_env == ["PATH"] && workflow.timeout == duration("2h") && workflow.smtp_port == 25`:                                                    true,
		`job.pre_checks[0].params.p == 1.0 && job.post_checks[0].params.size() == 0`:                                                                                  true,
	} {
		p, err := c.Rule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := p.Bool(vars); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if has, want := inherit(workflow.Inherit{All: true}), any(true); has != want {
		t.Error(has)
	}
	if has, want := inherit(workflow.Inherit{}), any(false); has != want {
		t.Error(has)
	}
}

func TestJSON(t *testing.T) {
	w := loaded(t, full)
	text, err := JSON(w)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "never shown") {
		t.Error("the password is handed out")
	}
	var got struct {
		Name string  `json:"application_name"`
		Time float64 `json:"timeout"`
		Jobs []struct {
			ID      string   `json:"id"`
			Timeout float64  `json:"timeout"`
			Args    []string `json:"args"`
			Checks  []struct {
				Name   string         `json:"name"`
				Params map[string]any `json:"params"`
			} `json:"pre_checks"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "full" || got.Time != 7200 || len(got.Jobs) != 3 || got.Jobs[0].Timeout != 10800 || got.Jobs[1].Timeout != 5 ||
		got.Jobs[1].Checks[0].Params["p"] != 1.0 || !cmp.Equal(got.Jobs[1].Args, []string{"x", "y"}) {
		t.Errorf("%+v", got)
	}
}

// A rule that costs too much for a large workflow is told, and does not hang.
func TestRulesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("working_dir: /w\njobs:\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "  - {id: j%d, command: x}\n", i)
	}
	w, err := workflow.Load(workflow.Source{Name: "f.yaml", Data: []byte(b.String())}, workflow.Host{Home: "/h", Dir: "/d", Origin: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &enforcer{linter: &linter{Workflow: w}, subject: newSubject(w), compiler: expr.NewCompiler(), most: 2_000_000}
	e.rule(&workflow.Rule{Name: "unique", For: workflow.EachJob, Require: `workflow.jobs.exists_one(j, j.id == job.id)`})
	if len(e.found) != 1 || !strings.Contains(e.found[0].Msg, "it takes too long for 3000 jobs") {
		t.Errorf("%v", e.found)
	}
}

// Rules that were not checked when they were loaded are no reason to let a workflow pass.
func TestWrongRules(t *testing.T) {
	w := loaded(t, full)
	found := Enforce(w, []workflow.Rule{
		{Name: "a", For: workflow.EachJob, Require: "job.idd == ''"},
		{Name: "b", For: workflow.WholeWorkflow, Require: "true", When: "1"},
		{Name: "c", For: workflow.WholeWorkflow, Require: "true", When: "workflow.env_variables.Z == ''"},
	}, expr.NewCompiler())
	var got []string
	for _, f := range found {
		got = append(got, string(f.Level)+": "+f.Msg)
	}
	want := []string{
		`error: its require can't be evaluated: column 4: there is no field "idd" (did you mean id?)`,
		`error: its when can't be evaluated: it is an int, not true or false`,
		`error: its when can't be evaluated: there is no "Z" (ask first whether it is there: "Z" in …, or has(….Z))`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Lint of a large workflow takes time in proportion to its size.
func TestLarge(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"working_dir": "/w", "default_timeout": 3600, "jobs": [`)
	const n = 10_000
	for i := range n {
		var needs []string
		for d := max(0, i-5); d < i; d++ {
			needs = append(needs, fmt.Sprintf(`"j%d"`, d))
		}
		fmt.Fprintf(&b, `%s{"id": "j%d", "command": "cp \"$A\" \"$B\" && ls | wc -l", "dependencies": [%s]}`, strings.Repeat(",", min(i, 1)), i, strings.Join(needs, ","))
	}
	w := loaded(t, b.String()+"]}")
	began := time.Now()
	found := Check(w, expr.NewCompiler(), nil)
	t.Logf("%d jobs, %d findings in %s", n, len(found), time.Since(began))
	if len(found) != 4*n-14 { // of five neighbours four are implied; the first jobs have fewer
		t.Errorf("%d findings", len(found))
	}
}
