package api_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/workflow"
)

func newLog(l *logged) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestSubmitAndShow(t *testing.T) {
	s := newSite(t)
	c := s.local()
	a := c.do(http.MethodPost, "/api/v1/runs?wait=30s", wire.Submit{Flow: wire.Flow{Source: s.flow("app", "a: x", "b: x < a")}})
	if a.status != http.StatusCreated || a.header.Get("Location") != "/api/v1/runs/1" {
		t.Fatalf("got %d, %v: %s", a.status, a.header, a.body)
	}
	want, err := s.runs.Find(t.Context(), "1", "")
	s.must(err)
	d, err := s.runs.Show(t.Context(), want)
	s.must(err)
	text, err := json.Marshal(d.View)
	s.must(err)
	for _, path := range []string{"/api/v1/runs/1", "/api/v1/runs/@latest", "/runs/1"} {
		got := c.do(http.MethodGet, path, nil)
		if strings.TrimSpace(string(got.body)) != string(text) || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %v\n%s\nwant\n%s", path, got.header, got.body, text)
		}
	}
	if d.View.State != run.Success || len(d.View.Jobs) != 2 || want.By != owner(t) {
		t.Errorf("recorded is %+v", want)
	}
}

// The shape of the plan documents answers as well.
func TestOldShapes(t *testing.T) {
	s := newSite(t)
	var out wire.Submitted
	s.local().post("/workflows?wait=30s", wire.Submit{Flow: wire.Flow{Source: s.flow("app", "a: x")}}, &out)
	var v runs.View
	s.local().get("/runs/1", &v)
	if out.Run != 1 || v.State != run.Success {
		t.Errorf("got %+v, %+v", out, v)
	}
}

func TestSubmitTwiceWithOneKey(t *testing.T) {
	s := newSite(t)
	c := s.local().with("Idempotency-Key", "k1")
	body := wire.Submit{Flow: wire.Flow{Source: s.flow("app", "a: x")}}
	var first, second, other wire.Submitted
	if a := c.do(http.MethodPost, "/api/v1/runs", body); a.status != http.StatusCreated {
		t.Fatalf("got %d: %s", a.status, a.body)
	} else {
		c.good(a, &first)
	}
	if a := c.do(http.MethodPost, "/api/v1/runs", body); a.status != http.StatusOK {
		t.Fatalf("got %d: %s", a.status, a.body)
	} else {
		c.good(a, &second)
	}
	s.local().with("Idempotency-Key", "k2").post("/api/v1/runs", body, &other)
	if first.Run != 1 || second.Run != 1 || !second.Existing || first.Existing || other.Run != 2 || other.Existing {
		t.Errorf("got %+v\n%+v\n%+v", first, second, other)
	}
}

func TestWaitIsBounded(t *testing.T) {
	s := newSite(t)
	var out wire.Submitted
	s.local().post("/api/v1/runs?wait=50ms", wire.Submit{Flow: wire.Flow{Source: s.flow("app", "block: x")}}, &out)
	if out.State.Ended() {
		t.Errorf("got %+v", out)
	}
}

