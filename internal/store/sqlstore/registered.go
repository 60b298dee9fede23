package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/executionerhq/executioner/internal/store"
)

const (
	registeredHead    = `r.name, r.version_no, r.application, r.source_hash, r.file_name, r.enabled, r.by_user, r.at_us, r.note`
	registeredColumns = registeredHead + `, r.body`
	insertRegistered  = `INSERT INTO registered (name, version_no, application, source_hash, file_name, enabled, by_user, at_us, note, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectVersionsOf  = `SELECT ` + registeredHead + ` FROM registered r WHERE r.name = ? ORDER BY r.version_no DESC`
	selectNewest      = `SELECT ` + registeredColumns + ` FROM registered r WHERE r.name = ? ORDER BY r.version_no DESC LIMIT ?`
	selectEnabled     = `SELECT ` + registeredColumns + ` FROM registered r WHERE r.name = ? AND r.enabled = 1 ORDER BY r.version_no DESC LIMIT ?`
	selectVersion     = `SELECT ` + registeredColumns + ` FROM registered r WHERE r.name = ? AND r.version_no = ?`
	selectRegistered  = `SELECT ` + registeredColumns + ` FROM registered r`
	selectNewestOfAll = `SELECT ` + registeredHead + ` FROM registered r
		WHERE r.version_no = (SELECT MAX(o.version_no) FROM registered o WHERE o.name = r.name)`
	enableVersion = `UPDATE registered SET enabled = ? WHERE name = ? AND version_no = ?`
	enableAll     = `UPDATE registered SET enabled = ? WHERE name = ?`
)

// Register implements store.Accounts. Of two at once that would get the same number one
// finds it taken, and is done again.
func (s *Store) Register(ctx context.Context, r store.Registered, said ...store.AuditEntry) (kept store.Registered, err error) {
	err = s.change(ctx, "register workflow", func(t *tx) error {
		newest, err := list(t.query, scanRegistered, selectNewest, r.Name, 1)
		if err != nil {
			return err
		}
		kept = r.Normal()
		kept.Version = 1
		if len(newest) > 0 {
			if newest[0].Hash == r.Hash {
				kept = newest[0]
				t.harmless()
				return t.note(said)
			}
			kept.Version = newest[0].Version + 1
		}
		if err := t.insertRegistered(&kept); err != nil {
			return err
		}
		return t.note(said)
	})
	if err != nil {
		return store.Registered{}, err
	}
	return kept, nil
}

func (t *tx) insertRegistered(r *store.Registered) error {
	return t.exec(insertRegistered, r.Name, r.Version, text(r.Application), text(r.Hash), text(r.File), bit(r.Enabled),
		text(r.By), micros(r.At), text(r.Note), blob(r.Source))
}

// Registered implements store.Accounts.
func (s *Store) Registered(ctx context.Context, name string, version int) (r store.Registered, err error) {
	err = s.view(ctx, "read registered workflow", func(ctx context.Context, t *sql.Tx) error {
		var err error
		if version == 0 {
			r, err = oneOf(askerOf(ctx, t), scanRegistered, store.ErrNoRegistered(name, 0), selectEnabled, name, 1)
		} else {
			r, err = oneOf(askerOf(ctx, t), scanRegistered, store.ErrNoRegistered(name, version), selectVersion, name, version)
		}
		return err
	})
	return r, err
}

// RegisteredWorkflows implements store.Accounts.
func (s *Store) RegisteredWorkflows(ctx context.Context) (all []store.Registered, err error) {
	err = s.view(ctx, "list registered workflows", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), scanRegisteredHead, selectNewestOfAll)
		sortRegistered(all)
		return err
	})
	return all, err
}

// RegisteredVersions implements store.Accounts.
func (s *Store) RegisteredVersions(ctx context.Context, name string) (all []store.Registered, err error) {
	err = s.view(ctx, "list versions of workflow", func(ctx context.Context, t *sql.Tx) error {
		var err error
		all, err = list(askerOf(ctx, t), scanRegisteredHead, selectVersionsOf, name)
		if err == nil && len(all) == 0 {
			err = store.ErrNotRegistered(name)
		}
		return err
	})
	return all, err
}

// EnableRegistered implements store.Accounts.
func (s *Store) EnableRegistered(ctx context.Context, name string, version int, enabled bool, said ...store.AuditEntry) error {
	return s.change(ctx, "enable workflow", func(t *tx) (err error) {
		t.harmless()
		var n int64
		if version == 0 {
			n, err = t.execRows(enableAll, bit(enabled), name)
		} else {
			n, err = t.execRows(enableVersion, bit(enabled), name, version)
		}
		switch {
		case err != nil:
			return err
		case n > 0:
			return t.note(said)
		case version == 0:
			return store.ErrNotRegistered(name)
		}
		return store.ErrNoRegistered(name, version)
	})
}

// ExportAccounts implements store.Accounts.
func (s *Store) ExportAccounts(ctx context.Context) (a store.AccountsArchive, err error) {
	err = s.view(ctx, "export accounts", func(ctx context.Context, t *sql.Tx) error {
		var err error
		a, err = accounts(askerOf(ctx, t))
		return err
	})
	if err != nil {
		return store.AccountsArchive{}, err
	}
	return a, nil
}

func accounts(ask asker) (a store.AccountsArchive, err error) {
	if a.Users, err = users(ask); err != nil {
		return a, err
	}
	if a.Tokens, err = tokens(ask, selectTokens); err != nil {
		return a, err
	}
	a.Registered, err = list(ask, scanRegistered, selectRegistered)
	sortRegistered(a.Registered)
	return a.Normal(), err
}

// sortRegistered sorts here, see totals.
func sortRegistered(all []store.Registered) {
	slices.SortFunc(all, func(a, b store.Registered) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
}

// ImportAccounts implements store.Accounts.
func (s *Store) ImportAccounts(ctx context.Context, a store.AccountsArchive) (n int, err error) {
	err = s.change(ctx, "import accounts", func(t *tx) error {
		there, err := accounts(t.query)
		if err != nil {
			return err
		}
		more, err := a.Beyond(there)
		if err != nil {
			return err
		}
		n = more.Len()
		return t.importAccounts(&more)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (t *tx) importAccounts(a *store.AccountsArchive) error {
	for i := range a.Users {
		if err := t.insertUser(&a.Users[i]); err != nil {
			return err
		}
	}
	for i := range a.Tokens {
		if err := t.insertToken(&a.Tokens[i]); err != nil {
			return err
		}
	}
	for i := range a.Registered {
		if err := t.insertRegistered(&a.Registered[i]); err != nil {
			return err
		}
	}
	return nil
}

func scanRegisteredHead(rows *sql.Rows) (r store.Registered, err error) {
	return r, rows.Scan(registeredInto(&r)...)
}

func scanRegistered(rows *sql.Rows) (r store.Registered, err error) {
	err = rows.Scan(append(registeredInto(&r), &r.Source)...)
	if len(r.Source) == 0 {
		r.Source = nil
	}
	return r, err
}

// registeredInto returns where the values of registeredHead go.
func registeredInto(r *store.Registered) []any {
	return []any{
		into(&r.Name), &r.Version, into(&r.Application), into(&r.Hash), into(&r.File),
		bitInto{&r.Enabled},
		into(&r.By),
		timeInto{&r.At},
		into(&r.Note),
	}
}
