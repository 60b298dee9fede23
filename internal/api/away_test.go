package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// away are accounts in a database that can't be reached.
type away struct{ store.Accounts }

func (away) Users(context.Context) ([]store.User, error) {
	return nil, &fault.Error{
		Code: fault.Unavailable, Msg: "the database server can't be reached", At: "postgres://app@db.internal/app",
		Hint: "pg_isready -h db.internal", Err: errors.New("failed to connect to user=app"),
	}
}

// stopping is a service that takes no runs.
type stopping struct{ api.Service }

func (stopping) Ready() error { return fault.New(fault.Unavailable, "it is stopping") }

// Each request while the database was away was an error in the log, and answered with where
// the database is.
func TestAnAwayDatabaseIsToldToTheLogAndSeldom(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Accounts = away{c.Accounts} })
	admin := s.bearer(s.user("root", access.Grant{Role: access.Admin}))
	ask := func() {
		t.Helper()
		a := admin.do("GET", "/api/v1/users", nil)
		if text := string(a.body); a.status != 503 || strings.Contains(text, "app") || strings.Contains(text, "pg_isready") ||
			!strings.Contains(text, `"detail":"the database server can't be reached","hint":"the service's log says why; try again later"`) {
			t.Errorf("%d %s", a.status, text)
		}
	}
	told := func(want int, parts ...string) {
		t.Helper()
		text := s.logged.String()
		if n := strings.Count(text, "request failed"); n != want {
			t.Errorf("it is told %d times: %s", n, text)
		}
		for _, p := range parts {
			if !strings.Contains(text, p) {
				t.Errorf("the log lacks %s: %s", p, text)
			}
		}
	}
	for range 3 {
		ask()
	}
	told(1, "postgres://app@db.internal/app", "failed to connect", "pg_isready", "more_before=0")
	s.later(30 * time.Second)
	ask()
	told(2, "more_before=2")
}

// Who watches the service asks whether it is ready every few seconds: a no is no error.
func TestNotReadyIsNoErrorInTheLog(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Service = stopping{c.Service} })
	if a := s.nobody().do("GET", "/healthz/ready", nil); a.status != 503 || !strings.Contains(string(a.body), "the service takes no runs now") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if text := s.logged.String(); text != "" {
		t.Errorf("the log says %s", text)
	}
}
