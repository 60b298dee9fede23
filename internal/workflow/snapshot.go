package workflow

import (
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// Decode returns the workflow of which Encode made the snapshot. A snapshot that is
// damaged is a fault Internal, one of a newer program a fault Unsupported.
// It is safe for concurrent use.
func Decode(snapshot []byte) (*Workflow, error) {
	rep := &reporter{name: "snapshot", data: snapshot}
	t := readJSON(snapshot, rep)
	if t == nil || rep.failed() {
		return nil, damaged(rep.problems())
	}
	s := &snapshotReader{decoder: &decoder{tree: t, rep: rep}, flow: &Workflow{}}
	if t.kind(0) != objectNode {
		return nil, damaged(nil)
	}
	readFields(s.decoder, 0, snapshotFields, s)
	if s.format > snapshotFormat || rep.warns.total > 0 {
		return nil, fault.New(fault.Unsupported, "the stored workflow was written by a newer version of this program").
			WithHint("use that version or a newer one")
	}
	s.jobs()
	if rep.failed() || s.format < 1 {
		return nil, damaged(rep.problems())
	}
	return s.flow, nil
}

func damaged(problems Problems) error {
	f := fault.New(fault.Internal, "the stored workflow is damaged")
	if len(problems) > 0 {
		f.Err = problems
	}
	return f
}

// snapshotReader holds what Decode has read so far.
type snapshotReader struct {
	*decoder
	flow     *Workflow
	format   int
	retries  []*Retry
	jobsNode uint32
	scopes   []*Scope
}

var snapshotFields = fields[snapshotReader]{
	"format":            func(d *decoder, s *snapshotReader, f field) { d.exactInt(f, &s.format) },
	"file":              func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.File) },
	"application":       func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.Application) },
	"working_dir":       func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.WorkingDir) },
	"log_dir":           func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.LogDir) },
	"max_workers":       func(d *decoder, s *snapshotReader, f field) { d.exactInt(f, &s.flow.MaxWorkers) },
	"sequential":        func(d *decoder, s *snapshotReader, f field) { d.bool(f, &s.flow.Sequential) },
	"continue_on_error": func(d *decoder, s *snapshotReader, f field) { d.bool(f, &s.flow.ContinueOnError) },
	"timeout":           func(d *decoder, s *snapshotReader, f field) { d.nanoseconds(f, &s.flow.Timeout) },
	"allow_shell":       func(d *decoder, s *snapshotReader, f field) { d.bool(f, &s.flow.AllowShell) },
	"inherit_all":       func(d *decoder, s *snapshotReader, f field) { d.bool(f, &s.flow.Inherit.All) },
	"inherit":           func(d *decoder, s *snapshotReader, f field) { d.strings(f, &s.flow.Inherit.Names) },
	"params":            func(d *decoder, s *snapshotReader, f field) { objects(d, f, snapshotParamFields, &s.flow.Params) },
	"secrets":           func(d *decoder, s *snapshotReader, f field) { objects(d, f, snapshotSecretFields, &s.flow.Secrets) },
	"scopes":            func(d *decoder, s *snapshotReader, f field) { s.readScopes(f) },
	"env":               func(d *decoder, s *snapshotReader, f field) { snapshotVars(d, f, &s.flow.Env) },
	"mail_to":           func(d *decoder, s *snapshotReader, f field) { d.strings(f, &s.flow.Mail.To) },
	"mail_on_success":   func(d *decoder, s *snapshotReader, f field) { d.bool(f, &s.flow.Mail.OnSuccess) },
	"mail_on_failure":   func(d *decoder, s *snapshotReader, f field) { d.bool(f, &s.flow.Mail.OnFailure) },
	"mail_server":       func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.Mail.Server) },
	"mail_port":         func(d *decoder, s *snapshotReader, f field) { d.exactInt(f, &s.flow.Mail.Port) },
	"mail_user":         func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.Mail.User) },
	"mail_password":     func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.Mail.Password) },
	"policy":            func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.Security.Policy) },
	"level":             func(d *decoder, s *snapshotReader, f field) { d.string(f, &s.flow.Security.Level) },
	"whitelist":         func(d *decoder, s *snapshotReader, f field) { d.strings(f, &s.flow.Security.Whitelist) },
	"allowlist":         func(d *decoder, s *snapshotReader, f field) { d.strings(f, &s.flow.Security.AllowlistPatterns) },
	"workspace":         func(d *decoder, s *snapshotReader, f field) { d.strings(f, &s.flow.Security.WorkspacePaths) },
	"plugins":           func(d *decoder, s *snapshotReader, f field) { objects(d, f, pluginFields, &s.flow.Plugins) },
	"checks":            func(d *decoder, s *snapshotReader, f field) { objects(d, f, snapshotCustomFields, &s.flow.Checks) },
	"schedules":         func(d *decoder, s *snapshotReader, f field) { objects(d, f, snapshotScheduleFields, &s.flow.Schedules) },
	"triggers":          func(d *decoder, s *snapshotReader, f field) { objects(d, f, snapshotTriggerFields, &s.flow.Triggers) },
	"calendars":         func(d *decoder, s *snapshotReader, f field) { objects(d, f, snapshotCalendarFields, &s.flow.Calendars) },
	"retries": func(d *decoder, s *snapshotReader, f field) {
		var all []Retry
		objects(d, f, snapshotRetryFields, &all)
		for i := range all {
			s.retries = append(s.retries, &all[i])
		}
	},
	"jobs": func(_ *decoder, s *snapshotReader, f field) { s.jobsNode = f.value },
}

