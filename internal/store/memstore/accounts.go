package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/store"
)

// accounts is what a Store keeps for store.Accounts. The Store's mu guards it.
type accounts struct {
	users      map[string]store.User
	tokens     map[string]store.Token // by id
	sessions   map[string]store.Session
	failures   map[string]store.Failures
	audit      []store.AuditEntry // by number
	lastAudit  int64
	registered map[string][]store.Registered // by name, then version
}

func newAccounts() accounts {
	return accounts{
		users: map[string]store.User{}, tokens: map[string]store.Token{}, sessions: map[string]store.Session{},
		failures: map[string]store.Failures{}, registered: map[string][]store.Registered{},
	}
}

// with calls do with the accounts, under the lock.
func (s *Store) with(ctx context.Context, do func(*accounts) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	return do(&s.accounts)
}

// AddUser implements store.Accounts.
func (s *Store) AddUser(ctx context.Context, u store.User, said ...store.AuditEntry) error {
	return s.with(ctx, func(a *accounts) error {
		if _, ok := a.users[u.Name]; ok {
			return store.ErrUserTaken(u.Name)
		}
		if there, err := a.userOf(u.Subject); err == nil {
			return store.ErrUserTaken(there.Name)
		}
		u.Revision = 1
		a.users[u.Name] = normalUser(u)
		a.note(said)
		return nil
	})
}

// User implements store.Accounts.
func (s *Store) User(ctx context.Context, name string) (u store.User, err error) {
	err = s.with(ctx, func(a *accounts) error {
		u, err = a.user(name)
		return err
	})
	return u, err
}

// UserOf implements store.Accounts.
func (s *Store) UserOf(ctx context.Context, subject string) (u store.User, err error) {
	err = s.with(ctx, func(a *accounts) error {
		u, err = a.userOf(subject)
		return err
	})
	return u, err
}

// Users implements store.Accounts.
func (s *Store) Users(ctx context.Context) (all []store.User, err error) {
	err = s.with(ctx, func(a *accounts) error {
		all = a.allUsers()
		return nil
	})
	return all, err
}

// SetUser implements store.Accounts.
func (s *Store) SetUser(ctx context.Context, u store.User, said ...store.AuditEntry) (set store.User, err error) {
	err = s.with(ctx, func(a *accounts) error {
		there, err := a.user(u.Name)
		if err != nil {
			return err
		}
		if there.Revision != u.Revision {
			return store.ErrUserChanged(u.Name)
		}
		u.Revision++
		u.Created, u.Subject = there.Created, there.Subject
		a.users[u.Name] = normalUser(u)
		a.endSessions(u.Name)
		a.note(said)
		set, err = a.user(u.Name)
		return err
	})
	return set, err
}

// DeleteUser implements store.Accounts.
func (s *Store) DeleteUser(ctx context.Context, name string, said ...store.AuditEntry) error {
	return s.with(ctx, func(a *accounts) error {
		if _, err := a.user(name); err != nil {
			return err
		}
		delete(a.users, name)
		maps.DeleteFunc(a.tokens, func(_ string, t store.Token) bool { return t.User == name })
		a.endSessions(name)
		a.note(said)
		return nil
	})
}

// AddToken implements store.Accounts.
func (s *Store) AddToken(ctx context.Context, t store.Token, said ...store.AuditEntry) error {
	return s.with(ctx, func(a *accounts) error {
		if _, err := a.user(t.User); err != nil {
			return err
		}
		if _, ok := a.tokens[t.ID]; ok {
			return store.ErrTokenTaken(t.User, t.ID)
		}
		for _, o := range a.tokens {
			if o.User == t.User && o.Name == t.Name && o.Revoked.IsZero() {
				return store.ErrTokenTaken(t.User, t.Name)
			}
		}
		a.tokens[t.ID] = normalToken(t)
		a.note(said)
		return nil
	})
}

// Token implements store.Accounts.
func (s *Store) Token(ctx context.Context, id string) (t store.Token, u store.User, err error) {
	err = s.with(ctx, func(a *accounts) error {
		there, ok := a.tokens[id]
		if !ok {
			return store.ErrNoToken(id)
		}
		t = normalToken(there)
		u, err = a.user(t.User)
		return err
	})
	return t, u, err
}

// Tokens implements store.Accounts.
func (s *Store) Tokens(ctx context.Context, user string) (all []store.Token, err error) {
	err = s.with(ctx, func(a *accounts) error {
		all = a.allTokens(user)
		return nil
	})
	return all, err
}

// RevokeToken implements store.Accounts.
func (s *Store) RevokeToken(ctx context.Context, id string, at time.Time, said ...store.AuditEntry) error {
	return s.with(ctx, func(a *accounts) error {
		t, ok := a.tokens[id]
		if !ok {
			return store.ErrNoToken(id)
		}
		if t.Revoked.IsZero() {
			t.Revoked = micros(at)
			a.tokens[id] = t
		}
		a.note(said)
		return nil
	})
}

// UseToken implements store.Accounts.
func (s *Store) UseToken(ctx context.Context, id string, at time.Time) error {
	return s.with(ctx, func(a *accounts) error {
		if t, ok := a.tokens[id]; ok && micros(at).After(t.LastUsed) {
			t.LastUsed = micros(at)
			a.tokens[id] = t
		}
		return nil
	})
}

