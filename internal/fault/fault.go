// Package fault is the one error type that reaches a user: a stable code, what
// happened, and what to do next. A job that fails is not a fault but a run.Outcome.
package fault

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// Code classifies a fault for machines. Codes are only ever appended.
type Code string

// The closed list of codes.
const (
	InvalidWorkflow Code = "invalid_workflow"
	InvalidConfig   Code = "invalid_config"
	Usage           Code = "usage"
	NotFound        Code = "not_found"
	Conflict        Code = "conflict"
	Locked          Code = "locked"
	Unavailable     Code = "unavailable"
	Unauthorized    Code = "unauthorized"
	Forbidden       Code = "forbidden"
	RateLimited     Code = "rate_limited"
	Unsupported     Code = "unsupported"
	Cancelled       Code = "cancelled"
	Internal        Code = "internal"
)

// Exit codes of the program that are not about a fault.
const (
	ExitOK        = 0
	ExitJobFailed = 1
)

type row struct {
	exit  int
	http  int
	level slog.Level
}

// table is the only place where codes become exit codes, HTTP statuses and log levels.
var table = map[Code]row{
	InvalidWorkflow: {3, http.StatusUnprocessableEntity, slog.LevelInfo},
	InvalidConfig:   {2, http.StatusInternalServerError, slog.LevelError},
	Usage:           {2, http.StatusBadRequest, slog.LevelInfo},
	NotFound:        {4, http.StatusNotFound, slog.LevelInfo},
	Conflict:        {5, http.StatusConflict, slog.LevelInfo},
	Locked:          {5, http.StatusLocked, slog.LevelWarn},
	Unavailable:     {6, http.StatusServiceUnavailable, slog.LevelError},
	Unauthorized:    {2, http.StatusUnauthorized, slog.LevelInfo},
	Forbidden:       {2, http.StatusForbidden, slog.LevelInfo},
	RateLimited:     {6, http.StatusTooManyRequests, slog.LevelInfo},
	Unsupported:     {2, http.StatusNotImplemented, slog.LevelInfo},
	Cancelled:       {130, 499, slog.LevelInfo},
	Internal:        {70, http.StatusInternalServerError, slog.LevelError},
}

// Error is a fault. Msg is a sentence a user can read; Hint says what to do next;
// Op names what was being done ("open database"); At is the place, as file:line:column
// or a path; Err is the cause. All but Code and Msg may be empty.
type Error struct {
	Code Code
	Msg  string
	Hint string
	Op   string
	At   string
	Err  error
}

// New returns a fault with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// Wrap returns a fault caused by err. It returns nil when err is nil.
func Wrap(err error, code Code, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...), Err: err}
}

// WithHint returns e with the hint set, for chaining after New.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithAt returns e with the place set, for chaining after New.
func (e *Error) WithAt(at string) *Error {
	e.At = at
	return e
}

// Error returns the place, the message and the cause in one line, without the hint.
func (e *Error) Error() string {
	s := e.Msg
	if e.At != "" {
		s = e.At + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the outermost fault in err's chain, Internal for an
// error without one, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var f *Error
	if errors.As(err, &f) {
		return f.Code
	}
	return Internal
}

// HintOf returns the outermost hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		var f *Error
		if !errors.As(err, &f) {
			return ""
		}
		if f.Hint != "" {
			return f.Hint
		}
		err = f.Err
	}
	return ""
}

// ExitCode returns the documented exit code for err, 0 for nil.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	return CodeOf(err).row().exit
}

// HTTPStatus returns the HTTP status for a code.
func (c Code) HTTPStatus() int { return c.row().http }

// Level returns the level at which a fault with this code is logged.
func (c Code) Level() slog.Level { return c.row().level }

// row returns what a code means. A code that is not in the table is a bug of ours,
// and must not look like success.
func (c Code) row() row {
	if r, ok := table[c]; ok {
		return r
	}
	return table[Internal]
}

// Codes returns the closed list.
func Codes() []Code {
	return []Code{
		InvalidWorkflow, InvalidConfig, Usage, NotFound, Conflict, Locked, Unavailable,
		Unauthorized, Forbidden, RateLimited, Unsupported, Cancelled, Internal,
	}
}
