package daemon

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue writes a certificate with its key, for the hosts that are named.
func issue(t *testing.T, dir string, serial int64, hosts ...string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: hosts, Subject: pkix.Name{CommonName: "localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "cert"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), serial)
	replace(t, filepath.Join(dir, "key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), serial)
}

// replace writes a file that is as old as its version says: clocks may be coarse.
func replace(t *testing.T, path string, data []byte, version int64) {
	t.Helper()
	err := os.WriteFile(path, data, 0o600)
	if err == nil {
		err = os.Chtimes(path, time.Time{}, time.Unix(1e9+version, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// inUse returns the serial number of the certificate that a new connection gets.
func inUse(t *testing.T, c *tls.Config) int64 {
	t.Helper()
	got, err := c.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return got.Leaf.SerialNumber.Int64()
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir, said := t.TempDir(), &bytes.Buffer{}
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	issue(t, dir, 1, "localhost")
	c, err := TLS(cert, key, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	step := func(what string, want int64, words string) {
		t.Helper()
		if got := inUse(t, c); got != want {
			t.Errorf("%s: certificate %d is in use, want %d", what, got, want)
		}
		if !strings.Contains(said.String(), words) || words == "" && said.Len() > 0 {
			t.Errorf("%s: the log says %q, want %q", what, said, words)
		}
		said.Reset()
	}
	step("at first", 1, "")
	issue(t, dir, 2, "localhost")
	step("both have changed", 2, "the certificate has changed, the new one is in use")
	step("nothing has", 2, "")
	whole, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, cert, whole[:len(whole)/2], 3)
	step("half is written", 2, "can't be used, the old one stays")
	step("half is still written, which was said", 2, "")
	_ = os.Remove(key)
	step("one is gone", 2, "can't be used, the old one stays")
	issue(t, dir, 4, "localhost")
	step("both are back", 4, "the new one is in use")
}

func TestCertificateWithoutHosts(t *testing.T) {
	for _, tt := range []struct {
		hosts []string
		want  string
	}{
		{nil, "level=WARN msg=\"the certificate names no host as subjectAltName, so that clients refuse it; docs/security.md shows how to make one\""},
		{[]string{"localhost"}, ""},
	} {
		dir, said := t.TempDir(), &bytes.Buffer{}
		issue(t, dir, 1, tt.hosts...)
		if _, err := TLS(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), slog.New(slog.NewTextHandler(said, nil))); err != nil {
			t.Fatal(err)
		}
		if got := said.String(); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%v: the log says %q, want %q", tt.hosts, got, tt.want)
		}
	}
}
