package workflow

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/run"
)

// Difference is what changed from one version of a workflow to another.
type Difference struct {
	Fields    []FieldChange `json:"fields,omitempty"` // of the workflow itself
	Added     []run.JobID   `json:"added,omitempty"`
	Removed   []run.JobID   `json:"removed,omitempty"`
	Changed   []JobChange   `json:"changed,omitempty"`
	Reordered bool          `json:"reordered,omitempty"` // jobs that both have are in another order
}

// FieldChange is a field with another value. Values of names that look secret are "***".
type FieldChange struct {
	Field string `json:"field"` // as in the file; env_variables.NAME for one variable
	Old   string `json:"old"`   // empty when it was not there
	New   string `json:"new"`
}

// JobChange is a job that both versions have, but not alike.
type JobChange struct {
	ID           run.JobID     `json:"id"`
	Fields       []FieldChange `json:"fields,omitempty"`
	NeedsAdded   []run.JobID   `json:"needs_added,omitempty"`
	NeedsRemoved []run.JobID   `json:"needs_removed,omitempty"`
}

// Compare says what changed from old to new. File and Warnings don't count.
// It takes time in proportion to the number of jobs.
func Compare(old, new *Workflow) Difference {
	var d Difference
	d.Fields = compareFlow(old, new)
	before := indexJobs(old)
	after := indexJobs(new)
	last := -1
	for i := range new.Jobs {
		j := &new.Jobs[i]
		was, ok := before[j.ID]
		if !ok {
			d.Added = append(d.Added, j.ID)
			continue
		}
		d.Reordered = d.Reordered || was < last
		last = was
		if c := compareJob(old, new, &old.Jobs[was], j); len(c.Fields)+len(c.NeedsAdded)+len(c.NeedsRemoved) > 0 {
			d.Changed = append(d.Changed, c)
		}
	}
	for i := range old.Jobs {
		if _, ok := after[old.Jobs[i].ID]; !ok {
			d.Removed = append(d.Removed, old.Jobs[i].ID)
		}
	}
	return d
}

func indexJobs(w *Workflow) map[run.JobID]int {
	index := make(map[run.JobID]int, len(w.Jobs))
	for i := range w.Jobs {
		index[w.Jobs[i].ID] = i
	}
	return index
}

// Empty reports whether nothing changed.
func (d Difference) Empty() bool {
	return len(d.Fields) == 0 && len(d.Added) == 0 && len(d.Removed) == 0 && len(d.Changed) == 0 && !d.Reordered
}

// Lines says what changed, one thing per line, for a person.
func (d Difference) Lines() []string {
	var lines []string
	for _, f := range d.Fields {
		lines = append(lines, f.line())
	}
	for _, id := range d.Added {
		lines = append(lines, "job "+quote(string(id))+" added")
	}
	for _, id := range d.Removed {
		lines = append(lines, "job "+quote(string(id))+" removed")
	}
	for _, c := range d.Changed {
		about := "job " + quote(string(c.ID)) + ": "
		for _, f := range c.Fields {
			lines = append(lines, about+f.line())
		}
		for _, id := range c.NeedsAdded {
			lines = append(lines, about+"now depends on "+quote(string(id)))
		}
		for _, id := range c.NeedsRemoved {
			lines = append(lines, about+"no longer depends on "+quote(string(id)))
		}
	}
	if d.Reordered {
		lines = append(lines, "jobs are in another order")
	}
	return lines
}

func (f FieldChange) line() string {
	switch {
	case f.Old == "":
		return fmt.Sprintf("%s set to %s", f.Field, quote(f.New))
	case f.New == "":
		return fmt.Sprintf("%s removed, was %s", f.Field, quote(f.Old))
	case f.Old == masked && f.New == masked:
		return f.Field + " changed (secret)"
	}
	was, is := fromDifference(f.Old, f.New)
	return fmt.Sprintf("%s changed from %s to %s", f.Field, quote(was), quote(is))
}

// fromDifference leaves out what long texts begin with alike, but for a few words, so
// that what is shown of them differs.
func fromDifference(a, b string) (string, string) {
	const lead = 20
	if len(a) <= lead || len(b) <= lead {
		return a, b
	}
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	from := same - lead
	for from > 0 && !utf8.RuneStart(a[from]) {
		from--
	}
	if from <= lead { // not worth it
		return a, b
	}
	return "…" + a[from:], "…" + b[from:]
}

const masked = "***"

// secretName reports whether values of that name are hidden.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range [...]string{"password", "secret", "token", "key"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// changes collects fields that differ.
type changes []FieldChange

