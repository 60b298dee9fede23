package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

// defaultListed is how many runs a page has unless it is said.
const defaultListed = 20

// RunPath is the part of a path that names a run. Like the others of its kind it is exported
// for huma alone, which looks into exported types only.
type RunPath struct {
	Run string `path:"run" maxLength:"32" doc:"a run's number, @latest, or @failed for the newest that ended without success"`
}

// JobPath is the part of a path that names a job of a run.
type JobPath struct {
	RunPath
	Job string `path:"job" maxLength:"1024"`
}

func (p JobPath) id() run.JobID { return run.JobID(p.Job) }

type viewOut struct{ Body runs.View }

// show returns a run with its jobs.
func (s *server) show(ctx context.Context, _ *RunPath) (*viewOut, error) {
	d, _, err := s.shown(ctx, runOf(ctx))
	if err != nil {
		return nil, err
	}
	return &viewOut{d.View}, nil
}

// shown returns a run with all that belongs to it, and what hides its secrets, which it has
// done in the view.
func (s *server) shown(ctx context.Context, r store.Run) (runs.Details, *mask.Masker, error) {
	d, err := s.Runs.Show(ctx, r)
	if err != nil {
		return d, nil, err
	}
	m, err := s.runMasker(ctx, &d)
	if err != nil {
		return d, nil, err
	}
	d.Hide(m)
	d.View.Log = m.String(d.View.Log)
	for i := range d.View.Jobs {
		d.View.Jobs[i].Log = m.String(d.View.Jobs[i].Log)
	}
	return d, m, nil
}

type detailsOut struct{ Body wire.Details }

// details returns all that is recorded of a run. Values of secret variables are hidden.
func (s *server) details(ctx context.Context, _ *RunPath) (*detailsOut, error) {
	d, m, err := s.shown(ctx, runOf(ctx))
	if err != nil {
		return nil, err
	}
	out := wire.Details{
		View: d.View, Attempts: make([]wire.Attempt, len(d.Attempts)), Options: json.RawMessage("{}"),
		Transitions: wire.TransitionsOf(d.View.Run, d.History.Transitions), Overrides: make([]wire.Override, len(d.History.Overrides)),
	}
	hideTransitions(out.Transitions, m)
	for i := range d.Attempts {
		a := wire.AttemptOf(&d.Attempts[i])
		a.Detail = m.String(a.Detail)
		if a.Options, err = hideOptions(d.Attempts[i].Options, m); err != nil {
			return nil, err
		}
		out.Attempts[i], out.Options = a, a.Options
	}
	for i, o := range d.History.Overrides {
		out.Overrides[i] = wire.Override(o)
		out.Overrides[i].Note = m.String(o.Note)
	}
	out.Workflow, err = hideWorkflow(d.Loaded, m)
	return &detailsOut{out}, err
}

// hideOptions returns stored options without the values of secret variables.
func hideOptions(stored []byte, m *mask.Masker) (json.RawMessage, error) {
	opt, err := runs.StoredOptions(store.Run{Attempt: store.Attempt{Options: stored}})
	if err != nil {
		return nil, err
	}
	opt.Env = hideVars(opt.Env, m)
	b, err := json.Marshal(opt)
	return b, fault.Wrap(err, fault.Internal, "the options can't be written")
}

type snapshotOut struct{ Body json.RawMessage }

// runWorkflow returns the workflow of a run's latest attempt.
func (s *server) runWorkflow(ctx context.Context, _ *RunPath) (*snapshotOut, error) {
	d, m, err := s.shown(ctx, runOf(ctx))
	if err != nil {
		return nil, err
	}
	b, err := hideWorkflow(d.Loaded, m)
	return &snapshotOut{b}, err
}

type jobOut struct{ Body runs.JobView }

