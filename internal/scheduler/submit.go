package scheduler

import (
	"context"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// refusedFor is how long a run that can't be submitted for the time being waits.
const refusedFor = 5 * time.Second

// submitter is who submits the runs of a schedule or trigger. No user can have that name.
func (e *entry) submitter() string {
	if e.trigger != nil {
		return "trigger:" + e.id
	}
	return "schedule:" + e.id
}

// keyOf is the key with which the run of an expected time is submitted: there is never
// another run with it.
func keyOf(f *store.Firing) string { return f.Schedule + "@" + f.Time.UTC().Format(time.RFC3339Nano) }

// submit has a run submitted that is due. It does not wait.
func (s *Scheduler) submit(e *entry, f store.Firing) {
	key := keyOf(&f)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[key] || s.cfg.Steady() < s.later[key] || s.ctx.Err() != nil {
		return
	}
	s.busy[key] = true
	s.going.Go(func() {
		again := s.submitSoon(e, f)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, key)
		if again {
			s.later[key] = s.cfg.Steady() + refusedFor
		} else {
			delete(s.later, key)
			delete(s.told, key)
		}
	})
}

// submitSoon submits a run when there is room for that, and records it. It reports whether
// that is to be done again later.
func (s *Scheduler) submitSoon(e *entry, f store.Firing) (again bool) {
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		return true
	}
	defer func() { <-s.slots }()
	if s.ctx.Err() != nil {
		return true
	}
	if missed(&f) {
		f.State = store.FiringOver
		return s.settled(e, f)
	}
	err := s.begin(s.ctx, e, &f)
	if err != nil && passing(err) {
		s.trouble("a scheduled run can't be submitted for now", e.id, err)
		s.tellRefused(s.ctx, e, &f, err)
		return true
	}
	if err != nil {
		why := reason(err)
		s.cfg.Log.Error("a scheduled run is refused", "schedule", e.id, "time", f.Time, "error", why, "hint", fault.HintOf(err))
		refuse(&f, why)
	}
	return s.settled(e, f)
}

// settled tells people what became of a time that was due, where that is for them, and
// records it. It reports whether that is to be done again later.
func (s *Scheduler) settled(e *entry, f store.Firing) (again bool) {
	err := s.tellBegun(s.ctx, e, &f)
	if err == nil {
		_, err = s.cfg.Store.MoveFiring(s.ctx, store.FiringDue, f)
	}
	if err != nil {
		s.trouble("a scheduled run can't be recorded for now", e.id, err)
		return true // the key finds it again
	}
	return false
}

// begin submits the run of an expected time.
func (s *Scheduler) begin(ctx context.Context, e *entry, f *store.Firing) error {
	params, err := given(f)
	if err != nil {
		return err
	}
	wf, registered, err := s.load(ctx, e.workflow, &e.def, params...)
	if err != nil {
		return err
	}
	opt := runs.Options{Registered: registered}
	variables := []string{"EXECUTIONER_TRIGGER=" + e.def.Name}
	if e.trigger == nil {
		variables = schedule.Variables(e.def.Name, f.Time.In(e.spec.Zone))
	}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		opt.Env = append(opt.Env, workflow.Var{Name: name, Value: value})
	}
	id, existing, err := s.cfg.Runs.Submit(ctx, wf, opt, e.submitter(), keyOf(f))
	if err != nil {
		return err
	}
	f.Run, f.State = id, store.FiringRunning
	s.cfg.Log.Info("a schedule has begun a run", "schedule", e.id, "time", f.Time, "run", id, "decision", f.Decision, "again", existing)
	return nil
}

// refuse closes a time whose run can never be submitted. What it was decided to be is the
// reason then, unless that is no other than its time.
func refuse(f *store.Firing, why string) {
	if f.Decision != string(schedule.Start) {
		f.Reason = Told(f)
	}
	f.Decision, f.State, f.Detail = Refused, store.FiringOver, why
}

// passing reports whether the same may be accepted later.
func passing(err error) bool {
	switch fault.CodeOf(err) {
	case fault.Unavailable, fault.RateLimited, fault.Locked, fault.Cancelled, fault.Internal:
		return true
	}
	return false
}

// abandon gives up a time whose schedule is no more, unless it is being submitted. That of a
// file is left alone: another service may have it.
func (s *Scheduler) abandon(ctx context.Context, f *store.Firing) {
	name, _, _ := strings.Cut(f.Schedule, "/")
	s.mu.Lock()
	src, busy := s.sources[name], s.busy[keyOf(f)]
	s.mu.Unlock()
	if strings.HasPrefix(name, ofFile) || !s.refreshed || src != nil && src.why != "" || busy {
		return
	}
	from := f.State
	if missed(f) {
		f.State = store.FiringOver
	} else {
		refuse(f, string(fault.NotFound)+": the schedule is there no more, or its workflow is disabled")
	}
	if _, err := s.cfg.Store.MoveFiring(ctx, from, *f); err != nil {
		s.trouble("a time whose schedule is gone can't be given up for now", f.Schedule, err)
	}
}
