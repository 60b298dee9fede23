package runs

import (
	"context"
	"time"

	"github.com/executionerhq/executioner/internal/joblog"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// View is one run as it is shown. Its JSON is part of the program's interface.
type View struct {
	Run          run.ID     `json:"run"`
	Attempt      int        `json:"attempt"`
	Application  string     `json:"application"`
	State        run.State  `json:"state"`
	Reason       run.Reason `json:"reason,omitempty"`
	Detail       string     `json:"detail,omitempty"`
	File         string     `json:"file,omitempty"`
	Registered   string     `json:"registered,omitempty"` // NAME@VERSION of a registered workflow, which has no file
	WorkingDir   string     `json:"working_dir"`
	WorkflowHash string     `json:"workflow_hash"`
	SubmittedAt  time.Time  `json:"submitted_at"`
	StartedAt    *time.Time `json:"started_at"`
	EndedAt      *time.Time `json:"ended_at"`
	Seconds      *float64   `json:"duration_seconds"`
	Counts       run.Counts `json:"counts"`
	// Interrupted is set when the run's program is gone and jobs of it go on: resume carries it on.
	Interrupted bool      `json:"interrupted,omitempty"`
	Log         string    `json:"log,omitempty"`
	Jobs        []JobView `json:"jobs,omitempty"`
}

// JobView is one job of a run, as of the last attempt that ran it.
type JobView struct {
	ID          run.JobID         `json:"id"`
	Description string            `json:"description,omitempty"`
	When        string            `json:"when,omitempty"`
	Always      bool              `json:"always,omitempty"`
	Hook        string            `json:"hook,omitempty"`
	MayFail     bool              `json:"continue_on_error,omitempty"` // the run goes on after its failure as if it had succeeded
	State       run.State         `json:"state"`
	Reason      run.Reason        `json:"reason,omitempty"`
	Cause       run.JobID         `json:"cause,omitempty"`
	Detail      string            `json:"detail,omitempty"`
	Attempt     int               `json:"attempt,omitempty"` // 0 when no attempt has come to it yet
	Tries       int               `json:"tries"`
	ExitCode    *int              `json:"exit_code"`
	Signal      int               `json:"signal,omitempty"`
	StartedAt   *time.Time        `json:"started_at"` // of the first try in that attempt
	EndedAt     *time.Time        `json:"ended_at"`   // of the last try
	Seconds     *float64          `json:"duration_seconds"`
	RetryAt     *time.Time        `json:"retry_at,omitempty"`
	CPUSeconds  float64           `json:"cpu_seconds"`
	MaxRSS      int64             `json:"max_rss_bytes"`
	Output      int64             `json:"output_bytes"`
	Dropped     int64             `json:"output_dropped_bytes,omitempty"`
	Survivors   int               `json:"survivors,omitempty"`
	Values      map[string]string `json:"values,omitempty"` // what it handed on
	Override    *Marked           `json:"marked_success,omitempty"`
	Command     string            `json:"command"`
	Log         string            `json:"log,omitempty"`

	asked  string // by whom the job was asked to stop
	passed int    // the latest attempt that passed it over because it had failed, and may
}

// Over reports whether the job has ended and is not repeated in this attempt.
func (v *JobView) Over() bool { return v.State.Ended() && v.RetryAt == nil }

// Unsuccessful reports whether the job ended without having been done: it failed, was
// cancelled or could not run, and nobody has declared it successful since.
func (v *JobView) Unsuccessful() bool {
	switch v.State {
	case run.Failed, run.Timeout, run.Cancelled:
		return v.Override == nil
	case run.Skipped:
		switch v.Reason {
		case run.DependencyFailed, run.StoppedOnFailure, run.ConditionFailed, run.Stuck:
			return v.Override == nil
		}
		return false
	default:
		return false
	}
}

// Marked tells who declared a job successful by hand.
type Marked struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Note string    `json:"note,omitempty"`
}

// History is everything that was recorded about a run.
type History struct {
	Transitions []run.Transition
	Overrides   []run.Override
}

// last returns the sequence number of the last transition.
func (h History) last() int64 {
	if n := len(h.Transitions); n > 0 {
		return h.Transitions[n-1].Seq
	}
	return 0
}

func (s *Service) history(ctx context.Context, id run.ID) (History, error) {
	ts, err := s.cfg.Store.Transitions(ctx, id, 0, 0)
	if err != nil {
		return History{}, err
	}
	os, err := s.cfg.Store.Overrides(ctx, id)
	return History{Transitions: ts, Overrides: os}, err
}

// Details is a run with all that belongs to it.
type Details struct {
	View     View
	Workflow *workflow.Workflow // with the jobs that have come at run time
	Loaded   *workflow.Workflow // without them, as it is stored
	Attempts []store.Attempt
	History  History
	hidden   *mask.Masker // what Explain hides: see Hide
}

// Options returns how the latest attempt was asked to run.
func (d *Details) Options() (Options, error) {
	if len(d.Attempts) == 0 {
		return Options{}, nil
	}
	return decodeOptions(d.Attempts[len(d.Attempts)-1].Options)
}

// Show returns a run with its jobs and history.
func (s *Service) Show(ctx context.Context, r store.Run) (Details, error) {
	wf, err := s.Workflow(ctx, r.Attempt.Hash)
	if err != nil {
		return Details{}, err
	}
	attempts, err := s.cfg.Store.Attempts(ctx, r.ID)
	if err != nil {
		return Details{}, err
	}
	h, err := s.history(ctx, r.ID)
	if err != nil {
		return Details{}, err
	}
	v := Row(r)
	if v.Interrupted, err = s.shownInterrupted(ctx, r); err != nil {
		return Details{}, err
	}
	v.Log = joblog.MainPath(wf.LogDir, wf.Application, r.ID)
	d := Details{View: v, Workflow: wf, Loaded: wf, Attempts: attempts, History: h}
	if d.Workflow, err = grownBy(wf, r.ID, &r.Attempt, h); err != nil {
		return Details{}, err
	}
	d.View.Jobs = fold(d.Workflow, h, r.ID)
	d.View.Counts.Total = len(d.Workflow.Jobs)
	return d, nil
}

