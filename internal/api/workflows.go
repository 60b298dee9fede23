package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// workflowRows are the routes of registered workflows.
func (s *server) workflowRows(get, post, put string) []route {
	return []route{
		{method: get, path: prefix + "/workflows", id: "list-workflows", summary: "List registered workflows", action: access.WorkflowRead, object: inHandler, typed: typed(s, s.workflows)},
		{method: put, path: prefix + "/workflows/{workflow}", id: "register-workflow", summary: "Register a version of a workflow", action: access.WorkflowWrite, object: inHandler, class: changing, big: true, typed: typed(s, s.register1)},
		{method: get, path: prefix + "/workflows/{workflow}", id: "get-workflow", summary: "Show the newest enabled version of a registered workflow", action: access.WorkflowRead, object: inWorkflow, typed: typed(s, s.workflow)},
		{method: get, path: prefix + "/workflows/{workflow}/versions", id: "list-versions", summary: "List the versions of a registered workflow", action: access.WorkflowRead, object: inWorkflow, typed: typed(s, s.versions)},
		{method: get, path: prefix + "/workflows/{workflow}/versions/{version}", id: "get-version", summary: "Show a version of a registered workflow", action: access.WorkflowRead, object: inWorkflow, typed: typed(s, s.workflowVersion)},
		{method: get, path: prefix + "/workflows/{workflow}/diff", id: "diff-workflow", summary: "Show what changed between two versions", action: access.WorkflowRead, object: inWorkflow, typed: typed(s, s.diff)},
		{method: post, path: prefix + "/workflows/{workflow}/enable", id: "enable-workflow", summary: "Let a workflow be submitted by name", action: access.WorkflowEnable, object: inWorkflow, class: changing, typed: typed(s, s.enable)},
		{method: post, path: prefix + "/workflows/{workflow}/disable", id: "disable-workflow", summary: "Let a workflow not be submitted by name", action: access.WorkflowEnable, object: inWorkflow, class: changing, typed: typed(s, s.disable)},
	}
}

// aboutWorkflow finds the application of the registered workflow in the path. For those who
// may not look at it, it is not there.
func (s *server) aboutWorkflow(r *http.Request, row *route, c *call) error {
	if !can(c.who, row.action) {
		return access.Denied(c.who, row.action, "")
	}
	name := r.PathValue("workflow")
	app, err := s.applicationOf(r.Context(), name)
	if err != nil {
		return err
	}
	if !access.Can(c.who, access.WorkflowRead, app) {
		c.hidden = true
		return store.ErrNoRegistered(name, 0)
	}
	c.application = app
	return access.Check(c.who, row.action, app)
}

// applicationOf returns the application of a registered workflow, which all its versions have.
func (s *server) applicationOf(ctx context.Context, name string) (string, error) {
	if access.CheckName("workflow", name) != nil {
		return "", store.ErrNoRegistered(cut(name), 0)
	}
	all, err := s.Accounts.RegisteredVersions(ctx, name)
	if err == nil && len(all) == 0 {
		err = store.ErrNoRegistered(name, 0)
	}
	if fault.CodeOf(err) == fault.NotFound {
		return "", store.ErrNoRegistered(name, 0) // in the same words as for one that must not be seen
	}
	if err != nil {
		return "", err
	}
	return all[0].Application, nil
}

// registered returns the version of a workflow that NAME or NAME@VERSION stands for, if it
// may be submitted and the caller may do so. For those who may not look at it, it is not there.
func (s *server) registered(ctx context.Context, ref string, a access.Action) (store.Registered, error) {
	name, version, err := splitVersion(ref)
	if err != nil {
		return store.Registered{}, err
	}
	c := callOf(ctx)
	app, err := s.applicationOf(ctx, name)
	if err == nil && !access.Can(c.who, access.WorkflowRead, app) {
		c.hidden = true
		err = store.ErrNoRegistered(name, 0)
	}
	if err != nil {
		return store.Registered{}, err
	}
	if err := s.may(ctx, a, app); err != nil {
		return store.Registered{}, err
	}
	r, err := s.Accounts.Registered(ctx, name, version)
	if version == 0 && fault.CodeOf(err) == fault.NotFound {
		return r, store.ErrAllDisabled(name)
	}
	if err == nil && !r.Enabled {
		err = fault.New(fault.Conflict, "version %d of workflow %s is disabled", r.Version, r.Name).
			WithHint("enable it, or submit another version")
	}
	return r, err
}

type workflowsOut struct{ Body wire.Workflows }

// workflows returns the newest version of each registered workflow that the caller may see.
func (s *server) workflows(ctx context.Context, _ *struct{}) (*workflowsOut, error) {
	all, err := s.Accounts.RegisteredWorkflows(ctx)
	out := &workflowsOut{wire.Workflows{Workflows: []wire.Registered{}}}
	for i := range all {
		if access.Can(callOf(ctx).who, access.WorkflowRead, all[i].Application) {
			out.Body.Workflows = append(out.Body.Workflows, wire.RegisteredOf(&all[i]))
		}
	}
	return out, err
}

// WorkflowPath is the part of a path that names a registered workflow.
type WorkflowPath struct {
	Workflow string `path:"workflow" maxLength:"64"`
}

type registerIn struct {
	WorkflowPath
	Body wire.Register
}

type registeredOut struct{ Body wire.Registered }

