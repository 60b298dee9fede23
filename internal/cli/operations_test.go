package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/executionerhq/executioner/client"
)

// notForPrograms are operations that a client does not need: those of browsers, those to
// read, those for who has a key and no account, and the same once more under an old path.
var notForPrograms = []string{"deliver", "login", "logout", "oidc-login", "oidc-callback", "docs", "docs-js", "docs-css", "old-submit", "old-get-run"}

// recorder passes requests on to a server's socket and remembers what was asked for.
type recorder struct {
	*httptest.Server
	mu    sync.Mutex // guards asked: requests come at the same time
	asked []string
}

func newRecorder(t *testing.T, socket string) *recorder {
	r := &recorder{}
	pass := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", "localhost", "localhost"
		},
		FlushInterval: -1,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}},
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, req.Method+" "+req.URL.EscapedPath())
		r.mu.Unlock()
		pass.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// operations are those of an OpenAPI document, by what a request for them looks like.
func operations(t *testing.T, document []byte) map[string]*regexp.Regexp {
	t.Helper()
	var api struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(document, &api); err != nil {
		t.Fatal(err)
	}
	all := map[string]*regexp.Regexp{}
	for path, methods := range api.Paths {
		for method, text := range methods {
			var op struct {
				ID string `json:"operationId"`
			}
			if json.Unmarshal(text, &op) != nil || op.ID == "" {
				continue
			}
			like := regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
			all[op.ID] = regexp.MustCompile("^" + strings.ToUpper(method) + " " + like + "$")
		}
	}
	return all
}

const operated = `
-- flow.yaml --
application_name: flow
working_dir: "~"
params: {day: {type: date, default: today}}
jobs:
  - {id: load, command: "echo loading"}
  - {id: fail, command: "exit 3", dependencies: [load]}
-- good.yaml --
application_name: good
working_dir: "~"
jobs:
  - {id: ok, command: "true"}
-- slow.yaml --
application_name: slow
working_dir: "~"
jobs:
  - {id: wait, command: "while ! test -e go; do sleep 0.02; done"}
`

// TestEveryOperation has the client do everything that the API can do, against a real server.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	script := txtar.Parse([]byte(operated))
	p := newPlace(t, script)
	p.serve()
	r := newRecorder(t, filepath.Join(p.dir, "s"))
	c, err := client.New(client.Config{Server: r.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := &operator{t: t, c: c, ctx: t.Context(), text: map[string]string{}}
	for _, f := range script.Files {
		o.text[f.Name] = string(f.Data)
	}
	document, err := c.OpenAPI(o.ctx)
	o.ok(err)
	o.system()
	failed := o.runs()
	o.changes(failed)
	o.workflows()
	o.schedules()
	o.triggers()
	o.accounts(r.URL)
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, like := range operations(t, document) {
		asked := slices.ContainsFunc(r.asked, like.MatchString)
		if known := slices.Contains(notForPrograms, id); asked == known {
			t.Errorf("operation %s: asked for %v, meant for programs %v", id, asked, !known)
		}
	}
}

// operator does all that the API can do.
type operator struct {
	t    *testing.T
	c    *client.Client
	ctx  context.Context
	text map[string]string
}

func (o *operator) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *operator) same(what string, got, want any) {
	o.t.Helper()
	if got != want {
		o.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (o *operator) flow(name string) client.Flow {
	return client.Flow{Source: o.text[name], Name: name}
}

func (o *operator) system() {
	o.ok(o.c.Live(o.ctx))
	for deadline := time.Now().Add(time.Minute); o.c.Ready(o.ctx) != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.t.Fatal(o.c.Ready(o.ctx)) // it listens a moment before it is ready
		}
	}
	v, err := o.c.ServerVersion(o.ctx)
	o.ok(err)
	o.same("version", v.Version, "1.2.3")
	me, err := o.c.WhoAmI(o.ctx)
	o.ok(err)
	o.same("grants", me.Grants[0], client.Grant{Role: client.RoleAdmin})
}

// runs looks at runs, and returns one that failed.
func (o *operator) runs() client.RunID {
	checked, err := o.c.Validate(o.ctx, o.flow("flow.yaml"))
	o.ok(err)
	o.same("valid", checked.OK && checked.Jobs == 2, true)
	planned, err := o.c.Plan(o.ctx, client.Submission{Flow: o.flow("flow.yaml")})
	o.ok(err)
	o.same("planned", len(planned.Order), 2)

	heard := make(chan client.Event, 1)
	listening, stop := context.WithCancel(o.ctx)
	defer stop()
	var listener sync.WaitGroup
	listener.Go(func() {
		for e, err := range o.c.AllEvents(listening) {
			if err == nil && e.Kind == client.EventTransition {
				heard <- e
				return
			}
		}
	})
	made, err := o.c.Submit(o.ctx, client.Submission{Flow: o.flow("flow.yaml")}, "key")
	o.ok(err)
	again, err := o.c.Submit(o.ctx, client.Submission{Flow: o.flow("flow.yaml")}, "key")
	o.ok(err)
	o.same("existing", again.Run == made.Run && again.Existing && !made.Existing, true)
	id := made.Run
	o.same("state", o.end(id), client.StateFailed)
	good, err := o.c.Submit(o.ctx, client.Submission{Flow: o.flow("good.yaml")}, "")
	o.ok(err)
	o.same("state", o.end(good.Run), client.StateSuccess)
	for e := (client.Event{}); e.Transition == nil; { // the listener may have come late
		select {
		case e = <-heard:
		default:
			more, err := o.c.Submit(o.ctx, client.Submission{Flow: o.flow("good.yaml")}, "")
			o.ok(err)
			o.end(more.Run)
		}
	}
	stop()
	listener.Wait()
	o.reads(id)
	return id
}

