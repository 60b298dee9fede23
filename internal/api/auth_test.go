package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
)

const password = "correct horse battery"

// withPassword adds a user who can log in.
func (s *site) withPassword(name string, grants ...access.Grant) {
	s.Helper()
	s.local().post("/api/v1/users", wire.NewUser{Name: name, Password: password, Grants: grants}, nil)
}

// basic is somebody who sends a password with each request.
func (s *site) basic(name, secret string) *caller {
	req, err := http.NewRequest(http.MethodGet, "/", nil)
	s.must(err)
	req.SetBasicAuth(name, secret)
	return s.nobody().with("Authorization", req.Header.Get("Authorization"))
}

func TestBasic(t *testing.T) {
	s := newSite(t)
	s.withPassword("ann", access.Grant{Role: access.Viewer})
	var who wire.Session
	for range 3 { // the second time it is known already
		s.basic("ann", password).get("/api/v1/session", &who)
		if who.User != "ann" || who.Via != access.ViaPassword || len(who.Grants) != 1 || who.CSRF != "" {
			t.Errorf("got %+v", who)
		}
	}
	for _, c := range []*caller{s.basic("ann", "wrong password 1"), s.basic("bob", password), s.basic("ann", ""), s.basic("", password), s.basic("ann", strings.Repeat("x", 5000))} {
		a := c.do(http.MethodGet, "/api/v1/session", nil)
		if p := a.problem(t); a.status != 401 || p.Detail != "it is not known who asks" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("got %d %+v", a.status, p)
		}
	}
	// A password that was right is not, once it was changed, or its user disabled.
	other := "another long password"
	s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Password: &other}), nil)
	if a := s.basic("ann", password).do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
	s.basic("ann", other).get("/api/v1/session", &who)
	yes := true
	s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Disabled: &yes}), nil)
	if a := s.basic("ann", other).do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
}

// Whoever tries passwords has to wait, also for the right one; others don't.
func TestLockout(t *testing.T) {
	s := newSite(t)
	s.withPassword("ann", access.Grant{Role: access.Viewer})
	for _, name := range []string{"ann", "nobody-of-that-name"} { // no difference tells who is there
		for i := range 5 {
			if a := s.basic(name, fmt.Sprint("wrong password ", i)).do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
				t.Fatalf("got %d %s", a.status, a.body)
			}
		}
		a := s.basic(name, password).do(http.MethodGet, "/api/v1/session", nil)
		if p := a.problem(t); p.Code != fault.RateLimited || a.header.Get("Retry-After") != "60" {
			t.Errorf("got %+v %v", p, a.header)
		}
		a = s.nobody().do(http.MethodPost, "/api/v1/login", wire.Login{User: name, Password: password})
		if p := a.problem(t); p.Code != fault.RateLimited {
			t.Errorf("got %+v", p)
		}
	}
	s.later(2 * time.Minute)
	var who wire.Session
	s.basic("ann", password).get("/api/v1/session", &who)
	for range 4 { // that made up for those before
		s.basic("ann", "wrong password").do(http.MethodGet, "/api/v1/session", nil)
	}
	s.basic("ann", password).get("/api/v1/session", &who)
}

// session is somebody who logged in with a browser.
func (s *site) session(name string) (c *caller, csrf string) {
	s.Helper()
	a := s.nobody().do(http.MethodPost, "/api/v1/login", wire.Login{User: name, Password: password})
	var in wire.Session
	s.nobody().good(a, &in)
	if in.User != name || in.CSRF == "" || in.Expires == nil {
		s.Fatalf("got %+v", in)
	}
	set := a.header.Get("Set-Cookie")
	cookie, rest, _ := strings.Cut(set, ";")
	for _, attribute := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(rest, attribute) {
			s.Errorf("the cookie lacks %s: %s", attribute, set)
		}
	}
	return s.nobody().with("Cookie", cookie), in.CSRF
}

func TestSession(t *testing.T) {
	s := newSite(t)
	s.withPassword("ann", access.Grant{Role: access.Author})
	c, csrf := s.session("ann")
	var who wire.Session
	c.get("/api/v1/session", &who)
	if who.User != "ann" || who.Via != access.ViaSession || who.CSRF != csrf {
		t.Errorf("got %+v", who)
	}
	// A change needs what another site's page can't know.
	body := wire.Submit{Flow: wire.Flow{Source: s.flow("app", "a: x")}}
	for _, forged := range []*caller{c, c.with("X-CSRF-Token", "wrong"), c.with("X-CSRF-Token", "")} {
		if p := forged.do(http.MethodPost, "/api/v1/runs", body).problem(t); p.Code != fault.Forbidden {
			t.Errorf("got %+v", p)
		}
	}
	good := c.with("X-CSRF-Token", csrf)
	good.post("/api/v1/runs", body, nil)

	// A new login begins another session, and ends the one before.
	again := c.do(http.MethodPost, "/api/v1/login", wire.Login{User: "ann", Password: password})
	c.good(again, nil)
	if a := c.do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
	c, csrf = s.session("ann")
	if a := c.with("X-CSRF-Token", csrf).do(http.MethodPost, "/api/v1/logout", nil); a.status != http.StatusNoContent || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("got %d %v", a.status, a.header)
	}
	if a := c.do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
	if p := s.local().do(http.MethodPost, "/api/v1/logout", nil).problem(t); p.Code != fault.Usage {
		t.Errorf("got %+v", p)
	}
}