// AddSession implements store.Accounts.
func (s *Store) AddSession(ctx context.Context, n store.Session, said ...store.AuditEntry) error {
	return s.with(ctx, func(a *accounts) error {
		if _, err := a.user(n.User); err != nil {
			return err
		}
		n.Created, n.Expires = micros(n.Created), micros(n.Expires)
		a.sessions[n.Hash] = n
		a.note(said)
		return nil
	})
}

// Session implements store.Accounts.
func (s *Store) Session(ctx context.Context, hash string) (n store.Session, u store.User, err error) {
	err = s.with(ctx, func(a *accounts) error {
		there, ok := a.sessions[hash]
		if !ok {
			return store.ErrNoSession()
		}
		n = there
		u, err = a.user(n.User)
		return err
	})
	return n, u, err
}

// EndSession implements store.Accounts.
func (s *Store) EndSession(ctx context.Context, hash string) error {
	return s.with(ctx, func(a *accounts) error {
		delete(a.sessions, hash)
		return nil
	})
}

// EndSessions implements store.Accounts.
func (s *Store) EndSessions(ctx context.Context, user string) (n int, err error) {
	err = s.with(ctx, func(a *accounts) error {
		n = a.endSessions(user)
		return nil
	})
	return n, err
}

// AddFailure implements store.Accounts.
func (s *Store) AddFailure(ctx context.Context, key string, at time.Time, forget time.Duration) (f store.Failures, err error) {
	err = s.with(ctx, func(a *accounts) error {
		f = a.failures[key].Add(micros(at), forget)
		a.failures[key] = f
		return nil
	})
	return f, err
}

// Failures implements store.Accounts.
func (s *Store) Failures(ctx context.Context, key string) (f store.Failures, err error) {
	err = s.with(ctx, func(a *accounts) error {
		f = a.failures[key]
		return nil
	})
	return f, err
}

// ClearFailures implements store.Accounts.
func (s *Store) ClearFailures(ctx context.Context, key string) error {
	return s.with(ctx, func(a *accounts) error {
		delete(a.failures, key)
		return nil
	})
}

// TidyAccounts implements store.Accounts.
func (s *Store) TidyAccounts(ctx context.Context, before time.Time) (n int, err error) {
	err = s.with(ctx, func(a *accounts) error {
		before := micros(before)
		n = len(a.sessions) + len(a.failures)
		maps.DeleteFunc(a.sessions, func(_ string, s store.Session) bool { return s.Expires.Before(before) })
		maps.DeleteFunc(a.failures, func(_ string, f store.Failures) bool { return f.Last.Before(before) })
		n -= len(a.sessions) + len(a.failures)
		return nil
	})
	return n, err
}

// The methods below are called by those above, and so under the lock.

func (a *accounts) user(name string) (store.User, error) {
	u, ok := a.users[name]
	if !ok {
		return store.User{}, store.ErrNoUser(name)
	}
	return normalUser(u), nil
}

func (a *accounts) userOf(subject string) (store.User, error) {
	for _, u := range a.users {
		if u.Subject == subject && subject != "" {
			return normalUser(u), nil
		}
	}
	return store.User{}, store.ErrNoUser("with that subject")
}

// note appends entries to the audit log.
func (a *accounts) note(es []store.AuditEntry) {
	for _, e := range es {
		a.lastAudit++
		e.Seq = a.lastAudit
		a.audit = append(a.audit, e.Normal())
	}
}

// measure counts what there is.
func (a *accounts) measure(r *store.Rows) {
	r.Users, r.Tokens, r.Sessions, r.Audit = int64(len(a.users)), int64(len(a.tokens)), int64(len(a.sessions)), int64(len(a.audit))
	for _, versions := range a.registered {
		r.Registered += int64(len(versions))
	}
}

func (a *accounts) allUsers() (all []store.User) {
	for _, name := range slices.Sorted(maps.Keys(a.users)) {
		all = append(all, normalUser(a.users[name]))
	}
	return all
}

func (a *accounts) allTokens(user string) (all []store.Token) {
	for _, t := range a.tokens {
		if user == "" || t.User == user {
			all = append(all, normalToken(t))
		}
	}
	slices.SortFunc(all, func(a, b store.Token) int {
		return cmp.Or(cmp.Compare(a.User, b.User), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return all
}

func (a *accounts) endSessions(user string) int {
	n := len(a.sessions)
	maps.DeleteFunc(a.sessions, func(_ string, s store.Session) bool { return s.User == user })
	return n - len(a.sessions)
}

// normalUser returns a user as a database would, apart from what it was made of.
func normalUser(u store.User) store.User {
	u.Grants = grants(u.Grants)
	u.Created, u.Changed = micros(u.Created), micros(u.Changed)
	return u
}

func normalToken(t store.Token) store.Token {
	t.Grants = grants(t.Grants)
	t.Created, t.Expires, t.LastUsed, t.Revoked = micros(t.Created), micros(t.Expires), micros(t.LastUsed), micros(t.Revoked)
	return t
}

func normalRegistered(r store.Registered) store.Registered {
	r.Source, r.At = text(r.Source), micros(r.At)
	return r
}

func grants(gs []access.Grant) []access.Grant {
	if len(gs) == 0 {
		return nil
	}
	return slices.Clone(gs)
}
