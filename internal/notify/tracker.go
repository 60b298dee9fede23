package notify

import (
	"context"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// maxNamed is how many jobs that failed are named.
const maxNamed = 10

// tracker is what is known of a run by its transitions up to seq.
type tracker struct {
	run         run.ID
	application string
	hash        string // of the workflow
	seq         int64
	attempt     int
	started     time.Time // of the attempt
	changed     time.Time
	ended       bool
	jobs        map[run.JobID]running
	failed      []run.JobID // in this attempt
	tags        map[run.JobID][]string

	usual map[run.JobID]incident.Usual // what was asked for; the run's own is that of ""
	told  map[toldKey]bool             // conditions
}

type running struct {
	try     int
	started time.Time
}

type toldKey struct {
	kind incident.Kind
	job  run.JobID
}

func newTracker(r *store.Run) *tracker {
	return &tracker{
		run: r.ID, application: r.Application, hash: r.Attempt.Hash, jobs: map[run.JobID]running{},
		usual: map[run.JobID]incident.Usual{}, told: map[toldKey]bool{},
	}
}

// apply takes a transition in and returns the event that it is, if it is one: the end of
// a job that is not tried again, or of the run.
func (t *tracker) apply(tr *run.Transition) (e incident.Event, tell bool) {
	t.seq, t.changed = tr.Seq, tr.At
	if tr.Attempt != t.attempt {
		t.begin(tr.Attempt)
	}
	if tr.Mark() {
		return e, false
	}
	if tr.Job == "" {
		return t.applyRun(tr)
	}
	return t.applyJob(tr)
}

// begin forgets the attempt before.
func (t *tracker) begin(attempt int) {
	t.attempt, t.started, t.ended, t.failed = attempt, time.Time{}, false, nil
	clear(t.jobs)
	clear(t.told)
	clear(t.usual)
}

func (t *tracker) applyRun(tr *run.Transition) (e incident.Event, tell bool) {
	t.ended = tr.To.Ended()
	if tr.To == run.Running && t.started.IsZero() {
		t.started = tr.At
	}
	if !t.ended {
		return e, false
	}
	e = t.event(tr)
	if !t.started.IsZero() {
		e.Duration = tr.At.Sub(t.started)
	}
	if e.Detail == "" {
		e.Detail = t.failures()
	}
	return e, true
}

func (t *tracker) applyJob(tr *run.Transition) (e incident.Event, tell bool) {
	if tr.To == run.Running {
		t.jobs[tr.Job] = running{tr.Try, tr.At}
	}
	if !tr.To.Ended() {
		return e, false
	}
	was, ran := t.jobs[tr.Job]
	delete(t.jobs, tr.Job)
	if !tr.Until.IsZero() {
		return e, false // it is tried again
	}
	if tr.To == run.Failed || tr.To == run.Timeout {
		t.failed = append(t.failed[:min(len(t.failed), maxNamed)], tr.Job)
	}
	e = t.event(tr)
	e.Job, e.Try = tr.Job, tr.Try
	if ran {
		e.Duration = tr.EndedAt(was.started).Sub(was.started)
	}
	if o := tr.Outcome; o != nil && o.ExitCode > 0 {
		e.ExitCode = o.ExitCode
	}
	return e, true
}

func (t *tracker) event(tr *run.Transition) incident.Event {
	return incident.Event{
		Kind: incident.Ended, Application: t.application, Run: t.run, Attempt: tr.Attempt, Seq: tr.Seq,
		State: tr.To.String(), Reason: tr.Reason, Detail: tr.Detail, At: tr.At,
	}
}

// failures names the jobs that failed.
func (t *tracker) failures() string {
	var names []string
	for i, id := range t.failed {
		if i == maxNamed {
			names = append(names, "and more")
			break
		}
		names = append(names, string(id))
	}
	if names == nil {
		return ""
	}
	return "failed: " + strings.Join(names, ", ")
}

// asks says what has to be found out besides transitions, which costs something.
type asks struct {
	tags  bool // of jobs
	usual bool // how long what ended usually takes
	slow  bool // how long what runs usually takes
}

func asksOf(cfg *Config) asks {
	a := asks{tags: incident.Uses(cfg.Setup.Rules, "tags")}
	if cfg.Usual == nil {
		return a
	}
	a.usual = incident.Uses(cfg.Setup.Rules, "usual")
	for i := range cfg.Setup.Expect {
		a.slow = a.slow || cfg.Setup.Expect[i].Slower > 0
	}
	return a
}

// complete adds to events what is asked for.
func (s *scribe) complete(ctx context.Context, t *tracker, events []incident.Event) error {
	for i := range events {
		e := &events[i]
		if s.asks.tags && e.Job != "" {
			if err := s.readTags(ctx, t); err != nil {
				return err
			}
			e.Tags = t.tags[e.Job]
		}
		if s.asks.usual {
			u, err := s.usual(ctx, t, e.Job)
			if err != nil {
				return err
			}
			e.Usual = u.Median
		}
	}
	return nil
}

// readTags reads the tags of a run's jobs once.
func (s *scribe) readTags(ctx context.Context, t *tracker) error {
	if t.tags != nil {
		return nil
	}
	body, err := s.cfg.Records.Workflow(ctx, t.hash)
	if err != nil {
		return err
	}
	wf, err := workflow.Decode(body)
	if err != nil {
		return err
	}
	t.tags = map[run.JobID][]string{}
	for i := range wf.Jobs {
		if tags := wf.Jobs[i].Tags; len(tags) > 0 {
			t.tags[wf.Jobs[i].ID] = tags
		}
	}
	return nil
}

// watchedRun is a tracked run as it is watched.
func (s *scribe) watchedRun(ctx context.Context, t *tracker) (w *incident.Watched, err error) {
	w = &incident.Watched{Application: t.application, Run: t.run, Attempt: t.attempt, Started: t.started, Changed: t.changed}
	if !s.asks.slow {
		return w, nil
	}
	if w.Usual, err = s.usual(ctx, t, ""); err != nil {
		return nil, err
	}
	for id, j := range t.jobs {
		u, err := s.usual(ctx, t, id)
		if err != nil {
			return nil, err
		}
		w.Jobs = append(w.Jobs, incident.WatchedJob{Job: id, Try: j.try, Started: j.started, Usual: u})
	}
	return w, nil
}

// usual asks once for each attempt.
func (s *scribe) usual(ctx context.Context, t *tracker, job run.JobID) (incident.Usual, error) {
	u, known := t.usual[job]
	if known {
		return u, nil
	}
	u, err := s.cfg.Usual(ctx, t.application, job)
	if err == nil {
		t.usual[job] = u
	}
	return u, err
}
