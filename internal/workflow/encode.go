package workflow

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/fault"
)

// snapshotFormat is the version of what Encode writes. Fields with their zero value
// are left out, so a new field needs no new version.
const snapshotFormat = 1

// usual is what a snapshot's job is unless it says otherwise, besides the workflow's
// log directory and the first retry. It is part of the format: it must not follow the
// defaults of files when these change.
var usual = Job{Timeout: 10800 * time.Second, OutputLimit: 64 << 20, Leftover: LeaveLeftover}

const usualRetry = 1

// Encode returns a canonical JSON snapshot of a workflow and the SHA-256 of it in
// hexadecimal. Equal workflows have equal snapshots. File comes last and is not part
// of the hash; Warnings are not kept. Text with NUL or bytes that are not UTF-8 can't be kept:
// that is a fault InvalidWorkflow (File is made UTF-8 instead). It is safe for concurrent use.
func Encode(w *Workflow) ([]byte, string, error) {
	e := &encoder{out: make([]byte, 0, 4096+160*len(w.Jobs)), w: w}
	e.workflow()
	if e.bad != "" {
		return nil, "", fault.New(fault.InvalidWorkflow, "the workflow has text that can't be kept, with bytes that are not UTF-8 or NUL: %s", quote(e.bad))
	}
	sum := sha256.Sum256(e.out)
	e.string("file", validUTF8(w.File))
	e.out = append(e.out, '}')
	return e.out, hex.EncodeToString(sum[:]), nil
}

func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// encoder appends JSON by hand: a million jobs are written with each run that is submitted.
type encoder struct {
	out     []byte
	w       *Workflow
	bad     string // a text that can't be kept
	retries map[*Retry]int
	scopes  map[*Scope]int
}

func (e *encoder) workflow() {
	w := e.w
	e.out = append(e.out, '{')
	e.int("format", snapshotFormat)
	e.string("application", w.Application)
	e.string("working_dir", w.WorkingDir)
	e.string("log_dir", w.LogDir)
	e.int("max_workers", int64(w.MaxWorkers))
	e.bool("sequential", w.Sequential)
	e.bool("continue_on_error", w.ContinueOnError)
	e.int("timeout", int64(w.Timeout))
	e.bool("allow_shell", w.AllowShell)
	e.bool("inherit_all", w.Inherit.All)
	e.strings("inherit", w.Inherit.Names)
	e.declared(w)
	e.vars(w.Env)
	e.strings("mail_to", w.Mail.To)
	e.bool("mail_on_success", w.Mail.OnSuccess)
	e.bool("mail_on_failure", w.Mail.OnFailure)
	e.string("mail_server", w.Mail.Server)
	e.int("mail_port", int64(w.Mail.Port))
	e.string("mail_user", w.Mail.User)
	e.string("mail_password", w.Mail.Password)
	e.string("policy", w.Security.Policy)
	e.string("level", w.Security.Level)
	e.strings("whitelist", w.Security.Whitelist)
	e.strings("allowlist", w.Security.AllowlistPatterns)
	e.strings("workspace", w.Security.WorkspacePaths)
	list(e, "plugins", w.Plugins, func(p *Plugin) {
		e.string("name", p.Name)
		e.string("path", p.Path)
	})
	list(e, "checks", w.Checks, e.custom)
	e.schedules(w)
	e.triggers(w)
	list(e, "retries", e.collectRetries(), e.retry)
	list(e, "jobs", w.Jobs, e.job)
}

// collectRetries numbers the different Retry values in the order of their first job.
func (e *encoder) collectRetries() []Retry {
	var all []Retry
	pool := retryPool{}
	numbers := map[*Retry]int{}
	e.retries = map[*Retry]int{}
	for i := range e.w.Jobs {
		r := e.w.Jobs[i].Retry
		if r == nil {
			continue
		}
		if _, known := e.retries[r]; known {
			continue
		}
		shared := pool.share(*r)
		if _, known := numbers[shared]; !known {
			all = append(all, *r)
			numbers[shared] = len(all)
		}
		e.retries[r] = numbers[shared]
	}
	return all
}

func (e *encoder) retry(r *Retry) {
	e.int("max", int64(r.Max))
	e.int("delay", int64(r.Delay))
	e.float("backoff", r.Backoff)
	e.float("jitter", r.Jitter)
	e.int("max_time", int64(r.MaxTime))
	e.strings("on_status", r.OnStatus)
	if len(r.ExitCodes) > 0 {
		e.name("exit_codes")
		for i, code := range r.ExitCodes {
			e.out = strconv.AppendInt(append(e.out, "[,"[min(i, 1)]), int64(code), 10)
		}
		e.out = append(e.out, ']')
	}
}

