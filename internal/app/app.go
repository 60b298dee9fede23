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
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Settings say what to compose.
type Settings struct {
	Database string // the address of the database, see sqlstore.Open
	StateDir string // where keepers of runs are whose database is no file
	Program  string // the file of this program, to start the keeper from; empty: jobs have none
	Name     string // by which this program was called
	Build    string // its version
	// Durability says what a recorded result survives: "process", the end of the program,
	// however sudden, which is the default; or "full", a power cut as well.
	Durability string
	Environ    []string // what jobs may inherit
	Trouble    func(error)
	Notice     func(string)
}

// App is the running parts.
type App struct {
	Runs  *runs.Service
	store store.Store
	host  *process.Host
}

// Open composes the parts. Close the App after use.
func Open(ctx context.Context, s Settings) (*App, error) {
	cfg := storeConfig()
	cfg.Durability = sqlstore.Durability(s.Durability)
	st, err := sqlstore.Open(ctx, s.Database, cfg)
	if err != nil {
		return nil, err
	}
	host, err := process.NewHost()
	if err != nil {
		return nil, errors.Join(fault.Wrap(err, fault.Internal, "this host can't be prepared for running jobs"), st.Close())
	}
	scope := scopeOf(s.Database)
	keepers := keepers{settings: s, host: host}
	service := runs.New(runs.Config{
		Store: st, Hub: &event.Hub{}, Host: newKnown(scope, keepers.dir), Trouble: s.Trouble,
		Secrets: func(ctx context.Context, wf *workflow.Workflow) ([]string, error) {
			return secrets(ctx, s.Environ, wf)
		},
		Conditions: func(a runs.Attempt) func(int, plan.Facts) (bool, error) { return newConditions(s.Environ, a) },
		NewRunner: func(a runs.Attempt) (runs.Runner, error) {
			enforce(a.Workflow, s.Notice)
			k, err := keepers.open(a)
			if err != nil {
				return nil, err
			}
			keepers.sweep(ctx, st)
			return local.New(local.Config{
				Workflow: a.Workflow, Run: a.Run, Keeper: k, Scope: scope,
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

// scopeOf tells the runs of one database from those of another, without naming it. A
// file exists, and is the same by whatever path it was reached.
func scopeOf(database string) string {
	if file := (Databases{}).File(database); file != "" {
		database = real(file)
	} else {
		database = sqlstore.Redact(database)
	}
	sum := sha256.Sum256([]byte(database))
	return hex.EncodeToString(sum[:4])
}

// real returns the one name of a file.
func real(file string) string {
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	if is, err := filepath.EvalSymlinks(file); err == nil {
		file = is
	}
	return file
}