// register1 keeps a version of a workflow. All versions of one are of the same application,
// so that nobody can put theirs under the name of somebody else's.
func (s *server) register1(ctx context.Context, in *registerIn) (*registeredOut, error) {
	c := callOf(ctx)
	c.object = "workflow " + in.Workflow
	if err := access.CheckName("workflow", in.Workflow); err != nil {
		return nil, err
	}
	if strings.Contains(in.Workflow, "@") {
		return nil, fault.New(fault.Usage, "the name of a workflow can't have @, which begins a version")
	}
	file := in.Body.File
	if file == "" {
		file = in.Workflow + ".yaml"
	}
	wf, err := s.Load(ctx, Text{Source: workflow.Source{Name: file, Data: []byte(in.Body.Source)}, Look: true})
	if err != nil {
		return nil, err
	}
	if err := s.may(ctx, access.WorkflowWrite, wf.Application); err != nil {
		return nil, err
	}
	switch app, err := s.applicationOf(ctx, in.Workflow); {
	case fault.CodeOf(err) == fault.NotFound:
	case err != nil:
		return nil, err
	case app != wf.Application:
		return nil, fault.New(fault.Conflict, "workflow %s is of another application", in.Workflow).WithHint("use another name")
	}
	source := []byte(in.Body.Source)
	r, err := s.Accounts.Register(ctx, store.Registered{
		Name: in.Workflow, Application: wf.Application, Hash: access.Hash(in.Body.Source), Source: source, File: file,
		Enabled: true, By: c.who.User, At: s.Now().UTC(), Note: in.Body.Note,
	}, s.entry(ctx))
	if recorded(ctx, err) != nil {
		return nil, err
	}
	r.Source = nil
	out := wire.RegisteredOf(&r)
	out.Warnings = hideProblems(wf.Warnings, s.masker(wf, nil))
	return &registeredOut{out}, nil
}

// workflow returns the newest enabled version.
func (s *server) workflow(ctx context.Context, in *WorkflowPath) (*registeredOut, error) {
	return s.oneVersion(ctx, in.Workflow, 0)
}

type versionIn struct {
	WorkflowPath
	Version int `path:"version" minimum:"1"`
}

func (s *server) workflowVersion(ctx context.Context, in *versionIn) (*registeredOut, error) {
	return s.oneVersion(ctx, in.Workflow, in.Version)
}

// oneVersion returns a version. Its text is for those who may write it: it can have values
// that are nobody else's business.
func (s *server) oneVersion(ctx context.Context, name string, version int) (*registeredOut, error) {
	r, err := s.Accounts.Registered(ctx, name, version)
	if version == 0 && fault.CodeOf(err) == fault.NotFound { // the guard has found the workflow
		err = store.ErrAllDisabled(name)
	}
	if err != nil {
		return nil, err
	}
	out := &registeredOut{wire.RegisteredOf(&r)}
	// Who may run it is to know with what. That it is not valid any more is told by a plan.
	if wf, err := s.Load(ctx, Text{Source: workflow.Source{Name: r.File, Data: r.Source}, Look: true}); err == nil {
		out.Body.Params = wire.ParamsOf(wf, s.masker(wf, nil))
	}
	if !access.Can(callOf(ctx).who, access.WorkflowWrite, r.Application) {
		out.Body.Source = ""
	}
	return out, nil
}

func (s *server) versions(ctx context.Context, in *WorkflowPath) (*workflowsOut, error) {
	all, err := s.Accounts.RegisteredVersions(ctx, in.Workflow)
	out := &workflowsOut{wire.Workflows{Workflows: make([]wire.Registered, len(all))}}
	for i := range all {
		out.Body.Workflows[i] = wire.RegisteredOf(&all[i])
	}
	return out, err
}

type diffIn struct {
	WorkflowPath
	From int `query:"from" required:"true" minimum:"1"`
	To   int `query:"to" required:"true" minimum:"1"`
}

type diffOut struct{ Body wire.Difference }

// diff says what changed between two versions. Values of secret variables are hidden.
func (s *server) diff(ctx context.Context, in *diffIn) (*diffOut, error) {
	var sides [2]*workflow.Workflow
	for i, version := range []int{in.From, in.To} {
		r, err := s.Accounts.Registered(ctx, in.Workflow, version)
		if err != nil {
			return nil, err
		}
		text := Text{Source: workflow.Source{Name: r.File, Data: r.Source}, Look: true}
		if sides[i], err = s.Load(ctx, text); err != nil && !access.Can(callOf(ctx).who, access.WorkflowWrite, r.Application) {
			err = s.guarded(ctx, text, err)
		}
		if err != nil {
			return nil, err
		}
	}
	d := runs.CompareHidden(sides[0], sides[1], s.Environ)
	return &diffOut{wire.Difference{Name: in.Workflow, From: in.From, To: in.To, Difference: d}}, nil
}

type enableIn struct {
	WorkflowPath
	Version int `query:"version" minimum:"0" doc:"this version only; missing: all"`
}

func (s *server) enable(ctx context.Context, in *enableIn) (*workflowsOut, error) {
	return s.setEnabled(ctx, in, true)
}

func (s *server) disable(ctx context.Context, in *enableIn) (*workflowsOut, error) {
	return s.setEnabled(ctx, in, false)
}

func (s *server) setEnabled(ctx context.Context, in *enableIn, enabled bool) (*workflowsOut, error) {
	if err := recorded(ctx, s.Accounts.EnableRegistered(ctx, in.Workflow, in.Version, enabled, s.entry(ctx))); err != nil {
		return nil, err
	}
	return s.versions(ctx, &in.WorkflowPath)
}