func TestSubmitRefuses(t *testing.T) {
	s := newSite(t)
	good := s.flow("app", "a: x")
	tests := []struct {
		name   string
		path   string
		body   any
		status int
		code   fault.Code
		detail string
	}{
		{"nothing", "", wire.Submit{}, 400, fault.Usage, "say which workflow"},
		{"both", "", wire.Submit{Flow: wire.Flow{Source: good, Workflow: "w"}}, 400, fault.Usage, "say which workflow"},
		{"an invalid workflow", "", wire.Submit{Flow: wire.Flow{Source: "jobs: [{id: a}, {id: a}]"}}, 422, fault.InvalidWorkflow, ""},
		{"a job that is not there", "", wire.Submit{Flow: wire.Flow{Source: good}, Options: wire.Options{Skip: []run.JobID{"b"}}}, 404, fault.NotFound, `there is no job "b" in app`},
		{"a workflow that is not there", "", wire.Submit{Flow: wire.Flow{Workflow: "nightly"}}, 404, fault.NotFound, "no workflow nightly is registered and enabled"},
		{"a version that is none", "", wire.Submit{Flow: wire.Flow{Workflow: "nightly@x"}}, 400, fault.Usage, `"x" is not a version`},
		{"a relative dir", "", wire.Submit{Flow: wire.Flow{Source: good, Dir: "x"}}, 400, fault.Usage, "dir is not absolute"},
		{"no JSON", "", "{", 400, fault.Usage, ""},
		{"an unknown field", "", `{"source":"x","bogus":1}`, 400, fault.Usage, "body.bogus: unexpected property"},
		{"a wrong type", "", `{"source":7}`, 400, fault.Usage, "body.source: expected string"},
		{"an unknown parameter", "?bogus=1", wire.Submit{Flow: wire.Flow{Source: good}}, 400, fault.Usage, "query.bogus: unknown query parameter"},
		{"a wait that is none", "?wait=soon", wire.Submit{Flow: wire.Flow{Source: good}}, 400, fault.Usage, "wait is not a duration"},
		{"no body", "", nil, 400, fault.Usage, "request body is required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.local().do(http.MethodPost, "/api/v1/runs"+tt.path, tt.body)
			p := a.problem(t)
			if a.status != tt.status || p.Code != tt.code || tt.detail != "" && p.Detail != tt.detail || p.RequestID == "" || p.RequestID != a.header.Get("X-Request-Id") {
				t.Errorf("got %d %+v", a.status, p)
			}
			if tt.code == fault.InvalidWorkflow && len(p.Problems) == 0 {
				t.Error("it has no problems")
			}
		})
	}
	var list wire.List
	s.local().get("/api/v1/runs", &list)
	if len(list.Runs) != 0 {
		t.Errorf("there are %+v", list.Runs)
	}
}

// What was sent is not repeated in an error: it may be a secret.
func TestErrorsRepeatNoValues(t *testing.T) {
	s := newSite(t)
	for _, body := range []string{
		`{"source":"` + canary, `{"options":{"workers":"` + canary + `"}}`, `{"params":["` + canary + `"]}`,
		`{"options":{"env":[{"name":"A","value":["` + canary + `"]}]}}`,
	} {
		a := s.local().do(http.MethodPost, "/api/v1/runs", body)
		if a.status != http.StatusBadRequest || strings.Contains(string(a.body), canary) {
			t.Errorf("%s: got %d %s", body, a.status, a.body)
		}
	}
}

func TestList(t *testing.T) {
	s := newSite(t)
	c := s.local()
	for range 3 {
		c.ended(s.flow("one", "a: x"))
	}
	c.ended(s.flow("two", "bad: x"))
	numbers := func(query string) (ids []run.ID, next run.ID) {
		t.Helper()
		var list wire.List
		c.get("/api/v1/runs"+query, &list)
		for _, v := range list.Runs {
			ids = append(ids, v.Run)
		}
		if list.Next != nil {
			next = *list.Next
		}
		return ids, next
	}
	tests := []struct {
		query string
		want  []run.ID
		next  run.ID
	}{
		{"", []run.ID{4, 3, 2, 1}, 0},
		{"?limit=2", []run.ID{4, 3}, 3},
		{"?limit=2&before=3", []run.ID{2, 1}, 0},
		{"?limit=2&cursor=3", []run.ID{2, 1}, 0},
		{"?application=one", []run.ID{3, 2, 1}, 0},
		{"?application=none", nil, 0},
		{"?state=failed", []run.ID{4}, 0},
		{"?state=FAILED,success&limit=1", []run.ID{4}, 4},
		{"?since=2100-01-01T00:00:00Z", nil, 0},
		{"?until=2100-01-01T00:00:00Z&limit=4", []run.ID{4, 3, 2, 1}, 0},
	}
	for _, tt := range tests {
		if got, next := numbers(tt.query); !slices.Equal(got, tt.want) || next != tt.next {
			t.Errorf("%s: got %v, %v", tt.query, got, next)
		}
	}
	for _, query := range []string{"?state=odd", "?since=yesterday", "?until=x", "?limit=-1", "?limit=x", "?before=-1", "?bogus=1"} {
		if a := c.do(http.MethodGet, "/api/v1/runs"+query, nil); a.status != http.StatusBadRequest || a.problem(t).Code != fault.Usage {
			t.Errorf("%s: got %d %s", query, a.status, a.body)
		}
	}
}

