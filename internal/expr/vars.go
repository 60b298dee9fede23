package expr

import (
	"iter"
	"maps"

	"cel.dev/cel-go/cel"
)

// conditionVars are the variables of a condition.
func conditionVars() map[string]*cel.Type {
	return map[string]*cel.Type{
		"params": mapTo(cel.DynType),
		"env":    mapTo(cel.StringType),
		"jobs":   mapTo(object("Result")),
		"now":    cel.TimestampType,
		"run":    object("Run"),
	}
}

func conditionTypes() shapes {
	return shapes{
		"Result": {
			"state":     cel.StringType,
			"reason":    cel.StringType,
			"exit_code": cel.IntType,
			"outputs":   mapTo(cel.DynType),
		},
		"Run": {"id": cel.IntType, "attempt": cel.IntType},
	}
}

// ruleVars are the variables of a rule.
func ruleVars() map[string]*cel.Type {
	return map[string]*cel.Type{"workflow": object("Workflow"), "job": object("Job")}
}

// ruleTypes are the fields of a workflow file. Passwords are not among them.
func ruleTypes() shapes {
	return shapes{
		"Workflow": {
			"application_name":  cel.StringType,
			"file":              cel.StringType,
			"working_dir":       cel.StringType,
			"log_dir":           cel.StringType,
			"jobs":              listOf(object("Job")),
			"parallel":          cel.BoolType,
			"max_workers":       cel.IntType,
			"continue_on_error": cel.BoolType,
			"timeout":           cel.DurationType,
			"allow_shell":       cel.BoolType,
			"inherit_shell_env": cel.DynType,
			"env_variables":     mapTo(cel.StringType),
			"email_address":     listOf(cel.StringType),
			"email_on_success":  cel.BoolType,
			"email_on_failure":  cel.BoolType,
			"smtp_server":       cel.StringType,
			"smtp_port":         cel.IntType,
			"smtp_user":         cel.StringType,
			"security_policy":   cel.StringType,
			"security_level":    cel.StringType,
			"command_whitelist": listOf(cel.StringType),
			"workspace_paths":   listOf(cel.StringType),
			"schedules":         listOf(object("Schedule")),
			"calendars":         mapTo(listOf(cel.StringType)),
		},
		"Job": {
			"id":                  cel.StringType,
			"command":             cel.StringType,
			"args":                listOf(cel.StringType),
			"description":         cel.StringType,
			"owner":               cel.StringType,
			"tags":                listOf(cel.StringType),
			"dependencies":        listOf(cel.StringType),
			"when":                cel.StringType,
			"hook":                cel.StringType,
			"always":              cel.BoolType,
			"continue_on_error":   cel.BoolType,
			"env_variables":       mapTo(cel.StringType),
			"pre_checks":          listOf(object("Check")),
			"post_checks":         listOf(object("Check")),
			"timeout":             cel.DurationType,
			"log_dir":             cel.StringType,
			"priority":            cel.IntType,
			"output_limit":        cel.IntType,
			"memory_limit":        cel.IntType,
			"max_processes":       cel.IntType,
			"leftover":            cel.StringType,
			"idempotent":          cel.BoolType,
			"inputs":              listOf(cel.StringType),
			"outputs":             listOf(cel.StringType),
			"input_env":           listOf(cel.StringType),
			"max_retries":         cel.IntType,
			"retry_delay":         cel.DurationType,
			"retry_backoff":       cel.DoubleType,
			"retry_jitter":        cel.DoubleType,
			"max_retry_time":      cel.DurationType,
			"retry_on_status":     listOf(cel.StringType),
			"retry_on_exit_codes": listOf(cel.IntType),
		},
		"Check": {"name": cel.StringType, "params": mapTo(cel.DynType)},
		"Schedule": {
			"name":            cel.StringType,
			"description":     cel.StringType,
			"cron":            cel.StringType,
			"every":           cel.DurationType,
			"at":              cel.StringType,
			"time_zone":       cel.StringType,
			"start":           cel.StringType,
			"end":             cel.StringType,
			"calendars":       mapTo(listOf(cel.StringType)),
			"jitter":          cel.DurationType,
			"overlap":         cel.StringType,
			"max_queued":      cel.IntType,
			"catch_up":        cel.StringType,
			"catch_up_max":    cel.IntType,
			"catch_up_within": cel.DurationType,
			"params":          mapTo(cel.StringType),
			"paused":          cel.BoolType,
		},
	}
}

// RuleFields returns the names of the fields of a Workflow, Job or Check that rules know.
func RuleFields(kind string) iter.Seq[string] { return maps.Keys(ruleTypes()[kind]) }
