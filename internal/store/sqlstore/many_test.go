package sqlstore

import (
	"sync"
	"testing"

	"github.com/executionerhq/executioner/internal/store"
)

// manyOpen has many programs open one new database at the same moment, each of which
// records a run.
func manyOpen(t *testing.T, open func() (*Store, error)) {
	t.Helper()
	const programs = 20
	var wg sync.WaitGroup
	for range programs {
		wg.Go(func() {
			s, err := open()
			if err != nil {
				t.Error(err)
				return
			}
			newBenchRun(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if all, err := s.Runs(t.Context(), store.Filter{}); err != nil || len(all) != programs {
		t.Fatalf("got %d runs, %v", len(all), err)
	}
}
