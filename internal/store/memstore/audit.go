package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/store"
)

// AddAudit implements store.Accounts.
func (s *Store) AddAudit(ctx context.Context, es ...store.AuditEntry) (last int64, err error) {
	err = s.with(ctx, func(a *accounts) error {
		a.note(es)
		last = a.lastAudit
		return nil
	})
	return last, err
}

// Audit implements store.Accounts.
func (s *Store) Audit(ctx context.Context, f store.AuditFilter) (found []store.AuditEntry, err error) {
	err = s.with(ctx, func(a *accounts) error {
		for _, e := range slices.Backward(a.audit) {
			if f.Limit > 0 && len(found) == f.Limit {
				break
			}
			if selects(f, e) {
				found = append(found, e)
			}
		}
		return nil
	})
	return found, err
}

func selects(f store.AuditFilter, e store.AuditEntry) bool {
	return (f.Who == "" || e.Who == f.Who) && (f.Action == "" || e.Action == f.Action) &&
		(f.Application == "" || e.Application == f.Application) && (f.Result == "" || e.Result == f.Result) &&
		(f.Since.IsZero() || !e.At.IsZero() && !e.At.Before(micros(f.Since))) &&
		(f.Until.IsZero() || !e.At.IsZero() && e.At.Before(micros(f.Until))) &&
		(f.Before == 0 || e.Seq < f.Before) && e.Seq > f.After
}

// PruneAudit implements store.Accounts.
func (s *Store) PruneAudit(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.with(ctx, func(a *accounts) error {
		kept := slices.IndexFunc(a.audit, func(e store.AuditEntry) bool { return !e.At.Before(micros(before)) })
		if kept < 0 {
			kept = len(a.audit)
		}
		a.audit = slices.Delete(a.audit, 0, kept)
		n = int64(kept)
		return nil
	})
	return n, err
}

// ImportAudit implements store.Accounts.
func (s *Store) ImportAudit(ctx context.Context, es []store.AuditEntry) (n int, err error) {
	err = s.with(ctx, func(a *accounts) error {
		added, err := a.missing(es)
		if err != nil {
			return err
		}
		for _, e := range added {
			i, _ := a.entry(e.Seq)
			a.audit = slices.Insert(a.audit, i, e)
			a.lastAudit = max(a.lastAudit, e.Seq)
		}
		n = len(added)
		return nil
	})
	return n, err
}

// missing returns those entries that are not there.
func (a *accounts) missing(es []store.AuditEntry) (added []store.AuditEntry, err error) {
	for _, e := range es {
		e = e.Normal()
		i, ok := a.entry(e.Seq)
		switch {
		case !ok:
			added = append(added, e)
		case a.audit[i] != e:
			return nil, store.ErrAuditTaken(e.Seq)
		}
	}
	return added, nil
}

// entry returns where an entry is, or would be.
func (a *accounts) entry(seq int64) (int, bool) {
	return slices.BinarySearchFunc(a.audit, seq, func(e store.AuditEntry, seq int64) int { return int(e.Seq - seq) })
}
