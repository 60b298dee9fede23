package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/executionerhq/executioner/internal/engine"
	"github.com/executionerhq/executioner/internal/engine/enginetest"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

const ttl = 30 * time.Second

var (
	me  = store.Owner{Host: "here", PID: 1}
	you = store.Owner{Host: "there", PID: 2}

	ok     = run.Outcome{State: run.Success, Reason: run.Exited}
	failed = run.Outcome{State: run.Failed, Reason: run.Exited, ExitCode: 1}
)

// fixture is one run on a store in memory, with the bubble's clock.
type fixture struct {
	*testing.T
	st      *memstore.Store
	journal *journal
	world   *enginetest.World
	runner  *enginetest.Runner
	pub     *enginetest.Publisher
	wf      *workflow.Workflow
	ends    map[string]enginetest.End // by "job" or "job/try"; else ok after a second
	lease   store.Lease
	began   time.Time
	trouble []string // what Trouble was told, with the time
	cancel  context.CancelCauseFunc
	loop    *engine.Loop
}

// journal is a store whose writes a test can delay or refuse.
type journal struct {
	*memstore.Store
	onAppend func(ts []run.Transition) error // before anything is recorded
	onRenew  func() error
}

func (j *journal) Append(ctx context.Context, l store.Lease, ts []run.Transition) (int64, error) {
	if j.onAppend != nil {
		if err := j.onAppend(ts); err != nil {
			return 0, err
		}
	}
	return j.Store.Append(ctx, l, ts)
}

func (j *journal) Answer(ctx context.Context, l store.Lease, ts []run.Transition, request int) (int64, error) {
	if j.onAppend != nil {
		if err := j.onAppend(ts); err != nil {
			return 0, err
		}
	}
	return j.Store.Answer(ctx, l, ts, request)
}

func (j *journal) Renew(ctx context.Context, l store.Lease, ttl time.Duration) ([]store.Request, error) {
	if j.onRenew != nil {
		if err := j.onRenew(); err != nil {
			return nil, err
		}
	}
	return j.Store.Renew(ctx, l, ttl)
}

// bubble runs a test of a workflow with virtual time. Jobs are "name: need need".
func bubble(t *testing.T, jobs []string, test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, st: memstore.New(), wf: flow(jobs...), ends: map[string]enginetest.End{}, began: time.Now()}
		f.journal = &journal{Store: f.st}
		f.world = enginetest.New(t, f.st, f.end)
		f.runner = f.world.Runner()
		f.pub = enginetest.NewPublisher(t, f.st)
		l, err := f.st.CreateRun(t.Context(), store.NewRun{Attempt: store.NewAttempt{Jobs: len(f.wf.Jobs)}}, me, ttl)
		f.must(err)
		f.lease = l
		test(f)
	})
}

func flow(jobs ...string) *workflow.Workflow {
	wf := &workflow.Workflow{MaxWorkers: 10}
	for _, job := range jobs {
		name, needs, _ := strings.Cut(job, ":")
		j := workflow.Job{ID: run.JobID(name), Retry: &workflow.Retry{}}
		for _, need := range strings.Fields(needs) {
			j.Needs = append(j.Needs, wf.Index(run.JobID(need)))
		}
		wf.Jobs = append(wf.Jobs, j)
	}
	return wf
}

func (f *fixture) end(t engine.Task) enginetest.End {
	if e, ok := f.ends[fmt.Sprintf("%s/%d", t.ID.Job, t.ID.Try)]; ok {
		return e
	}
	if e, ok := f.ends[string(t.ID.Job)]; ok {
		return e
	}
	return enginetest.End{After: time.Second, Outcome: ok}
}

// retry lets every job be repeated max times, after delay.
func (f *fixture) retry(max int, delay time.Duration) {
	for i := range f.wf.Jobs {
		f.wf.Jobs[i].Retry = &workflow.Retry{
			Max: max, Delay: delay, Backoff: 1, MaxTime: 24 * time.Hour, OnStatus: []string{"FAILED"},
		}
	}
}

func (f *fixture) start() *engine.Loop {
	ctx, cancel := context.WithCancelCause(f.Context())
	f.cancel = cancel
	f.loop = engine.Start(ctx, engine.Config{
		Journal: f.journal, Runner: f.runner, Publisher: f.pub, Lease: f.lease, TTL: ttl, Trouble: f.told,
	}, plan.New(f.wf, plan.Options{Run: f.lease.Run}), 1)
	return f.loop
}

func (f *fixture) told(err error) {
	text := "it works"
	if err != nil {
		text = err.Error()
	}
	f.trouble = append(f.trouble, f.clock(time.Now())+" "+text)
}

// clock is a time since the test began.
func (f *fixture) clock(t time.Time) string { return t.Sub(f.began).String() }

// wait returns how the run ended, after it has looked whether all of it was published.
func (f *fixture) wait() run.Summary {
	f.Helper()
	sum, err := f.loop.Wait()
	f.must(err)
	f.must(f.runner.Close(true))
	ts := f.recorded()
	if got := f.pub.Published(); len(got) != len(ts) {
		f.Errorf("%d transitions recorded, %d published", len(ts), len(got))
	}
	r, err := f.st.Run(f.Context(), f.lease.Run)
	f.must(err)
	if r.Attempt.State != sum.State || r.Attempt.Reason != sum.Reason || r.Attempt.Counts != sum.Counts {
		f.Errorf("recorded is %+v, the loop says %+v", r.Attempt, sum)
	}
	return sum
}

// lost returns the error of a loop that could not go on.
func (f *fixture) lost(code fault.Code) error {
	f.Helper()
	sum, err := f.loop.Wait()
	if fault.CodeOf(err) != code || sum != (run.Summary{}) {
		f.Errorf("got %+v and a %q fault: %v", sum, fault.CodeOf(err), err)
	}
	f.must(f.runner.Close(true)) // returns because every task was stopped
	return err
}

func (f *fixture) recorded() []run.Transition {
	f.Helper()
	ts, err := f.st.Transitions(f.Context(), f.lease.Run, 0, 0)
	f.must(err)
	return ts
}

// story is what was recorded, one line per transition: when, what, why.
func (f *fixture) story() []string {
	var lines []string
	for _, t := range f.recorded() {
		who := string(t.Job)
		if t.Job == "" {
			who = "run"
		}
		if t.Try > 0 {
			who += fmt.Sprintf("/%d", t.Try)
		}
		move := t.From.String() + ">" + t.To.String()
		if t.Mark() {
			move = "mark"
		}
		line := strings.Join([]string{f.clock(t.At), who, move, string(t.Reason)}, " ")
		if t.Detail != "" {
			line += " (" + t.Detail + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// processes are the tasks that were started, with their beginning, end and outcome.
func (f *fixture) processes() []string {
	var lines []string
	for _, p := range f.world.Ledger() {
		line := fmt.Sprintf("%s %s", p.ID, f.clock(p.Began))
		if !p.Ended.IsZero() {
			line += fmt.Sprintf("-%s %s %s", f.clock(p.Ended), p.Outcome.State, p.Outcome.Reason)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) equal(got, want []string) {
	f.Helper()
	if !slices.Equal(got, want) {
		f.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (f *fixture) ended(sum run.Summary, state run.State, reason run.Reason) {
	f.Helper()
	if sum.State != state || sum.Reason != reason {
		f.Errorf("the run ended %s, %s; want %s, %s", sum.State, sum.Reason, state, reason)
	}
}
