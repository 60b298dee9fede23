package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
)

var problemType = reflect.TypeFor[wire.Problem]()

// refusal is a fault with a status of its own, where HTTP has one that our codes have not,
// or with a header.
type refusal struct {
	error
	status int
	header http.Header
}

func (r *refusal) Unwrap() error { return r.error }

// refuse returns a fault with another HTTP status than its code's.
func refuse(status int, err error) error { return &refusal{err, status, nil} }

// later returns a fault that says when to try again.
func later(after time.Duration, err error) error {
	seconds := strconv.Itoa(max(1, int((after+time.Second-1)/time.Second)))
	return &refusal{err, 0, http.Header{"Retry-After": {seconds}}}
}

// problem returns an error as it is sent, and what goes into the header besides.
func problem(ctx context.Context, err error) (*wire.Problem, http.Header) {
	var already *wire.Problem
	if errors.As(err, &already) {
		return already, nil
	}
	if errors.Is(err, context.Canceled) && fault.CodeOf(err) == fault.Internal {
		err = fault.Wrap(err, fault.Cancelled, "the request was given up")
	}
	p := wire.ProblemOf(err)
	p.RequestID = callOf(ctx).id
	var r *refusal
	if !errors.As(err, &r) {
		return p, nil
	}
	if r.status != 0 {
		p.Status, p.Title = r.status, http.StatusText(r.status)
	}
	return p, r.header
}

// fail sends an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, header := problem(r.Context(), err)
	s.note(r.Context(), err)
	for name, values := range header {
		w.Header()[name] = values
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="executioner"`)
	}
	w.Header().Set("Content-Type", wire.ProblemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // whoever asked has gone
}

// expected is an error of which somebody else tells the log.
type expected struct{ error }

func (e expected) Unwrap() error { return e.error }

// note has the log tell of errors that are ours. While the database is away each request
// fails, and one of them says so.
func (s *server) note(ctx context.Context, err error) {
	var known expected
	c := fault.CodeOf(err)
	if c != fault.Internal && c != fault.Unavailable || errors.As(err, &known) {
		return
	}
	attrs := []slog.Attr{slogError(err), slogRequest(callOf(ctx).id)}
	if c == fault.Unavailable {
		more, yes := s.seldom.tell(wire.ProblemOf(err).Detail, s.Now())
		if !yes {
			return
		}
		attrs = append(attrs, slog.String("hint", fault.HintOf(err)), slog.Int("more_before", more))
	}
	s.Log.LogAttrs(ctx, c.Level(), "request failed", attrs...)
}

// humaError is an error on its way through huma.
type humaError struct {
	*wire.Problem
	header http.Header
}

// GetHeaders returns what goes into the header besides.
func (e *humaError) GetHeaders() http.Header { return e.header }

// answering makes a handler's errors ours.
func answering[I, O any](s *server, f func(ctx context.Context, in *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err == nil {
			return out, nil
		}
		callOf(ctx).failed = err
		s.note(ctx, err)
		p, header := problem(ctx, err)
		return nil, &humaError{p, header}
	}
}

// typed makes a row's handler of a function.
func typed[I, O any](s *server, f func(ctx context.Context, in *I) (*O, error)) func(huma.API, huma.Operation) {
	return func(api huma.API, op huma.Operation) { huma.Register(api, op, answering(s, f)) }
}

// ours makes an error of huma's, about a request that is not as the document says, ours.
// What was sent is not repeated: it may be a secret.
func ours(ctx huma.Context, _ string, v any) (any, error) {
	if e, ok := v.(*humaError); ok {
		return e.Problem, nil
	}
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := fault.Usage
	if m.Status >= http.StatusInternalServerError {
		code = fault.Internal
	}
	status := m.Status
	if status == http.StatusUnprocessableEntity { // that is for workflows
		status = code.HTTPStatus()
	}
	p := &wire.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: "the request is not as it should be",
		Hint: "the document at /openapi.json says what each request takes", RequestID: callOf(ctx.Context()).id,
	}
	for _, d := range m.Errors {
		p.Errors = append(p.Errors, wire.Place{Location: d.Location, Message: plain(d.Message)})
	}
	if len(p.Errors) > 0 {
		p.Detail = strings.TrimPrefix(p.Errors[0].Location+": ", ": ") + p.Errors[0].Message
	} else if code != fault.Internal {
		p.Detail = m.Detail
	}
	if c, ok := ctx.(*humaContext); ok {
		c.status = status
	}
	callOf(ctx.Context()).failed = p
	return p, nil
}

// plain cuts a message of a decoder, which may quote what was sent.
func plain(message string) string {
	const most = 200
	if len(message) > most {
		return message[:most] + "…"
	}
	return message
}
