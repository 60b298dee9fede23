package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
)

// asked asks for a host, as a proxy does for a browser.
type asked struct {
	http.RoundTripper
	host string
}

func (a asked) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if a.host != "" {
		r.Host = a.host
	}
	return a.RoundTripper.RoundTrip(r)
}

// proxied is somebody who comes through a proxy which ends TLS and asks for that host, or for
// the service's own.
func (s *site) proxied(host string) *caller {
	c := s.nobody()
	c.client.Transport = asked{c.client.Transport, host}
	return c
}

const public = "https://jobs.example.org"

// Browsers were refused behind a proxy that ends TLS: their pages come from https, and the
// service is asked without.
func TestBrowsersBehindAProxy(t *testing.T) {
	s := newSite(t, func(c *api.Config) { c.PublicURL = public })
	s.withPassword("ann", access.Grant{Role: access.Author})
	self := s.server.URL
	for _, host := range []string{"jobs.example.org", ""} {
		for origin, want := range map[string]int{
			public: 200, "": 200, "http://jobs.example.org": 403, "https://jobs.example.org:444": 403, "https://evil.com": 403,
			"https://jobs.example.org.evil.com": 403, "https://a.jobs.example.org": 403, "null": 403,
		} {
			c := s.proxied(host)
			if origin != "" {
				c = c.with("Origin", origin)
			}
			a := c.do(http.MethodPost, "/api/v1/login", wire.Login{User: "ann", Password: password})
			if a.status != want {
				t.Errorf("%q from %q: got %d %s", host, origin, a.status, a.body)
			}
			if want != 200 {
				continue
			}
			set := a.header.Get("Set-Cookie")
			if !strings.HasPrefix(set, "__Host-executioner=") || !strings.Contains(set, "; Secure") || a.header.Get("Strict-Transport-Security") == "" {
				t.Errorf("%q from %q: the cookie is %s", host, origin, set)
			}
			cookie, _, _ := strings.Cut(set, ";")
			var who wire.Session
			c.with("Cookie", cookie).get("/api/v1/session", &who)
			check := wire.Flow{Source: s.flow("app", "a: x")}
			for token, granted := range map[string]int{who.CSRF: 200, "": 403} {
				for site, same := range map[string]bool{"": true, "same-origin": true, "cross-site": origin == public} {
					want := granted
					if !same {
						want = 403
					}
					b := c.with("Cookie", cookie).with("X-CSRF-Token", token)
					if site != "" {
						b = b.with("Sec-Fetch-Site", site)
					}
					if a := b.do(http.MethodPost, "/api/v1/validate", check); a.status != want {
						t.Errorf("%q from %q, %q, token %q: got %d %s", host, origin, site, token, a.status, a.body)
					}
				}
			}
		}
	}
	for host, want := range map[string]int{"jobs.example.org:8323": 200, "evil.com": 421, "a.jobs.example.org": 421} {
		if a := s.proxied(host).do(http.MethodGet, "/healthz/live", nil); a.status != want {
			t.Errorf("%s: got %d", host, a.status)
		}
	}
	// Beside the proxy the service is still there under its own address.
	if a := s.nobody().with("Origin", self).do(http.MethodPost, "/api/v1/login", wire.Login{User: "ann", Password: password}); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
	if _, err := api.New(api.Config{PublicURL: public + "/x"}); err == nil {
		t.Error("a public URL with a path is taken")
	}
}
