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

// entry is what the audit log has of the call: that it was done. Who changes something hands it
// to the store, which records both or neither.
func (s *server) entry(ctx context.Context) store.AuditEntry {
	c := callOf(ctx)
	e := store.AuditEntry{
		At: s.Now().UTC(), Who: c.who.User, Via: c.who.Via, From: short(c.address), Action: short(c.action), Object: short(c.object),
		Application: short(c.application), Result: store.Done, Detail: short(c.detail), Request: c.id,
	}
	if c.registered != "" {
		e.Detail = short("workflow " + c.registered)
	}
	return e
}

// recorded notes that the store has the entry of the call, unless it failed, and returns err.
func recorded(ctx context.Context, err error) error {
	callOf(ctx).recorded = err == nil
	return err
}

// audit records a change that was not recorded with what it changed, or a try that was denied.
// What was read is not recorded.
func (s *server) audit(ctx context.Context, row *route, status int) {
	c := callOf(ctx)
	result := resultOf(c, status)
	if result != store.Denied && !row.changes() {
		return
	}
	if codeOf(c.failed) == fault.RateLimited {
		return // who is too fast must not fill the log
	}
	if c.recorded && result == store.Done {
		return
	}
	e := s.entry(ctx)
	e.Result = result
	if c.failed != nil {
		e.Detail = short(string(codeOf(c.failed)) + ": " + c.failed.Error())
	}
	if _, err := s.Accounts.AddAudit(context.WithoutCancel(ctx), e); err != nil {
		s.Log.ErrorContext(ctx, "the audit log can't be written", slogError(err), slogRequest(e.Request), "who", e.Who, "via", e.Via,
			"from", e.From, "action", e.Action, "object", e.Object, "application", e.Application, "result", e.Result, "detail", e.Detail)
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
