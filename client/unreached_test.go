package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCertificates asks servers whose certificates are trusted, but not for what they are.
func TestCertificates(t *testing.T) {
	for _, tt := range []struct {
		name    string
		of      x509.Certificate
		message string
		hint    string
	}{
		{
			"no host",
			x509.Certificate{Subject: pkix.Name{CommonName: "127.0.0.1"}},
			"legacy Common Name field",
			"it names no host as subjectAltName, and the common name does not count: docs/security.md shows how one is made that does",
		},
		{
			"others",
			x509.Certificate{DNSNames: []string{"a.example.org", "b.example.org"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}},
			"127.0.0.1",
			"it is for a.example.org, b.example.org, 10.0.0.1: use one of these names, or give the server another certificate",
		},
		{
			"expired",
			x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Unix(1e9, 0)},
			"expired",
			"it has expired, or is not valid yet, or the clock of this host is wrong",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, ca := secured(t, &tt.of)
			_, err := connect(t, Config{Server: url, CAFile: ca}).Run(t.Context(), 3)
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeUnauthorized || e.Hint != tt.hint || e.ExitCode() != 2 ||
				!strings.HasPrefix(e.Message, "the server's certificate is not trusted: ") || strings.Contains(e.Message, "Get ") || !strings.Contains(e.Message, tt.message) {
				t.Errorf("%+v", err)
			}
		})
	}
}

// secured begins a server with a certificate, and returns a file that makes it trusted.
func secured(t *testing.T, of *x509.Certificate) (url, ca string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of.SerialNumber, of.IsCA, of.BasicConstraintsValid = big.NewInt(1), true, true
	if of.NotAfter.IsZero() {
		of.NotAfter = time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: k}}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, pemOf(leaf))
	return s.URL, ca
}

// What has no TLS is not asked again for a while: it is another server that is meant.
func TestNoTLS(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	c := connect(t, Config{Server: strings.Replace(s.URL, "http:", "https:", 1)})
	c.pause = func(context.Context, time.Duration) error { t.Error("it is asked again"); return context.Canceled }
	_, err := c.Run(t.Context(), 3)
	var e *Error
	want := "what answers there does not speak TLS: check the address, and whether it is http:// that is meant"
	if !errors.As(err, &e) || e.Code != CodeUnavailable || e.Hint != want {
		t.Errorf("%+v", err)
	}
}

func TestMisnamed(t *testing.T) {
	want := "it is for a, a, a, a, a, a, a, a, a, a, …: use one of these names, or give the server another certificate"
	if got := misnamed(&x509.Certificate{DNSNames: strings.Split(strings.Repeat("a", 11), "")}); got != want {
		t.Error(got)
	}
	if got := distrust(context.Canceled); got != "" {
		t.Error(got)
	}
}
