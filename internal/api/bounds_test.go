package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
)

// A route that does not say what it takes can't be made.
func TestEveryRouteSaysWhatItTakes(t *testing.T) {
	s := newSite(t)
	tests := map[string]func(method, path, action *string, public *bool){
		"nothing": func(_, path, action *string, _ *bool) {
			if *path == "/api/v1/runs" {
				*action = ""
			}
		},
		"both": func(_, path, _ *string, public *bool) {
			if *path == "/api/v1/runs" {
				*public = true
			}
		},
		"no action": func(_, path, action *string, _ *bool) {
			if *path == "/api/v1/runs" {
				*action = "run.everything"
			}
		},
		"no run": func(_, path, _ *string, _ *bool) {
			if *path == "/api/v1/runs/{run}" {
				*path = "/api/v1/runs/{id}"
			}
		},
		"there twice": func(method, path, _ *string, _ *bool) {
			if *path == "/api/v1/runs" {
				*method = http.MethodGet
			}
		},
		"the same two": func(_, path, _ *string, _ *bool) {
			if *path == "/docs.js" {
				*path = "/docs.css"
			}
		},
	}
	for name, change := range tests {
		if err := api.Register(s.cfg, change); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
	if err := api.Register(s.cfg, func(_, _, _ *string, _ *bool) {}); err != nil {
		t.Error(err)
	}
}

func TestBodies(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.WorkflowBytes, c.Limits.BodyBytes = 1<<16, 1<<12 })
	c := s.local()
	flow := func(n int) wire.Flow { return wire.Flow{Source: s.flow("app", "a: x") + "# " + strings.Repeat("x", n)} }
	tests := []struct {
		name   string
		path   string
		body   any
		kind   string
		status int
	}{
		{"a large workflow", "/api/v1/validate", flow(60_000), "application/json", 200},
		{"one that is too large", "/api/v1/validate", flow(70_000), "application/json", 413},
		{"a request that is too large", "/api/v1/users", wire.NewUser{Name: strings.Repeat("x", 5000)}, "application/json", 413},
		{"deep", "/api/v1/validate", strings.Repeat("[", 64) + strings.Repeat("]", 64), "application/json", 400},
		{"too deep", "/api/v1/validate", strings.Repeat("[", 20_000), "application/json", 400},
		{"too deep, among others", "/api/v1/validate", `{"source":"[[[\"[[","params":` + strings.Repeat(`{"a":`, 65), "application/json", 400},
		{"deep in a text", "/api/v1/validate", wire.Flow{Source: s.flow("app", "a: x") + `# \"` + strings.Repeat("[{", 500)}, "application/json; charset=utf-8", 200},
		{"a form", "/api/v1/validate", "source=x", "application/x-www-form-urlencoded", 415},
		{"text", "/api/v1/validate", flow(1), "text/plain", 415},
		{"no type", "/api/v1/validate", flow(1), "", 415},
		{"YAML", "/api/v1/validate", "source: x", "application/yaml", 415},
		{"two types", "/api/v1/validate", flow(1), "application/json, text/plain", 415},
		{"a form for a login", "/api/v1/login", "user=x", "application/x-www-form-urlencoded", 415},
	}
	for _, tt := range tests {
		a := c.with("Content-Type", tt.kind).do(http.MethodPost, tt.path, tt.body)
		if a.status != tt.status {
			t.Errorf("%s: got %d %.300s", tt.name, a.status, a.body)
		}
		if a.status != 200 {
			if p := a.problem(t); strings.HasPrefix(tt.name, "too deep") && p.Detail != "the JSON of the request is nested deeper than 64" {
				t.Errorf("%s: got %+v", tt.name, p)
			}
		}
	}
}

// A body without end is not read, and not kept.
func TestABodyWithoutEnd(t *testing.T) {
	s := newSite(t)
	token := s.user("ann", access.Grant{Role: access.Author})
	for _, who := range []*caller{s.bearer(token), s.nobody()} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		sent := &zeros{}
		sent.left.Store(1 << 30)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+"/api/v1/runs", sent)
		s.must(err)
		req.Header.Set("Content-Type", "application/json")
		if h := who.header.Get("Authorization"); h != "" {
			req.Header.Set("Authorization", h)
		}
		status := 0
		if resp, err := who.client.Do(req); err == nil { // else the connection was cut, which will do
			status = resp.StatusCode
			resp.Body.Close()
		}
		runtime.ReadMemStats(&after)
		if status/100 == 2 || sent.left.Load() < 1<<29 || after.TotalAlloc-before.TotalAlloc > 200<<20 {
			t.Errorf("got %d, %d of it were left, %d allocated", status, sent.left.Load(), after.TotalAlloc-before.TotalAlloc)
		}
	}
}

