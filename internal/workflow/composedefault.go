package workflow

import (
	"strconv"
	"time"
)

// defaultField is a field with the value that it has when a file does not have it.
type defaultField struct {
	name  string
	value any // string, bool, int, []string, []int, or number
}

// number is a number as it is written.
type number string

func seconds(d time.Duration) number {
	return number(strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
}

// workflowDefaults are the fields of a workflow that have a value without being there.
func workflowDefaults(w *Workflow) []defaultField {
	d := newDraft()
	return []defaultField{
		{"application_name", w.Application},
		{"log_dir", w.LogDir},
		{"parallel", !w.Sequential},
		{"max_workers", w.MaxWorkers},
		{"continue_on_error", w.ContinueOnError},
		{"allow_shell", w.AllowShell},
		{"inherit_shell_env", d.Inherit.All},
		{"email_on_success", w.Mail.OnSuccess},
		{"email_on_failure", w.Mail.OnFailure},
		{"smtp_server", w.Mail.Server},
		{"smtp_port", w.Mail.Port},
		{"security_policy", w.Security.Policy},
		{"security_level", w.Security.Level},
	}
}

// jobDefaults are the fields of a job that have a value without being there.
func jobDefaults(j *Job) []defaultField {
	r := j.Retry
	return []defaultField{
		{"timeout", seconds(j.Timeout)},
		{"priority", j.Priority},
		{"log_dir", j.LogDir},
		{"output_limit", number(strconv.FormatInt(j.OutputLimit, 10))},
		{"idempotent", j.Idempotent},
		{"always", j.Always},
		{"continue_on_error", j.ContinueOnError},
		{"leftover", string(j.Leftover)},
		{"max_retries", r.Max},
		{"retry_delay", seconds(r.Delay)},
		{"retry_backoff", number(short(r.Backoff))},
		{"retry_jitter", number(short(r.Jitter))},
		{"max_retry_time", seconds(r.MaxTime)},
		{"retry_on_status", r.OnStatus},
		{"retry_on_exit_codes", r.ExitCodes},
	}
}
