package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC) }

// over sends a value over the API.
func over[T any](t *testing.T, v T) (back T) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// What is recorded is the same on the other side.
func TestTransitions(t *testing.T) {
	all := []run.Transition{
		{Seq: 1, Attempt: 1, From: run.Pending, To: run.Queued, Reason: run.Submitted, At: noon()},
		{Seq: 2, Attempt: 2, Job: "a", Try: 3, From: run.Running, To: run.Failed, Reason: run.Exited, Cause: "b", Detail: "d", At: noon(), Until: noon().Add(time.Minute), Outcome: &run.Outcome{
			State: run.Failed, Reason: run.Exited, ExitCode: 0, Signal: 9, Detail: "o", CPU: 1500 * time.Millisecond, MaxRSS: 1, Output: 2, Dropped: 3, Survivors: 4, Ended: noon().Add(-time.Hour),
		}},
		{Seq: 3, Attempt: 1, Job: "a", Try: 1, From: run.Running, To: run.Success, Reason: run.Exited, At: noon(), Outcome: &run.Outcome{
			State: run.Success, Reason: run.Signal, ExitCode: run.NoExitCode, Values: run.NewValues(map[string]string{"k": "v"}),
		}},
	}
	for i := range all {
		e := over(t, wire.TransitionOf(7, &all[i]))
		if got := e.Recorded(); !reflect.DeepEqual(got, all[i]) || e.Event != "transition" || e.Run != 7 {
			t.Errorf("got %+v\nwant %+v", got, all[i])
		}
	}
	if got := wire.TransitionsOf(7, all); len(got) != 3 || got[2].Seq != 3 || wire.TransitionsOf(7, nil) == nil {
		t.Errorf("got %+v", got)
	}
}

func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		job      run.JobID
		from, to run.State
		want     bool
	}{
		{"", run.Running, run.Success, true},
		{"", run.Running, run.Running, false},
		{"", run.Queued, run.Running, false},
		{"", run.Success, run.Success, false},
		{"a", run.Running, run.Success, false},
	} {
		e := wire.TransitionOf(1, &run.Transition{Job: tt.job, From: tt.from, To: tt.to})
		if e.Ends() != tt.want {
			t.Errorf("%+v: got %v", tt, e.Ends())
		}
	}
}

func TestAttempts(t *testing.T) {
	for _, a := range []store.Attempt{
		{Number: 1, State: run.Failed, Reason: run.JobFailed, Detail: "d", Hash: "h", CreatedAt: noon(), StartedAt: noon(), EndedAt: noon(), Counts: run.Counts{Total: 2, Failed: 1}},
		{Number: 2, CreatedAt: noon()},
	} {
		got := over(t, wire.AttemptOf(&a))
		if back := got.Store(); !reflect.DeepEqual(back, a) {
			t.Errorf("got %+v\nwant %+v", back, a)
		}
	}
}

func TestOptions(t *testing.T) {
	opt := runs.Options{
		Workers: 3, Parallel: true, Sequential: true, ContinueOnError: true, Skip: []run.JobID{"a"}, Env: []workflow.Var{{Name: "A", Value: "1"}},
		Force: true, ForceJobs: []run.JobID{"c"},
	}
	if got := over(t, wire.OptionsOf(opt)).Runs(); !reflect.DeepEqual(got, opt) {
		t.Errorf("got %+v", got)
	}
	opt.FailedOnly, opt.From = true, []run.JobID{"b"}
	r := wire.Resume{Options: wire.OptionsOf(opt), FailedOnly: true, From: []run.JobID{"b"}}
	if got := over(t, r).Runs(); !reflect.DeepEqual(got, opt) {
		t.Errorf("got %+v", got)
	}
}

func TestUsual(t *testing.T) {
	u := &runs.Usual{Run: 7, Took: 90 * time.Second, Jobs: map[run.JobID]time.Duration{"a": time.Minute, "b": 1500 * time.Millisecond}}
	if got := over(t, wire.UsualOf(u)).Runs(); !reflect.DeepEqual(got, u) {
		t.Errorf("got %+v", got)
	}
}

// An error is the same on the other side, but for what is nobody else's business.
func TestProblems(t *testing.T) {
	for _, code := range fault.Codes() {
		err := fault.Wrap(errors.New("because"), code, "it failed").(*fault.Error).WithHint("do this")
		p := wire.ProblemOf(err)
		want, hint := "it failed: because", "do this"
		switch code {
		case fault.Internal, fault.Cancelled:
			want = "it failed"
		case fault.Unavailable:
			want, hint = "it failed", "the service's log says why; try again later"
		}
		if p.Detail != want || p.Error() != want || p.Status != code.HTTPStatus() || p.GetStatus() != p.Status || p.Title == "" || p.Type != "about:blank" {
			t.Errorf("%s: got %+v", code, p)
		}
		sent := over(t, *p)
		back := sent.Fault()
		if fault.CodeOf(back) != code || fault.HintOf(back) != hint || back.Error() != want {
			t.Errorf("%s: got %+v", code, back)
		}
	}
	if p := wire.ProblemOf(errors.New("a secret path")); p.Detail != "something went wrong inside the server" || p.Status != http.StatusInternalServerError || p.ContentType("") != wire.ProblemType {
		t.Errorf("got %+v", p)
	}
	problems := workflow.Problems{{File: "f", Line: 1, Col: 2, Msg: "m"}}
	p := over(t, *wire.ProblemOf(&fault.Error{Code: fault.InvalidWorkflow, Msg: "not valid", Err: problems}))
	var back workflow.Problems
	if err := p.Fault(); !errors.As(err, &back) || !reflect.DeepEqual(back, problems) {
		t.Errorf("got %+v", p)
	}
}