// zeros is a body of spaces.
type zeros struct{ left atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left.Add(-int64(len(p))) <= 0 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A body that does not come is not waited for.
func TestASlowBody(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.BodyTime = 50 * time.Millisecond })
	token := s.user("ann", access.Grant{Role: access.Author})
	conn := s.nobody().dial()
	defer conn.Close()
	_, err := fmt.Fprintf(conn, "POST /api/v1/validate HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", token)
	s.must(err)
	s.must(conn.SetReadDeadline(time.Now().Add(deadline)))
	if got := readStatus(s, conn); got != http.StatusRequestTimeout {
		t.Errorf("got %d", got)
	}
}

// What is put into a path or a parameter is a name, and nothing else.
func TestInjection(t *testing.T) {
	s := newSite(t)
	c := s.local()
	c.ended(s.flow("app", "a: x"))
	s.writeLog("app", "a", 1, "text\n")
	s.must(os.WriteFile(filepath.Join(s.dir, "secret"), []byte(canary), 0o600))
	corpus := []string{
		"../../../../etc/passwd", "..%2f..%2fsecret", "%2e%2e/secret", "....//secret", "..\\..\\secret", "/etc/passwd", "a/../../secret", "secret%00", "a%00.log",
		"%c0%ae%c0%ae/secret", "%ff%fe", "a%0d%0aX-Injected:%20yes", "%0a", "' OR '1'='1", "1;DROP%20TABLE%20runs", "1%20UNION%20SELECT%201", "$(id)", "`id`", "{{7*7}}", "${7*7}",
		"<script>alert(1)</script>", "-1", "0", "99999999999999999999", "1e3", "0x1", "1.0", "+1", "%201", "١", "NaN", "null", "@", "@latest%00", "@LATEST", "~", "*", "?", strings.Repeat("a", 3000),
		strings.Repeat("%2e%2e%2f", 50) + "etc/passwd",
	}
	for _, bad := range corpus {
		esc := strings.NewReplacer(" ", "%20", "'", "%27", "<", "%3C", ">", "%3E", "`", "%60", "{", "%7B", "}", "%7D", "\\", "%5C", "?", "%3F", "١", "%D9%A1").Replace(bad)
		for _, path := range []string{
			"/api/v1/runs/" + esc, "/api/v1/runs/" + esc + "/log", "/api/v1/runs/" + esc + "/events", "/api/v1/runs/1/jobs/" + esc, "/api/v1/runs/1/jobs/" + esc + "/log",
			"/api/v1/runs/1/jobs/a/tries/" + esc, "/api/v1/users/" + esc, "/api/v1/workflows/" + esc, "/api/v1/workflows/" + esc + "/versions", "/api/v1/users/" + esc + "/tokens",
			"/api/v1/applications/" + esc + "/usual", "/api/v1/runs/1/log?tail=" + esc, "/api/v1/runs?before=" + esc, "/api/v1/runs?state=" + esc, "/api/v1/runs/1/explain?job=" + esc,
		} {
			a := c.do(http.MethodGet, path, nil)
			known := a.status == 200 && (bad == "0" || bad == "+1") // numbers: 0 lines, nothing before run 0
			if a.status/100 != 4 && !known || strings.Contains(string(a.body), canary) || strings.Contains(string(a.body), "root:") || a.header.Get("X-Injected") != "" {
				t.Errorf("%s: got %d %.200s", path, a.status, a.body)
			}
		}
	}
	if s.logged.String() != "" {
		t.Errorf("the service wonders: %s", s.logged)
	}
}

