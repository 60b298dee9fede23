package scheduler

import (
	"context"
	"testing"

	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

// TestTwoServicesOnPostgres is TestTwoServices on a real database.
func TestTwoServicesOnPostgres(t *testing.T) { twoServices(t, onPostgres(t)) }

// TestTriggersOnPostgres is about what arrives at two services on a real database.
func TestTriggersOnPostgres(t *testing.T) {
	t.Run("requests", func(t *testing.T) { deliveredTwice(t, onPostgres(t)) })
	t.Run("files", func(t *testing.T) { filesTwoServices(t, onPostgres(t)) })
}

// onPostgres is a site whose services connect to a database of its own, each by itself.
func onPostgres(t *testing.T) *site {
	dsn := pgtest.Start(t).Schema(t)
	open := func() store.Store {
		st, err := sqlstore.Open(context.WithoutCancel(t.Context()), dsn, sqlstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		return st
	}
	s := siteOn(t, open())
	s.another = open
	return s
}
