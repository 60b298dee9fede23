package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/config"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/signature"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// opened is a message that opens an incident; its names try to be more than names.
func opened() incident.Message {
	return incident.Message{
		Do: incident.Open, Rule: "nightly", Incident: "f00d", Since: at.Add(-time.Hour), OpenedAt: at, Why: "it failed for the 2nd time in a row",
		Event: incident.Event{
			Kind: incident.Ended, Application: "night <!channel> & [x](http://evil)", Run: 42, Attempt: 2, Seq: 7, Job: "load\r\nBcc: evil@x.org\u202e",
			Try: 2, State: "FAILED", Reason: run.Exited, ExitCode: 3, Detail: "exit code 3", Duration: 1500 * time.Millisecond,
			Usual: time.Second, Failures: 2, Tags: []string{"a"}, At: at,
		},
	}
}

func parcel(all ...incident.Message) Parcel { return Parcel{ID: "id-1", Messages: all, At: at} }

func digestOf(n int) Parcel {
	m := opened()
	m.Event.Application, m.Event.Job = "nightly", "load"
	resolved := m
	resolved.Do, resolved.Event.State, resolved.Event.Reason, resolved.Event.Failures = incident.Resolve, "SUCCESS", run.Exited, 0
	all := []incident.Message{m, resolved}
	for len(all) < n {
		all = append(all, m)
	}
	return parcel(all...)
}

// TestPayloads compares what is sent with the files in testdata.
func TestPayloads(t *testing.T) {
	test := incident.Message{Do: incident.Tell, Rule: "test", Why: "somebody tries it", Event: incident.Event{Kind: incident.Test, Application: "executioner", At: at}}
	pagers := func(p Parcel) []byte {
		var b bytes.Buffer
		for _, e := range (&pager{key: "KEY", host: "host1"}).events(&p) {
			b.Write(append(encode(e), '\n'))
		}
		return b.Bytes()
	}
	makers := map[string]func(Parcel) []byte{
		"webhook": func(p Parcel) []byte { return payloadOf(&p) },
		"slack":   func(p Parcel) []byte { return slackPayload(&p) },
		"teams":   func(p Parcel) []byte { return teamsPayload(&p) },
		"pager":   pagers,
		"mail":    func(p Parcel) []byte { return []byte(p.subject() + "\n\n" + p.text()) },
	}
	for kind, payload := range makers {
		for name, p := range map[string]Parcel{"open": parcel(opened()), "digest": digestOf(2), "test": parcel(test)} {
			got := payload(p.bounded())
			path := filepath.Join("testdata", kind+"-"+name+".txt")
			if kind != "mail" && kind != "pager" {
				var pretty bytes.Buffer
				if err := json.Indent(&pretty, got, "", "  "); err != nil {
					t.Fatal(err)
				}
				got = append(pretty.Bytes(), '\n')
			}
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s: -want +got\n%s", path, diff)
			}
		}
	}
}

// TestPayloadsAreBounded has names as long as they can be, many times.
func TestPayloadsAreBounded(t *testing.T) {
	m := opened()
	long := strings.Repeat("é\x00*", 2000)
	m.Event.Application, m.Event.Job, m.Event.Detail, m.Why, m.Rule = long, run.JobID(long), long, long, long
	m.Event.Tags = []string{long, long}
	var all []incident.Message
	for range 200 {
		all = append(all, m)
	}
	for _, p := range []Parcel{parcel(m), parcel(all...)} {
		p := p.bounded()
		for kind, most := range map[string]int{"webhook": 700 << 10, "slack": 8 << 10, "teams": 28 << 10, "pager": 20 << 10} {
			var size int
			switch kind {
			case "webhook":
				size = len(payloadOf(&p))
			case "slack":
				size = len(slackPayload(&p))
			case "teams":
				size = len(teamsPayload(&p))
			case "pager":
				size = len(encode((&pager{}).events(&p)[0]))
			}
			if size > most {
				t.Errorf("%s: %d messages, %d bytes", kind, len(p.Messages), size)
			}
		}
		if len(p.Messages) > maxMessages || strings.ContainsAny(p.subject(), "\x00\r\n") {
			t.Errorf("%d messages, %q", len(p.Messages), p.subject()[:100])
		}
	}
}

