package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
)

// What is asked and answered about users, tokens and what they did.
type (
	// Role is what somebody may do.
	Role = access.Role
	// Grant is a role, in one application or, when that is empty, in all.
	Grant = access.Grant
	// Session says who asks, and what they may do.
	Session = wire.Session
	// User is an account.
	User = wire.User
	// NewUser is one to be made.
	NewUser = wire.NewUser
	// UserChange says what of an account changes.
	UserChange = wire.ChangeUser
	// Token is an API token, without its text.
	Token = wire.Token
	// NewToken is one to be made.
	NewToken = wire.NewToken
	// MadeToken is a new token with its text, which is told this once.
	MadeToken = wire.MadeToken
	// AuditPage is a page of what was changed and what was denied.
	AuditPage = wire.Audit
	// AuditEntry is one line of it.
	AuditEntry = wire.AuditEntry
)

// The roles: each may do what the ones before it may.
const (
	RoleViewer   = access.Viewer
	RoleOperator = access.Operator
	RoleAuthor   = access.Author
	RoleAdmin    = access.Admin
)

// WhoAmI says as whom the client asks, and what that user may do.
func (c *Client) WhoAmI(ctx context.Context) (Session, error) {
	return get[Session](ctx, c, nil, "session")
}

// ChangePassword changes the password of the user as whom the client asks. A client that
// logs in with the old one can't go on.
func (c *Client) ChangePassword(ctx context.Context, from, to string) error {
	return c.do(ctx, call{method: http.MethodPut, path: []string{"password"}, in: wire.ChangePassword{Old: from, New: to}})
}

// Users returns all users.
func (c *Client) Users(ctx context.Context) ([]User, error) {
	all, err := get[wire.Users](ctx, c, nil, "users")
	return all.Users, err
}

// User returns one.
func (c *Client) User(ctx context.Context, name string) (User, error) {
	return get[User](ctx, c, nil, "users", name)
}

// AddUser makes an account.
func (c *Client) AddUser(ctx context.Context, u NewUser) (User, error) {
	return post[User](ctx, c, u, unsent, "users")
}

// ChangeUser changes an account. All sessions of the user end.
func (c *Client) ChangeUser(ctx context.Context, name string, change UserChange) (User, error) {
	var out User
	err := c.do(ctx, call{method: http.MethodPatch, path: []string{"users", name}, in: change, out: &out, repeats: always})
	return out, err
}

// DeleteUser deletes an account with its tokens and sessions.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: []string{"users", name}})
}

// tokensOf is the path of a user's tokens; of one's own for no user.
func tokensOf(user string, more ...string) []string {
	if user == "" {
		return append([]string{"tokens"}, more...)
	}
	return append([]string{"users", user, "tokens"}, more...)
}

// Tokens returns the tokens of a user, or one's own for no user.
func (c *Client) Tokens(ctx context.Context, user string) ([]Token, error) {
	all, err := get[wire.Tokens](ctx, c, nil, tokensOf(user)...)
	return all.Tokens, err
}

// AddToken makes a token of a user, or one's own for no user.
func (c *Client) AddToken(ctx context.Context, user string, t NewToken) (MadeToken, error) {
	return post[MadeToken](ctx, c, t, unsent, tokensOf(user)...)
}

// RevokeToken ends a token of a user, or one's own for no user, for ever.
func (c *Client) RevokeToken(ctx context.Context, user, id string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: tokensOf(user, id), repeats: always})
}

// AuditFilter selects entries. The zero value selects all.
type AuditFilter struct {
	User, Action, Application string
	Result                    string // ok, denied or failed
	Since, Until              time.Time
	Before                    int64 // only entries with a lower number: AuditPage.Next
	Limit                     int   // 0: as many as the server gives
}

// Audit returns a page of what was changed and what was denied, newest first.
func (c *Client) Audit(ctx context.Context, f AuditFilter) (AuditPage, error) {
	q := url.Values{}
	for name, value := range map[string]string{"user": f.User, "action": f.Action, "application": f.Application, "result": f.Result} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if f.Before != 0 {
		q.Set("before", strconv.FormatInt(f.Before, 10))
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[AuditPage](ctx, c, q, "audit")
}
