// Package trial runs the tests of a workflow: each lets the workflow run in a simulation,
// where jobs end as the test says, and compares what happens with what is expected. No
// process is started and nothing is recorded.
package trial

import (
	"slices"
	"time"

	"github.com/executionerhq/executioner/internal/nearest"
	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/simulate"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Config is what tests are run with. Tests and Load are required.
type Config struct {
	Tests *workflow.Tests
	// Load reads the workflow with these values of its parameters, at that time.
	Load func(given []workflow.Given, now time.Time) (*workflow.Workflow, error)
	// Declared are the workflow's parameters; nil: they are not known.
	Declared []workflow.Param
	// Conditions evaluates conditions: see plan.Options.When. Nil: all of them hold.
	Conditions func(environ []string, a runs.Attempt) func(job int, f plan.Facts) (bool, error)
}

// Verdict is what came of one test.
type Verdict struct {
	Case        *workflow.TestCase
	Differences []Difference
	// Problems are names in the test that the workflow does not have.
	Problems workflow.Problems
}

// OK reports whether all was as expected.
func (v *Verdict) OK() bool { return len(v.Differences)+len(v.Problems) == 0 }

// Difference is something that was not as expected.
type Difference struct {
	What string `json:"what"` // such as jobs.load
	Want string `json:"want"`
	Got  string `json:"got"`
}

// defaultNow is when a run begins of which a test says nothing: the same on every day.
func defaultNow() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// Run runs one test. The error is one of the program, not of the test.
func Run(cfg Config, c *workflow.TestCase) (Verdict, error) {
	t := &trial{cfg: cfg, c: c, verdict: Verdict{Case: c}, now: c.Now}
	if t.now.IsZero() {
		t.now = defaultNow()
	}
	err := t.run()
	return t.verdict, err
}

// trial is a test that is being run.
type trial struct {
	cfg     Config
	c       *workflow.TestCase
	now     time.Time
	wf      *workflow.Workflow
	tries   map[int][]workflow.TestTry       // by job
	later   map[run.JobID][]workflow.TestTry // of jobs that may come at run time
	plan    *plan.Plan
	line    *simulate.Timeline
	unknown map[int]string // jobs that did not start for want of a value, and what of
	verdict Verdict
}

func (t *trial) run() error {
	given := make([]workflow.Given, len(t.c.Params))
	for i, p := range t.c.Params {
		given[i] = workflow.Given{Name: p.Name, Value: p.Value, From: "params: " + p.Name + "="}
	}
	if t.params(); len(t.verdict.Problems) > 0 {
		return nil
	}
	wf, err := t.cfg.Load(given, t.now)
	if !t.loaded(err) {
		return nil
	}
	shown := make([]string, len(wf.Secrets)) // what they are is nothing to be looked up for this
	for i := range shown {
		shown[i] = "***"
	}
	t.wf = wf.WithSecrets(shown)
	t.names()
	if len(t.verdict.Problems) > 0 {
		return nil
	}
	if err := t.simulate(); err != nil {
		return err
	}
	t.compare()
	return nil
}

// params looks up the parameters that the test names.
func (t *trial) params() {
	if t.cfg.Declared == nil {
		return
	}
	names := make([]string, len(t.cfg.Declared))
	for i := range names {
		names[i] = t.cfg.Declared[i].Name
	}
	for _, p := range t.c.Params {
		if !slices.Contains(names, p.Name) {
			t.problem(p.At, meant(p.Name, names), "test "+quote(t.c.Name)+": the workflow has no parameter "+quote(p.Name))
		}
	}
}

// names looks up all jobs that the test names.
func (t *trial) names() {
	t.tries = make(map[int][]workflow.TestTry)
	t.later = make(map[run.JobID][]workflow.TestTry)
	for _, play := range t.c.Jobs {
		if t.wf.MayMake(play.ID) {
			t.later[play.ID] = play.Tries
			continue
		}
		for _, i := range t.members(play.TestJob) {
			t.tries[i] = play.Tries
			if t.wf.Jobs[i].Command == "" {
				t.problem(play.At, "", "job "+quote(string(play.ID))+" has no command, so it always succeeds")
			}
		}
	}
	for _, job := range t.c.Skip {
		t.members(job)
	}
	for i := range t.c.Wants {
		w := &t.c.Wants[i]
		if w.Job != "" {
			t.members(workflow.TestJob{ID: w.Job, At: w.At})
		}
		for _, job := range w.Jobs {
			t.members(job)
		}
	}
}

// triesOf returns how the tries of a job go. One that came at run time goes like the job
// that it was made of, unless the test says more.
func (t *trial) triesOf(j *workflow.Job, job int) []workflow.TestTry {
	if tries, ok := t.later[j.ID]; ok {
		return tries
	}
	like, _ := t.plan.Loaded(job)
	return t.tries[like]
}

// members returns the jobs that a name stands for, or reports that there is none. Those
// that may come at run time are looked for when it is over.
func (t *trial) members(job workflow.TestJob) []int {
	wf := t.wf
	if t.line != nil {
		wf = t.line.Workflow
	} else if wf.MayMake(job.ID) {
		return nil
	}
	if i := wf.Index(job.ID); i >= 0 {
		return []int{i}
	}
	if members := wf.Members(job.ID); len(members) > 0 {
		return members
	}
	names := make([]string, len(wf.Jobs))
	for i := range wf.Jobs {
		names[i] = string(wf.Jobs[i].ID)
	}
	t.problem(job.At, meant(string(job.ID), names), "test "+quote(t.c.Name)+": there is no job "+quote(string(job.ID)))
	return nil
}

// meant guesses which of the names was meant.
func meant(name string, names []string) string {
	if near := nearest.Of(name, names); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	return ""
}

func (t *trial) problem(at workflow.Pos, hint, msg string) {
	p := t.cfg.Tests.Problem(at, hint, msg)
	for _, known := range t.verdict.Problems {
		if known.Line == p.Line && known.Col == p.Col {
			return
		}
	}
	t.verdict.Problems = append(t.verdict.Problems, p)
}

// simulate lets the workflow run as the test says.
func (t *trial) simulate() error {
	c := t.c
	opt := runs.Options{
		Workers: c.Workers, Parallel: c.Workers > 1 && !c.Sequential, Sequential: c.Sequential,
		ContinueOnError: c.ContinueOnError, Env: c.Env,
	}
	for _, job := range c.Skip {
		opt.Skip = append(opt.Skip, job.ID)
	}
	var when func(int, plan.Facts) (bool, error)
	if t.cfg.Conditions != nil {
		when = t.cfg.Conditions(t.shell(), runs.Attempt{Run: 1, Number: 1, Workflow: t.wf, Options: opt})
	}
	made, err := runs.Imagined(t.wf, opt, when)
	if err != nil {
		return err
	}
	var events []simulate.Event
	if c.Cancel > 0 {
		events = append(events, simulate.Event{After: c.Cancel, Input: plan.Cancel{Reason: run.RunCancelled}})
	}
	t.plan = plan.New(t.wf, made)
	t.line, err = simulate.Run(simulate.Config{Plan: t.plan, Start: t.now, Play: t.play, Events: events})
	return err
}

// shell is the environment that jobs inherit.
func (t *trial) shell() []string {
	list := make([]string, len(t.c.Shell))
	for i, v := range t.c.Shell {
		list[i] = v.Name + "=" + v.Value
	}
	return list
}

// play says how a try goes. As in a run, a job whose values are not known does not start.
func (t *trial) play(job, try int) simulate.Play {
	j := &t.plan.Workflow().Jobs[job]
	if _, missing := j.Known(t.plan.Handed(job).Map()); missing != "" && j.Command != "" && j.Each == nil {
		if t.unknown == nil {
			t.unknown = make(map[int]string)
		}
		t.unknown[job] = missing
		return simulate.Of(j, simulate.Play{Outcome: run.Failure(run.StartFailed, missing)})
	}
	var took time.Duration
	for _, p := range t.triesOf(j, job) {
		if p.Times == 0 || try <= p.Times {
			return simulate.Of(j, end(j, &p))
		}
		try -= p.Times
		took = p.Took
	}
	return simulate.Of(j, simulate.Exit(0, took))
}

// end is a try that goes as a test says.
func end(j *workflow.Job, t *workflow.TestTry) simulate.Play {
	if t.Timeout {
		return simulate.TimedOut(j)
	}
	if t.Reason == "" {
		p := simulate.Exit(t.Exit, t.Took)
		if t.Exit == 0 {
			p.Outcome.Values = t.Values
		}
		return p
	}
	o := run.Failure(t.Reason, "")
	switch t.Reason {
	case run.PostcheckFailed:
		o.ExitCode = 0 // the command ended well
	case run.Signal, run.OOMKilled:
		o.Signal = 9
	}
	return simulate.Play{Took: t.Took, Outcome: o}
}