// job returns one job of a run.
func (s *server) job(ctx context.Context, in *JobPath) (*jobOut, error) {
	d, _, err := s.shown(ctx, runOf(ctx))
	if err != nil {
		return nil, err
	}
	i, err := runs.JobIn(d.Workflow, in.id())
	if err != nil {
		return nil, err
	}
	return &jobOut{d.View.Jobs[i]}, nil
}

type tryIn struct {
	JobPath
	Try     int `path:"try" minimum:"1"`
	Attempt int `query:"attempt" minimum:"0" doc:"of which attempt; missing: the last that ran the job"`
}

type tryOut struct{ Body wire.Try }

// try returns one start of a job.
func (s *server) try(ctx context.Context, in *tryIn) (*tryOut, error) {
	d, m, err := s.shown(ctx, runOf(ctx))
	if err != nil {
		return nil, err
	}
	i, err := runs.JobIn(d.Workflow, in.id())
	if err != nil {
		return nil, err
	}
	attempt := in.Attempt
	if attempt == 0 {
		attempt = d.View.Jobs[i].Attempt
	}
	out := wire.Try{Run: d.View.Run, Attempt: attempt, Job: in.id(), Try: in.Try}
	for n := range d.History.Transitions {
		t := &d.History.Transitions[n]
		if t.Job == out.Job && t.Attempt == attempt && t.Try == in.Try && !t.Mark() {
			out.Changes = append(out.Changes, wire.TransitionOf(out.Run, t))
			out.State = t.To
		}
	}
	hideTransitions(out.Changes, m)
	if out.Changes == nil {
		return nil, fault.New(fault.NotFound, "job %s of run %d had no try %d in attempt %d", out.Job, out.Run, out.Try, attempt)
	}
	return &tryOut{out}, nil
}

type listIn struct {
	Application string   `query:"application" maxLength:"1024" doc:"only runs of this application"`
	State       []string `query:"state" doc:"only runs in these states, separated by commas"`
	Since       string   `query:"since" doc:"only runs submitted at this time or later, RFC 3339"`
	Until       string   `query:"until" doc:"only runs submitted before this time, RFC 3339"`
	Limit       int      `query:"limit" minimum:"0" doc:"at most so many; missing: 20"`
	Before      int64    `query:"before" minimum:"0" doc:"only runs older than this one: the next page"`
	Cursor      int64    `query:"cursor" minimum:"0" doc:"the same as before"`
}

func (in *listIn) filter(most int) (store.Filter, error) {
	f := store.Filter{Application: in.Application, Limit: in.Limit, Before: run.ID(max(in.Before, in.Cursor))}
	if f.Limit == 0 {
		f.Limit = defaultListed
	}
	f.Limit = min(f.Limit, most)
	for _, name := range in.State {
		state, ok := run.ParseState(strings.ToUpper(strings.TrimSpace(name)))
		if !ok {
			return f, fault.New(fault.Usage, "there is no state %q", cut(name))
		}
		f.States = append(f.States, state)
	}
	var err error
	if f.Since, err = timeIn("since", in.Since); err != nil {
		return f, err
	}
	f.Until, err = timeIn("until", in.Until)
	return f, err
}

func timeIn(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fault.New(fault.Usage, "%s is not a time", name).WithHint("for example: %s=2026-01-31T12:00:00Z", name)
	}
	return t.UTC(), nil
}

type listOut struct{ Body wire.List }

