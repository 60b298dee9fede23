package cli

import (
	"context"
	"encoding/json"
	"io"
	"reflect"
	"time"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

var _ Runs = (*remote)(nil)

// remote is runs of a server. What is shown of them is made here, from what the server
// tells, so that it looks the same. Not safe for concurrent use.
type remote struct {
	server *client.Client
	c      *command
	hashes map[string]run.ID // a run by the hash of its workflow
}

// pageSize is how many runs are asked for at once.
const pageSize = 500

func (r *remote) Find(ctx context.Context, ref, application string) (store.Run, error) {
	if application != "" && ref == runs.Latest {
		return r.newest(ctx, client.RunFilter{Application: application}, "no run has been recorded yet")
	}
	if application != "" && ref == runs.LastFailed {
		return r.newest(ctx, client.RunFilter{Application: application, States: unsuccessful()}, "no recorded run failed")
	}
	v, err := r.server.Find(ctx, ref)
	if err != nil {
		return store.Run{}, err
	}
	return r.found(&v), nil
}

// newest returns the newest run that a filter selects. none says that there is none.
func (r *remote) newest(ctx context.Context, f client.RunFilter, none string) (store.Run, error) {
	f.Limit = 1
	page, err := r.server.Runs(ctx, f)
	if err != nil {
		return store.Run{}, err
	}
	if len(page.Runs) == 0 {
		if f.Application != "" {
			none += " for " + f.Application
		}
		return store.Run{}, fault.New(fault.NotFound, "%s", none).WithHint("executioner runs list shows what there is")
	}
	return r.found(&page.Runs[0]), nil
}

func unsuccessful() []run.State { return []run.State{run.Failed, run.Timeout, run.Cancelled} }

// found returns a run as the store has it, as far as its view tells.
func (r *remote) found(v *runs.View) store.Run {
	if r.hashes == nil {
		r.hashes = map[string]run.ID{}
	}
	r.hashes[v.WorkflowHash] = v.Run
	a := store.Attempt{
		Number: v.Attempt, State: v.State, Reason: v.Reason, Detail: v.Detail, Hash: v.WorkflowHash, Counts: v.Counts,
	}
	if v.Registered != "" {
		a.Options, _ = json.Marshal(runs.Options{Registered: v.Registered}) // it has nothing that JSON lacks
	}
	if v.StartedAt != nil {
		a.StartedAt = *v.StartedAt
	}
	if v.EndedAt != nil {
		a.EndedAt = *v.EndedAt
	}
	return store.Run{ID: v.Run, Application: v.Application, File: v.File, WorkingDir: v.WorkingDir, SubmittedAt: v.SubmittedAt, Attempt: a}
}

func (r *remote) Resumable(ctx context.Context, application string) (store.Run, error) {
	return r.newest(ctx, client.RunFilter{Application: application, States: unsuccessful()}, "there is no run to resume: none ended without success")
}

func (r *remote) List(ctx context.Context, f store.Filter) ([]runs.View, error) {
	all := []runs.View{}
	ask := client.RunFilter{Application: f.Application, States: f.States, Since: f.Since, Until: f.Until, Before: f.Before}
	for {
		ask.Limit = pageSize
		if f.Limit > 0 {
			ask.Limit = min(pageSize, f.Limit-len(all))
		}
		page, err := r.server.Runs(ctx, ask)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Runs...)
		if page.Next == nil || f.Limit > 0 && len(all) >= f.Limit {
			return all, nil
		}
		ask.Before = *page.Next
	}
}

func (r *remote) Show(ctx context.Context, found store.Run) (runs.Details, error) {
	told, err := r.server.Details(ctx, found.ID)
	if err != nil {
		return runs.Details{}, err
	}
	return detailsOf(&told)
}

// detailsOf reads what a server tells about a run.
func detailsOf(told *wire.Details) (runs.Details, error) {
	wf, err := workflow.Decode(told.Workflow)
	if err != nil {
		return runs.Details{}, err
	}
	d := runs.Details{View: told.View, Workflow: wf}
	for i := range told.Attempts {
		d.Attempts = append(d.Attempts, told.Attempts[i].Store())
	}
	for i := range told.Transitions {
		d.History.Transitions = append(d.History.Transitions, told.Transitions[i].Recorded())
	}
	for _, o := range told.Overrides {
		d.History.Overrides = append(d.History.Overrides, run.Override(o))
	}
	d.Recall()
	return d, nil
}

func (r *remote) Workflow(ctx context.Context, hash string) (*workflow.Workflow, error) {
	id, known := r.hashes[hash]
	if !known {
		return nil, fault.New(fault.NotFound, "the server was not asked for a run of the workflow %.12s", hash)
	}
	d, err := r.Show(ctx, store.Run{ID: id})
	return d.Loaded, err
}

func (r *remote) Usual(ctx context.Context, application string) (*runs.Usual, error) {
	v, err := r.succeeded(ctx, application)
	if v == nil || err != nil {
		return nil, err
	}
	whole, err := r.server.Run(ctx, v.Run)
	if err != nil {
		return nil, err
	}
	return whole.Usual(), nil
}

func (r *remote) Expected(ctx context.Context, application string) time.Duration {
	v, err := r.succeeded(ctx, application)
	if v == nil || err != nil || v.StartedAt == nil || v.EndedAt == nil {
		return 0
	}
	return v.EndedAt.Sub(*v.StartedAt)
}

