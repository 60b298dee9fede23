package runs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/event"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

var (
	succeeded = run.Outcome{State: run.Success, Reason: run.Exited}
	failed    = run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1}
	errGone   = fault.New(fault.Unavailable, "the program is gone")
)

// cluster is a store that programs share, and the processes that they start. It lives
// in a bubble.
type cluster struct {
	*testing.T
	st    *memstore.Store
	world *enginetest.World
	ends  func(engine.Task) enginetest.End // nil: all succeed after a second

	mu   sync.Mutex // guards all below: programs crash while others look
	pids int
	dead map[int]bool
}

func newCluster(t *testing.T) *cluster { return clusterIn(t, enginetest.New) }

// keptCluster is one in which programs have keepers.
func keptCluster(t *testing.T) *cluster { return clusterIn(t, enginetest.NewKept) }

func clusterIn(t *testing.T, world func(testing.TB, store.Store, func(engine.Task) enginetest.End) *enginetest.World) *cluster {
	c := &cluster{T: t, st: memstore.New(), dead: make(map[int]bool)}
	c.world = world(t, c.st, func(t engine.Task) enginetest.End {
		if c.ends != nil {
			return c.ends(t)
		}
		return enginetest.End{After: time.Second, Outcome: succeeded}
	})
	return c
}

// program is one program that works on the runs of a cluster. It is its own runs.Host.
type program struct {
	*runs.Service
	c      *cluster
	owner  store.Owner
	wire   *wire
	hub    *event.Hub
	ctx    context.Context // ends when the program crashes
	end    context.CancelFunc
	refuse error                         // what NewRunner returns
	wrap   func(runs.Runner) runs.Runner // nil: as it is

	mu       sync.Mutex // guards all below: a crash comes from anywhere
	runners  []*enginetest.Runner
	attempts []runs.Attempt // for which a runner was made
	trouble  []error
	gone     bool
	both     bool // its keeper crashes with it
}

func (c *cluster) program() *program {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pids++
	p := &program{c: c, owner: store.Owner{Host: "host", PID: c.pids}, hub: &event.Hub{}}
	p.ctx, p.end = context.WithCancel(c.Context())
	p.wire = &wire{Store: c.st, program: p}
	p.Service = runs.New(runs.Config{Store: p.wire, Host: p, Hub: p.hub, NewRunner: p.newRunner, Trouble: p.tell})
	return p
}

func (p *program) newRunner(a runs.Attempt) (runs.Runner, error) {
	if p.refuse != nil {
		return nil, p.refuse
	}
	r := p.c.world.Runner()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		r.Crash()
	}
	p.runners = append(p.runners, r)
	p.attempts = append(p.attempts, a)
	if p.wrap != nil {
		return p.wrap(r), nil
	}
	return r, nil
}

func (p *program) tell(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = append(p.trouble, err)
}

// crash ends the program at this very moment: nothing that it does from now on has an
// effect. Its leases stay, its processes go on.
func (p *program) crash() {
	p.mu.Lock()
	p.gone = true
	for _, r := range p.runners {
		if p.both {
			r.CrashBoth()
		} else {
			r.Crash()
		}
	}
	p.mu.Unlock()
	p.c.mu.Lock()
	p.c.dead[p.owner.PID] = true
	p.c.mu.Unlock()
	p.end()
}

func (p *program) crashed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// Owner implements runs.Host.
func (p *program) Owner() store.Owner { return p.owner }

// Dead implements runs.Host.
func (p *program) Dead(o store.Owner) bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.c.dead[o.PID]
}

// Remains implements runs.Host.
func (p *program) Remains(_ run.ID, tasks []run.TaskID) bool { return p.c.world.Remains(tasks) }

// Survivors implements runs.Host.
func (p *program) Survivors(tasks []run.TaskID) ([]int, error) { return p.c.world.Alive(tasks), nil }

// KillSurvivors implements runs.Host.
func (p *program) KillSurvivors(_ context.Context, tasks []run.TaskID) ([]int, error) {
	p.c.world.KillAll(tasks)
	return nil, nil
}

// wire is what a program has of the store: nothing any more when it is gone. hook is
// called for each change and does it by calling do, or doesn't.
type wire struct {
	store.Store
	program *program
	hook    func(what string, do func() error) error
}

func (w *wire) change(what string, do func() error) error {
	switch {
	case w.program.crashed():
		return errGone
	case w.hook != nil:
		return w.hook(what, do)
	default:
		return do()
	}
}

func (w *wire) CreateRun(ctx context.Context, n store.NewRun, o store.Owner, ttl time.Duration) (l store.Lease, err error) {
	return l, w.change("create", func() error { l, err = w.Store.CreateRun(ctx, n, o, ttl); return err })
}

func (w *wire) Acquire(ctx context.Context, id run.ID, o store.Owner, ttl time.Duration, dead func(store.Owner) bool) (l store.Lease, err error) {
	return l, w.change("acquire", func() error { l, err = w.Store.Acquire(ctx, id, o, ttl, dead); return err })
}

func (w *wire) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (rs []store.Request, err error) {
	return rs, w.change("renew", func() error { rs, err = w.Store.Renew(ctx, l, ttl); return err })
}

func (w *wire) Release(ctx context.Context, l store.Lease) error {
	return w.change("release", func() error { return w.Store.Release(ctx, l) })
}

func (w *wire) AddAttempt(ctx context.Context, l store.Lease, a store.NewAttempt) (n int, err error) {
	return n, w.change("attempt", func() error { n, err = w.Store.AddAttempt(ctx, l, a); return err })
}

