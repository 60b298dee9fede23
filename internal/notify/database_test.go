package notify

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

// TestServicesShareADatabase has several services with connections of their own tell of
// runs, while one of them after the other is closed and replaced.
func TestServicesShareADatabase(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { share(t, filepath.Join(t.TempDir(), "runs.db")) })
	t.Run("postgres", func(t *testing.T) { share(t, pgtest.Start(t).Schema(t)) })
}

func share(t *testing.T, dsn string) {
	const runs = 30
	b := &inbox{}
	r := rules(incident.Rule{Name: "each", Each: true}, incident.Rule{Name: "incident", After: 2})
	start := func() (stop func()) {
		st, err := sqlstore.Open(context.Background(), dsn, sqlstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewService(Config{Records: st, Setup: Setup{Rules: r, Senders: map[string]Sender{"in": b}}, Poll: 20 * time.Millisecond})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	st, err := sqlstore.Open(t.Context(), dsn, sqlstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	services := []func(){start(), start(), start()}
	for i := range runs {
		fail(t, st, fmt.Sprint("app", i%3))
		if i%10 == 9 {
			services[0]()
			services = append(services[1:], start())
		}
	}
	const want = runs + 3 // each run, and an incident for each application
	until(t, func() bool { return len(b.subjects()) >= want && pendingIn(t, st) == 0 })
	for _, stop := range services {
		stop()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for _, p := range b.parcels {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	if n := len(slices.Compact(slices.Clone(ids))); len(ids) != want || n != want {
		t.Errorf("%d messages, %d different, want %d", len(ids), n, want)
	}
	open, err := st.Incidents(context.Background(), store.IncidentFilter{All: true, Open: true})
	if err != nil || len(open) != 3 {
		t.Errorf("%d incidents are open, %v", len(open), err)
	}
	for _, i := range open {
		if s := incident.Decode(i.Body); s.Failures != runs/3 {
			t.Errorf("%s failed %d times", i.Application, s.Failures)
		}
	}
}

func pendingIn(t *testing.T, st store.Outbox) int {
	t.Helper()
	all, err := st.Notices(context.Background(), store.NoticeFilter{State: store.NoticePending})
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// fail records a run that failed.
func fail(t *testing.T, st store.Store, app string) {
	t.Helper()
	now := time.Now()
	l, err := st.CreateRun(t.Context(), store.NewRun{Application: app, At: now}, store.Owner{PID: 1}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Append(t.Context(), l, []run.Transition{
		{Attempt: 1, From: run.Pending, To: run.Queued, At: now},
		{Attempt: 1, From: run.Queued, To: run.Running, At: now},
		{Attempt: 1, From: run.Running, To: run.Failed, Reason: run.JobFailed, At: now},
	})
	if err != nil {
		t.Fatal(err)
	}
}
