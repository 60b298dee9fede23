package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// The secrets of TestSecretsInEveryText, by where a workflow has them.
var secretsBy = map[string]string{
	"flow":     "canary-flow-0a1b2c3d",
	"job":      "canary-job-4e5f6071",
	"sub":      "canary-sub-8293a4b5",
	"called":   "canary-called-c6d7e8f9",
	"param":    "canary-param-1f2e3d4c",
	"mail":     "canary-mail-5b6a7988",
	"override": "canary-override-97a6b5c4",
	"host":     "canary-host-d3e2f1a0",
	"declared": "canary-declared-b1c2d3e4",
}

// everySecret has all that can be found out from what is stored.
func everySecret(but ...string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(secretsBy)) {
		if name != "param" && !slices.Contains(but, name) { // its value is stored nowhere
			all = append(all, secretsBy[name])
		}
	}
	return strings.Join(all, " ")
}

// secretFlow has each of the secrets, and all of them in every text that there is.
func secretFlow(s *site) string {
	r := []string{"DIR", s.dir, "APP", "app"}
	for name, value := range secretsBy {
		r = append(r, "<"+name+">", value)
	}
	r = append(r, "TEXTS", everySecret(), "PARTS", everySecret("host", "declared")) // the log of a run has only what its workflow says
	return strings.NewReplacer(r...).Replace(`application_name: APP
working_dir: DIR
log_dir: DIR
parallel: true
max_workers: 4
continue_on_error: true
email_address: ann@example.com
smtp_user: "TEXTS"
smtp_password: <mail>
inherit_shell_env: true
env_variables: {DB_PASSWORD: <flow>, TEXT: "TEXTS"}
params:
  pin: {secret: true, required: true}
  day: {default: "TEXTS", description: "TEXTS"}
secrets:
  LOGIN: {env: DECLARED_LOGIN}
  OTHER: {command: "ask TEXTS"}
checks:
  mine: {description: "TEXTS", command: [ask, "TEXTS"]}
jobs:
  - {id: holds, command: "true", env_variables: {API_TOKEN: <job>}}
  - {id: calls, workflow: sub.yaml, env_variables: {CALL_TOKEN: <called>}}
  - id: says
    description: "TEXTS"
    owner: "TEXTS"
    tags: ["TEXTS"]
    command: [print, "TEXTS"]
    env_variables: {TEXT: "TEXTS"}
    pre_checks: [{name: mine}, {name: file_exists, params: {path: "TEXTS"}}]
    outputs: ["TEXTS"]
  - {id: bad, command: "print TEXTS", when: "'PARTS' != ''"}
  - {id: never, command: "print TEXTS", when: "'PARTS' == ''"}
  - {id: last, command: "print TEXTS", dependencies: [bad, never]}
`)
}

