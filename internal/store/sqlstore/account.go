package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	userColumns  = `u.name, u.password_hash, u.grant_list, u.locked_out, u.created_us, u.changed_us, u.revision, u.subject`
	selectUser   = `SELECT ` + userColumns + ` FROM user_accounts u WHERE u.name = ?`
	selectUserOf = `SELECT ` + userColumns + ` FROM user_accounts u WHERE u.subject = ?`
	selectUsers  = `SELECT ` + userColumns + ` FROM user_accounts u`
	lockSubject  = `SELECT name FROM user_accounts WHERE subject = ?`
	lockUser     = `SELECT revision FROM user_accounts WHERE name = ?`
	insertUser   = `INSERT INTO user_accounts (name, password_hash, grant_list, locked_out, created_us, changed_us, revision, subject)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	updateUser = `UPDATE user_accounts SET password_hash = ?, grant_list = ?, locked_out = ?, changed_us = ?, revision = revision + 1
		WHERE name = ? AND revision = ?`
	dropSessions = `DELETE FROM login_sessions WHERE user_name = ?`
)

// deletionsOfUser remove the rows of a user, those that refer to others first.
var deletionsOfUser = [...]string{
	dropSessions,
	`DELETE FROM api_tokens WHERE user_name = ?`,
	`DELETE FROM user_accounts WHERE name = ?`,
}

// AddUser implements store.Accounts.
func (s *Store) AddUser(ctx context.Context, u store.User, said ...store.AuditEntry) error {
	return s.change(ctx, "add user", func(t *tx) error {
		if _, found, err := t.revision(u.Name); found || err != nil {
			return orFault(err, store.ErrUserTaken(u.Name))
		}
		var there string
		if found, err := t.row(lockSubject, []any{text(u.Subject)}, into(&there)); found || err != nil { // NULL is nobody's
			return orFault(err, store.ErrUserTaken(there))
		}
		u.Revision = 1
		if err := t.insertUser(&u); err != nil {
			return err
		}
		return t.note(said)
	})
}

// revision reads which revision a user is at, and keeps others from changing the user.
func (t *tx) revision(name string) (revision int64, found bool, err error) {
	found, err = t.row(lockUser+t.d.lock, []any{name}, &revision)
	return revision, found, err
}

// orFault returns err, and when that is nil the other one.
func orFault(err, fault error) error { return cmp.Or(err, fault) }

func (t *tx) insertUser(u *store.User) error {
	grants, err := encodeGrants(u.Grants)
	if err != nil {
		return err
	}
	return t.exec(insertUser, u.Name, text(u.Password), grants, bit(u.Disabled), micros(u.Created), micros(u.Changed), u.Revision, text(u.Subject))
}

// User implements store.Accounts.
func (s *Store) User(ctx context.Context, name string) (u store.User, err error) {
	err = s.view(ctx, "read user", func(ctx context.Context, t *sql.Tx) error {
		var err error
		u, err = oneOf(askerOf(ctx, t), scanUser, store.ErrNoUser(name), selectUser, name)
		return err
	})
	return u, err
}

// UserOf implements store.Accounts.
func (s *Store) UserOf(ctx context.Context, subject string) (u store.User, err error) {
	err = s.view(ctx, "read user", func(ctx context.Context, t *sql.Tx) error {
		var err error
		u, err = oneOf(askerOf(ctx, t), scanUser, store.ErrNoUser("with that subject"), selectUserOf, text(subject))
		return err
	})
	return u, err
}

// oneOf reads the one row that there is, or returns missing.
func oneOf[T any](ask asker, scan func(*sql.Rows) (T, error), missing error, query string, args ...any) (none T, err error) {
	found, err := list(ask, scan, query, args...)
	if err != nil {
		return none, err
	}
	if len(found) == 0 {
		return none, missing
	}
	return found[0], nil
}

// Users implements store.Accounts.
func (s *Store) Users(ctx context.Context) (all []store.User, err error) {
	err = s.view(ctx, "list users", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = users(askerOf(ctx, t))
		return err
	})
	return all, err
}

func users(ask asker) ([]store.User, error) {
	all, err := list(ask, scanUser, selectUsers)
	slices.SortFunc(all, func(a, b store.User) int { return cmp.Compare(a.Name, b.Name) }) // see totals
	return all, err
}

// SetUser implements store.Accounts.
func (s *Store) SetUser(ctx context.Context, u store.User, said ...store.AuditEntry) (set store.User, err error) {
	grants, err := encodeGrants(u.Grants)
	if err != nil {
		return store.User{}, err
	}
	err = s.change(ctx, "change user", func(t *tx) error {
		n, err := t.execRows(updateUser, text(u.Password), grants, bit(u.Disabled), micros(u.Changed), u.Name, u.Revision)
		if err != nil {
			return err
		}
		if n == 0 {
			_, found, err := t.revision(u.Name)
			if !found {
				return orFault(err, store.ErrNoUser(u.Name))
			}
			return orFault(err, store.ErrUserChanged(u.Name))
		}
		if err := t.exec(dropSessions, u.Name); err != nil {
			return err
		}
		if set, err = oneOf(t.query, scanUser, store.ErrNoUser(u.Name), selectUser, u.Name); err != nil {
			return err
		}
		return t.note(said)
	})
	if err != nil {
		return store.User{}, err
	}
	return set, nil
}

// DeleteUser implements store.Accounts.
func (s *Store) DeleteUser(ctx context.Context, name string, said ...store.AuditEntry) error {
	return s.change(ctx, "delete user", func(t *tx) error {
		if err := t.userMustExist(name); err != nil {
			return err
		}
		for _, q := range deletionsOfUser {
			if err := t.exec(q, name); err != nil {
				return err
			}
		}
		return t.note(said)
	})
}

// userMustExist keeps others from changing the user, too.
func (t *tx) userMustExist(name string) error {
	if _, found, err := t.revision(name); !found {
		return orFault(err, store.ErrNoUser(name))
	}
	return nil
}

func scanUser(rows *sql.Rows) (u store.User, err error) { return u, rows.Scan(userInto(&u)...) }

// userInto returns where the values of userColumns go.
func userInto(u *store.User) []any {
	return []any{
		into(&u.Name), into(&u.Password),
		grantsInto{&u.Grants},
		bitInto{&u.Disabled},
		timeInto{&u.Created},
		timeInto{&u.Changed},
		&u.Revision, into(&u.Subject),
	}
}

// bit returns how a bool is stored.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

type bitInto struct{ b *bool }

func (d bitInto) Scan(v any) error {
	var n sql.NullInt64
	err := n.Scan(v)
	*d.b = n.Int64 != 0
	return err
}

// encodeGrants returns how grants are stored: as JSON, NULL when there are none.
func encodeGrants(gs []access.Grant) (any, error) {
	if len(gs) == 0 {
		return nil, nil //nolint:nilnil // see text
	}
	b, err := json.Marshal(gs)
	return string(b), err
}

type grantsInto struct{ gs *[]access.Grant }

func (d grantsInto) Scan(v any) error {
	*d.gs = nil
	var s string
	if err := into(&s).Scan(v); err != nil || s == "" {
		return err
	}
	return json.Unmarshal([]byte(s), d.gs)
}
