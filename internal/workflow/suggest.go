package workflow

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/nearest"
)

// meant guesses which of the candidates was meant by name: `did you mean "x"?`, or
// nothing. It gives up when a file has so many mistakes that guessing takes long.
func (d *decoder) meant(name string, candidates iter.Seq[string]) string {
	best := nearest.In(name, func(yield func(string) bool) {
		for c := range candidates {
			if d.budget--; d.budget < 0 || !yield(c) {
				return
			}
		}
	})
	if best == "" || d.budget < 0 {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", quote(best))
}

// meantField is meant for the name of a field, which may also be what other programs call it.
func (d *decoder) meantField(name string, known iter.Seq[string]) string {
	if d.budget < 0 {
		return ""
	}
	word := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for _, ours := range elsewhere(word) {
		for k := range known {
			if d.budget--; k == ours {
				return fmt.Sprintf("did you mean %s?", quote(ours))
			}
		}
	}
	if hint := misplaced(word, known); hint != "" {
		return hint
	}
	return d.meant(word, known)
}

// meantCheck is meant for the name of a check.
func (d *decoder) meantCheck(name string) string {
	if ours := builtIn(name); ours != "" {
		return fmt.Sprintf("did you mean %s?", quote(ours))
	}
	return d.meant(name, d.checkNames())
}

// elsewhere returns what this format may call a field that others call so. Which of the
// names counts depends on where it stands.
func elsewhere(name string) []string {
	switch name {
	case "name", "job", "job_id", "task", "task_id", "key":
		return []string{"id"}
	case "cmd", "run", "script", "shell", "exec", "bash", "bash_command", "entrypoint", "args":
		return []string{"command"}
	case "depends_on", "depends", "needs", "need", "after", "requires", "upstream", "dependency", "deps", "dependson":
		return []string{"dependencies"}
	case "retries", "retry", "attempts", "max_attempts", "max_tries", "tries":
		return []string{"max_retries", "default_max_retries"}
	case "retry_wait", "retry_interval", "backoff", "delay":
		return []string{"retry_delay", "default_retry_delay"}
	case "cwd", "dir", "directory", "workdir", "working_directory", "chdir":
		return []string{"working_dir"}
	case "env", "environment", "vars", "variables":
		return []string{"env_variables"}
	case "env_file", "dotenv":
		return []string{"env_files"}
	case "if", "condition", "only_if":
		return []string{"when"}
	case "tasks", "steps", "stages":
		return []string{"jobs"}
	case "concurrency", "max_parallel", "workers", "parallelism":
		return []string{"max_workers"}
	case "allow_failure", "ignore_errors", "ignore_failure":
		return []string{"continue_on_error"}
	case "timeout_seconds", "max_time", "time_limit", "job_timeout":
		return []string{"timeout"}
	case "memory", "mem", "max_memory":
		return []string{"memory_limit"}
	case "mail", "mail_to", "email", "emails", "notify":
		return []string{"email_address"}
	case "inputs", "parameters", "arguments":
		return []string{"params"}
	case "checks", "check":
		return []string{"post_checks"}
	case "uses", "template", "inherits":
		return []string{"extends"}
	case "timezone", "tz", "zone":
		return []string{"time_zone"}
	case "concurrency_policy", "concurrencypolicy":
		return []string{"overlap"}
	case "catchup", "misfire", "misfire_policy", "backfill":
		return []string{"catch_up"}
	case "not_before", "start_date", "from":
		return []string{"start"}
	case "not_after", "end_date", "until":
		return []string{"end"}
	case "suspend", "disabled":
		return []string{"paused"}
	case "interval":
		return []string{"every"}
	case "strategy", "each", "for_each", "loop", "with_items":
		return []string{"foreach"}
	}
	return nil
}

// misplaced says where a field belongs that stands in an object with the known fields, or
// what there is instead of it.
func misplaced(name string, known iter.Seq[string]) string {
	top, job := false, false
	for k := range known {
		top, job = top || k == "jobs", job || k == "dependencies"
	}
	switch name {
	case "trigger", "triggers", "webhook", "webhooks":
		if top && name != "triggers" {
			return `write triggers: [{name: pushed, webhook: {secret: {env: NAME}}}], see docs/triggers.md`
		}
		if job {
			return "triggers are of the whole workflow: write them at the top of the file, see docs/triggers.md"
		}
	case "schedule", "schedules", "cron", "every", "at", "calendars":
		if top && name != "schedules" {
			return `write schedules: [{name: nightly, cron: "30 2 * * *"}], see docs/schedules.md`
		}
		if job {
			return "schedules are of the whole workflow: write them at the top of the file, see docs/schedules.md"
		}
	case "on_failure", "on_success":
		if job {
			return name + " is a list of jobs at the top of the file; after one job: dependencies: [{job: ID, on: " + name[len("on_"):] + "}]"
		}
	case "params", "secrets", "rules", "validators", "max_workers", "parallel", "allow_shell":
		if job {
			return name + " belongs at the top of the file, not into a job"
		}
	case "id", "command", "dependencies", "pre_checks", "post_checks", "priority", "idempotent", "always", "when", "matrix", "workflow", "owner", "tags":
		if top {
			return name + " belongs to a job: indent it like the job's id"
		}
	}
	return ""
}

// builtIn returns the check that is meant by a name without its beginning, or by what
// others call it.
func builtIn(name string) string {
	switch name {
	case "exists", "file_exist", "file_exists":
		return "check_file_exists"
	case "no_ora_errors", "ora_errors":
		return "check_no_ora_errors"
	case "shell", "script", "exec":
		return "command"
	case "fresh", "file_age", "max_age":
		return "file_fresh"
	case "size", "min_size", "filesize":
		return "file_size"
	case "grep", "log_contains", "matches":
		return "log_matches"
	case "log_not_contains", "not_matches":
		return "log_lacks"
	}
	return ""
}

// sortedKeys yields the keys of m in order. It sorts only when it is used.
func sortedKeys[V any](m map[string]V) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key) {
				return
			}
		}
	}
}
