package api_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// provider is an identity provider that knows one user.
type provider struct {
	*httptest.Server
	t      *testing.T
	key    *rsa.PrivateKey
	claims map[string]any // of its user
	asked  url.Values     // what the browser was sent with
	signer *rsa.PrivateKey
}

func newProvider(t *testing.T) *provider {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, key: key, signer: key, claims: map[string]any{"preferred_username": "ann", "groups": []string{"ops", "all"}}}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	say := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		say(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		enc := base64.RawURLEncoding
		say(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": enc.EncodeToString(key.N.Bytes()), "e": enc.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		user, secret, _ := r.BasicAuth()
		if r.FormValue("code") != "the-code" || base64.RawURLEncoding.EncodeToString(sum[:]) != p.asked.Get("code_challenge") || user != "executioner" || secret != "client-secret" {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		say(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.token()})
	})
	return p
}

// token is what the provider says of its user.
func (p *provider) token() string {
	claims := map[string]any{
		"iss": p.URL, "aud": "executioner", "sub": "1", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": p.asked.Get("nonce"),
	}
	for name, v := range p.claims {
		claims[name] = v
	}
	enc := base64.RawURLEncoding
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	text := enc.EncodeToString([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + enc.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.signer, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + enc.EncodeToString(sig)
}

func oidcSite(t *testing.T) (*site, *provider) {
	p := newProvider(t)
	client := &http.Client{Transport: &http.Transport{}, Timeout: deadline}
	t.Cleanup(client.CloseIdleConnections)
	s := newSite(t, func(c *api.Config) {
		c.OIDC = &api.OIDC{
			Issuer: p.URL, ClientID: "executioner", ClientSecret: "client-secret", RedirectURL: "http://localhost/callback",
			UserClaim: "preferred_username", GroupsClaim: "groups", Client: client,
			Grants: []api.GroupGrant{
				{Group: "ops", Grant: access.Grant{Role: access.Operator, Application: "one"}},
				{Group: "boss", Grant: access.Grant{Role: access.Admin}},
			},
		}
	})
	return s, p
}

// begin sends a browser to the provider and returns it with what it was given.
func (s *site) begin(p *provider) (browser *caller, state string) {
	s.Helper()
	a := s.nobody().do(http.MethodGet, "/login/oidc", nil)
	to, err := url.Parse(a.header.Get("Location"))
	s.must(err)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(to.String(), p.URL+"/auth?") || to.Query().Get("code_challenge_method") != "S256" || to.Query().Get("nonce") == "" {
		s.Fatalf("got %d %v", a.status, a.header)
	}
	p.asked = to.Query()
	set := a.header.Get("Set-Cookie")
	if !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Lax") {
		s.Errorf("the cookie is %s", set)
	}
	cookie, _, _ := strings.Cut(set, ";")
	return s.nobody().with("Cookie", cookie), to.Query().Get("state")
}

// arrive has a browser come back, and returns its session.
func (s *site) arrive(browser *caller, state string) (*caller, answer) {
	s.Helper()
	a := browser.do(http.MethodGet, "/callback?code=the-code&state="+url.QueryEscape(state), nil)
	for _, set := range a.header.Values("Set-Cookie") {
		if cookie, _, _ := strings.Cut(set, ";"); strings.HasPrefix(cookie, "executioner=") {
			return s.nobody().with("Cookie", cookie), a
		}
	}
	return nil, a
}

func TestOIDC(t *testing.T) {
	s, p := oidcSite(t)
	session, a := s.arrive(s.begin(p))
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/docs" || session == nil {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	var who wire.Session
	session.get("/api/v1/session", &who)
	if who.User != access.ProviderName("ann", p.URL+" 1") || who.Via != access.ViaOIDC || len(who.Grants) != 1 || who.Grants[0] != (access.Grant{Role: access.Operator, Application: "one"}) || who.CSRF == "" {
		t.Errorf("got %+v", who)
	}
	// The groups of today count, and what they don't grant any more ends the sessions.
	p.claims["groups"] = "boss"
	second, _ := s.arrive(s.begin(p))
	second.get("/api/v1/session", &who)
	if len(who.Grants) != 1 || who.Grants[0].Role != access.Admin {
		t.Errorf("got %+v", who)
	}
	if a := session.do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d", a.status)
	}
	if a := s.basic(who.User, password).do(http.MethodGet, "/api/v1/session", nil); a.status != 401 {
		t.Errorf("got %d: there is no password", a.status)
	}
	yes := true
	s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/"+who.User, wire.ChangeUser{Disabled: &yes}), nil)
	if session, a := s.arrive(s.begin(p)); session != nil || a.status != 401 {
		t.Errorf("got %d: the user is disabled", a.status)
	}
}