// succeeded returns the newest run of an application that succeeded, or nil.
func (r *remote) succeeded(ctx context.Context, application string) (*runs.View, error) {
	page, err := r.server.Runs(ctx, client.RunFilter{Application: application, States: []run.State{run.Success}, Limit: 1})
	if err != nil || len(page.Runs) == 0 {
		return nil, err
	}
	return &page.Runs[0], nil
}

func (r *remote) PreviewResume(ctx context.Context, found store.Run, req runs.Resume) (*runs.Preview, error) {
	d, err := r.Show(ctx, found)
	if err != nil {
		return nil, err
	}
	usual, err := r.Usual(ctx, d.View.Application)
	if err != nil {
		return nil, err
	}
	return d.PreviewResume(req, usual)
}

func (r *remote) Cancel(ctx context.Context, found store.Run, kind store.RequestKind, jobs []run.JobID, _ string) error {
	_, err := r.server.Cancel(ctx, found.ID, client.Cancellation{Jobs: jobs, Drain: kind == store.DrainRun})
	return err
}

func (r *remote) MarkSuccess(ctx context.Context, found store.Run, jobs []run.JobID, _, note string) ([]run.Override, error) {
	m, err := r.server.MarkSuccess(ctx, found.ID, client.Marking{Jobs: jobs, Note: note})
	made := make([]run.Override, len(m.Marked))
	for i, job := range m.Marked {
		made[i] = run.Override{Attempt: m.Attempt, Job: job, By: m.By, Note: m.Note}
	}
	return made, err
}

func (r *remote) AwaitEnd(ctx context.Context, id run.ID) (store.Run, error) {
	for _, err := range r.server.Events(ctx, id, 0) {
		if err != nil {
			return store.Run{}, err
		}
	}
	return r.Find(ctx, id.String(), "")
}

func (r *remote) AwaitJobs(ctx context.Context, id run.ID, jobs []run.JobID) (runs.Details, error) {
	d, err := r.Show(ctx, store.Run{ID: id})
	if err != nil || d.Over(jobs) {
		return d, err
	}
	after := int64(0)
	if n := len(d.History.Transitions); n > 0 {
		after = d.History.Transitions[n-1].Seq
	}
	for _, err := range r.server.Events(ctx, id, after) {
		if err != nil {
			return d, err
		}
		if d, err = r.Show(ctx, store.Run{ID: id}); err != nil || d.Over(jobs) {
			return d, err
		}
	}
	return d, nil
}

func (r *remote) LeftRunning(ctx context.Context, id run.ID) ([]int, error) {
	return r.server.Leftovers(ctx, id)
}

func (r *remote) Log(ctx context.Context, l log, w io.Writer) error {
	return r.server.CopyLog(ctx, l.run, client.LogOptions{Job: l.job, Tail: l.tail, Follow: l.follow}, w)
}

// sent returns options as a server is told them. One that it can't be told is refused, not
// left out.
func sent(opt runs.Options) (client.Options, error) {
	told := client.Resumption{Options: wire.OptionsOf(opt), FailedOnly: opt.FailedOnly, From: opt.From}
	if !reflect.DeepEqual(told.Runs(), opt) {
		return client.Options{}, fault.New(fault.Unsupported, "a server can't be asked to run it this way").
			WithHint("leave out the options that are not about workers, errors, jobs to skip and variables")
	}
	return told.Options, nil
}

func (r *remote) Submit(ctx context.Context, wf *workflow.Workflow, opt runs.Options) (execution, error) {
	flow, err := r.c.flow()
	if err != nil {
		return nil, err
	}
	made, err := r.submit(ctx, flow, opt)
	if err != nil {
		return nil, err
	}
	return r.watch(runs.Attempt{Run: made.Run, Number: made.Attempt, Workflow: wf, Options: opt}, 0), nil
}

// submit asks the server for a run.
func (r *remote) submit(ctx context.Context, flow client.Flow, opt runs.Options) (client.Submitted, error) {
	options, err := sent(opt)
	if err != nil {
		return client.Submitted{}, err
	}
	made, err := r.server.Submit(ctx, client.Submission{Flow: flow, Options: options}, "")
	if err != nil {
		return client.Submitted{}, r.c.refusedText(err)
	}
	return made, nil
}

func (r *remote) Resume(ctx context.Context, found store.Run, req runs.Resume) (execution, error) {
	req.Options.Registered = "" // the server knows
	options, err := sent(req.Options)
	if err != nil {
		return nil, err
	}
	how := client.Resumption{Options: options, FailedOnly: req.Options.FailedOnly, From: req.Options.From}
	d, err := r.Show(ctx, found)
	if err != nil {
		return nil, err
	}
	wf := d.Workflow
	if req.Current != nil {
		ask := r.c.flow
		if r.c.named != "" {
			ask = func() (client.Flow, error) { return r.c.flowNamed(r.c.named) }
		}
		flow, err := ask()
		if err != nil {
			return nil, err
		}
		how.Current, wf = &flow, req.Current
	} else {
		how.Params, how.Ambient = givenNow(req.Params)
	}
	after := int64(0)
	if n := len(d.History.Transitions); n > 0 {
		after = d.History.Transitions[n-1].Seq
	}
	made, err := r.server.Resume(ctx, found.ID, how)
	if err != nil {
		return nil, r.c.refusedText(err)
	}
	if r.c.named != "" { // which was not read here
		if d, err = r.Show(ctx, found); err != nil {
			return nil, err
		}
		wf = d.Workflow
	}
	return r.watch(runs.Attempt{Run: made.Run, Number: made.Attempt, Workflow: wf, Options: req.Options}, after), nil
}
