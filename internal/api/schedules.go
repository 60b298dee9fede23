package api

import (
	"context"
	"net/http"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/trigger"
)

// Schedules is what decides about schedules here: see scheduler.Scheduler.
type Schedules interface {
	Spec(id string) (*schedule.Spec, error)
	Deliver(ctx context.Context, id string, r trigger.Request) (f store.Firing, existing bool, err error)
}

var _ Schedules = (*scheduler.Scheduler)(nil)

// scheduleRows are the routes of schedules.
func (s *server) scheduleRows(get, post string) []route {
	const one = prefix + "/schedules/{workflow}/{schedule}"
	return []route{
		{method: get, path: prefix + "/schedules", id: "list-schedules", summary: "List schedules", action: access.WorkflowRead, object: inHandler, typed: typed(s, s.listSchedules)},
		{method: get, path: one, id: "get-schedule", summary: "Show a schedule", action: access.WorkflowRead, object: inHandler, typed: typed(s, s.showSchedule)},
		{method: get, path: one + "/times", id: "list-scheduled-times", summary: "List what became of a schedule's times, the latest first", action: access.RunRead, object: inHandler, typed: typed(s, s.scheduledTimes)},
		{method: post, path: one + "/pause", id: "pause-schedule", summary: "Skip a schedule's times until it is resumed", action: access.WorkflowWrite, object: inHandler, class: changing, typed: typed(s, s.pauseSchedule)},
		{method: post, path: one + "/resume", id: "resume-schedule", summary: "End the pause of a schedule", action: access.WorkflowWrite, object: inHandler, class: changing, typed: typed(s, s.resumeSchedule)},
		{method: post, path: one + "/run", id: "run-schedule", summary: "Run a schedule now, besides its times", action: access.RunSubmit, object: inHandler, class: changing, typed: typed(s, s.runSchedule)},
		{method: get, path: one + "/backfill", id: "preview-backfill", summary: "Show which times of a range a backfill would run", action: access.RunRead, object: inHandler, typed: typed(s, s.previewBackfill)},
		{method: post, path: one + "/backfill", id: "backfill-schedule", summary: "Run the times of a range that have no run", action: access.RunSubmit, object: inHandler, class: changing, typed: typed(s, s.backfill)},
	}
}

// SchedulePath is the part of a path that names a schedule.
type SchedulePath struct {
	Workflow string `path:"workflow" maxLength:"260"`
	Schedule string `path:"schedule" maxLength:"255"`
}

// scheduleOf returns the schedule of a request, if the caller may do that with it. For those
// who may not look at it, it is not there.
func (s *server) scheduleOf(ctx context.Context, in SchedulePath, a access.Action) (store.Schedule, error) {
	id := scheduler.ID(in.Workflow, in.Schedule)
	callOf(ctx).object = "schedule " + id
	return s.keptOf(ctx, id, a, func(kind string) bool { return kind == store.Timed }, store.ErrNoSchedule(id))
}

// keptOf returns a schedule or trigger of a kind, or the fault that it is not there.
func (s *server) keptOf(ctx context.Context, id string, a access.Action, is func(kind string) bool, absent error) (store.Schedule, error) {
	c := callOf(ctx)
	known, _, err := s.History.Schedule(ctx, id)
	switch {
	case fault.CodeOf(err) == fault.NotFound || err == nil && !is(known.Kind):
		return store.Schedule{}, absent
	case err != nil:
		return known, err
	}
	c.application = known.Application
	if !access.Can(c.who, access.WorkflowRead, known.Application) {
		c.hidden = true
		return store.Schedule{}, absent
	}
	return known, access.Check(c.who, a, known.Application)
}

// most is how many rows a page may have when so many are asked for; 0: as many as is usual.
func (s *server) most(asked int) int {
	if asked == 0 {
		asked = 100
	}
	return min(asked, s.Limits.MostListed)
}

type schedulesOut struct{ Body wire.Schedules }

// listSchedules returns the schedules that the caller may see.
func (s *server) listSchedules(ctx context.Context, _ *struct{}) (*schedulesOut, error) {
	all, err := s.History.Schedules(ctx)
	out := &schedulesOut{wire.Schedules{Schedules: []wire.Schedule{}}}
	for i := range all {
		if all[i].Kind == store.Timed && access.Can(callOf(ctx).who, access.WorkflowRead, all[i].Application) {
			out.Body.Schedules = append(out.Body.Schedules, wire.ScheduleOf(&all[i]))
		}
	}
	return out, err
}

type scheduleOut struct{ Body wire.Schedule }

func scheduleSeen(known store.Schedule, err error) (*scheduleOut, error) {
	if err != nil {
		return nil, err
	}
	return &scheduleOut{wire.ScheduleOf(&known)}, nil
}

func (s *server) showSchedule(ctx context.Context, in *SchedulePath) (*scheduleOut, error) {
	return scheduleSeen(s.scheduleOf(ctx, *in, access.WorkflowRead))
}

type timesIn struct {
	SchedulePath
	Since  time.Time `query:"since" doc:"expected at or after"`
	Before time.Time `query:"before" doc:"expected before"`
	Limit  int       `query:"limit" minimum:"0" doc:"at most so many; missing: 100"`
}

