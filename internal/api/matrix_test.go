package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
)

// need is what a route takes, written down here a second time.
type need string

const (
	anybody  need = "anybody"
	somebody need = "somebody" // who proved who they are, and has a role in anything
	viewer   need = "viewer"   // of the application
	operator need = "operator"
	author   need = "author"
	observer need = "operator of all"
	admin    need = "admin of all"
)

// needs has every route. A route that is not here fails the test.
func needs() map[string]need {
	return map[string]need{
		"POST /api/v1/runs": operator, "GET /api/v1/runs": viewer, "GET /api/v1/runs/{run}": viewer,
		"GET /api/v1/runs/{run}/details": viewer, "GET /api/v1/runs/{run}/jobs/{job}": viewer,
		"GET /api/v1/runs/{run}/jobs/{job}/tries/{try}": viewer, "GET /api/v1/runs/{run}/transitions": viewer,
		"GET /api/v1/runs/{run}/explain": viewer, "GET /api/v1/runs/{run}/leftovers": viewer, "GET /api/v1/runs/{run}/workflow": viewer,
		"POST /api/v1/runs/{run}/cancel": operator, "POST /api/v1/runs/{run}/jobs/{job}/cancel": operator,
		"POST /api/v1/runs/{run}/resume": operator, "POST /api/v1/runs/{run}/jobs/{job}/retry": operator,
		"POST /api/v1/runs/{run}/mark-success": operator, "POST /api/v1/runs/{run}/plan": viewer,
		"GET /api/v1/applications/{application}/usual": viewer,
		"GET /api/v1/runs/{run}/log":                   viewer, "GET /api/v1/runs/{run}/jobs/{job}/log": viewer,
		"GET /api/v1/runs/{run}/events": viewer, "GET /api/v1/events": viewer,
		"POST /api/v1/validate": author, "POST /api/v1/plan": viewer,
		"POST /workflows": operator, "GET /runs/{run}": viewer,
		"GET /healthz/live": anybody, "GET /healthz/ready": anybody, "GET /api/v1/version": somebody,
		"GET /openapi.json": anybody, "GET /docs": anybody, "GET /docs.js": anybody, "GET /docs.css": anybody,
		"POST /api/v1/login": anybody, "POST /api/v1/logout": somebody, "GET /api/v1/session": somebody, "PUT /api/v1/password": somebody,
		"GET /login/oidc": anybody, "GET /callback": anybody,
		"GET /api/v1/users": admin, "POST /api/v1/users": admin, "GET /api/v1/users/{user}": admin, "PATCH /api/v1/users/{user}": admin,
		"DELETE /api/v1/users/{user}": admin, "GET /api/v1/users/{user}/tokens": admin, "POST /api/v1/users/{user}/tokens": admin,
		"DELETE /api/v1/users/{user}/tokens/{token}": admin,
		"GET /api/v1/tokens":                         somebody, "POST /api/v1/tokens": somebody, "DELETE /api/v1/tokens/{token}": somebody,
		"GET /api/v1/audit":     admin,
		"GET /api/v1/workflows": viewer, "PUT /api/v1/workflows/{workflow}": author, "GET /api/v1/workflows/{workflow}": viewer,
		"GET /api/v1/workflows/{workflow}/versions": viewer, "GET /api/v1/workflows/{workflow}/versions/{version}": viewer,
		"GET /api/v1/workflows/{workflow}/diff":    viewer,
		"POST /api/v1/workflows/{workflow}/enable": author, "POST /api/v1/workflows/{workflow}/disable": author,
		"GET /api/v1/schedules": viewer, "GET /api/v1/schedules/{workflow}/{schedule}": viewer,
		"GET /api/v1/schedules/{workflow}/{schedule}/times": viewer, "GET /api/v1/schedules/{workflow}/{schedule}/backfill": viewer,
		"POST /api/v1/schedules/{workflow}/{schedule}/pause": author, "POST /api/v1/schedules/{workflow}/{schedule}/resume": author,
		"POST /api/v1/schedules/{workflow}/{schedule}/run": operator, "POST /api/v1/schedules/{workflow}/{schedule}/backfill": operator,
		"GET /api/v1/triggers": viewer, "GET /api/v1/triggers/{workflow}/{trigger}": viewer,
		"GET /api/v1/triggers/{workflow}/{trigger}/arrivals": viewer,
		"POST /api/v1/triggers/{workflow}/{trigger}/pause":   author, "POST /api/v1/triggers/{workflow}/{trigger}/resume": author,
		"POST /hooks/{workflow}/{trigger}": anybody, // who signs it, which is tested by itself
		"GET /api/v1/statistics":           viewer,
		"GET /metrics":                     observer, "GET /metrics.json": observer, "GET /debug/pprof/profile": admin, "GET /debug/pprof/{profile}": admin,
	}
}