// Whoever had a token was told where the database is, as whom the service uses it, and what to
// try on its host.
func TestAnAwayDatabaseIsNotDescribed(t *testing.T) {
	away := &fault.Error{
		Code: fault.Unavailable, Msg: "the database server can't be reached", At: "postgres://app@db.internal/app",
		Hint: "pg_isready -h db.internal", Op: "list runs", Err: errors.New("failed to connect to user=app database=app"),
	}
	for _, err := range []error{away, fmt.Errorf("the page: %w", away)} {
		p := wire.ProblemOf(err)
		if p.Detail != "the database server can't be reached" || p.Hint != "the service's log says why; try again later" || p.Status != http.StatusServiceUnavailable {
			t.Errorf("got %+v", p)
		}
	}
	if p := wire.ProblemOf(fault.New(fault.Unavailable, "it is stopping").WithHint("ask the next one")); p.Detail != "it is stopping" || p.Hint != "ask the next one" {
		t.Errorf("got %+v", p)
	}
}

// A plan says of each job why it would not run.
func TestPlan(t *testing.T) {
	job := func(id run.JobID, needs ...int) workflow.Job {
		return workflow.Job{ID: id, Command: "x", Needs: needs, Retry: &workflow.Retry{}}
	}
	wf := &workflow.Workflow{Application: "app", MaxWorkers: 2, Jobs: []workflow.Job{job("a"), job("b", 0), job("c", 1), job("d"), job("e", 0), job("f")}}
	wf.Jobs[3].Hook, wf.Jobs[5].Hook = workflow.HookFailure, workflow.HookSuccess
	wf.Jobs[4].On = []workflow.Ending{workflow.OnFailure}
	usual := &runs.Usual{Run: 3, Jobs: map[run.JobID]time.Duration{"b": time.Second, "c": 2 * time.Second, "f": time.Second}}
	p, err := runs.PreviewRun(wf, runs.Options{Skip: []run.JobID{"a"}}, usual)
	if err != nil {
		t.Fatal(err)
	}
	got := wire.PlanOf(p)
	if len(got.Order) != 3 || got.Order[0].ID != "b" || *got.Order[0].Seconds != 1 || got.BasedOn != 3 || got.Jobs != 6 || len(got.Waves) == 0 || got.CriticalSeconds == nil || got.Seconds == nil {
		t.Errorf("got %+v", got)
	}
	why := map[run.JobID]string{}
	for _, s := range got.Skipped {
		why[s.ID] = s.Why
	}
	want := map[run.JobID]string{
		"a": "skipped because --skip names it; what depends on it goes on", "d": "at the end (on_failure): only if the run does not succeed",
		"e": "only on failure of a",
	}
	if !reflect.DeepEqual(why, want) {
		t.Errorf("got %v", why)
	}
	for reason, text := range map[run.Reason]string{
		run.AlreadySucceeded: "it has succeeded already", run.NotSelected: "left out by --failed-only: it did not fail", run.FailuresAllowed: "it failed, and may",
		run.ConditionFalse: "its condition did not hold, and --failed-only asks for failed jobs", run.DependencySkipped: "it depends on a, which would be skipped",
		run.Stuck: "stuck",
	} {
		v := wire.PlanOf(&runs.Preview{Workflow: wf, Skipped: []runs.SkippedJob{{Job: 1, Reason: reason, Cause: "a"}}})
		if v.Skipped[0].Why != text || v.Skipped[0].Reason != reason {
			t.Errorf("%s: got %q", reason, v.Skipped[0].Why)
		}
	}
	for i, text := range map[int]string{5: "at the end (on_success): only if the run succeeds", 1: "what it waits for ended otherwise"} {
		v := wire.PlanOf(&runs.Preview{Workflow: wf, Skipped: []runs.SkippedJob{{Job: i, Reason: run.NotNeeded}}})
		if v.Skipped[0].Why != text {
			t.Errorf("%d: got %q", i, v.Skipped[0].Why)
		}
	}
	if v := wire.PlanOf(&runs.Preview{Workflow: wf, Skipped: []runs.SkippedJob{{Job: 1, Reason: run.DependencySkipped}}}); v.Skipped[0].Why != "what it depends on was skipped" {
		t.Errorf("got %+v", v)
	}
}

// Nothing of a password or a token is in what is said of users and tokens.
func TestAccounts(t *testing.T) {
	u := wire.UserOf(&store.User{Name: "ann", Password: "$argon2id$…", Created: noon(), Changed: noon()})
	b, err := json.Marshal(u)
	if err != nil || string(b) != `{"name":"ann","grants":[],"has_password":true,"created_at":"2026-11-22T12:00:00.123456Z","changed_at":"2026-11-22T12:00:00.123456Z"}` {
		t.Errorf("got %s, %v", b, err)
	}
	b, err = json.Marshal(wire.TokenOf(&store.Token{ID: "1", User: "ann", Name: "ci", Hash: "secret", Created: noon()}))
	if err != nil || string(b) != `{"id":"1","user":"ann","name":"ci","grants":[],"created_at":"2026-11-22T12:00:00.123456Z","expires_at":null,"last_used_at":null,"revoked_at":null}` {
		t.Errorf("got %s, %v", b, err)
	}
	r := wire.RegisteredOf(&store.Registered{Name: "n", Version: 2, Source: []byte("x")})
	if r.Source != "x" || r.Version != 2 {
		t.Errorf("got %+v", r)
	}
}
