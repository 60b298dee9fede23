package service_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/admission"
	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/service"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a database that services share, and the processes that they start, which
// outlive them. It lives in a bubble.
type site struct {
	*testing.T
	st       *memstore.Store
	world    *enginetest.World
	takes    time.Duration // each task; 0: a second
	dir      string
	pids     int
	programs []*program
	dead     sync.Map // of process ids
}

// bubble runs a test in a bubble.
func bubble(t *testing.T, do func(t *testing.T, s *site)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &site{T: t, st: memstore.New(), dir: dir}
		s.world = enginetest.NewKept(t, s.st, func(engine.Task) enginetest.End {
			return enginetest.End{After: max(s.takes, time.Second), Grace: time.Second, Outcome: run.Outcome{State: run.Success, Reason: run.Exited}}
		})
		do(t, s)
		for _, p := range s.programs {
			p.Close()
		}
	})
}

// program is one service. It is its own runs.Host.
type program struct {
	*service.Service
	s       *site
	owner   store.Owner
	runs    *runs.Service
	gates   *service.Gates
	mu      sync.Mutex // guards the next two
	runners []*enginetest.Runner
	renewed []int // how many leases at once
	gone    atomic.Bool
	broken  atomic.Bool   // the database can't be used
	hangs   atomic.Bool   // the database gives no answer
	tires   atomic.Bool   // looks for runs fail after half a minute
	asked   atomic.Int64  // how often one run was read
	looked  func()        // called when runs were read, before the answer is there
	full    atomic.Bool   // no runner can be made
	closed  atomic.Bool   // secrets can't be read
	held    chan struct{} // runs are given back while nothing is in it; of the bubble
}

// open makes a service that has not started.
func (s *site) open(cfg service.Config, room admission.Config) *program {
	s.pids++
	p := &program{s: s, held: make(chan struct{}, 1), owner: store.Owner{Host: "host", PID: s.pids}, gates: service.NewGates(room)}
	has := &wire{s.st, p}
	p.runs = runs.New(runs.Config{
		Store: has, Host: p, Hub: &event.Hub{}, Kept: true, NewRunner: p.newRunner, Gate: p.gates.Gate,
		Secrets: func(context.Context, *workflow.Workflow) ([]string, error) {
			if p.closed.Load() {
				return nil, fault.New(fault.Unavailable, "the vault is closed")
			}
			return []string{"x"}, nil
		},
	})
	cfg.Runs, cfg.Store, cfg.Gates = p.runs, has, p.gates
	p.Service = service.New(cfg)
	s.programs = append(s.programs, p)
	return p
}

// serve makes a service and starts it.
func (s *site) serve(cfg service.Config, room admission.Config) *program {
	p := s.open(cfg, room)
	if err := p.Start(s.Context()); err != nil {
		s.Fatal(err)
	}
	synctest.Wait()
	return p
}

func (p *program) newRunner(runs.Attempt) (runs.Runner, error) {
	if p.full.Load() {
		return nil, fault.New(fault.Unavailable, "too many open files")
	}
	r := p.s.world.Runner()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runners = append(p.runners, r)
	return r, nil
}

// crash ends the program at this very moment: nothing that it does has an effect any more.
func (p *program) crash() {
	p.gone.Store(true)
	p.mu.Lock()
	for _, r := range p.runners {
		r.Crash()
	}
	p.mu.Unlock()
	p.s.dead.Store(p.owner.PID, true)
	go p.Close()
	synctest.Wait()
}

// drained ends the program as SIGTERM does.
func (p *program) drained() {
	p.s.Helper()
	if err := p.Drain(p.s.Context()); err != nil {
		p.s.Fatal(err)
	}
	p.Close()
	p.s.dead.Store(p.owner.PID, true)
	synctest.Wait()
}

func (p *program) submit(wf *workflow.Workflow) run.ID {
	p.s.Helper()
	id, existing, err := p.Submit(p.s.Context(), wf, runs.Options{}, "ann", "")
	if err != nil || existing {
		p.s.Fatalf("submitted: %v, %v", existing, err)
	}
	return id
}

// Owner and the next four implement runs.Host.
func (p *program) Owner() store.Owner { return p.owner }

func (p *program) Dead(o store.Owner) bool {
	_, dead := p.s.dead.Load(o.PID)
	return dead
}

func (p *program) Remains(_ run.ID, tasks []run.TaskID) bool { return p.s.world.Remains(tasks) }

func (p *program) Survivors(tasks []run.TaskID) ([]int, error) { return p.s.world.Alive(tasks), nil }

func (p *program) KillSurvivors(_ context.Context, tasks []run.TaskID) ([]int, error) {
	p.s.world.KillAll(tasks)
	return nil, nil
}

var errGone = fault.New(fault.Unavailable, "the program is gone")

func (p *program) can() error {
	if p.gone.Load() || p.broken.Load() {
		return errGone
	}
	return nil
}

// wire is what a program has of the database: nothing any more when it is gone.
type wire struct {
	store.Store
	p *program
}