// list returns a page of the runs that the caller may see.
func (s *server) list(ctx context.Context, in *listIn) (*listOut, error) {
	f, err := in.filter(s.Limits.MostListed)
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	f.Limit++ // one more tells whether there is another page
	found, err := s.listed(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &listOut{wire.List{Runs: found}}
	if len(found) > limit {
		out.Body.Runs = found[:limit]
		out.Body.Next = &out.Body.Runs[limit-1].Run
	}
	return out, nil
}

// listed returns the runs that a filter selects of those that the caller may see.
func (s *server) listed(ctx context.Context, f store.Filter) ([]runs.View, error) {
	all, some := visible(ctx, access.RunRead)
	switch {
	case f.Application != "":
		if err := s.may(ctx, access.RunRead, f.Application); err != nil {
			return nil, err
		}
		return s.Runs.List(ctx, f)
	case all:
		return s.Runs.List(ctx, f)
	}
	found := []runs.View{}
	for _, app := range some {
		f.Application = app
		of, err := s.Runs.List(ctx, f)
		if err != nil {
			return nil, err
		}
		found = append(found, of...)
	}
	slices.SortFunc(found, func(a, b runs.View) int { return int(b.Run - a.Run) })
	return found[:min(len(found), f.Limit)], nil
}

type transitionsIn struct {
	RunPath
	After int64 `query:"after" minimum:"0" doc:"only those with a higher seq"`
	Limit int   `query:"limit" minimum:"0" maximum:"10000" doc:"at most so many; missing: 1000"`
}

type transitionsOut struct{ Body wire.Transitions }

// transitions returns a page of what was recorded of a run.
func (s *server) transitions(ctx context.Context, in *transitionsIn) (*transitionsOut, error) {
	limit := in.Limit
	if limit == 0 {
		limit = 1000
	}
	id := runOf(ctx).ID
	ts, err := s.History.Transitions(ctx, id, in.After, limit+1)
	if err != nil {
		return nil, err
	}
	out := &transitionsOut{}
	if len(ts) > limit {
		ts = ts[:limit]
		out.Body.Next = &ts[limit-1].Seq
	}
	out.Body.Transitions = make([]wire.Transition, len(ts))
	for i := range ts {
		out.Body.Transitions[i] = s.event(ctx, id, &ts[i])
	}
	return out, nil
}

type explainIn struct {
	RunPath
	Job string `query:"job" maxLength:"1024" doc:"about this job"`
}

type explainOut struct{ Body wire.Explanation }

// explain says why each thing happened.
func (s *server) explain(ctx context.Context, in *explainIn) (*explainOut, error) {
	d, _, err := s.shown(ctx, runOf(ctx))
	if err != nil {
		return nil, err
	}
	v := &d.View
	out := wire.Explanation{Run: v.Run, Attempt: v.Attempt, Application: v.Application, State: v.State, Job: run.JobID(in.Job)}
	if out.Job != "" {
		i, err := runs.JobIn(d.Workflow, out.Job)
		if err != nil {
			return nil, err
		}
		out.State = v.Jobs[i].State
	} else {
		out.Failures = runs.ExplainFailures(d)
	}
	if out.Decisions = runs.Explain(d, out.Job); out.Decisions == nil {
		out.Decisions = []runs.Decision{}
	}
	return &explainOut{out}, nil
}

type leftoversOut struct {
	Body struct {
		PIDs []int `json:"pids"`
	}
}

// leftovers returns the processes that a run's program left running when it went away.
func (s *server) leftovers(ctx context.Context, _ *RunPath) (*leftoversOut, error) {
	pids, err := s.Runs.LeftRunning(ctx, runOf(ctx).ID)
	out := &leftoversOut{}
	out.Body.PIDs = append([]int{}, pids...)
	return out, err
}

type usualIn struct {
	Application string `path:"application" maxLength:"1024"`
}

type usualOut struct{ Body wire.Usual }

// usual says how long an application's last good run took.
func (s *server) usual(ctx context.Context, in *usualIn) (*usualOut, error) {
	if err := s.may(ctx, access.RunRead, in.Application); err != nil {
		return nil, err
	}
	u, err := s.Runs.Usual(ctx, in.Application)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, fault.New(fault.NotFound, "no run of %s has succeeded yet", in.Application)
	}
	return &usualOut{wire.UsualOf(u)}, nil
}

type cancelIn struct {
	RunPath
	Body *wire.Cancel
}