// No login succeeds that was not begun by this browser, here, and vouched for.
func TestOIDCRefuses(t *testing.T) {
	s, p := oidcSite(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	s.must(err)
	try := func(name string, want fault.Code, change func(b *caller, state string) (*caller, string)) {
		t.Helper()
		p.claims, p.signer = map[string]any{"preferred_username": "ann", "groups": []string{"ops"}}, p.key
		b, state := s.begin(p)
		b, state = change(b, state)
		session, a := s.arrive(b, state)
		if session != nil || a.problem(t).Code != want {
			t.Errorf("%s: got %d %s", name, a.status, a.body)
		}
	}
	claim := func(name string, v any) func(*caller, string) (*caller, string) {
		return func(b *caller, state string) (*caller, string) {
			p.claims[name] = v
			return b, state
		}
	}
	try("another state", fault.Unauthorized, func(b *caller, _ string) (*caller, string) { return b, "x" })
	try("no state", fault.Unauthorized, func(b *caller, _ string) (*caller, string) { return b, "" })
	try("another browser", fault.Unauthorized, func(_ *caller, state string) (*caller, string) { return s.nobody(), state })
	try("a planted cookie", fault.Unauthorized, func(b *caller, state string) (*caller, string) {
		return b.with("Cookie", b.header.Get("Cookie")+"; executioner-login=x"), state
	})
	try("a cookie of nonsense", fault.Unauthorized, func(b *caller, state string) (*caller, string) {
		return b.with("Cookie", "executioner-login=e30"), state
	})
	try("too late", fault.Unauthorized, func(b *caller, state string) (*caller, string) {
		s.later(11 * time.Minute)
		return b, state
	})
	try("another nonce", fault.Unauthorized, claim("nonce", "x"))
	try("for another service", fault.Unauthorized, claim("aud", "another"))
	try("of another provider", fault.Unauthorized, claim("iss", "https://evil.com"))
	try("expired", fault.Unauthorized, claim("exp", time.Now().Add(-time.Hour).Unix()))
	try("signed by somebody else", fault.Unauthorized, func(b *caller, state string) (*caller, string) {
		p.signer = other
		return b, state
	})
	try("another challenge", fault.Unauthorized, func(b *caller, state string) (*caller, string) {
		p.asked.Set("code_challenge", "x")
		return b, state
	})
	try("a subject that is none", fault.Unauthorized, claim("sub", ""))
	try("a long subject", fault.Unauthorized, claim("sub", strings.Repeat("x", 256)))
	try("no group", fault.Forbidden, claim("groups", []string{"none"}))
	try("groups that are none", fault.Forbidden, claim("groups", 7))

	// A name that ours can't have is somebody of their own, and nobody else.
	p.claims, p.signer = map[string]any{"preferred_username": "ann b/../ü", "groups": []any{"ops"}}, p.key
	session, a := s.arrive(s.begin(p))
	if session == nil {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	var who wire.Session
	session.get("/api/v1/session", &who)
	if !strings.HasPrefix(who.User, "oidc+") || access.CheckName("user", who.User) != nil {
		t.Errorf("got %+v", who)
	}
	p.Close()
	away, q := newSite(t, func(c *api.Config) { c.OIDC = &api.OIDC{Issuer: p.URL} }), ""
	if a := away.nobody().do(http.MethodGet, "/login/oidc"+q, nil); a.problem(t).Code != fault.Unavailable {
		t.Errorf("got %d", a.status)
	}
}

// A user is who the provider's subject says, whatever they call themselves: who takes
// somebody's name there is not them, and who changes theirs stays who they are.
func TestOIDCNamesProveNothing(t *testing.T) {
	s, p := oidcSite(t)
	arrives := func(sub, name string) wire.Session {
		t.Helper()
		p.claims = map[string]any{"sub": sub, "preferred_username": name, "groups": []string{"ops"}}
		session, a := s.arrive(s.begin(p))
		if session == nil {
			t.Fatalf("%s as %q: %d %s", sub, name, a.status, a.body)
		}
		var who wire.Session
		session.get("/api/v1/session", &who)
		return who
	}
	ann := arrives("1", "ann").User
	first := ann[len("oidc+ann."):]
	for _, tt := range []struct{ sub, name, want string }{
		{"2", "ann", ""},
		{"3", "ann." + first, ""}, // looks like her
		{"4", ann, ""},
		{"5", "", ""},
		{"6", "Ann B/../ü", ""},
		{"1", "bob", ann},
		{"1", "", ann},
	} {
		got := arrives(tt.sub, tt.name).User
		if tt.want == "" && got == ann || tt.want != "" && got != tt.want || access.CheckName("user", got) != nil {
			t.Errorf("%s as %q is %s; ann is %s", tt.sub, tt.name, got, ann)
		}
	}
	var all wire.Users
	s.local().get("/api/v1/users", &all)
	if len(all.Users) != 6 || all.Users[0].Subject == "" {
		t.Errorf("got %+v", all)
	}
	// Disabled is the person, not the name.
	yes := true
	s.local().good(s.local().do(http.MethodPatch, "/api/v1/users/"+ann, wire.ChangeUser{Disabled: &yes}), nil)
	p.claims["sub"], p.claims["preferred_username"] = "1", "somebody else"
	if session, a := s.arrive(s.begin(p)); session != nil || a.status != http.StatusUnauthorized {
		t.Errorf("got %d", a.status)
	}
	es, err := s.st.Audit(t.Context(), store.AuditFilter{Who: ann, Action: "login"})
	s.must(err)
	if len(es) != 3 || es[0].Detail != p.URL+" 1, as operator:one" {
		t.Errorf("got %+v", es)
	}
}