// A secret is in nothing that the API says, in none of its logs, and not in its memory of
// what was done.
func TestCanary(t *testing.T) {
	s := newSite(t)
	c := s.local()
	source := s.flow("app", "a: x "+canary, "bad: y --password "+canary) +
		"env_variables:\n  DB_PASSWORD: " + canary + "\nsecrets:\n  API_KEY: {env: API_KEY}\n"
	a := c.do(http.MethodPost, "/api/v1/runs?wait=30s", wire.Submit{
		Flow: wire.Flow{Source: source}, Options: wire.Options{Env: []wire.Variable{{Name: "MY_TOKEN", Value: canary}}},
	})
	c.good(a, nil)
	bodies := []string{string(a.body)}
	add := func(a answer) {
		bodies = append(bodies, string(a.body), fmt.Sprint(a.header))
	}
	s.must(s.register("nightly", "app"))
	s.local().good(c.do(http.MethodPut, "/api/v1/workflows/nightly", wire.Register{Source: source}), nil)
	s.local().good(c.do(http.MethodPut, "/api/v1/workflows/nightly", wire.Register{Source: strings.ReplaceAll(source, canary, canary+"2")}), nil)
	s.local().do(http.MethodPost, "/api/v1/users", wire.NewUser{Name: "ann", Password: canary, Grants: []access.Grant{{Role: access.Viewer}}})
	s.nobody().do(http.MethodPost, "/api/v1/login", wire.Login{User: "ann", Password: canary + "x"})
	s.nobody().do(http.MethodPost, "/api/v1/login", wire.Login{User: "ann", Password: canary})
	s.basic("ann", canary).do(http.MethodGet, "/api/v1/session", nil)
	s.bearer(canary).do(http.MethodGet, "/api/v1/session", nil)
	viewer := s.bearer(s.user("viewer", access.Grant{Role: access.Viewer}))
	for _, who := range []*caller{c, viewer} {
		for _, row := range api.Rows() {
			if row.Method != http.MethodGet || row.ID == "follow-all" || row.ID == "get-version" && who == c || row.ID == "get-workflow" && who == c {
				continue // an author may read the text that authors wrote
			}
			path, _ := s.request(row)
			path = strings.NewReplacer("=one", "=app", "/one/", "/app/", "to=1", "to=2").Replace(path)
			add(who.do(http.MethodGet, path, nil))
		}
	}
	for _, path := range []string{"/api/v1/runs/1/jobs/bad", "/api/v1/runs/1/explain?job=bad", "/api/v1/workflows/nightly/diff?from=2&to=3"} {
		add(viewer.do(http.MethodGet, path, nil))
	}
	add(c.do(http.MethodPost, "/api/v1/plan", wire.Submit{Flow: wire.Flow{Source: source}}))
	add(c.do(http.MethodPost, "/api/v1/runs/1/plan", wire.Resume{}))
	for _, text := range append(bodies, s.logged.String()) {
		if i := strings.Index(text, canary); i >= 0 {
			t.Errorf("it is in …%s…", text[max(0, i-200):min(len(text), i+60)])
		}
	}
}

// The document is one of OpenAPI 3.1, has every route but the pages, and says of each
// example of an answer what it is.
func TestOpenAPI(t *testing.T) {
	s := matrixSite(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Responses   map[string]struct {
				Content map[string]struct{ Schema map[string]any }
			}
			Security []map[string][]string
		}
		Components struct{ Schemas map[string]any }
	}
	a := s.nobody().do(http.MethodGet, "/openapi.json", nil)
	s.must(json.Unmarshal(a.body, &doc))
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("got %s", doc.OpenAPI)
	}
	pages := []string{"openapi", "docs", "docs-js", "docs-css", "login-oidc", "callback", "metrics", "metrics-json", "profile-cpu", "profile"}
	for _, row := range api.Rows() {
		op, ok := doc.Paths[row.Path][strings.ToLower(row.Method)]
		if ok == slices.Contains(pages, row.ID) || ok && (op.OperationID != row.ID || (len(op.Security) == 0) != row.Public || op.Responses["default"].Content[wire.ProblemType].Schema == nil) {
			t.Errorf("%s %s: %v %+v", row.Method, row.Path, ok, op)
		}
	}
	var whole any
	s.must(json.Unmarshal(a.body, &whole))
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	s.must(compiler.AddResource("doc.json", whole))
	for _, row := range api.Rows() {
		if row.Method != http.MethodGet || row.Stream || slices.Contains(pages, row.ID) {
			continue
		}
		path, _ := s.request(row)
		got := s.local().do(http.MethodGet, path, nil)
		status, kind := fmt.Sprint(got.status), "application/json"
		if got.status/100 != 2 {
			status, kind = "default", wire.ProblemType
		}
		pointer := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1") }
		if _, ok := doc.Paths[row.Path]["get"].Responses[status]; !ok {
			t.Errorf("%s: there is no answer %s", row.Path, status)
			continue
		}
		schema, err := compiler.Compile("doc.json#/paths/" + pointer(row.Path) + "/get/responses/" + status + "/content/" + pointer(kind) + "/schema")
		if err != nil {
			t.Errorf("%s: %v", row.Path, err)
			continue
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(got.body)))
		s.must(err)
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %s\nis not as the document says: %v", row.Path, got.body, err)
		}
	}
}

// Nothing panics, whatever comes, and if it did, it would end one request only.
func TestAPanicEndsOneRequest(t *testing.T) {
	s := newSite(t, func(c *api.Config) {
		c.Statistics = func(context.Context, api.Figures) (any, error) { panic("boom " + canary) }
	})
	a := s.local().do(http.MethodGet, "/api/v1/statistics", nil)
	if p := a.problem(t); p.Code != fault.Internal || strings.Contains(string(a.body), "boom") || !strings.Contains(s.logged.String(), p.RequestID) {
		t.Errorf("got %+v", p)
	}
	s.local().get("/api/v1/version", nil)
	var list wire.List
	s.local().get("/api/v1/runs", &list)
	if list.Runs == nil {
		t.Errorf("got %+v", list)
	}
}