// end follows a run to its end.
func (o *operator) end(id client.RunID) (s client.State) {
	o.t.Helper()
	for e, err := range o.c.Events(o.ctx, id, 0) {
		o.ok(err)
		if e.End != nil {
			s = e.End.State
		}
	}
	return s
}

func (o *operator) reads(id client.RunID) {
	run, err := o.c.Run(o.ctx, id)
	o.ok(err)
	o.same("jobs", len(run.Jobs), 2)
	found, err := o.c.Find(o.ctx, "@failed")
	o.ok(err)
	o.same("@failed", found.Run, id)
	page, err := o.c.Runs(o.ctx, client.RunFilter{Application: "flow"})
	o.ok(err)
	o.same("runs", len(page.Runs) == 1 && page.Runs[0].Run == id, true)
	d, err := o.c.Details(o.ctx, id)
	o.ok(err)
	stored, err := o.c.RunWorkflow(o.ctx, id)
	o.ok(err)
	o.same("workflow", string(stored), string(d.Workflow))
	job, err := o.c.RunJob(o.ctx, id, "fail")
	o.ok(err)
	o.same("exit code", *job.ExitCode, 3)
	try, err := o.c.Try(o.ctx, id, "fail", 1)
	o.ok(err)
	o.same("try", try.State, client.StateFailed)
	ts, err := o.c.Transitions(o.ctx, id, 0)
	o.ok(err)
	o.same("transitions", len(ts.Transitions), len(d.Transitions))
	why, err := o.c.Explain(o.ctx, id, "fail")
	o.ok(err)
	o.same("sentence", why.Decisions[len(why.Decisions)-1].Sentence, "Try 1 failed with exit code 3; it is not tried again.")
	left, err := o.c.Leftovers(o.ctx, id)
	o.ok(err)
	o.same("leftovers", len(left), 0)
	usual, err := o.c.Usual(o.ctx, "good")
	o.ok(err)
	o.same("usual", usual.Run > id, true)
	_, err = o.c.Usual(o.ctx, "flow")
	o.refused(err, client.CodeNotFound)
	figures, err := o.c.Statistics(o.ctx, client.StatisticsFilter{Application: "good"})
	o.ok(err)
	o.same("figures", strings.Contains(string(figures), `"good"`), true)
	var log strings.Builder
	o.ok(o.c.CopyLog(o.ctx, id, client.LogOptions{Job: "load", Tail: -1}, &log))
	o.same("log", strings.Contains(log.String(), "\nloading\n"), true)
	in, err := o.c.Log(o.ctx, id, client.LogOptions{Tail: 1})
	o.ok(err)
	last, err := io.ReadAll(in)
	o.ok(errors.Join(err, in.Close()))
	o.same("last line", strings.Contains(string(last), "FAILED"), true)
}

func (o *operator) refused(err error, code client.Code) {
	o.t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Code != code || e.RequestID == "" {
		o.t.Errorf("%v is not %s", err, code)
	}
}

// changes goes on with a run that failed, and ends others.
func (o *operator) changes(id client.RunID) {
	planned, err := o.c.PlanResume(o.ctx, id, client.Resumption{FailedOnly: true})
	o.ok(err)
	o.same("to run", len(planned.Order), 1)
	run, err := o.c.Resume(o.ctx, id, client.Resumption{})
	o.ok(err)
	o.same("attempt", run.Attempt, 2)
	o.same("state", o.end(id), client.StateFailed)
	run, err = o.c.RetryJob(o.ctx, id, "load")
	o.ok(err)
	o.same("attempt", run.Attempt, 3)
	o.same("state", o.end(id), client.StateFailed)
	marked, err := o.c.MarkSuccess(o.ctx, id, client.Marking{Jobs: []client.JobID{"fail", "load"}, Note: "by hand"})
	o.ok(err)
	o.same("marked", len(marked.Marked) == 1 && marked.Marked[0] == "fail" && marked.Already[0] == "load", true)
	for _, end := range []func(client.RunID) (client.Run, error){
		func(id client.RunID) (client.Run, error) { return o.c.Cancel(o.ctx, id, client.Cancellation{}) },
		func(id client.RunID) (client.Run, error) { return o.c.CancelJob(o.ctx, id, "wait") },
	} {
		slow, err := o.c.Submit(o.ctx, client.Submission{Flow: o.flow("slow.yaml")}, "")
		o.ok(err)
		for e, err := range o.c.Events(o.ctx, slow.Run, 0) {
			o.ok(err)
			if e.Transition != nil && e.Transition.To == client.StateRunning && e.Transition.Job != "" {
				break
			}
		}
		_, err = end(slow.Run)
		o.ok(err)
		if s := o.end(slow.Run); s == client.StateSuccess {
			o.t.Errorf("run %d: %s", slow.Run, s)
		}
	}
}

