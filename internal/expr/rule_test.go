package expr

import (
	"fmt"
	"testing"
	"time"
)

func ruleSample() map[string]any {
	job := Fields{
		Type: "Job",
		Values: map[string]any{
			"id": "prod-load", "tags": []string{"a", "b"}, "retry_on_exit_codes": []int{1, 75}, "retry_backoff": 1.5,
			"env_variables": map[string]string{"X": "1"}, "max_retries": 3, "idempotent": true, "retry_delay": time.Minute,
			"pre_checks": []any{Fields{Type: "Check", Values: map[string]any{"name": "command", "params": map[string]any{"timeout": 5.0}}}},
		},
		Defaults: map[string]any{"timeout": 3 * time.Hour},
	}
	flow := Fields{Type: "Workflow", Values: map[string]any{"application_name": "nightly", "jobs": []any{job, job}}}
	return map[string]any{"job": job, "workflow": flow}
}

func TestRules(t *testing.T) {
	tests := map[string]string{
		`has(job.timeout)`:                                                             "false",
		`job.timeout == duration("3h")`:                                                "true",
		`job.id.startsWith("prod-") && job.owner == ""`:                                "true",
		`has(job.owner) || job.description != ""`:                                      "false",
		`size(job.tags) == 2 && "a" in job.tags`:                                       "true",
		`75 in job.retry_on_exit_codes`:                                                "true",
		`job.retry_backoff > 1`:                                                        "true",
		`job.max_retries <= 3 && job.retry_delay < duration("2m")`:                     "true",
		`job.env_variables.X == "1" && job.idempotent`:                                 "true",
		`job.always || job.priority != 0 || job.retry_jitter != 0.0`:                   "false",
		`size(job.post_checks) == 0 && job.retry_on_status == []`:                      "true",
		`job.pre_checks.exists(c, c.name == "command" && c.params.timeout > 4)`:        "true",
		`workflow.jobs.filter(j, j.id == "prod-load").size() == 2`:                     "true",
		`workflow.application_name == "nightly" && workflow.timeout == duration("0s")`: "true",
		`dyn(job)["owner"] == "" && !has(dyn(job).timeout)`:                            "true",
		`dyn(job)["colour"] == ""`:                                                     "no such field: colour",
		`job == job`:                                                                   "compare fields of a Job, not the whole",
		`string(dyn(job)) == ""`:                                                       "it compares or joins values of different types (convert with int(…), double(…) or string(…))",
		`type(job) == type(workflow)`:                                                  "false",
		`workflow.inherit_shell_env == null`:                                           "true",
		`job.timout > duration("1h")`:                                                  `column 4: there is no field "timout" (did you mean timeout?)`,
		`job.timeout < 3600`:                                                           `column 13: < does not go between duration and int (write a duration as duration("1h30m"))`,
		`jobs.x == 1`:                                                                  `column 1: there is no variable or function "jobs" (did you mean job?)`,
	}
	c := NewCompiler()
	for text, want := range tests {
		p, err := c.Rule(text)
		got := fmt.Sprint(err)
		if err == nil {
			var holds bool
			if holds, err = p.Bool(ruleSample()); err == nil {
				got = fmt.Sprint(holds)
			} else {
				got = err.Error()
			}
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}
