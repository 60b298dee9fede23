package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/store"
)

// triggers is what commands do with the triggers of a service: through it, or on its
// database. A client.Client is one.
type triggers interface {
	Triggers(ctx context.Context) ([]wire.Trigger, error)
	Trigger(ctx context.Context, id string) (wire.Trigger, error)
	Arrivals(ctx context.Context, id string, f client.TimesFilter) (wire.Arrivals, error)
	PauseTrigger(ctx context.Context, id, why string) (wire.Trigger, error)
	ResumeTrigger(ctx context.Context, id string) (wire.Trigger, error)
}

var (
	_ triggers = (*client.Client)(nil)
	_ triggers = (*triggersHere)(nil)
)

// triggersHere are those of a database. What is changed is in its audit log.
type triggersHere struct{ schedulesHere }

func (h *triggersHere) Triggers(ctx context.Context) (found []wire.Trigger, err error) {
	all, err := h.st.Schedules(ctx)
	for i := range all {
		if all[i].Kind != store.Timed {
			found = append(found, wire.TriggerOf(&all[i]))
		}
	}
	return found, err
}

func (h *triggersHere) known(ctx context.Context, id string) (store.Schedule, error) {
	s, _, err := h.st.Schedule(ctx, id)
	if err == nil && s.Kind == store.Timed || fault.CodeOf(err) == fault.NotFound {
		return s, store.ErrNoTrigger(id)
	}
	return s, err
}

func (h *triggersHere) Trigger(ctx context.Context, id string) (wire.Trigger, error) {
	s, err := h.known(ctx, id)
	return wire.TriggerOf(&s), err
}

func (h *triggersHere) Arrivals(ctx context.Context, id string, f client.TimesFilter) (page wire.Arrivals, err error) {
	if _, err = h.known(ctx, id); err != nil {
		return page, err
	}
	fs, err := h.st.Firings(ctx, store.FiringFilter{Schedule: id, Since: f.Since, Before: f.Before, Limit: f.Limit + 1})
	for i := range fs {
		if i == f.Limit {
			page.Next = &fs[i-1].Time
			break
		}
		page.Arrivals = append(page.Arrivals, wire.ArrivalOf(&fs[i]))
	}
	return page, err
}

func (h *triggersHere) PauseTrigger(ctx context.Context, id, why string) (wire.Trigger, error) {
	if _, err := h.known(ctx, id); err != nil {
		return wire.Trigger{}, err
	}
	what := changed{action: access.WorkflowWrite, object: "trigger " + id}
	s, err := scheduler.Pause(ctx, h.st, id, h.by(), why, time.Now(), h.c.said(what))
	return wire.TriggerOf(&s), errors.Join(err, h.c.auditFailure(ctx, h.st, what, err))
}

func (h *triggersHere) ResumeTrigger(ctx context.Context, id string) (wire.Trigger, error) {
	if _, err := h.known(ctx, id); err != nil {
		return wire.Trigger{}, err
	}
	what := changed{action: access.WorkflowWrite, object: "trigger " + id}
	s, err := scheduler.Resume(ctx, h.st, id, h.c.said(what))
	return wire.TriggerOf(&s), errors.Join(err, h.c.auditFailure(ctx, h.st, what, err))
}

// withTriggers uses the triggers of the server, or of the database.
func (c *command) withTriggers(cmd *cobra.Command, use func(ctx context.Context, t triggers) error) error {
	if !c.remotely() {
		return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error {
			return use(ctx, &triggersHere{schedulesHere{c, st}})
		})
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	return c.withServer(func(s Runs) error { return use(ctx, s.(*remote).server) })
}
