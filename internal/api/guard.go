package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/fault"
)

// maxDepth is how deep JSON in a request may be nested.
const maxDepth = 64

// outer is what every request goes through before the table is looked at.
func (s *server) outer() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{id: access.NewSecret()[:16], from: addressOf(r), address: wholeAddress(r)}
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		w = &impatient{w, http.NewResponseController(w), s.Limits.WriteTime}
		defer s.recovered(w, r)
		s.headers(w, r, c.id)
		if err := s.acceptable(r); err != nil {
			s.fail(w, r, err)
			return
		}
		h, pattern := s.patterns.Handler(r)
		if pattern == "" || r.URL.Path != path.Clean(r.URL.Path) {
			s.nowhere(w, r)
			return
		}
		_ = h // Handler tells of the pattern alone: path values are set by ServeHTTP
		s.patterns.ServeHTTP(w, r)
	})
}

// recovered keeps a panic from ending more than its request.
func (s *server) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	switch {
	case p == nil:
		return
	case p == http.ErrAbortHandler: //nolint:errorlint,err113 // the value that the standard library panics with
		panic(p)
	}
	s.Log.ErrorContext(r.Context(), "panic in a request", "panic", p, "stack", string(debug.Stack()), slogRequest(callOf(r.Context()).id))
	s.fail(w, r, fault.New(fault.Internal, "something went wrong inside the server"))
}

