package wire

import (
	"errors"
	"net/http"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

// ProblemType is the media type of errors.
const ProblemType = "application/problem+json"

// Problem is an error as RFC 9457 has it, with our code and hint.
type Problem struct {
	Type   string     `json:"type" doc:"always about:blank: code says what kind of error it is"`
	Title  string     `json:"title" doc:"what the status means"`
	Status int        `json:"status"`
	Code   fault.Code `json:"code" doc:"the kind of error, from a closed list"`
	Detail string     `json:"detail" doc:"what happened"`
	Hint   string     `json:"hint,omitempty" doc:"what to do next"`
	// Problems are those of an invalid workflow.
	Problems workflow.Problems `json:"problems,omitempty" doc:"what is wrong with the workflow"`
	// Errors are the places of the request that are wrong.
	Errors []Place `json:"errors,omitempty" doc:"what is wrong with the request"`
	// RequestID finds the request in the audit log.
	RequestID string `json:"request_id,omitempty"`
}

// Place is something that is wrong with a request, and where.
type Place struct {
	Location string `json:"location,omitempty"`
	Message  string `json:"message"`
}

// ProblemOf returns an error as it goes over the API. What an error of the server's own was
// about, such as where its database is, and its cause stay on the server.
func ProblemOf(err error) *Problem {
	code := fault.CodeOf(err)
	p := &Problem{
		Type: "about:blank", Title: title(code.HTTPStatus()), Status: code.HTTPStatus(),
		Code: code, Detail: err.Error(), Hint: fault.HintOf(err),
	}
	errors.As(err, &p.Problems)
	switch code {
	case fault.Internal, fault.Unavailable, fault.Cancelled:
		p.outline(err)
	}
	return p
}

// outline tells of an error what may be known to those who can do nothing about it.
func (p *Problem) outline(err error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		p.Detail = "something went wrong inside the server"
		return
	}
	p.Detail = f.Msg
	if p.Code == fault.Unavailable && (f.At != "" || f.Err != nil) {
		p.Hint = "the service's log says why; try again later"
	}
}

// title is what a status means.
func title(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "Client Closed Request" // 499
}

// Error returns what happened.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type that a problem is sent as.
func (p *Problem) ContentType(string) string { return ProblemType }

// Fault returns the error as this program has it.
func (p *Problem) Fault() error {
	f := fault.New(p.Code, "%s", p.Detail)
	f.Hint = p.Hint
	if len(p.Problems) > 0 {
		f.Err = p.Problems
	}
	return f
}