func (w *wire) CreateRun(ctx context.Context, n store.NewRun, o store.Owner, ttl time.Duration) (store.Lease, error) {
	if err := w.p.can(); err != nil {
		return store.Lease{}, err
	}
	return w.Store.CreateRun(ctx, n, o, ttl)
}

func (w *wire) Acquire(ctx context.Context, id run.ID, o store.Owner, ttl time.Duration, dead func(store.Owner) bool) (store.Lease, error) {
	if err := w.p.can(); err != nil {
		return store.Lease{}, err
	}
	return w.Store.Acquire(ctx, id, o, ttl, dead)
}

func (w *wire) Append(ctx context.Context, l store.Lease, ts []run.Transition) (int64, error) {
	if err := w.p.can(); err != nil {
		return 0, err
	}
	return w.Store.Append(ctx, l, ts)
}

func (w *wire) Answer(ctx context.Context, l store.Lease, ts []run.Transition, request int) (int64, error) {
	if err := w.p.can(); err != nil {
		return 0, err
	}
	return w.Store.Answer(ctx, l, ts, request)
}

func (w *wire) Release(ctx context.Context, l store.Lease) error {
	w.p.held <- struct{}{}
	<-w.p.held
	if err := w.p.can(); err != nil {
		return err
	}
	return w.Store.Release(ctx, l)
}

func (w *wire) Renew(ctx context.Context, l store.Lease, ttl time.Duration) ([]store.Request, error) {
	if err := w.p.can(); err != nil {
		return nil, err
	}
	return w.Store.Renew(ctx, l, ttl)
}

func (w *wire) RenewAll(ctx context.Context, ls []store.Lease, ttl time.Duration) ([]store.Lease, error) {
	if err := w.p.can(); err != nil {
		return nil, err
	}
	w.p.mu.Lock()
	w.p.renewed = append(w.p.renewed, len(ls))
	w.p.mu.Unlock()
	return w.Store.RenewAll(ctx, ls, ttl)
}

func (w *wire) Asked(ctx context.Context, from, to run.ID) ([]run.ID, error) {
	if err := w.p.can(); err != nil {
		return nil, err
	}
	return w.Store.Asked(ctx, from, to)
}

func (w *wire) Run(ctx context.Context, id run.ID) (store.Run, error) {
	w.p.asked.Add(1)
	if w.p.hangs.Load() {
		<-ctx.Done()
		return store.Run{}, context.Cause(ctx)
	}
	return w.Store.Run(ctx, id)
}

func (w *wire) Runs(ctx context.Context, f store.Filter) ([]store.Run, error) {
	if w.p.hangs.Load() {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if err := w.p.can(); err != nil {
		return nil, err
	}
	if w.p.tires.Load() {
		time.Sleep(30 * time.Second)
		return nil, fault.New(fault.Unavailable, "the database is away")
	}
	found, err := w.Store.Runs(ctx, f)
	if w.p.looked != nil {
		w.p.looked()
	}
	return found, err
}

// flow makes a workflow of jobs "name: need need".
func (s *site) flow(jobs ...string) *workflow.Workflow {
	wf := &workflow.Workflow{Application: "app", WorkingDir: s.dir, LogDir: filepath.Join(s.dir, "logs"), MaxWorkers: 10}
	for _, job := range jobs {
		name, needs, _ := strings.Cut(job, ":")
		j := workflow.Job{ID: run.JobID(name), Command: "run", LogDir: wf.LogDir, Retry: &workflow.Retry{}, OutputLimit: 1 << 20, Leftover: workflow.LeaveLeftover}
		for need := range strings.FieldsSeq(needs) {
			j.Needs = append(j.Needs, slices.IndexFunc(wf.Jobs, func(j workflow.Job) bool { return string(j.ID) == need }))
		}
		slices.Sort(j.Needs)
		wf.Jobs = append(wf.Jobs, j)
	}
	return wf
}

// states returns how runs stand, as "1 RUNNING".
func (s *site) states() (all []string) {
	s.Helper()
	found, err := s.st.Runs(s.Context(), store.Filter{})
	if err != nil {
		s.Fatal(err)
	}
	for _, r := range slices.Backward(found) {
		all = append(all, fmt.Sprint(r.ID, " ", r.Attempt.State))
	}
	return all
}

// is fails the test unless the runs stand like that.
func (s *site) is(want ...string) {
	s.Helper()
	if got := s.states(); !slices.Equal(got, want) {
		s.Errorf("the runs are %q, want %q", got, want)
	}
}

// atOnce returns how many tasks run now.
func (s *site) atOnce() (n int) {
	for _, p := range s.world.Ledger() {
		if p.Ended.IsZero() {
			n++
		}
	}
	return n
}

// started returns the tasks that were started, in order.
func (s *site) started() (all []string) {
	for _, p := range s.world.Ledger() {
		all = append(all, p.ID.String())
	}
	return all
}

func (s *site) equal(got []string, want ...string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("got %q, want %q", got, want)
	}
}

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
