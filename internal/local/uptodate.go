package local

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/fingerprint"
	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Past knows how jobs that say what they read or make succeeded before. Its errors are that
// ctx has ended: it waits for as long as its answer takes.
type Past interface {
	// Last returns what is known of the last start of a job.
	Last(ctx context.Context, job run.JobID) (fingerprint.Last, error)
	// Begin forgets that, as the command of a task is about to be started. It returns another
	// run in which the job may be running meanwhile, or 0.
	Begin(ctx context.Context, task run.TaskID) (beside run.ID, err error)
}

// found is what a task knows of its job's files.
type found struct {
	why    string               // it runs
	ran    bool                 // it did
	before fingerprint.Document // what there was before its command, but for outputs
	bad    string               // why before can't be compared with
}

// upToDate decides whether a job needs to run. It returns an outcome when it does not, or
// is to stop; else the task has what it found.
func (t *task) upToDate(env environment) *run.Outcome {
	look, last, err := t.decide(env)
	if err != nil {
		o, _ := t.stopped()
		return &o
	}
	if look.why != "" {
		t.found = &look
		return nil
	}
	o := run.Outcome{
		State: run.Success, Reason: run.UpToDate,
		Detail: unchanged(last), Values: run.Values(last.Document.Values),
	}
	t.noteUpToDate(env, o)
	return &o
}

func unchanged(last fingerprint.Last) string {
	return fmt.Sprintf("nothing changed since run %d", last.Task.Run)
}

// decide finds out what there is, and why the job runs. Its error is that the task is to stop.
func (t *task) decide(env environment) (look found, last fingerprint.Last, err error) {
	if last, err = t.runner.cfg.Past.Last(t.ctx, t.ID.Job); err != nil {
		return look, last, err
	}
	if look, err = t.look(env); err != nil {
		return look, last, err
	}
	look.why, err = t.why(env, last, &look)
	return look, last, err
}

// Foresee says whether the command of a job that says what it reads or makes would run now:
// why it would, or since when nothing changed. known is false where that can't be told
// before other jobs have run. Its error is that ctx has ended.
func (r *Runner) Foresee(ctx context.Context, job int) (text string, runs, known bool, err error) {
	j := &r.cfg.Workflow.Jobs[job]
	t := &task{runner: r, Task: engine.Task{ID: run.TaskID{Job: j.ID}, Job: job}, job: j, ctx: ctx}
	if len(j.OutputRefs()) > 0 || j.Each != nil {
		return "", true, false, nil
	}
	env := r.resolve(t.Task)
	look, last, err := t.decide(env)
	if err != nil || look.why != "" {
		return env.veil.String(look.why), true, true, err
	}
	return unchanged(last), false, true, nil
}

// look finds out what counts before the command runs. Its error is that the task is to stop.
func (t *task) look(env environment) (found, error) {
	look := found{before: describe(t.runner.cfg.Workflow, t.job, env, t.dir())}
	inputs, missing, err := t.files(env, t.job.Footprint.Inputs)
	switch {
	case t.ctx.Err() != nil:
		return look, t.ctx.Err()
	case err != nil:
		look.bad = "inputs can't be compared: " + err.Error()
	case len(missing) > 0:
		look.bad = fingerprint.Missing("inputs", missing)
	}
	look.before.Inputs = inputs
	return look, nil
}

// why says why the job is to run; empty when it need not.
func (t *task) why(env environment, last fingerprint.Last, look *found) (string, error) {
	again := last.Again(t.ID)
	switch {
	case t.runner.forced(t.job):
		return "forced", nil
	case again != "":
		return again, nil
	case look.bad != "":
		return look.bad, nil
	}
	now := look.before
	outputs, _, err := t.files(env, t.job.Footprint.Outputs)
	switch {
	case t.ctx.Err() != nil:
		return "", t.ctx.Err()
	case err != nil:
		return "outputs can't be compared: " + err.Error(), nil
	}
	now.Outputs = outputs
	return fingerprint.Why(last.Document, now), nil
}

// forced reports whether a job is to run although nothing changed.
func (r *Runner) forced(j *workflow.Job) bool {
	return r.cfg.Force || slices.Contains(r.cfg.ForceJobs, j.ID) || j.Group != "" && slices.Contains(r.cfg.ForceJobs, j.Group)
}

