package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// maxAuditText is how long a text of an audit entry may be, in bytes.
const maxAuditText = 500

// audit records a change, or a try that was denied. What was read is not recorded.
func (s *server) audit(ctx context.Context, row *route, status int) {
	c := callOf(ctx)
	result := resultOf(c, status)
	if result != store.Denied && !row.changes() {
		return
	}
	if codeOf(c.failed) == fault.RateLimited {
		return // who is too fast must not fill the log
	}
	e := store.AuditEntry{
		At: s.Now().UTC(), Who: c.who.User, Via: c.who.Via, From: short(c.address), Action: short(c.action), Object: short(c.object),
		Application: short(c.application), Result: result,
	}
	if c.registered != "" {
		e.Detail = short("workflow " + c.registered)
	}
	if c.failed != nil {
		e.Detail = short(string(codeOf(c.failed)) + ": " + c.failed.Error())
	}
	if _, err := s.Accounts.AddAudit(context.WithoutCancel(ctx), e); err != nil {
		s.Log.ErrorContext(ctx, "the audit log can't be written", slogError(err), "action", e.Action, "object", e.Object, "who", e.Who)
	}
}

// codeOf returns the code of an error, also of one that is on its way already.
func codeOf(err error) fault.Code {
	var p *wire.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return fault.CodeOf(err)
}

func resultOf(c *call, status int) store.Result {
	switch code := codeOf(c.failed); {
	case c.hidden || code == fault.Unauthorized || code == fault.Forbidden:
		return store.Denied
	case c.failed != nil || status >= http.StatusBadRequest:
		return store.Failed
	default:
		return store.Done
	}
}

// short bounds a text, some of which callers choose, and leaves out what steers terminals.
func short(s string) string {
	if len(s) > maxAuditText {
		s = s[:maxAuditText]
	}
	clean := []rune(s) // makes it UTF-8, too
	for i, r := range clean {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			clean[i] = ' '
		}
	}
	return string(clean)
}
