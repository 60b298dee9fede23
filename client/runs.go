package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// get asks for something.
func get[T any](ctx context.Context, c *Client, query url.Values, path ...string) (T, error) {
	var out T
	err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, out: &out, repeats: always})
	return out, err
}

// post has something done.
func post[T any](ctx context.Context, c *Client, in any, r repeats, path ...string) (T, error) {
	var out T
	err := c.do(ctx, call{method: http.MethodPost, path: path, in: in, out: &out, repeats: r})
	return out, err
}

// Submit records a new run, which waits for its turn. The submission is repeated when it
// is not known whether it arrived: key, which is made up when it is empty, keeps the
// server from making two runs of it. Of several submissions by one user with the same
// key all but the first return the run of the first, with Existing set.
func (c *Client) Submit(ctx context.Context, s Submission, key string) (Submitted, error) {
	if key == "" {
		key = newKey()
	}
	var out Submitted
	err := c.do(ctx, call{
		method: http.MethodPost, path: []string{"runs"}, header: http.Header{"Idempotency-Key": {key}},
		in: s, out: &out, repeats: always,
	})
	return out, err
}

// Run returns a run with its jobs.
func (c *Client) Run(ctx context.Context, id RunID) (Run, error) {
	return get[Run](ctx, c, nil, "runs", id.String())
}

// Find returns the run that ref names: a number, @latest, or @failed for the newest that
// ended without success.
func (c *Client) Find(ctx context.Context, ref string) (Run, error) {
	return get[Run](ctx, c, nil, "runs", ref)
}

// Details returns a run with all that is recorded of it.
func (c *Client) Details(ctx context.Context, id RunID) (Details, error) {
	return get[Details](ctx, c, nil, "runs", id.String(), "details")
}

// RunJob returns one job of a run.
func (c *Client) RunJob(ctx context.Context, id RunID, job JobID) (RunJob, error) {
	return get[RunJob](ctx, c, nil, "runs", id.String(), "jobs", string(job))
}

// Try returns one start of a job's command.
func (c *Client) Try(ctx context.Context, id RunID, job JobID, try int) (Try, error) {
	return get[Try](ctx, c, nil, "runs", id.String(), "jobs", string(job), "tries", strconv.Itoa(try))
}

// RunFilter selects runs. The zero value selects all.
type RunFilter struct {
	Application  string
	States       []State
	Since, Until time.Time // submitted at or after, before
	Before       RunID     // only runs with a lower number: RunPage.Next
	Limit        int       // 0: as many as the server gives
}

func (f RunFilter) query() url.Values {
	q := url.Values{}
	set := func(name, value string, is bool) {
		if is {
			q.Set(name, value)
		}
	}
	set("application", f.Application, f.Application != "")
	names := make([]string, len(f.States))
	for i, s := range f.States {
		names[i] = s.String()
	}
	set("state", strings.Join(names, ","), len(names) > 0)
	set("since", f.Since.UTC().Format(time.RFC3339Nano), !f.Since.IsZero())
	set("until", f.Until.UTC().Format(time.RFC3339Nano), !f.Until.IsZero())
	set("before", f.Before.String(), f.Before != 0)
	set("limit", strconv.Itoa(f.Limit), f.Limit != 0)
	return q
}

// Runs returns a page of runs, newest first, without their jobs.
func (c *Client) Runs(ctx context.Context, f RunFilter) (RunPage, error) {
	return get[RunPage](ctx, c, f.query(), "runs")
}

// Transitions returns a page of what was recorded of a run after a sequence number.
func (c *Client) Transitions(ctx context.Context, id RunID, after int64) (Transitions, error) {
	return get[Transitions](ctx, c, url.Values{"after": {strconv.FormatInt(after, 10)}}, "runs", id.String(), "transitions")
}

// Explain says why each thing of a run happened, or of one of its jobs.
func (c *Client) Explain(ctx context.Context, id RunID, job JobID) (Explanation, error) {
	q := url.Values{}
	if job != "" {
		q.Set("job", string(job))
	}
	return get[Explanation](ctx, c, q, "runs", id.String(), "explain")
}

// Cancel asks for the end of a run, or of some of its jobs, and returns the run as it
// stands then: it need not have ended yet.
func (c *Client) Cancel(ctx context.Context, id RunID, how Cancellation) (Run, error) {
	return post[Run](ctx, c, how, unsent, "runs", id.String(), "cancel")
}

// CancelJob asks for the end of one job of a run, or that it is not started.
func (c *Client) CancelJob(ctx context.Context, id RunID, job JobID) (Run, error) {
	return post[Run](ctx, c, nil, unsent, "runs", id.String(), "jobs", string(job), "cancel")
}

// Resume records the next attempt of a run, and returns the run as it stands then: what
// succeeded is not run again.
func (c *Client) Resume(ctx context.Context, id RunID, how Resumption) (Run, error) {
	return settled(ctx, c, id, func() (Run, error) {
		return post[Run](ctx, c, how, unsent, "runs", id.String(), "resume")
	})
}

// RetryJob records an attempt of a run that runs a job again, and all that depends on it.
func (c *Client) RetryJob(ctx context.Context, id RunID, job JobID) (Run, error) {
	return settled(ctx, c, id, func() (Run, error) {
		return post[Run](ctx, c, nil, unsent, "runs", id.String(), "jobs", string(job), "retry")
	})
}

// MarkSuccess declares jobs of a run successful by hand.
func (c *Client) MarkSuccess(ctx context.Context, id RunID, m Marking) (Marked, error) {
	return settled(ctx, c, id, func() (Marked, error) {
		return post[Marked](ctx, c, m, always, "runs", id.String(), "mark-success")
	})
}

// RunWorkflow returns the workflow of a run's latest attempt as it was stored, without its
// secrets: see Details.
func (c *Client) RunWorkflow(ctx context.Context, id RunID) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, nil, "runs", id.String(), "workflow")
}

// settled does what takes a run that nobody holds. A server holds a run for a moment after
// its end has been told: then it is asked again.
func settled[T any](ctx context.Context, c *Client, id RunID, do func() (T, error)) (T, error) {
	for wait, n := firstPause, 0; ; wait, n = 2*wait, n+1 {
		out, err := do()
		var held *Error
		if !errors.As(err, &held) || held.Code != CodeLocked || n == settleTries {
			return out, err
		}
		if r, stateErr := c.Run(ctx, id); stateErr != nil || !r.State.Ended() || c.pause(ctx, wait) != nil {
			return out, err
		}
	}
}

// settleTries is how often a run that has ended is asked for again: for six seconds.
const settleTries = 6

// Leftovers returns the processes that a program which is gone left running on the
// server's host: until they end the run can't be resumed.
func (c *Client) Leftovers(ctx context.Context, id RunID) ([]int, error) {
	left, err := get[struct {
		PIDs []int `json:"pids"`
	}](ctx, c, nil, "runs", id.String(), "leftovers")
	return left.PIDs, err
}

// Validate says what is wrong with a workflow.
func (c *Client) Validate(ctx context.Context, f Flow) (Checked, error) {
	return post[Checked](ctx, c, f, always, "validate")
}
