package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
)

// maxAnswer is the largest answer that is read, in bytes.
const maxAnswer = 1 << 30

// Waits between tries of a call: the first, and the longest.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// repeats says when a call may be made once more.
type repeats int

const (
	// unsent: when the server can't have seen it.
	unsent repeats = iota
	// always: it does the same however often it is made.
	always
)

// call is one request.
type call struct {
	method  string
	path    []string // behind /api/v1, not escaped
	root    bool     // path is that of the whole server
	query   url.Values
	header  http.Header
	in      any // body, as JSON; nil: none
	out     any // where the answer goes; nil: nowhere
	repeats repeats
}

// do makes a call and reads its answer.
func (c *Client) do(ctx context.Context, k call) error {
	resp, err := c.answer(ctx, k)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if k.out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxProblem)) // so that the connection is used again
		return c.unread(ctx, err)
	}
	body := &io.LimitedReader{R: resp.Body, N: maxAnswer}
	err = json.NewDecoder(body).Decode(k.out)
	if err == nil {
		_, _ = io.Copy(io.Discard, body)
		return nil
	}
	var wrong *json.SyntaxError
	var other *json.UnmarshalTypeError
	if errors.As(err, &wrong) || errors.As(err, &other) {
		return asError(&fault.Error{
			Code: fault.Unsupported, Msg: "the server's answer can't be understood", Err: err,
			Hint: "is this an executioner server, and as new as this program?",
		})
	}
	return c.unread(ctx, err)
}

// unread is the error of an answer that broke off.
func (c *Client) unread(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return c.unreached(ctx, err)
}

// answer makes a call until it works, or must not be made again. The answer is a success,
// and its body is to be closed.
func (c *Client) answer(ctx context.Context, k call) (*http.Response, error) {
	var body []byte
	if k.in != nil {
		var err error
		if body, err = json.Marshal(k.in); err != nil {
			return nil, asError(fault.Wrap(err, fault.Usage, "the request can't be written as JSON"))
		}
	}
	begun := c.now()
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		resp, err := c.once(ctx, k, body)
		if err == nil {
			return resp, nil
		}
		again, after := k.again(err)
		after = max(after, wait/2+mathrand.N(wait/2+1)) //nolint:gosec // so that not all come back at once
		if !again || ctx.Err() != nil || c.now().Add(after).Sub(begun) > c.retryFor {
			return nil, c.told(ctx, err)
		}
		if c.pause(ctx, after) != nil {
			return nil, c.told(ctx, err)
		}
	}
}

// waited is an error that came with the time after which the server is to be asked again.
type waited struct {
	error
	after time.Duration
}

func (w *waited) Unwrap() error { return w.error }

// told returns the error that is passed on of those that tries had.
func (c *Client) told(ctx context.Context, err error) error {
	var known *Error
	if errors.As(err, &known) && ctx.Err() == nil {
		return known
	}
	return c.unreached(ctx, err)
}

// again reports whether a call that failed is made once more, and after how long at least.
func (k *call) again(err error) (again bool, after time.Duration) {
	var w *waited
	if errors.As(err, &w) {
		after = w.after
	}
	var refused *Error
	if errors.As(err, &refused) {
		switch {
		case refused.Code == fault.RateLimited: // it has done nothing
			return true, after
		case refused.Code == fault.Unavailable && refused.Status != 0:
			return k.repeats == always, after
		}
		return false, 0
	}
	if k.repeats == always {
		return !hopeless(err), 0
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial", 0
}

// hopeless reports whether asking again can't help: it is not the server that was meant.
func hopeless(err error) bool {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		plain   tls.RecordHeaderError
	)
	return errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid) || errors.As(err, &plain) ||
		errors.Is(err, http.ErrSchemeMismatch)
}

// once makes a call once.
func (c *Client) once(ctx context.Context, k call, body []byte) (*http.Response, error) {
	req, err := c.request(ctx, k, body)
	if err != nil {
		return nil, asError(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	err = refused(resp)
	if seconds, bad := strconv.Atoi(resp.Header.Get("Retry-After")); bad == nil && seconds > 0 {
		err = &waited{err, time.Duration(seconds) * time.Second}
	}
	return nil, err
}

// at returns the address of a route behind a prefix. A part that means another place can't be asked for.
func (c *Client) at(prefix string, parts []string) (*url.URL, error) {
	at := *c.base
	escaped := c.base.EscapedPath() + prefix
	at.Path += prefix
	for _, part := range parts {
		if part == "" || part == "." || part == ".." {
			return nil, fault.New(fault.Usage, "%q can't be a name here", part)
		}
		at.Path += "/" + part
		escaped += "/" + url.PathEscape(part)
	}
	at.RawPath = escaped
	return &at, nil
}

func (c *Client) request(ctx context.Context, k call, body []byte) (*http.Request, error) {
	prefix := "/api/v1"
	if k.root {
		prefix = ""
	}
	at, err := c.at(prefix, k.path)
	if err != nil {
		return nil, err
	}
	at.RawQuery = k.query.Encode()
	var content io.Reader
	if k.in != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, at.String(), content)
	if err != nil {
		return nil, fault.Wrap(err, fault.Usage, "the request can't be made")
	}
	for name, values := range k.header {
		req.Header[name] = values
	}
	if k.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json, application/problem+json")
	}
	switch {
	case c.token != "":
		req.Header.Set("Authorization", "Bearer "+c.token)
	case c.user != "":
		req.SetBasicAuth(c.user, c.password)
	}
	return req, nil
}

// newKey returns a key that nobody else has.
func newKey() string { return rand.Text() }