// Each of these ends every session there is.
func TestWhatEndsSessions(t *testing.T) {
	s := newSite(t)
	s.withPassword("ann", access.Grant{Role: access.Author})
	other, yes, no := password+"!", true, false
	grants := []access.Grant{{Role: access.Viewer}}
	changes := map[string]func(c *caller, csrf string){
		"its time": func(*caller, string) { s.later(13 * time.Hour) },
		"a password set by an administrator": func(*caller, string) {
			s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Password: &other}), nil)
			back := password
			s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Password: &back}), nil)
		},
		"one's own new password": func(c *caller, csrf string) {
			c.good(c.with("X-CSRF-Token", csrf).do(http.MethodPut, "/api/v1/password", wire.ChangePassword{Old: password, New: other}), nil)
			back := password
			s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Password: &back}), nil)
		},
		"another role": func(*caller, string) {
			s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Grants: &grants}), nil)
		},
		"being disabled": func(*caller, string) {
			s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Disabled: &yes}), nil)
			s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/ann", wire.ChangeUser{Disabled: &no}), nil)
		},
		"two cookies": nil,
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			c, csrf := s.session("ann")
			if change == nil {
				c = c.with("Cookie", c.header.Get("Cookie")+"; executioner=planted")
			} else {
				change(c, csrf)
			}
			if a := c.do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
	if a := s.nobody().do(http.MethodPost, "/api/v1/login", `{"user":"ann","password":"`+password+`"} x`); a.status != 400 {
		t.Errorf("got %d", a.status)
	}
	if a := s.nobody().do(http.MethodPost, "/api/v1/login", `{"user":"ann","pass":1}`); a.status != 400 || a.problem(t).Detail != "the request is not as it should be: it takes user, password" {
		t.Errorf("got %d", a.status)
	}
	if p := s.basic("ann", password).do(http.MethodPut, "/api/v1/password", wire.ChangePassword{Old: "wrong", New: other}).problem(t); p.Code != fault.Forbidden {
		t.Errorf("got %+v", p)
	}
	if p := s.local().do(http.MethodPut, "/api/v1/password", wire.ChangePassword{Old: "wrong", New: other}).problem(t); p.Code != fault.Usage {
		t.Errorf("got %+v", p)
	}
}

// The token that whoever starts a service without users gets works on loopback alone, and
// only while there is one.
func TestTheTokenOfTheStart(t *testing.T) {
	secret := access.NewSecret()
	s := newSite(t, func(c *api.Config) { c.Token = secret })
	var who wire.Session
	s.bearer(secret).get("/api/v1/session", &who)
	if who.User != access.Local || len(who.Grants) != 1 || who.Grants[0].Role != access.Admin {
		t.Errorf("got %+v", who)
	}
	for _, text := range []string{secret[:42], secret + "A", "", access.NewSecret()} {
		if a := s.bearer(text).do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
			t.Errorf("%q: got %d", text, a.status)
		}
	}
	s.user("ann", access.Grant{Role: access.Viewer}) // the first user ends it
	if a := s.bearer(secret).do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("with a user: got %d", a.status)
	}
	s.must(s.st.DeleteUser(t.Context(), "ann")) // for good
	if a := s.bearer(secret).do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("after the user was removed: got %d", a.status)
	}
	without := newSite(t)
	if a := without.bearer("").do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
}

// Two headers that prove something prove nothing.
func TestTwoAuthorizations(t *testing.T) {
	s := newSite(t)
	c := s.bearer(s.user("ann", access.Grant{Role: access.Viewer}))
	c.header.Add("Authorization", "Bearer x")
	if a := c.do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
}

// The last use of a token is recorded, but not with each request.
func TestLastUse(t *testing.T) {
	s := newSite(t)
	text := s.user("ann", access.Grant{Role: access.Viewer})
	id, _ := access.TokenID(text)
	s.bearer(text).get("/api/v1/session", nil)
	first, _, err := s.st.Token(t.Context(), id)
	s.must(err)
	s.bearer(text).get("/api/v1/session", nil)
	second, _, err := s.st.Token(t.Context(), id)
	s.must(err)
	s.later(2 * time.Minute)
	s.bearer(text).get("/api/v1/session", nil)
	third, _, err := s.st.Token(t.Context(), id)
	s.must(err)
	if first.LastUsed.IsZero() || !second.LastUsed.Equal(first.LastUsed) || !third.LastUsed.After(second.LastUsed) {
		t.Errorf("got %v, %v, %v", first.LastUsed, second.LastUsed, third.LastUsed)
	}
}

// counted counts what is checked.
type counted struct {
	*access.Passwords
	n atomic.Int64
}

func (c *counted) Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error) {
	c.n.Add(1)
	return c.Passwords.Verify(ctx, hash, password)
}