// identity is somebody who asks, and what they should be allowed in application "one".
type identity struct {
	name   string
	who    *caller
	known  bool
	rank   int  // of the role in application "one"
	global bool // the role is one for all applications
	// lists: asking for what is listed by application is allowed to whoever has a role in any.
	elsewhere int
}

func (n need) rank() int {
	switch n {
	case viewer:
		return 1
	case operator:
		return 2
	case author:
		return 3
	default:
		return 4
	}
}

// allowed is the reference: what should be allowed, without a look at package access.
func (i identity) allowed(n need, listed bool) bool {
	switch n {
	case anybody:
		return true
	case somebody:
		return i.known && i.rank+i.elsewhere > 0
	case observer:
		return i.known && i.global && i.rank >= 2
	case admin:
		return i.known && i.global && i.rank >= 4
	default:
		return i.known && (i.rank >= n.rank() || listed && i.elsewhere >= n.rank())
	}
}

func (s *site) identities() []identity {
	now := s.now().UTC()
	in := func(role access.Role, app string) []access.Grant {
		return []access.Grant{{Role: role, Application: app}}
	}
	basic := func(text string) *caller {
		return s.nobody().with("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(text)))
	}
	s.user("expired", in(access.Admin, "")...)
	expired := s.token("expired", now.Add(-time.Second), in(access.Admin, "")...)
	revoked := s.user("revoked", in(access.Admin, "")...)
	id, _ := access.TokenID(revoked)
	s.must(s.st.RevokeToken(s.Context(), id, now))
	disabled := s.user("disabled", in(access.Admin, "")...)
	u, err := s.st.User(s.Context(), "disabled")
	s.must(err)
	u.Disabled = true
	_, err = s.st.SetUser(s.Context(), u)
	s.must(err)
	s.user("powerless", in(access.Admin, "")...)
	powerless := s.token("powerless", time.Time{}, in(access.Viewer, "one")...)

	all := []identity{
		{name: "none", who: s.nobody()},
		{name: "an empty bearer", who: s.nobody().with("Authorization", "Bearer ")},
		{name: "Bearer nothing", who: s.bearer("nothing")},
		{name: "another scheme", who: s.nobody().with("Authorization", "Negotiate abc")},
		{name: "a garbage token", who: s.bearer("exe_0123456789abcdef_" + strings.Repeat("A", 43))},
		{name: "a token with another secret", who: s.bearer(expired[:21] + strings.Repeat("A", 43))},
		{name: "garbage for Basic", who: s.nobody().with("Authorization", "Basic !!!")},
		{name: "a wrong password", who: basic("nobody:password-password")},
		{name: "a garbage session", who: s.nobody().with("Cookie", "executioner=abc")},
		{name: "garbage on the socket", who: s.local().with("Authorization", "Bearer nothing")},
		{name: "an expired token", who: s.bearer(expired)},
		{name: "a revoked token", who: s.bearer(revoked)},
		{name: "a disabled user", who: s.bearer(disabled)},
		{name: "no role", who: s.bearer(s.user("none")), known: true},
		{name: "viewer", who: s.bearer(s.user("viewer", in(access.Viewer, "one")...)), known: true, rank: 1},
		{name: "operator", who: s.bearer(s.user("operator", in(access.Operator, "one")...)), known: true, rank: 2},
		{name: "author", who: s.bearer(s.user("author", in(access.Author, "one")...)), known: true, rank: 3},
		{name: "admin", who: s.bearer(s.user("admin", in(access.Admin, "one")...)), known: true, rank: 4},
		{name: "viewer of all", who: s.bearer(s.user("viewer-all", in(access.Viewer, "")...)), known: true, rank: 1, global: true},
		{name: "admin of all", who: s.bearer(s.user("admin-all", in(access.Admin, "")...)), known: true, rank: 4, global: true},
		{name: "admin of another application", who: s.bearer(s.user("other", in(access.Admin, "two")...)), known: true, elsewhere: 4},
		{name: "admin of one that begins alike", who: s.bearer(s.user("alike", in(access.Admin, "on")...)), known: true, elsewhere: 4},
		{name: "a token that may less than its user", who: s.bearer(powerless), known: true, rank: 1},
		{name: "local", who: s.local(), known: true, rank: 4, global: true},
	}
	return all
}

// request fills a route's path in and returns a body that goes as far as being allowed.
func (s *site) request(row api.Row) (path string, body any) {
	flow := s.flow("one", "a: x")
	path = strings.NewReplacer("{run}", "1", "{job}", "a", "{try}", "1", "{application}", "one", "{user}", "ghost", "{token}", "0",
		"{workflow}", "nightly", "{version}", "1", "{schedule}", "often", "{trigger}", "pushed").Replace(row.Path)
	switch row.ID {
	case "submit", "old-submit", "plan":
		body = wire.Submit{Flow: wire.Flow{Workflow: "nightly"}}
	case "validate":
		body = wire.Flow{Source: flow}
	case "mark-success":
		body = wire.MarkRequest{Jobs: []run.JobID{"a"}}
	case "list-runs", "follow-all", "statistics":
		path += "?application=one"
	case "preview-backfill":
		path += "?from=2026-01-01"
	case "backfill-schedule":
		body = wire.Backfill{From: "2026-01-01"}
	case "profile-cpu":
		path += "?seconds=1"
	case "diff-workflow":
		path += "?from=1&to=1"
	case "add-user":
		body = wire.NewUser{Name: "-"}
	case "change-user":
		body = wire.ChangeUser{}
	case "add-token", "add-user-token":
		body = wire.NewToken{Name: "-"}
	case "change-password":
		body = wire.ChangePassword{Old: "x", New: "y"}
	case "register-workflow":
		body = wire.Register{Source: flow}
	case "login":
		body = wire.Login{User: "ghost", Password: "x"}
	}
	return path, body
}

// denied reports whether an answer says that something is not for the caller: in so many
// words, or as if it were not there.
func denied(a answer, t *testing.T, id string) bool {
	switch a.status {
	case http.StatusTooManyRequests:
		return lockedOut(a) && id != "login"
	case http.StatusUnauthorized:
		return id != "login" && id != "callback" && id != "deliver"
	case http.StatusForbidden:
		return id != "change-password" || a.problem(t).Detail != "the old password is not right"
	case http.StatusNotFound:
		d := a.problem(t).Detail
		return strings.HasPrefix(d, "there is no run") || strings.HasPrefix(d, "no workflow") || strings.HasPrefix(d, "there is no schedule") || strings.HasPrefix(d, "there is no trigger")
	}
	return false
}

// lockedOut reports whether there were too many wrong passwords before.
func lockedOut(a answer) bool { return strings.Contains(string(a.body), "too many failed logins") }

// glance makes a request and reads the answer, unless that goes on for ever.
func (c *caller) glance(method, path string, body any, stream bool) answer {
	c.s.Helper()
	if !stream {
		return c.do(method, path, body)
	}
	resp := c.open(method, path, body)
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.status/100 != 2 {
		buf := make([]byte, 4096)
		n, _ := resp.Body.Read(buf)
		a.body = buf[:n]
	}
	return a
}

func matrixSite(t *testing.T) *site {
	s := newSite(t, func(c *api.Config) {
		c.Statistics = func(_ context.Context, q api.Figures) (any, error) { return q, nil }
		c.OIDC = &api.OIDC{Issuer: "http://127.0.0.1:1"}
		c.Schedules = hourly{}
	})
	s.local().ended(s.flow("one", "a: x"))
	s.must(s.register("nightly", "one"))
	s.must(s.st.ChangeSchedule(t.Context(), store.ScheduleChange{Schedule: store.Schedule{
		ID: "nightly/often", Workflow: "nightly", Name: "often", Application: "one", Decided: s.now(),
	}}))
	s.must(s.st.ChangeSchedule(t.Context(), store.ScheduleChange{Schedule: store.Schedule{
		ID: "nightly/pushed", Workflow: "nightly", Name: "pushed", Kind: store.Webhook, Application: "one", Decided: s.now(),
	}}))
	return s
}

func (s *site) register(name, application string) error {
	_, err := s.st.Register(s.Context(), store.Registered{
		Name: name, Application: application, Source: []byte(s.flow(application, "a: x")), File: name + ".yaml", Enabled: true,
		Hash: access.Hash(application), By: "test", At: s.now().UTC(),
	})
	return err
}

// Every route, streams too, says yes and no as it should to everybody.
func TestWhoMayDoWhat(t *testing.T) {
	s := matrixSite(t)
	reference := needs()
	seen := map[string]bool{}
	identities := s.identities()
	for _, row := range api.Rows() {
		route := row.Method + " " + row.Path
		seen[route] = true
		n, ok := reference[route]
		if !ok {
			t.Errorf("%s is not in the reference: what does it take?", route)
			continue
		}
		path, body := s.request(row)
		listed := row.ID == "list-workflows" || row.ID == "list-schedules" || row.ID == "list-triggers"
		for _, i := range identities {
			a := i.who.glance(row.Method, path, body, row.Stream)
			if want := i.allowed(n, listed); denied(a, t, row.ID) == want || a.status >= 500 && row.ID != "login-oidc" {
				t.Errorf("%s as %s: got %d %.200s, allowed should be %v", route, i.name, a.status, a.body, want)
			}
			if !i.known && n != anybody && a.status != http.StatusUnauthorized && !lockedOut(a) {
				t.Errorf("%s as %s: got %d, want 401", route, i.name, a.status)
			}
		}
	}
	for route := range reference {
		if !seen[route] {
			t.Errorf("%s is in the reference and is no route", route)
		}
	}
}

// A workflow that comes with the request is any command at all, so it takes an author.
func TestInlineTakesAnAuthor(t *testing.T) {
	s := matrixSite(t)
	for _, i := range s.identities() {
		for _, path := range []string{"/api/v1/runs", "/workflows", "/api/v1/plan", "/api/v1/runs/1/resume"} {
			var body any = wire.Submit{Flow: wire.Flow{Source: s.flow("one", "a: x")}}
			if strings.HasSuffix(path, "resume") {
				body = wire.Resume{Current: &wire.Flow{Source: s.flow("one", "a: x")}}
			}
			a := i.who.do(http.MethodPost, path, body)
			if want := i.allowed(author, false); denied(a, t, "") == want {
				t.Errorf("%s as %s: got %d %.200s", path, i.name, a.status, a.body)
			}
		}
	}
}

// variants are other ways to write a path, by which somebody may hope to get round a check.
func variants(path string) []string {
	bare, query, _ := strings.Cut(path, "?")
	if query != "" {
		query = "?" + query
	}
	return []string{
		"/" + bare + query, bare + "/" + query, bare + "//" + query, "/." + bare + query, "/x/.." + bare + query, "/x/%2e%2e" + bare + query,
		"/%2e" + bare + query, bare + ";x" + query, bare + "/healthz/live" + query, bare + "/health" + query, "/healthz/live/.." + strings.TrimPrefix(bare, "") + query,
		"/healthz/live/%2e%2e/%2e%2e" + bare + query, bare + "%2f" + query, bare + "%00" + query, bare + ".json" + query, bare + "/docs.js" + query,
		strings.ToUpper(bare) + query, strings.Replace(bare, "/api/", "/%61pi/", 1) + query, strings.Replace(bare, "/v1/", "/v1%2f", 1) + query,
		strings.Replace(bare, "/v1/", "//v1//", 1) + query, bare + "?x=/healthz/live", bare + "#/healthz/live", strings.ReplaceAll(bare, "/", "\\"),
	}
}

// However a path is written, nobody gets in who would not otherwise, and no redirect leads
// anywhere.
func TestPathVariants(t *testing.T) {
	s := matrixSite(t)
	other := s.user("other", access.Grant{Role: access.Admin, Application: "two"})
	for _, row := range api.Rows() {
		if row.Public {
			continue
		}
		path, body := s.request(row)
		for _, v := range variants(path) {
			for _, who := range []*caller{s.nobody(), s.bearer(other)} {
				for _, method := range []string{row.Method, http.MethodHead, http.MethodOptions, http.MethodTrace} {
					if method == http.MethodHead && row.Method != http.MethodGet {
						continue // that is a HEAD of what there may be to GET
					}
					a := who.raw(method, v, body)
					mine := who.header.Get("Authorization") != "" && needs()[row.Method+" "+row.Path] == somebody
					lists := who.header.Get("Authorization") != "" && (row.ID == "list-workflows" || row.ID == "list-schedules" || row.ID == "list-triggers")
					if a/100 != 4 && !mine && !lists {
						t.Errorf("%s %s: got %d", method, v, a)
					}
				}
			}
		}
		for _, header := range []string{"X-Http-Method-Override", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Prefix", "X-Forwarded-For", "X-Real-Ip", "X-Forwarded-User", "X-Remote-User", "Forwarded"} {
			if a := s.nobody().with(header, "/healthz/live").glance(row.Method, path, body, row.Stream); a.status/100 != 4 {
				t.Errorf("%s %s with %s: got %d", row.Method, path, header, a.status)
			}
		}
	}
}

// raw sends a path as it is written and returns the status.
func (c *caller) raw(method, target string, body any) int {
	c.s.Helper()
	conn := c.dial()
	defer conn.Close()
	c.s.must(conn.SetDeadline(time.Now().Add(deadline)))
	target = strings.ReplaceAll(target, " ", "%20")
	payload := ""
	if body != nil {
		payload = c.text(body)
	}
	_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, target, c.header.Get("Authorization"), len(payload), payload)
	c.s.must(err)
	return readStatus(c.s, conn)
}
