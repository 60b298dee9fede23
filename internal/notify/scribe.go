package notify

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

const (
	// pageSize is how many runs, or transitions of one, are read at once.
	pageSize = 500
	// breath is the least time between two looks, however much is going on.
	breath = 250 * time.Millisecond
	// watchEvery is how often runs that go on are looked at, and reminders.
	watchEvery = 10 * time.Second
	// maxConflicts is how often something is decided anew because somebody else was quicker.
	maxConflicts = 5

	// chore is claimed by whoever removes old messages, every tidyEvery.
	chore         = "outbox"
	tidyEvery     = time.Hour
	keepNotices   = 7 * 24 * time.Hour
	keepIncidents = 30 * 24 * time.Hour
)

// scribe turns what is recorded of runs into messages. runs, failed, watched and listAt are
// owned by the goroutine in work; record may be called by anybody.
type scribe struct {
	cfg     *Config
	ring    func() // tells the lines that there are messages
	wake    chan struct{}
	runs    map[run.ID]*tracker
	failed  map[glance]time.Time // what was passed over, and when: see passOver
	watched time.Time
	listAt  time.Time // when all runs are looked at again
	hints   hints
	asks    asks
	last    atomic.Int64 // microseconds, see tick
}

// glance is a look at one run: at what it did, or at what it has not done by now.
type glance struct {
	run   run.ID
	watch bool
}

func newScribe(cfg *Config, ring func()) *scribe {
	return &scribe{
		cfg: cfg, ring: ring, wake: make(chan struct{}, 1), runs: map[run.ID]*tracker{}, failed: map[glance]time.Time{},
		asks: asksOf(cfg),
	}
}

// work looks whenever something may have happened, until ctx ends.
func (s *scribe) work(ctx context.Context) {
	for {
		s.cfg.report(ctx, "messages can't be recorded now", s.pass(ctx))
		if pause(ctx, nil, breath) || pause(ctx, s.wake, max(s.cfg.Poll-breath, 1)) {
			return
		}
	}
}

// listShare says that to look at all runs takes at most one part in that many of the time:
// there may be thousands that wait.
const listShare = 500

// pass looks at the runs of which there are hints, or at all when it is time for that.
func (s *scribe) pass(ctx context.Context) error {
	ids, all := s.hints.take()
	began := time.Now()
	if !all && began.Before(s.listAt) {
		return s.lookAt(ctx, ids)
	}
	s.listAt = time.Time{} // unless it works
	if err := s.list(ctx); err != nil {
		return err
	}
	s.listAt = time.Now().Add(max(s.cfg.Poll-breath, listShare*time.Since(began)))
	now := s.cfg.Now()
	if recent(now, s.watched, watchEvery) {
		return nil
	}
	s.watched = now
	return errors.Join(s.watch(ctx), s.remind(ctx, now), s.tidy(ctx, now))
}

// lookAt looks at some runs.
func (s *scribe) lookAt(ctx context.Context, ids []run.ID) error {
	for _, id := range ids {
		found, err := s.cfg.Records.Untold(ctx, id-1, 1)
		if err == nil && len(found) == 1 && found[0].Run == id {
			err = s.lookOrPass(ctx, found[0])
		}
		if err != nil {
			s.listAt = time.Time{} // the other hints are gone
			return err
		}
	}
	return nil
}