// headers sets what every answer has.
func (s *server) headers(w http.ResponseWriter, r *http.Request, id string) {
	h := w.Header()
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	if s.secure(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// acceptable refuses requests that no caller of ours makes: for another host, from
// another site's page.
func (s *server) acceptable(r *http.Request) error {
	if !s.hostKnown(r) {
		return refuse(http.StatusMisdirectedRequest, fault.New(fault.Usage, "this service does not answer for that host").
			WithHint("ask for it under its address or localhost, or add the name to hosts in the settings"))
	}
	if err := s.cross.Check(r); err != nil {
		return fault.New(fault.Forbidden, "the request comes from a page of another site")
	}
	if o := r.Header.Get("Origin"); o != "" && !s.sameOrigin(o, r) {
		return fault.New(fault.Forbidden, "the request comes from a page of another site")
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil { // part of it would be ignored
		return fault.New(fault.Usage, "the query is malformed")
	}
	if _, ok := r.Header["X-Http-Method-Override"]; ok {
		return fault.New(fault.Usage, "the method of a request can't be overridden")
	}
	return nil
}

// sameOrigin reports whether a page of ours makes the request. What has the public name and no
// TLS is not ours: anybody in between could have written it.
func (s *server) sameOrigin(origin string, r *http.Request) bool {
	scheme := "http"
	if rest, ok := strings.CutPrefix(s.PublicURL, "https://"); origin == s.PublicURL || ok && origin == "http://"+rest {
		return origin == s.PublicURL
	}
	if r.TLS != nil {
		scheme = "https"
	}
	return origin == scheme+"://"+r.Host
}

// hostKnown reports whether a request's Host is this service: a name that an attacker
// points at this address is not. An address can't be pointed elsewhere.
func (s *server) hostKnown(r *http.Request) bool {
	if peerOf(r.Context()).socket {
		return true // no browser gets here
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || slices.ContainsFunc(s.Hosts, func(name string) bool { return named(name, host) }) {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// named reports whether a name, which may begin with *. as one in a certificate, is that of a host.
func named(name, host string) bool {
	name = strings.ToLower(name)
	rest, wild := strings.CutPrefix(name, "*.")
	_, domain, _ := strings.Cut(host, ".")
	return host == name || wild && domain == rest && rest != ""
}

// nowhere answers what is in no row of the table.
func (s *server) nowhere(w http.ResponseWriter, r *http.Request) {
	if err := s.limits.address(callOf(r.Context()).from, 1); err != nil && !peerOf(r.Context()).socket {
		s.fail(w, r, err)
		return
	}
	var allowed []string
	if r.URL.Path == path.Clean(r.URL.Path) {
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = m
			if _, pattern := s.patterns.Handler(other); pattern != "" {
				allowed = append(allowed, m)
			}
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.fail(w, r, refuse(http.StatusMethodNotAllowed, fault.New(fault.Usage, "this can't be done with %s", cut(r.Method)).
			WithHint("use %s", strings.Join(allowed, " or "))))
		return
	}
	s.fail(w, r, fault.New(fault.NotFound, "there is nothing at this path").WithHint("the document at /openapi.json lists what there is"))
}

func cut(s string) string {
	if len(s) > 16 {
		return s[:16] + "…"
	}
	return s
}

// guard is what every row's handler is behind.
func (s *server) guard(row *route, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r.Context())
		c.action, c.about = string(row.action), row.object
		err := s.admitted(r, row, c)
		var size int64
		if err == nil {
			size = max(r.ContentLength, 0)
			if r.ContentLength < 0 {
				size = s.bodyLimit(row)
			}
			size = min(size, s.bodyLimit(row))
			if err = s.bodies.take(size); err == nil {
				defer s.bodies.give(size)
				err = s.body(w, r, row)
			}
		}
		if err != nil {
			c.failed = err
			s.audit(r.Context(), row, http.StatusForbidden)
			s.fail(w, r, err)
			return
		}
		rec := &recorder{ResponseWriter: w}
		done := false
		defer func() {
			if !done && c.failed == nil { // it panics
				c.failed = fault.New(fault.Internal, "something went wrong inside the server")
			}
			s.audit(r.Context(), row, rec.status)
		}()
		next(rec, r)
		done = true
	}
}

// admitted returns nil when the caller may do what the row is for.
func (s *server) admitted(r *http.Request, row *route, c *call) error {
	if row.public {
		if peerOf(r.Context()).socket {
			return nil
		}
		return s.limits.address(c.from, row.cost())
	}
	if err := s.identify(r, c); err != nil {
		return err
	}
	if !c.local {
		if err := s.limits.user(c.who.User, row.cost()); err != nil {
			return err
		}
	}
	if c.csrf != "" && r.Method != http.MethodGet && r.Method != http.MethodHead && !access.Same(r.Header.Get("X-Csrf-Token"), c.csrf) {
		return fault.New(fault.Forbidden, "the request lacks the session's token").
			WithHint("send what GET %s/session says as csrf in the header X-CSRF-Token", prefix)
	}
	return s.about(r, row, c)
}

// about finds what the request is about, and checks that the caller may do it there.
func (s *server) about(r *http.Request, row *route, c *call) error {
	ctx := r.Context()
	switch row.object {
	case inRun:
		c.object = "run " + cut(r.PathValue("run"))
		if !can(c.who, row.action) { // whether there is such a run is none of their business
			return access.Denied(c.who, row.action, "")
		}
		found, err := s.found(ctx, r.PathValue("run"), row.action)
		if found.ID != 0 {
			c.run, c.application, c.object = found, found.Application, runName(found.ID)
		}
		return err
	case inWorkflow:
		c.object = "workflow " + r.PathValue("workflow")
		return s.aboutWorkflow(r, row, c)
	case inHandler:
		if !can(c.who, row.action) {
			return access.Denied(c.who, row.action, "")
		}
		return nil
	default:
		return access.Check(c.who, row.action, "")
	}
}

// can reports whether somebody may do something in at least one application.
func can(who access.Principal, a access.Action) bool {
	all, some := access.Applications(who, a)
	return all || len(some) > 0 || access.Can(who, a, "")
}

// publicBytes is how much may be sent by anybody: a name and a password.
const publicBytes = 8 << 10

// bodyLimit is how many bytes the body of a request may have.
func (s *server) bodyLimit(row *route) int64 {
	switch {
	case row.big:
		return s.Limits.WorkflowBytes
	case row.method == http.MethodGet:
		return 0
	case row.public && !row.hook:
		return min(publicBytes, s.Limits.BodyBytes)
	}
	return s.Limits.BodyBytes
}

// body reads the body of a request, within its limits.
func (s *server) body(w http.ResponseWriter, r *http.Request, row *route) error {
	control := http.NewResponseController(w)
	if r.Body == nil || r.Body == http.NoBody {
		_ = control.SetReadDeadline(time.Time{}) // the server's own would end a stream
		return nil
	}
	limit := s.bodyLimit(row)
	tooLarge := refuse(http.StatusRequestEntityTooLarge, fault.New(fault.Usage, "the request is larger than %d bytes", limit))
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return tooLarge
	}
	_ = control.SetReadDeadline(time.Now().Add(s.Limits.BodyTime)) // where it can't be set there is no slow network
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_ = control.SetReadDeadline(time.Time{})
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		w.Header().Set("Connection", "close")
		return refuse(http.StatusRequestTimeout, fault.New(fault.Usage, "the request took longer than %s to arrive", s.Limits.BodyTime))
	case err != nil:
		return fault.Wrap(err, fault.Usage, "the request could not be read")
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	if len(data) == 0 {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, fault.New(fault.Usage, "the request is not JSON").
			WithHint("send JSON with the header Content-Type: application/json"))
	}
	if !shallow(data) {
		return fault.New(fault.Usage, "the JSON of the request is nested deeper than %d", maxDepth)
	}
	return nil
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// shallow reports whether JSON is nested no deeper than maxDepth. Whether it is JSON at all
// is not its concern.
func shallow(data []byte) bool {
	depth, text := 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case text && b == '\\':
			i++
		case b == '"':
			text = !text
		case text:
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return true
}

// recorder remembers the status of an answer. It lets what is below be reached.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader begins the answer.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write continues the answer.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap returns what http.ResponseController works on.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