func (w *wire) Append(ctx context.Context, l store.Lease, ts []run.Transition) (last int64, err error) {
	return last, w.change("append", func() error { last, err = w.Store.Append(ctx, l, ts); return err })
}

func (w *wire) Answer(ctx context.Context, l store.Lease, ts []run.Transition, request int) (last int64, err error) {
	return last, w.change("append", func() error { last, err = w.Store.Answer(ctx, l, ts, request); return err })
}

func (w *wire) Request(ctx context.Context, id run.ID, r store.Request) error {
	return w.change("request", func() error { return w.Store.Request(ctx, id, r) })
}

func (w *wire) AddOverrides(ctx context.Context, id run.ID, os []run.Override) error {
	return w.change("override", func() error { return w.Store.AddOverrides(ctx, id, os) })
}

// flow makes a workflow of jobs "name: need need".
func flow(jobs ...string) *workflow.Workflow {
	wf := &workflow.Workflow{Application: "app", WorkingDir: "/work", LogDir: "/work/logs", MaxWorkers: 10}
	for _, job := range jobs {
		name, needs, _ := strings.Cut(job, ":")
		j := workflow.Job{
			ID: run.JobID(name), Command: "run " + name, LogDir: "/work/logs", Timeout: time.Hour,
			Retry: &workflow.Retry{}, OutputLimit: 1 << 20, Leftover: workflow.LeaveLeftover,
		}
		for _, need := range strings.Fields(needs) {
			j.Needs = append(j.Needs, wf.Index(run.JobID(need)))
		}
		wf.Jobs = append(wf.Jobs, j)
	}
	return wf
}

// bubble runs a test with virtual time.
func bubble(t *testing.T, test func(c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newCluster(t)) })
}

// kept runs a test with virtual time, where programs have keepers.
func kept(t *testing.T, test func(c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(keptCluster(t)) })
}

func (c *cluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// refused checks an error's code, message and hint.
func (c *cluster) refused(err error, code fault.Code, message, hint string) {
	c.Helper()
	if fault.CodeOf(err) != code || err.Error() != message || fault.HintOf(err) != hint {
		c.Errorf("got %q: %v\n  hint: %s\nwant %q: %s\n  hint: %s", fault.CodeOf(err), err, fault.HintOf(err), code, message, hint)
	}
}

// run returns a run as it is now.
func (c *cluster) run(id run.ID) store.Run {
	c.Helper()
	r, err := c.st.Run(c.Context(), id)
	c.must(err)
	return r
}

// is checks where a run's latest attempt stands.
func (c *cluster) is(id run.ID, attempt int, state run.State, reason run.Reason) {
	c.Helper()
	if a := c.run(id).Attempt; a.Number != attempt || a.State != state || a.Reason != reason {
		c.Errorf("run %d is in attempt %d: %s, %s; want attempt %d: %s, %s", id, a.Number, a.State, a.Reason, attempt, state, reason)
	}
}

// story is what became of an attempt's jobs and of itself at its end: "name STATE reason".
func (c *cluster) story(id run.ID, attempt int) []string {
	c.Helper()
	ts, err := c.st.Transitions(c.Context(), id, 0, 0)
	c.must(err)
	var lines []string
	for _, t := range ts {
		if t.Attempt == attempt && !t.Mark() && t.To.Ended() {
			name := string(t.Job)
			if name == "" {
				name = "run"
			}
			lines = append(lines, fmt.Sprintf("%s %s %s", name, t.To, t.Reason))
		}
	}
	return lines
}

func (c *cluster) equal(got, want []string) {
	c.Helper()
	if !slices.Equal(got, want) {
		c.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// fails lets these jobs, or tries as "job/2", fail; all others succeed. Each takes a second.
func (c *cluster) fails(names ...string) {
	c.ends = func(t engine.Task) enginetest.End {
		e := enginetest.End{After: time.Second, Outcome: succeeded}
		if slices.Contains(names, string(t.ID.Job)) || slices.Contains(names, fmt.Sprintf("%s/%d", t.ID.Job, t.ID.Attempt)) {
			e.Outcome = failed
		}
		return e
	}
}

// started returns the tasks that began, in order.
func (c *cluster) started() (ids []string) {
	for _, p := range c.world.Ledger() {
		ids = append(ids, p.ID.String())
	}
	slices.Sort(ids)
	return ids
}

func (p *program) submit(wf *workflow.Workflow, opt runs.Options) *runs.Execution {
	p.c.Helper()
	e, err := p.Submit(p.ctx, wf, opt)
	p.c.must(err)
	return e
}

func (p *program) resume(id run.ID, req runs.Resume) *runs.Execution {
	p.c.Helper()
	e, err := p.Resume(p.ctx, p.c.run(id), req)
	p.c.must(err)
	return e
}

// wait waits for an execution's end and returns its run.
func (p *program) wait(e *runs.Execution) run.ID {
	p.c.Helper()
	_, err := e.Wait(p.ctx)
	p.c.must(err)
	return e.Run
}

// left begins to run a workflow and crashes after a while.
func (p *program) left(wf *workflow.Workflow, opt runs.Options, after time.Duration) run.ID {
	p.c.Helper()
	e := p.submit(wf, opt)
	time.Sleep(after)
	p.crash()
	_, _ = e.Wait(p.ctx) // so that its goroutines end; nobody hears what it says
	return e.Run
}
