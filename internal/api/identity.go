package api

import (
	"context"
	"net/http"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// usedEvery is how often the last use of a token is recorded.
const usedEvery = time.Minute

// starter is the principal of whoever started the service: the user of the operating system
// who could do anything with its database and its processes in any case.
func starter(name string, via access.Via) access.Principal {
	return access.Principal{User: name, Via: via, Grants: []access.Grant{{Role: access.Admin}}}
}

// isStarter reports whether somebody is whoever started the service, who has no account.
func isStarter(who access.Principal) bool {
	return who.User == access.Local || strings.HasPrefix(who.User, access.Local+":")
}

// owner returns what the user is called whom this process belongs to: local:NAME, or by number
// where there is no name.
func owner(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil && u.Username != "" {
		return access.Local + ":" + u.Username
	}
	return access.Local + ":" + id
}

// identify finds out who asks. What proves nothing is an error even where nothing would
// have been enough: a client with a broken token must not work as somebody else.
func (s *server) identify(r *http.Request, c *call) error {
	err := s.prove(r, c)
	if fault.CodeOf(err) == fault.Unauthorized && !peerOf(r.Context()).socket {
		if slow := s.limits.address(c.from, 1); slow != nil {
			return slow
		}
	}
	return err
}

func (s *server) prove(r *http.Request, c *call) (err error) {
	switch given := r.Header["Authorization"]; len(given) {
	case 0:
	case 1:
		return s.byHeader(r, c, given[0])
	default:
		return access.ErrUnauthorized()
	}
	if secret, ok := s.sessionCookie(r); ok {
		return s.bySession(r.Context(), c, secret)
	}
	if p := peerOf(r.Context()); p.known && p.uid == s.uid {
		c.who, c.local = starter(s.owner, access.ViaSocket), true
		return nil
	}
	return access.ErrUnauthorized()
}

func (s *server) byHeader(r *http.Request, c *call, header string) (err error) {
	scheme, text, ok := strings.Cut(header, " ")
	switch {
	case ok && strings.EqualFold(scheme, "Bearer"):
		c.who, err = s.byToken(r, strings.TrimSpace(text))
	case ok && strings.EqualFold(scheme, "Basic"):
		name, password, ok := r.BasicAuth()
		if !ok {
			return access.ErrUnauthorized()
		}
		c.who, err = s.byPassword(r.Context(), c.from, name, password)
	default:
		return access.ErrUnauthorized()
	}
	return err
}

// byToken returns who a token stands for.
func (s *server) byToken(r *http.Request, text string) (access.Principal, error) {
	if s.Token != "" && loopback(r) && access.Same(access.Hash(text), access.Hash(s.Token)) {
		return s.byStart(r.Context())
	}
	id, ok := access.TokenID(text)
	if !ok {
		return access.Principal{}, access.ErrUnauthorized()
	}
	t, u, err := s.Accounts.Token(r.Context(), id)
	if err != nil {
		return access.Principal{}, unknown(err)
	}
	now := s.Now()
	p, err := t.Principal(text, u, now)
	if err == nil && now.Sub(t.LastUsed) >= usedEvery {
		_ = s.Accounts.UseToken(r.Context(), id, now.UTC()) // it is for people to look at, no more
	}
	return p, err
}

// byStart returns whoever started the service, for whom its one token stands as long as
// there are no users.
func (s *server) byStart(ctx context.Context) (access.Principal, error) {
	if s.peopled.Load() {
		return access.Principal{}, access.ErrUnauthorized()
	}
	users, err := s.Accounts.Users(ctx)
	if err != nil {
		return access.Principal{}, err
	}
	if len(users) > 0 {
		s.peopled.Store(true) // for good, also when they are removed
		return access.Principal{}, access.ErrUnauthorized()
	}
	return starter(access.Local, access.ViaToken), nil
}

// unknown makes of an account that is not there somebody who is not known.
func unknown(err error) error {
	if fault.CodeOf(err) == fault.NotFound {
		return access.ErrUnauthorized()
	}
	return err
}

// byPassword returns the user of a name and password. That takes the same work whether
// there is such a user or not.
func (s *server) byPassword(ctx context.Context, from, name, password string) (access.Principal, error) {
	key := failureKey(name, from)
	if err := s.lockedOut(ctx, key); err != nil {
		return access.Principal{}, err
	}
	u, err := s.Accounts.User(ctx, name)
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		return access.Principal{}, err
	}
	hash := u.Password
	if u.Disabled {
		hash = ""
	}
	ok := s.verified.knows(u, hash, password)
	rehash := false
	if !ok {
		if err := s.afford(from); err != nil {
			return access.Principal{}, err
		}
		if ok, rehash, err = s.Passwords.Verify(ctx, hash, password); err != nil {
			return access.Principal{}, err
		}
	}
	if !ok {
		return access.Principal{}, s.failure(ctx, key)
	}
	s.verified.add(u, password)
	_ = s.Accounts.ClearFailures(ctx, key) // it runs out by itself
	if rehash {
		s.rehash(ctx, u, password)
	}
	return access.Principal{User: u.Name, Via: access.ViaPassword, Grants: u.Grants}, nil
}

// afford counts a slow hash for an address before it is made, so that nobody has the service
// do nothing else.
func (s *server) afford(from string) error {
	if from == fromSocket {
		return nil
	}
	return s.limits.address(from, login.cost())
}

// rehash keeps a password with today's parameters. That it can't be is no reason not to let
// the user in.
func (s *server) rehash(ctx context.Context, u store.User, password string) {
	hash, err := s.Passwords.Hash(ctx, u.Name, password)
	if err != nil {
		return
	}
	u.Password, u.Changed = hash, s.Now().UTC()
	_, _ = s.Accounts.SetUser(ctx, u)
}

// failureKey is under what failed logins are counted: the user as seen from one address,
// so that nobody can lock somebody else out.
func failureKey(name, from string) string { return access.Hash(from + "\x00" + name) }

func (s *server) lockedOut(ctx context.Context, key string) error {
	f, err := s.Accounts.Failures(ctx, key)
	if err != nil {
		return err
	}
	now := s.Now()
	if now.Sub(f.Last) > access.ForgetFailures {
		return nil
	}
	if until := access.LockedUntil(f.Count, f.Last); now.Before(until) {
		return later(until.Sub(now), fault.New(fault.RateLimited, "there were too many failed logins").
			WithHint("wait %s and try again", until.Sub(now).Round(time.Second)))
	}
	return nil
}

func (s *server) failure(ctx context.Context, key string) error {
	if _, err := s.Accounts.AddFailure(ctx, key, s.Now().UTC(), access.ForgetFailures); err != nil {
		return err
	}
	return access.ErrUnauthorized()
}