// TestSecretsInEveryText puts nine kinds of secrets into every text of a run and looks for
// them in all that is told of it.
func TestSecretsInEveryText(t *testing.T) {
	var s *site
	s = newSite(t, func(c *api.Config) {
		c.Environ = []string{"HOST_PASSWORD=" + secretsBy["host"], "DECLARED_LOGIN=" + secretsBy["declared"]}
		c.Load = func(_ context.Context, text api.Text) (*workflow.Workflow, error) {
			return workflow.Load(text.Source, workflow.Host{
				Home: s.dir, Dir: s.dir, Now: time.Now(), Params: text.Params, ParamsLater: text.Look,
				ReadFile: func(path string) ([]byte, error) {
					if !strings.HasSuffix(path, "sub.yaml") {
						return nil, fs.ErrNotExist
					}
					return []byte("application_name: sub\nworking_dir: " + s.dir + "\nenv_variables: {SUB_PASSWORD: " + secretsBy["sub"] + "}\njobs:\n  - {id: inner, command: \"true\"}\n"), nil
				},
			})
		}
	})
	source := secretFlow(s)
	all := everySecret("host", "declared") // a real runner hides these
	s.runner.says = run.Outcome{State: run.Failed, Reason: run.StartFailed, ExitCode: run.NoExitCode, Detail: all, Values: run.NewValues(map[string]string{"told": all})}
	c := s.local()
	seen := map[string]string{}
	add := func(from string, a answer) {
		s.Helper()
		if a.status >= 500 {
			t.Errorf("%s: status %d: %s", from, a.status, a.body)
		}
		seen[from] = string(a.body) + fmt.Sprint(a.header)
	}
	pin := map[string]string{"pin": secretsBy["param"]}
	submit := wire.Submit{Flow: wire.Flow{Source: source, Params: pin}, Options: wire.Options{Env: []wire.Variable{{Name: "MY_TOKEN", Value: secretsBy["override"]}, {Name: "TEXT", Value: all}}}}
	a := c.do(http.MethodPost, "/api/v1/runs?wait=30s", submit)
	c.good(a, nil)
	add("submit", a)
	add("mark", c.do(http.MethodPost, "/api/v1/runs/1/mark-success", wire.MarkRequest{Jobs: []run.JobID{"bad"}, Note: "looked at it"}))
	a = c.do(http.MethodPost, "/api/v1/runs/1/resume?wait=30s", wire.Resume{FailedOnly: true, Params: pin})
	c.good(a, nil)
	add("resume", a)
	add("plan", c.do(http.MethodPost, "/api/v1/plan", submit))
	add("validate", c.do(http.MethodPost, "/api/v1/validate", submit.Flow))
	add("plan resume", c.do(http.MethodPost, "/api/v1/runs/1/plan", wire.Resume{Params: pin}))
	add("plan resume with", c.do(http.MethodPost, "/api/v1/runs/1/plan", wire.Resume{Current: &submit.Flow}))
	add("cancel", c.do(http.MethodPost, "/api/v1/runs/1/cancel", nil))
	source = strings.ReplaceAll(source, secretsBy["override"], "") // which nobody has given there
	for _, text := range []string{source, strings.Replace(source, "print", "write", 1)} {
		a = c.do(http.MethodPut, "/api/v1/workflows/nightly", wire.Register{Source: text})
		c.good(a, nil)
		add("register", a)
	}
	operator := s.bearer(s.user("operator", access.Grant{Role: access.Operator}))
	byName := wire.Submit{Flow: wire.Flow{Workflow: "nightly", Params: map[string]string{"nothing": "x"}}}
	add("bad param", operator.do(http.MethodPost, "/api/v1/runs", byName))
	viewer := s.bearer(s.user("viewer", access.Grant{Role: access.Viewer}))
	paths := []string{"/api/v1/workflows/nightly/diff?from=1&to=2", "/api/v1/applications/app/usual"}
	for _, job := range []string{"says", "bad", "never", "last", "calls/inner"} {
		escaped := strings.ReplaceAll(job, "/", "%2F")
		paths = append(paths, "/api/v1/runs/1/jobs/"+escaped, "/api/v1/runs/1/jobs/"+escaped+"/tries/1?attempt=1", "/api/v1/runs/1/explain?job="+escaped)
	}
	for _, row := range api.Rows() {
		if row.Method != http.MethodGet || row.ID == "follow-all" {
			continue
		}
		path, _ := s.request(row)
		paths = append(paths, strings.NewReplacer("=one", "=app", "/one/", "/app/", "/a/", "/says/").Replace(path))
	}
	for _, path := range paths {
		add(path, viewer.do(http.MethodGet, path, nil))
	}
	for from, text := range seen {
		for name, secret := range secretsBy {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s: the secret %s is in …%s…", from, name, text[max(0, i-120):min(len(text), i+40)])
			}
		}
	}
	var d wire.Details
	c.get("/api/v1/runs/1/details", &d)
	if _, err := workflow.Decode(d.Workflow); err != nil {
		t.Errorf("a client can't read the workflow: %v", err)
	}
	if d.View.Jobs[2].Command == "" || d.View.Jobs[2].Detail != strings.Repeat("*** ", 5)+"***" {
		t.Errorf("it says nothing: %+v", d.View.Jobs[2])
	}
}

// fill sets every text of a value, however deep, and everything else to something.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() && v.Type().Field(i).Name != "Parent" && v.Type().Field(i).Name != "Origin" {
				fill(f, text)
			}
		}
	}
}

// TestSecretInEveryField has a secret in every field that workflows have, whatever these are.
func TestSecretInEveryField(t *testing.T) {
	var wf workflow.Workflow
	fill(reflect.ValueOf(&wf).Elem(), canary)
	wf.Jobs[0].Needs, wf.Jobs[0].On = nil, nil
	wf.Jobs[0].PreChecks[0].Params = map[string]any{
		"text": "x " + canary, "name": canary, "list": []any{canary, map[string]any{"id": canary}}, "api_key": []any{"short", 12.5, map[string]any{"x": "short"}},
	}
	wf.Env = append(wf.Env, workflow.Var{Name: "PIN_TOKEN", Value: "short"})
	wf.Params = append(wf.Params, workflow.Param{Name: "p", Secret: true, Default: "short", Values: []string{"short"}})
	body, err := api.HideWorkflow(&wf, mask.New([]string{canary}))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	var look func(path, field string, v any)
	look = func(path, field string, v any) {
		switch v := v.(type) {
		case string:
			if strings.Contains(v, canary) {
				words[field] = true
			}
			if v == "short" {
				t.Errorf("%s is shown", path)
			}
		case []any:
			for _, item := range v {
				look(path, field, item)
			}
		case map[string]any:
			for name, item := range v {
				look(path+"."+name, name, item)
			}
		}
	}
	look("", "", all)
	want := map[string]bool{}
	for _, word := range []string{"id", "group", "application", "name", "hook", "leftover", "job", "scope", "type", "overlap", "catch_up", "on_status", "policy", "level", "inherit", "input_env", "pools"} {
		want[word] = true
	}
	if !reflect.DeepEqual(words, want) {
		t.Errorf("it is in %v", words)
	}
	if strings.Contains(string(body), "12.5") {
		t.Error("a number of a secret check parameter is shown")
	}
}

// TestFileOfTheClient has the file recorded that a client says it is, and no other: a name
// alone is not one in the service's directory.
func TestFileOfTheClient(t *testing.T) {
	s := newSite(t)
	for name, want := range map[string]string{"nightly.yaml": "", "-": "", "": "", "/srv/flows/nightly.yaml": "/srv/flows/nightly.yaml"} {
		var made wire.Submitted
		s.local().post("/api/v1/runs?wait=30s", wire.Submit{Flow: wire.Flow{Source: s.flow("app", "a: x"), Name: name}}, &made)
		if made.File != want {
			t.Errorf("%q: got %q, want %q", name, made.File, want)
		}
	}
}
