package main

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
)

// bareStore records as many runs as the service does, in its kind of database, with as many
// callers, and does nothing else. It returns how many in a second.
func (s *settings) bareStore(dir string) (float64, error) {
	st, err := sqlstore.Open(context.Background(), filepath.Join(dir, "bare.db"), sqlstore.Config{Durability: sqlstore.Full})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	_, err = s.together(s.runs, func() error {
		at := time.Now().UTC()
		_, err := st.CreateRun(context.Background(), store.NewRun{
			Application: "bench", WorkingDir: dir, Hash: "h", Workflow: []byte("w"), At: at,
			Attempt: store.NewAttempt{Hash: "h", Workflow: []byte("w"), Jobs: 1, At: at},
		}, store.Owner{Host: "bench"}, time.Hour)
		return err
	})
	rate := float64(s.runs) / time.Since(began).Seconds()
	return rate, errors.Join(err, st.Close())
}

// bareLoop starts the command of the runs, with as many at once as there are slots, and does
// nothing else. It returns how many in a second.
func (s *settings) bareLoop() (float64, error) {
	all := *s
	all.clients = s.slots
	began := time.Now()
	_, err := all.together(s.runs, func() error { return exec.Command("/bin/sh", "-c", "true").Run() })
	return float64(s.runs) / time.Since(began).Seconds(), err
}
