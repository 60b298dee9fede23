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

// What is asked and answered about the schedules of a service.
type (
	// KnownSchedule is a schedule that the service has seen.
	KnownSchedule = wire.Schedule
	// ScheduledTime is what became of an expected time.
	ScheduledTime = wire.ScheduledTime
	// ScheduledTimes are a page of these, the latest first.
	ScheduledTimes = wire.ScheduledTimes
	// BackfillRange is a range of times that are to be run.
	BackfillRange = wire.Backfill
	// Backfilled is what a backfill asked for, or would.
	Backfilled = wire.Backfilled
)

// TimesFilter selects what became of a schedule's times, or of what arrived by a trigger. Zero fields select all.
type TimesFilter struct {
	Since, Before time.Time // expected at or after; expected before
	Limit         int       // 0: 100
}

// ofSchedule returns the path of something about a schedule, which is named WORKFLOW/NAME.
func ofSchedule(id string, more ...string) []string {
	workflow, name, _ := strings.Cut(id, "/")
	return append([]string{"schedules", workflow, name}, more...)
}

// Schedules returns the schedules that the service has seen.
func (c *Client) Schedules(ctx context.Context) ([]KnownSchedule, error) {
	all, err := get[wire.Schedules](ctx, c, nil, "schedules")
	return all.Schedules, err
}

// Schedule returns a schedule by its id, WORKFLOW/NAME.
func (c *Client) Schedule(ctx context.Context, id string) (KnownSchedule, error) {
	return get[KnownSchedule](ctx, c, nil, ofSchedule(id)...)
}

// ScheduledTimes returns what became of a schedule's times, the latest first.
func (c *Client) ScheduledTimes(ctx context.Context, id string, f TimesFilter) (ScheduledTimes, error) {
	return get[ScheduledTimes](ctx, c, f.query(), ofSchedule(id, "times")...)
}

// PauseSchedule has a schedule's times skipped until ResumeSchedule.
func (c *Client) PauseSchedule(ctx context.Context, id, why string) (KnownSchedule, error) {
	var out KnownSchedule
	err := c.do(ctx, call{method: http.MethodPost, path: ofSchedule(id, "pause"), in: wire.Pause{Why: why}, out: &out, repeats: always})
	return out, err
}

// ResumeSchedule ends the pause of a schedule.
func (c *Client) ResumeSchedule(ctx context.Context, id string) (KnownSchedule, error) {
	var out KnownSchedule
	err := c.do(ctx, call{method: http.MethodPost, path: ofSchedule(id, "resume"), out: &out, repeats: always})
	return out, err
}

// RunSchedule asks for a run of a schedule now, besides its times. The run is submitted soon
// after: see ScheduledTimes.
func (c *Client) RunSchedule(ctx context.Context, id string) (ScheduledTime, error) {
	var out ScheduledTime
	err := c.do(ctx, call{method: http.MethodPost, path: ofSchedule(id, "run"), out: &out})
	return out, err
}

// PreviewBackfill returns which times of a range Backfill would run.
func (c *Client) PreviewBackfill(ctx context.Context, id string, r BackfillRange) (Backfilled, error) {
	q := url.Values{"from": {r.From}}
	if r.To != "" {
		q.Set("to", r.To)
	}
	if r.Limit > 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	return get[Backfilled](ctx, c, q, ofSchedule(id, "backfill")...)
}

// Backfill asks for a run of each time of a range that has none. To ask again asks for
// nothing more.
func (c *Client) Backfill(ctx context.Context, id string, r BackfillRange) (Backfilled, error) {
	var out Backfilled
	err := c.do(ctx, call{method: http.MethodPost, path: ofSchedule(id, "backfill"), in: r, out: &out, repeats: always})
	return out, err
}
