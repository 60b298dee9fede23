package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a database, a host's clocks, and the services on it.
type site struct {
	testing.TB
	st   store.Store
	mu   sync.Mutex
	wall time.Time
	tick time.Duration
	dir  string
	// another connects to the same database once more. Nil: all services share st.
	another func() store.Store
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newSite(t *testing.T) *site { return siteOn(t, memstore.New()) }

func siteOn(t *testing.T, st store.Store) *site { return &site{TB: t, st: st, wall: noon} }

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wall
}

func (s *site) steady() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tick
}

// pass lets time go by.
func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall, s.tick = s.wall.Add(d), s.tick+d
}

// set sets the wall clock.
func (s *site) set(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall = t
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// program is one service. Its store fails at the fails-th call that writes, and ever after.
type program struct {
	*Scheduler
	s *site
}

// wire is what a program has of the database: nothing any more after so many changes.
type wire struct {
	store.Store
	mu     sync.Mutex
	left   int  // changes that still work; negative: any number
	late   bool // the last one works, and nobody is told
	refuse error
	tell   func(key string)   // of runs that were recorded; nil: nobody is told
	missed func(string) error // of times whose runs have not begun; nil: nobody is told
}

var errGone2 = fault.New(fault.Unavailable, "the program is gone")

// change reports what becomes of a change: whether it is made, and what is said of it.
func (w *wire) change() (made bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.left < 0:
		return true, nil
	case w.left == 0:
		return false, errGone2
	}
	w.left--
	if w.left == 0 && w.late {
		return true, errGone2
	}
	return true, nil
}

func (w *wire) ChangeSchedule(ctx context.Context, c store.ScheduleChange, entries ...store.AuditEntry) error {
	made, said := w.change()
	if !made {
		return said
	}
	return errors.Join(w.Store.ChangeSchedule(ctx, c, entries...), said)
}

func (w *wire) MoveFiring(ctx context.Context, from store.FiringState, f store.Firing) (bool, error) {
	made, said := w.change()
	if !made {
		return false, said
	}
	ok, err := w.Store.MoveFiring(ctx, from, f)
	return ok, errors.Join(err, said)
}

// Submit records a run as a service does.
func (w *wire) Submit(ctx context.Context, wf *workflow.Workflow, opt runs.Options, by, key string) (run.ID, bool, error) {
	w.mu.Lock()
	refuse := w.refuse
	w.mu.Unlock()
	if refuse != nil {
		return 0, false, refuse
	}
	made, said := w.change()
	if !made {
		return 0, false, said
	}
	var env []string
	for _, v := range opt.Env {
		env = append(env, v.Name+"="+v.Value)
	}
	env = append(env, opt.Registered)
	l, err := w.CreateRun(ctx, store.NewRun{
		Application: wf.Application, WorkingDir: strings.Join(env, "\n"), By: by, Key: key, At: noon, Hash: "h", Workflow: []byte("w"),
	}, store.Owner{PID: 1}, 1000*time.Hour)
	if id, is := store.ExistingRun(err); is {
		return id, true, said
	}
	if w.tell != nil {
		w.tell(key)
	}
	return l.Run, false, errors.Join(err, said)
}

func (w *wire) Cancel(ctx context.Context, r store.Run, kind store.RequestKind, _ []run.JobID, by string) error {
	return w.Request(ctx, r.ID, store.Request{Kind: kind, By: by, At: noon})
}

// load reads a workflow as the command line does.
func (s *site) load(_ context.Context, t Text) (*workflow.Workflow, error) {
	return workflow.Load(t.Source, workflow.Host{Dir: s.TempDir0(), Params: t.Params, ParamsLater: !t.Run, Now: noon, Zones: time.LoadLocation})
}

// TempDir0 is a directory that is there.
func (s *site) TempDir0() string { return "/tmp" }

// serve makes a service, which does nothing unless it is told to step.
func (s *site) serve(w *wire) *program {
	w.Store = s.st
	if s.another != nil {
		w.Store = s.another()
	}
	cfg := Config{Store: w, Runs: w, Load: s.load, Directory: s.dir, Now: s.now, Steady: s.steady}
	if w.missed != nil {
		cfg.Missed = func(_ context.Context, application string, at time.Time, detail string) error {
			return w.missed(at.UTC().Format("15:04 ") + application + ": " + detail)
		}
	}
	p := &program{s: s, Scheduler: New(cfg)}
	s.Cleanup(p.Close)
	return p
}

// ok is a database that works.
func ok() *wire { return &wire{left: -1} }

// round has a service do what is to be done now.
func (p *program) round() {
	p.step()
	p.looked() // before the wait: what was found begins to be recorded by then
	p.going.Wait()
}

// register keeps a workflow with schedules, as "name: fields".
func (s *site) register(name string, schedules ...string) {
	s.Helper()
	text := "working_dir: /tmp\napplication: " + name + "\nparams: {region: {default: none}}\njobs: [{id: a, command: \"true\"}]\n"
	if len(schedules) > 0 {
		text += "schedules:\n"
	}
	for _, one := range schedules {
		text += "  - {" + one + "}\n"
	}
	_, err := s.load(s.Context(), Text{Source: workflow.Source{Name: name + ".yaml", Data: []byte(text)}})
	s.must(err)
	_, err = s.st.Register(s.Context(), store.Registered{
		Name: name, Application: name, Source: []byte(text), File: name + ".yaml", Hash: text, Enabled: true, At: noon,
	})
	s.must(err)
}

// ended ends a run.
func (s *site) ended(id run.ID) {
	s.Helper()
	l, err := s.st.Acquire(s.Context(), id, store.Owner{PID: 1}, time.Hour, func(store.Owner) bool { return true })
	s.must(err)
	_, err = s.st.Append(s.Context(), l, []run.Transition{
		{Attempt: 1, From: run.Pending, To: run.Queued, At: noon},
		{Attempt: 1, From: run.Queued, To: run.Running, At: noon},
		{Attempt: 1, From: run.Running, To: run.Success, Reason: run.AllSucceeded, At: noon},
	})
	s.must(err)
}

// history is what became of a schedule's times, the earliest first.
func (s *site) history(id string) (all []string) {
	s.Helper()
	fs, err := s.st.Firings(s.Context(), store.FiringFilter{Schedule: id})
	s.must(err)
	for _, f := range slices.Backward(fs) {
		line := f.Time.UTC().Format("02 15:04:05") + " " + Told(&f) + " " + string(f.State)
		if f.Run != 0 {
			line += fmt.Sprint(" run ", f.Run)
		}
		all = append(all, line)
	}
	return all
}

func (s *site) is(id string, want ...string) {
	s.Helper()
	if got := s.history(id); !slices.Equal(got, want) {
		s.Fatalf("%s:\n%s\nwant\n%s", id, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
