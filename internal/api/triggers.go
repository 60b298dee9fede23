package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/scheduler"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/trigger"
)

// triggerRows are the routes of triggers.
func (s *server) triggerRows(get, post string) []route {
	const one = prefix + "/triggers/{workflow}/{trigger}"
	return []route{
		{method: get, path: prefix + "/triggers", id: "list-triggers", summary: "List triggers", action: access.WorkflowRead, object: inHandler, typed: typed(s, s.listTriggers)},
		{method: get, path: one, id: "get-trigger", summary: "Show a trigger", action: access.WorkflowRead, object: inHandler, typed: typed(s, s.showTrigger)},
		{method: get, path: one + "/arrivals", id: "list-arrivals", summary: "List what became of what arrived by a trigger, the latest first", action: access.RunRead, object: inHandler, typed: typed(s, s.arrivals)},
		{method: post, path: one + "/pause", id: "pause-trigger", summary: "Have a trigger run nothing until it is resumed", action: access.WorkflowWrite, object: inHandler, class: changing, typed: typed(s, s.pauseTrigger)},
		{method: post, path: one + "/resume", id: "resume-trigger", summary: "End the pause of a trigger", action: access.WorkflowWrite, object: inHandler, class: changing, typed: typed(s, s.resumeTrigger)},
		// Whoever sends this is known by its signature, which is the handler's to check.
		{method: post, path: "/hooks/{workflow}/{trigger}", id: "deliver", summary: "Run a workflow by a signed request", public: true, hook: true, plain: s.deliver, kind: "application/json", gives: wire.Arrival{}},
	}
}

// TriggerPath is the part of a path that names a trigger.
type TriggerPath struct {
	Workflow string `path:"workflow" maxLength:"260"`
	Trigger  string `path:"trigger" maxLength:"255"`
}

// triggerOf returns the trigger of a request: see scheduleOf.
func (s *server) triggerOf(ctx context.Context, in TriggerPath, a access.Action) (store.Schedule, error) {
	id := scheduler.ID(in.Workflow, in.Trigger)
	callOf(ctx).object = "trigger " + id
	return s.keptOf(ctx, id, a, func(kind string) bool { return kind != store.Timed }, store.ErrNoTrigger(id))
}

type triggersOut struct{ Body wire.Triggers }

// listTriggers returns the triggers that the caller may see.
func (s *server) listTriggers(ctx context.Context, _ *struct{}) (*triggersOut, error) {
	all, err := s.History.Schedules(ctx)
	out := &triggersOut{wire.Triggers{Triggers: []wire.Trigger{}}}
	for i := range all {
		if all[i].Kind != store.Timed && access.Can(callOf(ctx).who, access.WorkflowRead, all[i].Application) {
			out.Body.Triggers = append(out.Body.Triggers, wire.TriggerOf(&all[i]))
		}
	}
	return out, err
}

type triggerOut struct{ Body wire.Trigger }

func triggerSeen(known store.Schedule, err error) (*triggerOut, error) {
	if err != nil {
		return nil, err
	}
	return &triggerOut{wire.TriggerOf(&known)}, nil
}

func (s *server) showTrigger(ctx context.Context, in *TriggerPath) (*triggerOut, error) {
	return triggerSeen(s.triggerOf(ctx, *in, access.WorkflowRead))
}

type arrivalsIn struct {
	TriggerPath
	Since  time.Time `query:"since" doc:"arrived at or after"`
	Before time.Time `query:"before" doc:"arrived before"`
	Limit  int       `query:"limit" minimum:"0" doc:"at most so many; missing: 100"`
}

type arrivalsOut struct{ Body wire.Arrivals }

func (s *server) arrivals(ctx context.Context, in *arrivalsIn) (*arrivalsOut, error) {
	known, err := s.triggerOf(ctx, in.TriggerPath, access.RunRead)
	if err != nil {
		return nil, err
	}
	most := s.most(in.Limit)
	fs, err := s.History.Firings(ctx, store.FiringFilter{Schedule: known.ID, Since: in.Since, Before: in.Before, Limit: most + 1})
	out := &arrivalsOut{wire.Arrivals{Arrivals: []wire.Arrival{}}}
	for i := range fs {
		if i == most {
			out.Body.Next = &fs[i-1].Time
			break
		}
		out.Body.Arrivals = append(out.Body.Arrivals, wire.ArrivalOf(&fs[i]))
	}
	return out, err
}

type pauseTriggerIn struct {
	TriggerPath
	Body *wire.Pause
}

func (s *server) pauseTrigger(ctx context.Context, in *pauseTriggerIn) (*triggerOut, error) {
	known, err := s.triggerOf(ctx, in.TriggerPath, access.WorkflowWrite)
	if err != nil {
		return nil, err
	}
	why := ""
	if in.Body != nil {
		why = in.Body.Why
	}
	changed, err := scheduler.Pause(ctx, s.History, known.ID, callOf(ctx).who.User, why, s.Now(), s.entry(ctx))
	return triggerSeen(changed, recorded(ctx, err))
}

func (s *server) resumeTrigger(ctx context.Context, in *TriggerPath) (*triggerOut, error) {
	known, err := s.triggerOf(ctx, *in, access.WorkflowWrite)
	if err != nil {
		return nil, err
	}
	changed, err := scheduler.Resume(ctx, s.History, known.ID, s.entry(ctx))
	return triggerSeen(changed, recorded(ctx, err))
}

// deliver takes a signed request. A name that there is not, and a signature that is wrong,
// get the same answer.
func (s *server) deliver(w http.ResponseWriter, r *http.Request) {
	id := scheduler.ID(r.PathValue("workflow"), r.PathValue("trigger"))
	c := callOf(r.Context())
	c.action, c.object = string(access.RunSubmit), "trigger "+id
	a, existing, err := s.delivered(r, id)
	if err != nil {
		c.failed = err
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	status := http.StatusAccepted
	if existing {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // whoever sent it has gone
}

func (s *server) delivered(r *http.Request, id string) (a wire.Arrival, existing bool, err error) {
	body, err := io.ReadAll(r.Body) // which the guard has read, within its limits
	if err != nil {
		return a, false, fault.Wrap(err, fault.Usage, "the request could not be read")
	}
	ctx := r.Context()
	f, existing, err := s.Schedules.Deliver(ctx, id, trigger.Request{Header: r.Header, Body: body})
	if fault.CodeOf(err) != fault.Unauthorized {
		callOf(ctx).who.User = "trigger:" + id
	}
	if fault.CodeOf(err) == fault.RateLimited {
		err = later(time.Minute, err)
	}
	a = wire.ArrivalOf(&f)
	a.Existing, a.Params = existing, nil // who sent it knows them
	return a, existing, err
}