// files returns the hashes of the files that patterns match, and which match none, with
// secrets hidden.
func (t *task) files(env environment, patterns []string) (fingerprint.Hashes, []string, error) {
	root := os.DirFS("/")
	expanded := make([]string, len(patterns))
	for i, p := range patterns {
		expanded[i] = env.ExpandPattern(p)
	}
	names, missing, err := fingerprint.Find(t.ctx, root, t.dir(), expanded)
	if err != nil {
		return nil, nil, err
	}
	hashes, err := t.hash(root, names, env.masker)
	for i, p := range missing {
		missing[i] = fingerprint.Name(env.masker.String(p))
	}
	return hashes, missing, err
}

func (t *task) hash(root fs.FS, names []string, masker *mask.Masker) (fingerprint.Hashes, error) {
	hashes, err := fingerprint.Contents(t.ctx, root, t.dir(), names)
	if err != nil {
		return nil, err
	}
	shown := make(fingerprint.Hashes, len(hashes))
	for name, sum := range hashes {
		shown[masker.String(name)] = sum
	}
	return shown, nil
}

// describe is what counts for a job besides files. Secrets are not in it: a hash of one
// could be guessed from.
func describe(wf *workflow.Workflow, j *workflow.Job, env environment, dir string) fingerprint.Document {
	d := fingerprint.Document{Dir: dir, Vars: make(fingerprint.Hashes), Makes: j.Footprint.Outputs}
	if len(j.Args) > 0 {
		d.Command = fingerprint.Hash(append([]string{"args"}, j.Args...)...)
	} else {
		d.Command = fingerprint.Hash("shell "+strconv.FormatBool(wf.AllowShell), j.Command)
	}
	if len(j.PostChecks) > 0 {
		checks, err := json.Marshal(j.PostChecks)
		if err != nil {
			panic(err) // they came from JSON
		}
		d.Checks = fingerprint.Hash(string(checks))
	}
	for _, v := range env.Counted(j) {
		if !mask.SecretName(v.Name) {
			d.Vars[v.Name] = fingerprint.Hash(without(v.Value, env.secrets))
		}
	}
	return d
}

// without returns a value with secrets replaced, however short they are.
func without(value string, secrets []string) string {
	longest := slices.Clone(secrets)
	slices.SortFunc(longest, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, s := range longest {
		if s != "" {
			value = strings.ReplaceAll(value, s, mask.Replacement)
		}
	}
	return value
}

// noteUpToDate tells in the job's log that it did not run. A log that can't be written is
// no reason to run it.
func (t *task) noteUpToDate(env environment, o run.Outcome) {
	log, _ := t.openLog(env.veil)
	if log == nil {
		return
	}
	for _, n := range t.notes(env) {
		log.Note(n.Level, n.Text)
	}
	_, _ = log.End(joblog.Info, "up to date: "+o.Detail)
}

// sayWhy adds to the outcome of a command why it ran.
func (t *task) sayWhy(o *run.Outcome) {
	if t.found != nil && t.found.ran && o.Reason != run.StartFailed {
		o.Detail = joblog.Join(o.Detail, fingerprint.Ran+t.found.why)
	}
}

// begin forgets the job's last success, before its command is started: should the command
// not come to its end, what it leaves counts for nothing.
func (t *task) begin() error {
	beside, err := t.runner.cfg.Past.Begin(t.ctx, t.ID)
	if beside != 0 {
		t.found.bad = fmt.Sprintf("run %d may have run it at the same time", beside)
	}
	return err
}

// remember adds to the outcome of a job that succeeded what it read and made. What can't be
// compared is noted in its log.
func (t *task) remember(o *run.Outcome, env environment, log *joblog.Writer) {
	if t.job.Footprint == nil || t.runner.cfg.Past == nil || o.State != run.Success {
		return
	}
	if t.found == nil { // it was taken up: what there was before is not known
		o.Fingerprint = fingerprint.Document{Problem: "its program was gone while it ran"}.Encode()
		return
	}
	d := t.found.before
	outputs, missing, err := t.files(env, t.job.Footprint.Outputs)
	switch {
	case t.ctx.Err() != nil:
		return // it is to stop, and nobody waits for this
	case t.found.bad != "":
		d.Problem = t.found.bad
	case err != nil:
		d.Problem = "outputs can't be compared: " + err.Error()
	case len(missing) > 0:
		d.Problem = fingerprint.Missing("outputs", missing)
	}
	d.Outputs, d.Values = outputs, string(o.Values)
	if d.Problem != "" {
		d = fingerprint.Document{Problem: env.masker.String(d.Problem)}
		log.Note(joblog.Warning, d.Problem+": it will run again next time")
	}
	o.Fingerprint = d.Encode()
}
