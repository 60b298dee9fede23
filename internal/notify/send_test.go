package notify

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/executionerhq/executioner/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func message() Message {
	return Message{
		From: "executioner@host1", To: []string{"a@x.org", "B <b@x.org>"}, Subject: "[nightly] Run #1 FAILURE",
		Text: "line one\n.\nline three: é\n", Date: at,
	}
}

func TestSend(t *testing.T) {
	const over = "EHLO STARTTLS ehlo "
	const delivery = "MAIL RCPT RCPT DATA"
	tests := []struct {
		name     string
		server   smtpServer
		security Security
		user     string
		host     string
		want     string // commands
	}{
		{"plain", smtpServer{starttls: true}, Plain, "", "", "EHLO " + delivery},
		{"STARTTLS", smtpServer{starttls: true}, StartTLS, "", "", over + strings.ToLower(delivery)},
		{"STARTTLS with password", smtpServer{starttls: true, auth: true}, StartTLS, "me", "", over + "auth " + strings.ToLower(delivery)},
		{"TLS", smtpServer{implicit: true}, ImplicitTLS, "", "", "ehlo " + strings.ToLower(delivery)},
		{"TLS with password", smtpServer{implicit: true, auth: true}, ImplicitTLS, "me", "", "ehlo auth " + strings.ToLower(delivery)},
		{"opportunistic, offered", smtpServer{starttls: true}, Opportunistic, "", "", over + strings.ToLower(delivery)},
		{"opportunistic, not offered", smtpServer{}, Opportunistic, "", "", "EHLO " + delivery},
		{"opportunistic, with password", smtpServer{starttls: true, auth: true}, Opportunistic, "me", "", over + "auth " + strings.ToLower(delivery)},
		{"password to this host", smtpServer{auth: true}, Plain, "me", "localhost", "EHLO AUTH " + delivery},
		{"password to this host, opportunistic", smtpServer{auth: true}, Opportunistic, "me", "localhost", "EHLO AUTH " + delivery},
		{"this host's certificate", smtpServer{starttls: true}, StartTLS, "", "localhost", over + strings.ToLower(delivery)},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			fake := tt.server.start(t)
			s := fake.server(tt.security)
			if tt.host != "" {
				s.Host = tt.host
			}
			s.User, s.Password = tt.user, "hunter22"
			if err := Send(t.Context(), message(), s); err != nil {
				t.Fatal(err)
			}
			commands, login, data := fake.received()
			words := strings.Fields(commands)
			commands = strings.Join(words[:len(words)-1], " ") // QUIT
			commands = strings.TrimSuffix(strings.TrimSuffix(commands, " RSET"), " rset")
			if commands != tt.want {
				t.Errorf("commands %q, want %q", commands, tt.want)
			}
			if tt.user != "" && login != "\x00me\x00hunter22" {
				t.Errorf("login %q", login)
			}
			m, text, _ := parse(t, data)
			for header, want := range map[string]string{
				"From": "<executioner@host1>", "To": `<a@x.org>, "B" <b@x.org>`, "Subject": "[nightly] Run #1 FAILURE",
				"Date": "Sat, 31 Jan 2026 12:00:00 +0000", "Precedence": "bulk",
			} {
				if got := m.Header.Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if want := "line one\n.\nline three: é\n"; text != want {
				t.Errorf("text %q, want %q", text, want)
			}
		})
	}
}

