package scheduler

import (
	"context"
	"testing"

	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

// TestTwoServicesOnPostgres is TestTwoServices on a real database.
func TestTwoServicesOnPostgres(t *testing.T) {
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
	twoServices(t, s)
}
