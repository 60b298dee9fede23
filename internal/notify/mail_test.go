package notify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

var at = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestNew(t *testing.T) {
	wf := workflow.Mail{
		To: []string{"a@x.org"}, OnSuccess: true, Server: "mail.x.org", Port: 465, User: "job@x.org", Password: "${PW}",
	}
	got := New(wf, "hunter22", "host1")
	want := Mail{
		To: []string{"a@x.org"}, From: "job@x.org", OnSuccess: true,
		Server: Server{Host: "mail.x.org", Port: 465, User: "job@x.org", Password: "hunter22", Security: ImplicitTLS},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Server{})); diff != "" {
		t.Error(diff)
	}
	for user, host := range map[string]string{"": "executioner@host1", "job": "executioner@host1", "j@x": "j@x"} {
		wf.User = user
		if got := New(wf, "", "host1").From; got != host {
			t.Errorf("user %q: from %q, want %q", user, got, host)
		}
	}
	wf.User = ""
	if got := New(wf, "", "bad host\r\n").From; got != "executioner@localhost" {
		t.Errorf("from %q", got)
	}
}

func TestSecurityOf(t *testing.T) {
	for port, want := range map[int]Security{25: Plain, 587: StartTLS, 465: ImplicitTLS, 2525: Opportunistic, 0: Opportunistic} {
		if got := SecurityOf(port); got != want {
			t.Errorf("port %d: %v, want %v", port, got, want)
		}
	}
}

func TestWanted(t *testing.T) {
	to := []string{"a@x.org"}
	for _, tt := range []struct {
		mail             Mail
		success, failure bool
	}{
		{Mail{To: to, OnSuccess: true, OnFailure: true}, true, true},
		{Mail{To: to, OnFailure: true}, false, true},
		{Mail{To: to, OnSuccess: true}, true, false},
		{Mail{OnSuccess: true, OnFailure: true}, false, false},
	} {
		if s, f := tt.mail.Wanted(true), tt.mail.Wanted(false); s != tt.success || f != tt.failure {
			t.Errorf("%+v: wanted %v, %v", tt.mail, s, f)
		}
	}
}

func TestCompose(t *testing.T) {
	m := Mail{From: "executioner@host1", To: []string{"a@x.org", "Bö B <b@x.org>"}}
	got, err := Compose(m, Report{App: "nightly", Run: 42, Success: true, Summary: "all\twell\x1b[31m\n", Logs: []string{"/l/a.log"}, At: at})
	want := Message{
		From: "executioner@host1", To: []string{"<a@x.org>", "=?utf-8?q?B=C3=B6_B?= <b@x.org>"},
		Subject: "[nightly] Run #42 SUCCESS", Text: "all\twell\n", Attach: []string{"/l/a.log"}, Date: at,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	got, _ = Compose(m, Report{App: "nightly", Run: 43, At: at})
	if want := "[nightly] Run #43 FAILURE"; got.Subject != want || got.Text != "" {
		t.Errorf("subject %q, want %q; text %q", got.Subject, want, got.Text)
	}
}

func TestComposeRefusesToBeInjected(t *testing.T) {
	m := Mail{From: "executioner@host1", To: []string{"a@x.org\r\nBcc: evil@x.org", "b@x.org", "no address", "c@x.org\x00"}}
	got, err := Compose(m, Report{App: "x\r\nBcc: evil@x.org\r\n\r\nbody\u2028\x00\xff", Run: 1, Summary: "sum\n\n", At: at})
	want := Message{
		From: "executioner@host1", To: []string{"<b@x.org>"}, Subject: "[x Bcc: evil@x.org body ?] Run #1 FAILURE", Date: at,
		Text: "sum\n\nNot sent to \"a@x.org\\r\\nBcc: evil@x.org\": this is no mail address.\n" +
			"Not sent to \"no address\": this is no mail address.\nNot sent to \"c@x.org\\x00\": this is no mail address.\n",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, m := range []Mail{
		{From: "executioner@host1", To: []string{"a@x.org\n"}},
		{From: "executioner@host1"},
		{From: "x\r\ny@x.org", To: []string{"a@x.org"}},
		{From: "nobody", To: []string{"a@x.org"}},
	} {
		if _, err := Compose(m, Report{}); fault.CodeOf(err) != fault.InvalidConfig || fault.HintOf(err) == "" {
			t.Errorf("%+v: %v", m, err)
		}
	}
}

func TestComposeAttachesSomeOfManyLogs(t *testing.T) {
	logs := slices.Repeat([]string{"/l/x.log"}, 1000)
	got, _ := Compose(Mail{From: "a@x", To: []string{"a@x"}}, Report{Logs: logs, Summary: "sum\n"})
	if len(got.Attach) != maxLogs || got.Text != "sum\n\n980 more logs are not attached. They are in /l.\n" {
		t.Errorf("%d attached, text %q", len(got.Attach), got.Text)
	}
	if !strings.HasPrefix(got.Subject, "[") {
		t.Error(got.Subject)
	}
}
