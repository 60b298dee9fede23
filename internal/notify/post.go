package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
)

// Bounds of an answer: what is longer is not read.
const (
	maxAnswer     = 4 << 10
	maxRetryAfter = 6 * time.Hour
)

// poster hands JSON to one URL.
type poster struct {
	client  *http.Client
	url     string
	timeout time.Duration
	masker  *mask.Masker // of the URL and whatever else is secret
}

// checkURL returns a fault of code InvalidConfig unless the text is an URL to send to.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fault.New(fault.InvalidConfig, "its URL can't be read") // without the text, which may be secret
	case u.Scheme != "https" && u.Scheme != "http":
		return fault.New(fault.InvalidConfig, "its URL begins with neither https:// nor http://")
	case u.Hostname() == "":
		return fault.New(fault.InvalidConfig, "its URL names no host")
	case u.User != nil:
		return fault.New(fault.InvalidConfig, "its URL has a user in it").WithHint("webhooks are signed instead: see docs/notifications.md")
	}
	return nil
}

// post sends a body and returns what the receiver said: its status, nothing else of the answer.
func (p *poster) post(ctx context.Context, body []byte, header map[string]string, now time.Time) Receipt {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return Receipt{Err: errors.New("the URL can't be used"), Permanent: true}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "executioner")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return Receipt{Err: p.plain(ctx, err), Blocked: blocked(err)}
	}
	defer answer.Body.Close() //nolint:errcheck // it was read as far as anybody cares
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	return receiptOf(answer, now)
}

// plain returns an error without the URL, which may have a token in it.
func (p *poster) plain(ctx context.Context, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", p.timeout)
	}
	return errors.New(clip(p.masker.String(err.Error()), maxDetail))
}

func receiptOf(answer *http.Response, now time.Time) Receipt {
	code := answer.StatusCode
	r := Receipt{Said: strings.TrimSpace("HTTP " + strconv.Itoa(code) + " " + http.StatusText(code))}
	switch {
	case code >= 200 && code < 300:
		return r
	case code >= 300 && code < 400:
		r.Err, r.Permanent = errors.New(r.Said+": redirects are not followed"), true
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		r.Err, r.RetryAfter = errors.New(r.Said), retryAfter(answer.Header.Get("Retry-After"), now)
	default:
		r.Err, r.Permanent = errors.New(r.Said), true
	}
	return r
}

// retryAfter reads a header of seconds or a date. What is none asks for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// encode returns a value as JSON without escapes that only web pages need.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // it has no value that JSON lacks
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
