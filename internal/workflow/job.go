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
	fan      fan // what makes several jobs of it
}

// jobFields are the names that a job may have.
var jobFields = fields[jobDraft]{
	"id":           func(d *decoder, j *jobDraft, f field) { d.jobID(f, j) },
	"command":      func(d *decoder, j *jobDraft, f field) { d.command(f, j) },
	"description":  func(d *decoder, j *jobDraft, f field) { d.string(f, &j.Description) },
	"dependencies": func(d *decoder, j *jobDraft, f field) { d.dependencies(f, j) },

	"extends": settled[jobDraft], "env_files": settled[jobDraft],
	"matrix":      func(_ *decoder, j *jobDraft, f field) { j.fan.matrix = f },
	"foreach":     func(_ *decoder, j *jobDraft, f field) { j.fan.foreach = f },
	"workflow":    func(_ *decoder, j *jobDraft, f field) { j.fan.workflow = f },
	"with":        func(_ *decoder, j *jobDraft, f field) { j.fan.with = f },
	"working_dir": func(_ *decoder, j *jobDraft, f field) { j.fan.dir = f },

	"env_variables": func(d *decoder, j *jobDraft, f field) { d.vars(f, &j.Env) },
	"pre_checks":    func(d *decoder, j *jobDraft, f field) { d.checks(f, &j.PreChecks) },
	"post_checks":   func(d *decoder, j *jobDraft, f field) { d.checks(f, &j.PostChecks) },
	"log_dir":       func(_ *decoder, j *jobDraft, f field) { j.logDir = f },

	"timeout":       func(d *decoder, j *jobDraft, f field) { d.limit(f, &j.Timeout) },
	"priority":      func(d *decoder, j *jobDraft, f field) { d.int(f, -1_000_000_000, 1_000_000_000, &j.Priority) },
	"output_limit":  func(d *decoder, j *jobDraft, f field) { d.outputLimit(f, &j.OutputLimit) },
	"memory_limit":  func(d *decoder, j *jobDraft, f field) { d.memoryLimit(f, &j.MemoryLimit) },
	"max_processes": func(d *decoder, j *jobDraft, f field) { d.int(f, 1, maxProcesses, &j.MaxProcesses) },
	"idempotent":    func(d *decoder, j *jobDraft, f field) { d.bool(f, &j.Idempotent) },
	"owner":         func(d *decoder, j *jobDraft, f field) { d.label(f, &j.Owner) },
	"tags":          func(d *decoder, j *jobDraft, f field) { d.strings(f, &j.Tags) },
	"pools":         func(d *decoder, j *jobDraft, f field) { d.pools(f, &j.Pools) },

	"lint_ignore":       func(d *decoder, j *jobDraft, f field) { d.ignores(f, j.number) },
	"when":              func(d *decoder, j *jobDraft, f field) { d.when(f, j) },
	"always":            func(d *decoder, j *jobDraft, f field) { d.bool(f, &j.Always) },
	"continue_on_error": func(d *decoder, j *jobDraft, f field) { d.bool(f, &j.ContinueOnError) },

	"leftover": func(d *decoder, j *jobDraft, f field) { d.leftover(f, &j.Leftover) },

	"inputs":    func(d *decoder, j *jobDraft, f field) { d.filePatterns(f, &j.footprint().Inputs) },
	"outputs":   func(d *decoder, j *jobDraft, f field) { d.filePatterns(f, &j.footprint().Outputs) },
	"input_env": func(d *decoder, j *jobDraft, f field) { d.countedNames(f, j) },

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
	for _, hook := range []field{w.onFailure, w.onSuccess} {
		if hook.value != 0 && d.is(hook, listNode) {
			n += d.tree.items(hook.value)
		}
	}
	r := &jobReader{decoder: d, draft: w, pool: retryPool{}, shell: newShellParser(), marked: d.marked()}
	r.graph = newGraph(d, n)
	w.Jobs = make([]Job, n)
	r.common = r.pool.share(w.retry)
	d.items(w.jobs, r.read)
	r.hooks(HookFailure, w.onFailure)
	r.hooks(HookSuccess, w.onSuccess)
	if len(r.fans) > 0 {
		r.expand()
	}
	r.graph.resolve(w.Jobs)
	r.checkOutputs()
}

// hooks reads the jobs that run at one end of the run.
func (r *jobReader) hooks(hook Hook, f field) {
	if f.value == 0 || r.kind(f.value) != listNode {
		return
	}
	r.hook = hook
	r.items(f, r.read)
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
	hook   Hook // of the jobs that are being read
	marked bool // there may be ${{ in the texts of jobs

	fans  []fanJob          // jobs that stand for others
	files map[string][]byte // of sub-workflows, by path
}

func (r *jobReader) read(item field) {
	w, job := r.draft, &r.draft.Jobs[r.count]
	r.count++
	if r.kind(item.value) != objectNode {
		r.wrong(item, "", "must be a list of objects with id and command, not of %s", r.kind(item.value))
		return
	}
	*job = Job{Retry: r.common, LogDir: w.LogDir, Timeout: w.timeout, OutputLimit: w.outputLimit, Leftover: LeaveLeftover, Hook: r.hook}
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
	if j.command == 0 && j.fan.workflow.value == 0 {
		r.rep.error(r.pos(item.value), "%scommand is missing", r.who())
	}
	if j.logDir.value != 0 {
		r.path(j.logDir, r.draft.WorkingDir, &j.LogDir)
	}
	if j.ownRetry {
		j.Job.Retry = r.pool.share(j.retry)
	}
	if !r.draft.AllowShell && j.Args == nil {
		r.words()
	}
	if j.Always && j.Hook != NoHook {
		r.rep.error(r.pos(item.value), "%salways does not go with %s, whose jobs run at the end anyway", r.who(), hookText(j.Hook))
	}
	if r.marked {
		r.unfilled(item.value)
	}
	j.settleFootprint()
	r.fanned(item.value)
	r.noteWhen(j, item.value)
	r.learn(j, item.value)
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
	if n := r.nodes[j.command]; n.form == plain && !r.isYAML(j.command) { // the place within the string is known
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
	if d.kind(f.value) == listNode {
		d.args(f, j)
		return
	}
	var text string
	d.string(f, &text)
	j.Command = strings.TrimSpace(text)
}

// args reads a program and its arguments.
func (d *decoder) args(f field, j *jobDraft) {
	d.strings(f, &j.Args)
	if len(j.Args) == 0 || j.Args[0] == "" {
		d.wrong(f, `write ["program", "argument", …]`, "must begin with a program when it is a list")
		return
	}
	words := make([]string, len(j.Args))
	for i, arg := range j.Args {
		word, err := syntax.Quote(arg, syntax.LangPOSIX)
		if err != nil {
			word, _ = syntax.Quote(arg, syntax.LangBash) // only to be shown
		}
		words[i] = word
	}
	j.Command = strings.Join(words, " ")
}

// when reads a condition.
func (d *decoder) when(f field, j *jobDraft) {
	var text string
	d.string(f, &text)
	j.When = strings.TrimSpace(text)
	if j.When == "" || d.host.CheckWhen == nil {
		return
	}
	if err := d.host.CheckWhen(j.When); err != nil {
		d.wrong(f, "", "is not a condition: %s", printable(err.Error()))
	}
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
