// Package app is the composition root: it turns settings into running parts and
// takes them down again in reverse. Nothing but the main package imports it.
package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
)

// Settings say what to compose.
type Settings struct {
	Database string   // path of the SQLite database
	Environ  []string // what jobs may inherit
	Trouble  func(error)
}

// App is the running parts.
type App struct {
	Runs  *runs.Service
	store store.Store
	host  *process.Host
}

// Open composes the parts. Close the App after use.
func Open(ctx context.Context, s Settings) (*App, error) {
	st, err := sqlstore.OpenSQLite(ctx, s.Database, sqlstore.Config{})
	if err != nil {
		return nil, err
	}
	host, err := process.NewHost()
	if err != nil {
		return nil, errors.Join(fault.Wrap(err, fault.Internal, "this host can't be prepared for running jobs"), st.Close())
	}
	scope := scopeOf(s.Database)
	service := runs.New(runs.Config{
		Store: st, Hub: &event.Hub{}, Host: newKnown(scope), Trouble: s.Trouble,
		NewRunner: func(a runs.Attempt) (runs.Runner, error) {
			return local.New(local.Config{
				Workflow: a.Workflow, Run: a.Run, Host: host, Scope: scope,
				Environ: s.Environ, Overrides: a.Options.Env,
			}), nil
		},
	})
	return &App{Runs: service, store: st, host: host}, nil
}

// Close takes the parts down. It is idempotent.
func (a *App) Close() error {
	return errors.Join(a.host.Close(), a.store.Close())
}

// scopeOf tells the runs of one database from those of another, without naming it. The
// database exists, and is the same by whatever path it was reached.
func scopeOf(database string) string {
	if abs, err := filepath.Abs(database); err == nil {
		database = abs
	}
	if real, err := filepath.EvalSymlinks(database); err == nil {
		database = real
	}
	sum := sha256.Sum256([]byte(database))
	return hex.EncodeToString(sum[:4])
}
