package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os/user"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/memstore"
)

func TestUsers(t *testing.T) {
	s := newSite(t)
	c := s.local()
	viewer := []access.Grant{{Role: access.Viewer}}
	a := c.do(http.MethodPost, "/api/v1/users", wire.NewUser{Name: "ann", Password: password, Grants: viewer})
	if a.status != http.StatusCreated || strings.Contains(string(a.body), "argon2") {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	c.post("/api/v1/users", wire.NewUser{Name: "bob"}, nil)
	var all wire.Users
	c.get("/api/v1/users", &all)
	if len(all.Users) != 2 || all.Users[0].Name != "ann" || !all.Users[0].Password || all.Users[1].Password || !reflect.DeepEqual(all.Users[0].Grants, viewer) {
		t.Errorf("got %+v", all)
	}
	var u wire.User
	grants := []access.Grant{{Role: access.Operator, Application: "one"}, {Role: access.Viewer, Application: "one"}}
	c.good(c.do(http.MethodPatch, "/api/v1/users/bob", wire.ChangeUser{Grants: &grants}), &u)
	if !reflect.DeepEqual(u.Grants, grants[:1]) {
		t.Errorf("got %+v", u)
	}
	c.get("/api/v1/users/bob", &u)
	if !reflect.DeepEqual(u.Grants, grants[:1]) || u.Disabled {
		t.Errorf("got %+v", u)
	}
	c.good(c.do(http.MethodDelete, "/api/v1/users/bob", nil), nil)
	odd, short := []access.Grant{{Role: "root"}}, "short"
	for _, tt := range []struct {
		method, path string
		body         any
		code         fault.Code
	}{
		{http.MethodGet, "/api/v1/users/bob", nil, fault.NotFound},
		{http.MethodDelete, "/api/v1/users/bob", nil, fault.NotFound},
		{http.MethodPatch, "/api/v1/users/bob", wire.ChangeUser{}, fault.NotFound},
		{http.MethodGet, "/api/v1/users/bob/tokens", nil, fault.NotFound},
		{http.MethodPost, "/api/v1/users/bob/tokens", wire.NewToken{Name: "t"}, fault.NotFound},
		{http.MethodPost, "/api/v1/users", wire.NewUser{Name: "ann"}, fault.Conflict},
		{http.MethodPost, "/api/v1/users", wire.NewUser{Name: "local"}, fault.Usage},
		{http.MethodPost, "/api/v1/users", wire.NewUser{Name: "oidc+ann"}, fault.Usage},
		{http.MethodPost, "/api/v1/users", wire.NewUser{Name: "a b"}, fault.Usage},
		{http.MethodPost, "/api/v1/users", wire.NewUser{Name: "cat", Password: short}, fault.Usage},
		{http.MethodPost, "/api/v1/users", wire.NewUser{Name: "cat", Grants: odd}, fault.Usage},
		{http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Grants: &odd}, fault.Usage},
		{http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Password: &short}, fault.Usage},
	} {
		if p := c.do(tt.method, tt.path, tt.body).problem(t); p.Code != tt.code {
			t.Errorf("%s %s %+v: got %+v", tt.method, tt.path, tt.body, p)
		}
	}
}