func (c *changes) add(field, old, new string) {
	if old == new {
		return
	}
	if secretName(field) {
		old, new = mask(old), mask(new)
	}
	*c = append(*c, FieldChange{field, old, new})
}

func mask(value string) string {
	if value == "" {
		return ""
	}
	return masked
}

func (c *changes) list(field string, old, new []string) {
	if !slices.Equal(old, new) {
		c.add(field, strings.Join(old, ", "), strings.Join(new, ", "))
	}
}

func (c *changes) bool(field string, old, new bool) {
	c.add(field, strconv.FormatBool(old), strconv.FormatBool(new))
}

func (c *changes) int(field string, old, new int64) {
	if old != new {
		c.add(field, strconv.FormatInt(old, 10), strconv.FormatInt(new, 10))
	}
}

// vars compares variables by name; their order means nothing.
func (c *changes) vars(old, new []Var) { c.varsOf("env_variables.", old, new) }

// varsOf compares variables whose names are told with what is before them.
func (c *changes) varsOf(prefix string, old, new []Var) {
	if slices.Equal(old, new) {
		return
	}
	was := make(map[string]string, len(old))
	for _, v := range old {
		was[v.Name] = v.Value
	}
	now := make(map[string]bool, len(new))
	for _, v := range new {
		now[v.Name] = true
		before, ok := was[v.Name]
		c.value(prefix+v.Name, before, v.Value, ok, true)
	}
	for _, v := range old {
		if !now[v.Name] {
			c.value(prefix+v.Name, v.Value, "", true, false)
		}
	}
}

// value compares texts that may be absent, which is not the same as empty.
func (c *changes) value(field, old, new string, was, is bool) {
	show := func(text string, there bool) string {
		if there && text == "" {
			return `""`
		}
		return text
	}
	c.add(field, show(old, was), show(new, is))
}

func compareFlow(old, new *Workflow) []FieldChange {
	var c changes
	c.add("application_name", old.Application, new.Application)
	c.add("working_dir", old.WorkingDir, new.WorkingDir)
	c.add("log_dir", old.LogDir, new.LogDir)
	c.int("max_workers", int64(old.MaxWorkers), int64(new.MaxWorkers))
	c.bool("parallel", !old.Sequential, !new.Sequential)
	c.bool("continue_on_error", old.ContinueOnError, new.ContinueOnError)
	if old.Timeout != new.Timeout {
		c.add("timeout", old.Timeout.String(), new.Timeout.String())
	}
	c.bool("allow_shell", old.AllowShell, new.AllowShell)
	c.add("inherit_shell_env", inheritText(old.Inherit), inheritText(new.Inherit))
	c.declared(old, new)
	c.vars(old.Env, new.Env)
	c.list("email_address", old.Mail.To, new.Mail.To)
	c.bool("email_on_success", old.Mail.OnSuccess, new.Mail.OnSuccess)
	c.bool("email_on_failure", old.Mail.OnFailure, new.Mail.OnFailure)
	c.add("smtp_server", old.Mail.Server, new.Mail.Server)
	c.int("smtp_port", int64(old.Mail.Port), int64(new.Mail.Port))
	c.add("smtp_user", old.Mail.User, new.Mail.User)
	c.add("smtp_password", old.Mail.Password, new.Mail.Password)
	c.add("security_policy", old.Security.Policy, new.Security.Policy)
	c.add("security_level", old.Security.Level, new.Security.Level)
	c.list("command_whitelist", old.Security.Whitelist, new.Security.Whitelist)
	c.list("command_allowlist_patterns", old.Security.AllowlistPatterns, new.Security.AllowlistPatterns)
	c.list("workspace_paths", old.Security.WorkspacePaths, new.Security.WorkspacePaths)
	c.list("dependency_plugins", pluginTexts(old.Plugins), pluginTexts(new.Plugins))
	c.customs(old, new)
	c.schedules(old, new)
	c.triggers(old, new)
	return c
}

func inheritText(i Inherit) string {
	if i.All {
		return "true"
	}
	if len(i.Names) == 0 {
		return "false"
	}
	return strings.Join(i.Names, ", ")
}

func pluginTexts(plugins []Plugin) []string {
	var all []string
	for _, p := range plugins {
		all = append(all, p.Name+" ("+p.Path+")")
	}
	return all
}

