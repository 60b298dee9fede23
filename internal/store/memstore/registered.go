package memstore

import (
	"context"
	"maps"
	"slices"

	"github.com/executionerhq/executioner/internal/store"
)

// Register implements store.Accounts.
func (s *Store) Register(ctx context.Context, r store.Registered, said ...store.AuditEntry) (kept store.Registered, err error) {
	err = s.with(ctx, func(a *accounts) error {
		a.note(said)
		all := a.registered[r.Name]
		if n := len(all); n > 0 && all[n-1].Hash == r.Hash {
			kept = normalRegistered(all[n-1])
			return nil
		}
		r.Version = len(all) + 1
		a.registered[r.Name] = append(all, normalRegistered(r))
		kept = normalRegistered(r)
		return nil
	})
	return kept, err
}

// Registered implements store.Accounts.
func (s *Store) Registered(ctx context.Context, name string, version int) (r store.Registered, err error) {
	err = s.with(ctx, func(a *accounts) error {
		for _, v := range slices.Backward(a.registered[name]) {
			if v.Version == version || version == 0 && v.Enabled {
				r = normalRegistered(v)
				return nil
			}
		}
		return store.ErrNoRegistered(name, version)
	})
	return r, err
}

// RegisteredWorkflows implements store.Accounts.
func (s *Store) RegisteredWorkflows(ctx context.Context) (all []store.Registered, err error) {
	err = s.with(ctx, func(a *accounts) error {
		for _, name := range slices.Sorted(maps.Keys(a.registered)) {
			versions := a.registered[name]
			all = append(all, withoutSource(versions[len(versions)-1]))
		}
		return nil
	})
	return all, err
}

// RegisteredVersions implements store.Accounts.
func (s *Store) RegisteredVersions(ctx context.Context, name string) (all []store.Registered, err error) {
	err = s.with(ctx, func(a *accounts) error {
		for _, v := range slices.Backward(a.registered[name]) {
			all = append(all, withoutSource(v))
		}
		if len(all) == 0 {
			return store.ErrNotRegistered(name)
		}
		return nil
	})
	return all, err
}

func withoutSource(r store.Registered) store.Registered {
	r.Source = nil
	return r
}

// EnableRegistered implements store.Accounts.
func (s *Store) EnableRegistered(ctx context.Context, name string, version int, enabled bool, said ...store.AuditEntry) error {
	return s.with(ctx, func(a *accounts) error {
		all := a.registered[name]
		if len(all) == 0 {
			return store.ErrNotRegistered(name)
		}
		if version < 0 || version > len(all) {
			return store.ErrNoRegistered(name, version)
		}
		for i := range all {
			if version == 0 || all[i].Version == version {
				all[i].Enabled = enabled
			}
		}
		a.note(said)
		return nil
	})
}

// ExportAccounts implements store.Accounts.
func (s *Store) ExportAccounts(ctx context.Context) (x store.AccountsArchive, err error) {
	err = s.with(ctx, func(a *accounts) error {
		x = store.AccountsArchive{Users: a.allUsers(), Tokens: a.allTokens("")}
		for _, name := range slices.Sorted(maps.Keys(a.registered)) {
			for _, v := range a.registered[name] {
				x.Registered = append(x.Registered, normalRegistered(v))
			}
		}
		return nil
	})
	return x, err
}

// ImportAccounts implements store.Accounts.
func (s *Store) ImportAccounts(ctx context.Context, x store.AccountsArchive) (n int, err error) {
	err = s.with(ctx, func(a *accounts) error {
		there := store.AccountsArchive{Users: a.allUsers(), Tokens: a.allTokens("")}
		for _, name := range slices.Sorted(maps.Keys(a.registered)) {
			there.Registered = append(there.Registered, a.registered[name]...)
		}
		added, err := x.Beyond(there)
		if err != nil {
			return err
		}
		for _, u := range added.Users {
			a.users[u.Name] = u
		}
		for _, t := range added.Tokens {
			a.tokens[t.ID] = t
		}
		for _, r := range added.Registered {
			a.registered[r.Name] = append(a.registered[r.Name], r)
		}
		n = added.Len()
		return nil
	})
	return n, err
}
