package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// runRegistered runs a registered workflow of the server.
func (c *command) runRegistered(cmd *cobra.Command, ref string, h *how, opt runs.Options) error {
	name, version, err := splitRegistered(ref)
	if err != nil {
		return err
	}
	h.view.json = c.json
	return c.execute(cmd, h.view, func(ctx context.Context, s Runs) (execution, error) {
		r := s.(*remote)
		known, err := r.server.RegisteredWorkflow(ctx, name, version)
		if err != nil {
			return nil, noSuch(ref, err)
		}
		c.beforeRun(ctx, s, known.Application, "")
		return r.submitNamed(ctx, ref, opt)
	})
}

// noSuch says of what is neither a file nor a registered workflow that it might have been one.
func noSuch(ref string, err error) error {
	if fault.CodeOf(err) != fault.NotFound {
		return err
	}
	return fault.New(fault.NotFound, "there is no workflow file %s, and no such workflow of the server: %s", ref, message(err)).
		WithHint("executioner workflow list shows those that are registered")
}

// submitNamed has the server run a registered workflow.
func (r *remote) submitNamed(ctx context.Context, ref string, opt runs.Options) (execution, error) {
	flow, err := r.c.flowNamed(ref)
	if err != nil {
		return nil, err
	}
	made, err := r.submit(ctx, flow, opt)
	if err != nil {
		return nil, err
	}
	d, err := r.Show(ctx, store.Run{ID: made.Run})
	if err != nil {
		return nil, err
	}
	return r.watch(runs.Attempt{Run: made.Run, Number: made.Attempt, Workflow: d.Workflow, Options: opt}, 0), nil
}

// flowNamed returns a registered workflow as it is sent: its name, and the parameters.
func (c *command) flowNamed(ref string) (client.Flow, error) {
	given, err := c.given()
	f := client.Flow{Workflow: ref}
	f.Params, f.Ambient = givenNow(c.withKept(given))
	return f, err
}

// newest has a run of a registered workflow go on with the newest version that is enabled, and
// tells what changed since.
func (c *command) newest(ctx context.Context, s Runs, r store.Run, from string, req *runs.Resume) error {
	name, version, err := splitRegistered(from)
	if err != nil {
		return err
	}
	stored, err := s.Workflow(ctx, r.Attempt.Hash)
	if err != nil {
		return err
	}
	c.keepParams(r, stored)
	w := c.workflowsOf(s)
	known, err := w.RegisteredWorkflow(ctx, name, 0)
	if err != nil {
		return err
	}
	now := fmt.Sprintf("%s@%d", name, known.Version)
	if known.Version == version {
		fmt.Fprintf(c.Err, "%s is the newest version, with which run %d began\n", now, r.ID)
	} else if err := c.tellNewer(ctx, w, name, version, known.Version, r); err != nil {
		return err
	}
	req.Options.Registered = now
	if c.remotely() {
		c.named, req.Current = now, stored // the server reads it
		return nil
	}
	given, err := c.given()
	if err != nil {
		return err
	}
	req.Current, err = c.loadText(ctx, api.Text{Source: workflow.Source{Name: known.File, Data: []byte(known.Source)}, Params: c.withKept(given), Run: true})
	if err != nil {
		return c.showProblems(err)
	}
	unnamed := *req.Current
	unnamed.File = ""
	req.Current = &unnamed
	return nil
}

// workflowsOf returns the registered workflows of where runs are.
func (c *command) workflowsOf(s Runs) workflows {
	if r, is := s.(*remote); is {
		return r.server
	}
	return &workflowsHere{c, s.(here).st}
}

func (c *command) tellNewer(ctx context.Context, w workflows, name string, from, to int, r store.Run) error {
	d, err := w.DiffWorkflow(ctx, name, from, to)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "%s@%d differs from %s@%d, with which run %d began:\n", name, to, name, from, r.ID)
	for _, line := range d.Difference.Lines() {
		fmt.Fprintf(c.Err, "  %s\n", clean(line))
	}
	return nil
}
