package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// loginTime is how long somebody may take at the identity provider.
const loginTime = 10 * time.Minute

// OIDC is an identity provider, and what its users may do. It is safe for concurrent use.
type OIDC struct {
	Issuer       string // its URL
	ClientID     string // of this service there
	ClientSecret string // of this service there
	RedirectURL  string // of this service: https://…/callback
	UserClaim    string // names a user, for people to read: see access.ProviderName
	GroupsClaim  string // lists a user's groups
	// Grants are what the members of a group may do. Nobody may do what no group grants.
	Grants []GroupGrant
	// Client asks the provider. Nil: http.DefaultClient with a time limit.
	Client *http.Client

	mu       sync.Mutex // guards provider: it is found when it is first needed, and may be away until then
	provider *oidc.Provider
}

// GroupGrant is a grant to the members of a group.
type GroupGrant struct {
	Group string
	Grant access.Grant
}

// found returns the provider, asking it for its settings the first time.
func (o *OIDC) found(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	p, err := oidc.NewProvider(context.WithoutCancel(o.context(ctx)), o.Issuer)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "the identity provider can't be asked")
	}
	o.provider = p
	return p, nil
}

// context has the provider asked with our client.
func (o *OIDC) context(ctx context.Context) context.Context {
	client := o.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	return oidc.ClientContext(ctx, client)
}

func (o *OIDC) config(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, RedirectURL: o.RedirectURL,
		Endpoint: p.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "profile", "email", "groups"},
	}
}

// asked is what a browser keeps while its user is at the provider: it ties the answer to
// the browser that asked.
type asked struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Until    int64  `json:"u"` // Unix seconds
}

func (s *server) askedCookie(r *http.Request) string { return s.cookieName(r) + "-login" }

// oidcLogin sends a browser to the identity provider.
func (s *server) oidcLogin(w http.ResponseWriter, r *http.Request) {
	p, err := s.OIDC.found(r.Context())
	if err != nil {
		callOf(r.Context()).failed = err
		s.fail(w, r, err)
		return
	}
	a := asked{access.NewSecret(), access.NewSecret(), oauth2.GenerateVerifier(), s.Now().Add(loginTime).Unix()}
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // texts can be written
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // see beginSession
		Name: s.askedCookie(r), Value: base64.RawURLEncoding.EncodeToString(text), Path: "/", MaxAge: int(loginTime.Seconds()),
		HttpOnly: true, Secure: s.secure(r),
		SameSite: http.SameSiteLaxMode, // it has to come along when the provider sends the browser back
	})
	to := s.OIDC.config(p).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// oidcCallback begins a session for somebody whom the identity provider knows.
