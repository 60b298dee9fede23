package scheduler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/trigger"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Refused is the decision about a request that is signed and can't be used, and of a time
// whose run can never be submitted.
const Refused = "refused"

// arrival is something that arrived.
type arrival struct {
	key, proof, what string
	values           []workflow.Var // of parameters
	wrong            error          // why it can't be run
	again            bool           // where there is no room for it now it comes again, and is not recorded
}

// arrive records what arrived, once, and has its run submitted. existing says that it had
// arrived before. Where it is to come again, and there is no room for it now, there is
// nothing recorded and the firing has no time.
func (s *Scheduler) arrive(ctx context.Context, e *entry, a *arrival) (f store.Firing, existing bool, err error) {
	for range decideTries {
		if f, existing, err = s.arriveOnce(ctx, e, a); fault.CodeOf(err) != fault.Conflict {
			break
		}
	}
	return f, existing, err
}

func (s *Scheduler) arriveOnce(ctx context.Context, e *entry, a *arrival) (f store.Firing, existing bool, err error) {
	now := s.cfg.Now().Round(0)
	c, err := s.prepare(ctx, e, now)
	if err != nil {
		return f, false, err
	}
	if f, existing, err = s.before(ctx, e, a); existing || err != nil {
		return f, existing, err
	}
	at := now.Truncate(time.Microsecond)
	if last := c.Schedule.Decided; !at.After(last) { // two have not the same time
		at = last.Add(time.Microsecond)
	}
	out := s.admitted(e, c, []time.Time{at})
	if d := &out.Decisions[0]; a.again && (d.Reason == schedule.ForFullQueue || d.Reason == schedule.ForPause) {
		return f, false, nil
	}
	c.take(&out, now)
	if f, err = a.firing(c.Add[0]); err != nil {
		return f, false, err
	}
	c.Add[0] = f
	c.changed()
	if err := s.cfg.Store.ChangeSchedule(ctx, c.ScheduleChange); err != nil {
		return f, false, err
	}
	s.follow(ctx, e, c)
	return f, false, nil
}

// before returns what became of something when it arrived before.
func (s *Scheduler) before(ctx context.Context, e *entry, a *arrival) (f store.Firing, existing bool, err error) {
	for _, filter := range []store.FiringFilter{{Schedule: e.id, Key: a.key, Limit: 1}, {Schedule: e.id, Proof: a.proof, Limit: 1}} {
		if filter.Key == "" && filter.Proof == "" {
			continue
		}
		found, err := s.cfg.Store.Firings(ctx, filter)
		if err != nil {
			return f, false, err
		}
		if len(found) > 0 {
			return found[0], true, nil
		}
	}
	return f, false, nil
}

// admitted decides about what arrived at some times.
func (s *Scheduler) admitted(e *entry, c *change, times []time.Time) schedule.Output {
	policy := e.def.Policy()
	policy.Paused = policy.Paused || c.Schedule.Paused
	return schedule.Arrive(policy, schedule.Input{ID: e.id, Decided: c.Schedule.Decided, Active: c.active()}, times)
}

// firing completes what was decided about an arrival.
func (a *arrival) firing(f store.Firing) (store.Firing, error) {
	f.Key, f.Proof, f.What = a.key, a.proof, a.what
	if a.wrong != nil {
		f.Decision, f.Reason, f.By, f.State = Refused, "", "", store.FiringOver
		f.Detail = a.wrong.Error()
	}
	if !a.again && (a.wrong != nil || f.Reason == string(schedule.ForFullQueue)) {
		f.Key, f.Proof = "", "" // it may be sent again, with success
	}
	if len(a.values) == 0 || a.wrong != nil {
		return f, nil
	}
	given := map[string]string{}
	for _, v := range a.values {
		given[v.Name] = v.Value
	}
	text, err := json.Marshal(given)
	f.Given = string(text)
	return f, fault.Wrap(err, fault.Internal, "values of parameters can't be kept")
}

