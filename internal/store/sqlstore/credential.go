package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/store"
)

const (
	tokenColumns = `c.id, c.user_name, c.token_name, c.secret_hash, c.grant_list, c.created_us, c.expires_us, c.used_us, c.revoked_us` //nolint:gosec // names of columns
	selectToken  = `SELECT ` + tokenColumns + `, ` + userColumns +
		` FROM api_tokens c JOIN user_accounts u ON u.name = c.user_name WHERE c.id = ?`
	selectTokens   = `SELECT ` + tokenColumns + ` FROM api_tokens c`
	selectTokensOf = selectTokens + ` WHERE c.user_name = ?`
	selectTokenID  = `SELECT id FROM api_tokens WHERE id = ?` //nolint:gosec // no token is in it
	selectNamed    = `SELECT id FROM api_tokens WHERE user_name = ? AND token_name = ? AND revoked_us IS NULL`
	//nolint:gosec // no token is in it
	insertToken = `INSERT INTO api_tokens (id, user_name, token_name, secret_hash, grant_list, created_us, expires_us, used_us, revoked_us)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	revokeToken = `UPDATE api_tokens SET revoked_us = ? WHERE id = ? AND revoked_us IS NULL`
	useToken    = `UPDATE api_tokens SET used_us = ? WHERE id = ? AND (used_us IS NULL OR used_us < ?)`

	selectSession = `SELECT c.secret_hash, c.user_name, c.via, c.csrf, c.created_us, c.expires_us, ` + userColumns +
		` FROM login_sessions c JOIN user_accounts u ON u.name = c.user_name WHERE c.secret_hash = ?`
	insertSession = `INSERT INTO login_sessions (secret_hash, user_name, via, csrf, created_us, expires_us) VALUES (?, ?, ?, ?, ?, ?)`
	dropSession   = `DELETE FROM login_sessions WHERE secret_hash = ?`
	dropExpired   = `DELETE FROM login_sessions WHERE expires_us IS NULL OR expires_us < ?`

	selectFailures = `SELECT failures, last_us FROM login_failures WHERE key_hash = ?`
	insertFailures = `INSERT INTO login_failures (failures, last_us, key_hash) VALUES (?, ?, ?)`
	updateFailures = `UPDATE login_failures SET failures = ?, last_us = ? WHERE key_hash = ?`
	dropFailures   = `DELETE FROM login_failures WHERE key_hash = ?`
	dropForgotten  = `DELETE FROM login_failures WHERE last_us IS NULL OR last_us < ?`
)

// AddToken implements store.Accounts.
func (s *Store) AddToken(ctx context.Context, n store.Token, said ...store.AuditEntry) error {
	return s.change(ctx, "add token", func(t *tx) error {
		if err := t.userMustExist(n.User); err != nil {
			return err
		}
		var id string
		if found, err := t.row(selectTokenID, []any{n.ID}, into(&id)); found || err != nil {
			return orFault(err, store.ErrTokenTaken(n.User, n.ID))
		}
		if found, err := t.row(selectNamed, []any{n.User, n.Name}, into(&id)); found || err != nil {
			return orFault(err, store.ErrTokenTaken(n.User, n.Name))
		}
		if err := t.insertToken(&n); err != nil {
			return err
		}
		return t.note(said)
	})
}

func (t *tx) insertToken(n *store.Token) error {
	grants, err := encodeGrants(n.Grants)
	if err != nil {
		return err
	}
	return t.exec(insertToken, n.ID, n.User, text(n.Name), text(n.Hash), grants,
		micros(n.Created), micros(n.Expires), micros(n.LastUsed), micros(n.Revoked))
}

// withUser is something that belongs to a user, and the user.
type withUser[T any] struct {
	it   T
	user store.User
}

// Token implements store.Accounts.
func (s *Store) Token(ctx context.Context, id string) (store.Token, store.User, error) {
	return ofUser(ctx, s, "read token", tokenInto, store.ErrNoToken(id), selectToken, id)
}

func ofUser[T any](
	ctx context.Context, s *Store, op string, dest func(*T) []any, missing error, query string, args ...any,
) (T, store.User, error) {
	var found withUser[T]
	err := s.view(ctx, op, func(ctx context.Context, t *sql.Tx) error {
		var err error
		found, err = oneOf(askerOf(ctx, t), func(rows *sql.Rows) (w withUser[T], err error) {
			return w, rows.Scan(append(dest(&w.it), userInto(&w.user)...)...)
		}, missing, query, args...)
		return err
	})
	return found.it, found.user, err
}

// tokenInto returns where the values of tokenColumns go.
func tokenInto(n *store.Token) []any {
	return []any{
		into(&n.ID), into(&n.User), into(&n.Name), into(&n.Hash),
		grantsInto{&n.Grants},
		timeInto{&n.Created},
		timeInto{&n.Expires},
		timeInto{&n.LastUsed},
		timeInto{&n.Revoked},
	}
}

// Tokens implements store.Accounts.
func (s *Store) Tokens(ctx context.Context, user string) (all []store.Token, err error) {
	err = s.view(ctx, "list tokens", func(ctx context.Context, t *sql.Tx) error {
		var err error
		if user == "" {
			all, err = tokens(askerOf(ctx, t), selectTokens)
		} else {
			all, err = tokens(askerOf(ctx, t), selectTokensOf, user)
		}
		return err
	})
	return all, err
}

func tokens(ask asker, query string, args ...any) ([]store.Token, error) {
	all, err := list(ask, func(rows *sql.Rows) (n store.Token, err error) { return n, rows.Scan(tokenInto(&n)...) }, query, args...)
	slices.SortFunc(all, func(a, b store.Token) int {
		return cmp.Or(cmp.Compare(a.User, b.User), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return all, err
}

// RevokeToken implements store.Accounts.
func (s *Store) RevokeToken(ctx context.Context, id string, at time.Time, said ...store.AuditEntry) error {
	return s.change(ctx, "revoke token", func(t *tx) error {
		t.harmless()
		n, err := t.execRows(revokeToken, micros(at), id)
		if err != nil {
			return err
		}
		if n == 0 {
			var there string
			if found, err := t.row(selectTokenID, []any{id}, into(&there)); !found {
				return orFault(err, store.ErrNoToken(id))
			}
		}
		return t.note(said)
	})
}

// UseToken implements store.Accounts.
func (s *Store) UseToken(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "record use of token", func(t *tx) error {
		t.harmless()
		return t.exec(useToken, micros(at), id, micros(at))
	})
}

// AddSession implements store.Accounts.
func (s *Store) AddSession(ctx context.Context, n store.Session, said ...store.AuditEntry) error {
	return s.change(ctx, "add session", func(t *tx) error {
		if err := t.userMustExist(n.User); err != nil {
			return err
		}
		if err := t.exec(insertSession, n.Hash, n.User, text(n.Via), text(n.CSRF), micros(n.Created), micros(n.Expires)); err != nil {
			return err
		}
		return t.note(said)
	})
}

// Session implements store.Accounts.
func (s *Store) Session(ctx context.Context, hash string) (store.Session, store.User, error) {
	return ofUser(ctx, s, "read session", func(n *store.Session) []any {
		return []any{into(&n.Hash), into(&n.User), into(&n.Via), into(&n.CSRF), timeInto{&n.Created}, timeInto{&n.Expires}}
	}, store.ErrNoSession(), selectSession, hash)
}

// EndSession implements store.Accounts.
func (s *Store) EndSession(ctx context.Context, hash string) error {
	return s.change(ctx, "end session", func(t *tx) error {
		t.harmless()
		return t.exec(dropSession, hash)
	})
}

// EndSessions implements store.Accounts.
func (s *Store) EndSessions(ctx context.Context, user string) (n int, err error) {
	err = s.change(ctx, "end sessions", func(t *tx) error {
		rows, err := t.execRows(dropSessions, user)
		n = int(rows)
		return err
	})
	return n, err
}

// AddFailure implements store.Accounts.
func (s *Store) AddFailure(ctx context.Context, key string, at time.Time, forget time.Duration) (f store.Failures, err error) {
	at = timeStored(at)
	hash := failureKey(key)
	err = s.change(ctx, "count failed login", func(t *tx) error {
		f = store.Failures{}
		found, err := t.row(selectFailures+t.d.lock, []any{hash}, &f.Count, timeInto{&f.Last})
		if err != nil {
			return err
		}
		f = f.Add(at, forget)
		if found {
			return t.exec(updateFailures, f.Count, micros(f.Last), hash)
		}
		return t.exec(insertFailures, f.Count, micros(f.Last), hash)
	})
	if err != nil {
		return store.Failures{}, err
	}
	return f, nil
}

// failureKey returns what is stored of a key, which may be any text.
func failureKey(key string) string { return store.KeyHash("", "login "+key) }

// Failures implements store.Accounts.
func (s *Store) Failures(ctx context.Context, key string) (f store.Failures, err error) {
	err = s.view(ctx, "read failed logins", func(ctx context.Context, t *sql.Tx) error {
		found, err := list(askerOf(ctx, t), func(rows *sql.Rows) (f store.Failures, err error) {
			return f, rows.Scan(&f.Count, timeInto{&f.Last})
		}, selectFailures, failureKey(key))
		if len(found) > 0 {
			f = found[0]
		}
		return err
	})
	return f, err
}

// ClearFailures implements store.Accounts.
func (s *Store) ClearFailures(ctx context.Context, key string) error {
	return s.change(ctx, "forget failed logins", func(t *tx) error {
		t.harmless()
		return t.exec(dropFailures, failureKey(key))
	})
}

// TidyAccounts implements store.Accounts.
func (s *Store) TidyAccounts(ctx context.Context, before time.Time) (n int, err error) {
	err = s.change(ctx, "tidy accounts", func(t *tx) error {
		sessions, err := t.execRows(dropExpired, before.UnixMicro())
		if err != nil {
			return err
		}
		failures, err := t.execRows(dropForgotten, before.UnixMicro())
		n = int(sessions + failures)
		return err
	})
	return n, err
}
