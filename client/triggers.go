package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/api/wire"
)

// What is asked and answered about the triggers of a service.
type (
	// KnownTrigger is a trigger that the service has seen.
	KnownTrigger = wire.Trigger
	// Arrival is what became of a request or file that arrived.
	Arrival = wire.Arrival
	// Arrivals are a page of these, the latest first.
	Arrivals = wire.Arrivals
)

// ofTrigger returns the path of something about a trigger, which is named WORKFLOW/NAME.
func ofTrigger(id string, more ...string) []string {
	workflow, name, _ := strings.Cut(id, "/")
	return append([]string{"triggers", workflow, name}, more...)
}

// query returns what a filter asks for.
func (f TimesFilter) query() url.Values {
	q := url.Values{}
	for name, at := range map[string]time.Time{"since": f.Since, "before": f.Before} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}

// Triggers returns the triggers that the service has seen.
func (c *Client) Triggers(ctx context.Context) ([]KnownTrigger, error) {
	all, err := get[wire.Triggers](ctx, c, nil, "triggers")
	return all.Triggers, err
}

// Trigger returns a trigger by its id, WORKFLOW/NAME.
func (c *Client) Trigger(ctx context.Context, id string) (KnownTrigger, error) {
	return get[KnownTrigger](ctx, c, nil, ofTrigger(id)...)
}

// Arrivals returns what became of what arrived by a trigger, the latest first.
func (c *Client) Arrivals(ctx context.Context, id string, f TimesFilter) (Arrivals, error) {
	return get[Arrivals](ctx, c, f.query(), ofTrigger(id, "arrivals")...)
}

// PauseTrigger has a trigger run nothing until ResumeTrigger.
func (c *Client) PauseTrigger(ctx context.Context, id, why string) (KnownTrigger, error) {
	var out KnownTrigger
	err := c.do(ctx, call{method: http.MethodPost, path: ofTrigger(id, "pause"), in: wire.Pause{Why: why}, out: &out, repeats: always})
	return out, err
}

// ResumeTrigger ends the pause of a trigger.
func (c *Client) ResumeTrigger(ctx context.Context, id string) (KnownTrigger, error) {
	var out KnownTrigger
	err := c.do(ctx, call{method: http.MethodPost, path: ofTrigger(id, "resume"), out: &out, repeats: always})
	return out, err
}