func compareJob(oldFlow, newFlow *Workflow, old, new *Job) JobChange {
	var c changes
	c.add("command", old.Command, new.Command)
	c.made(old, new)
	c.add("description", old.Description, new.Description)
	c.add("owner", old.Owner, new.Owner)
	c.list("tags", old.Tags, new.Tags)
	c.list("pools", old.Pools, new.Pools)
	c.list("args", old.Args, new.Args)
	c.add("foreach", eachText(old.Each), eachText(new.Each))
	c.add("when", old.When, new.When)
	c.add("run at the end of the run", hookText(old.Hook), hookText(new.Hook))
	c.bool("always", old.Always, new.Always)
	c.bool("continue_on_error", old.ContinueOnError, new.ContinueOnError)
	c.add("dependencies", endingsText(oldFlow, old), endingsText(newFlow, new))
	c.vars(old.Env, new.Env)
	c.checks("pre_checks", old.PreChecks, new.PreChecks)
	c.checks("post_checks", old.PostChecks, new.PostChecks)
	c.add("log_dir", old.LogDir, new.LogDir)
	if old.Timeout != new.Timeout {
		c.add("timeout", old.Timeout.String(), new.Timeout.String())
	}
	c.int("priority", int64(old.Priority), int64(new.Priority))
	c.int("output_limit", old.OutputLimit, new.OutputLimit)
	c.int("memory_limit", old.MemoryLimit, new.MemoryLimit)
	c.int("max_processes", int64(old.MaxProcesses), int64(new.MaxProcesses))
	c.add("leftover", string(old.Leftover), string(new.Leftover))
	c.footprint(old.Footprint, new.Footprint)
	c.add("idempotent", strconv.FormatBool(old.Idempotent), strconv.FormatBool(new.Idempotent))
	c.retry(old.Retry, new.Retry)
	j := JobChange{ID: new.ID, Fields: c}
	j.NeedsAdded = missing(newFlow, new.Needs, oldFlow, old.Needs)
	j.NeedsRemoved = missing(oldFlow, old.Needs, newFlow, new.Needs)
	return j
}

func eachText(e *Each) string {
	if e == nil {
		return ""
	}
	return e.Text() + " as " + e.As
}

func hookText(h Hook) string {
	if h == NoHook {
		return ""
	}
	return "on_" + string(h)
}

// endingsText names what a job needs in another way than by its success.
func endingsText(w *Workflow, j *Job) string {
	var all []string
	for n, need := range j.Needs {
		if on := j.Ending(n); on != OnSuccess {
			all = append(all, string(w.Jobs[need].ID)+" on "+string(on))
		}
	}
	return strings.Join(all, ", ")
}

// missing returns the ids of needs of one workflow that are not among those of another.
func missing(in *Workflow, needs []int, from *Workflow, others []int) []run.JobID {
	if len(needs) == len(others) && slices.EqualFunc(needs, others, func(a, b int) bool { return in.Jobs[a].ID == from.Jobs[b].ID }) {
		return nil
	}
	have := make(map[run.JobID]bool, len(others))
	for _, i := range others {
		have[from.Jobs[i].ID] = true
	}
	var ids []run.JobID
	for _, i := range needs {
		if id := in.Jobs[i].ID; !have[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *changes) retry(old, new *Retry) {
	if old == new || old == nil || new == nil {
		return
	}
	c.int("max_retries", int64(old.Max), int64(new.Max))
	c.add("retry_delay", old.Delay.String(), new.Delay.String())
	c.add("retry_backoff", short(old.Backoff), short(new.Backoff))
	c.add("retry_jitter", short(old.Jitter), short(new.Jitter))
	c.add("max_retry_time", old.MaxTime.String(), new.MaxTime.String())
	c.list("retry_on_status", old.OnStatus, new.OnStatus)
	c.add("retry_on_exit_codes", codesText(old.ExitCodes), codesText(new.ExitCodes))
}

func codesText(codes []int) string {
	return strings.Trim(fmt.Sprint(codes), "[]")
}

func (c *changes) checks(field string, old, new []Check) {
	if !reflect.DeepEqual(old, new) {
		c.add(field, checksText(old), checksText(new))
	}
}

// checksText writes checks as the file does, with the values of secret names hidden.
func checksText(checks []Check) string {
	var all []string
	for _, check := range checks {
		e := encoder{}
		shown := make(map[string]any, len(check.Params))
		for name, value := range check.Params {
			if secretName(name) {
				value = masked
			}
			shown[name] = value
		}
		e.any(shown)
		all = append(all, check.Name+" "+string(e.out))
	}
	return strings.Join(all, ", ")
}
