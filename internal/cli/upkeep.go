package cli

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/executionerhq/executioner/internal/history"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/notify"
	"github.com/executionerhq/executioner/internal/run"
)

// Names of the intervals and limits of what a service does beside executing runs.
const (
	upkeepEvery  = time.Minute
	keepSessions = 24 * time.Hour // after they have expired
)

// upkeep is what a service does beside executing runs: it tells people, removes what is
// too old, and counts what has ended.
type upkeep struct {
	tell *notify.Service // nil: nobody is told of anything
	stop context.CancelFunc
	done sync.WaitGroup
}

// keepUp begins it. Close it before the backend.
func (c *command) keepUp(ctx context.Context, b Backend, setup notify.Setup, log *slog.Logger) (*upkeep, error) {
	u := &upkeep{tell: c.teller(b, setup, log)}
	if u.tell != nil {
		if err := u.tell.Start(ctx); err != nil {
			return nil, err
		}
	}
	ctx, u.stop = context.WithCancel(context.WithoutCancel(ctx))
	u.done.Go(func() { c.tidyUp(ctx, b, log) })
	return u, nil
}

// teller returns what tells people, nil when the settings have nobody told of anything:
// looking at all that happens costs something.
func (c *command) teller(b Backend, setup notify.Setup, log *slog.Logger) *notify.Service {
	if len(setup.Senders)+len(setup.Rules)+len(setup.Expect) == 0 {
		return nil
	}
	return notify.NewService(notify.Config{
		Records: b.Store, Setup: setup, Hub: b.Hub, Log: log,
		Usual: func(ctx context.Context, application string, job run.JobID) (incident.Usual, error) {
			usual, err := history.UsualOf(ctx, b.Store, application, job, time.Now())
			return incident.Usual{Median: usual.Median, P95: usual.P95, Runs: int(usual.Count)}, err
		},
	})
}

// Close ends it. What is to be told and was not yet is told by the next service.
func (u *upkeep) Close(ctx context.Context) {
	u.stop()
	u.done.Wait()
	if u.tell != nil {
		_ = u.tell.Close(ctx) // what it was doing is done again
	}
}

// tidyUp does now and then what takes no time of day.
func (c *command) tidyUp(ctx context.Context, b Backend, log *slog.Logger) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		retention, err := c.retention()
		if err == nil {
			_, _, err = history.Tidy(ctx, b.Store, retention)
		}
		_, sessions := b.Store.TidyAccounts(ctx, time.Now().Add(-keepSessions))
		if err := errors.Join(err, sessions, history.CountSoon(ctx, b.Store)); err != nil && ctx.Err() == nil {
			log.Warn("what is too old could not be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