// given returns the values of parameters that what arrived gives.
func given(f *store.Firing) (values []workflow.Given, err error) {
	if f.Given == "" {
		return nil, nil
	}
	var all map[string]string
	if err := json.Unmarshal([]byte(f.Given), &all); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "the values of parameters of %s can't be read", f.What)
	}
	for name, value := range all {
		values = append(values, workflow.Given{Name: name, Value: value, From: "trigger: params." + name + "="})
	}
	slices.SortFunc(values, func(a, b workflow.Given) int { return strings.Compare(a.Name, b.Name) })
	return values, nil
}

// digestOf is what something that arrived by a trigger is told apart by from all others.
func digestOf(id, key string) string {
	sum := sha256.Sum256([]byte(id + "\n" + key))
	return hex.EncodeToString(sum[:16])
}

// errUnsigned is the one answer to a request that is for no trigger, or not signed as it
// should be: who sends it does not learn which.
func errUnsigned() error {
	return fault.New(fault.Unauthorized, "the request is not signed as this address wants it").
		WithHint("docs/triggers.md says how to sign it")
}

// Deliver records a request for a webhook, once, if it is signed as it should be, and has its
// run submitted. existing says that it came before. Faults: Unauthorized when it is not
// signed, or there is no such trigger; Usage when it is and can't be used, which is recorded;
// RateLimited when as many as may are waiting, which is recorded too; Unavailable.
func (s *Scheduler) Deliver(ctx context.Context, id string, r trigger.Request) (f store.Firing, existing bool, err error) {
	f, existing, err = s.deliver(ctx, id, r)
	s.counts.note(&f, existing, err)
	return f, existing, err
}

func (s *Scheduler) deliver(ctx context.Context, id string, r trigger.Request) (f store.Firing, existing bool, err error) {
	e := s.entry(id)
	t, secret := &workflow.Trigger{}, ""
	switch {
	case e != nil && e.trigger != nil && e.trigger.Kind == workflow.WebhookTrigger:
		t = e.trigger
		if secret, err = s.cfg.Secret(&t.Secret); err != nil {
			s.cfg.Log.Error("the secret of a trigger can't be had", "trigger", id, "error", err, "hint", fault.HintOf(err))
		}
	case !s.looked.Load():
		return f, false, fault.New(fault.Unavailable, "the service has not read its workflows yet").WithHint("try again in some seconds")
	}
	d, signed := trigger.Open(t, []byte(secret), r, s.cfg.Now())
	if !signed {
		return f, false, errUnsigned()
	}
	a := &arrival{key: digestOf(id, d.Key), proof: d.Proof, what: d.ID}
	if a.proof != "" {
		a.proof = digestOf(id, d.Proof)
	}
	if a.values, a.wrong = trigger.Values(t.Fields, r.Body); a.wrong == nil {
		a.wrong = Usable(e.params, t, a.values, s.cfg.Now())
	}
	f, existing, err = s.arrive(ctx, e, a)
	switch {
	case err != nil || existing:
		return f, existing, err
	case a.wrong != nil:
		return f, false, fault.Wrap(a.wrong, fault.Usage, "the request can't be used")
	case f.Reason == string(schedule.ForFullQueue):
		return f, false, fault.New(fault.RateLimited, "as many runs wait as may").WithHint("send it again later")
	}
	return f, false, nil
}

// Usable returns nil when what arrived by a trigger has usable values for the parameters of
// its workflow, and none is missing.
func Usable(params []workflow.Param, t *workflow.Trigger, values []workflow.Var, now time.Time) error {
	for i := range params {
		p := &params[i]
		is := func(v workflow.Var) bool { return v.Name == p.Name }
		given := slices.IndexFunc(values, is)
		switch {
		case given >= 0:
			if err := p.Check(values[given].Value, now); err != nil {
				return err
			}
		case p.Required && !slices.ContainsFunc(t.Params, is):
			return fault.New(fault.Usage, "there is no value for the parameter %s", p.Name)
		}
	}
	return nil
}
