package cli

import (
	"context"
	"errors"
	"time"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// schedules is what commands do with the schedules of a service: through it, or on its
// database. A client.Client is one.
type schedules interface {
	Schedules(ctx context.Context) ([]wire.Schedule, error)
	Schedule(ctx context.Context, id string) (wire.Schedule, error)
	ScheduledTimes(ctx context.Context, id string, f client.TimesFilter) (wire.ScheduledTimes, error)
	PauseSchedule(ctx context.Context, id, why string) (wire.Schedule, error)
	ResumeSchedule(ctx context.Context, id string) (wire.Schedule, error)
	RunSchedule(ctx context.Context, id string) (wire.ScheduledTime, error)
	PreviewBackfill(ctx context.Context, id string, r wire.Backfill) (wire.Backfilled, error)
	Backfill(ctx context.Context, id string, r wire.Backfill) (wire.Backfilled, error)
}

var (
	_ schedules = (*client.Client)(nil)
	_ schedules = (*schedulesHere)(nil)
)

// schedulesHere are those of a database. What is changed is in its audit log.
type schedulesHere struct {
	c  *command
	st store.Store
}

func (h *schedulesHere) Schedules(ctx context.Context) ([]wire.Schedule, error) {
	all, err := h.st.Schedules(ctx)
	out := make([]wire.Schedule, 0, len(all))
	for i := range all {
		if all[i].Kind == store.Timed {
			out = append(out, wire.ScheduleOf(&all[i]))
		}
	}
	return out, err
}

// known returns a schedule; a trigger is none.
func (h *schedulesHere) known(ctx context.Context, id string) (store.Schedule, error) {
	s, _, err := h.st.Schedule(ctx, id)
	if err == nil && s.Kind != store.Timed {
		return s, store.ErrNoSchedule(id)
	}
	return s, err
}

func (h *schedulesHere) Schedule(ctx context.Context, id string) (wire.Schedule, error) {
	s, err := h.known(ctx, id)
	return wire.ScheduleOf(&s), err
}

func (h *schedulesHere) ScheduledTimes(ctx context.Context, id string, f client.TimesFilter) (page wire.ScheduledTimes, err error) {
	if _, err = h.known(ctx, id); err != nil {
		return page, err
	}
	fs, err := scheduler.History(ctx, h.st, store.FiringFilter{Schedule: id, Since: f.Since, Before: f.Before, Limit: f.Limit + 1})
	for i := range fs {
		if i == f.Limit {
			page.Next = &fs[i-1].Time
			break
		}
		page.Times = append(page.Times, wire.ScheduledTimeOf(&fs[i]))
	}
	return page, err
}

// by names whoever runs the command.
func (h *schedulesHere) by() string { return "local:" + h.c.user() }

// said is the entry of a change of a schedule, which is recorded with it.
func (h *schedulesHere) said(action access.Action, id string) store.AuditEntry {
	return h.c.said(changed{action: action, object: "schedule " + id})
}

// failed records that a change failed.
func (h *schedulesHere) failed(ctx context.Context, action access.Action, id string, err error) error {
	return errors.Join(err, h.c.auditFailure(ctx, h.st, changed{action: action, object: "schedule " + id}, err))
}

func (h *schedulesHere) PauseSchedule(ctx context.Context, id, why string) (wire.Schedule, error) {
	if _, err := h.known(ctx, id); err != nil {
		return wire.Schedule{}, err
	}
	s, err := scheduler.Pause(ctx, h.st, id, h.by(), why, time.Now(), h.said(access.WorkflowWrite, id))
	return wire.ScheduleOf(&s), h.failed(ctx, access.WorkflowWrite, id, err)
}

func (h *schedulesHere) ResumeSchedule(ctx context.Context, id string) (wire.Schedule, error) {
	if _, err := h.known(ctx, id); err != nil {
		return wire.Schedule{}, err
	}
	s, err := scheduler.Resume(ctx, h.st, id, h.said(access.WorkflowWrite, id))
	return wire.ScheduleOf(&s), h.failed(ctx, access.WorkflowWrite, id, err)
}

func (h *schedulesHere) RunSchedule(ctx context.Context, id string) (wire.ScheduledTime, error) {
	f, err := scheduler.RunNow(ctx, h.st, id, h.by(), time.Now(), h.said(access.RunSubmit, id))
	return wire.ScheduledTimeOf(&f), h.failed(ctx, access.RunSubmit, id, err)
}

func (h *schedulesHere) PreviewBackfill(ctx context.Context, id string, b wire.Backfill) (wire.Backfilled, error) {
	spec, r, err := h.rangeOf(ctx, id, b)
	if err != nil {
		return wire.Backfilled{}, err
	}
	made, err := scheduler.PlanBackfill(ctx, h.st, id, spec, r)
	return api.BackfilledOf(made), err
}

func (h *schedulesHere) Backfill(ctx context.Context, id string, b wire.Backfill) (wire.Backfilled, error) {
	spec, r, err := h.rangeOf(ctx, id, b)
	if err != nil {
		return wire.Backfilled{}, err
	}
	made, err := scheduler.Backfill(ctx, h.st, id, spec, r, h.by(), time.Now(), h.said(access.RunSubmit, id))
	return api.BackfilledOf(made), h.failed(ctx, access.RunSubmit, id, err)
}

func (h *schedulesHere) rangeOf(ctx context.Context, id string, b wire.Backfill) (*schedule.Spec, scheduler.Range, error) {
	spec, err := h.spec(ctx, id)
	if err != nil {
		return nil, scheduler.Range{}, err
	}
	r, err := scheduler.Bounds(spec, b.From, b.To, time.Now())
	r.Concurrency, r.Limit = b.Concurrency, b.Limit
	return spec, r, err
}

// spec reads when a schedule fires. Which directory a service has is not known here.
func (h *schedulesHere) spec(ctx context.Context, id string) (*schedule.Spec, error) {
	known, err := h.known(ctx, id)
	if err != nil {
		return nil, err
	}
	if !scheduler.Registered(known.Workflow) {
		return nil, fault.New(fault.Unsupported, "%s is in a file of the service's directory, which is known to the service only", id).
			WithHint("ask the service: --server ADDRESS")
	}
	r, err := h.st.Registered(ctx, known.Workflow, 0)
	if err != nil {
		return nil, err
	}
	wf, err := h.c.loadText(ctx, api.Text{Source: workflow.Source{Name: r.File, Data: r.Source}, Look: true})
	if err != nil {
		return nil, err
	}
	def := wf.Schedule(known.Name)
	if def == nil {
		return nil, store.ErrNoSchedule(id)
	}
	return wf.Spec(def, time.LoadLocation)
}
