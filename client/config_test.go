package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigRefused(t *testing.T) {
	dir := t.TempDir()
	notPEM := filepath.Join(dir, "ca.pem")
	writeFile(t, notPEM, "no certificate")
	long := filepath.Join(dir, "long")
	empty := filepath.Join(dir, "empty")
	writeFile(t, empty, "\n")
	writeFile(t, long, string(make([]byte, maxSecret+1)))
	const hint = "for example: https://batch.example.org:8323, or unix:///run/executioner/serve.sock"
	for name, c := range map[string]struct {
		cfg  Config
		want Error
	}{
		"nothing":      {Config{}, Error{Code: CodeUsage, Message: `the server "" is not named`, Hint: hint}},
		"no scheme":    {Config{Server: "localhost:8323"}, Error{Code: CodeUsage, Message: `the server "localhost:8323" does not begin with https://, http:// or unix://`, Hint: hint}},
		"other scheme": {Config{Server: "ftp://h"}, Error{Code: CodeUsage, Message: `the server "ftp://h" does not begin with https://, http:// or unix://`, Hint: hint}},
		"no host":      {Config{Server: "https://"}, Error{Code: CodeUsage, Message: `the server "https://" does not begin with https://, http:// or unix://`, Hint: hint}},
		"no URL":       {Config{Server: "https://h:x"}, Error{Code: CodeUsage, Message: `the server "https://h:x" is no URL`, Hint: hint}},
		"query":        {Config{Server: "https://h?a=b"}, Error{Code: CodeUsage, Message: `the server "https://h?a=b" must have nothing behind its path`, Hint: hint}},
		"relative":     {Config{Server: "unix://run/serve.sock"}, Error{Code: CodeUsage, Message: `the server "unix://run/serve.sock" must have an absolute path, so three slashes`, Hint: hint}},
		"password": {
			Config{Server: "https://ann:secret@h"},
			Error{Code: CodeUsage, Message: "a server's URL must not have a user or a password in it", Hint: "give a token, or a user and a password, by themselves"},
		},
		"not encrypted": {
			Config{Server: "http://batch.example.org", Token: "exe_1"},
			Error{Code: CodeInvalidConfig, Message: "http://batch.example.org is not encrypted, so that anybody on the way could read what you log in with", Hint: "use https://, or http://127.0.0.1 of the host itself"},
		},
		"no token file": {
			Config{Server: "https://h", TokenFile: filepath.Join(dir, "none")},
			Error{Code: CodeInvalidConfig, Message: "the file of the token can't be read: open " + filepath.Join(dir, "none") + ": no such file or directory"},
		},
		"long password": {
			Config{Server: "https://h", PasswordFile: long},
			Error{Code: CodeInvalidConfig, Message: "the file of the password, " + long + ", is too long"},
		},
		"empty token": {
			Config{Server: "https://h", TokenFile: empty},
			Error{Code: CodeInvalidConfig, Message: "the file of the token, " + empty + ", is empty"},
		},
		"certificates": {
			Config{Server: "https://h", CAFile: notPEM},
			Error{Code: CodeInvalidConfig, Message: "there is no certificate in " + notPEM, Hint: "it must be PEM: -----BEGIN CERTIFICATE-----"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.cfg)
			sameError(t, err, c.want)
			if got := asExit(t, err); got != 2 {
				t.Errorf("exit code %d", got)
			}
		})
	}
}

func TestLogsIn(t *testing.T) {
	dir := t.TempDir()
	token, password := filepath.Join(dir, "token"), filepath.Join(dir, "password")
	writeFile(t, token, "exe_file\r\n")
	writeFile(t, password, " with spaces \n")
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"nobody":         {Config{}, ""},
		"token":          {Config{Token: "exe_1", TokenFile: token}, "Bearer exe_1"},
		"token file":     {Config{TokenFile: token}, "Bearer exe_file"},
		"token wins":     {Config{Token: "exe_1", User: "ann"}, "Bearer exe_1"},
		"user":           {Config{User: "ann", Password: "pw"}, "Basic YW5uOnB3"},
		"password file":  {Config{User: "ann", PasswordFile: password}, "Basic YW5uOiB3aXRoIHNwYWNlcyA="},
		"password alone": {Config{Password: "pw"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("Authorization")
				answerJSON(w, Run{Run: 1})
			})
			c.cfg.Server = s.URL
			if _, err := connect(t, c.cfg).Run(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("Authorization %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "exe") // the name of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "serve.sock")
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answerJSON(w, Run{Application: r.Host + r.URL.Path})
	}))
	s.Listener.Close()
	s.Listener = listenUnix(t, path)
	s.Start()
	t.Cleanup(s.Close)
	got, err := connect(t, Config{Server: "unix://" + path, Token: "exe_1"}).Run(t.Context(), 7)
	if err != nil || got.Application != "localhost/api/v1/runs/7" {
		t.Errorf("%+v, %v", got.Application, err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, Run{Run: 3}) }))
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, pemOf(s.Certificate()))
	got, err := connect(t, Config{Server: s.URL, CAFile: ca}).Run(t.Context(), 3)
	if err != nil || got.Run != 3 {
		t.Errorf("run %d, %v", got.Run, err)
	}
	_, err = connect(t, Config{Server: s.URL}).Run(t.Context(), 3)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnauthorized || !strings.HasPrefix(e.Message, "the server's certificate is not trusted: tls: failed to verify certificate: ") || e.Hint != "check that it is the right server, or name the certificates that sign its own" {
		t.Errorf("a stranger's certificate: %#v", err)
	}
}