func TestTokens(t *testing.T) {
	s := newSite(t)
	operator := []access.Grant{{Role: access.Operator, Application: "one"}}
	ann := s.bearer(s.user("ann", operator...))
	var made wire.MadeToken
	a := ann.do(http.MethodPost, "/api/v1/tokens", wire.NewToken{Name: "ci", Expires: "1h", Grants: []access.Grant{{Role: access.Viewer, Application: "one"}}})
	ann.good(a, &made)
	if a.status != http.StatusCreated || made.User != "ann" || made.Expires == nil || made.Expires.Sub(made.Created) != time.Hour || !strings.HasPrefix(made.Text, "exe_") {
		t.Fatalf("got %d %+v", a.status, made)
	}
	less := s.bearer(made.Text)
	var who wire.Session
	less.get("/api/v1/session", &who)
	if who.User != "ann" || who.Via != access.ViaToken || !reflect.DeepEqual(who.Grants, made.Grants) {
		t.Errorf("got %+v", who)
	}
	// A token makes none that may more than itself.
	for _, grants := range [][]access.Grant{operator, {{Role: access.Viewer}}, {{Role: access.Admin, Application: "one"}}} {
		if p := less.do(http.MethodPost, "/api/v1/tokens", wire.NewToken{Name: "more", Grants: grants}).problem(t); p.Code != fault.Forbidden {
			t.Errorf("got %+v", p)
		}
	}
	var same wire.MadeToken
	less.post("/api/v1/tokens", wire.NewToken{Name: "same"}, &same)
	if !reflect.DeepEqual(same.Grants, made.Grants) || same.Expires.Sub(same.Created) != 90*24*time.Hour {
		t.Errorf("got %+v", same)
	}
	var list wire.Tokens
	a = ann.do(http.MethodGet, "/api/v1/tokens", nil)
	ann.good(a, &list)
	if len(list.Tokens) != 3 || strings.Contains(string(a.body), made.Text[22:]) || strings.Contains(string(a.body), access.Hash(made.Text)) {
		t.Errorf("got %s", a.body)
	}
	ann.good(ann.do(http.MethodDelete, "/api/v1/tokens/"+made.ID, nil), nil)
	if a := less.do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
	// Nobody ends the tokens of others, unless they are in charge of users.
	bob := s.bearer(s.user("bob", operator...))
	if p := bob.do(http.MethodDelete, "/api/v1/tokens/"+same.ID, nil).problem(t); p.Code != fault.NotFound {
		t.Errorf("got %+v", p)
	}
	if p := s.local().do(http.MethodDelete, "/api/v1/users/bob/tokens/"+same.ID, nil).problem(t); p.Code != fault.NotFound {
		t.Errorf("got %+v", p)
	}
	s.local().good(s.local().do(http.MethodDelete, "/api/v1/users/ann/tokens/"+same.ID, nil), nil)
	s.local().get("/api/v1/users/ann/tokens", &list)
	if !slices.ContainsFunc(list.Tokens, func(t wire.Token) bool { return t.ID == same.ID && t.Revoked != nil }) {
		t.Errorf("got %+v", list)
	}
	s.local().post("/api/v1/users/ann/tokens", wire.NewToken{Name: "by-admin"}, &made)
	if !reflect.DeepEqual(made.Grants, operator) {
		t.Errorf("got %+v", made)
	}
	for _, in := range []wire.NewToken{{Name: "a b"}, {Name: "x", Expires: "0s"}, {Name: "x", Expires: "400d"}, {Name: "x", Expires: "soon"}, {Name: "x", Grants: []access.Grant{{Role: "x"}}}} {
		if p := ann.do(http.MethodPost, "/api/v1/tokens", in).problem(t); p.Code != fault.Usage {
			t.Errorf("%+v: got %+v", in, p)
		}
	}
	if p := s.local().do(http.MethodPost, "/api/v1/tokens", wire.NewToken{Name: "x"}).problem(t); p.Code != fault.Usage {
		t.Errorf("got %+v", p)
	}
}

// Each change and each denied try is in the audit log, and what was read is not.
func TestAudit(t *testing.T) {
	s := newSite(t)
	ann := s.bearer(s.user("ann", access.Grant{Role: access.Operator, Application: "two"}))
	s.local().ended(s.flow("one", "a: x"))
	s.local().get("/api/v1/runs/1", nil)
	ann.do(http.MethodGet, "/api/v1/runs/1", nil)
	ann.do(http.MethodPost, "/api/v1/runs/1/cancel", nil)
	ann.do(http.MethodGet, "/api/v1/audit", nil)
	ann.do(http.MethodGet, "/api/v1/runs/77", nil) // there is no such run: a mistake
	s.nobody().do(http.MethodGet, "/api/v1/runs/1", nil)
	s.local().do(http.MethodPost, "/api/v1/users", wire.NewUser{Name: "bad\nname", Password: canary + canary})
	s.withPassword("eve", access.Grant{Role: access.Viewer})
	s.session("eve")
	s.nobody().do(http.MethodPost, "/api/v1/login", wire.Login{User: "eve", Password: canary})
	es, err := s.st.Audit(t.Context(), store.AuditFilter{})
	s.must(err)
	slices.Reverse(es)
	var got []string
	for _, e := range es {
		got = append(got, strings.Join([]string{e.Who, string(e.Via), e.Action, e.Object, e.Application, string(e.Result)}, "|"))
		if e.Request == "" || e.From == "" || e.At.IsZero() || strings.Contains(e.Detail, canary) || strings.ContainsAny(e.Object+e.Detail, "\n\r\x1b") {
			t.Errorf("got %+v", e)
		}
	}
	want := []string{
		owner(t) + "|socket|run.submit|run 1|one|ok",
		"ann|token|run.read|run 1|one|denied",
		"ann|token|run.cancel|run 1|one|denied",
		"ann|token|audit.read|||denied",
		"||run.read|||denied",
		owner(t) + "|socket|user.manage|user bad name||failed",
		owner(t) + "|socket|user.manage|user eve||ok",
		"eve|password|login|user eve||ok",
		"||login|user eve||denied",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var page wire.Audit
	s.local().get("/api/v1/audit?limit=2&result=denied", &page)
	if len(page.Entries) != 2 || page.Next == nil || page.Entries[0].Result != store.Denied {
		t.Errorf("got %+v", page)
	}
	s.local().get("/api/v1/audit?user=ann&action=run.cancel&application=one&since=2000-01-01T00:00:00Z&until=2100-01-01T00:00:00Z", &page)
	if len(page.Entries) != 1 || page.Next != nil {
		t.Errorf("got %+v", page)
	}
	for _, query := range []string{"?since=x", "?until=x", "?result=odd"} {
		if p := s.local().do(http.MethodGet, "/api/v1/audit"+query, nil).problem(t); p.Code != fault.Usage {
			t.Errorf("got %+v", p)
		}
	}
}

// owner is who comes by the socket.
func owner(t testing.TB) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return "local:" + u.Username
}

