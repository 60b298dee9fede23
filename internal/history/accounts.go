package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// Accounts is what is kept of those who use a service, in a form in which two can be
// compared: Hash is a SHA-256 over all of it, but when tokens were last used; empty when
// there is nothing.
type Accounts struct {
	Users     int64  `json:"users"`
	Tokens    int64  `json:"tokens"`
	Workflows int64  `json:"registered_workflows"` // versions of them
	Audit     int64  `json:"audit_entries"`
	Hash      string `json:"hash"`
}

// copyAccounts copies users, tokens, registered workflows and the audit log, and proves it.
// The error is a Conflict when the target has others, and Internal when the two are not the
// same in the end.
func copyAccounts(ctx context.Context, from, to store.Store) (Accounts, error) {
	a, err := from.ExportAccounts(ctx)
	if err != nil {
		return Accounts{}, err
	}
	if _, err := to.ImportAccounts(ctx, a); err != nil {
		return Accounts{}, err
	}
	ours := accountsProver{sum: sha256.New()}
	ours.add(a)
	span, err := auditSpan(ctx, from)
	if err != nil {
		return Accounts{}, err
	}
	err = eachAudit(ctx, from, span, func(es []store.AuditEntry) error {
		ours.addAudit(es)
		_, err := to.ImportAudit(ctx, es)
		return err
	})
	if err != nil {
		return Accounts{}, err
	}
	return ours.proof(), compareAccounts(ctx, to, &ours, span)
}

// compareAccounts reads what was copied.
func compareAccounts(ctx context.Context, to store.Store, ours *accountsProver, span store.AuditFilter) error {
	a, err := to.ExportAccounts(ctx)
	if err != nil {
		return err
	}
	theirs := accountsProver{sum: sha256.New()}
	theirs.add(a)
	if theirs.a.Users > ours.a.Users || theirs.a.Tokens > ours.a.Tokens || theirs.a.Workflows > ours.a.Workflows {
		return fault.New(fault.Conflict, "the database that is copied into has other users, tokens or registered workflows").
			WithHint("copy into an empty database")
	}
	if err := eachAudit(ctx, to, span, func(es []store.AuditEntry) error { theirs.addAudit(es); return nil }); err != nil {
		return err
	}
	if mine, copied := ours.proof(), theirs.proof(); mine != copied {
		return fault.New(fault.Internal, "the copied accounts are not the same as what was copied: %+v, not %+v", copied, mine).
			WithHint("don't use the copy; copy into an empty database")
	}
	return nil
}

// auditSpan selects the entries that there are now: later ones are not part of the copy.
func auditSpan(ctx context.Context, st store.Store) (store.AuditFilter, error) {
	newest, err := st.Audit(ctx, store.AuditFilter{Limit: 1})
	if err != nil || len(newest) == 0 {
		return store.AuditFilter{Before: 1}, err
	}
	return store.AuditFilter{Before: newest[0].Seq + 1}, nil
}

// eachAudit calls do with the entries of a span, newest first, some at a time.
func eachAudit(ctx context.Context, st store.Store, f store.AuditFilter, do func([]store.AuditEntry) error) error {
	f.Limit = page
	for {
		es, err := st.Audit(ctx, f)
		if err != nil || len(es) == 0 {
			return err
		}
		if err := do(es); err != nil {
			return err
		}
		f.Before = es[len(es)-1].Seq
	}
}

// accountsProver makes a proof.
type accountsProver struct {
	sum hash.Hash
	a   Accounts
}

func (p *accountsProver) add(a store.AccountsArchive) {
	p.a.Users, p.a.Tokens, p.a.Workflows = int64(len(a.Users)), int64(len(a.Tokens)), int64(len(a.Registered))
	a = a.Normal()
	for i := range a.Tokens {
		a.Tokens[i].LastUsed = time.Time{}
	}
	p.write(a)
}

func (p *accountsProver) addAudit(es []store.AuditEntry) {
	p.a.Audit += int64(len(es))
	for i := range es {
		p.write(es[i])
	}
}

func (p *accountsProver) write(v any) {
	if err := json.NewEncoder(p.sum).Encode(v); err != nil {
		panic(err) // it has no value that JSON lacks, and a hash takes all
	}
}

func (p *accountsProver) proof() Accounts {
	if p.a != (Accounts{}) {
		p.a.Hash = hex.EncodeToString(p.sum.Sum(nil))
	}
	return p.a
}
