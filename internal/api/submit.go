package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

type submitIn struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"of two submissions with the same key there is one run"`
	Wait string `query:"wait" example:"30s" doc:"answer when the run has ended, after this time at the latest"`
	Body wire.Submit
}

type submitOut struct {
	Status   int
	Location string `header:"Location"`
	Body     wire.Submitted
}

// submit records a new run.
func (s *server) submit(ctx context.Context, in *submitIn) (*submitOut, error) {
	wait, err := s.waitTime(in.Wait)
	if err != nil {
		return nil, err
	}
	wf, err := s.flow(ctx, &in.Body.Flow, access.RunInline, access.RunSubmit, toRun)
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	opt := in.Body.Options.Runs()
	opt.Service, opt.Registered, opt.Request = true, c.registered, c.id
	if err := s.mayOverride(ctx, opt.Env, wf.Application); err != nil {
		return nil, err
	}
	id, existing, err := s.Service.Submit(ctx, wf, opt, c.who.User, in.Key)
	if err != nil {
		return nil, err
	}
	c.object = runName(id)
	if existing {
		if err := s.Runs.Same(ctx, id, runs.Submission{Workflow: wf, Options: opt}); err != nil {
			return nil, err
		}
	}
	if wait > 0 {
		if err := s.ended(ctx, id, wait); err != nil {
			return nil, err
		}
	}
	out := &submitOut{Status: http.StatusCreated, Location: prefix + "/runs/" + id.String()}
	if existing {
		out.Status = http.StatusOK
	}
	v, err := s.view(ctx, id)
	if existing && err == nil { // it may be of another workflow
		err = access.Check(c.who, access.RunRead, v.Application)
	}
	out.Body = wire.Submitted{View: v, Existing: existing, Warnings: s.warnings(ctx, &in.Body.Flow, wf)}
	return out, err
}

// purpose is what a workflow is read for.
type purpose int

const (
	toLook purpose = iota
	toPlan
	toRun
)

// waitTime reads how long an answer may wait for a run's end.
func (s *server) waitTime(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := workflow.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fault.New(fault.Usage, "wait is not a duration").WithHint("for example: wait=30s")
	}
	return min(d, s.Limits.MostWait), nil
}

// ended returns once a run's latest attempt has ended, or after that time, or when the
// service stops.
func (s *server) ended(ctx context.Context, id run.ID, wait time.Duration) error {
	following, end, err := s.open(ctx)
	if err != nil {
		return nil //nolint:nilerr // there is no room to wait in: the answer comes at once
	}
	defer end()
	waiting, cancel := context.WithTimeout(following, wait)
	defer cancel()
	f := s.follow(id, 0)
	defer f.close()
	for {
		over, err := f.next(waiting, nil)
		switch {
		case waiting.Err() != nil && ctx.Err() == nil: // the time is over, or the service stops
			return nil
		case err != nil || over:
			return err
		}
	}
}

// view returns a run with its jobs, with secrets hidden.
func (s *server) view(ctx context.Context, id run.ID) (runs.View, error) {
	r, err := s.History.Run(ctx, id)
	if err != nil {
		return runs.View{}, err
	}
	d, _, err := s.shown(ctx, r)
	return d.View, err
}

// flow returns the workflow that a request is about: a registered one, which takes
// that the caller may do byName, or one that came with it, which takes inline as well.
func (s *server) flow(ctx context.Context, f *wire.Flow, inline, byName access.Action, purpose purpose) (*workflow.Workflow, error) {
	text, application, err := s.textOf(ctx, f, inline, byName)
	if err != nil {
		return nil, err
	}
	text.Params, text.Look, text.Run = given(f.Params, f.Ambient), purpose == toLook, purpose == toRun
	c := callOf(ctx)
	wf, err := s.Load(ctx, text)
	if err != nil && f.Workflow != "" && !access.Can(c.who, access.WorkflowWrite, application) {
		return nil, s.guarded(ctx, text, err)
	}
	if err != nil {
		return nil, err
	}
	c.application = wf.Application
	if purpose == toRun && (f.Workflow != "" || !filepath.IsAbs(wf.File)) { // it is not in the service's directory
		unnamed := *wf
		unnamed.File = ""
		wf = &unnamed
	}
	if f.Workflow != "" {
		if wf.Application != application { // its includes may have changed since
			return nil, fault.New(fault.Conflict, "workflow %s is of application %s now", f.Workflow, wf.Application).
				WithHint("register it anew")
		}
		return wf, nil
	}
	if err := s.may(ctx, byName, wf.Application); err != nil {
		return nil, err
	}
	return wf, s.may(ctx, inline, wf.Application)
}

// warnings returns those of a workflow as they are told, without secrets.
func (s *server) warnings(ctx context.Context, f *wire.Flow, wf *workflow.Workflow) []workflow.Problem {
	if len(wf.Warnings) == 0 {
		return nil
	}
	hidden := hideProblems(wf.Warnings, s.masker(wf, nil))
	if f.Workflow != "" && !access.Can(callOf(ctx).who, access.WorkflowWrite, wf.Application) {
		return withoutText(hidden)
	}
	return hidden
}

// guarded returns what is wrong with a registered workflow for somebody who may not read its
// text: without the secrets in it. Where these can't be found out it says nothing of the text.
func (s *server) guarded(ctx context.Context, text Text, err error) error {
	var problems workflow.Problems
	if !errors.As(err, &problems) {
		return err
	}
	text.Params, text.Look, text.Run = nil, true, false
	wf, broken := s.Load(ctx, text)
	if broken != nil {
		return fault.New(fault.InvalidWorkflow, "the registered workflow is not valid any more").
			WithHint("whoever may register it is told why when they plan it")
	}
	problems = withoutText(hideProblems(problems, s.masker(wf, nil)))
	f := fault.New(fault.InvalidWorkflow, "the registered workflow is not valid")
	f.Hint, f.Err = fault.HintOf(err), problems
	return f
}

// textOf returns the text of a workflow, and its application where that is known before
// it is read.
func (s *server) textOf(ctx context.Context, f *wire.Flow, inline, byName access.Action) (t Text, application string, err error) {
	switch {
	case (f.Workflow == "") == (f.Source == ""):
		return t, "", fault.New(fault.Usage, "say which workflow").
			WithHint("give either workflow, the name of a registered one, or source, the text of one")
	case f.Workflow != "":
		c := callOf(ctx)
		if c.object == "" {
			c.object = "workflow " + f.Workflow
		}
		r, err := s.registered(ctx, f.Workflow, byName)
		if err == nil {
			c.registered = r.Name + "@" + strconv.Itoa(r.Version)
		}
		return Text{Source: workflow.Source{Name: r.File, Data: r.Source}}, r.Application, err
	}
	if !can(callOf(ctx).who, inline) { // before anything of it is read
		return t, "", access.Denied(callOf(ctx).who, inline, "")
	}
	if f.Dir != "" && !strings.HasPrefix(f.Dir, "/") {
		return t, "", fault.New(fault.Usage, "dir is not absolute")
	}
	name := f.Name
	if name == "" {
		name = "-"
	}
	return Text{Source: workflow.Source{Name: name, Data: []byte(f.Source)}, Dir: f.Dir}, "", nil
}

// given returns parameters as workflows take them, those that count more behind the others.
func given(params, ambient map[string]string) []workflow.Given {
	all := make([]workflow.Given, 0, len(params)+len(ambient))
	for _, name := range slices.Sorted(maps.Keys(ambient)) {
		all = append(all, workflow.Given{Name: name, Value: ambient[name], From: name + "=", Ambient: true})
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		all = append(all, workflow.Given{Name: name, Value: params[name], From: "params." + name + "="})
	}
	return all
}

type validateIn struct {
	Strict bool `query:"strict" doc:"warnings count as errors"`
	Body   wire.Flow
}

type validateOut struct{ Body wire.Checked }

// validate checks a workflow. That it is not valid is no error of the request.
func (s *server) validate(ctx context.Context, in *validateIn) (*validateOut, error) {
	out := &validateOut{wire.Checked{File: in.Body.Name, Problems: []workflow.Problem{}}}
	wf, err := s.flow(ctx, &in.Body, access.RunInline, access.WorkflowRead, toLook)
	var problems workflow.Problems
	switch {
	case errors.As(err, &problems):
		out.Body.Problems = problems
		return out, nil
	case fault.CodeOf(err) == fault.InvalidWorkflow:
		out.Body.Problems = append(out.Body.Problems, workflow.Problem{File: in.Body.Name, Msg: err.Error(), Hint: fault.HintOf(err)})
		return out, nil
	case err != nil:
		return nil, err
	}
	out.Body.Application, out.Body.Jobs = wf.Application, len(wf.Jobs)
	out.Body.Problems = append(out.Body.Problems, s.warnings(ctx, &in.Body, wf)...)
	out.Body.OK = !in.Strict || len(out.Body.Problems) == 0
	return out, nil
}

type planIn struct{ Body wire.Submit }

type planOut struct{ Body wire.Plan }

// plan shows what a run would do.
func (s *server) plan(ctx context.Context, in *planIn) (*planOut, error) {
	wf, err := s.flow(ctx, &in.Body.Flow, access.RunInline, access.WorkflowRead, toPlan)
	if err != nil {
		return nil, err
	}
	var usual *runs.Usual
	if access.Can(callOf(ctx).who, access.RunRead, wf.Application) {
		usual, _ = s.Runs.Usual(ctx, wf.Application) // without durations a plan is a plan
	}
	opt := in.Body.Options.Runs()
	p, err := runs.PreviewRun(wf, opt, usual)
	if err != nil {
		return nil, err
	}
	return &planOut{hidePlan(p, s.masker(wf, opt.Env))}, nil
}

type planResumeIn struct {
	RunPath
	Body *wire.Resume
}

// planResume shows what going on with a run would do.
func (s *server) planResume(ctx context.Context, in *planResumeIn) (*planOut, error) {
	body := &wire.Resume{}
	if in.Body != nil {
		body = in.Body
	}
	req, err := s.resumption(ctx, body, toPlan)
	if err != nil {
		return nil, err
	}
	r, err := s.seen(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.Runs.PreviewResume(ctx, r, req)
	if err != nil {
		return nil, err
	}
	m, err := s.maskerOf(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	out := hidePlan(p, m)
	if req.Current != nil {
		hidePlanTexts(&out, s.masker(p.Workflow, req.Options.Env))
	}
	return &planOut{out}, nil
}

// resumption returns what a request asks for. A workflow that comes with it must be of
// the run's application.
func (s *server) resumption(ctx context.Context, in *wire.Resume, purpose purpose) (runs.Resume, error) {
	req := runs.Resume{Options: in.Runs(), Params: given(in.Params, in.Ambient), Now: s.Now()}
	of := callOf(ctx).run.Application
	if err := s.mayOverride(ctx, req.Options.Env, of); err != nil || in.Current == nil {
		return req, err
	}
	f := *in.Current
	if f.Params == nil {
		f.Params = in.Params
	}
	wf, err := s.flow(ctx, &f, access.RunInline, access.RunSubmit, purpose)
	if err != nil {
		return req, err
	}
	if wf.Application != of {
		return req, fault.New(fault.Conflict, "the workflow is of application %s, and the run of %s", wf.Application, of)
	}
	req.Current, req.Options.Registered = wf, callOf(ctx).registered
	return req, nil
}

// version splits NAME@VERSION. Version 0 stands for the newest that is enabled.
func splitVersion(name string) (string, int, error) {
	base, text, ok := strings.Cut(name, "@")
	if !ok {
		return base, 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return base, 0, fault.New(fault.Usage, "%q is not a version", text).WithHint("for example: nightly@3")
	}
	return base, n, nil
}
