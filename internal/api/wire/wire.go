// Package wire is what goes over the API: the bodies of requests and answers, spelled as
// docs/json.md has them. The server and the client share it.
package wire

import (
	"encoding/json"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Variable is one environment variable.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Options say how an attempt differs from what its workflow says: see runs.Options.
type Options struct {
	Workers         int         `json:"workers,omitempty" minimum:"0" doc:"jobs that may run at once; 0: as the workflow says"`
	Parallel        bool        `json:"parallel,omitempty"`
	Sequential      bool        `json:"sequential,omitempty"`
	ContinueOnError bool        `json:"continue_on_error,omitempty"`
	Skip            []run.JobID `json:"skip,omitempty" doc:"jobs to leave out"`
	Env             []Variable  `json:"env,omitempty" doc:"variables for all jobs, over those of the workflow"`
	Force           bool        `json:"force,omitempty" doc:"run jobs although what they read and make has not changed"`
	ForceJobs       []run.JobID `json:"force_jobs,omitempty" doc:"run these although nothing changed"`
}

// Runs returns the options as the use cases take them.
func (o Options) Runs() runs.Options {
	opt := runs.Options{
		Workers: o.Workers, Parallel: o.Parallel, Sequential: o.Sequential,
		ContinueOnError: o.ContinueOnError, Skip: o.Skip, Force: o.Force, ForceJobs: o.ForceJobs,
	}
	for _, v := range o.Env {
		opt.Env = append(opt.Env, workflow.Var{Name: v.Name, Value: v.Value})
	}
	return opt
}

// OptionsOf returns options as they go over the API; what selects jobs of a resume is not
// among them.
func OptionsOf(opt runs.Options) Options {
	o := Options{
		Workers: opt.Workers, Parallel: opt.Parallel, Sequential: opt.Sequential,
		ContinueOnError: opt.ContinueOnError, Skip: opt.Skip, Force: opt.Force, ForceJobs: opt.ForceJobs,
	}
	for _, v := range opt.Env {
		o.Env = append(o.Env, Variable(v))
	}
	return o
}

// Flow is a workflow that a request is about: a registered one by name, or its text.
type Flow struct {
	Workflow string `json:"workflow,omitempty" doc:"a registered workflow, as NAME or NAME@VERSION"`
	Source   string `json:"source,omitempty" doc:"the text of a workflow, YAML or JSON, instead of a registered one"`
	Name     string `json:"name,omitempty" maxLength:"4096" doc:"the file name of the text; what ends in .json is JSON"`
	Dir      string `json:"dir,omitempty" maxLength:"4096" doc:"absolute directory on the server that relative paths of the text begin in; missing: the server's own"`
	// Params are the values of the workflow's parameters, by name.
	Params Values `json:"params,omitempty" doc:"values of the workflow's parameters"`
	// Ambient are such as may be meant for another workflow: unknown ones are no mistake.
	Ambient Values `json:"ambient_params,omitempty" doc:"values that count less, and of which unknown names are no mistake"`
}

// Submit asks for a new run.
type Submit struct {
	Flow
	Options Options `json:"options,omitempty"`
}

// Submitted is the answer to it: the run as runs show has it.
type Submitted struct {
	runs.View
	// Existing says that the run was there already: a submission with the same
	// Idempotency-Key made it.
	Existing bool               `json:"existing,omitempty" doc:"a submission with the same Idempotency-Key had made the run already"`
	Warnings []workflow.Problem `json:"warnings,omitempty"`
}

// Resume asks for the next attempt of a run.
type Resume struct {
	// Current is the text of the workflow to go on with; missing: the one that was stored.
	Current *Flow   `json:"current,omitempty" doc:"go on with this workflow instead of the stored one"`
	Params  Values  `json:"params,omitempty" doc:"values of the stored workflow's secret parameters, which are not stored"`
	Ambient Values  `json:"ambient_params,omitempty"`
	Options Options `json:"options,omitempty"`
	// FailedOnly and From select jobs.
	FailedOnly bool        `json:"failed_only,omitempty" doc:"run only the jobs that failed"`
	From       []run.JobID `json:"from,omitempty" doc:"run these jobs and all that depends on them again"`
}

// Runs returns the options of the attempt as the use cases take them.
func (r Resume) Runs() runs.Options {
	opt := r.Options.Runs()
	opt.FailedOnly, opt.From = r.FailedOnly, r.From
	return opt
}

// Cancel asks for the end of a run, or of some of its jobs.
type Cancel struct {
	Jobs  []run.JobID `json:"jobs,omitempty" doc:"these jobs only; missing: the whole run"`
	Drain bool        `json:"drain,omitempty" doc:"let running jobs finish and start nothing more; for a whole run"`
}

// MarkRequest declares jobs successful by hand.
type MarkRequest struct {
	Jobs []run.JobID `json:"jobs" minItems:"1"`
	Note string      `json:"note,omitempty" maxLength:"4000"`
}

// Marked is what mark-success --json prints.
type Marked struct {
	Run     run.ID      `json:"run"`
	Attempt int         `json:"attempt"`
	Marked  []run.JobID `json:"marked"`
	Already []run.JobID `json:"already_successful"`
	By      string      `json:"by"`
	Note    string      `json:"note,omitempty"`
}

// List is what runs list --json prints.
type List struct {
	Runs []runs.View `json:"runs"`
	Next *run.ID     `json:"next"` // what to give as before for the next page; null on the last one
}

// Explanation is what explain --json prints.
type Explanation struct {
	Run         run.ID          `json:"run"`
	Attempt     int             `json:"attempt"`
	Application string          `json:"application"`
	State       run.State       `json:"state"` // of the job, when there is one
	Job         run.JobID       `json:"job,omitempty"`
	Decisions   []runs.Decision `json:"decisions"`
	Failures    []runs.Decision `json:"failures,omitempty"` // what settled each job that did not succeed
}

// Checked is what validate --json says of one file.
type Checked struct {
	File        string             `json:"file"`
	OK          bool               `json:"ok"`
	Application string             `json:"application,omitempty"`
	Jobs        int                `json:"jobs"`
	Problems    []workflow.Problem `json:"problems"` // errors and warnings, in the order of the file
}

// Details are a run with all that is recorded of it: enough to show it in any way.
type Details struct {
	View        runs.View       `json:"view"`
	Workflow    json.RawMessage `json:"workflow"` // the snapshot, as workflow.Decode reads it
	Options     json.RawMessage `json:"options"`  // of the latest attempt, as runs.Options
	Attempts    []Attempt       `json:"attempts"`
	Transitions []Transition    `json:"transitions"`
	Overrides   []Override      `json:"overrides"`
}

// Attempt is one continuation of a run.
type Attempt struct {
	Number    int             `json:"attempt"`
	State     run.State       `json:"state"`
	Reason    run.Reason      `json:"reason,omitempty"`
	Detail    string          `json:"detail,omitempty"`
	Hash      string          `json:"workflow_hash"`
	Options   json.RawMessage `json:"options,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	StartedAt *time.Time      `json:"started_at"`
	EndedAt   *time.Time      `json:"ended_at"`
	Counts    run.Counts      `json:"counts"`
}

// AttemptOf returns an attempt as it goes over the API, without its options.
func AttemptOf(a *store.Attempt) Attempt {
	return Attempt{
		Number: a.Number, State: a.State, Reason: a.Reason, Detail: a.Detail, Hash: a.Hash,
		CreatedAt: a.CreatedAt, StartedAt: at(a.StartedAt), EndedAt: at(a.EndedAt), Counts: a.Counts,
	}
}

// Store returns the attempt as the store has it.
func (a *Attempt) Store() store.Attempt {
	return store.Attempt{
		Number: a.Number, State: a.State, Reason: a.Reason, Detail: a.Detail, Hash: a.Hash, Options: a.Options,
		CreatedAt: a.CreatedAt, StartedAt: moment(a.StartedAt), EndedAt: moment(a.EndedAt), Counts: a.Counts,
	}
}

// Override is a job that was declared successful by hand.
type Override struct {
	Attempt int       `json:"attempt"`
	Job     run.JobID `json:"job"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Note    string    `json:"note,omitempty"`
}

// Try is one start of a job's command.
type Try struct {
	Run     run.ID       `json:"run"`
	Attempt int          `json:"attempt"`
	Job     run.JobID    `json:"job"`
	Try     int          `json:"try"`
	State   run.State    `json:"state"`
	Changes []Transition `json:"transitions"`
}

// Transitions are a page of a run's recorded changes.
type Transitions struct {
	Transitions []Transition `json:"transitions"`
	Next        *int64       `json:"next"` // what to give as after for the next page; null when these are all so far
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