// objects reads a list of objects.
func objects[T any](d *decoder, f field, known fields[T], into *[]T) {
	if !d.is(f, listNode) {
		return
	}
	all := make([]T, d.tree.items(f.value))
	i := 0
	d.items(f, func(item field) {
		if d.is(item, objectNode) {
			readFields(d, item.value, known, &all[i])
		}
		i++
	})
	*into = all
}

func snapshotVars(d *decoder, f field, into *[]Var) { objects(d, f, snapshotVarFields, into) }

var snapshotVarFields = fields[Var]{
	"name":  func(d *decoder, v *Var, f field) { d.string(f, &v.Name) },
	"value": func(d *decoder, v *Var, f field) { d.string(f, &v.Value) },
}

var snapshotRetryFields = fields[Retry]{
	"max":        func(d *decoder, r *Retry, f field) { d.exactInt(f, &r.Max) },
	"delay":      func(d *decoder, r *Retry, f field) { d.nanoseconds(f, &r.Delay) },
	"backoff":    func(d *decoder, r *Retry, f field) { d.float(f, &r.Backoff) },
	"jitter":     func(d *decoder, r *Retry, f field) { d.float(f, &r.Jitter) },
	"max_time":   func(d *decoder, r *Retry, f field) { d.nanoseconds(f, &r.MaxTime) },
	"on_status":  func(d *decoder, r *Retry, f field) { d.strings(f, &r.OnStatus) },
	"exit_codes": readRetryOnExitCodes,
}

var snapshotCheckFields = fields[Check]{
	"name": func(d *decoder, c *Check, f field) { d.string(f, &c.Name) },
	"params": func(d *decoder, c *Check, f field) {
		c.Params, _ = d.any(f.value).(map[string]any)
	},
}

func snapshotChecks(d *decoder, f field, into *[]Check) { objects(d, f, snapshotCheckFields, into) }

// snapshotJob is a job whose dependencies are still ids.
type snapshotJob struct {
	*Job
	retry int    // from 1
	scope int    // from 1; 0: none
	id    uint32 // node
	needs uint32 // node
	on    []string
}