func TestClip(t *testing.T) {
	for in, want := range map[string]string{
		"short": "short", "exactly10!": "exactly10!", "more than10": "more th…", "ééééééé": "ééé…", "a\r\nb\u2028c\x1bd": "a  b c d", "x\u202ey": "xy", "\xff": "?",
	} {
		if got := clip(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := clipLines("one\ntwo\nthree", 10); got != "one\n…" {
		t.Errorf("%q", got)
	}
	if got := clipLines(strings.Repeat("x", 20), 10); got != "xxxxxxx…" {
		t.Errorf("%q", got)
	}
}

// receiver is a real receiver of webhooks.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex // guards what came
	bodies [][]byte
	header []http.Header
	answer func(w http.ResponseWriter) // nil: 204
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.bodies, r.header = append(r.bodies, body), append(r.header, q.Header)
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) came() ([][]byte, []http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies, r.header
}

func (r *receiver) answers(code int, header ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "SECRET of the receiver")
	}
}

// web builds a sender of a kind to a URL on this host, as from settings.
func web(t *testing.T, kind, url string) Sender {
	t.Helper()
	s, err := Build(config.Notify{
		Allow: []string{"127.0.0.1"},
		Notifiers: map[string]config.Notifier{"n": {
			Kind: kind, URL: config.Secret{Env: "HOOK_URL"}, Secret: config.Secret{Env: "HOOK_SECRET"}, Timeout: 10 * time.Second,
		}},
	}, []string{"HOOK_URL=" + url + "/T0KEN", "HOOK_SECRET=hush-hush"}, "host1")
	if err != nil {
		t.Fatal(err)
	}
	return s.Senders["n"]
}

func TestWebhookIsSigned(t *testing.T) {
	r := receive(t)
	if got := web(t, "webhook", r.URL).Send(t.Context(), parcel(opened())); got.Err != nil || got.Said != "HTTP 204 No Content" {
		t.Fatalf("%+v", got)
	}
	bodies, header := r.came()
	h := header[0]
	signed, stamp := h.Get(signature.Header), h.Get(signature.Timestamp)
	if h.Get(signature.ID) != "id-1" || h.Get("Content-Type") != "application/json" || stamp != fmt.Sprint(at.Unix()) {
		t.Errorf("%v", h)
	}
	check := func(secret, stamp, signed string, body []byte, now time.Time) bool {
		return signature.Verify([]byte(secret), stamp, signed, body, now, time.Minute)
	}
	if !check("hush-hush", stamp, signed, bodies[0], at.Add(time.Minute)) {
		t.Errorf("signature %q of %s is wrong", signed, bodies[0])
	}
	for name, ok := range map[string]bool{
		"secret": check("other", stamp, signed, bodies[0], at), "body": check("hush-hush", stamp, signed, append(bodies[0], ' '), at),
		"time": check("hush-hush", fmt.Sprint(at.Unix()+1), signed, bodies[0], at), "no time": check("hush-hush", "now", signed, bodies[0], at),
		"old": check("hush-hush", stamp, signed, bodies[0], at.Add(61*time.Second)), "new": check("hush-hush", stamp, signed, bodies[0], at.Add(-61*time.Second)),
		"none": check("hush-hush", stamp, "", bodies[0], at),
	} {
		if ok {
			t.Errorf("another %s is accepted", name)
		}
	}
	// The signed as openssl makes it.
	if got := signature.Sign([]byte("key"), "1", []byte("body")); got != "v1=91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5" {
		t.Error(got)
	}
}