// Details are enough to have a run elsewhere just as it is here.
func TestDetails(t *testing.T) {
	s := newSite(t)
	c := s.local()
	var out wire.Submitted
	c.post("/api/v1/runs?wait=30s", wire.Submit{
		Flow:    wire.Flow{Source: s.flow("app", "a: x", "bad: x < a", "c: x < bad")},
		Options: wire.Options{Workers: 2, Env: []wire.Variable{{Name: "DAY", Value: "1"}, {Name: "API_TOKEN", Value: canary}}},
	}, &out)
	c.post("/api/v1/runs/1/mark-success", wire.MarkRequest{Jobs: []run.JobID{"bad"}, Note: "by hand"}, nil)
	var got wire.Details
	c.get("/api/v1/runs/1/details", &got)

	r, err := s.st.Run(t.Context(), 1)
	s.must(err)
	want, err := s.runs.Show(t.Context(), r)
	s.must(err)
	wf, err := workflow.Decode(got.Workflow)
	s.must(err)
	if !reflect.DeepEqual(wf, want.Workflow) {
		t.Errorf("the workflow is %+v\nwant %+v", wf, want.Workflow)
	}
	var ts []run.Transition
	for i := range got.Transitions {
		ts = append(ts, got.Transitions[i].Recorded())
	}
	if !reflect.DeepEqual(ts, want.History.Transitions) {
		t.Errorf("the history is %+v\nwant %+v", ts, want.History.Transitions)
	}
	a := got.Attempts[0].Store()
	if wantA := want.Attempts[0]; a.State != wantA.State || !a.EndedAt.Equal(wantA.EndedAt) || a.Counts != wantA.Counts || a.Hash != wantA.Hash {
		t.Errorf("the attempt is %+v", a)
	}
	if len(got.Overrides) != 1 || run.Override(got.Overrides[0]) != want.History.Overrides[0] || got.View.Run != 1 {
		t.Errorf("got %+v", got)
	}
	if !regexp.MustCompile(`^{"workers":2,"env":\[{"Name":"DAY","Value":"1"},{"Name":"API_TOKEN","Value":"\*\*\*"}\],"service":true,"request":"[\w-]{16}"}$`).Match(got.Options) {
		t.Errorf("options are %s", got.Options)
	}
	var snapshot json.RawMessage
	c.get("/api/v1/runs/1/workflow", &snapshot)
	if string(snapshot) != string(got.Workflow) {
		t.Errorf("the snapshot is %s", snapshot)
	}
}

