package api

import (
	"context"
	"net/http"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

const (
	defaultTokenLife = 90 * 24 * time.Hour
	longestTokenLife = 366 * 24 * time.Hour
	mostAudit        = 1000
)

// accountRows are the routes of users, tokens, sessions, the audit log and registered workflows.
func (s *server) accountRows(get, post, put, del string) []route {
	const patch = http.MethodPatch
	rows := []route{
		{method: post, path: prefix + "/login", id: "login", summary: "Begin a session", public: true, class: login, plain: s.login, kind: "application/json", gives: wire.Session{}, takes: wire.Login{}},
		{method: post, path: prefix + "/logout", id: "logout", summary: "End the session", action: access.TokenOwn, plain: s.logout, kind: "text/plain"},
		{method: get, path: prefix + "/session", id: "session", summary: "Say who asks and what they may do", action: access.TokenOwn, typed: typed(s, s.whoami)},
		{method: put, path: prefix + "/password", id: "change-password", summary: "Change one's own password", action: access.TokenOwn, class: login, typed: typed(s, s.changePassword)},

		{method: get, path: prefix + "/users", id: "list-users", summary: "List users", action: access.UserManage, typed: typed(s, s.users)},
		{method: post, path: prefix + "/users", id: "add-user", summary: "Add a user", action: access.UserManage, class: changing, typed: typed(s, s.addUser)},
		{method: get, path: prefix + "/users/{user}", id: "get-user", summary: "Show a user", action: access.UserManage, typed: typed(s, s.user)},
		{method: patch, path: prefix + "/users/{user}", id: "change-user", summary: "Change a user; all sessions of the user end", action: access.UserManage, class: changing, typed: typed(s, s.changeUser)},
		{method: del, path: prefix + "/users/{user}", id: "delete-user", summary: "Delete a user with tokens and sessions", action: access.UserManage, class: changing, typed: typed(s, s.deleteUser)},
		{method: get, path: prefix + "/users/{user}/tokens", id: "list-user-tokens", summary: "List a user's tokens", action: access.UserManage, typed: typed(s, s.userTokens)},
		{method: post, path: prefix + "/users/{user}/tokens", id: "add-user-token", summary: "Make a token of a user", action: access.UserManage, class: changing, typed: typed(s, s.addUserToken)},
		{method: del, path: prefix + "/users/{user}/tokens/{token}", id: "revoke-user-token", summary: "End a user's token for ever", action: access.UserManage, class: changing, typed: typed(s, s.revokeUserToken)},

		{method: get, path: prefix + "/tokens", id: "list-tokens", summary: "List one's own tokens", action: access.TokenOwn, typed: typed(s, s.ownTokens)},
		{method: post, path: prefix + "/tokens", id: "add-token", summary: "Make a token of one's own", action: access.TokenOwn, class: changing, typed: typed(s, s.addOwnToken)},
		{method: del, path: prefix + "/tokens/{token}", id: "revoke-token", summary: "End one's own token for ever", action: access.TokenOwn, class: changing, typed: typed(s, s.revokeOwnToken)},

		{method: get, path: prefix + "/audit", id: "list-audit", summary: "List what was changed and what was denied, the newest first", action: access.AuditRead, typed: typed(s, s.auditLog)},
	}
	if s.OIDC != nil {
		rows = append(rows, route{method: get, path: "/login/oidc", id: "login-oidc", summary: "Log in at the identity provider", public: true, class: login, plain: s.oidcLogin},
			route{method: get, path: "/callback", id: "callback", summary: "Come back from the identity provider", public: true, class: login, plain: s.oidcCallback})
	}
	return append(rows, s.workflowRows(get, post, put)...)
}

type usersOut struct{ Body wire.Users }

func (s *server) users(ctx context.Context, _ *struct{}) (*usersOut, error) {
	all, err := s.Accounts.Users(ctx)
	out := &usersOut{wire.Users{Users: make([]wire.User, len(all))}}
	for i := range all {
		out.Body.Users[i] = wire.UserOf(&all[i])
	}
	return out, err
}

// UserPath is the part of a path that names a user.
type UserPath struct {
	User string `path:"user" maxLength:"64"`
}

type userOut struct{ Body wire.User }

func (s *server) user(ctx context.Context, in *UserPath) (*userOut, error) {
	u, err := s.Accounts.User(ctx, in.User)
	return &userOut{wire.UserOf(&u)}, err
}

type addUserIn struct{ Body wire.NewUser }

type addUserOut struct {
	Status int
	Body   wire.User
}

func (s *server) addUser(ctx context.Context, in *addUserIn) (*addUserOut, error) {
	callOf(ctx).object = "user " + in.Body.Name
	now := s.Now().UTC()
	u := store.User{Name: in.Body.Name, Created: now, Changed: now, Revision: 1}
	if err := access.CheckNewUser(u.Name); err != nil {
		return nil, err
	}
	var err error
	if u.Grants, err = validGrants(in.Body.Grants); err != nil {
		return nil, err
	}
	if in.Body.Password != "" {
		if u.Password, err = s.Passwords.Hash(ctx, u.Name, in.Body.Password); err != nil {
			return nil, err
		}
	}
	if err := recorded(ctx, s.Accounts.AddUser(ctx, u, s.entry(ctx))); err != nil {
		return nil, err
	}
	return &addUserOut{http.StatusCreated, wire.UserOf(&u)}, nil
}

// validGrants returns grants in normal form, or says which does not exist.
func validGrants(gs []access.Grant) ([]access.Grant, error) {
	for _, g := range gs {
		read, err := access.ParseGrant(g.String())
		if err != nil {
			return nil, err
		}
		if read != g { // the text of a role with an application in it is right, and the grant is not
			return nil, fault.New(fault.Usage, "there is no role %q", g.Role)
		}
	}
	return access.Normal(gs), nil
}

type changeUserIn struct {
	UserPath
	Body wire.ChangeUser
}

// changeUser changes a user. The sessions of the user end with it.
func (s *server) changeUser(ctx context.Context, in *changeUserIn) (*userOut, error) {
	callOf(ctx).object = "user " + in.User
	u, err := s.Accounts.User(ctx, in.User)
	if err != nil {
		return nil, err
	}
	if in.Body.Password != nil {
		if u.Password, err = s.Passwords.Hash(ctx, u.Name, *in.Body.Password); err != nil {
			return nil, err
		}
	}
	if in.Body.Grants != nil {
		if u.Grants, err = validGrants(*in.Body.Grants); err != nil {
			return nil, err
		}
	}
	if in.Body.Disabled != nil {
		u.Disabled = *in.Body.Disabled
	}
	u.Changed = s.Now().UTC()
	u, err = s.Accounts.SetUser(ctx, u, s.entry(ctx))
	return &userOut{wire.UserOf(&u)}, recorded(ctx, err)
}

func (s *server) deleteUser(ctx context.Context, in *UserPath) (*struct{}, error) {
	callOf(ctx).object = "user " + in.User
	return nil, recorded(ctx, s.Accounts.DeleteUser(ctx, in.User, s.entry(ctx)))
}

type changePasswordIn struct{ Body wire.ChangePassword }

// changePassword changes the password of whoever asks, who has to know the old one. All
// sessions end with it, this one too.
func (s *server) changePassword(ctx context.Context, in *changePasswordIn) (*struct{}, error) {
	c := callOf(ctx)
	c.object = "user " + c.who.User
	if isStarter(c.who) {
		return nil, fault.New(fault.Usage, "%s has no password", c.who.User)
	}
	if _, err := s.byPassword(ctx, c.from, c.who.User, in.Body.Old); err != nil {
		if fault.CodeOf(err) == fault.Unauthorized {
			err = fault.New(fault.Forbidden, "the old password is not right")
		}
		return nil, err
	}
	u, err := s.Accounts.User(ctx, c.who.User)
	if err != nil {
		return nil, err
	}
	if u.Password, err = s.Passwords.Hash(ctx, u.Name, in.Body.New); err != nil {
		return nil, err
	}
	u.Changed = s.Now().UTC()
	_, err = s.Accounts.SetUser(ctx, u, s.entry(ctx))
	return nil, recorded(ctx, err)
}

type tokensOut struct{ Body wire.Tokens }

func (s *server) userTokens(ctx context.Context, in *UserPath) (*tokensOut, error) {
	if _, err := s.Accounts.User(ctx, in.User); err != nil {
		return nil, err
	}
	return s.tokensOf(ctx, in.User)
}

func (s *server) ownTokens(ctx context.Context, _ *struct{}) (*tokensOut, error) {
	return s.tokensOf(ctx, callOf(ctx).who.User)
}

func (s *server) tokensOf(ctx context.Context, user string) (*tokensOut, error) {
	all, err := s.Accounts.Tokens(ctx, user)
	out := &tokensOut{wire.Tokens{Tokens: make([]wire.Token, len(all))}}
	for i := range all {
		out.Body.Tokens[i] = wire.TokenOf(&all[i])
	}
	return out, err
}

type addTokenIn struct{ Body wire.NewToken }

type addUserTokenIn struct {
	UserPath
	Body wire.NewToken
}

type addTokenOut struct {
	Status int
	Body   wire.MadeToken
}

// addOwnToken makes a token that can do no more than what its maker can right now: a token
// must not make a mightier one.
func (s *server) addOwnToken(ctx context.Context, in *addTokenIn) (*addTokenOut, error) {
	c := callOf(ctx)
	if isStarter(c.who) {
		return nil, fault.New(fault.Usage, "%s has no tokens", c.who.User).WithHint("add a user, and make a token of that")
	}
	return s.addToken(ctx, c.who.User, c.who.Grants, in.Body)
}

func (s *server) addUserToken(ctx context.Context, in *addUserTokenIn) (*addTokenOut, error) {
	u, err := s.Accounts.User(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return s.addToken(ctx, u.Name, u.Grants, in.Body)
}

func (s *server) addToken(ctx context.Context, user string, most []access.Grant, in wire.NewToken) (*addTokenOut, error) {
	c := callOf(ctx)
	c.object = "token " + in.Name + " of user " + user
	if err := access.CheckName("token", in.Name); err != nil {
		return nil, err
	}
	asked, err := validGrants(in.Grants)
	switch {
	case err != nil:
		return nil, err
	case in.Grants == nil:
		asked = access.Normal(most)
	case len(asked) == 0:
		return nil, fault.New(fault.Usage, "the token would be allowed nothing").WithHint("leave grants out for all that its user may do")
	case !access.Covers(most, asked):
		return nil, fault.New(fault.Forbidden, "the token would be allowed what its user is not")
	}
	life, err := lifeOf(in.Expires)
	if err != nil {
		return nil, err
	}
	text, id, hash := access.NewToken()
	now := s.Now().UTC()
	t := store.Token{ID: id, User: user, Name: in.Name, Hash: hash, Grants: asked, Created: now, Expires: now.Add(life)}
	if err := recorded(ctx, s.Accounts.AddToken(ctx, t, s.entry(ctx))); err != nil {
		return nil, err
	}
	return &addTokenOut{http.StatusCreated, wire.MadeToken{Token: wire.TokenOf(&t), Text: text}}, nil
}

// lifeOf reads how long a token is to live.
func lifeOf(text string) (time.Duration, error) {
	if text == "" {
		return defaultTokenLife, nil
	}
	d, err := workflow.ParseDuration(text)
	if err != nil || d <= 0 || d > longestTokenLife {
		return 0, fault.New(fault.Usage, "a token can't expire after %q", cut(text)).WithHint("use up to 366d, for example 90d")
	}
	return d, nil
}

// TokenPath is the part of a path that names a token.
type TokenPath struct {
	Token string `path:"token" maxLength:"64" doc:"its id"`
}

// UserTokenPath is a path that names a user's token.
type UserTokenPath struct {
	UserPath
	TokenPath
}

func (s *server) revokeUserToken(ctx context.Context, in *UserTokenPath) (*struct{}, error) {
	return nil, s.revoke(ctx, in.User, in.Token)
}

func (s *server) revokeOwnToken(ctx context.Context, in *TokenPath) (*struct{}, error) {
	return nil, s.revoke(ctx, callOf(ctx).who.User, in.Token)
}

// revoke ends a token if it is that user's.
func (s *server) revoke(ctx context.Context, user, id string) error {
	callOf(ctx).object = "token " + id + " of user " + user
	t, _, err := s.Accounts.Token(ctx, id)
	if err != nil {
		return err
	}
	if t.User != user {
		return store.ErrNoToken(id)
	}
	return recorded(ctx, s.Accounts.RevokeToken(ctx, id, s.Now().UTC(), s.entry(ctx)))
}

type auditIn struct {
	Who         string `query:"user" maxLength:"100"`
	Action      string `query:"action" maxLength:"100"`
	Application string `query:"application" maxLength:"1024"`
	Result      string `query:"result" enum:"ok,denied,failed"`
	Since       string `query:"since" doc:"at this time or later, RFC 3339"`
	Until       string `query:"until" doc:"before this time, RFC 3339"`
	Limit       int    `query:"limit" minimum:"0" maximum:"1000" doc:"at most so many; missing: 100"`
	Before      int64  `query:"before" minimum:"0" doc:"only entries older than this one: the next page"`
}

type auditOut struct{ Body wire.Audit }

func (s *server) auditLog(ctx context.Context, in *auditIn) (*auditOut, error) {
	f := store.AuditFilter{Who: in.Who, Action: in.Action, Application: in.Application, Result: store.Result(in.Result), Before: in.Before}
	var err error
	if f.Since, err = timeIn("since", in.Since); err != nil {
		return nil, err
	}
	if f.Until, err = timeIn("until", in.Until); err != nil {
		return nil, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = mostAudit / 10
	}
	f.Limit = limit + 1
	es, err := s.Accounts.Audit(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &auditOut{}
	if len(es) > limit {
		es = es[:limit]
		out.Body.Next = &es[limit-1].Seq
	}
	out.Body.Entries = make([]wire.AuditEntry, len(es))
	for i, e := range es {
		out.Body.Entries[i] = wire.AuditEntry(e)
	}
	return out, nil
}