func TestAnswers(t *testing.T) {
	date := at.Add(90 * time.Second).UTC().Format(http.TimeFormat)
	for _, tt := range []struct {
		code  int
		retry string
		want  Receipt
	}{
		{200, "", Receipt{Said: "HTTP 200 OK"}},
		{202, "99", Receipt{Said: "HTTP 202 Accepted"}},
		{400, "7", Receipt{Said: "HTTP 400 Bad Request", Permanent: true}},
		{404, "", Receipt{Said: "HTTP 404 Not Found", Permanent: true}},
		{410, "", Receipt{Said: "HTTP 410 Gone", Permanent: true}},
		{408, "", Receipt{Said: "HTTP 408 Request Timeout"}},
		{425, "", Receipt{Said: "HTTP 425 Too Early"}},
		{429, "17", Receipt{Said: "HTTP 429 Too Many Requests", RetryAfter: 17 * time.Second}},
		{429, "-1", Receipt{Said: "HTTP 429 Too Many Requests"}},
		{429, "soon", Receipt{Said: "HTTP 429 Too Many Requests"}},
		{500, "", Receipt{Said: "HTTP 500 Internal Server Error"}},
		{503, date, Receipt{Said: "HTTP 503 Service Unavailable", RetryAfter: 90 * time.Second}},
		{503, "99999999", Receipt{Said: "HTTP 503 Service Unavailable", RetryAfter: maxRetryAfter}},
		{599, "", Receipt{Said: "HTTP 599"}},
	} {
		r := receive(t)
		r.answers(tt.code, "Retry-After", tt.retry)
		for _, kind := range []string{"webhook", "slack", "teams", "pagerduty"} {
			got := web(t, kind, r.URL).Send(t.Context(), parcel(opened()))
			if failed := got.Err != nil; failed != (tt.code >= 300) || failed && got.Err.Error() != tt.want.Said {
				t.Errorf("%s %d: %v", kind, tt.code, got.Err)
			}
			if got.Err = nil; got != tt.want {
				t.Errorf("%s %d: %+v, want %+v", kind, tt.code, got, tt.want)
			}
		}
	}
}

// TestReceiversThatMisbehave has receivers that are dead, slow, or talk garbage: none of
// them is waited for longer than allowed, and no secret is in what is told of them.
func TestReceiversThatMisbehave(t *testing.T) {
	raw := func(talk func(w io.Writer, gone <-chan struct{})) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			gone := make(chan struct{})
			go func() { _, _ = io.Copy(io.Discard, c); close(gone) }()
			talk(c, gone)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	dead := httptest.NewServer(nil)
	dead.Close()
	for name, tt := range map[string]struct{ url, want string }{
		"dead":     {dead.URL, "connection refused"},
		"silent":   {raw(func(_ io.Writer, gone <-chan struct{}) { <-gone }), "no answer within 200ms"},
		"hangs up": {raw(func(io.Writer, <-chan struct{}) {}), "EOF"},
		"garbage":  {raw(func(w io.Writer, _ <-chan struct{}) { fmt.Fprint(w, "\x00\x01\xffwhat\r\n\r\n") }), "malformed HTTP"},
		"slow": {raw(func(w io.Writer, gone <-chan struct{}) {
			fmt.Fprint(w, "HTTP/1.1 200")
			<-gone // and so on, a byte a minute
		}), "no answer within 200ms"},
		"endless header": {raw(func(w io.Writer, gone <-chan struct{}) {
			fmt.Fprint(w, "HTTP/1.1 200 OK\r\n")
			for range 10_000 {
				if _, err := fmt.Fprintf(w, "X-%s: y\r\n", strings.Repeat("x", 100)); err != nil {
					return
				}
			}
			<-gone
		}), "server response headers exceeded"},
		"no such name": {"http://does-not-exist.invalid", "lookup does-not-exist.invalid"},
	} {
		s := web(t, "webhook", tt.url).(*webhook)
		if strings.Contains(tt.want, "200ms") {
			s.timeout = 200 * time.Millisecond
		}
		r := s.Send(t.Context(), parcel(opened()))
		if r.Err == nil || r.Permanent || !strings.Contains(r.Err.Error(), tt.want) || strings.Contains(r.Err.Error(), "T0KEN") {
			t.Errorf("%s: %+v, want %q", name, r, tt.want)
		}
	}
}

