// Package app is the composition root: it turns settings into running parts and
// takes them down again in reverse. Nothing but the main package imports it.
package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/local"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/service"
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
	// Service says that many runs go on at once in this program, under one keeper.
	Service bool
	// Gate says when tasks may start, see runs.Config. Nil: nobody does.
	Gate func(a runs.Attempt) engine.Gate
	// Journal returns what records transitions instead of the store, which it is given. Nil: the store does.
	Journal func(engine.Journal) engine.Journal
	// Observe returns who is told of an attempt, see runs.Config. Nil: nobody is.
	Observe func(a runs.Attempt) runs.Observer
}

// App is the running parts.
type App struct {
	Runs  *runs.Service
	Hub   *event.Hub // is told of what the runs record
	store store.Store
	host  *process.Host

	keepers *keepers
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
	hub := &event.Hub{}
	keepers := &keepers{settings: s, host: host}
	service := runs.New(runs.Config{
		Store: st, Hub: hub, Host: newKnown(scope, keepers.remains), Trouble: s.Trouble, Gate: s.gate(), Gated: s.gated(), Kept: s.Service,
		Journal: s.journal(st), Observe: s.Observe,
		Secrets: func(ctx context.Context, wf *workflow.Workflow) ([]string, error) {
			return secrets(ctx, s.Environ, s.Service, wf)
		},
		Conditions: func(a runs.Attempt) func(int, plan.Facts) (bool, error) { return newConditions(s.Environ, a) },
		NewRunner: func(a runs.Attempt) (runs.Runner, error) {
			enforce(a.Workflow, s.Notice)
			k, err := keepers.open(a)
			if err != nil {
				return nil, err
			}
			if !s.Service { // which did it when it started
				keepers.sweep(ctx, st)
			}
			return local.New(local.Config{
				Workflow: a.Workflow, Run: a.Run, Submitted: a.Submitted, Keeper: k, Scope: scope,
				Environ: s.Environ, Overrides: a.Options.Env,
				Secrets: func() []string { return runs.Secrets(a.Workflow, s.Environ, a.Options.Env) },
				Past:    runs.NewPast(st, a.Workflow.Application, s.Trouble), Force: a.Options.Force, ForceJobs: a.Options.ForceJobs,
			}), nil
		},
	})
	a := &App{Runs: service, Hub: hub, store: st, host: host, keepers: keepers}
	if s.Service {
		if err := a.serve(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// serve prepares for the runs of a service: the keeper of all must be started in a control
// group that is ready for limits, whichever run has some.
func (a *App) serve(ctx context.Context) error {
	tree, _ := cgroup.Open(cgroup.Config{Limits: true})
	tree.Close()
	if err := a.keepers.serve(); err != nil {
		return err
	}
	a.keepers.sweep(ctx, a.store)
	return nil
}

// gate returns what says when tasks start: what the settings say, else pools of one place.
func (s *Settings) gate() func(runs.Attempt) engine.Gate {
	if s.Gate != nil {
		return s.Gate
	}
	return service.NewGates(admission.Config{}).Gate
}

// journal returns what records transitions.
func (s *Settings) journal(st store.Store) engine.Journal {
	if s.Journal == nil {
		return st
	}
	return s.Journal(st)
}

// gated says which workflows have that: without settings those that name pools.
func (s *Settings) gated() func(*workflow.Workflow) bool {
	if s.Gate != nil {
		return nil
	}
	return (*workflow.Workflow).HasPools
}

// Close takes the parts down. It is idempotent.
func (a *App) Close() error {
	return errors.Join(a.keepers.close(), a.host.Close(), a.store.Close())
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
