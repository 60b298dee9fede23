package api

import (
	"context"
	"net/http"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// The session's cookie. With TLS its name has the browser insist on what makes it safe.
const (
	plainCookie  = "executioner"
	secureCookie = "__Host-executioner"
)

// sessionLife is how long a session lasts.
const sessionLife = 12 * time.Hour

func (s *server) cookieName(r *http.Request) string {
	if s.secure(r) {
		return secureCookie
	}
	return plainCookie
}

// sessionCookie returns the secret of the session that a request belongs to. Of two cookies
// of the name one was put there by somebody else.
func (s *server) sessionCookie(r *http.Request) (secret string, ok bool) {
	all := r.CookiesNamed(s.cookieName(r))
	if len(all) != 1 {
		return "", false
	}
	return all[0].Value, true
}

// bySession makes the call one of the user who is logged in.
func (s *server) bySession(ctx context.Context, c *call, secret string) error {
	session, u, err := s.Accounts.Session(ctx, access.Hash(secret))
	if err != nil {
		return unknown(err)
	}
	if c.who, err = session.Principal(u, s.Now()); err != nil {
		return err
	}
	c.csrf, c.session = session.CSRF, session.Hash
	return nil
}

// beginSession logs a user in and sets the cookie.
func (s *server) beginSession(w http.ResponseWriter, r *http.Request, user string, via access.Via) (store.Session, error) {
	secret, now := access.NewSecret(), s.Now().UTC()
	session := store.Session{
		Hash: access.Hash(secret), User: user, Via: via, CSRF: access.NewSecret(), Created: now, Expires: now.Add(sessionLife),
	}
	if err := recorded(r.Context(), s.Accounts.AddSession(r.Context(), session, s.entry(r.Context()))); err != nil {
		return session, err
	}
	if old, ok := s.sessionCookie(r); ok { // a session that somebody else may know ends here
		_ = s.Accounts.EndSession(r.Context(), access.Hash(old))
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // without TLS, which only loopback has, a secure cookie would not come back
		Name: s.cookieName(r), Value: secret, Path: "/", MaxAge: int(sessionLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.secure(r),
	})
	return session, nil
}

func (s *server) clearCookie(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // see beginSession
		Name: s.cookieName(r), Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.secure(r),
	})
}

// login begins a session with a name and password.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	c := callOf(r.Context())
	var in wire.Login
	if err := decode(r, &in); err != nil {
		s.fail(w, r, err)
		return
	}
	c.action, c.object = "login", "user "+cut(in.User)
	p, err := s.byPassword(r.Context(), c.from, in.User, in.Password)
	if err == nil {
		c.who = p
		var session store.Session
		if session, err = s.beginSession(w, r, p.User, access.ViaSession); err == nil {
			answer(w, http.StatusOK, wire.Session{User: p.User, Via: access.ViaSession, Grants: p.Grants, CSRF: session.CSRF, Expires: &session.Expires})
			return
		}
	}
	c.failed = err
	s.fail(w, r, err)
}

// logout ends the session that the request belongs to.
func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	c := callOf(r.Context())
	c.action = "logout"
	if c.session == "" {
		c.failed = fault.New(fault.Usage, "this is no session")
		s.fail(w, r, c.failed)
		return
	}
	if err := s.Accounts.EndSession(r.Context(), c.session); err != nil {
		c.failed = err
		s.fail(w, r, err)
		return
	}
	s.clearCookie(w, r)
	w.WriteHeader(http.StatusNoContent)
}

type sessionOut struct{ Body wire.Session }

// whoami says who asks and what they may do.
func (s *server) whoami(ctx context.Context, _ *struct{}) (*sessionOut, error) {
	c := callOf(ctx)
	return &sessionOut{wire.Session{User: c.who.User, Via: c.who.Via, Grants: access.Normal(c.who.Grants), CSRF: c.csrf}}, nil
}
