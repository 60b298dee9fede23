package sqlstore

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return openTest(t, filepath.Join(t.TempDir(), "new", "runs.db"), Config{Now: now})
	})
}

func openTest(t testing.TB, path string, cfg Config) *Store {
	t.Helper()
	s, err := OpenSQLite(t.Context(), path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
