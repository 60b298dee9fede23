package cli

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// workflows is what commands do with registered workflows: through a server, or on its
// database. A client.Client is one.
type workflows interface {
	Register(ctx context.Context, name string, r wire.Register) (wire.Registered, error)
	Workflows(ctx context.Context) ([]wire.Registered, error)
	RegisteredWorkflow(ctx context.Context, name string, version int) (wire.Registered, error)
	WorkflowVersions(ctx context.Context, name string) ([]wire.Registered, error)
	DiffWorkflow(ctx context.Context, name string, from, to int) (wire.Difference, error)
	EnableWorkflow(ctx context.Context, name string, version int, enabled bool) ([]wire.Registered, error)
}

var (
	_ workflows = (*client.Client)(nil)
	_ workflows = (*workflowsHere)(nil)
)

// workflowsHere are those of a database. What is changed is in its audit log.
type workflowsHere struct {
	c  *command
	st store.Store
}

func (h *workflowsHere) Register(ctx context.Context, name string, r wire.Register) (wire.Registered, error) {
	wf, err := h.read(ctx, store.Registered{File: r.File, Source: []byte(r.Source)})
	if err != nil {
		return wire.Registered{}, err
	}
	switch all, err := h.st.RegisteredVersions(ctx, name); {
	case fault.CodeOf(err) == fault.NotFound:
	case err != nil:
		return wire.Registered{}, err
	case len(all) > 0 && all[0].Application != wf.Application:
		return wire.Registered{}, fault.New(fault.Conflict, "workflow %s is of application %s", name, all[0].Application).
			WithHint("give it another name with --name")
	}
	hash := access.Hash(r.Source)
	what := changed{access.WorkflowWrite, "workflow " + name, "hash " + hash}
	kept, err := h.st.Register(ctx, store.Registered{
		Name: name, Application: wf.Application, Hash: hash, Source: []byte(r.Source), File: r.File,
		Enabled: true, By: "local:" + h.c.user(), At: time.Now().UTC(), Note: r.Note,
	}, h.c.said(what))
	kept.Source = nil
	out := wire.RegisteredOf(&kept)
	out.Warnings = wf.Warnings
	return out, errors.Join(err, h.c.auditFailure(ctx, h.st, what, err))
}

// read reads the text of a version.
func (h *workflowsHere) read(ctx context.Context, r store.Registered) (*workflow.Workflow, error) {
	return h.c.loadText(ctx, api.Text{Source: workflow.Source{Name: r.File, Data: r.Source}, Look: true})
}

func (h *workflowsHere) Workflows(ctx context.Context) ([]wire.Registered, error) {
	return registeredOf(h.st.RegisteredWorkflows(ctx))
}

func (h *workflowsHere) RegisteredWorkflow(ctx context.Context, name string, version int) (wire.Registered, error) {
	r, err := h.st.Registered(ctx, name, version)
	if version == 0 && fault.CodeOf(err) == fault.NotFound {
		if all, listErr := h.st.RegisteredVersions(ctx, name); listErr == nil && len(all) > 0 {
			err = store.ErrAllDisabled(name)
		}
	}
	out := wire.RegisteredOf(&r)
	if err != nil {
		return out, err
	}
	if wf, err := h.c.loadText(ctx, api.Text{Source: workflow.Source{Name: r.File, Data: r.Source}, Look: true}); err == nil {
		out.Params = wire.ParamsOf(wf, h.c.masking(wf, nil))
	}
	return out, nil
}

func (h *workflowsHere) WorkflowVersions(ctx context.Context, name string) ([]wire.Registered, error) {
	return registeredOf(h.st.RegisteredVersions(ctx, name))
}

func registeredOf(all []store.Registered, err error) ([]wire.Registered, error) {
	out := make([]wire.Registered, len(all))
	for i := range all {
		out[i] = wire.RegisteredOf(&all[i])
	}
	return out, err
}

func (h *workflowsHere) DiffWorkflow(ctx context.Context, name string, from, to int) (wire.Difference, error) {
	out := wire.Difference{Name: name, From: from, To: to}
	var sides [2]*workflow.Workflow
	for i, version := range []int{from, to} {
		r, err := h.st.Registered(ctx, name, version)
		if err != nil {
			return out, err
		}
		if sides[i], err = h.read(ctx, r); err != nil {
			return out, err
		}
	}
	out.Difference = runs.CompareHidden(sides[0], sides[1], h.c.jobEnviron())
	return out, nil
}

func (h *workflowsHere) EnableWorkflow(ctx context.Context, name string, version int, enable bool) ([]wire.Registered, error) {
	which := "all versions "
	if version != 0 {
		which = "version " + itoa(version) + " "
	}
	what := changed{access.WorkflowEnable, "workflow " + name, which + enabled(enable)}
	if err := h.st.EnableRegistered(ctx, name, version, enable, h.c.said(what)); err != nil {
		return nil, errors.Join(err, h.c.auditFailure(ctx, h.st, what, err))
	}
	return h.WorkflowVersions(ctx, name)
}

// registration returns a workflow file as it is registered: its own text when that is all,
// else one text with all that it includes.
func (c *command) registration(path string) (r wire.Register, err error) {
	c.later = true
	src, host, err := c.source(path)
	if err != nil {
		return r, err
	}
	r.File = filepath.Base(path)
	alone := host
	alone.CheckDir = nil
	alone.ReadFile = func(string) ([]byte, error) { return nil, errElsewhere }
	if _, err := workflow.Load(src, alone); err == nil {
		r.Source = string(src.Data)
		return r, nil
	}
	wf, err := c.compose(src, host)
	if err != nil {
		return r, c.showProblems(err)
	}
	for i := range wf.Jobs {
		if wf.Jobs[i].Scope != nil {
			return r, fault.New(fault.Unsupported, "%s calls other workflow files (job %s), which can't be registered with it", path, wf.Jobs[i].ID).
				WithHint("put the files into the directory of the service's workflows (schedules.directory of its settings): it runs their schedules and triggers from there")
		}
	}
	text, _ := c.composed.Print(workflow.Show{})
	r.Source = string(text)
	if strings.HasSuffix(r.File, ".json") {
		r.File = strings.TrimSuffix(r.File, ".json") + ".yaml" // as it is printed
	}
	return r, nil
}

var errElsewhere = errors.New("it is another file")
