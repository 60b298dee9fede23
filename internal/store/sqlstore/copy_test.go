package sqlstore

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	whole "github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/stats"
	"github.com/executionerhq/executioner/internal/store"
)

// testCopies takes a history with something in each table from SQLite to PostgreSQL, on to
// Oracle, and back to SQLite: each proves the same.
func testCopies(t *testing.T, oracle string) {
	at := func(dsn string) *Store { return openDSN(t, dsn, Config{}) }
	first := at(filepath.Join(t.TempDir(), "first.db"))
	fillAll(t, first)
	want := whole.Proof{}
	from := first
	for _, to := range []*Store{at(postgresDSN(t)), at(oracle), at(filepath.Join(t.TempDir(), "last.db"))} {
		for range 2 { // the second time all is there
			done, err := whole.Copy(t.Context(), from, to)
			if err != nil {
				t.Fatalf("%s to %s: %v", from.d.kind, to.d.kind, err)
			}
			if want == (whole.Proof{}) {
				want = done.From
			}
			if done.From != want || done.To != want {
				t.Fatalf("%s to %s: got %+v and %+v, want %+v", from.d.kind, to.d.kind, done.From, done.To, want)
			}
		}
		// A server decides itself what a commit survives.
		if stats, err := to.Stats(t.Context()); err != nil || (stats.Durability == string(Process)) != (to.d.kind == SQLite) {
			t.Errorf("%s: durability %q, %v", to.d.kind, stats.Durability, err)
		}
		checked, err := whole.Check(t.Context(), to)
		if err != nil || len(checked.Damaged) > 0 {
			t.Fatalf("%s: %v, %v", to.d.kind, checked.Damaged, err)
		}
		from = to
	}
	want.Hash, want.Rest.Hash, want.Rest.Tallies = "", "", 0
	if want != (whole.Proof{
		Runs: 2, Attempts: 2, Transitions: 6, Overrides: 1,
		Rest: whole.Rest{
			Users: 1, Tokens: 1, Workflows: 2, Audit: 2, Schedules: 1, Times: 2, Fingerprints: 2, Incidents: 2, Notices: 2, Untold: 1,
		},
	}) {
		t.Errorf("got %+v", want)
	}
	for _, st := range []*Store{first, from} { // what is sorted differently by databases, too
		names, err := st.Fingerprinted(t.Context())
		if err != nil || len(names) != 2 || names[0].Application != "B" {
			t.Errorf("got %v, %v", names, err)
		}
		tallies, err := st.Tallies(t.Context(), store.TallyFilter{Application: "gone", Job: "日", Spans: stats.Days(time.Time{})})
		if err != nil || len(tallies) != 1 {
			t.Errorf("got %v, %v", tallies, err)
		}
	}
}

// fillAll puts something into each part of a history, with odd texts.
func fillAll(t *testing.T, s *Store) {
	t.Helper()
	ctx, now := t.Context(), time.UnixMicro(1_769_860_800_123_456).UTC()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, app := range []string{"ä\\x00 '\"", ""} {
		l, err := s.CreateRun(ctx, store.NewRun{Application: app, By: "bób", Key: "k" + app, At: now}, store.Owner{PID: 1}, time.Hour)
		must(err)
		_, err = s.Append(ctx, l, []run.Transition{
			{Attempt: 1, To: run.Running, Reason: run.Started, At: now},
			{Attempt: 1, Job: "日\n", Try: 1, From: run.Queued, To: run.Running, Reason: run.Started, At: now},
			{Attempt: 1, From: run.Running, To: run.Failed, Detail: "x\ty", At: now.Add(time.Second)},
		})
		must(err)
		must(s.Release(ctx, l))
	}
	must(s.AddOverrides(ctx, 1, []run.Override{{Attempt: 1, Job: "日\n", By: "bób", At: now}}))
	grants := []access.Grant{{Role: access.Admin}}
	must(s.AddUser(ctx, store.User{Name: "bob", Password: "h", Grants: grants, Created: now}))
	must(s.AddToken(ctx, store.Token{ID: "1", User: "bob", Name: "ci", Hash: "h", Grants: grants, Created: now}))
	for _, source := range []string{"a: 1", "a: 2\x00"} {
		_, err := s.Register(ctx, store.Registered{Name: "w", Hash: access.Hash(source), Source: []byte(source), Enabled: true, At: now})
		must(err)
	}
	_, err := s.AddAudit(ctx, store.AuditEntry{At: now, Who: "bób", Detail: "ü"}, store.AuditEntry{At: now})
	must(err)
	must(s.ImportSchedule(ctx, store.Schedule{ID: "w/ñ", Workflow: "w", Name: "ñ", Decided: now, Revision: 3, Paused: true}, []store.Firing{
		{Schedule: "w/ñ", Time: now, Decision: "run", Run: 1, State: store.FiringOver, DecidedAt: now},
		{Schedule: "w/ñ", Time: now.Add(time.Hour), Decision: "queued", State: store.FiringWaits, DecidedAt: now, Detail: "ß"},
	}))
	for _, app := range []string{"b", "B"} {
		task := run.TaskID{Run: 1, Attempt: 1, Job: "日\n", Try: 1}
		must(s.ImportFingerprint(ctx, app, store.Fingerprint{Task: task, Done: true, Body: []byte("\x00\xff" + app)}))
	}
	must(s.Tell(ctx, store.Tell{
		Run: 1, To: 3, Done: true,
		Incidents: []store.Incident{{Key: "b", Open: 1, Due: now, ChangedAt: now, Body: []byte("{}")}, {Key: "B", Application: "ä", ChangedAt: now, Body: []byte("x")}},
		Notices: []store.Notice{
			{ID: "b", Notifier: "mail", Incident: "b", CreatedAt: now, Due: now, Until: now, Body: []byte("{}")},
			{ID: "B", Notifier: "mail", Digest: "d", Run: 1, CreatedAt: now, Due: now, Until: now, Body: []byte("ö")},
		},
	}))
	body := new(stats.Tally).Encode()
	must(s.SetTallies(ctx, []store.Tally{
		{Application: "gone", Period: stats.Month(now), Body: body}, {Application: "gone", Job: "日", Period: stats.Day(now), Body: body},
	}, false))
}