func TestSlowAnswersDoNotMatterOnceTheStatusIsThere(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then it is seen that the client goes
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer s.Close()
	w := web(t, "webhook", s.URL).(*webhook)
	w.timeout = 300 * time.Millisecond
	if r := w.Send(t.Context(), parcel(opened())); r.Err != nil || r.Said != "HTTP 200 OK" {
		t.Errorf("%+v", r)
	}
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	script := func(text string) []string { return []string{"/bin/sh", "-c", text, "sh", dir} }
	for _, tt := range []struct {
		name, script, want string
		permanent          bool
	}{
		{"works", `cat > "$1/in"; env | sort > "$1/env"`, "", false},
		{"reads nothing", `exit 0`, "", false},
		{"fails", `exit 1`, "exit code 1", false},
		{"can't now", `exit 75`, "exit code 75", false},
		{"never can", `exit 64`, "exit code 64", true},
		{"is killed", `kill -9 $$`, "signal: killed", false},
		{"hangs", `sleep 1000 & sleep 1000`, "the command did not end within 200ms", false},
		{"leaves something", `sleep 5 & exit 0`, "", false},
		{"writes a lot", `head -c 10000000 /dev/zero`, "", false},
	} {
		c := &command{argv: script(tt.script), env: commandEnv([]string{"PATH=" + os.Getenv("PATH"), "HOOK_SECRET=hush", "TZ=UTC"}), timeout: 20 * time.Second}
		if tt.name == "hangs" {
			c.timeout = 200 * time.Millisecond
		}
		r := c.Send(t.Context(), parcel(opened()))
		if got := fmt.Sprint(r.Err); (tt.want == "") != (r.Err == nil) || tt.want != "" && got != tt.want || r.Permanent != tt.permanent {
			t.Errorf("%s: %+v, want %q", tt.name, r, tt.want)
		}
	}
	var in payload
	body, err := os.ReadFile(filepath.Join(dir, "in"))
	if err != nil || json.Unmarshal(body, &in) != nil || in.ID != "id-1" || len(in.Messages) != 1 {
		t.Errorf("%s, %v", body, err)
	}
	env, _ := os.ReadFile(filepath.Join(dir, "env"))
	if strings.Contains(string(env), "hush") || !strings.Contains(string(env), "EXECUTIONER_NOTICE_ID=id-1\n") || !strings.Contains(string(env), "TZ=UTC\n") {
		t.Errorf("environment %s", env)
	}
	if r := (&command{argv: []string{dir + "/nothing"}, timeout: time.Second}).Send(t.Context(), parcel(opened())); r.Err == nil || r.Permanent {
		t.Errorf("%+v", r)
	}
}