// List returns runs, newest first, without their jobs.
func (s *Service) List(ctx context.Context, f store.Filter) ([]View, error) {
	found, err := s.cfg.Store.Runs(ctx, f)
	views := make([]View, len(found))
	for i := range found {
		views[i] = Row(found[i])
		s.hideRow(ctx, found[i], &views[i])
		if err == nil {
			views[i].Interrupted, err = s.shownInterrupted(ctx, found[i])
		}
	}
	return views, err
}

// shownInterrupted reports whether a run has begun and was interrupted. One that has not
// waits for its turn.
func (s *Service) shownInterrupted(ctx context.Context, r store.Run) (bool, error) {
	if r.Attempt.State == run.Pending {
		return false, nil
	}
	return s.Interrupted(ctx, r)
}

// Row returns what is shown of a run in a list.
func Row(r store.Run) View {
	a := &r.Attempt
	v := View{
		Run: r.ID, Attempt: a.Number, Application: r.Application, State: a.State, Reason: a.Reason, Detail: a.Detail,
		File: r.File, WorkingDir: r.WorkingDir, WorkflowHash: a.Hash, SubmittedAt: r.SubmittedAt,
		StartedAt: at(a.StartedAt), EndedAt: at(a.EndedAt), Counts: a.Counts,
	}
	v.Seconds = seconds(v.StartedAt, v.EndedAt)
	if opt, err := StoredOptions(r); err == nil { // whoever runs it says what is wrong with them
		v.Registered = opt.Registered
	}
	c := &v.Counts // of a workflow that grows the total is what it began with
	c.Total = max(c.Total, c.Running+c.Succeeded+c.Failed+c.Skipped+c.Cancelled)
	return v
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func seconds(from, to *time.Time) *float64 {
	if from == nil || to == nil {
		return nil
	}
	s := to.Sub(*from).Seconds()
	return &s
}

// fold derives every job's view from the run's history, in the workflow's order.
func fold(wf *workflow.Workflow, h History, id run.ID) []JobView {
	views := make([]JobView, len(wf.Jobs))
	index := indexOf(wf)
	for i := range wf.Jobs {
		j := &wf.Jobs[i]
		views[i] = JobView{
			ID: j.ID, Description: j.Description, Command: j.Command, Log: joblog.JobPath(j.LogDir, wf.Application, j.ID, id),
			When: j.When, Always: j.Always, Hook: string(j.Hook), MayFail: j.ContinueOnError,
		}
	}
	for n := range h.Transitions {
		t := &h.Transitions[n]
		if i, ok := index[t.Job]; ok && t.Job != "" {
			views[i].apply(t)
		} else if endsRun(t) {
			for i := range views {
				views[i].RetryAt = nil // nothing is repeated any more
			}
		}
	}
	for _, o := range h.Overrides {
		if i, ok := index[o.Job]; ok && views[i].Attempt <= o.Attempt {
			views[i].Override = &Marked{By: o.By, At: o.At, Note: o.Note}
		}
	}
	return views
}

// apply moves a job's view on by one transition.
func (v *JobView) apply(t *run.Transition) {
	if t.Mark() {
		v.RetryAt = nil // a job that was cancelled while it waited for its next try gets none
		v.asked = t.Detail
		return
	}
	switch t.Reason { // two that change nothing about how the job ended
	case run.AlreadySucceeded:
		return
	case run.FailuresAllowed:
		v.passed = t.Attempt
		return
	}
	if t.From == run.Pending { // a new attempt begins for this job
		*v = JobView{
			ID: v.ID, Description: v.Description, Command: v.Command, Log: v.Log,
			When: v.When, Always: v.Always, Hook: v.Hook, MayFail: v.MayFail,
		}
	}
	v.Attempt, v.State, v.Reason, v.Cause, v.Detail = t.Attempt, t.To, t.Reason, t.Cause, t.Detail
	if t.Reason == run.JobCancelled && t.Detail == "" {
		v.Detail = v.asked // it stands where that was asked for
	}
	v.RetryAt = at(t.Until)
	if t.To == run.Running {
		v.Tries = t.Try
		v.EndedAt, v.ExitCode, v.Seconds = nil, nil, nil
		if t.Try == 1 {
			v.StartedAt = at(t.At)
		}
	}
	if t.Outcome != nil {
		v.end(t)
	}
}

// end adds how a try ended. CPU time adds up over the tries; memory is the largest.
func (v *JobView) end(t *run.Transition) {
	o := t.Outcome
	var began time.Time
	if v.StartedAt != nil {
		began = *v.StartedAt
	}
	v.EndedAt = at(t.EndedAt(began))
	v.Seconds = seconds(v.StartedAt, v.EndedAt)
	if o.ExitCode != run.NoExitCode {
		v.ExitCode = &o.ExitCode
	}
	v.Signal, v.Output, v.Dropped, v.Survivors = o.Signal, o.Output, o.Dropped, o.Survivors
	v.Values = nil
	if t.To == run.Success {
		v.Values = o.Values.Map()
	}
	v.CPUSeconds += o.CPU.Seconds()
	v.MaxRSS = max(v.MaxRSS, o.MaxRSS)
}