func TestJobTryAndTransitions(t *testing.T) {
	s := newSite(t)
	c := s.local()
	c.ended(s.flow("app", "a: x", "sub/bad: x < a"))
	var j runs.JobView
	c.get("/api/v1/runs/1/jobs/sub%2Fbad", &j)
	if j.ID != "sub/bad" || j.State != run.Success {
		t.Errorf("got %+v", j)
	}
	var try wire.Try
	c.get("/api/v1/runs/1/jobs/a/tries/1", &try)
	if try.State != run.Success || len(try.Changes) != 2 || try.Changes[0].To != run.Running || try.Changes[1].Outcome == nil || *try.Changes[1].ExitCode != 0 {
		t.Errorf("got %+v", try)
	}
	for path, want := range map[string]fault.Code{
		"/api/v1/runs/1/jobs/a/tries/2": fault.NotFound, "/api/v1/runs/1/jobs/zz/tries/1": fault.NotFound, "/api/v1/runs/1/jobs/zz": fault.NotFound,
		"/api/v1/runs/9": fault.NotFound, "/api/v1/runs/x": fault.Usage, "/api/v1/runs/1/jobs/a/tries/0": fault.Usage,
		"/api/v1/runs/1/jobs/a/tries/1?attempt=2": fault.NotFound, "/api/v1/runs/1/explain?job=zz": fault.NotFound,
	} {
		if p := c.do(http.MethodGet, path, nil).problem(t); p.Code != want {
			t.Errorf("%s: got %+v", path, p)
		}
	}
	all, err := s.st.Transitions(t.Context(), 1, 0, 0)
	s.must(err)
	var first, rest wire.Transitions
	c.get("/api/v1/runs/1/transitions?limit=3", &first)
	if first.Next == nil || *first.Next != 3 {
		t.Fatalf("got %+v", first)
	}
	c.get("/api/v1/runs/1/transitions?after=3", &rest)
	if got := append(first.Transitions, rest.Transitions...); !reflect.DeepEqual(got, wire.TransitionsOf(1, all)) || rest.Next != nil {
		t.Errorf("got %+v", got)
	}
	var e wire.Explanation
	c.get("/api/v1/runs/1/explain?job=a", &e)
	if e.State != run.Success || len(e.Decisions) == 0 || e.Job != "a" {
		t.Errorf("got %+v", e)
	}
}

func TestCancelResumeRetryMark(t *testing.T) {
	s := newSite(t)
	c := s.local()
	id := c.submit(s.flow("app", "block: x", "a: x < block", "bad: x"))
	s.until("bad has failed", func() bool {
		var j runs.JobView
		c.get("/api/v1/runs/1/jobs/bad", &j)
		return j.State == run.Failed
	})
	c.post("/api/v1/runs/1/cancel", nil, nil)
	s.until("the run has ended", func() bool { return s.state(id) == run.Cancelled })
	s.until("there is nothing left to cancel", func() bool {
		a := c.do(http.MethodPost, "/api/v1/runs/1/cancel", nil)
		return a.status != 200 && a.problem(t).Code == fault.Conflict
	})

	var m wire.Marked
	c.post("/api/v1/runs/1/mark-success", wire.MarkRequest{Jobs: []run.JobID{"bad", "bad"}, Note: "n"}, &m)
	if !reflect.DeepEqual(m, wire.Marked{Run: 1, Attempt: 1, Marked: []run.JobID{"bad"}, Already: []run.JobID{}, By: owner(t), Note: "n"}) {
		t.Errorf("got %+v", m)
	}
	var p wire.Plan
	c.post("/api/v1/runs/1/plan", wire.Resume{}, &p)
	if p.Run != 1 || p.Attempt != 2 || len(p.Order) != 2 || len(p.Skipped) != 1 || p.Skipped[0].Why == "" {
		t.Errorf("got %+v", p)
	}
	s.runner.release()
	var v runs.View
	c.post("/api/v1/runs/1/resume?wait=30s", nil, &v)
	if v.State != run.Success || v.Attempt != 2 {
		t.Fatalf("got %+v", v)
	}
	if p := c.do(http.MethodPost, "/api/v1/runs/1/resume", wire.Resume{FailedOnly: true}).problem(t); p.Code != fault.Conflict {
		t.Errorf("got %+v", p)
	}
	c.post("/api/v1/runs/1/jobs/block/retry", nil, nil)
	s.until("the third attempt has ended", func() bool { return s.state(id).Ended() })
	c.get("/api/v1/runs/1", &v)
	if v.Attempt != 3 || v.State != run.Success {
		t.Errorf("got %+v", v)
	}
}

func (s *site) state(id run.ID) run.State {
	s.Helper()
	r, err := s.st.Run(s.Context(), id)
	s.must(err)
	return r.Attempt.State
}