func TestMailer(t *testing.T) {
	fake := new(smtpServer).start(t)
	m := &mailer{to: []string{"a@x.org"}, from: "executioner@host1", server: fake.server(Plain)}
	if r := m.Send(t.Context(), parcel(opened())); r.Err != nil || r.Said == "" {
		t.Fatalf("%+v", r)
	}
	_, _, data := fake.received()
	got, text, _ := parse(t, data)
	if got.Header.Get("Bcc") != "" || got.Header.Get("Message-Id") != "<id-1@executioner>" || !strings.Contains(text, "Job: load  Bcc: evil@x.org\n") {
		t.Errorf("%v, %q", got.Header, text)
	}
	want := "[night <!channel> & [x](http://evil)] load Bcc: evil@x.org FAILED (2nd time in a row)"
	if subject := decoded(t, got.Header.Get("Subject")); subject != want {
		t.Errorf("subject %q", subject)
	}
	for answer, permanent := range map[string]bool{"550 unknown": true, "450 later": false} {
		fake := (&smtpServer{answers: map[string]string{"RCPT": answer}}).start(t)
		m.server = fake.server(Plain)
		if r := m.Send(t.Context(), parcel(opened())); r.Err == nil || r.Permanent != permanent {
			t.Errorf("%s: %+v", answer, r)
		}
	}
	m.server = Server{Host: "mail.x.org", Port: 25, User: "me", Password: "hunter22", Security: Plain}
	if r := m.Send(t.Context(), parcel(opened())); r.Err == nil || !r.Permanent {
		t.Errorf("%+v", r)
	}
}

func TestSendersEndWithTheContext(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan Receipt)
	go func() { sent <- web(t, "slack", s.URL).Send(ctx, parcel(opened())) }()
	cancel()
	if r := <-sent; r.Err == nil || r.Permanent {
		t.Errorf("%+v", r)
	}
}

