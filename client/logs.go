package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/executionerhq/executioner/internal/fault"
)

// LogOptions say of which log how much is wanted.
type LogOptions struct {
	Job    JobID // empty: the run's own log
	Tail   int   // begin with the last lines; negative: at Offset
	Offset int64 // in bytes
	Follow bool  // go on with what is written until the run has ended
}

func (o LogOptions) query() url.Values {
	q := url.Values{}
	if o.Tail >= 0 {
		q.Set("tail", strconv.Itoa(o.Tail))
	} else if o.Offset > 0 {
		q.Set("offset", strconv.FormatInt(o.Offset, 10))
	}
	if o.Follow {
		q.Set("follow", "true")
	}
	return q
}

// Log opens a log, as text. The caller closes it.
func (c *Client) Log(ctx context.Context, id RunID, o LogOptions) (io.ReadCloser, error) {
	path := []string{"runs", id.String(), "log"}
	if o.Job != "" {
		path = []string{"runs", id.String(), "jobs", string(o.Job), "log"}
	}
	resp, err := c.answer(ctx, call{
		method: http.MethodGet, path: path, query: o.query(),
		header: http.Header{"Accept": {"text/plain, application/problem+json"}}, repeats: always,
	})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// CopyLog copies a log to w. When the connection breaks while it is followed from an
// offset, it goes on where it was. One that is followed from its last lines is an error then.
func (c *Client) CopyLog(ctx context.Context, id RunID, o LogOptions, w io.Writer) error {
	for {
		in, err := c.Log(ctx, id, o)
		if err != nil {
			return err
		}
		out := &counting{w: w}
		_, err = io.Copy(out, in)
		_ = in.Close()
		switch {
		case out.err != nil:
			return asError(fault.Wrap(out.err, fault.Unavailable, "the log can't be written"))
		case !o.Follow || ctx.Err() != nil:
			return c.unread(ctx, err)
		}
		if done, endErr := c.ended(ctx, id, err); done || endErr != nil {
			return endErr
		}
		if o.Tail >= 0 {
			return asError(fault.New(fault.Unavailable, "the log broke off").WithHint("the run goes on: follow it again"))
		}
		o.Offset += out.n
		if err := c.pause(ctx, firstPause); err != nil {
			return c.unreached(ctx, err)
		}
	}
}

// ended reports whether a log that came to its end, or broke off, was that of a run that
// has ended, and has been copied to its end.
func (c *Client) ended(ctx context.Context, id RunID, broken error) (bool, error) {
	if broken != nil {
		return false, nil
	}
	r, err := c.Run(ctx, id)
	return r.State.Ended(), err
}

// counting counts what it passes on.
type counting struct {
	w   io.Writer
	n   int64
	err error // of the writer
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.err = err
	return n, err
}