// cancel asks for the end of a run or of some of its jobs.
func (s *server) cancel(ctx context.Context, in *cancelIn) (*viewOut, error) {
	var body wire.Cancel
	if in.Body != nil {
		body = *in.Body
	}
	kind := store.CancelRun
	switch {
	case body.Drain && len(body.Jobs) > 0:
		return nil, fault.New(fault.Usage, "drain is for a whole run, not for jobs")
	case body.Drain:
		kind = store.DrainRun
	case len(body.Jobs) > 0:
		kind = store.CancelJob
	}
	return s.cancelled(ctx, kind, body.Jobs)
}

// cancelJob asks for the end of one job.
func (s *server) cancelJob(ctx context.Context, in *JobPath) (*viewOut, error) {
	return s.cancelled(ctx, store.CancelJob, []run.JobID{in.id()})
}

func (s *server) cancelled(ctx context.Context, kind store.RequestKind, jobs []run.JobID) (*viewOut, error) {
	c := callOf(ctx)
	if err := s.Service.Cancel(ctx, c.run, kind, jobs, c.who.User); err != nil {
		return nil, err
	}
	v, err := s.view(ctx, c.run.ID)
	return &viewOut{v}, err
}

type resumeIn struct {
	RunPath
	Wait string `query:"wait" example:"30s" doc:"answer when the run has ended, after this time at the latest"`
	Body *wire.Resume
}

type resumeOut struct {
	Status int
	Body   runs.View
}

// resume begins a new attempt of a run.
func (s *server) resume(ctx context.Context, in *resumeIn) (*resumeOut, error) {
	wait, err := s.waitTime(in.Wait)
	if err != nil {
		return nil, err
	}
	body := &wire.Resume{}
	if in.Body != nil {
		body = in.Body
	}
	req, err := s.resumption(ctx, body, toRun)
	if err != nil {
		return nil, err
	}
	return s.resumed(ctx, req, wait)
}

func (s *server) resumed(ctx context.Context, req runs.Resume, wait time.Duration) (*resumeOut, error) {
	c := callOf(ctx)
	s.settle(ctx)
	req.Options.Request = c.id
	if _, err := s.Service.Resume(ctx, c.run, req); err != nil {
		return nil, err
	}
	if wait > 0 {
		if err := s.ended(ctx, c.run.ID, wait); err != nil {
			return nil, err
		}
	}
	v, err := s.view(ctx, c.run.ID)
	return &resumeOut{http.StatusAccepted, v}, err
}

// settleTime is how long a run that has ended may take to be given back by its program.
const settleTime = 2 * time.Second

// settle waits until a run that has ended belongs to nobody: its end is seen a moment
// before that. A run that goes on, or is held on to, is for whoever acts on it to refuse.
func (s *server) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := s.seen(ctx)
		if err != nil || r.Owner == nil || !r.Attempt.State.Ended() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// retryJob runs a job again, with all that depends on it.
func (s *server) retryJob(ctx context.Context, in *JobPath) (*resumeOut, error) {
	opt := runs.Options{From: []run.JobID{in.id()}}
	return s.resumed(ctx, runs.Resume{Options: opt, Now: s.Now()}, 0)
}

type markIn struct {
	RunPath
	Body wire.MarkRequest
}

type markOut struct{ Body wire.Marked }

// markSuccess declares jobs successful by hand.
func (s *server) markSuccess(ctx context.Context, in *markIn) (*markOut, error) {
	c := callOf(ctx)
	s.settle(ctx)
	made, err := s.Runs.MarkSuccess(ctx, c.run, in.Body.Jobs, c.who.User, in.Body.Note)
	if err != nil {
		return nil, err
	}
	out := wire.Marked{
		Run: c.run.ID, Attempt: c.run.Attempt.Number, Marked: []run.JobID{}, Already: []run.JobID{},
		By: c.who.User, Note: in.Body.Note,
	}
	for _, o := range made {
		out.Marked = append(out.Marked, o.Job)
	}
	for _, id := range in.Body.Jobs {
		if !slices.Contains(out.Marked, id) {
			out.Already = append(out.Already, id)
		}
	}
	return &markOut{out}, nil
}
