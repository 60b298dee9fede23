package history

import (
	"context"
	"fmt"
	"testing"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

const entriesOfPeople = 2*page + 7

// people is a store with two users, a token, two versions of a workflow and an audit log
// of several pages, the first entries of which are gone.
func people(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	ctx := t.Context()
	for _, name := range []string{"ann", "bob"} {
		w.must(w.st.AddUser(ctx, store.User{Name: name, Created: now, Grants: []access.Grant{{Role: access.Admin}}}))
	}
	w.must(w.st.AddToken(ctx, store.Token{ID: "1", User: "bob", Name: "ci", Hash: "h"}))
	w.must(w.st.AddSession(ctx, store.Session{Hash: "s", User: "bob"}))
	for i := range 2 {
		_, err := w.st.Register(ctx, store.Registered{Name: "w", Hash: fmt.Sprint(i), Source: []byte{byte(i)}})
		w.must(err)
	}
	for i := range entriesOfPeople + 3 {
		at := now
		if i >= 3 {
			at = now.Add(day)
		}
		_, err := w.st.AddAudit(ctx, store.AuditEntry{At: at, Who: "bob", Action: "login", Object: fmt.Sprint(i)})
		w.must(err)
	}
	_, err := w.st.PruneAudit(ctx, now.Add(day))
	w.must(err)
	return w
}

func TestCopyAccounts(t *testing.T) {
	from, to := people(t), memstore.New()
	done, err := Copy(t.Context(), from.st, to)
	from.must(err)
	want := Accounts{Users: 2, Tokens: 1, Workflows: 2, Audit: entriesOfPeople, Hash: done.Accounts.Hash}
	from.equal(done.Accounts, want)
	if len(want.Hash) != 64 {
		t.Errorf("hash %q", want.Hash)
	}
	mine, err := from.st.ExportAccounts(t.Context())
	from.must(err)
	theirs, err := to.ExportAccounts(t.Context())
	from.must(err)
	from.equal(theirs, mine)
	ours, err := from.st.Audit(t.Context(), store.AuditFilter{})
	from.must(err)
	log, err := to.Audit(t.Context(), store.AuditFilter{})
	from.must(err)
	from.equal(log, ours)
	if _, _, err := to.Session(t.Context(), "s"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a session was copied: %v", err)
	}

	// Once more adds nothing, what came meanwhile is added, and its use does not change a token.
	from.must(from.st.UseToken(t.Context(), "1", now))
	done, err = Copy(t.Context(), from.st, to)
	from.must(err)
	from.equal(done.Accounts, want)
	_, err = from.st.AddAudit(t.Context(), store.AuditEntry{Who: "ann"})
	from.must(err)
	done, err = Copy(t.Context(), from.st, to)
	from.must(err)
	from.equal(done.Accounts.Audit, int64(entriesOfPeople+1))
	if done.Accounts.Hash == want.Hash {
		t.Error("another audit log has the same hash")
	}
}

func TestCopyAccountsIntoOthers(t *testing.T) {
	for name, change := range map[string]func(context.Context, store.Store) error{
		"user":       func(ctx context.Context, st store.Store) error { return st.AddUser(ctx, store.User{Name: "eve"}) },
		"other user": func(ctx context.Context, st store.Store) error { return st.AddUser(ctx, store.User{Name: "bob"}) },
		"workflow": func(ctx context.Context, st store.Store) error {
			_, err := st.Register(ctx, store.Registered{Name: "other"})
			return err
		},
		"entry": func(ctx context.Context, st store.Store) error {
			_, err := st.ImportAudit(ctx, []store.AuditEntry{{Seq: 10, Who: "eve"}})
			return err
		},
	} {
		from, to := people(t), memstore.New()
		from.must(change(t.Context(), to))
		if _, err := Copy(t.Context(), from.st, to); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// lossy does not give back what it was given.
type lossy struct {
	store.Store
	accounts, audit bool
}

func (l *lossy) ExportAccounts(ctx context.Context) (store.AccountsArchive, error) {
	a, err := l.Store.ExportAccounts(ctx)
	if l.accounts {
		a.Users[0].Password += "."
	}
	return a, err
}

func (l *lossy) Audit(ctx context.Context, f store.AuditFilter) ([]store.AuditEntry, error) {
	es, err := l.Store.Audit(ctx, f)
	if l.audit && len(es) > 0 {
		es[0].Detail += "."
	}
	return es, err
}

func TestCopyAccountsNoticesADifference(t *testing.T) {
	from := people(t)
	for _, l := range []*lossy{{accounts: true}, {audit: true}} {
		l.Store = memstore.New()
		if _, err := Copy(t.Context(), from.st, l); fault.CodeOf(err) != fault.Internal {
			t.Errorf("got %v", err)
		}
	}
}

// TestCopyKeys has a run whose key is known where the copy is, too.
func TestCopyKeys(t *testing.T) {
	from, to := newWorld(t), memstore.New()
	n := store.NewRun{By: "bob", Key: "k", Hash: "h", Workflow: []byte("w")}
	l, err := from.st.CreateRun(t.Context(), n, store.Owner{}, day)
	from.must(err)
	_, err = from.st.Append(t.Context(), l, []run.Transition{{Attempt: 1, To: run.Cancelled, At: now}})
	from.must(err)
	from.must(from.st.Release(t.Context(), l))
	_, err = Copy(t.Context(), from.st, to)
	from.must(err)
	_, err = to.CreateRun(t.Context(), n, store.Owner{}, 0)
	if id, ok := store.ExistingRun(err); !ok || id != l.Run {
		t.Errorf("got %v", err)
	}
}
