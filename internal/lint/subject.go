package lint

import (
	"encoding/json"
	"time"

	"github.com/executionerhq/executioner/internal/expr"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// subject is a workflow as rules see it.
type subject struct {
	workflow expr.Fields
	jobs     []expr.Fields
}

func newSubject(w *workflow.Workflow) subject {
	s := subject{jobs: make([]expr.Fields, len(w.Jobs))}
	all := make([]any, len(w.Jobs))
	for i := range w.Jobs {
		s.jobs[i] = jobFields(w, &w.Jobs[i])
		all[i] = s.jobs[i]
	}
	s.workflow = workflowFields(w)
	s.workflow.Values["jobs"] = all
	return s
}

// given are fields that the file has, or that are not what they are by default.
type given map[string]any

func set[T comparable](g given, name string, v T) {
	var zero T
	if v != zero {
		g[name] = v
	}
}

func list[T any](g given, name string, v []T) {
	if len(v) > 0 {
		g[name] = v
	}
}

func workflowFields(w *workflow.Workflow) expr.Fields {
	g := given{
		"application_name": w.Application, "working_dir": w.WorkingDir, "log_dir": w.LogDir,
		"max_workers": w.MaxWorkers, "parallel": !w.Sequential, "allow_shell": w.AllowShell,
		"security_policy": w.Security.Policy, "security_level": w.Security.Level,
		"inherit_shell_env": inherit(w.Inherit),
		"smtp_server":       w.Mail.Server, "smtp_port": w.Mail.Port, "email_on_failure": w.Mail.OnFailure,
	}
	set(g, "file", w.File)
	set(g, "continue_on_error", w.ContinueOnError)
	set(g, "timeout", w.Timeout)
	set(g, "email_on_success", w.Mail.OnSuccess)
	set(g, "smtp_user", w.Mail.User)
	list(g, "email_address", w.Mail.To)
	list(g, "command_whitelist", w.Security.Whitelist)
	list(g, "workspace_paths", w.Security.WorkspacePaths)
	list(g, "schedules", schedules(w))
	if len(w.Calendars) > 0 {
		days := make(map[string]any, len(w.Calendars))
		for _, c := range w.Calendars {
			days[c.Name] = c.Days
		}
		g["calendars"] = days
	}
	vars(g, w.Env)
	return apart("Workflow", w.Origin, "", g, "", "application_name", "log_dir", "max_workers", "parallel", "allow_shell",
		"security_policy", "security_level", "inherit_shell_env", "smtp_server", "smtp_port", "email_on_failure")
}

func inherit(i workflow.Inherit) any {
	if i.All {
		return true
	}
	if len(i.Names) == 0 {
		return false
	}
	return i.Names
}

func vars(g given, all []workflow.Var) {
	if len(all) == 0 {
		return
	}
	values := make(map[string]string, len(all))
	for _, v := range all {
		values[v.Name] = v.Value
	}
	g["env_variables"] = values
}

func jobFields(w *workflow.Workflow, j *workflow.Job) expr.Fields {
	g := given{"id": string(j.ID), "timeout": j.Timeout, "log_dir": j.LogDir, "output_limit": j.OutputLimit, "leftover": string(j.Leftover)}
	set(g, "command", j.Command)
	set(g, "description", j.Description)
	set(g, "owner", j.Owner)
	set(g, "when", j.When)
	set(g, "hook", string(j.Hook))
	set(g, "always", j.Always)
	set(g, "continue_on_error", j.ContinueOnError)
	set(g, "priority", j.Priority)
	set(g, "memory_limit", j.MemoryLimit)
	set(g, "max_processes", j.MaxProcesses)
	set(g, "idempotent", j.Idempotent)
	list(g, "args", j.Args)
	if f := j.Footprint; f != nil {
		list(g, "inputs", f.Inputs)
		list(g, "outputs", f.Outputs)
		list(g, "input_env", f.Env)
	}
	list(g, "tags", j.Tags)
	list(g, "pools", j.Pools)
	list(g, "pre_checks", checks(j.PreChecks))
	list(g, "post_checks", checks(j.PostChecks))
	var needs []string
	for _, need := range j.Needs {
		needs = append(needs, string(w.Jobs[need].ID))
	}
	list(g, "dependencies", needs)
	vars(g, j.Env)
	if r := j.Retry; r != nil {
		g["max_retries"], g["retry_delay"], g["retry_backoff"], g["retry_jitter"] = r.Max, r.Delay, r.Backoff, r.Jitter
		g["max_retry_time"], g["retry_on_status"], g["retry_on_exit_codes"] = r.MaxTime, r.OnStatus, r.ExitCodes
	}
	return apart("Job", w.Origin, j.ID, g, "default_", "timeout", "log_dir", "output_limit", "leftover",
		"max_retries", "retry_delay", "retry_backoff", "retry_jitter", "max_retry_time", "retry_on_status", "retry_on_exit_codes")
}

func checks(all []workflow.Check) []any {
	var list []any
	for _, c := range all {
		g := map[string]any{"name": c.Name}
		if c.Params != nil {
			g["params"] = c.Params
		}
		list = append(list, expr.Fields{Type: "Check", Values: g})
	}
	return list
}

// apart makes fields of which those named are defaults unless the file has them: in the
// job itself, or for all jobs under the name with a prefix.
func apart(kind string, o *workflow.Origin, job run.JobID, g given, prefix string, defaulted ...string) expr.Fields {
	f := expr.Fields{Type: kind, Values: g, Defaults: map[string]any{}}
	if within(job, o.Named(job)) { // what its own file says is not known here
		if g["timeout"] == workflow.DefaultTimeout {
			f.Defaults["timeout"] = g["timeout"]
			delete(g, "timeout")
		}
		return f
	}
	for _, name := range defaulted {
		if o.Has(job, name) || prefix != "" && o.Has("", prefix+name) {
			continue
		}
		f.Defaults[name] = g[name]
		delete(g, name)
	}
	return f
}

// JSON returns a workflow as rules see it, defaults filled in and times in seconds:
// what validators get.
func JSON(w *workflow.Workflow) ([]byte, error) {
	return json.Marshal(plain(newSubject(w).workflow))
}

func plain(v any) any {
	switch v := v.(type) {
	case expr.Fields:
		all := make(map[string]any, len(v.Values)+len(v.Defaults))
		for _, values := range []map[string]any{v.Defaults, v.Values} {
			for name, value := range values {
				all[name] = plain(value)
			}
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = plain(v[i])
		}
		return all
	case time.Duration:
		return v.Seconds()
	}
	return v
}
