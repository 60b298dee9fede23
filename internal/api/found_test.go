package api_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
)

// Defects that a review found, each with its test.

// Some variables make a shell run what they say: who may only run what others registered
// must not set any.
func TestAnOperatorSetsNoVariables(t *testing.T) {
	s := newSite(t)
	s.local().good(s.local().do(http.MethodPut, "/api/v1/workflows/nightly", wire.Register{Source: s.flow("one", "a: x")}), nil)
	operator := s.bearer(s.user("op", access.Grant{Role: access.Operator, Application: "one"}))
	author := s.bearer(s.user("au", access.Grant{Role: access.Author, Application: "one"}))
	with := func(name string) wire.Submit {
		return wire.Submit{Flow: wire.Flow{Workflow: "nightly"}, Options: wire.Options{Env: []wire.Variable{{Name: name, Value: "$(id)"}}}}
	}
	for _, tt := range []struct {
		who  *caller
		body wire.Submit
		want fault.Code
	}{
		{operator, with("BASH_ENV"), fault.Forbidden},
		{author, with("BASH_FUNC_tar%%"), fault.Usage},
		{author, with(""), fault.Usage},
	} {
		if p := tt.who.do(http.MethodPost, "/api/v1/runs", tt.body).problem(t); p.Code != tt.want {
			t.Errorf("%v: %+v, want %s", tt.body.Options, p, tt.want)
		}
	}
	var ran wire.Submitted
	author.good(author.do(http.MethodPost, "/api/v1/runs?wait=10s", with("BASH_ENV")), &ran)
	operator.good(operator.do(http.MethodPost, "/api/v1/runs?wait=10s", wire.Submit{Flow: wire.Flow{Workflow: "nightly"}}), nil)
	path := "/api/v1/runs/" + ran.Run.String() + "/resume"
	if p := operator.do(http.MethodPost, path, wire.Resume{Options: with("BASH_ENV").Options}).problem(t); p.Code != fault.Forbidden {
		t.Errorf("resumed with %+v", p)
	}
}

// A role with an application in its name is no role; it made a token that could do all that
// its user can.
func TestAMalformedGrantMakesNoToken(t *testing.T) {
	s := newSite(t)
	admin := s.bearer(s.user("ann", access.Grant{Role: access.Admin}))
	for _, grants := range []string{`[{"role":"viewer:billing"}]`, `[{"role":"viewer:billing","application":""}]`, `[{"role":"nobody"}]`, `[]`} {
		a := admin.do(http.MethodPost, "/api/v1/tokens", `{"name":"ci","grants":`+grants+`}`)
		if a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", grants, a.status, a.body)
		}
	}
}

// What reads takes no body, and what anybody may call a short one.
func TestNobodySendsMuch(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct{ method, path string }{
		{http.MethodGet, "/healthz/live"}, {http.MethodGet, "/api/v1/runs"}, {http.MethodPost, "/api/v1/login"},
	} {
		a := s.nobody().do(tt.method, tt.path, `{"user":"`+strings.Repeat("x", 9<<10)+`"}`)
		if a.status != http.StatusRequestEntityTooLarge && a.status != http.StatusUnauthorized {
			t.Errorf("%s %s: %d", tt.method, tt.path, a.status)
		}
	}
}

// Who never reads an answer is cut off, also where the answer is no stream.
func TestWhoNeverReadsIsCutOff(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.WriteTime = 200 * time.Millisecond })
	conn := s.local().dial()
	defer conn.Close()
	s.must(conn.SetWriteDeadline(time.Now().Add(time.Second)))
	ask := []byte(strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000))
	for { // until nobody takes requests any more: the answers are not read
		if _, err := conn.Write(ask); err != nil {
			break
		}
	}
	s.must(conn.SetReadDeadline(time.Now().Add(deadline)))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("it is still being served")
	}
}

// Who belongs to no group any more may do nothing from the next login on.
func TestOIDCWithdraws(t *testing.T) {
	s, p := oidcSite(t)
	session, _ := s.arrive(s.begin(p))
	var who wire.Session
	session.get("/api/v1/session", &who)
	var made wire.MadeToken
	s.local().good(s.local().do(http.MethodPost, "/api/v1/users/"+who.User+"/tokens", wire.NewToken{Name: "ci"}), &made)
	token := s.bearer(made.Text)
	token.get("/api/v1/runs?application=one", &wire.List{})
	p.claims["groups"] = []string{"strangers"}
	if again, a := s.arrive(s.begin(p)); again != nil || a.status != http.StatusForbidden {
		t.Errorf("got %d %s", a.status, a.body)
	}
	for name, c := range map[string]*caller{"session": session, "token": token} {
		if a := c.do(http.MethodGet, "/api/v1/runs?application=one", nil); a.status < 400 {
			t.Errorf("the %s still lists runs: %d", name, a.status)
		}
	}
}