// A login costs one hash, whoever it is for: how long it takes tells nobody who is there.
func TestEveryLoginCostsOneHash(t *testing.T) {
	hashes := &counted{Passwords: access.NewPasswords(1)}
	s := newSite(t, func(c *api.Config) { c.Passwords = hashes })
	s.withPassword("ann", access.Grant{Role: access.Viewer})
	s.withPassword("gone", access.Grant{Role: access.Viewer})
	yes := true
	s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/gone", wire.ChangeUser{Disabled: &yes}), nil)
	s.user("none") // has no password
	for _, name := range []string{"ann", "gone", "none", "nobody", "no such name, ever", ""} {
		for _, login := range []func() answer{
			func() answer { return s.basic(name, "wrong password").do(http.MethodGet, "/api/v1/session", nil) },
			func() answer {
				return s.nobody().do(http.MethodPost, "/api/v1/login", wire.Login{User: name, Password: "wrong password"})
			},
		} {
			before := hashes.n.Load()
			a := login()
			if got := hashes.n.Load() - before; got != 1 || a.status != 401 || a.problem(t).Detail != "it is not known who asks" {
				t.Errorf("%q cost %d hashes: %d %s", name, got, a.status, a.body)
			}
		}
	}
}

func TestHosts(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Hosts = []string{"jobs.example.com", "*.wild.example"} })
	tests := map[string]int{
		"localhost": 200, "LOCALHOST:8323": 200, "localhost.": 200, "127.0.0.1:8323": 200, "[::1]:8323": 200, "10.1.2.3": 200,
		"jobs.example.com": 200, "jobs.example.com:8323": 200, "JOBS.example.com.": 200,
		"a.wild.example": 200, "wild.example": 421, "a.b.wild.example": 421,
		"evil.com": 421, "evil.com:8323": 421, "localhost.evil.com": 421, "127.0.0.1.evil.com": 421, "jobs.example.com.evil.com": 421, "": 421, "localhost@evil.com": 421,
	}
	for host, want := range tests {
		for _, path := range []string{"/healthz/live", "/docs"} {
			conn := s.nobody().dial()
			_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host)
			s.must(err)
			if got := readStatus(s, conn); got != want && !(host == "" || strings.ContainsAny(host, "@*")) || want == 421 && got == 200 {
				t.Errorf("%s %q: got %d, want %d", path, host, got, want)
			}
			conn.Close()
		}
	}
}

// A page of another site can do nothing, whatever the browser says of it.
func TestOrigins(t *testing.T) {
	s := newSite(t)
	self := s.server.URL
	token := s.user("ann", access.Grant{Role: access.Author})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for origin, good := range map[string]bool{
			"": true, self: true, "http://evil.com": false, "null": false, "https" + strings.TrimPrefix(self, "http"): false, self + ".evil.com": false,
			"http://localhost": false, strings.TrimSuffix(self, self[len(self)-1:]): false,
		} {
			for site, same := range map[string]bool{"": true, "same-origin": true, "none": true, "cross-site": false, "same-site": false} {
				c := s.bearer(token)
				if origin != "" {
					c = c.with("Origin", origin)
				}
				if site != "" {
					c = c.with("Sec-Fetch-Site", site)
				}
				path, body := "/api/v1/session", any(nil)
				if method == http.MethodPost {
					path, body = "/api/v1/validate", wire.Flow{Source: s.flow("app", "a: x")}
				}
				a := c.do(method, path, body)
				want := good && (same || method == http.MethodGet)
				if (a.status == 200) != want {
					t.Errorf("%s from %q, %q: got %d", method, origin, site, a.status)
				}
				if a.header.Get("Access-Control-Allow-Origin") != "" {
					t.Error("another site may read it")
				}
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/healthz/live", "/api/v1/runs", "/docs", "/openapi.json", "/nowhere"} {
		h := s.nobody().do(http.MethodGet, path, nil).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
		if len(h.Get("X-Request-Id")) != 16 {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestRates(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.Limits.PerUser, c.Limits.PerAddress = 1, 1 })
	ann := s.bearer(s.user("ann", access.Grant{Role: access.Viewer}))
	bob := s.bearer(s.user("bob", access.Grant{Role: access.Viewer}))
	slow := 0
	for range 20 {
		a := ann.do(http.MethodGet, "/api/v1/session", nil)
		if a.status == http.StatusTooManyRequests {
			slow++
			if p := a.problem(t); p.Code != fault.RateLimited || a.header.Get("Retry-After") == "" {
				t.Errorf("got %+v", p)
			}
		}
	}
	if slow == 0 || slow > 10 {
		t.Errorf("%d of 20 were too many", slow)
	}
	bob.get("/api/v1/session", nil)
	for _, path := range []string{"/healthz/live", "/nowhere", "/api/v1/session"} { // one address, whatever it asks for
		last := 0
		for range 20 {
			last = s.nobody().do(http.MethodGet, path, nil).status
		}
		if last != http.StatusTooManyRequests {
			t.Errorf("%s: got %d", path, last)
		}
	}
	for range 50 { // whoever started the service is not counted
		s.local().get("/api/v1/session", nil)
		s.local().get("/healthz/live", nil)
	}
}