func (s *server) oidcCallback(w http.ResponseWriter, r *http.Request) {
	c := callOf(r.Context())
	c.action = "login"
	err := s.arrived(w, r, c)
	http.SetCookie(w, &http.Cookie{Name: s.askedCookie(r), Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode}) //nolint:gosec // see beginSession
	if err != nil {
		c.failed = err
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/docs")
	w.WriteHeader(http.StatusSeeOther)
}

func (s *server) arrived(w http.ResponseWriter, r *http.Request, c *call) error {
	a, err := s.askedBy(r)
	if err != nil {
		return err
	}
	subject, claims, err := s.OIDC.claims(r.Context(), r.URL.Query().Get("code"), a)
	if err != nil {
		return err
	}
	u := s.OIDC.user(subject, claims)
	c.object, c.detail = "user "+u.Name, u.Subject
	if u, err = s.known(r.Context(), u); err != nil {
		return err
	}
	c.object = "user " + u.Name
	if len(u.Grants) == 0 {
		return fault.New(fault.Forbidden, "no group of user %s may do anything here", u.Name).
			WithHint("an administrator can grant a group something in the settings: oidc.grants")
	}
	c.who = access.Principal{User: u.Name, Via: access.ViaOIDC, Grants: u.Grants}
	c.detail += ", as " + strings.Join(access.Texts(u.Grants), ", ")
	_, err = s.beginSession(w, r, u.Name, access.ViaOIDC)
	return err
}

// askedBy returns what the browser was sent away with, if it is what comes back.
func (s *server) askedBy(r *http.Request) (asked, error) {
	var a asked
	bad := fault.New(fault.Unauthorized, "this login was not begun here, or took too long").WithHint("begin again at /login/oidc")
	all := r.CookiesNamed(s.askedCookie(r))
	if len(all) != 1 {
		return a, bad
	}
	text, err := base64.RawURLEncoding.DecodeString(all[0].Value)
	if err != nil || json.Unmarshal(text, &a) != nil || a.State == "" {
		return a, bad
	}
	if !access.Same(a.State, r.URL.Query().Get("state")) || s.Now().Unix() >= a.Until || r.URL.Query().Get("error") != "" {
		return a, bad
	}
	return a, nil
}

// claims exchanges a code for who the user is, and what the provider says of them.
func (o *OIDC) claims(ctx context.Context, code string, a asked) (subject string, claims map[string]any, err error) {
	ctx = o.context(ctx)
	p, err := o.found(ctx)
	if err != nil {
		return "", nil, err
	}
	refused := fault.New(fault.Unauthorized, "the identity provider does not vouch for this login").WithHint("begin again at /login/oidc")
	token, err := o.config(p).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		var answered *oauth2.RetrieveError
		if errors.As(err, &answered) {
			return "", nil, refused
		}
		return "", nil, fault.Wrap(err, fault.Unavailable, "the identity provider can't be asked")
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", nil, refused
	}
	id, err := p.Verifier(&oidc.Config{ClientID: o.ClientID}).Verify(ctx, raw)
	if err != nil || !access.Same(id.Nonce, a.Nonce) || id.Subject == "" || len(id.Subject) > maxSubject || id.Claims(&claims) != nil {
		return "", nil, refused
	}
	return access.Subject(id.Issuer, id.Subject), claims, nil
}

// maxSubject is how long the name of a user within a provider may be: see OpenID Connect Core 2.
const maxSubject = 255

// user returns who the provider's claims are about, with what the groups grant.
func (o *OIDC) user(subject string, claims map[string]any) store.User {
	name, _ := claims[o.UserClaim].(string)
	u := store.User{Name: access.ProviderName(name, subject), Subject: subject}
	groups := texts(claims[o.GroupsClaim])
	for _, g := range o.Grants {
		if slices.Contains(groups, g.Group) {
			u.Grants = append(u.Grants, g.Grant)
		}
	}
	u.Grants = access.Normal(u.Grants)
	return u
}

// texts returns a claim that is a text or a list of them.
func texts(claim any) []string {
	if one, ok := claim.(string); ok {
		return []string{one}
	}
	var all []string
	list, _ := claim.([]any)
	for _, v := range list {
		if t, ok := v.(string); ok {
			all = append(all, t)
		}
	}
	return all
}

// known keeps a user of the provider beside the others, with the grants of today, so that
// sessions and the audit log have somebody to speak of. Somebody who was granted nothing is not
// kept; from somebody who is granted nothing any more all is taken: sessions end, and tokens are
// good for nothing.
func (s *server) known(ctx context.Context, u store.User) (store.User, error) {
	now := s.Now().UTC()
	before, err := s.Accounts.UserOf(ctx, u.Subject)
	switch {
	case fault.CodeOf(err) == fault.NotFound && len(u.Grants) == 0:
		return u, nil
	case fault.CodeOf(err) == fault.NotFound:
		u.Created, u.Changed, u.Revision = now, now, 1
		return u, s.Accounts.AddUser(ctx, u)
	case err != nil:
		return u, err
	case before.Disabled:
		return before, access.ErrUnauthorized()
	case slices.Equal(before.Grants, u.Grants):
		return before, nil
	}
	before.Grants, before.Changed = u.Grants, now
	return s.Accounts.SetUser(ctx, before)
}