var snapshotJobFields = fields[snapshotJob]{
	"id": func(d *decoder, j *snapshotJob, f field) {
		if d.is(f, stringNode) {
			j.ID, j.id = run.JobID(d.text(f.value)), f.value
		}
	},
	"group": func(d *decoder, j *snapshotJob, f field) { snapshotID(d, f, &j.Group) },
	"item":  func(d *decoder, j *snapshotJob, f field) { snapshotVars(d, f, &j.Item) },
	"foreach": func(d *decoder, j *snapshotJob, f field) {
		if j.Each = new(Each); d.is(f, objectNode) {
			readFields(d, f.value, snapshotEachFields, j.Each)
		}
	},
	"scope":       func(d *decoder, j *snapshotJob, f field) { d.exactInt(f, &j.scope) },
	"working_dir": func(d *decoder, j *snapshotJob, f field) { d.string(f, &j.WorkingDir) },
	"description": func(d *decoder, j *snapshotJob, f field) { d.string(f, &j.Description) },
	"owner":       func(d *decoder, j *snapshotJob, f field) { d.string(f, &j.Owner) },
	"tags":        func(d *decoder, j *snapshotJob, f field) { d.strings(f, &j.Tags) },
	"pools":       func(d *decoder, j *snapshotJob, f field) { d.strings(f, &j.Pools) },
	"command":     func(d *decoder, j *snapshotJob, f field) { d.string(f, &j.Command) },
	"args":        func(d *decoder, j *snapshotJob, f field) { d.strings(f, &j.Args) },
	"needs": func(d *decoder, j *snapshotJob, f field) {
		if d.is(f, listNode) {
			j.needs = f.value
		}
	},
	"on":   func(d *decoder, j *snapshotJob, f field) { d.strings(f, &j.on) },
	"when": func(d *decoder, j *snapshotJob, f field) { d.string(f, &j.When) },
	"hook": func(d *decoder, j *snapshotJob, f field) {
		if d.is(f, stringNode) {
			j.Hook = Hook(d.text(f.value))
		}
	},
	"always":            func(d *decoder, j *snapshotJob, f field) { d.bool(f, &j.Always) },
	"continue_on_error": func(d *decoder, j *snapshotJob, f field) { d.bool(f, &j.ContinueOnError) },
	"env":               func(d *decoder, j *snapshotJob, f field) { snapshotVars(d, f, &j.Env) },
	"pre_checks":        func(d *decoder, j *snapshotJob, f field) { snapshotChecks(d, f, &j.PreChecks) },
	"post_checks":       func(d *decoder, j *snapshotJob, f field) { snapshotChecks(d, f, &j.PostChecks) },
	"log_dir":           func(d *decoder, j *snapshotJob, f field) { d.string(f, &j.LogDir) },
	"timeout":           func(d *decoder, j *snapshotJob, f field) { d.nanoseconds(f, &j.Timeout) },
	"retry":             func(d *decoder, j *snapshotJob, f field) { d.exactInt(f, &j.retry) },
	"priority":          func(d *decoder, j *snapshotJob, f field) { d.exactInt(f, &j.Priority) },
	"output_limit":      func(d *decoder, j *snapshotJob, f field) { d.int64(f, &j.OutputLimit) },
	"memory_limit":      func(d *decoder, j *snapshotJob, f field) { d.int64(f, &j.MemoryLimit) },
	"max_processes":     func(d *decoder, j *snapshotJob, f field) { d.exactInt(f, &j.MaxProcesses) },
	"idempotent":        func(d *decoder, j *snapshotJob, f field) { d.bool(f, &j.Idempotent) },
	"inputs":            func(d *decoder, j *snapshotJob, f field) { d.strings(f, &j.footprint().Inputs) },
	"outputs":           func(d *decoder, j *snapshotJob, f field) { d.strings(f, &j.footprint().Outputs) },
	"input_env":         func(d *decoder, j *snapshotJob, f field) { d.strings(f, &j.footprint().Env) },
	"input_env_given":   func(d *decoder, j *snapshotJob, f field) { d.bool(f, &j.footprint().EnvGiven) },
	"leftover": func(d *decoder, j *snapshotJob, f field) {
		if d.is(f, stringNode) {
			j.Leftover = Leftover(d.text(f.value))
		}
	},
}

var snapshotEachFields = fields[Each]{
	"job":    func(d *decoder, e *Each, f field) { snapshotID(d, f, &e.Job) },
	"output": func(d *decoder, e *Each, f field) { d.string(f, &e.Output) },
	"as":     func(d *decoder, e *Each, f field) { d.string(f, &e.As) },
}

// jobs reads the jobs and turns ids into indexes.
func (s *snapshotReader) jobs() {
	f := field{name: "jobs", value: s.jobsNode}
	if s.jobsNode == 0 || !s.is(f, listNode) {
		return
	}
	n := s.tree.items(f.value)
	g := newGraph(s.decoder, n)
	s.flow.Jobs = make([]Job, n)
	i := 0
	s.items(f, func(item field) {
		s.job(g, i, item)
		i++
	})
	g.resolve(s.flow.Jobs)
}

func (s *snapshotReader) job(g *graph, i int, item field) {
	if !s.is(item, objectNode) {
		return
	}
	j := snapshotJob{Job: &s.flow.Jobs[i], retry: usualRetry}
	*j.Job = usual
	j.LogDir = s.flow.LogDir
	readFields(s.decoder, item.value, snapshotJobFields, &j)
	switch {
	case j.retry < 0 || j.retry > len(s.retries):
		s.wrong(item, "", "have a retry that is not there")
	case j.retry > 0:
		j.Job.Retry = s.retries[j.retry-1]
	}
	j.Scope = s.scope(item, j.scope)
	for _, word := range j.on {
		j.On = append(j.On, Ending(word))
	}
	if j.On != nil && (j.needs == 0 || len(j.On) != s.tree.items(j.needs)) {
		s.wrong(item, "", "have endings that do not fit what they need")
		j.On = nil
	}
	g.add(i, &jobDraft{Job: j.Job, id: j.id, needs: j.needs})
}

// int64 reads a whole number exactly: those of a snapshot do not all fit a float.
func (d *decoder) int64(f field, into *int64) {
	if d.is(f, numberNode) {
		v, err := d.exact(f.value)
		if err != nil {
			d.wrong(f, "", "must be a whole number")
		}
		*into = v
	}
}

func (d *decoder) exactInt(f field, into *int) {
	v := int64(*into)
	d.int64(f, &v)
	*into = int(v)
}

func (d *decoder) nanoseconds(f field, into *time.Duration) {
	var v int64
	d.int64(f, &v)
	*into = time.Duration(v)
}

func (d *decoder) float(f field, into *float64) {
	if d.is(f, numberNode) {
		v, err := d.tree.number(f.value)
		if err != nil {
			d.wrong(f, "", "%v", err)
		}
		*into = v
	}
}
