package e2e

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
)

// TestMail has a failed run and one that succeeded told to whoever the file names.
func TestMail(t *testing.T) {
	t.Parallel()
	p, s := newPlace(t), newMailServer(t)
	bad := p.flow("nightly", s.fields(nil), job{"id": "load", "command": "echo what went wrong; exit 3"})
	good := p.flow("good", s.fields(map[string]any{"email_on_success": true}), job{"id": "a", "command": "true"})
	silent := p.flow("silent", s.fields(nil), job{"id": "a", "command": "true"})

	r := p.run("run", bad, "-q").ends(t, 1)
	equal(t, "stderr", newHistory.ReplaceAllString(r.err, ""), "")
	p.run("run", good, "-q").ends(t, 0)
	p.run("run", silent, "-q").ends(t, 0)

	mails := s.received()
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	subject, to, parts := parse(t, mails[0])
	equal(t, "subject", subject, "[nightly] Run #1 FAILURE")
	equal(t, "to", to, "<ops@example.com>, <boss@example.com>")
	contains(t, "mail", parts, "load failed with exit code 3", "executioner.nightly.run-1.log", "executioner.nightly.job-load.run-1.log", "what went wrong")
	subject, _, _ = parse(t, mails[1])
	equal(t, "subject", subject, "[good] Run #2 SUCCESS")
}

// TestMailServerIsDead changes nothing but what is told.
func TestMailServerIsDead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := &mailServer{listener: l}
	fields := dead.fields(map[string]any{"email_on_success": true})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := p.run("run", p.flow("good", fields, job{"id": "a", "command": "true"}), "-q").ends(t, 0)
	contains(t, "stderr", r.err, "the mail to ops@example.com, boss@example.com was not sent: ")
	r = p.run("run", p.flow("bad", fields, job{"id": "a", "command": "exit 2"}), "-q").ends(t, 1)
	contains(t, "stderr", r.err, "was not sent: ")
	equal(t, "state", p.show("1").State, "SUCCESS")
}

// parse returns a message's subject and recipients, and all of its parts decoded, each
// after its name.
func parse(t *testing.T, text string) (subject, to, parts string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return subject, m.Header.Get("To"), all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = part
		switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, part)
		case "quoted-printable":
			body = quotedprintable.NewReader(part)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(part.FileName() + "\n" + string(b) + "\n")
	}
}
