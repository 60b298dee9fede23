package cli

import (
	"context"
	"log/slog"

	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/config"
	"github.com/executionerhq/executioner/internal/notify"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// scheduler returns what runs workflows by their schedules.
func (c *command) scheduler(st store.Store, runs *service.Service, tell *notify.Service, s config.Settings, log *slog.Logger) *scheduler.Scheduler {
	cfg := scheduler.Config{
		Store: st, Runs: runs, Directory: s.Schedules.Directory, Log: log,
		Load: func(ctx context.Context, t scheduler.Text) (*workflow.Workflow, error) {
			return c.loadText(ctx, api.Text{Source: t.Source, Dir: t.Dir, Params: t.Params, Look: !t.Run, Run: t.Run})
		},
	}
	cfg.Secret = func(s *workflow.Secret) (string, error) {
		return (&config.Secret{Env: s.Env, File: s.File}).Value(c.Environ)
	}
	if tell != nil {
		cfg.Missed = tell.Missed
	}
	return scheduler.New(cfg)
}
