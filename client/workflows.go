package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/executionerhq/executioner/internal/api/wire"
)

// What is asked and answered about registered workflows.
type (
	// Registration is a version of a workflow to be kept under a name.
	Registration = wire.Register
	// Registered is a version that is kept.
	Registered = wire.Registered
	// RegisteredParam is a parameter of such a workflow.
	RegisteredParam = wire.Param
	// WorkflowDifference is what changed from one version to another.
	WorkflowDifference = wire.Difference
)

// Register keeps a version of a workflow under a name, by which it can be submitted. A
// text that is the newest version's already is no new version.
func (c *Client) Register(ctx context.Context, name string, r Registration) (Registered, error) {
	var out Registered
	err := c.do(ctx, call{method: http.MethodPut, path: []string{"workflows", name}, in: r, out: &out, repeats: always})
	return out, err
}

// Workflows returns the newest version of each registered workflow, without its text.
func (c *Client) Workflows(ctx context.Context) ([]Registered, error) {
	all, err := get[wire.Workflows](ctx, c, nil, "workflows")
	return all.Workflows, err
}

// RegisteredWorkflow returns a version of a workflow, with its text for those who may write
// it. Version 0 is the newest that is enabled.
func (c *Client) RegisteredWorkflow(ctx context.Context, name string, version int) (Registered, error) {
	if version == 0 {
		return get[Registered](ctx, c, nil, "workflows", name)
	}
	return get[Registered](ctx, c, nil, "workflows", name, "versions", strconv.Itoa(version))
}

// WorkflowVersions returns all versions of a workflow, without their texts.
func (c *Client) WorkflowVersions(ctx context.Context, name string) ([]Registered, error) {
	all, err := get[wire.Workflows](ctx, c, nil, "workflows", name, "versions")
	return all.Workflows, err
}

// DiffWorkflow returns what changed from one version of a workflow to another.
func (c *Client) DiffWorkflow(ctx context.Context, name string, from, to int) (WorkflowDifference, error) {
	q := url.Values{"from": {strconv.Itoa(from)}, "to": {strconv.Itoa(to)}}
	return get[WorkflowDifference](ctx, c, q, "workflows", name, "diff")
}

// EnableWorkflow lets a version of a workflow be submitted by name, or no more. Version 0
// is all of them. It returns all versions.
func (c *Client) EnableWorkflow(ctx context.Context, name string, version int, enabled bool) ([]Registered, error) {
	what := "disable"
	if enabled {
		what = "enable"
	}
	q := url.Values{}
	if version != 0 {
		q.Set("version", strconv.Itoa(version))
	}
	var all wire.Workflows
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"workflows", name, what}, query: q, out: &all, repeats: always})
	return all.Workflows, err
}