func (e *encoder) job(j *Job) {
	e.string("id", string(j.ID))
	e.made(j)
	e.each(j.Each)
	e.string("description", j.Description)
	e.string("owner", j.Owner)
	e.strings("tags", j.Tags)
	e.strings("pools", j.Pools)
	e.string("command", j.Command)
	e.strings("args", j.Args)
	if len(j.Needs) > 0 {
		e.name("needs")
		for i, need := range j.Needs {
			e.out = append(e.out, "[,"[min(i, 1)])
			e.text(string(e.w.Jobs[need].ID))
		}
		e.out = append(e.out, ']')
	}
	e.endings(j.On)
	e.string("when", j.When)
	e.string("hook", string(j.Hook))
	e.vars(j.Env)
	list(e, "pre_checks", j.PreChecks, e.check)
	list(e, "post_checks", j.PostChecks, e.check)
	if j.LogDir != e.w.LogDir {
		e.name("log_dir")
		e.text(j.LogDir)
	}
	if j.Timeout != usual.Timeout {
		e.name("timeout")
		e.number(int64(j.Timeout))
	}
	if retry := e.retries[j.Retry]; retry != usualRetry {
		e.name("retry")
		e.number(int64(retry))
	}
	e.int("priority", int64(j.Priority))
	if j.OutputLimit != usual.OutputLimit {
		e.name("output_limit")
		e.number(j.OutputLimit)
	}
	if j.MemoryLimit != 0 {
		e.name("memory_limit")
		e.number(j.MemoryLimit)
	}
	e.int("max_processes", int64(j.MaxProcesses))
	if j.Leftover != usual.Leftover {
		e.name("leftover")
		e.text(string(j.Leftover))
	}
	e.bool("idempotent", j.Idempotent)
	e.bool("always", j.Always)
	e.bool("continue_on_error", j.ContinueOnError)
	e.footprint(j.Footprint)
}

// endings writes how each need must have ended, in the order of needs.
func (e *encoder) endings(on []Ending) {
	if len(on) == 0 {
		return
	}
	e.name("on")
	for i, ending := range on {
		e.out = append(e.out, "[,"[min(i, 1)])
		e.text(string(ending))
	}
	e.out = append(e.out, ']')
}

func (e *encoder) check(c *Check) {
	e.string("name", c.Name)
	if len(c.Params) > 0 {
		e.name("params")
		e.any(c.Params)
	}
}

// vars are written as pairs, because their order and double names count.
func (e *encoder) vars(vars []Var) { e.varList("env", vars) }

func (e *encoder) varList(name string, vars []Var) {
	list(e, name, vars, func(v *Var) {
		e.string("name", v.Name)
		e.string("value", v.Value)
	})
}

// list writes objects; an empty list is left out.
func list[T any](e *encoder, name string, all []T, write func(*T)) {
	if len(all) == 0 {
		return
	}
	e.name(name)
	for i := range all {
		e.out = append(e.out, "[,"[min(i, 1)], '{')
		write(&all[i])
		e.out = append(e.out, '}')
	}
	e.out = append(e.out, ']')
}

// name begins a member.
func (e *encoder) name(name string) {
	if e.out[len(e.out)-1] != '{' {
		e.out = append(e.out, ',')
	}
	e.out = append(e.out, '"')
	e.out = append(e.out, name...)
	e.out = append(e.out, '"', ':')
}

func (e *encoder) string(name, v string) {
	if v != "" {
		e.name(name)
		e.text(v)
	}
}

func (e *encoder) strings(name string, all []string) {
	if len(all) == 0 {
		return
	}
	e.name(name)
	for i, s := range all {
		e.out = append(e.out, "[,"[min(i, 1)])
		e.text(s)
	}
	e.out = append(e.out, ']')
}

func (e *encoder) bool(name string, v bool) {
	if v {
		e.name(name)
		e.out = append(e.out, "true"...)
	}
}

func (e *encoder) int(name string, v int64) {
	if v != 0 {
		e.name(name)
		e.number(v)
	}
}

func (e *encoder) number(v int64) { e.out = strconv.AppendInt(e.out, v, 10) }

func (e *encoder) float(name string, v float64) {
	if v != 0 {
		e.name(name)
		e.out = strconv.AppendFloat(e.out, v, 'g', -1, 64)
	}
}

// any writes a check's parameter, names sorted.
func (e *encoder) any(v any) {
	switch v := v.(type) {
	case string:
		e.text(v)
	case bool:
		e.out = strconv.AppendBool(e.out, v)
	case float64:
		e.out = strconv.AppendFloat(e.out, v, 'g', -1, 64)
	case []any:
		e.out = append(e.out, '[')
		for i, item := range v {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			e.any(item)
		}
		e.out = append(e.out, ']')
	case map[string]any:
		e.out = append(e.out, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if e.out[len(e.out)-1] != '{' {
				e.out = append(e.out, ',')
			}
			e.text(name)
			e.out = append(e.out, ':')
			e.any(v[name])
		}
		e.out = append(e.out, '}')
	default:
		e.out = append(e.out, "null"...)
	}
}

const hexDigits = "0123456789abcdef"

// text writes a JSON string.
func (e *encoder) text(s string) {
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		e.bad = s
		return
	}
	e.out = append(e.out, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		e.out = append(e.out, s[start:i]...)
		start = i + 1
		if c < ' ' {
			e.out = append(e.out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		} else {
			e.out = append(e.out, '\\', c)
		}
	}
	e.out = append(e.out, s[start:]...)
	e.out = append(e.out, '"')
}
