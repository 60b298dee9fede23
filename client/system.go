package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/executionerhq/executioner/internal/api/wire"
)

// Version says which program a server is.
type Version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// ServerVersion says which program the server is.
func (c *Client) ServerVersion(ctx context.Context) (Version, error) {
	return get[Version](ctx, c, nil, "version")
}

// Plan is what a run would do.
type Plan = wire.Plan

// Plan says what a new run of a workflow would do. Nothing is run.
func (c *Client) Plan(ctx context.Context, s Submission) (Plan, error) {
	return post[Plan](ctx, c, s, always, "plan")
}

// PlanResume says what going on with a run would do. Nothing is run.
func (c *Client) PlanResume(ctx context.Context, id RunID, how Resumption) (Plan, error) {
	return post[Plan](ctx, c, how, always, "runs", id.String(), "plan")
}

// Usual is how long an application's run and its jobs took the last time it succeeded.
type Usual = wire.Usual

// Usual returns how long an application's run and its jobs took the last time it
// succeeded. NotFound: it never did.
func (c *Client) Usual(ctx context.Context, application string) (Usual, error) {
	return get[Usual](ctx, c, nil, "applications", application, "usual")
}

// Ready asks whether the server takes runs, once. The error says that it does not.
func (c *Client) Ready(ctx context.Context) error { return c.health(ctx, "ready") }

// Live asks whether the server answers, once.
func (c *Client) Live(ctx context.Context) error { return c.health(ctx, "live") }

func (c *Client) health(ctx context.Context, what string) error {
	resp, err := c.once(ctx, call{method: http.MethodGet, root: true, path: []string{"healthz", what}}, nil)
	if err != nil {
		return c.told(ctx, err)
	}
	return resp.Body.Close()
}

// OpenAPI returns the document that describes the server's API (OpenAPI 3.1).
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	var out json.RawMessage
	err := c.do(ctx, call{method: http.MethodGet, root: true, path: []string{"openapi.json"}, out: &out, repeats: always})
	return out, err
}

// StatisticsFilter says which figures are wanted, as the options of executioner stats do.
type StatisticsFilter struct {
	Application string
	Job         JobID
	Since       string // a day, or how long ago: 30d
	By          string // day, week or month
	Slowest     int    // this many jobs that take the longest
	Flakiest    int    // this many jobs that fail most often
}

// Statistics returns what executioner stats --json prints.
func (c *Client) Statistics(ctx context.Context, f StatisticsFilter) (json.RawMessage, error) {
	q := url.Values{}
	for name, value := range map[string]string{"application": f.Application, "job": string(f.Job), "since": f.Since, "by": f.By} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, n := range map[string]int{"slowest": f.Slowest, "flakiest": f.Flakiest} {
		if n != 0 {
			q.Set(name, strconv.Itoa(n))
		}
	}
	return get[json.RawMessage](ctx, c, q, "statistics")
}