// list looks at all runs that people may have to be told of.
func (s *scribe) list(ctx context.Context) error {
	active := map[run.ID]bool{}
	for after := run.ID(0); ; {
		page, err := s.cfg.Records.Untold(ctx, after, pageSize)
		if err != nil {
			return err
		}
		for _, u := range page {
			active[u.Run], after = true, u.Run
			if err := s.lookOrPass(ctx, u); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	maps.DeleteFunc(s.runs, func(id run.ID, _ *tracker) bool { return !active[id] })
	maps.DeleteFunc(s.failed, func(g glance, _ time.Time) bool { return !active[g.run] })
	return nil
}

// lookOrPass looks at a run, unless it was passed over just now.
func (s *scribe) lookOrPass(ctx context.Context, u store.Untold) error {
	g := glance{run: u.Run}
	if last, failed := s.failed[g]; failed && recent(s.cfg.Now(), last, s.cfg.Poll) {
		return nil
	}
	err := s.look(ctx, u)
	if c := fault.CodeOf(err); c == fault.Conflict || c == fault.NotFound {
		err = nil
	}
	return s.passOver(ctx, g, err)
}

// recent reports whether something happened less than d ago, by a clock that may be set.
func recent(now, last time.Time, d time.Duration) bool {
	since := now.Sub(last)
	return since >= 0 && since < d
}

// passOver keeps what is wrong with one run, such as damage to what was recorded of it, from
// silencing all others: it is logged once and tried again later. The error is returned when
// the others can't be read either.
func (s *scribe) passOver(ctx context.Context, g glance, err error) error {
	if err == nil {
		delete(s.failed, g)
		return nil
	}
	if _, all := s.cfg.Records.Untold(ctx, 0, 1); all != nil {
		return err
	}
	if _, known := s.failed[g]; !known {
		s.cfg.Log.Error("nobody can be told of a run for now", "run", g.run, "error", err)
	}
	s.failed[g] = s.cfg.Now()
	return nil
}

// look reads what a run did since it was looked at last.
func (s *scribe) look(ctx context.Context, u store.Untold) error {
	if u.Seq == u.Told && len(s.cfg.Setup.Expect) == 0 {
		return nil
	}
	t := s.runs[u.Run]
	if t == nil || t.seq != u.Told {
		delete(s.runs, u.Run)
		r, err := s.cfg.Records.Run(ctx, u.Run)
		if err != nil {
			return err
		}
		t = newTracker(&r)
		if err := s.catchUp(ctx, t, u.Told); err != nil {
			return err
		}
	}
	delete(s.runs, u.Run) // until all of it is recorded
	for t.seq < u.Seq {
		if err := s.page(ctx, t); err != nil {
			return err
		}
	}
	if !t.ended {
		s.runs[u.Run] = t
	}
	return nil
}

// catchUp reads again what was looked at before this program was started.
func (s *scribe) catchUp(ctx context.Context, t *tracker, told int64) error {
	for t.seq < told {
		ts, err := s.cfg.Records.Transitions(ctx, t.run, t.seq, int(min(told-t.seq, pageSize)))
		if err != nil || len(ts) == 0 {
			return err
		}
		for i := range ts {
			t.apply(&ts[i])
		}
	}
	return nil
}

// page looks at the next transitions of a run and records what follows.
func (s *scribe) page(ctx context.Context, t *tracker) error {
	from := t.seq
	ts, err := s.cfg.Records.Transitions(ctx, t.run, from, pageSize)
	if err != nil {
		return err
	}
	if len(ts) == 0 {
		return fault.New(fault.NotFound, "run %s lost transitions", t.run)
	}
	var events []incident.Event
	for i := range ts {
		if e, tell := t.apply(&ts[i]); tell {
			events = append(events, e)
		}
	}
	if err := s.complete(ctx, t, events); err != nil {
		return err
	}
	tell := store.Tell{Run: t.run, From: from, To: t.seq, Done: t.ended}
	return s.decide(ctx, t.application, events, tell)
}

// decide records what follows from events of one application, together with tell.
func (s *scribe) decide(ctx context.Context, application string, events []incident.Event, tell store.Tell) error {
	var b *book
	if len(events) > 0 {
		stored, err := s.cfg.Records.Incidents(ctx, store.IncidentFilter{Application: application})
		if err != nil {
			return err
		}
		b = newBook(s.cfg.Setup.Rules, stored)
		for i := range events {
			b.add(events[i])
		}
		tell.Incidents = b.changed(s.cfg.Now())
		tell.Notices = s.notices(b.messages)
	}
	if tell.Run == 0 && len(tell.Incidents) == 0 && len(tell.Notices) == 0 {
		return nil
	}
	if err := s.cfg.Records.Tell(ctx, tell); err != nil {
		return err
	}
	if len(tell.Notices) > 0 {
		s.ring()
	}
	return nil
}

// record is decide for one event that is no transition, tried again when somebody else was quicker.
func (s *scribe) record(ctx context.Context, application string, e incident.Event) (err error) {
	for range maxConflicts {
		if err = s.decide(ctx, application, []incident.Event{e}, store.Tell{}); fault.CodeOf(err) != fault.Conflict {
			return err
		}
	}
	return err
}

// notices makes one of each message for each notifier. What is too old to be news is left
// out; that a run never began is news when it is found.
func (s *scribe) notices(all []incident.Message) (notices []store.Notice) {
	now := s.cfg.Now()
	for i := range all {
		m := &all[i]
		if now.Sub(m.Event.At) > Patience && m.Do != incident.Remind && m.Event.Kind != incident.Missed {
			continue
		}
		r := s.rule(m.Rule)
		body, err := json.Marshal(m)
		if err != nil {
			panic(err) // it has no value that JSON lacks
		}
		for _, to := range r.To {
			n := store.Notice{
				ID: m.ID(to), Notifier: to, Incident: m.Incident, Run: m.Event.Run, CreatedAt: s.tick(now), Due: now, Until: now.Add(Patience), Body: body,
			}
			if r.Digest > 0 {
				n.Digest, n.Due = r.Name, windowEnd(now, r.Digest)
				n.Until = n.Due.Add(Patience)
			}
			notices = append(notices, n)
		}
	}
	return notices
}

// tick returns now, or a little later: no two messages are made at the same time, so
// that they stay in order.
func (s *scribe) tick(now time.Time) time.Time {
	for {
		last := s.last.Load()
		at := max(now.UnixMicro(), last+1)
		if s.last.CompareAndSwap(last, at) {
			return time.UnixMicro(at)
		}
	}
}

// windowEnd returns when the window ends that now is in, of those that follow each other.
func windowEnd(now time.Time, d time.Duration) time.Time { return now.Truncate(d).Add(d) }

func (s *scribe) rule(name string) *incident.Rule {
	for i := range s.cfg.Setup.Rules {
		if s.cfg.Setup.Rules[i].Name == name {
			return &s.cfg.Setup.Rules[i]
		}
	}
	return &incident.Rule{}
}

// watch finds runs that are late, stuck or slow.
func (s *scribe) watch(ctx context.Context) error {
	if len(s.cfg.Setup.Expect) == 0 {
		return nil
	}
	for _, t := range s.runs {
		if err := s.passOver(ctx, glance{t.run, true}, s.watchRun(ctx, t)); err != nil {
			return err
		}
	}
	return nil
}

func (s *scribe) watchRun(ctx context.Context, t *tracker) error {
	w, err := s.watchedRun(ctx, t)
	if err != nil {
		return err
	}
	for _, e := range incident.Watch(s.cfg.Setup.Expect, w, s.cfg.Now()) {
		if t.told[toldKey{e.Kind, e.Job}] {
			continue
		}
		if err := s.record(ctx, t.application, e); err != nil {
			return err
		}
		t.told[toldKey{e.Kind, e.Job}] = true
	}
	return nil
}

// remind reminds people of open incidents.
func (s *scribe) remind(ctx context.Context, now time.Time) error {
	due, err := s.cfg.Records.Incidents(ctx, store.IncidentFilter{All: true, Open: true, Due: now})
	if err != nil {
		return err
	}
	for _, i := range due {
		b := newBook(s.cfg.Setup.Rules, []store.Incident{i})
		b.remind(i.Key, now)
		tell := store.Tell{Incidents: b.changed(now), Notices: s.notices(b.messages)}
		if err := s.cfg.Records.Tell(ctx, tell); err != nil && fault.CodeOf(err) != fault.Conflict {
			return err
		}
		s.ring()
	}
	return nil
}

// tidy removes what is of no use any more, and gives up what nobody sends.
func (s *scribe) tidy(ctx context.Context, now time.Time) error {
	mine, err := s.cfg.Records.Claim(ctx, chore, tidyEvery)
	if err != nil || !mine {
		return err
	}
	if err := s.orphans(ctx, now); err != nil {
		return err
	}
	_, err = s.cfg.Records.PruneOutbox(ctx, now.Add(-keepNotices), now.Add(-keepIncidents))
	return err
}

// orphans gives up what is for notifiers that are not in the settings any more.
func (s *scribe) orphans(ctx context.Context, now time.Time) error {
	all, err := s.cfg.Records.Notices(ctx, store.NoticeFilter{State: store.NoticePending})
	if err != nil {
		return err
	}
	for i := range all {
		if _, there := s.cfg.Setup.Senders[all[i].Notifier]; there || now.Before(all[i].Until) {
			continue
		}
		claimed, err := s.cfg.Records.ClaimNotices(ctx, all[i].Notifier, now, now.Add(leaseTime), 1)
		if err != nil {
			return err
		}
		for _, n := range claimed {
			gone := store.Settlement{ID: n.ID, Lease: n.Lease, State: store.NoticeGivenUp, Error: "there is no notifier " + n.Notifier, At: now}
			if err := s.cfg.Records.Settle(ctx, []store.Settlement{gone}); err != nil {
				return err
			}
		}
	}
	return nil
}
