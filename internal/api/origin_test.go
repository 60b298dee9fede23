package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
)

// A key that comes again with another request must not answer with the run of the first: the
// second would be lost.
func TestAnotherRequestWithOneKey(t *testing.T) {
	s := newSite(t)
	c := s.local().with("Idempotency-Key", "k1")
	flow := wire.Flow{Source: s.flow("app", "a: x")}
	var out wire.Submitted
	c.good(c.do(http.MethodPost, "/api/v1/runs?wait=30s", wire.Submit{Flow: flow}), &out)
	s.local().post("/api/v1/runs/1/resume?wait=30s", wire.Resume{From: []run.JobID{"a"}, Options: wire.Options{Workers: 2}}, nil)
	for _, tt := range []struct {
		name string
		body wire.Submit
		says string
	}{
		{"another workflow", wire.Submit{Flow: wire.Flow{Source: s.flow("app", "b: x")}}, "the idempotency key was used for run 1, which has other workflow or parameters"},
		{"another application", wire.Submit{Flow: wire.Flow{Source: s.flow("other", "a: x")}}, "the idempotency key was used for run 1, which has other workflow or parameters"},
		{"other options", wire.Submit{Flow: flow, Options: wire.Options{Workers: 3}}, "the idempotency key was used for run 1, which has other options"},
	} {
		if p := c.do(http.MethodPost, "/api/v1/runs", tt.body).problem(t); p.Code != fault.Conflict || p.Detail != tt.says {
			t.Errorf("%s: got %+v", tt.name, p)
		}
	}
	c.good(c.do(http.MethodPost, "/api/v1/runs", wire.Submit{Flow: flow}), &out)
	if out.Run != 1 || !out.Existing {
		t.Errorf("got %+v", out)
	}
}

// A run knows under which name and version its workflow was registered, and goes on with
// another version only when it is told to.
func TestRunOfRegistered(t *testing.T) {
	s := newSite(t)
	who := s.bearer(s.user("ann", access.Grant{Role: access.Author}))
	register := func(jobs ...string) {
		who.good(who.do(http.MethodPut, "/api/v1/workflows/nightly", wire.Register{Source: s.flow("one", jobs...), File: "/etc/nightly.yaml"}), nil)
	}
	register(`a: "false"`)
	var out wire.Submitted
	who.post("/api/v1/runs?wait=30s", wire.Submit{Flow: wire.Flow{Workflow: "nightly"}}, &out)
	if out.Registered != "nightly@1" || out.File != "" {
		t.Errorf("got %+v", out.View)
	}
	register(`a: "true"`)
	stands := func(when, registered string, attempt int) {
		t.Helper()
		var d wire.Details
		who.get("/api/v1/runs/1/details", &d)
		var list wire.List
		who.get("/api/v1/runs", &list)
		var opt runs.Options
		if err := json.Unmarshal(d.Options, &opt); err != nil {
			t.Fatal(err)
		}
		if d.View.Registered != registered || opt.Registered != registered || list.Runs[0].Registered != registered || d.View.Attempt != attempt {
			t.Errorf("%s: got %+v, %+v", when, d.View, opt)
		}
	}
	who.post("/api/v1/runs/1/resume?wait=30s", wire.Resume{From: []run.JobID{"a"}}, nil)
	stands("resumed", "nightly@1", 2)
	who.post("/api/v1/runs/1/resume?wait=30s", wire.Resume{Current: &wire.Flow{Workflow: "nightly"}, From: []run.JobID{"a"}}, nil)
	stands("with the newest", "nightly@2", 3)
	es, err := s.st.Audit(t.Context(), store.AuditFilter{Action: string(access.RunSubmit)})
	s.must(err)
	if len(es) != 1 || es[0].Object != "run 1" || es[0].Detail != "workflow nightly@1" {
		t.Errorf("got %+v", es)
	}
}

// Parameters may be numbers and truth values, and what may not be is no error of ours.
func TestParamsThatAreNoTexts(t *testing.T) {
	s := newSite(t)
	source := s.flow("app", "a: x") + "params: {n: {type: int}, yes: {type: bool, default: false}}\n"
	c := s.local()
	var out wire.Submitted
	c.post("/api/v1/runs?wait=30s", map[string]any{"source": source, "params": map[string]any{"n": 5, "yes": true}}, &out)
	var d wire.Details
	c.get("/api/v1/runs/1/details", &d)
	wf, err := workflow.Decode(d.Workflow)
	s.must(err)
	if n, yes := wf.Param("n").Value, wf.Param("yes").Value; n != "5" || yes != "true" {
		t.Errorf("got %q, %q", n, yes)
	}
	p := c.do(http.MethodPost, "/api/v1/runs", map[string]any{"source": source, "params": map[string]any{"n": []int{5}}}).problem(t)
	if p.Code != fault.Usage {
		t.Errorf("got %+v", p)
	}
	es, err := s.st.Audit(t.Context(), store.AuditFilter{Result: store.Failed})
	s.must(err)
	if len(es) != 1 || !strings.HasPrefix(es[0].Detail, "usage: ") {
		t.Errorf("got %+v", es)
	}
}