func TestBuildRefuses(t *testing.T) {
	ok := config.Notifier{Kind: "webhook", Address: "https://example.org"}
	rule := func(change func(*config.NotifyRule)) config.Notify {
		r := config.NotifyRule{Name: "r", To: []string{"n"}}
		change(&r)
		return config.Notify{Notifiers: map[string]config.Notifier{"n": ok}, Rules: []config.NotifyRule{{Name: "first", To: []string{"n"}}, r}}
	}
	one := func(n config.Notifier) config.Notify {
		return config.Notify{Notifiers: map[string]config.Notifier{"n": n}}
	}
	expect := func(x config.Expect) config.Notify { return config.Notify{Expect: []config.Expect{x}} }
	mail := config.Notifier{Kind: "mail", To: []string{"a@x.org"}, Server: "mail.x.org:25"}
	for want, n := range map[string]config.Notify{
		`notify.allow: "x" is no network`:                                                                {Allow: []string{"x"}},
		`notify.notifiers: "a b" can't be a name`:                                                        {Notifiers: map[string]config.Notifier{"a b": ok}},
		`notify.notifiers.n: kind is "", not one of mail, webhook, slack, teams, pagerduty, command`:     one(config.Notifier{}),
		`notify.notifiers.n: it has no url`:                                                              one(config.Notifier{Kind: "slack"}),
		`notify.notifiers.n: its URL begins with neither https:// nor http://`:                           one(config.Notifier{Kind: "webhook", Address: "file:///x"}),
		`notify.notifiers.n: it has no secret, which is the routing key`:                                 one(config.Notifier{Kind: "pagerduty"}),
		`notify.notifiers.n: the variable GONE, which is to hold a secret, is not set`:                   one(config.Notifier{Kind: "slack", URL: config.Secret{Env: "GONE"}}),
		`notify.notifiers.n: command begins with the absolute path of a program`:                         one(config.Notifier{Kind: "command", Command: []string{"mail"}}),
		`notify.notifiers.n: server is "x", not host:port`:                                               one(config.Notifier{Kind: "mail", Server: "x"}),
		`notify.notifiers.n: to has no address in it`:                                                    one(config.Notifier{Kind: "mail", Server: "x:25"}),
		`notify.notifiers.n: "nobody" is no mail address`:                                                one(config.Notifier{Kind: "mail", Server: "x:25", To: []string{"nobody"}}),
		`notify.rules[1]: name is ""`:                                                                    rule(func(r *config.NotifyRule) { r.Name = "" }),
		`notify.rules[1]: there is another rule "first"`:                                                 rule(func(r *config.NotifyRule) { r.Name = "first" }),
		`notify.rules[1]: of is "x", not one of runs, jobs, all`:                                         rule(func(r *config.NotifyRule) { r.Of = "x" }),
		`notify.rules[1]: to names no notifier`:                                                          rule(func(r *config.NotifyRule) { r.To = nil }),
		`notify.rules[1]: to: there is no notifier "x"`:                                                  rule(func(r *config.NotifyRule) { r.To = []string{"x"} }),
		`notify.rules[1]: after, remind and digest must not be negative`:                                 rule(func(r *config.NotifyRule) { r.After = -1 }),
		`notify.rules[1]: each goes with neither after nor remind, which are about incidents`:            rule(func(r *config.NotifyRule) { r.Each, r.After = true, 2 }),
		`notify.rules[1]: when: column 1: there is no variable or function "sate" (did you mean state?)`: rule(func(r *config.NotifyRule) { r.When = `sate == "FAILED"` }),
		`notify.expect[0]: time_zone "Moon" is not known`:                                                expect(config.Expect{TimeZone: "Moon"}),
		`notify.expect[0]: finish_by is "6", not a time of day as 06:30`:                                 expect(config.Expect{FinishBy: "6"}),
		`notify.expect[0]: within, stuck and slower must not be negative`:                                expect(config.Expect{Slower: -1}),
	} {
		_, err := Build(n, nil, "host1")
		if fault.CodeOf(err) != fault.InvalidConfig || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	full := rule(func(r *config.NotifyRule) { r.When = `failures > 1 && "a" in tags` })
	full.Notifiers["m"], full.Notifiers["p"] = mail, config.Notifier{Kind: "pagerduty", Secret: config.Secret{Env: "KEY"}}
	full.Notifiers["c"] = config.Notifier{Kind: "command", Command: []string{"/bin/true"}}
	full.Expect = []config.Expect{{FinishBy: "06:30", TimeZone: "Europe/Berlin"}}
	s, err := Build(full, []string{"KEY=routing"}, "host1")
	if err != nil || len(s.Senders) != 4 || len(s.Rules) != 2 || s.Expect[0].FinishBy != (incident.Clock{Given: true, Hour: 6, Minute: 30}) {
		t.Errorf("%+v, %v", s, err)
	}
	if p := s.Senders["p"].(*pager); p.url != pagerURL || p.key != "routing" {
		t.Errorf("%+v", p)
	}
}

func TestDelay(t *testing.T) {
	whole := time.Duration(0)
	for n := 1; n <= 60; n++ {
		d := Delay("id", n, 0)
		base := maxDelay
		if n < 10 {
			base = min(firstDelay<<(n-1), maxDelay)
		}
		if d < base*3/4 || d > base*5/4 || d != Delay("id", n, 0) {
			t.Errorf("try %d: %s", n, d)
		}
		whole += d
	}
	if whole < Patience || Delay("a", 3, 0) == Delay("b", 3, 0) || Delay("a", 0, 0) <= 0 {
		t.Errorf("%s in all", whole)
	}
	if d := Delay("a", 1, time.Hour); d != time.Hour {
		t.Errorf("%s", d)
	}
}

func decoded(t *testing.T, header string) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTestMessage(t *testing.T) {
	b := &inbox{}
	s := Setup{Senders: map[string]Sender{"ops": b}}
	if r, err := s.Test(t.Context(), "ops", "test-1", at); err != nil || r.Said != "ok" {
		t.Error(r, err)
	}
	if p := b.sent()[0]; p.ID != "test-1" || p.subject() != "[executioner] Test message: nothing has happened" || p.Messages[0].Event.Bad() {
		t.Errorf("%+v", p)
	}
	if _, err := s.Test(t.Context(), "nobody", "test-1", at); fault.CodeOf(err) != fault.NotFound {
		t.Error(err)
	}
	for kind, want := range map[incident.Kind]string{incident.Ended: "error", incident.Missed: "error", incident.Late: "warning", incident.Test: "info"} {
		if got := severity(&incident.Event{Kind: kind, State: "FAILED"}); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
