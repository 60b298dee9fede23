package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Code says what kind of error it is. Codes are only ever appended.
type Code = fault.Code

// The codes.
const (
	CodeInvalidWorkflow = fault.InvalidWorkflow
	CodeInvalidConfig   = fault.InvalidConfig
	CodeUsage           = fault.Usage
	CodeNotFound        = fault.NotFound
	CodeConflict        = fault.Conflict
	CodeLocked          = fault.Locked
	CodeUnavailable     = fault.Unavailable
	CodeUnauthorized    = fault.Unauthorized
	CodeForbidden       = fault.Forbidden
	CodeRateLimited     = fault.RateLimited
	CodeUnsupported     = fault.Unsupported
	CodeCancelled       = fault.Cancelled
	CodeInternal        = fault.Internal
)

// Error is why a call did not work. Every error that a Client returns is one.
type Error struct {
	Code      Code
	Message   string
	Hint      string // what to do next; may be empty
	Status    int    // HTTP status; 0 when the server did not answer
	RequestID string // finds the request in the server's audit log; may be empty
	// Problems are those of an invalid workflow.
	Problems []FileProblem

	cause error // a *fault.Error
}

// Error returns what happened, without the hint.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// ExitCode returns the exit code with which the command line ends on such an error.
func (e *Error) ExitCode() int { return fault.ExitCode(e.cause) }

// asError returns err, which is a fault, as an *Error.
func asError(err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	e := &Error{Code: fault.CodeOf(err), Message: err.Error(), Hint: fault.HintOf(err), cause: err}
	return e
}

// maxProblem is how much of the body of an error is read, in bytes.
const maxProblem = 1 << 20

// refused reads an answer that is no success.
func refused(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	var p wire.Problem
	if kind != wire.ProblemType && kind != "application/json" || json.Unmarshal(body, &p) != nil || p.Code == "" {
		return stranger(resp, body)
	}
	message := p.Detail
	var cause error
	if len(p.Problems) > 0 { // which the message has at its end, too
		cause = p.Problems
		message = strings.TrimSuffix(message, ": "+p.Problems.Error())
	}
	f := &fault.Error{Code: known(p.Code, resp.StatusCode), Msg: message, Hint: p.Hint, Err: cause}
	return &Error{
		Code: f.Code, Message: message, Hint: p.Hint, Status: resp.StatusCode, RequestID: p.RequestID,
		Problems: p.Problems, cause: f,
	}
}

// stranger is an answer that is not of our making: of a proxy, or of another program.
func stranger(resp *http.Response, body []byte) error {
	f := fault.New(known("", resp.StatusCode), "the server answered %s", resp.Status)
	switch {
	case resp.StatusCode/100 == 3:
		f.Hint = "it sends elsewhere, to " + resp.Header.Get("Location") + ": name that server if it is the right one"
	case resp.StatusCode == http.StatusBadRequest && wantsTLS(body):
		f.Hint = "it speaks https: give its address as https://HOST:PORT"
	case f.Code == fault.NotFound || f.Code == fault.Unsupported:
		f.Hint = "is this an executioner server, and not older than this program?"
	}
	return &Error{Code: f.Code, Message: f.Msg, Hint: f.Hint, Status: resp.StatusCode, cause: f}
}

// wantsTLS reports whether that is what a server says that was spoken to without TLS: one
// written in Go, nginx and Apache.
func wantsTLS(body []byte) bool {
	for _, said := range []string{"HTTP request to an HTTPS server", "plain HTTP request was sent to HTTPS port", "speaking plain HTTP to an SSL-enabled"} {
		if bytes.Contains(body, []byte(said)) {
			return true
		}
	}
	return false
}

// known returns a code of this program for one that it may not know.
func known(code fault.Code, status int) fault.Code {
	for _, c := range fault.Codes() {
		if c == code {
			return c
		}
	}
	switch status {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return fault.Unavailable
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
		return fault.Usage
	case http.StatusMethodNotAllowed:
		return fault.Unsupported
	}
	for _, c := range fault.Codes() {
		if c.HTTPStatus() == status && c != fault.InvalidConfig {
			return c
		}
	}
	return fault.Internal
}

// FileProblem is something that is wrong with a workflow file, and where.
type FileProblem = workflow.Problem