func (o *operator) workflows() {
	first, err := o.c.Register(o.ctx, "nightly", client.Registration{Source: o.text["flow.yaml"], Note: "first"})
	o.ok(err)
	second, err := o.c.Register(o.ctx, "nightly", client.Registration{Source: strings.Replace(o.text["flow.yaml"], "exit 3", "true", 1)})
	o.ok(err)
	o.same("versions", first.Version == 1 && second.Version == 2, true)
	all, err := o.c.Workflows(o.ctx)
	o.ok(err)
	o.same("workflows", len(all) == 1 && all[0].Version == 2, true)
	one, err := o.c.RegisteredWorkflow(o.ctx, "nightly", 1)
	o.ok(err)
	o.same("source", one.Source, o.text["flow.yaml"])
	diff, err := o.c.DiffWorkflow(o.ctx, "nightly", 1, 2)
	o.ok(err)
	o.same("changed", len(diff.Difference.Changed), 1)
	versions, err := o.c.EnableWorkflow(o.ctx, "nightly", 2, false)
	o.ok(err)
	o.same("enabled", versions[0].Enabled != versions[1].Enabled, true)
	newest, err := o.c.RegisteredWorkflow(o.ctx, "nightly", 0)
	o.ok(err)
	o.same("newest enabled", newest.Version, 1)
	_, err = o.c.EnableWorkflow(o.ctx, "nightly", 0, true)
	o.ok(err)
	versions, err = o.c.WorkflowVersions(o.ctx, "nightly")
	o.ok(err)
	o.same("versions", len(versions), 2)
	made, err := o.c.Submit(o.ctx, client.Submission{Flow: client.Flow{Workflow: "nightly", Params: map[string]string{"day": "2026-01-31"}}}, "")
	o.ok(err)
	o.same("state", o.end(made.Run), client.StateSuccess)
}

func (o *operator) accounts(server string) {
	const password, better = "correct horse battery", "correct horse battery staple"
	ann, err := o.c.AddUser(o.ctx, client.NewUser{Name: "ann", Password: password, Grants: []client.Grant{{Role: client.RoleOperator}}})
	o.ok(err)
	o.same("name", ann.Name, "ann")
	ann, err = o.c.ChangeUser(o.ctx, "ann", client.UserChange{Grants: &[]client.Grant{{Role: client.RoleViewer}}})
	o.ok(err)
	o.same("role", ann.Grants[0].Role, client.RoleViewer)
	all, err := o.c.Users(o.ctx)
	o.ok(err)
	o.same("users", len(all), 1)
	one, err := o.c.User(o.ctx, "ann")
	o.ok(err)
	o.same("user", one.Password, true)
	token, err := o.c.AddToken(o.ctx, "ann", client.NewToken{Name: "batch"})
	o.ok(err)
	o.ann(server, password, better, token.Text)
	tokens, err := o.c.Tokens(o.ctx, "ann")
	o.ok(err)
	o.same("tokens", len(tokens), 2)
	o.ok(o.c.RevokeToken(o.ctx, "ann", token.ID))
	o.ok(o.c.DeleteUser(o.ctx, "ann"))
	_, err = o.c.User(o.ctx, "ann")
	o.refused(err, client.CodeNotFound)
	page, err := o.c.Audit(o.ctx, client.AuditFilter{Limit: 1})
	o.ok(err)
	o.same("audit", len(page.Entries) == 1 && page.Next != nil, true)
}

// ann does what users do for themselves.
func (o *operator) ann(server, password, better, token string) {
	by, err := client.New(client.Config{Server: server, User: "ann", Password: password})
	o.ok(err)
	defer by.Close()
	me, err := by.WhoAmI(o.ctx)
	o.ok(err)
	o.same("user", me.User, "ann")
	o.ok(by.ChangePassword(o.ctx, password, better))
	_, err = by.WhoAmI(o.ctx)
	o.refused(err, client.CodeUnauthorized)
	with, err := client.New(client.Config{Server: server, Token: token})
	o.ok(err)
	defer with.Close()
	own, err := with.AddToken(o.ctx, "", client.NewToken{Name: "own", Expires: "1h"})
	o.ok(err)
	tokens, err := with.Tokens(o.ctx, "")
	o.ok(err)
	o.same("tokens", len(tokens), 2)
	o.ok(with.RevokeToken(o.ctx, "", own.ID))
	_, err = with.Submit(o.ctx, client.Submission{Flow: o.flow("flow.yaml")}, "")
	o.refused(err, client.CodeForbidden)
}