type timesOut struct{ Body wire.ScheduledTimes }

func (s *server) scheduledTimes(ctx context.Context, in *timesIn) (*timesOut, error) {
	known, err := s.scheduleOf(ctx, in.SchedulePath, access.RunRead)
	if err != nil {
		return nil, err
	}
	most := s.most(in.Limit)
	fs, err := scheduler.History(ctx, s.History, store.FiringFilter{Schedule: known.ID, Since: in.Since, Before: in.Before, Limit: most + 1})
	out := &timesOut{wire.ScheduledTimes{Times: []wire.ScheduledTime{}}}
	for i := range fs {
		if i == most {
			out.Body.Next = &fs[i-1].Time
			break
		}
		out.Body.Times = append(out.Body.Times, wire.ScheduledTimeOf(&fs[i]))
	}
	return out, err
}

type pauseIn struct {
	SchedulePath
	Body *wire.Pause
}

func (s *server) pauseSchedule(ctx context.Context, in *pauseIn) (*scheduleOut, error) {
	known, err := s.scheduleOf(ctx, in.SchedulePath, access.WorkflowWrite)
	if err != nil {
		return nil, err
	}
	why := ""
	if in.Body != nil {
		why = in.Body.Why
	}
	changed, err := scheduler.Pause(ctx, s.History, known.ID, callOf(ctx).who.User, why, s.Now(), s.entry(ctx))
	return scheduleSeen(changed, recorded(ctx, err))
}

func (s *server) resumeSchedule(ctx context.Context, in *SchedulePath) (*scheduleOut, error) {
	known, err := s.scheduleOf(ctx, *in, access.WorkflowWrite)
	if err != nil {
		return nil, err
	}
	changed, err := scheduler.Resume(ctx, s.History, known.ID, s.entry(ctx))
	return scheduleSeen(changed, recorded(ctx, err))
}

type timeOut struct {
	Status int
	Body   wire.ScheduledTime
}

func (s *server) runSchedule(ctx context.Context, in *SchedulePath) (*timeOut, error) {
	known, err := s.scheduleOf(ctx, *in, access.RunSubmit)
	if err != nil {
		return nil, err
	}
	f, err := scheduler.RunNow(ctx, s.History, known.ID, callOf(ctx).who.User, s.Now(), s.entry(ctx))
	if recorded(ctx, err) != nil {
		return nil, err
	}
	return &timeOut{http.StatusAccepted, wire.ScheduledTimeOf(&f)}, nil
}

type previewBackfillIn struct {
	SchedulePath
	From  string `query:"from" required:"true" maxLength:"64" example:"2026-11-01"`
	To    string `query:"to" maxLength:"64" doc:"missing: now"`
	Limit int    `query:"limit" minimum:"0" maximum:"10000" doc:"more times than this are refused"`
}

type backfillOut struct {
	Status int
	Body   wire.Backfilled
}

func (s *server) previewBackfill(ctx context.Context, in *previewBackfillIn) (*backfillOut, error) {
	known, spec, r, err := s.rangeOf(ctx, in.SchedulePath, access.RunRead, in.From, in.To)
	if err != nil {
		return nil, err
	}
	r.Limit = in.Limit
	made, err := scheduler.PlanBackfill(ctx, s.History, known.ID, spec, r)
	return &backfillOut{http.StatusOK, BackfilledOf(made)}, err
}

type backfillIn struct {
	SchedulePath
	Body wire.Backfill
}

func (s *server) backfill(ctx context.Context, in *backfillIn) (*backfillOut, error) {
	known, spec, r, err := s.rangeOf(ctx, in.SchedulePath, access.RunSubmit, in.Body.From, in.Body.To)
	if err != nil {
		return nil, err
	}
	r.Concurrency, r.Limit = in.Body.Concurrency, in.Body.Limit
	made, err := scheduler.Backfill(ctx, s.History, known.ID, spec, r, callOf(ctx).who.User, s.Now(), s.entry(ctx))
	return &backfillOut{http.StatusAccepted, BackfilledOf(made)}, recorded(ctx, err)
}

// rangeOf returns what a backfill is about.
func (s *server) rangeOf(ctx context.Context, in SchedulePath, a access.Action, from, to string) (known store.Schedule, spec *schedule.Spec, r scheduler.Range, err error) {
	if known, err = s.scheduleOf(ctx, in, a); err != nil {
		return known, nil, r, err
	}
	if spec, err = s.Schedules.Spec(known.ID); err != nil {
		return known, nil, r, err
	}
	r, err = scheduler.Bounds(spec, from, to, s.Now())
	return known, spec, r, err
}

// BackfilledOf returns a backfill as it goes over the API.
func BackfilledOf(made []scheduler.Made) wire.Backfilled {
	b := wire.Backfilled{Times: make([]wire.BackfillTime, len(made))}
	for i := range made {
		b.Times[i] = wire.BackfillTime{Time: made[i].Time, Was: made[i].Was, Taken: made[i].Taken}
		if !made[i].Taken {
			b.Asked++
		}
	}
	return b
}