func TestCancelOneJobAndDrain(t *testing.T) {
	s := newSite(t)
	c := s.local()
	c.submit(s.flow("app", "block1: x", "block2: x"))
	running := func(job string) func() bool {
		return func() bool {
			var j runs.JobView
			c.get("/api/v1/runs/@latest/jobs/"+job, &j)
			return j.State == run.Running
		}
	}
	s.until("it runs", running("block1"))
	c.post("/api/v1/runs/1/jobs/block1/cancel", nil, nil)
	s.until("the job was cancelled", func() bool {
		var j runs.JobView
		c.get("/api/v1/runs/1/jobs/block1", &j)
		return j.State == run.Cancelled
	})
	for _, body := range []wire.Cancel{{Drain: true, Jobs: []run.JobID{"block2"}}, {Jobs: []run.JobID{"zz"}}} {
		if a := c.do(http.MethodPost, "/api/v1/runs/1/cancel", body); a.status/100 != 4 {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	c.post("/api/v1/runs/1/cancel", wire.Cancel{Drain: true}, nil)
	s.runner.release()
	s.until("it has ended", func() bool { return s.state(1).Ended() })
}

func TestValidateAndPlan(t *testing.T) {
	s := newSite(t)
	c := s.local()
	var v wire.Checked
	c.post("/api/v1/validate", wire.Flow{Source: s.flow("app", "a: x"), Name: "f.yaml"}, &v)
	if !reflect.DeepEqual(v, wire.Checked{File: "f.yaml", OK: true, Application: "app", Jobs: 1, Problems: []workflow.Problem{}}) {
		t.Errorf("got %+v", v)
	}
	c.post("/api/v1/validate", wire.Flow{Source: s.flow("app", "a: x") + "bogus: 1\n"}, &v)
	if !v.OK || len(v.Problems) != 1 {
		t.Errorf("got %+v", v)
	}
	c.post("/api/v1/validate?strict=true", wire.Flow{Source: s.flow("app", "a: x") + "bogus: 1\n"}, &v)
	if v.OK || len(v.Problems) != 1 {
		t.Errorf("got %+v", v)
	}
	c.post("/api/v1/validate", wire.Flow{Source: "jobs: 7"}, &v)
	if v.OK || len(v.Problems) == 0 {
		t.Errorf("got %+v", v)
	}
	var p wire.Plan
	c.post("/api/v1/plan", wire.Submit{Flow: wire.Flow{Source: s.flow("app", "a: x", "b: x < a")}, Options: wire.Options{Skip: []run.JobID{"a"}}}, &p)
	if p.Application != "app" || len(p.Order) != 1 || p.Order[0].ID != "b" || len(p.Skipped) != 1 || p.Skipped[0].Reason != run.SkipRequested {
		t.Errorf("got %+v", p)
	}
	c.ended(s.flow("app", "a: x"))
	var u wire.Usual
	c.get("/api/v1/applications/app/usual", &u)
	if u.Run != 1 || len(u.Jobs) != 1 {
		t.Errorf("got %+v", u)
	}
	if p := c.do(http.MethodGet, "/api/v1/applications/none/usual", nil).problem(t); p.Code != fault.NotFound {
		t.Errorf("got %+v", p)
	}
	var left struct{ PIDs []int }
	c.get("/api/v1/runs/1/leftovers", &left)
	if len(left.PIDs) != 0 {
		t.Errorf("got %+v", left)
	}
}

func TestSystem(t *testing.T) {
	s := newSite(t)
	var health struct{ Status string }
	s.nobody().get("/healthz/live", &health)
	s.nobody().get("/healthz/ready", &health)
	if health.Status != "ready" {
		t.Errorf("got %+v", health)
	}
	var v map[string]string
	s.local().get("/api/v1/version", &v)
	if v["version"] != "test" {
		t.Errorf("got %v", v)
	}
	for path, kind := range map[string]string{"/docs": "text/html", "/docs.js": "text/javascript", "/docs.css": "text/css", "/openapi.json": "application/openapi+json"} {
		a := s.nobody().do(http.MethodGet, path, nil)
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), kind) || strings.Contains(string(a.body), "//unpkg") {
			t.Errorf("%s: got %d %v", path, a.status, a.header)
		}
	}
	s.svc.Close()
	if p := s.nobody().do(http.MethodGet, "/healthz/ready", nil).problem(t); p.Code != fault.Unavailable {
		t.Errorf("got %+v", p)
	}
}
