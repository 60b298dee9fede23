package workflow

import (
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/internal/run"
)

// jobDraft is a job in the making. Load uses one for all jobs of a file.
type jobDraft struct {
	*Job
	number   int // from 1, for messages about a job without an id
	retry    Retry
	ownRetry bool   // the job says something about retries itself
	id       uint32 // node of its id; 0 without one
	command  uint32 // node of its command
	needs    uint32 // node of its dependencies
	logDir   field
}

// jobFields are the names that a job may have.
var jobFields = fields[jobDraft]{
	"id":           func(d *decoder, j *jobDraft, f field) { d.jobID(f, j) },
	"command":      func(d *decoder, j *jobDraft, f field) { d.command(f, j) },
	"description":  func(d *decoder, j *jobDraft, f field) { d.string(f, &j.Description) },
	"dependencies": func(d *decoder, j *jobDraft, f field) { d.dependencies(f, j) },

	"env_variables": func(d *decoder, j *jobDraft, f field) { d.vars(f, &j.Env) },
	"pre_checks":    func(d *decoder, j *jobDraft, f field) { d.checks(f, &j.PreChecks) },
	"post_checks":   func(d *decoder, j *jobDraft, f field) { d.checks(f, &j.PostChecks) },
	"log_dir":       func(_ *decoder, j *jobDraft, f field) { j.logDir = f },

	"timeout":      func(d *decoder, j *jobDraft, f field) { d.limit(f, &j.Timeout) },
	"priority":     func(d *decoder, j *jobDraft, f field) { d.int(f, -1_000_000_000, 1_000_000_000, &j.Priority) },
	"output_limit": func(d *decoder, j *jobDraft, f field) { d.outputLimit(f, &j.OutputLimit) },
	"idempotent":   func(d *decoder, j *jobDraft, f field) { d.bool(f, &j.Idempotent) },
	"leftover":     func(d *decoder, j *jobDraft, f field) { d.leftover(f, &j.Leftover) },

	"max_retries":         jobRetry(readMaxRetries),
	"retry_delay":         jobRetry(readRetryDelay),
	"retry_backoff":       jobRetry(readRetryBackoff),
	"retry_jitter":        jobRetry(readRetryJitter),
	"max_retry_time":      jobRetry(readMaxRetryTime),
	"retry_on_status":     jobRetry(readRetryOnStatus),
	"retry_on_exit_codes": jobRetry(readRetryOnExitCodes),
}

// jobs reads the jobs, then what they need of each other.
func (d *decoder) jobs(w *draft) {
	if !w.hasJobs {
		d.rep.errorHint(d.pos(0), `add "jobs": a list of objects with id and command`, "jobs is missing")
		return
	}
	if !d.is(w.jobs, listNode) {
		return
	}
	n := d.tree.items(w.jobs.value)
	if n == 0 {
		d.wrong(w.jobs, "", "must not be empty")
		return
	}
	r := &jobReader{decoder: d, draft: w, pool: retryPool{}, shell: newShellParser()}
	r.graph = newGraph(d, n)
	w.Jobs = make([]Job, n)
	r.common = r.pool.share(w.retry)
	d.items(w.jobs, r.read)
	r.graph.resolve(w.Jobs)
}

// jobReader reads the jobs of one file.
type jobReader struct {
	*decoder
	draft  *draft
	job    jobDraft
	pool   retryPool
	common *Retry // of jobs that say nothing about retries
	shell  *syntax.Parser
	graph  *graph
	count  int
}

func (r *jobReader) read(item field) {
	w, job := r.draft, &r.draft.Jobs[r.count]
	r.count++
	if r.kind(item.value) != objectNode {
		r.wrong(item, "", "must be a list of objects with id and command, not of %s", r.kind(item.value))
		return
	}
	*job = Job{Retry: r.common, LogDir: w.LogDir, Timeout: w.timeout, OutputLimit: w.outputLimit, Leftover: LeaveLeftover}
	r.job = jobDraft{Job: job, number: r.count}
	r.decoder.job = &r.job
	readFields(r.decoder, item.value, jobFields, &r.job)
	r.finish(item)
	r.decoder.job = nil
}

// finish settles what depends on other fields, and finds what is missing.
func (r *jobReader) finish(item field) {
	j := &r.job
	if j.id == 0 {
		r.rep.error(r.pos(item.value), "%sid is missing", r.who())
	}
	if j.command == 0 {
		r.rep.error(r.pos(item.value), "%scommand is missing", r.who())
	}
	if j.logDir.value != 0 {
		r.path(j.logDir, r.draft.WorkingDir, &j.LogDir)
	}
	if j.ownRetry {
		j.Job.Retry = r.pool.share(j.retry)
	}
	if !r.draft.AllowShell {
		r.words()
	}
	r.graph.add(r.count-1, j)
}

// words checks that a command needs no shell.
func (r *jobReader) words() {
	j := &r.job
	_, need := splitCommand(r.shell, j.Command)
	if need == nil {
		return
	}
	pos, hint := r.pos(j.command), need.hint
	if n := r.nodes[j.command]; n.form == plain && !r.yaml { // the place within the string is known
		text := r.text(j.command)
		pos += 1 + len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace)) + need.offset
	}
	r.rep.errorHint(pos, hint, "%scommand: %s, and allow_shell is false", r.who(), need.what)
}

func (d *decoder) jobID(f field, j *jobDraft) {
	j.id = f.value
	if d.kind(f.value) != stringNode {
		d.is(f, stringNode)
		return
	}
	id := d.text(f.value)
	switch {
	case strings.TrimSpace(id) == "":
		d.wrong(f, "", "must not be empty")
	case len(id) > maxName:
		d.wrong(f, "", "must have at most %d bytes, not %d", maxName, len(id))
	case strings.ContainsFunc(id, unicode.IsControl):
		d.wrong(f, "", "must not contain control characters")
	default:
		j.ID = run.JobID(id)
	}
}

func (d *decoder) command(f field, j *jobDraft) {
	j.command = f.value
	var text string
	d.string(f, &text)
	j.Command = strings.TrimSpace(text)
}

func (d *decoder) dependencies(f field, j *jobDraft) {
	if d.is(f, listNode) {
		j.needs = f.value
	}
}

func (d *decoder) leftover(f field, into *Leftover) {
	word := string(*into)
	d.choice(f, &word, string(LeaveLeftover), string(KillLeftover))
	*into = Leftover(word)
}
