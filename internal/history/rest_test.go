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
	want := Rest{Users: 2, Tokens: 1, Workflows: 2, Audit: entriesOfPeople, Hash: done.From.Rest.Hash}
	from.equal(done.From.Rest, want)
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
	from.equal(done.To.Rest, want)
	_, err = from.st.AddAudit(t.Context(), store.AuditEntry{Who: "ann"})
	from.must(err)
	done, err = Copy(t.Context(), from.st, to)
	from.must(err)
	from.equal(done.To.Rest.Audit, int64(entriesOfPeople+1))
	if done.To.Rest.Hash == want.Hash {
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

// noted adds messages, a fingerprint that counts and one of a try that has begun.
func noted(w *world) {
	ctx := w.Context()
	w.must(w.st.Tell(ctx, store.Tell{
		Run: 1, To: 2,
		Incidents: []store.Incident{{Key: "k", Application: "app", Open: 1, ChangedAt: now, Body: []byte("{}")}},
		Notices:   []store.Notice{{ID: "n", Notifier: "mail", CreatedAt: now, Due: now, Until: now.Add(day), Body: []byte("{}")}},
	}))
	_, err := w.st.ClaimNotices(ctx, "mail", now, now.Add(day), 1)
	w.must(err)
	task := run.TaskID{Run: 1, Attempt: 1, Job: "a", Try: 1}
	w.must(w.st.ImportFingerprint(ctx, "app", store.Fingerprint{Task: task, Done: true, Body: []byte("x")}))
	task.Job = "b"
	_, err = w.st.BeginFingerprint(ctx, "app", store.Fingerprint{}, store.Fingerprint{Task: task})
	w.must(err)
}

// TestCopyMessages has messages, and what jobs made, gone on between two copies.
func TestCopyMessages(t *testing.T) {
	from, to := filled(t), memstore.New()
	noted(from)
	ctx := t.Context()
	done, err := Copy(ctx, from.st, to)
	from.must(err)
	rest := Rest{Tallies: 2, Fingerprints: 1, Incidents: 1, Notices: 1, Untold: 3, Hash: done.From.Rest.Hash}
	from.equal(done.To.Rest, rest)
	told, err := to.Untold(ctx, 0, 0)
	from.must(err)
	from.equal(told, []store.Untold{{Run: 1, Told: 2, Seq: 3}, {Run: 2, Seq: 3}, {Run: 4, Seq: 3}})
	claimed, err := to.ClaimNotices(ctx, "mail", now, now.Add(day), 1) // nobody sends it there
	from.must(err)
	from.equal(len(claimed), 1)
	f, err := to.Fingerprint(ctx, "app", "a")
	from.must(err)
	from.equal(f, store.Fingerprint{Task: run.TaskID{Run: 1, Attempt: 1, Job: "a", Try: 1}, Done: true, Body: []byte("x")})
	f, err = to.Fingerprint(ctx, "app", "b")
	from.must(err)
	from.equal(f, store.Fingerprint{})

	from.must(from.st.Tell(ctx, store.Tell{Run: 1, From: 2, To: 3, Done: true}))
	from.must(from.st.Tell(ctx, store.Tell{Incidents: []store.Incident{{Key: "k", Application: "app", Version: 1, ChangedAt: now, Body: []byte("{}")}}}))
	again := store.Fingerprint{Task: run.TaskID{Run: 4, Attempt: 1, Job: "a", Try: 1}}
	seen, err := from.st.Fingerprint(ctx, "app", "a")
	from.must(err)
	_, err = from.st.BeginFingerprint(ctx, "app", seen, again)
	from.must(err)
	done, err = Copy(ctx, from.st, to)
	from.must(err)
	from.equal(done.To.Rest, Rest{Tallies: 2, Incidents: 1, Notices: 1, Untold: 2, Hash: done.From.Rest.Hash})
	told, err = to.Untold(ctx, 0, 0)
	from.must(err)
	from.equal(told, []store.Untold{{Run: 2, Seq: 3}, {Run: 4, Seq: 3}})
	f, err = to.Fingerprint(ctx, "app", "a") // it is not known what the next try made
	from.must(err)
	from.equal(f, store.Fingerprint{})
	open, err := to.Incidents(ctx, store.IncidentFilter{All: true, Open: true})
	from.must(err)
	from.equal(open, []store.Incident(nil))
}

// TestCopyRestIntoOthers has a target that has more than was copied.
func TestCopyRestIntoOthers(t *testing.T) {
	ctx := t.Context()
	for name, change := range map[string]func(store.Store) error{
		"fingerprints": func(st store.Store) error {
			return st.ImportFingerprint(ctx, "other", store.Fingerprint{Task: run.TaskID{Run: 1, Job: "a"}, Done: true})
		},
		"incidents": func(st store.Store) error {
			return st.ImportOutbox(ctx, []store.Incident{{Key: "other", ChangedAt: now, Body: []byte("x")}}, nil)
		},
		"notices": func(st store.Store) error {
			return st.ImportOutbox(ctx, nil, []store.Notice{{ID: "other", State: store.NoticeSent, CreatedAt: now, Due: now, Until: now, Body: []byte("x")}})
		},
		"expected times": func(st store.Store) error {
			return st.ImportSchedule(ctx, store.Schedule{ID: "a/b", Revision: 1}, []store.Firing{{Schedule: "a/b", Time: now, State: store.FiringOver}})
		},
		"schedules": func(st store.Store) error { return st.ImportSchedule(ctx, store.Schedule{ID: "c/d"}, nil) },
	} {
		from, to := filled(t), memstore.New()
		noted(from)
		timed(from, 1)
		from.must(change(to))
		_, err := Copy(ctx, from.st, to)
		if fault.CodeOf(err) != fault.Conflict || err.Error() != "the database that is copied into has other "+name {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestCopyScheduleAhead has a target whose schedule has gone on by itself.
func TestCopyScheduleAhead(t *testing.T) {
	from, to := newWorld(t), memstore.New()
	timed(from, 1)
	from.must(to.ImportSchedule(t.Context(), store.Schedule{ID: "a/b", Revision: 2}, nil))
	if _, err := Copy(t.Context(), from.st, to); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("got %v", err)
	}
}