func TestSendFails(t *testing.T) {
	tests := []struct {
		name     string
		server   smtpServer
		security Security
		user     string
		change   func(*Server)
		code     fault.Code
		want     string // in the error
		sent     bool   // the password may have been sent
	}{
		{name: "password without TLS", server: smtpServer{auth: true}, security: Plain, user: "me", code: fault.InvalidConfig, want: "is not sent without TLS, which port 1 of mail.test does not use"},
		{name: "no STARTTLS", security: StartTLS, want: "does not support STARTTLS"},
		{name: "no STARTTLS, password", server: smtpServer{auth: true}, security: Opportunistic, user: "me", want: "does not support STARTTLS"},
		{name: "wrong name", server: smtpServer{starttls: true}, security: StartTLS, change: func(s *Server) { s.RootCAs = nil }, want: "certificate"},
		{name: "wrong certificate", server: smtpServer{implicit: true}, security: ImplicitTLS, change: func(s *Server) { s.RootCAs = nil }, want: "certificate"},
		{name: "TLS with a plain server", security: ImplicitTLS, want: "TLS handshake"},
		{name: "login refused", server: smtpServer{starttls: true, auth: true, answers: map[string]string{"AUTH": "535 bad password hunter22"}}, security: StartTLS, user: "me", want: `535 "bad password ***"`, sent: true},
		{name: "no login", server: smtpServer{starttls: true}, security: StartTLS, user: "me", want: "does not support SMTP AUTH"},
		{name: "refused", server: smtpServer{answers: map[string]string{"GREETING": "554 go away"}}, want: "554"},
		{name: "recipient refused", server: smtpServer{answers: map[string]string{"RCPT": "550 unknown"}}, want: "550"},
		{name: "message refused", server: smtpServer{answers: map[string]string{".": "552 too big"}}, want: "552"},
		{name: "garbage", server: smtpServer{answers: map[string]string{"GREETING": "\x00\x01 what\r\nis\r\nthis"}}, want: "mail.test:1"},
		{name: "hangs at once", server: smtpServer{answers: map[string]string{"GREETING": "hang"}}, change: soon, want: "deadline exceeded"},
		{name: "hangs later", server: smtpServer{answers: map[string]string{".": "hang"}}, change: soon, want: "deadline exceeded"},
		{name: "hangs before TLS", server: smtpServer{answers: map[string]string{"GREETING": "hang"}}, security: ImplicitTLS, change: soon, want: "deadline exceeded"},
		{name: "nobody there", change: func(s *Server) { s.dial, s.Host = nil, "127.0.0.1" }, want: "connection refused"},
		{name: "no name", change: func(s *Server) { s.Host = "" }, want: "host"},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			fake := tt.server.start(t)
			s := fake.server(tt.security)
			s.User, s.Password = tt.user, "hunter22"
			if tt.change != nil {
				tt.change(&s)
			}
			if tt.code == "" {
				tt.code = fault.Unavailable
			}
			err := Send(t.Context(), message(), s)
			if fault.CodeOf(err) != tt.code || fault.HintOf(err) == "" || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v (%s), want %s, %q", err, fault.CodeOf(err), tt.code, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter22") {
				t.Errorf("the password is in the error: %v", err)
			}
			if _, login, _ := fake.received(); login != "" && !tt.sent {
				t.Errorf("the password was sent: %q", login)
			}
		})
	}
}

func soon(s *Server) { s.Timeout = 50 * time.Millisecond }