// silent are accounts whose audit log takes nothing but what comes with a change.
type silent struct{ *memstore.Store }

func (silent) AddAudit(context.Context, ...store.AuditEntry) (int64, error) {
	return 0, errors.New("it takes nothing")
}

// What is changed and the entry that tells of it are recorded together: here nothing else is.
func TestChangesComeWithTheirEntry(t *testing.T) {
	s := newSite(t, func(c *api.Config) {
		c.Schedules = hourly{}
		c.Accounts = silent{c.Accounts.(*memstore.Store)}
	})
	noon := s.now().UTC().Truncate(time.Hour)
	s.must(s.st.ChangeSchedule(t.Context(), store.ScheduleChange{Schedule: store.Schedule{ID: "load/x", Workflow: "load", Name: "x", Application: "one", Decided: noon}}))
	c := s.local()
	made := wire.MadeToken{}
	var asked []string
	does := func(method, path string, body any) {
		t.Helper()
		a := c.do(method, path, body)
		if a.status/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		asked = append(asked, a.header.Get("X-Request-Id"))
		if strings.HasSuffix(path, "/tokens") {
			s.must(json.Unmarshal(a.body, &made))
		}
	}
	yes := true
	does(http.MethodPost, "/api/v1/users", wire.NewUser{Name: "ann", Password: password, Grants: []access.Grant{{Role: access.Viewer}}})
	does(http.MethodPost, "/api/v1/login", wire.Login{User: "ann", Password: password})
	does(http.MethodPost, "/api/v1/users/ann/tokens", wire.NewToken{Name: "ci"})
	does(http.MethodDelete, "/api/v1/users/ann/tokens/"+made.ID, nil)
	does(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Disabled: &yes})
	does(http.MethodDelete, "/api/v1/users/ann", nil)
	does(http.MethodPut, "/api/v1/workflows/nightly", wire.Register{Source: s.flow("one", "a: x")})
	does(http.MethodPost, "/api/v1/workflows/nightly/disable", nil)
	does(http.MethodPost, "/api/v1/workflows/nightly/enable", nil)
	does(http.MethodPost, "/api/v1/schedules/load/x/pause", nil)
	does(http.MethodPost, "/api/v1/schedules/load/x/resume", nil)
	does(http.MethodPost, "/api/v1/schedules/load/x/run", nil)
	does(http.MethodPost, "/api/v1/schedules/load/x/backfill", wire.Backfill{From: noon.Add(-2 * time.Hour).Format(time.RFC3339), To: noon.Format(time.RFC3339)})
	es, err := s.st.Audit(t.Context(), store.AuditFilter{})
	s.must(err)
	slices.Reverse(es)
	var got []string
	for i, e := range es {
		if i < len(asked) && e.Request != asked[i] || e.Result != store.Done {
			t.Errorf("%+v is not of request %s", e, asked[i])
		}
		got = append(got, e.Who+"|"+e.Action+"|"+e.Object+"|"+e.Application)
	}
	me := owner(t)
	want := []string{
		me + "|user.manage|user ann|", "ann|login|user ann|", me + "|user.manage|token ci of user ann|", me + "|user.manage|token " + made.ID + " of user ann|",
		me + "|user.manage|user ann|", me + "|user.manage|user ann|", me + "|workflow.write|workflow nightly|one", me + "|workflow.enable|workflow nightly|one",
		me + "|workflow.enable|workflow nightly|one", me + "|workflow.write|schedule load/x|one", me + "|workflow.write|schedule load/x|one",
		me + "|run.submit|schedule load/x|one", me + "|run.submit|schedule load/x|one",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A run leads to the request that asked for it, in the answer, the audit log and what is stored.
func TestRequestOfARun(t *testing.T) {
	s := newSite(t)
	asked := func(path string, body any) {
		t.Helper()
		a := s.local().do(http.MethodPost, path, body)
		s.local().good(a, nil)
		r, err := s.st.Run(t.Context(), 1)
		s.must(err)
		opt, err := runs.StoredOptions(r)
		s.must(err)
		es, err := s.st.Audit(t.Context(), store.AuditFilter{Limit: 1})
		s.must(err)
		if id := a.header.Get("X-Request-Id"); id == "" || opt.Request != id || es[0].Request != id || es[0].Object != "run 1" {
			t.Errorf("%s: the answer is of request %q, the attempt of %q, the entry %+v", path, id, opt.Request, es[0])
		}
	}
	asked("/api/v1/runs?wait=30s", wire.Submit{Flow: wire.Flow{Source: s.flow("one", "bad: x")}})
	asked("/api/v1/runs/1/resume?wait=30s", wire.Resume{FailedOnly: true})
	asked("/api/v1/runs/1/jobs/bad/retry", nil)
}

func TestWorkflows(t *testing.T) {
	s := newSite(t)
	author := s.bearer(s.user("author", access.Grant{Role: access.Author, Application: "one"}))
	operator := s.bearer(s.user("operator", access.Grant{Role: access.Operator, Application: "one"}))
	stranger := s.bearer(s.user("stranger", access.Grant{Role: access.Author, Application: "two"}))
	put := func(c *caller, name, source string) answer {
		return c.do(http.MethodPut, "/api/v1/workflows/"+name, wire.Register{Source: source, Note: "n"})
	}
	var r wire.Registered
	author.good(put(author, "nightly", s.flow("one", "a: x")), &r)
	if r.Version != 1 || r.Application != "one" || !r.Enabled || r.By != "author" || r.Note != "n" || r.File != "nightly.yaml" || r.Source != "" {
		t.Errorf("got %+v", r)
	}
	author.good(put(author, "nightly", s.flow("one", "a: x")), &r) // the same again
	if r.Version != 1 {
		t.Errorf("got %+v", r)
	}
	author.good(put(author, "nightly", s.flow("one", "a: x", "b: y < a")), &r)
	if r.Version != 2 {
		t.Errorf("got %+v", r)
	}
	for _, tt := range []struct {
		name string
		got  answer
		code fault.Code
	}{
		{"nobody takes over the name of another application", put(stranger, "nightly", s.flow("two", "a: x")), fault.Conflict},
		{"or registers for it", put(stranger, "mine", s.flow("one", "a: x")), fault.Forbidden},
		{"an operator writes none", put(operator, "nightly", s.flow("one", "a: x")), fault.Forbidden},
		{"a name with a version", put(author, "a@1", s.flow("one", "a: x")), fault.Usage},
		{"a name that is none", put(author, "-a", s.flow("one", "a: x")), fault.Usage},
		{"what is no workflow", put(author, "bad", "jobs: 7"), fault.InvalidWorkflow},
		{"what one may not see is not there", stranger.do(http.MethodGet, "/api/v1/workflows/nightly", nil), fault.NotFound},
		{"nor by a submission", stranger.do(http.MethodPost, "/api/v1/runs", wire.Submit{Flow: wire.Flow{Workflow: "nightly"}}), fault.NotFound},
		{"a version that is not there", author.do(http.MethodGet, "/api/v1/workflows/nightly/versions/9", nil), fault.NotFound},
		{"a workflow that is not there", author.do(http.MethodGet, "/api/v1/workflows/none", nil), fault.NotFound},
	} {
		if p := tt.got.problem(t); p.Code != tt.code {
			t.Errorf("%s: got %+v", tt.name, p)
		}
	}
	if a, b := stranger.do(http.MethodGet, "/api/v1/workflows/nightly", nil).problem(t), stranger.do(http.MethodGet, "/api/v1/workflows/nothing", nil).problem(t); strings.ReplaceAll(a.Detail, "nightly", "nothing") != b.Detail || a.Hint != b.Hint {
		t.Errorf("one can tell %+v from %+v", a, b)
	}
	author.get("/api/v1/workflows/nightly/versions/1", &r)
	if r.Source != s.flow("one", "a: x") {
		t.Errorf("got %+v", r)
	}
	r = wire.Registered{}
	operator.get("/api/v1/workflows/nightly", &r)
	if r.Version != 2 || r.Source != "" {
		t.Errorf("got %+v: its text is for authors", r)
	}
	var all wire.Workflows
	operator.get("/api/v1/workflows/nightly/versions", &all)
	if len(all.Workflows) != 2 || all.Workflows[0].Version != 2 {
		t.Errorf("got %+v", all)
	}
	stranger.get("/api/v1/workflows", &all)
	if len(all.Workflows) != 0 {
		t.Errorf("got %+v", all)
	}
	operator.get("/api/v1/workflows", &all)
	if len(all.Workflows) != 1 || all.Workflows[0].Version != 2 {
		t.Errorf("got %+v", all)
	}
	var d wire.Difference
	operator.get("/api/v1/workflows/nightly/diff?from=1&to=2", &d)
	if !slices.Equal(d.Difference.Added, []run.JobID{"b"}) || d.From != 1 || d.To != 2 {
		t.Errorf("got %+v", d)
	}
	var out wire.Submitted
	operator.post("/api/v1/runs?wait=30s", wire.Submit{Flow: wire.Flow{Workflow: "nightly@1"}}, &out)
	if len(out.Jobs) != 1 || out.State != run.Success {
		t.Errorf("got %+v", out)
	}
	operator.post("/api/v1/runs?wait=30s", wire.Submit{Flow: wire.Flow{Workflow: "nightly"}}, &out)
	if len(out.Jobs) != 2 {
		t.Errorf("got %+v", out)
	}
	author.post("/api/v1/workflows/nightly/disable?version=2", nil, &all)
	if all.Workflows[0].Enabled || !all.Workflows[1].Enabled {
		t.Errorf("got %+v", all)
	}
	operator.post("/api/v1/runs?wait=30s", wire.Submit{Flow: wire.Flow{Workflow: "nightly"}}, &out)
	if len(out.Jobs) != 1 {
		t.Errorf("got %+v: the newest that is enabled is the first", out)
	}
	if p := operator.do(http.MethodPost, "/api/v1/runs", wire.Submit{Flow: wire.Flow{Workflow: "nightly@2"}}).problem(t); p.Code != fault.Conflict {
		t.Errorf("got %+v", p)
	}
	author.post("/api/v1/workflows/nightly/disable", nil, nil)
	if p := operator.do(http.MethodPost, "/api/v1/runs", wire.Submit{Flow: wire.Flow{Workflow: "nightly"}}).problem(t); p.Code != fault.NotFound || p.Detail != "all versions of workflow nightly are disabled" {
		t.Errorf("got %+v", p)
	}
	if p := operator.do(http.MethodGet, "/api/v1/workflows/nightly", nil).problem(t); p.Code != fault.NotFound || p.Detail != "all versions of workflow nightly are disabled" {
		t.Errorf("got %+v", p)
	}
	author.post("/api/v1/workflows/nightly/enable", nil, &all)
	if !all.Workflows[0].Enabled {
		t.Errorf("got %+v", all)
	}
}

// Nothing of an application gets to somebody who has a role in another only.
func TestTwoTenants(t *testing.T) {
	s := newSite(t)
	const mark = "tenant-b-only"
	s.local().ended(strings.ReplaceAll(s.flow(mark, "bad"+mark+": x", "b"+mark+": y < bad"+mark), "x\n", mark+"\n"))
	s.must(s.register(mark, mark))
	ann := s.bearer(s.user("ann", access.Grant{Role: access.Admin, Application: "a"}))
	ann.ended(s.flow("a", "a: x"))
	for _, row := range api.Rows() {
		if row.Public || row.ID == "follow-all" {
			continue
		}
		for _, ref := range []string{"1", "@latest", "@failed", "99"} {
			path, body := s.request(row)
			path = strings.Replace(path, "/runs/1", "/runs/"+ref, 1)
			path = strings.ReplaceAll(strings.ReplaceAll(path, "application=one", ""), "/nightly", "/"+mark)
			a := ann.glance(row.Method, path, body, row.Stream)
			if text := strings.ReplaceAll(string(a.body), `"no workflow `+mark+` is`, ""); strings.Contains(text, mark) {
				t.Errorf("%s %s tells: %s", row.Method, path, a.body)
			}
		}
	}
	var list wire.List
	ann.get("/api/v1/runs?limit=1", &list)
	if len(list.Runs) != 1 || list.Runs[0].Run != 2 || list.Next != nil {
		t.Errorf("got %+v", list)
	}
	for _, ref := range []string{"1", "3", "@failed"} { // one that is there and one that is not look the same
		p := ann.do(http.MethodGet, "/api/v1/runs/"+ref, nil).problem(t)
		if p.Code != fault.NotFound || p.Detail != "there is no run "+ref || p.Hint != "GET /api/v1/runs lists those that you may see" {
			t.Errorf("got %+v", p)
		}
	}
}