func TestSendIsCancelled(t *testing.T) {
	fake := (&smtpServer{answers: map[string]string{"MAIL": "hang"}}).start(t)
	s := fake.server(Plain)
	ctx, cancel := context.WithCancel(t.Context())
	dial := s.dial
	s.dial = func(c context.Context, network, address string) (net.Conn, error) {
		defer cancel()
		return dial(c, network, address)
	}
	if err := Send(ctx, message(), s); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestGoodbyeDoesNotMatter(t *testing.T) {
	for _, command := range []string{"RSET", "QUIT"} {
		fake := (&smtpServer{answers: map[string]string{command: "hang"}}).start(t)
		s := fake.server(Plain)
		soon(&s)
		if err := Send(t.Context(), message(), s); err != nil {
			t.Errorf("%s: error %v", command, err)
		}
	}
}

func TestHeadersCanNotBeInjected(t *testing.T) {
	fake := new(smtpServer).start(t)
	msg := message()
	msg.Subject = "x\r\nBcc: evil@x.org\r\n\r\nbody"
	dir := t.TempDir()
	path := filepath.Join(dir, "a\"\r\nX-Evil: 1\r\n.log")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	msg.Attach = []string{path}
	if err := Send(t.Context(), msg, fake.server(Plain)); err != nil {
		t.Fatal(err)
	}
	_, _, data := fake.received()
	m, text, files := parse(t, data)
	if m.Header.Get("Bcc") != "" || m.Header.Get("Subject") != "x Bcc: evil@x.org body" || text != message().Text {
		t.Errorf("header %v, text %q", m.Header, text)
	}
	if strings.Contains(data, "\nX-Evil") || len(files) != 1 {
		t.Errorf("files %q in %s", files, data)
	}
	for _, m := range []Message{
		{From: "a@x\r\nBcc: evil@x.org", To: []string{"a@x"}}, {From: "a@x", To: []string{"a@x\r\nRCPT TO:<evil@x.org>"}},
	} {
		if err := Send(t.Context(), m, fake.server(Plain)); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("%+v: %v", m, err)
		}
	}
}

func TestAttachments(t *testing.T) {
	fake := new(smtpServer).start(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	big := strings.Repeat("0123456789\n", maxAttachment/10)
	if err := errors.Join(os.WriteFile(in("small é.log"), []byte("text\n"), 0o600), os.WriteFile(in("empty.log"), nil, 0o600),
		os.WriteFile(in("big.log"), []byte(big), 0o600), syscall.Mkfifo(in("pipe.log"), 0o600)); err != nil {
		t.Fatal(err)
	}
	msg := message()
	for _, name := range []string{"small é.log", "no.log", "empty.log", "big.log", "pipe.log"} {
		msg.Attach = append(msg.Attach, in(name))
	}
	if err := Send(t.Context(), msg, fake.server(Plain)); err != nil {
		t.Fatal(err)
	}
	_, _, data := fake.received()
	_, text, files := parse(t, data)
	wantText := message().Text + "\nDIR/no.log is not attached: no such file or directory.\n" +
		"\nOf DIR/big.log only the last 1048576 of 1153427 bytes are attached.\n" +
		"\nDIR/pipe.log is not attached: it is not a regular file.\n"
	if got := strings.ReplaceAll(text, dir, "DIR"); got != wantText {
		t.Errorf("text %q, want %q", got, wantText)
	}
	want := map[string]string{"small é.log": "text\n", "empty.log": "", "big.log": big[len(big)-maxAttachment:]}
	if len(files) != len(want) {
		t.Errorf("%d files, want %d", len(files), len(want))
	}
	for name, content := range want {
		if got, ok := files[name]; !ok || got != content {
			t.Errorf("%s: %v, %d bytes, want %d", name, ok, len(got), len(content))
		}
	}
}

func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost.": true, "127.0.0.1": true, "127.1.2.3": true, "::1": true,
		"mail.test": false, "localhost.evil.org": false, "10.0.0.1": false, "": false,
	} {
		if got := (Server{Host: host}).local(); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// parse reads a mail as a receiver does: its header, its text, its attachments.
func parse(t *testing.T, data string) (m *mail.Message, text string, files map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind == "text/plain" {
		return m, body(t, m.Header.Get("Content-Transfer-Encoding"), m.Body), nil
	}
	files = make(map[string]string)
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m, text, files
		}
		if err != nil {
			t.Fatal(err)
		}
		content := body(t, part.Header.Get("Content-Transfer-Encoding"), part)
		name, err := new(mime.WordDecoder).DecodeHeader(part.FileName())
		if err != nil {
			t.Fatal(err)
		}
		if name == "" {
			text = content
		} else {
			files[name] = content
		}
	}
}

func body(t *testing.T, encoding string, r io.Reader) string {
	t.Helper()
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ToLower(encoding) == "base64" {
		return string(b)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}
